/* codetracer-trace print --functions: how often each function was called. Invariant: a count for each code of the journal. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

struct call_counts {
    ct_journal *journal;
    uint64_t *calls; /* by code */
    uint32_t codes;
};

call_counts *call_counts_new(ct_journal *journal)
{
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    call_counts *c = must_have(calloc(1, sizeof *c));
    *c = (call_counts){journal, must_have(calloc(counts.codes ? counts.codes : 1, sizeof *c->calls)), counts.codes};
    return c;
}

void call_counts_free(call_counts *c)
{
    if (!c)
        return;
    free(c->calls);
    free(c);
}

void call_counts_add(call_counts *c, const ct_activation *activation)
{
    if (activation->code < c->codes)
        c->calls[activation->code]++;
}

typedef struct counted_code { uint64_t calls; uint32_t code; } counted_code;

/* The most called first, then in the order in which they were met. */
static int in_order(const void *a, const void *b)
{
    const counted_code *x = a, *y = b;
    if (x->calls != y->calls)
        return x->calls < y->calls ? 1 : -1;
    return x->code < y->code ? -1 : 1;
}

static void add_json(const ct_journal *journal, const ct_code_info *code, uint64_t calls, text *out)
{
    ct_text file = ct_journal_path(journal, code->path);
    text_format(out, "{\"calls\":%" PRIu64 ",\"function\":", calls);
    json_string(out, code->qualified_name.bytes, code->qualified_name.size);
    text_puts(out, ",\"module\":");
    json_string(out, code->module.bytes ? code->module.bytes : "", code->module.size);
    text_puts(out, ",\"file\":");
    json_string(out, file.bytes ? file.bytes : "", file.size);
    text_format(out, ",\"line\":%" PRIu32 "}\n", code->first_line);
}

void call_counts_print(const call_counts *c, printer *p)
{
    const print_options *o = p->options;
    counted_code *order = must_have(malloc((c->codes + 1) * sizeof *order));
    size_t count = 0;
    int digits = 1;
    text line = {0};
    for (uint32_t i = 0; i < c->codes; i++)
        if (c->calls[i] && ct_journal_code(c->journal, i))
            order[count++] = (counted_code){c->calls[i], i};
    qsort(order, count, sizeof *order, in_order);
    for (uint64_t n = count ? order[0].calls : 0; n >= 10; n /= 10)
        digits++;
    uint64_t lines = 0;
    for (size_t i = 0; i < count && !(o->has_limit && lines == o->limit); i++) {
        const ct_code_info *code = ct_journal_code(c->journal, order[i].code);
        text_clear(&line);
        if (o->json) {
            add_json(c->journal, code, order[i].calls, &line);
        } else {
            text_format(&line, "%*" PRIu64 "  ", digits, order[i].calls);
            text_safe(&line, code->qualified_name.bytes, code->qualified_name.size);
            text_puts(&line, "  ");
            add_place_of_code(p, code, &line);
            text_char(&line, '\n');
        }
        if (o->grep && !memmem(line.bytes, line.size, o->grep, strlen(o->grep)))
            continue;
        output_write(line.bytes, line.size);
        p->any = true;
        lines++;
    }
    text_free(&line);
    free(order);
}
