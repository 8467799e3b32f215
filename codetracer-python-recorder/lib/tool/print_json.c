/* One event as one JSON object on a line: docs/print-json.md. Invariant: members are only ever added, never renamed. */
#include <inttypes.h>
#include <string.h>

#include "tool/tool.h"

static const char *const EVENTS[] = {
    [CT_EVENT_THREAD_START] = "thread-start", [CT_EVENT_THREAD_EXIT] = "thread-exit", [CT_EVENT_CALL] = "call",
    [CT_EVENT_RESUME] = "resume", [CT_EVENT_THROW] = "throw", [CT_EVENT_RETURN] = "return", [CT_EVENT_YIELD] = "yield",
    [CT_EVENT_UNWIND] = "unwind", [CT_EVENT_LOST] = "lost", [CT_EVENT_ENDED] = "ended", [CT_EVENT_RAISE] = "raise",
    [CT_EVENT_HANDLED] = "handled", [CT_EVENT_OUTPUT] = "output", [CT_EVENT_STEP] = "step", [CT_EVENT_GAP] = "gap"};

static void member_text(text *out, const char *name, ct_text value)
{
    text_format(out, ",\"%s\":", name);
    json_string(out, value.bytes ? value.bytes : "", value.size);
}

/* Bytes that are no text, which `text` cannot say. */
static void member_hex(text *out, ct_text value)
{
    const uint8_t *bytes = (const uint8_t *)value.bytes;
    bool is_text = true;
    for (size_t i = 0, taken; i < value.size && is_text; i += taken)
        is_text = utf8_decode(bytes + i, value.size - i, &taken) != (uint32_t)UTF8_BAD;
    if (is_text)
        return;
    text_puts(out, ",\"hex\":\"");
    for (size_t i = 0; i < value.size; i++) {
        text_char(out, "0123456789abcdef"[bytes[i] >> 4]);
        text_char(out, "0123456789abcdef"[bytes[i] & 15]);
    }
    text_char(out, '"');
}

static void put_name(printer *p, uint32_t name, text *out)
{
    ct_text n = ct_journal_name(p->journal, name);
    json_string(out, n.bytes, n.size);
}

/* Slots below `below` of kinds given by `parameters`; all when it is UINT32_MAX. */
static void put_slots(printer *p, const char *member, const ct_slot *slots, size_t count, uint32_t below, text *out)
{
    bool first = true;
    text_format(out, ",\"%s\":{", member);
    for (size_t i = 0; i < count; i++) {
        if (slots[i].number >= below)
            continue;
        if (!first)
            text_char(out, ',');
        first = false;
        put_name(p, slots[i].name, out);
        text_char(out, ':');
        value_json(&p->values, &slots[i].value, out);
    }
    text_char(out, '}');
}

static void put_changed(printer *p, const ct_activation *a, text *out)
{
    bool first = true;
    text_puts(out, ",\"changed\":[");
    for (size_t i = 0; i < a->slot_count + a->global_count; i++) {
        const ct_slot *slot = i < a->slot_count ? &a->slots[i] : &a->globals[i - a->slot_count];
        if (!changes_slot(p->changes, a, slot))
            continue;
        if (!first)
            text_char(out, ',');
        first = false;
        put_name(p, slot->name, out);
    }
    const uint32_t *removed;
    size_t count = changes_removed(p->changes, a, &removed);
    for (size_t i = 0; i < count; i++) {
        if (!first)
            text_char(out, ',');
        first = false;
        put_name(p, removed[i], out);
    }
    text_char(out, ']');
}

static void put_activation(printer *p, const ct_event *event, text *out)
{
    const ct_activation *a = event->activation;
    const ct_code_info *code = ct_journal_code(p->journal, a->code);
    text_format(out, ",\"depth\":%zu,\"activation\":%" PRIu64, event_depth(event), a->id);
    if (!code)
        return;
    member_text(out, "file", ct_journal_path(p->journal, code->path));
    text_format(out, ",\"line\":%" PRId64,
                event->kind == CT_EVENT_STEP || event->kind == CT_EVENT_RAISE || event->kind == CT_EVENT_HANDLED ? event->line : a->line);
    uint32_t column = event->kind == CT_EVENT_STEP ? ct_journal_column(p->journal, a->code, event->line) : 0;
    if (column)
        text_format(out, ",\"column\":%" PRIu32, column);
    member_text(out, "function", code->qualified_name);
    member_text(out, "module", code->module);
}

static void put_value(printer *p, const ct_event *event, text *out)
{
    text_puts(out, ",\"value\":");
    value_json(&p->values, &event->value, out);
}

const char *gap_reason_name(uint8_t reason)
{
    return reason == CT_GAP_PAUSED ? "paused" : reason == CT_GAP_WAITING ? "waiting" : reason == CT_GAP_LIMIT ? "limit" : "unknown";
}

bool print_json(printer *p, const ct_event *event, text *out)
{
    const ct_activation *a = event->activation;
    text_format(out, "{\"step\":%" PRIu64 ",\"event\":\"%s\",\"thread\":%" PRIu64, event->step, EVENTS[event->kind],
                event->thread ? event->thread->number : 0);
    if (a)
        put_activation(p, event, out);
    switch (event->kind) {
    case CT_EVENT_STEP:
        put_slots(p, "locals", a->slots, a->slot_count, UINT32_MAX, out);
        if (a->global_count)
            put_slots(p, "globals", a->globals, a->global_count, UINT32_MAX, out);
        put_changed(p, a, out);
        break;
    case CT_EVENT_CALL: {
        const ct_code_info *code = ct_journal_code(p->journal, a->code);
        bool namespace = code && code->flags & CT_CODE_NAMESPACE;
        put_slots(p, "arguments", a->slots, a->slot_count, code && !namespace ? code->parameters : 0, out);
        if (a->flags & CT_CALL_ATTACHED)
            text_puts(out, ",\"attached\":true");
        break;
    }
    case CT_EVENT_RETURN:
    case CT_EVENT_YIELD:
    case CT_EVENT_UNWIND:
        put_value(p, event, out);
        if (a) {
            put_slots(p, "locals", a->slots, a->slot_count, UINT32_MAX, out);
            put_changed(p, a, out);
        }
        break;
    case CT_EVENT_THROW:
    case CT_EVENT_RAISE:
    case CT_EVENT_HANDLED:
        put_value(p, event, out);
        break;
    case CT_EVENT_OUTPUT: {
        static const char *const streams[] = {"stdout", "stderr", "stdin"};
        text_format(out, ",\"stream\":\"%s\"", (unsigned)event->stream < 3 ? streams[event->stream] : "other");
        member_text(out, "text", event->text);
        if (event->descriptors) {
            text_puts(out, event->descriptors == 1 ? ",\"fd\":[1]" : event->descriptors == 2 ? ",\"fd\":[2]" : ",\"fd\":[1,2]");
            member_hex(out, event->text);
        }
        break;
    }
    case CT_EVENT_THREAD_START:
        if (event->thread) {
            member_text(out, "name", event->thread->name);
            text_format(out, ",\"system_id\":%" PRIu64, event->thread->system_id);
        }
        break;
    case CT_EVENT_LOST:
        if (p->in_gap)
            text_format(out, ",\"reason\":\"%s\"", gap_reason_name(p->gap_reason));
        break;
    case CT_EVENT_GAP:
        text_format(out, ",\"reason\":\"%s\"", gap_reason_name(event->reason));
        break;
    default:
        break;
    }
    text_puts(out, "}\n");
    return true;
}
