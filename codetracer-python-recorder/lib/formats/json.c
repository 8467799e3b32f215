/* ct_export_json: trace.json (trace-json.md section 2), with the files that belong to it (trace_folder.h).
 *
 * Byte for byte what serde writes: member order and the absence of spaces matter. Invariant: on failure nothing that was created stays.
 */
#include "codetracer/export.h"
#include "formats/linear.h"
#include "formats/outfile.h"
#include "formats/trace_folder.h"

/* serde_json reads at most 128 arrays and objects inside each other; a record takes two and its event four at most. */
enum { JSON_NESTING = 60 };

typedef struct json_export {
    ct_outfile out;
    ct_buffer *b;
    bool any;
    ct_trace_folder *folder;
    ct_error *error;
} json_export;

#define ADD(buffer, literal) ct_buffer_add((buffer), "" literal, sizeof(literal) - 1)

static void
begin_event(json_export *j)
{
    if (j->any)
        ct_buffer_add_byte(j->b, ',');
    j->any = true;
}

static ct_code end_event(json_export *j) { return ct_outfile_drain(&j->out, j->error); }

static ct_code
on_path(void *context, ct_text path)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Path\":");
    ct_json_string(j->b, path.bytes, path.size);
    ADD(j->b, "}");
    CT_TRY(ct_trace_folder_name_path(j->folder, path));
    return end_event(j);
}

static ct_code
on_function(void *context, uint32_t path, int64_t line, ct_text name)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Function\":{\"path_id\":");
    ct_json_unsigned(j->b, path);
    ADD(j->b, ",\"line\":");
    ct_json_number(j->b, line);
    ADD(j->b, ",\"name\":");
    ct_json_string(j->b, name.bytes, name.size);
    ADD(j->b, "}}");
    return end_event(j);
}

static ct_code
on_variable(void *context, ct_text name)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"VariableName\":");
    ct_json_string(j->b, name.bytes, name.size);
    ADD(j->b, "}");
    return end_event(j);
}

static ct_code
on_type(void *context, const ct_type_definition *type)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Type\":");
    ct_encode_type(j->b, CT_FORM_JSON, type);
    ADD(j->b, "}");
    return end_event(j);
}

static void
add_step(json_export *j, uint32_t path, int64_t line)
{
    begin_event(j);
    ADD(j->b, "{\"Step\":{\"path_id\":");
    ct_json_unsigned(j->b, path);
    ADD(j->b, ",\"line\":");
    ct_json_number(j->b, line);
    ADD(j->b, "}}");
}

static void
add_named(json_export *j, const ct_named_value *named)
{
    ADD(j->b, "{\"variable_id\":");
    ct_json_unsigned(j->b, named->variable);
    ADD(j->b, ",\"value\":");
    ct_buffer_add(j->b, named->value.bytes[0], named->value.size[0]);
    ADD(j->b, "}");
}

static ct_code
on_step(void *context, uint32_t path, int64_t line, uint32_t column, ct_named_value *values, size_t count)
{
    json_export *j = context;
    (void)column; /* the format has lines only */
    add_step(j, path, line);
    for (size_t i = 0; i < count; i++) {
        ADD(j->b, ",{\"Value\":");
        add_named(j, &values[i]);
        ADD(j->b, "}");
    }
    return end_event(j);
}

static ct_code
on_call(void *context, uint32_t function, uint32_t path, int64_t line, bool own_step, ct_named_value *arguments, size_t count)
{
    json_export *j = context;
    if (own_step)
        add_step(j, path, line);
    begin_event(j);
    ADD(j->b, "{\"Call\":{\"function_id\":");
    ct_json_unsigned(j->b, function);
    ADD(j->b, ",\"args\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            ct_buffer_add_byte(j->b, ',');
        add_named(j, &arguments[i]);
    }
    ADD(j->b, "]}}");
    return end_event(j);
}

static ct_code
on_leave(void *context, const ct_encoded *value)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Return\":{\"return_value\":");
    ct_buffer_add(j->b, value->bytes[0], value->size[0]);
    ADD(j->b, "}}");
    return end_event(j);
}

static ct_code
on_output(void *context, enum ct_stream_number stream, ct_text text)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Event\":{\"kind\":");
    ct_json_unsigned(j->b, stream == CT_STDOUT ? 0 : stream == CT_STDERR ? 2 : 3); /* Write, WriteOther, Read */
    ADD(j->b, ",\"metadata\":\"\",\"content\":");
    ct_json_string(j->b, text.bytes, text.size);
    ADD(j->b, "}}");
    return end_event(j);
}

static ct_code
on_thread(void *context, enum ct_linear_thread what, uint64_t thread)
{
    json_export *j = context;
    begin_event(j);
    ct_buffer_add_text(j->b, what == CT_LINEAR_THREAD_START ? "{\"ThreadStart\":"
                             : what == CT_LINEAR_THREAD_EXIT ? "{\"ThreadExit\":" : "{\"ThreadSwitch\":");
    ct_json_unsigned(j->b, thread);
    ADD(j->b, "}");
    return end_event(j);
}

static ct_code
write_array(json_export *j, ct_journal *journal, const ct_export_options *options, ct_export_result *result)
{
    const ct_linear_sink sink = {
        .context = j, .form_count = 1, .forms = { CT_FORM_JSON }, .nesting = JSON_NESTING,
        .path = on_path, .function = on_function, .variable = on_variable, .type = on_type, .step = on_step, .call = on_call,
        .leave = on_leave, .output = on_output, .thread = on_thread,
    };
    ct_buffer_add_byte(j->b, '[');
    CT_TRY(ct_linear_run(journal, options, &sink, result, j->error));
    ct_buffer_add_byte(j->b, ']');
    CT_TRY(ct_outfile_flush(&j->out, j->error));
    result->bytes = j->out.written;
    return ct_outfile_finish(&j->out, j->error);
}

static ct_code
write_events(ct_trace_folder *folder, ct_journal *journal, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    json_export j = { .folder = folder, .b = &j.out.buffer, .error = error };
    CT_TRY(ct_trace_folder_create(folder, "trace.json", &j.out, error));
    ct_code code = write_array(&j, journal, options, result);
    ct_outfile_abandon(&j.out);
    return code;
}

ct_code
ct_export_json(ct_journal *journal, const char *folder, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    return ct_trace_folder_export(journal, folder, write_events, JSON_NESTING, options, result, error);
}
