/* A channel: a pipe, or where the place was a terminal a pseudo-terminal, that a program's file descriptor is made to lead into; the process that hands on
 * what comes out of it (forward/main.c); and the log that this process keeps for the recorder. Knows nothing of Python. Linux only.
 *
 * The forwarder is no child of the program: it is started by a child that ends at once and sends no SIGCHLD, so os.wait() never sees either. Both are
 * made by clone() with shared memory, as posix_spawn does it, so no page is copied and no handler of pthread_atfork runs.
 *
 * Invariant: the reading end of a pipe is open in the forwarder alone; so when that closes it, or is killed, writers learn it as they would of the place itself.
 */
#include "fd_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "forward/forward.h"

enum {
    HIGH_DESCRIPTOR = 400,           /* ours lie where a program does not expect its next one; as far as the limit allows */
    STUCK_NS = 20 * 1000000,         /* the place takes nothing: events go on without the bytes */
    LOG_PATIENCE_NS = 2000000000, /* and so if the machine does not let the forwarder run */
    HOLE = 1 << 20,                  /* so much of the log is taken before it is given back */
};

struct fd_channel {
    dev_t device; ino_t inode;       /* of the program's end */
    int probe;                       /* the pipe's writing end, or the terminal's other side: tells whether bytes are in it */
    int log;
    forward_page *page;
    uint64_t taken, freed;           /* bytes of the log */
    uint64_t stuck;                  /* `passed` when waiting was in vain: not tried again until it moves. UINT64_MAX: it was not */
    pid_t forwarder;
    bool terminal;
};

int
fd_duplicate_high(int descriptor)
{
    int high = -1;
    for (int least = HIGH_DESCRIPTOR; high < 0 && least >= 10; least /= 2)
        high = fcntl(descriptor, F_DUPFD_CLOEXEC, least);
    return high;
}

static int
raise_descriptor(int descriptor)
{
    int high = fd_duplicate_high(descriptor);
    if (high < 0)
        return descriptor;
    close(descriptor);
    return high;
}

/* ---- starting the forwarder ---- */

enum { STACK = 32 << 10 };
/* AddressSanitizer takes a stack of our own for an error of the program's. */
#define ON_OWN_STACK __attribute__((no_sanitize_address))

typedef struct launch {
    const char *program;
    char *arguments[3];
    int descriptors[FORWARD_DESCRIPTORS]; /* by number in the forwarder; the first three are /dev/null */
    char *stack;                          /* for the two processes */
    pid_t pid;
    int error;
} launch;

ON_OWN_STACK static int
become_forwarder(void *context)
{
    launch *l = context;
    setpgid(0, 0);
    for (int i = 0; i < FORWARD_DESCRIPTORS; i++)
        if ((l->descriptors[i] = fcntl(l->descriptors[i], F_DUPFD, FORWARD_DESCRIPTORS)) < 0)
            goto failed;
    for (int i = 0; i < FORWARD_DESCRIPTORS; i++)
        if (dup2(l->descriptors[i], i) < 0)
            goto failed;
    /* What else the program has open is none of the forwarder's: it would keep its pipes and sockets alive. */
    if (syscall(SYS_close_range, FORWARD_DESCRIPTORS, ~0u, 0) != 0) /* since Linux 5.9 */
        for (int i = FORWARD_DESCRIPTORS; i < 1 << 16; i++)
            close(i);
    if (chdir("/") != 0)
        goto failed;
    static char *const nothing[] = {NULL};
    execve(l->program, l->arguments, nothing);
failed:
    l->error = errno ? errno : EIO;
    _exit(127);
}

ON_OWN_STACK static int
become_starter(void *context)
{
    launch *l = context;
    l->pid = clone(become_forwarder, l->stack + 2 * STACK, CLONE_VM | CLONE_VFORK, l);
    if (l->pid < 0)
        l->error = errno;
    _exit(0);
}

/* 0 or an errno. */
static int
start_forwarder(fd_channel *channel, const char *program, int in, int out)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    launch l = {
        .program = program,
        .arguments = {(char *)"codetracer-forward", (char *)(channel->terminal ? "terminal" : "pipe"), NULL},
        .descriptors = {null, null, null, [FORWARD_LOG] = channel->log, [FORWARD_IN] = in, [FORWARD_OUT] = out},
        .stack = malloc(2 * STACK),
    };
    if (null < 0 || l.stack == NULL) {
        int failed = errno;
        if (null >= 0)
            close(null);
        free(l.stack);
        return failed;
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* no handler of the program's runs in the new processes, and none ends the forwarder */
    pid_t starter = clone(become_starter, l.stack + STACK, CLONE_VM | CLONE_VFORK, &l);
    if (starter < 0)
        l.error = errno;
    else
        while (waitpid(starter, NULL, __WCLONE) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(null);
    free(l.stack);
    channel->forwarder = l.pid;
    return l.error;
}

/* ---- opening ---- */

/* A file that nobody finds: its bytes may be secrets. 0 or an errno. */
static int
open_log(fd_channel *channel, const char *folder)
{
    channel->log = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (channel->log < 0)
        channel->log = memfd_create("codetracer-output", MFD_CLOEXEC); /* the file system has no such files */
    if (channel->log < 0)
        return errno;
    channel->log = raise_descriptor(channel->log);
    int failed = posix_fallocate(channel->log, 0, FORWARD_LOG_DATA);
    if (failed)
        return failed;
    channel->page = mmap(NULL, FORWARD_LOG_DATA, PROT_READ | PROT_WRITE, MAP_SHARED, channel->log, 0);
    return channel->page == MAP_FAILED ? errno : 0;
}

/* The pseudo-terminal is as the terminal, but that it changes no byte: the terminal does that. 0 or an errno. */
static int
open_terminal(fd_channel *channel, int original, int *in, int *end)
{
    char name[64];
    struct termios modes;
    struct winsize window;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0)
        return errno;
    if (grantpt(master) != 0 || unlockpt(master) != 0 || ptsname_r(master, name, sizeof name) != 0 || (*end = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
        int failed = errno;
        close(master);
        return failed;
    }
    if (tcgetattr(original, &modes) == 0) {
        modes.c_oflag &= ~(tcflag_t)OPOST;
        modes.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(*end, TCSANOW, &modes);
    }
    if (ioctl(original, TIOCGWINSZ, &window) == 0)
        ioctl(*end, TIOCSWINSZ, &window);
    *in = channel->probe = raise_descriptor(master);
    return 0;
}

static int
open_pipe(fd_channel *channel, int *in, int *end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    *in = raise_descriptor(ends[0]);
    *end = ends[1];
    channel->probe = fd_duplicate_high(ends[1]);
    return channel->probe < 0 ? errno : 0;
}

fd_channel *
fd_channel_open(int original, const char *forwarder, const char *folder, int *end, const char **what)
{
    fd_channel *channel = calloc(1, sizeof *channel);
    int in = -1, failed = 0;
    struct stat status;
    *end = -1;
    if (channel == NULL) {
        *what = "there is no memory for it";
        return NULL;
    }
    *channel = (fd_channel){.probe = -1, .log = -1, .page = MAP_FAILED, .stuck = UINT64_MAX, .terminal = isatty(original)};
    *what = "its log cannot be made";
    failed = open_log(channel, folder);
    if (!failed) {
        *what = channel->terminal ? "no pseudo-terminal can be had" : "no pipe can be had";
        failed = channel->terminal ? open_terminal(channel, original, &in, end) : open_pipe(channel, &in, end);
    }
    if (!failed && fstat(*end, &status) != 0)
        failed = errno;
    if (!failed) {
        channel->device = status.st_dev;
        channel->inode = status.st_ino;
        *what = "the program that forwards it cannot be started";
        failed = start_forwarder(channel, forwarder, in, original);
    }
    if (in >= 0 && in != channel->probe)
        close(in);
    if (failed) {
        if (*end >= 0)
            close(*end);
        *end = -1;
        fd_channel_close(channel);
        errno = failed;
        return NULL;
    }
    return channel;
}

void
fd_channel_leave(fd_channel *channel)
{
    if (channel->probe >= 0)
        close(channel->probe);
    if (channel->log >= 0)
        close(channel->log);
}

void
fd_channel_close(fd_channel *channel)
{
    if (channel->page != MAP_FAILED) {
        fd_channel_set_quiet(channel, true);
        munmap(channel->page, FORWARD_LOG_DATA);
    }
    fd_channel_leave(channel);
    free(channel);
}

/* ---- what is in it ---- */

bool
fd_channel_is(const fd_channel *channel, int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 && status.st_dev == channel->device && status.st_ino == channel->inode;
}

bool
fd_channel_has_logged(const fd_channel *channel)
{
    return atomic_load_explicit(&channel->page->logged, memory_order_relaxed) != channel->taken;
}

/* Bytes that the forwarder has not read yet. Looking at a pseudo-terminal by poll() first moves them to where they are counted. */
static int
unread(const fd_channel *channel)
{
    int count = 0;
    if (channel->terminal) {
        struct pollfd side = {.fd = channel->probe, .events = POLLIN};
        if (poll(&side, 1, 0) <= 0 || !(side.revents & POLLIN))
            return 0;
    }
    return ioctl(channel->probe, FIONREAD, &count) == 0 ? count : 0;
}

bool
fd_channel_in_flight(const fd_channel *channel)
{
    /* In this order: `busy` is set before bytes are read, and cleared when they are counted. */
    return unread(channel) != 0 || atomic_load(&channel->page->busy);
}

static bool
is_gone(const fd_channel *channel)
{
    if (atomic_load_explicit(&channel->page->gone, memory_order_acquire))
        return true;
    if (channel->terminal)
        return kill(channel->forwarder, 0) != 0 && errno == ESRCH;
    struct pollfd side = {.fd = channel->probe};
    return poll(&side, 1, 0) > 0 && side.revents & POLLERR; /* killed: nobody has the reading end */
}

static uint64_t
now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Until `counter` has reached what `passed` will be when all that is unread now was read. Of a terminal not all may be seen at first: so twice.
 * False: not `patient`, and waiting is in vain; or a signal came. */
static bool
wait_for(fd_channel *channel, _Atomic uint64_t *counter, bool patient)
{
    uint64_t begin = now(), moved = begin, before = 0;
    for (int round = 0; round < (channel->terminal ? 3 : 1); round++) {
        uint64_t goal;
        bool steady;
        do { /* bytes that were read meanwhile would be counted in neither */
            uint64_t passed = atomic_load(&channel->page->passed);
            goal = passed + (uint64_t)unread(channel);
            steady = !atomic_load(&channel->page->busy) && atomic_load(&channel->page->passed) == passed;
            if (!steady)
                sched_yield();
        } while (!steady && now() - begin < STUCK_NS && !is_gone(channel));
        for (unsigned turn = 0; atomic_load_explicit(counter, memory_order_acquire) < goal; turn++) {
            if (turn < 20) {
                sched_yield();
                continue;
            }
            if (is_gone(channel))
                return true;
            uint64_t passed = atomic_load(&channel->page->passed), time = now();
            if (passed != before || !atomic_load(&channel->page->writing))
                moved = time;
            before = passed;
            if (!patient && (time - moved > STUCK_NS || time - begin > LOG_PATIENCE_NS))
                return false;
            struct timespec nap = {.tv_nsec = turn < 200 ? 20000 : 1000000};
            if (nanosleep(&nap, NULL) != 0 && patient)
                return false;
        }
    }
    return true;
}

void
fd_channel_wait_logged(fd_channel *channel)
{
    if (channel->stuck == atomic_load_explicit(&channel->page->passed, memory_order_relaxed))
        return; /* the place takes nothing at the moment, so the forwarder does not read */
    channel->stuck = UINT64_MAX;
    if (!wait_for(channel, &channel->page->passed, false))
        channel->stuck = atomic_load_explicit(&channel->page->passed, memory_order_relaxed);
}

bool
fd_channel_wait_forwarded(fd_channel *channel)
{
    return wait_for(channel, &channel->page->forwarded, true);
}

size_t
fd_channel_take(fd_channel *channel, char *bytes, size_t room)
{
    uint64_t logged = atomic_load_explicit(&channel->page->logged, memory_order_acquire);
    if (room > logged - channel->taken)
        room = (size_t)(logged - channel->taken);
    ssize_t got = room ? pread(channel->log, bytes, room, (off_t)(FORWARD_LOG_DATA + channel->taken)) : 0;
    if (got <= 0) {
        if (room)
            fd_channel_skip(channel); /* the program has closed the log's descriptor */
        return 0;
    }
    channel->taken += (uint64_t)got;
    if (channel->taken - channel->freed >= HOLE) {
        fallocate(channel->log, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(FORWARD_LOG_DATA + channel->freed), (off_t)(channel->taken - channel->freed));
        channel->freed = channel->taken;
    }
    return (size_t)got;
}

void
fd_channel_skip(fd_channel *channel)
{
    channel->taken = atomic_load_explicit(&channel->page->logged, memory_order_acquire);
}

void
fd_channel_set_quiet(fd_channel *channel, bool quiet)
{
    atomic_store_explicit(&channel->page->quiet, quiet, memory_order_release);
}

uint64_t
fd_channel_lost(const fd_channel *channel)
{
    return atomic_load_explicit(&channel->page->lost, memory_order_relaxed);
}
