/* launch REPORT COMMAND…: runs a command, and writes what it used into REPORT: seconds of CPU as user and as system, peak memory in bytes, its wait status.
 * The measuring program cannot ask for its own child: Linux counts into a process's peak what it was before exec, and after vfork that is its parent.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double
seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int
main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "launch REPORT COMMAND…\n");
        return 2;
    }
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        fprintf(stderr, "launch: cannot run %s: %s\n", argv[2], strerror(errno));
        _exit(127);
    }
    int status;
    struct rusage used;
    while (child > 0 && wait4(child, &status, 0, &used) < 0)
        if (errno != EINTR)
            return 1;
    FILE *report = child > 0 ? fopen(argv[1], "w") : NULL;
    if (!report || fprintf(report, "%.6f %.6f %ld %d\n", seconds(used.ru_utime), seconds(used.ru_stime), used.ru_maxrss * 1024, status) < 0 || fclose(report) != 0) {
        fprintf(stderr, "launch: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}
