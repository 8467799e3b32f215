/* What an event costs the program: nanoseconds for a step with one changed slot, in bursts that the queue can take (the writer thread is
 * not waited for), and sustained. Not a test; build/.../tests/c/bench_writer FOLDER. */
#include <codetracer/record.h>

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void put(ct_recording *r, int64_t i)
{
    uint8_t v[CT_VALUE_MAX];
    ct_event_begin(r);
    ct_put_step(r, i & 7);
    ct_put_slot(r, 3, v, (size_t)(ct_write_int(v, i * 7919) - v));
    ct_event_end(r);
}

int main(int argc, char **argv)
{
    char journal[300], live[300];
    ct_recording *r;
    ct_error error;
    ct_recording_counts counts;
    double burst = 0, begin;
    const int64_t bursts = 100, size = 200000, sustained = 20000000;

    snprintf(journal, sizeof journal, "%s/bench.ctj", argc > 1 ? argv[1] : ".");
    snprintf(live, sizeof live, "%s/bench.live", argc > 1 ? argv[1] : ".");
    ct_recording_options options = { .journal_path = journal, .live_path = live };
    if (ct_recording_open(&options, &r, &error) != CT_OK) {
        fprintf(stderr, "%s (%d)\n", error.message, error.system);
        return 1;
    }
    for (int64_t b = 0; b < bursts; b++) {
        begin = now();
        for (int64_t i = 0; i < size; i++)
            put(r, b * size + i);
        burst += now() - begin;
        ct_recording_flush(r, NULL);
    }
    begin = now();
    for (int64_t i = 0; i < sustained; i++)
        put(r, i);
    ct_recording_flush(r, NULL);
    double whole = now() - begin;
    ct_recording_count(r, &counts);
    printf("burst %.2f ns an event, sustained %.2f ns; %.2f bytes an event raw, %.2f in the file; %llu stalls\n", burst / (double)(bursts * size),
           whole / (double)sustained, (double)counts.raw_bytes / (double)counts.events, (double)counts.file_bytes / (double)counts.events,
           (unsigned long long)counts.stalls);
    int code = ct_recording_finish(r, &error);
    FILE *status = fopen("/proc/self/status", "r");
    for (char line[200]; status && fgets(line, sizeof line, status);)
        if (line[0] == 'V' && line[1] == 'm' && line[2] == 'H')
            fputs(line, stdout);
    unlink(journal);
    return code;
}
