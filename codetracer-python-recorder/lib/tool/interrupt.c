/* Ctrl-C, SIGTERM and SIGHUP while a trace is written: what is half written goes, then the program ends by that signal, as its caller expects. A second signal ends
 * it at once. Invariant: outside of interrupt_hold … interrupt_release signals have their usual effect; one that is ignored (nohup) stays ignored. */
#include <signal.h>
#include <unistd.h>

#include "tool/tool.h"

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};
enum { COUNT = sizeof SIGNALS / sizeof *SIGNALS };
static volatile sig_atomic_t came;
static const char *half_written; /* a file that what writes it cannot be asked to leave; or NULL */
static struct sigaction before[COUNT];

static void note(int number)
{
    came = number;
    if (half_written) {
        unlink(half_written);
        raise(number); /* its usual effect: SA_RESETHAND */
    }
}

void interrupt_hold(const char *file)
{
    struct sigaction ours = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    half_written = file;
    for (int i = 0; i < COUNT; i++) {
        sigaction(SIGNALS[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(SIGNALS[i], &ours, NULL);
    }
}

bool interrupt_came(void)
{
    return came != 0;
}

void interrupt_release(void)
{
    half_written = NULL;
    for (int i = 0; i < COUNT; i++)
        sigaction(SIGNALS[i], &before[i], NULL);
}

void interrupt_obey(void)
{
    if (came)
        raise(came);
}
