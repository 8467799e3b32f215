/* See cbor_read.h. Owns the events of V1 (trace-binary.md 1.1): an item is the text of an event without data, or a map of one pair, its name and its
 * data. Invariant: fields are taken by their names, in any order; what a journal has no place for is skipped as a whole.
 */
#include "formats/cbor_read.h"

/* The names of the fields, all of them text, ended by a zero byte each. */
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
                for (size_t i = 0; i < name.size; i++)
                    ct_buffer_add_byte(names, name.bytes[i] ? (uint8_t)name.bytes[i] : '?');
                ct_buffer_add_byte(names, 0);
                ++*count;
            }
    }
}

ct_code
ct_cbor_type(ct_import *im, ct_input *in)
{
    uint64_t kind = 0;
    ct_text name = {"", 0};
    ct_buffer fields = {0};
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
                                   : ct_import_type(im, kind, name.bytes, name.size, (const char *)fields.bytes, field_count);
    ct_buffer_free(&fields);
    return code;
}

/* {"variable_id": n, "value": record} */
static size_t
take_named_value(ct_import *im, ct_input *in, uint64_t *variable)
{
    size_t node = 0;
    bool memory = true;
    *variable = 0;
    for (size_t pairs = ct_cbor_take_map(in); pairs > 0 && !in->bad && memory; pairs--) {
        ct_text key = ct_cbor_take_text(in);
        if (ct_text_is(key, "variable_id"))
            *variable = ct_cbor_take_unsigned(in);
        else if (ct_text_is(key, "value"))
            memory = (node = ct_cbor_take_value(im, in)) != 0 || in->bad;
        else
            ct_cbor_skip(in);
    }
    in->bad = in->bad || (memory && !node);
    return in->bad ? 0 : node;
}

ct_code
ct_cbor_arguments(ct_import *im, ct_input *in)
{
    for (size_t left = ct_cbor_take_array(in); left > 0 && !in->bad; left--) {
        uint64_t variable;
        size_t node = take_named_value(im, in, &variable);
        if (in->bad)
            break;
        if (!node)
            return CT_E_NOMEM;
        CT_TRY(ct_import_argument(im, variable, node));
    }
    return CT_OK;
}

static ct_code
on_call(ct_import *im, ct_input *in)
{
    uint64_t function = 0;
    for (size_t pairs = ct_cbor_take_map(in); pairs > 0 && !in->bad; pairs--) {
        ct_text key = ct_cbor_take_text(in);
        if (ct_text_is(key, "function_id"))
            function = ct_cbor_take_unsigned(in);
        else if (ct_text_is(key, "args"))
            CT_TRY(ct_cbor_arguments(im, in));
        else
            ct_cbor_skip(in);
    }
    return in->bad ? CT_OK : ct_import_call(im, function);
}

static ct_code
on_value(ct_import *im, ct_input *in)
{
    uint64_t variable;
    size_t node = take_named_value(im, in, &variable);
    return in->bad ? CT_OK : node ? ct_import_value(im, variable, node) : CT_E_NOMEM;
}

static ct_code
on_return(ct_import *im, ct_input *in)
{
    size_t node = 0;
    for (size_t pairs = ct_cbor_take_map(in); pairs > 0 && !in->bad; pairs--) {
        if (!ct_text_is(ct_cbor_take_text(in), "return_value"))
            ct_cbor_skip(in);
        else if (!(node = ct_cbor_take_value(im, in)) && !in->bad)
            return CT_E_NOMEM;
    }
    in->bad = in->bad || !node;
    return in->bad ? CT_OK : ct_import_return(im, node);
}

/* Step, Function: {"path_id", "line", "name"}. */
static ct_code
on_place(ct_import *im, ct_input *in, bool function)
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
    return in->bad ? CT_OK : function ? ct_import_function(im, path, line, name.bytes, name.size) : ct_import_step(im, path, line);
}

static ct_code
on_output(ct_import *im, ct_input *in)
{
    uint64_t kind = 0;
    ct_text content = {"", 0};
    for (size_t pairs = ct_cbor_take_map(in); pairs > 0 && !in->bad; pairs--) {
        ct_text key = ct_cbor_take_text(in);
        if (ct_text_is(key, "kind"))
            kind = ct_cbor_take_unsigned(in);
        else if (ct_text_is(key, "content"))
            content = ct_cbor_take_text(in);
        else
            ct_cbor_skip(in);
    }
    return in->bad ? CT_OK : ct_import_output(im, kind, content.bytes, content.size);
}

ct_code
ct_cbor_event(ct_import *im, ct_input *in)
{
    static const char *const ignored[] = {"Asm", "BindVariable", "Assignment", "DropVariables", "DropVariable", "CompoundValue", "CellValue",
                                          "AssignCompoundItem", "AssignCell", "VariableCell"};
    ct_import_forget(im);
    if (in->at < in->end && *in->at >> 5 == 3) {
        if (ct_text_is(ct_cbor_take_text(in), "DropLastStep"))
            return ct_import_drop_step(im);
        in->bad = true;
        return CT_OK;
    }
    in->bad = ct_cbor_take_map(in) != 1 || in->bad;
    ct_text name = ct_cbor_take_text(in);
    if (in->bad)
        return CT_OK;
    if (ct_text_is(name, "Step"))
        return on_place(im, in, false);
    if (ct_text_is(name, "Value"))
        return on_value(im, in);
    if (ct_text_is(name, "Call"))
        return on_call(im, in);
    if (ct_text_is(name, "Return"))
        return on_return(im, in);
    if (ct_text_is(name, "Event"))
        return on_output(im, in);
    if (ct_text_is(name, "Function"))
        return on_place(im, in, true);
    if (ct_text_is(name, "Type"))
        return ct_cbor_type(im, in);
    if (ct_text_is(name, "Path") || ct_text_is(name, "VariableName") || ct_text_is(name, "Variable")) {
        ct_text text = ct_cbor_take_text(in);
        return in->bad ? CT_OK : ct_text_is(name, "Path") ? ct_import_path(im, text.bytes, text.size) : ct_import_variable(im, text.bytes, text.size);
    }
    if (ct_text_is(name, "ThreadStart") || ct_text_is(name, "ThreadExit") || ct_text_is(name, "ThreadSwitch")) {
        uint64_t thread = ct_cbor_take_unsigned(in);
        return in->bad ? CT_OK
                       : ct_import_threads(im, name.size == 11 ? CT_IN_THREAD_START : name.size == 10 ? CT_IN_THREAD_EXIT : CT_IN_THREAD_SWITCH, thread);
    }
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        if (ct_text_is(name, ignored[i])) {
            ct_cbor_skip(in);
            return CT_OK;
        }
    in->bad = true;
    return CT_OK;
}
