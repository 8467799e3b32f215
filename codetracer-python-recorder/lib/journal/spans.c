/* Spans: the META `span` of a journal (docs/journal-format.md), decoded. Owns nothing between two calls. Invariant: a META that is no span as the document says
 * is passed over; steps that are told are numbers of steps that the journal can have.
 */
#include <stdio.h>

#include "journal/reader.h"
#include "util/json_memory.h"
#include "util/memory.h"

static ct_text
text_of(yyjson_val *object, const char *key)
{
    yyjson_val *value = yyjson_obj_get(object, key);
    return yyjson_is_str(value) ? (ct_text){yyjson_get_str(value), yyjson_get_len(value)} : (ct_text){"", 0};
}

static bool
number_of(yyjson_val *object, const char *key, uint64_t *number)
{
    yyjson_val *value = yyjson_obj_get(object, key);
    *number = yyjson_get_uint(value);
    return yyjson_is_uint(value);
}

/* Days from 1970 to a day of the Gregorian calendar: years begin in March, so that the odd day is their last. */
static int64_t
days_to(int year, int month, int day)
{
    int64_t y = year - (month <= 2), months = (month + 9) % 12;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * months + 2) / 5 + day - 1 - 719468;
}

/* `2026-07-12T10:15:02.123456+00:00` as ns since 1970; 0: it is none. */
static uint64_t
time_of(ct_text text)
{
    char copy[40], sign = '+';
    int year, month, day, hour, minute, second, used = 0, hours = 0, minutes = 0;
    if (text.size >= sizeof copy)
        return 0;
    memcpy(copy, text.bytes, text.size);
    copy[text.size] = 0;
    if (sscanf(copy, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used) != 6 || year < 1970 || month < 1 || month > 12 || !used)
        return 0;
    uint64_t fraction = 0, unit = 1000000000;
    const char *at = copy + used;
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++)
            if ((unit /= 10))
                fraction += (uint64_t)(*at - '0') * unit;
    if (*at && *at != 'Z' && (sscanf(at, "%c%2d:%2d", &sign, &hours, &minutes) != 3 || (sign != '+' && sign != '-')))
        return 0;
    int64_t offset = (int64_t)(hours * 60 + minutes) * 60;
    int64_t seconds = days_to(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - (sign == '-' ? -offset : offset);
    return seconds > 0 && seconds < INT64_MAX / 1000000000 ? (uint64_t)seconds * 1000000000 + fraction : 0;
}

/* The steps, numbered as the journal's are: of a recording that kept only its end, what was dropped does not count. */
static void
take_steps(ct_span *span, yyjson_val *object, const ct_journal *journal)
{
    const ct_journal_counts *counts = &journal->counts;
    span->last_event = UINT64_MAX;
    span->has_steps = number_of(object, "first_step", &span->first_step) && number_of(object, "last_step", &span->last_step)
                      && span->first_step <= span->last_step && span->last_step >= counts->dropped_steps;
    if (!span->has_steps)
        return;
    span->first_step = span->first_step > counts->dropped_steps ? span->first_step - counts->dropped_steps : 0;
    span->last_step -= counts->dropped_steps;
    span->has_steps = span->last_step < counts->steps;
    uint64_t event;
    if (number_of(object, "last_event", &event) && event >= journal->base_events)
        span->last_event = event - journal->base_events;
}

static ct_code
take_metadata(ct_span *span, yyjson_val *object, const ct_allocator *allocator)
{
    yyjson_val *metadata = yyjson_obj_get(object, "metadata"), *key;
    size_t count = yyjson_obj_size(metadata);
    span->metadata = ct_allocate(allocator, (count + 1) * sizeof *span->metadata);
    if (!span->metadata)
        return CT_E_NOMEM;
    yyjson_obj_iter each = yyjson_obj_iter_with(metadata);
    while ((key = yyjson_obj_iter_next(&each))) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (yyjson_is_str(value))
            span->metadata[span->metadata_count++] = (ct_span_fact){{yyjson_get_str(key), yyjson_get_len(key)}, {yyjson_get_str(value), yyjson_get_len(value)}};
    }
    return CT_OK;
}

/* CT_END: it is no span. */
static ct_code
tell(const ct_journal *journal, ct_text json, ct_code (*found)(void *context, const ct_span *span), void *context)
{
    yyjson_alc memory;
    ct_span span = {0};
    yyjson_read_err problem;
    yyjson_doc *document = yyjson_read_opts((char *)(uintptr_t)json.bytes, json.size, YYJSON_READ_ALLOW_INVALID_UNICODE, ct_json_memory(journal->allocator, &memory), &problem);
    if (!document)
        return problem.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? CT_E_NOMEM : CT_END;
    yyjson_val *object = yyjson_doc_get_root(document);
    span.id = text_of(object, "id");
    ct_code code = span.id.size ? take_metadata(&span, object, journal->allocator) : CT_END;
    if (code == CT_OK) {
        span.label = text_of(object, "label");
        span.type = text_of(object, "span_type");
        span.status = text_of(object, "status");
        span.start = text_of(object, "start_time");
        span.end = text_of(object, "end_time");
        span.start_ns = time_of(span.start);
        span.end_ns = time_of(span.end);
        span.has_thread = number_of(object, "thread", &span.thread);
        take_steps(&span, object, journal);
        code = found(context, &span);
    }
    ct_free(journal->allocator, span.metadata);
    yyjson_doc_free(document);
    return code;
}

ct_code
ct_journal_spans(const ct_journal *journal, ct_code (*found)(void *context, const ct_span *span), void *context)
{
    if (!journal || !found)
        return CT_E_PARAM;
    for (uint32_t i = 0; i < journal->counts.metas; i++) {
        const ct_meta_info *meta = ct_journal_meta(journal, i);
        if (meta->key.size != 4 || memcmp(meta->key.bytes, "span", 4) != 0)
            continue;
        ct_code code = tell(journal, meta->value, found, context);
        if (code != CT_OK && code != CT_END)
            return code;
    }
    return CT_OK;
}
