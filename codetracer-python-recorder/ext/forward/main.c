/* codetracer-forward: hands on what a recorded program and its children write to a file descriptor, and logs it for the recorder.
 *
 * A process, not a thread: it outlives a program that is killed, so no byte that was written is lost; and the program's own threads stay as many
 * as they were. One for each place that output goes to, so that a place that takes nothing stops no other. Started by ../fd_capture.c with descriptors 3 to 5 (forward.h), all
 * signals blocked, in a process group of its own. It ends when nobody can write any more, or when the place is gone: then writers find their pipe closed.
 *
 * Invariant: bytes are in the log before they are handed on, and are handed on in the order in which they were written, as they are.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "forward.h"

enum { PIECE = 64 << 10, WINDOW_LOOK_MS = 100 };

static forward_page *page;

static void
log_bytes(const char *bytes, size_t size)
{
    uint64_t logged = atomic_load_explicit(&page->logged, memory_order_relaxed);
    size_t done = 0;
    while (done < size) {
        ssize_t wrote = pwrite(FORWARD_LOG, bytes + done, size - done, (off_t)(FORWARD_LOG_DATA + logged + done));
        if (wrote <= 0 && errno != EINTR)
            break;
        if (wrote > 0)
            done += (size_t)wrote;
    }
    atomic_store_explicit(&page->logged, logged + done, memory_order_release);
    atomic_fetch_add_explicit(&page->lost, size - done, memory_order_relaxed);
}

static bool
hand_on(const char *bytes, size_t size)
{
    while (size) {
        ssize_t wrote = write(FORWARD_OUT, bytes, size);
        if (wrote >= 0) {
            bytes += wrote;
            size -= (size_t)wrote;
        }
        else if (errno == EAGAIN) { /* somebody has made the place non-blocking */
            struct pollfd place = {.fd = FORWARD_OUT, .events = POLLOUT};
            poll(&place, 1, -1);
            if (place.revents & (POLLERR | POLLNVAL))
                return false;
        }
        else if (errno != EINTR)
            return false;
    }
    return true;
}

/* The terminal's size goes to the terminal that the program sees. Whoever looked between the two is told once more. */
static void
follow_window(struct winsize *known)
{
    struct winsize now;
    if (ioctl(FORWARD_OUT, TIOCGWINSZ, &now) != 0 || memcmp(&now, known, sizeof now) == 0)
        return;
    *known = now;
    ioctl(FORWARD_IN, TIOCSWINSZ, &now);
    pid_t group = tcgetpgrp(FORWARD_OUT);
    if (group > 1)
        kill(-group, SIGWINCH);
}

int
main(int argc, char **argv)
{
    static char piece[PIECE];
    bool terminal = argc > 1 && strcmp(argv[1], "terminal") == 0;
    struct winsize window = {0};
    page = mmap(NULL, FORWARD_LOG_DATA, PROT_READ | PROT_WRITE, MAP_SHARED, FORWARD_LOG, 0);
    if (page == MAP_FAILED)
        return 1;
    if (terminal)
        ioctl(FORWARD_IN, TIOCGWINSZ, &window);
    bool open = true; /* the place takes bytes */
    while (true) {
        struct pollfd ends[2] = {{.fd = FORWARD_IN, .events = POLLIN}, {.fd = open ? FORWARD_OUT : -1}};
        int ready = poll(ends, 2, terminal ? WINDOW_LOOK_MS : -1);
        if (terminal && open)
            follow_window(&window);
        if (ready <= 0)
            continue;
        if (!terminal && ends[1].revents & POLLERR)
            break; /* nobody reads there any more: the next writer is to learn it at once */
        if (!ends[0].revents)
            continue;
        atomic_store(&page->busy, 1);
        ssize_t size = read(FORWARD_IN, piece, sizeof piece);
        if (size > 0) {
            if (!atomic_load_explicit(&page->quiet, memory_order_acquire))
                log_bytes(piece, (size_t)size);
            atomic_fetch_add(&page->passed, (uint64_t)size);
        }
        atomic_store(&page->busy, 0);
        if (size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN))
            break; /* of a terminal EIO: no process has it open */
        if (size > 0) {
            /* Of a terminal that was hung up programs are told by SIGHUP; they must not be stopped by bytes that nobody takes. */
            atomic_store(&page->writing, 1);
            open = open && hand_on(piece, (size_t)size);
            atomic_store(&page->writing, 0);
            if (!open && !terminal)
                break;
            atomic_fetch_add(&page->forwarded, (uint64_t)size);
        }
    }
    atomic_store(&page->gone, 1);
    return 0;
}
