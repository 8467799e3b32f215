/* See cbor_read.h. Owns the events of V1 (trace-binary.md 1.1): an item is the text of an event without data, or a map of one pair, its name and its
 * data. Invariant: fields are taken by their names, in any order; what the stream has no function for is skipped as a whole.
 */
#include "formats/buffer.h"
#include "formats/cbor_read.h"

/* The names of the fields, all of them text. */
static void
take_field_names(ct_input *in, ct_buffer *names, size_t *count)
{
    for (size_t pairs = ct_cbor_take_map(in); pairs > 0 && !in->bad; pairs--) {
        if (!ct_text_is(ct_cbor_take_text(in), "fields")) {
            ct_cbor_skip(in);
            continue;
        }
        for (size_t fields = ct_cbor_take_array(in); fields > 0 && !in->bad; fields--)
            for (size_t members = ct_cbor_take_map(in); members > 0 && !in->bad; members--) {
                if (!ct_text_is(ct_cbor_take_text(in), "name")) {
                    ct_cbor_skip(in);
                    continue;
                }
                ct_text name = ct_cbor_take_text(in);
                ct_stream_add_name(names, name.bytes, name.size);
                ++*count;
            }
    }
}

ct_code
ct_cbor_type(const ct_stream_sink *sink, ct_input *in)
{
    uint64_t kind = 0;
    ct_text name = {"", 0};
    ct_buffer fields = {.allocator = sink->allocator};
    size_t field_count = 0;
    for (size_t pairs = ct_cbor_take_map(in); pairs > 0 && !in->bad; pairs--) {
        ct_text key = ct_cbor_take_text(in);
        if (ct_text_is(key, "kind"))
            kind = ct_cbor_take_unsigned(in);
        else if (ct_text_is(key, "lang_type"))
            name = ct_cbor_take_text(in);
        else if (ct_text_is(key, "specific_info"))
            take_field_names(in, &fields, &field_count);
        else
            ct_cbor_skip(in);
    }
    ct_code code = in->bad        ? CT_OK
                   : fields.failed ? CT_E_NOMEM
                                   : sink->type(sink->context, &(ct_stream_type){kind, name.bytes, name.size, fields.bytes, field_count});
    ct_buffer_free(&fields);
    return code;
}

/* {"variable_id": n, "value": record} */
static size_t
take_named_value(ct_stream_tree *tree, ct_input *in, uint64_t *variable)
{
    size_t node = 0;
    bool memory = true;
    *variable = 0;
    for (size_t pairs = ct_cbor_take_map(in); pairs > 0 && !in->bad && memory; pairs--) {
        ct_text key = ct_cbor_take_text(in);
        if (ct_text_is(key, "variable_id"))
            *variable = ct_cbor_take_unsigned(in);
        else if (ct_text_is(key, "value"))
            memory = (node = ct_cbor_take_value(tree, in)) != 0 || in->bad;
        else
            ct_cbor_skip(in);
    }
    in->bad = in->bad || (memory && !node);
    return in->bad ? 0 : node;
}

ct_code
ct_cbor_arguments(const ct_stream_sink *sink, ct_stream_tree *tree, ct_input *in)
{
    for (size_t left = ct_cbor_take_array(in); left > 0 && !in->bad; left--) {
        uint64_t variable;
        size_t node = take_named_value(tree, in, &variable);
        if (in->bad)
            break;
        if (!node)
            return CT_E_NOMEM;
        CT_TRY(sink->argument(sink->context, variable, tree, node));
    }
    return CT_OK;
}

static ct_code
on_call(const ct_stream_sink *sink, ct_stream_tree *tree, ct_input *in)
{
    uint64_t function = 0;
    for (size_t pairs = ct_cbor_take_map(in); pairs > 0 && !in->bad; pairs--) {
        ct_text key = ct_cbor_take_text(in);
        if (ct_text_is(key, "function_id"))
            function = ct_cbor_take_unsigned(in);
        else if (ct_text_is(key, "args"))
            CT_TRY(ct_cbor_arguments(sink, tree, in));
        else
            ct_cbor_skip(in);
    }
    return in->bad ? CT_OK : sink->call(sink->context, function);
}

static ct_code
on_value(const ct_stream_sink *sink, ct_stream_tree *tree, ct_input *in)
{
    uint64_t variable;
    size_t node = take_named_value(tree, in, &variable);
    return in->bad ? CT_OK : node ? sink->value(sink->context, variable, tree, node) : CT_E_NOMEM;
}

static ct_code
on_return(const ct_stream_sink *sink, ct_stream_tree *tree, ct_input *in)
{
    size_t node = 0;
    for (size_t pairs = ct_cbor_take_map(in); pairs > 0 && !in->bad; pairs--) {
        if (!ct_text_is(ct_cbor_take_text(in), "return_value"))
            ct_cbor_skip(in);
        else if (!(node = ct_cbor_take_value(tree, in)) && !in->bad)
            return CT_E_NOMEM;
    }
    in->bad = in->bad || !node;
    return in->bad ? CT_OK : sink->returned(sink->context, tree, node);
}

/* Step, Function: {"path_id", "line", "name"}. */
static ct_code
on_place(const ct_stream_sink *sink, ct_input *in, bool function)
{
    uint64_t path = 0;
    int64_t line = 0;
    ct_text name = {"", 0};
    for (size_t pairs = ct_cbor_take_map(in); pairs > 0 && !in->bad; pairs--) {
        ct_text key = ct_cbor_take_text(in);
        if (ct_text_is(key, "path_id"))
            path = ct_cbor_take_unsigned(in);
        else if (ct_text_is(key, "line"))
            line = ct_cbor_take_integer(in);
        else if (ct_text_is(key, "name"))
            name = ct_cbor_take_text(in);
        else
            ct_cbor_skip(in);
    }
    return in->bad ? CT_OK : function ? sink->function(sink->context, path, line, name.bytes, name.size) : sink->step(sink->context, path, line, 0);
}

static ct_code
on_output(const ct_stream_sink *sink, ct_input *in)
{
    uint64_t kind = 0;
    ct_text content = {"", 0}, metadata = {"", 0};
    for (size_t pairs = ct_cbor_take_map(in); pairs > 0 && !in->bad; pairs--) {
        ct_text key = ct_cbor_take_text(in);
        if (ct_text_is(key, "kind"))
            kind = ct_cbor_take_unsigned(in);
        else if (ct_text_is(key, "content"))
            content = ct_cbor_take_text(in);
        else if (ct_text_is(key, "metadata"))
            metadata = ct_cbor_take_text(in);
        else
            ct_cbor_skip(in);
    }
    return in->bad ? CT_OK : sink->event(sink->context, kind, metadata.bytes, metadata.size, content.bytes, content.size);
}

ct_code
ct_cbor_event(const ct_stream_sink *sink, ct_stream_tree *tree, ct_input *in)
{
    static const char *const ignored[] = {"Asm", "BindVariable", "Assignment", "DropVariables", "DropVariable", "CompoundValue", "CellValue",
                                          "AssignCompoundItem", "AssignCell", "VariableCell"};
    ct_stream_forget(tree);
    if (in->at < in->end && *in->at >> 5 == 3) {
        if (ct_text_is(ct_cbor_take_text(in), "DropLastStep"))
            return sink->drop_step(sink->context);
        in->bad = true;
        return CT_OK;
    }
    in->bad = ct_cbor_take_map(in) != 1 || in->bad;
    ct_text name = ct_cbor_take_text(in);
    if (in->bad)
        return CT_OK;
    if (ct_text_is(name, "Step"))
        return on_place(sink, in, false);
    if (ct_text_is(name, "Value"))
        return on_value(sink, tree, in);
    if (ct_text_is(name, "Call"))
        return on_call(sink, tree, in);
    if (ct_text_is(name, "Return"))
        return on_return(sink, tree, in);
    if (ct_text_is(name, "Event"))
        return on_output(sink, in);
    if (ct_text_is(name, "Function"))
        return on_place(sink, in, true);
    if (ct_text_is(name, "Type"))
        return ct_cbor_type(sink, in);
    if (ct_text_is(name, "Path") || ct_text_is(name, "VariableName") || ct_text_is(name, "Variable")) {
        ct_text text = ct_cbor_take_text(in);
        return in->bad ? CT_OK : ct_text_is(name, "Path") ? sink->path(sink->context, text.bytes, text.size) : sink->variable(sink->context, text.bytes, text.size);
    }
    if (ct_text_is(name, "ThreadStart") || ct_text_is(name, "ThreadExit") || ct_text_is(name, "ThreadSwitch")) {
        uint64_t thread = ct_cbor_take_unsigned(in);
        return in->bad ? CT_OK
                       : sink->thread(sink->context, name.size == 11 ? CT_THREAD_STARTS : name.size == 10 ? CT_THREAD_EXITS : CT_THREAD_SWITCHES, thread);
    }
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        if (ct_text_is(name, ignored[i])) {
            ct_cbor_skip(in);
            return in->bad || !sink->other ? CT_OK : sink->other(sink->context, ignored[i]);
        }
    in->bad = true;
    return CT_OK;
}
