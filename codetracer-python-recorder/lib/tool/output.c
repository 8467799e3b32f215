/* Standard output. A pager that is closed is no failure: the program ends quietly. main() ignores SIGPIPE, so EPIPE arrives here.
 * Invariant: nothing else writes to stdout. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tool/tool.h"

static void give_up(void)
{
    int reason = errno;
    if (reason != EPIPE)
        fprintf(stderr, "codetracer-trace: the output cannot be written: %s\n", strerror(reason));
    fflush(stderr);
    _exit(reason == EPIPE ? STATUS_OK : STATUS_TRACE);
}

/* A pager gets the first lines at once and later ones at most a moment late, though a filter may let few through. */
void output_write(const char *bytes, size_t count)
{
    static struct timespec last;
    if (fwrite(bytes, 1, count, stdout) != count)
        give_up();
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (now.tv_sec != last.tv_sec || now.tv_nsec - last.tv_nsec > 50000000) {
        last = now;
        if (fflush(stdout) != 0)
            give_up();
    }
}

void output_finish(void)
{
    if (fflush(stdout) != 0)
        give_up();
}

bool output_is_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

size_t output_columns(void)
{
    const char *set = getenv("COLUMNS");
    long columns = set ? strtol(set, NULL, 10) : 0;
    struct winsize size;
    if (columns <= 0 && !output_is_terminal())
        return 0;
    if (columns <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        columns = size.ws_col;
    if (columns <= 0)
        columns = 80;
    return columns < 40 ? 40 : (size_t)columns;
}
