/* Prints the events of a container, one a line, for tests/python/test_ct_read.py: print_events FILE. What is wrong with it goes to standard error. */
#include "event_text.h"

static event_text out;

/* Line by line, for a trace is longer than the buffer. */
static ct_code
flush(void)
{
    fwrite(out.text, 1, out.size, stdout);
    out.size = 0;
    return CT_OK;
}

static ct_code (*step)(void *context, uint64_t path, int64_t line, uint64_t column);

static ct_code
step_and_flush(void *context, uint64_t path, int64_t line, uint64_t column)
{
    flush();
    return step(context, path, line, column);
}

int
main(int argc, char **argv)
{
    ct_error error = {0};
    if (argc != 2)
        return 2;
    event_text_start(&out);
    step = out.sink.step;
    out.sink.step = step_and_flush;
    ct_code code = ct_ct_read(argv[1], &out.sink, &error);
    flush();
    if (code != CT_OK)
        fprintf(stderr, "%s (at byte %" PRIu64 ")\n", error.message, error.position);
    return code != CT_OK || out.full;
}
