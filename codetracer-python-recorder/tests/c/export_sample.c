/* Helper of tests/python/test_formats.py and of measurements: writes sample journals and exports journals.
 *
 *     export_sample journal everything|loop|calls|lists|deep|longfile COUNT OUT.ctj
 *     export_sample json|binary|binary-v0 JOURNAL FOLDER       export_sample ct JOURNAL OUT.ct       (one line: what was written, and the time it took)
 */
#include <codetracer/export.h>

#include <errno.h>
#include <sys/resource.h>
#include <time.h>

#include "sample_journal.h"

static double
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const struct { const char *name; ct_code (*export)(ct_journal *, const char *, const ct_export_options *, ct_export_result *, ct_error *); } FORMATS[] = {
    { "ct", ct_export_ct }, { "json", ct_export_json }, { "binary", ct_export_binary }, { "binary-v0", ct_export_binary_v0 },
};

static int
export(size_t format, const char *from, const char *to)
{
    ct_journal *journal;
    ct_error error = { 0 };
    ct_export_result result;
    ct_export_options options = { 0 };
    const char *nodes = getenv("EXPORT_NODES"), *string = getenv("EXPORT_STRING"), *depth = getenv("EXPORT_DEPTH");
    options.nodes = nodes ? strtoull(nodes, NULL, 10) : 0;
    options.string_bytes = string ? strtoull(string, NULL, 10) : 0;
    options.container_depth = depth ? (uint32_t)strtoul(depth, NULL, 10) : 0;
    double start = now();
    ct_code code = ct_journal_open(from, NULL, &journal, &error);
    if (code == CT_OK) {
        code = FORMATS[format].export(journal, to, &options, &result, &error);
        ct_journal_close(journal);
    }
    if (code != CT_OK) {
        fprintf(stderr, "error %d: %s (position %" PRIu64 ", %s)\n", (int)code, error.message ? error.message : "?", error.position,
                strerror(error.system));
        return 1;
    }
    struct rusage usage;
    double seconds = now() - start;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    printf("{\"steps\": %" PRIu64 ", \"calls\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"cut_values\": %" PRIu64 ", \"cut_variables\": %" PRIu64
           ", \"seconds\": %.3f, \"cpu_seconds\": %.3f, \"steps_per_second\": %.0f, \"max_rss_kib\": %ld}\n",
           result.steps, result.calls, result.bytes, result.cut_values, result.cut_variables, seconds, cpu, (double)result.steps / seconds,
           usage.ru_maxrss);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "journal") == 0) {
        uint64_t count = strtoull(argv[3], NULL, 10);
        bool done = strcmp(argv[2], "everything") == 0 ? sample_everything(argv[4])
                    : strcmp(argv[2], "loop") == 0     ? sample_loop(argv[4], count)
                    : strcmp(argv[2], "calls") == 0    ? sample_calls(argv[4], count)
                    : strcmp(argv[2], "lists") == 0    ? sample_lists(argv[4], count)
                    : strcmp(argv[2], "deep") == 0     ? sample_deep(argv[4], count)
                    : strcmp(argv[2], "longfile") == 0 ? sample_long_file(argv[4])
                                                       : false;
        return done ? 0 : 1;
    }
    for (size_t format = 0; argc == 4 && format < sizeof FORMATS / sizeof *FORMATS; format++)
        if (strcmp(argv[1], FORMATS[format].name) == 0)
            return export(format, argv[2], argv[3]);
    fprintf(stderr, "usage: see the top of export_sample.c\n");
    return 64;
}
