/* With io-capture proxies+fd: what C code and child processes write to file descriptors 1 and 2.
 *
 * The two descriptors lead into channels (fd_channel.c); 1 and 2 that led to the same place share one, so that their order stays. At each event the bytes that have
 * come are written as OUTPUT records, before the event's own. docs/output.md has the reasons.
 *
 * What Python's own files write does not go through the channel: the C function behind FileIO.write is wrapped in place, and writes to the place itself, after what is in the channel
 * has got there. So it is not recorded twice whatever else is written, costs and fails as it does without us, and order is kept. Such bytes are
 * noted here unless they are text that io_capture.c has noted: when they enter the buffer of a file that leads into a channel, or when they are written if there is no buffer.
 *
 * Invariant: all is read and written with the GIL of the recorded interpreter; what a thread uses while it waits without it is held by `users`.
 */
#include "recorder.h"

#include "fd_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 << 10, ASK_AFTER_NS = 300 /* no write to a pipe is quicker, with the event before it */ };

struct fd_capture {
    fd_channel *channels[2];
    struct fd_place { fd_channel *channel; int kept; dev_t device; ino_t inode; } places[3]; /* by file descriptor; `kept`: the place itself */
    PyInterpreterState *interpreter;
    uint64_t last_event;
    int users;                   /* 1 of the recording, and one for each thread that waits */
    int editing;                 /* threads in input() at a terminal */
    bool taking;
    char piece[PIECE];
};

static fd_capture *current;      /* of this process, or NULL */
static _Thread_local int noted;  /* a text that is being written has been noted already */

static PyMethodDef *file_write, *file_tell, *file_descriptor, *file_writable, *buffer_write;
static PyCMethod next_file_write;
static PyCFunction next_file_tell;
static PyCFunction next_buffer_write;
static PyTypeObject *file_type, *buffer_type; /* held while hooked */
static PyObject *raw_name;

static void
release(fd_capture *c)
{
    if (--c->users)
        return;
    for (int i = 0; i < 2; i++)
        if (c->channels[i])
            fd_channel_close(c->channels[i]);
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
        if (c->places[i].channel)
            close(c->places[i].kept);
    free(c);
}

/* ---- what comes out of the channels ---- */

static void
take_all(recorder *r)
{
    fd_capture *c = r->descriptors;
    bool dropped = (r->busy & RECORDER_PAUSED) || c->editing;
    c->taking = true;
    for (int i = 0; i < 2; i++) {
        fd_channel *channel = c->channels[i];
        if (channel == NULL)
            continue;
        if (fd_channel_in_flight(channel))
            fd_channel_wait_logged(channel);
        enum ct_stream_number stream = c->places[STDOUT_FILENO].channel == channel ? CT_STDOUT : CT_STDERR;
        for (size_t size; (size = fd_channel_take(channel, c->piece, sizeof c->piece)) != 0;)
            if (!dropped)
                io_capture_write_bytes(r, stream, c->places[STDOUT_FILENO].channel == c->places[STDERR_FILENO].channel, c->piece, size);
    }
    c->taking = false;
}

static uint64_t
clock_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Whether bytes are on their way is a system call, too much for each line of a loop. Between two events that follow each other quickly nothing was written, and
 * what others write needs no exact place: there the count of logged bytes will do. */
void
fd_capture_event(recorder *r)
{
    fd_capture *c = r->descriptors;
    uint64_t now = clock_now();
    bool ask = now - c->last_event > ASK_AFTER_NS;
    c->last_event = now;
    if (c->taking)
        return;
    bool news = false;
    for (int i = 0; i < 2 && !news; i++)
        news = c->channels[i] && (fd_channel_has_logged(c->channels[i]) || (ask && fd_channel_in_flight(c->channels[i])));
    if (news)
        take_all(r);
    if (news || ask)
        c->last_event = clock_now(); /* or the time that asking takes would make the next event ask */
}

void
fd_capture_pause(recorder *r)
{
    for (int i = 0; r->descriptors && i < 2; i++)
        if (r->descriptors->channels[i])
            fd_channel_set_quiet(r->descriptors->channels[i], true);
}

void
fd_capture_resume(recorder *r)
{
    for (int i = 0; r->descriptors && i < 2; i++) {
        fd_channel *channel = r->descriptors->channels[i];
        if (channel == NULL)
            continue;
        fd_channel_wait_logged(channel);
        fd_channel_skip(channel);
        fd_channel_set_quiet(channel, false);
    }
}

/* At a terminal input() writes its prompt, and the line editor what is typed, through the C library. The prompt and the line are noted as such: what came meanwhile is left out. */
fd_capture *
fd_capture_begin_editing(recorder *r)
{
    fd_capture *c = r->descriptors;
    if (c == NULL || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return NULL;
    take_all(r);
    c->editing++;
    c->users++;
    return c;
}

void
fd_capture_end_editing(fd_capture *c)
{
    if (active_recorder && active_recorder->descriptors == c)
        take_all(active_recorder);
    c->editing--;
    release(c);
}

/* ---- Python's own files ---- */

/* The place that a file of type FileIO writes to, if its descriptor leads into a channel; else NULL. */
static struct fd_place *
place_of(PyObject *file)
{
    fd_capture *c = current;
    if (c == NULL || ct_thread_state()->interp != c->interpreter || !Py_IS_TYPE(file, file_type))
        return NULL;
    PyObject *number = file_descriptor->ml_meth(file, NULL);
    long descriptor = number ? PyLong_AsLong(number) : -1;
    Py_XDECREF(number);
    if (number == NULL)
        PyErr_Clear(); /* closed: the original will say so */
    if (descriptor != STDOUT_FILENO && descriptor != STDERR_FILENO)
        return NULL;
    struct fd_place *place = &c->places[descriptor];
    struct stat status;
    /* The program may have put another file there, or closed what we have kept, with all others. */
    return place->channel && fd_channel_is(place->channel, (int)descriptor) && fstat(place->kept, &status) == 0 && status.st_dev == place->device &&
            status.st_ino == place->inode
        ? place
        : NULL;
}

static void
note_bytes(const fd_capture *c, const struct fd_place *place, const char *bytes, size_t size)
{
    recorder *r = active_recorder;
    if (r && r->descriptors == c && !noted && !(r->busy & RECORDER_PAUSED)) {
        io_capture_write_bytes(r, place == &c->places[STDOUT_FILENO] ? CT_STDOUT : CT_STDERR, false, bytes, size);
    }
}

/* As _Py_write() and FileIO.write() of CPython do it, to the place itself. */
static PyObject *
write_through(fd_capture *c, struct fd_place *place, const Py_buffer *bytes)
{
    ssize_t wrote;
    int failed;
    bool there = false;
    do {
        Py_BEGIN_ALLOW_THREADS
        wrote = -1;
        failed = EINTR;
        if (there || (there = fd_channel_wait_forwarded(place->channel))) {
            wrote = write(place->kept, bytes->buf, (size_t)bytes->len);
            failed = errno;
        }
        Py_END_ALLOW_THREADS
    } while (wrote < 0 && failed == EINTR && PyErr_CheckSignals() == 0);
    if (wrote < 0 && failed == EAGAIN)
        Py_RETURN_NONE;
    if (wrote < 0) {
        errno = failed;
        return PyErr_Occurred() ? NULL : PyErr_SetFromErrno(PyExc_OSError);
    }
    /* Memory without an owner is the buffer of a BufferedWriter: its bytes were noted when they came into it. */
    if (!(bytes->obj && PyMemoryView_Check(bytes->obj) && PyMemoryView_GET_BUFFER(bytes->obj)->obj == NULL))
        note_bytes(c, place, bytes->buf, (size_t)wrote);
    return PyLong_FromSsize_t(wrote);
}

static PyObject *
hooked_file_write(PyObject *self, PyTypeObject *type, PyObject *const *args, size_t count, PyObject *names)
{
    struct fd_place *place = count == 1 && names == NULL ? place_of(self) : NULL;
    Py_buffer bytes;
    if (place) {
        PyObject *writable = file_writable->ml_meth(self, NULL);
        if (writable != Py_True)
            place = NULL;
        if (writable == NULL)
            PyErr_Clear();
        Py_XDECREF(writable);
    }
    if (place == NULL)
        return next_file_write(self, type, args, count, names);
    fd_capture *c = current;
    c->users++; /* asking for the bytes may run code of the program's */
    if (PyObject_GetBuffer(args[0], &bytes, PyBUF_SIMPLE) != 0) {
        release(c);
        return NULL;
    }
    PyObject *result = write_through(c, place, &bytes);
    PyBuffer_Release(&bytes);
    release(c);
    return result;
}

/* A stream that was made when its descriptor led to a file asks for the position again when it is given another encoding, or a TextIOWrapper is put over it: it is
 * told that of the file, which the pipe has not. */
static PyObject *
hooked_file_tell(PyObject *self, PyObject *unused)
{
    struct fd_place *place = place_of(self);
    if (place == NULL)
        return next_file_tell(self, unused);
    fd_capture *c = current;
    bool there;
    c->users++;
    do {
        Py_BEGIN_ALLOW_THREADS
        there = fd_channel_wait_forwarded(place->channel);
        Py_END_ALLOW_THREADS
    } while (!there && PyErr_CheckSignals() == 0);
    off_t position = there ? lseek(place->kept, 0, SEEK_CUR) : 0;
    int failed = errno;
    release(c);
    if (!there)
        return NULL;
    errno = failed;
    return position < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromLongLong(position);
}

static PyObject *
hooked_buffer_write(PyObject *self, PyObject *object)
{
    struct fd_place *place = NULL;
    if (current && !noted && Py_IS_TYPE(self, buffer_type)) {
        PyObject *raw = PyObject_GenericGetAttr(self, raw_name);
        if (raw)
            place = place_of(raw);
        else
            PyErr_Clear();
        Py_XDECREF(raw);
    }
    if (place == NULL)
        return next_buffer_write(self, object);
    fd_capture *c = current;
    Py_buffer bytes;
    c->users++;
    if (PyObject_GetBuffer(object, &bytes, PyBUF_SIMPLE) != 0) {
        release(c);
        return NULL;
    }
    PyObject *result = next_buffer_write(self, object);
    Py_ssize_t taken = result && PyLong_CheckExact(result) ? PyLong_AsSsize_t(result) : 0;
    if (taken > 0 && taken <= bytes.len)
        note_bytes(c, place, bytes.buf, (size_t)taken);
    PyBuffer_Release(&bytes);
    release(c);
    return result;
}

void fd_capture_noted_begin(void) { noted++; }
void fd_capture_noted_end(void) { noted--; }

/* Before the process becomes another program or ends at once, what it wrote gets where it belongs: whoever waits for it may look there then. */
void
fd_capture_settle(void)
{
    fd_capture *c = current;
    if (c == NULL || ct_thread_state()->interp != c->interpreter)
        return;
    c->users++;
    Py_BEGIN_ALLOW_THREADS
    for (int i = 0; i < 2; i++)
        if (c->channels[i])
            fd_channel_wait_forwarded(c->channels[i]);
    Py_END_ALLOW_THREADS
    release(c);
}

/* ---- ends of the process that nothing else sees ---- */

static struct ending { const char *name; int flags; PyMethodDef *definition; PyCFunction next; } endings[] = {
    {.name = "_exit", .flags = METH_FASTCALL | METH_KEYWORDS}, {.name = "execv", .flags = METH_FASTCALL}, {.name = "execve", .flags = METH_FASTCALL | METH_KEYWORDS}};
enum { ENDINGS = sizeof endings / sizeof *endings };

typedef PyObject *(*with_keywords)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
typedef PyObject *(*without_keywords)(PyObject *, PyObject *const *, Py_ssize_t);

static PyObject *
hooked_exit(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    fd_capture_settle();
    return ((with_keywords)(void (*)(void))endings[0].next)(self, args, count, names);
}

static PyObject *
hooked_execv(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    fd_capture_settle();
    return ((without_keywords)(void (*)(void))endings[1].next)(self, args, count);
}

static PyObject *
hooked_execve(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    fd_capture_settle();
    return ((with_keywords)(void (*)(void))endings[2].next)(self, args, count, names);
}

static void
hook_endings(void)
{
    const PyCFunction hooks[ENDINGS] = {
        (PyCFunction)(void (*)(void))hooked_exit, (PyCFunction)(void (*)(void))hooked_execv, (PyCFunction)(void (*)(void))hooked_execve};
    PyObject *module = PyImport_ImportModule("posix");
    if (module == NULL)
        PyErr_Clear();
    for (int i = 0; module && i < ENDINGS; i++) {
        PyObject *function = dict_get_text(PyModule_GetDict(module), endings[i].name);
        if (function && PyCFunction_CheckExact(function) && ((PyCFunctionObject *)function)->m_ml->ml_flags == endings[i].flags) {
            endings[i].definition = ((PyCFunctionObject *)function)->m_ml;
            endings[i].next = endings[i].definition->ml_meth;
            endings[i].definition->ml_meth = hooks[i];
        }
    }
    Py_XDECREF(module);
}

static void
unhook_endings(void)
{
    for (int i = 0; i < ENDINGS; i++)
        if (endings[i].definition) {
            endings[i].definition->ml_meth = endings[i].next;
            endings[i].definition = NULL;
        }
}

/* ---- beginning and end ---- */

static bool
hook(void)
{
    if (file_type) /* in a child that was forked from a recording */
        return true;
    if (raw_name == NULL && (raw_name = PyUnicode_InternFromString("raw")) == NULL)
        return false;
    file_type = io_type("FileIO");
    buffer_type = file_type ? io_type("BufferedWriter") : NULL;
    if (buffer_type == NULL) {
        Py_CLEAR(file_type);
        return false;
    }
    file_write = method_of(file_type, "write", METH_METHOD | METH_FASTCALL | METH_KEYWORDS);
    file_tell = method_of(file_type, "tell", METH_NOARGS);
    file_descriptor = method_of(file_type, "fileno", METH_NOARGS);
    file_writable = method_of(file_type, "writable", METH_NOARGS);
    buffer_write = method_of(buffer_type, "write", METH_O);
    if (!file_write || !file_tell || !file_descriptor || !file_writable || !buffer_write) {
        PyErr_SetString(PyExc_RuntimeError, "this Python's files are not as expected, so what they write cannot be told from what others write; use io-capture proxies");
        Py_CLEAR(file_type);
        Py_CLEAR(buffer_type);
        return false;
    }
    next_file_write = (PyCMethod)(void (*)(void))file_write->ml_meth;
    file_write->ml_meth = (PyCFunction)(void (*)(void))hooked_file_write;
    next_file_tell = file_tell->ml_meth;
    file_tell->ml_meth = hooked_file_tell;
    next_buffer_write = buffer_write->ml_meth;
    buffer_write->ml_meth = hooked_buffer_write;
    hook_endings();
    return true;
}

static void
unhook(void)
{
    if (file_type == NULL)
        return;
    file_write->ml_meth = (PyCFunction)(void (*)(void))next_file_write;
    file_tell->ml_meth = next_file_tell;
    buffer_write->ml_meth = next_buffer_write;
    unhook_endings();
    Py_CLEAR(file_type);
    Py_CLEAR(buffer_type);
}

/* The same file with the same offset, or one where the offset does not matter. */
static bool
same_place(const struct stat *one, const struct stat *other)
{
    if (one->st_dev != other->st_dev || one->st_ino != other->st_ino)
        return false;
    if (!S_ISREG(one->st_mode) || (fcntl(STDOUT_FILENO, F_GETFL) & fcntl(STDERR_FILENO, F_GETFL) & O_APPEND))
        return true;
    long differs = syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, STDOUT_FILENO, STDERR_FILENO);
    return differs == 0 || (differs < 0 && lseek(STDOUT_FILENO, 0, SEEK_CUR) == lseek(STDERR_FILENO, 0, SEEK_CUR));
}

static int
refuse(int descriptor, const char *what)
{
    int failed = errno;
    PyObject *text = PyUnicode_FromFormat("file descriptor %d cannot be captured: %s (%s); use io-capture proxies", descriptor, what, strerror(failed));
    PyObject *arguments = text ? Py_BuildValue("iN", failed ? failed : EIO, text) : NULL;
    if (arguments)
        PyErr_SetObject(PyExc_OSError, arguments);
    Py_XDECREF(arguments);
    return -1;
}

int
fd_capture_start(recorder *r, const char *forwarder, const char *folder)
{
    fd_capture *c = calloc(1, sizeof *c);
    struct stat status[3];
    int ends[3] = {-1, -1, -1};
    if (c == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    c->users = 1;
    c->interpreter = r->interpreter;
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++) {
        struct fd_place *place = &c->places[i];
        if (fstat(i, &status[i]) != 0)
            continue; /* closed: nothing goes there */
        place->device = status[i].st_dev;
        place->inode = status[i].st_ino;
        if ((place->kept = fd_duplicate_high(i)) < 0) {
            refuse(i, "there are too many open files");
            goto failed;
        }
        bool shared = i == STDERR_FILENO && c->places[STDOUT_FILENO].channel && same_place(&status[STDOUT_FILENO], &status[i]);
        const char *what = NULL;
        if (shared) {
            place->channel = c->channels[0];
            ends[i] = ends[STDOUT_FILENO];
        }
        else if ((place->channel = c->channels[i - 1] = fd_channel_open(place->kept, forwarder, folder, &ends[i], &what)) == NULL) {
            refuse(i, what);
            close(place->kept);
            goto failed;
        }
    }
    if (!hook())
        goto failed;
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
        if (ends[i] >= 0)
            dup2(ends[i], i);
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
        if (ends[i] >= 0 && !(i == STDERR_FILENO && ends[i] == ends[STDOUT_FILENO]))
            close(ends[i]);
    r->descriptors = current = c;
    return 0;

failed:
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
        if (ends[i] >= 0 && !(i == STDERR_FILENO && ends[i] == ends[STDOUT_FILENO]))
            close(ends[i]);
    release(c);
    return -1;
}

/* What C code has printed into the C library's buffers, which empties them when the process ends: after the recording, so it is looked at where it lies. */
static void
note_unflushed(recorder *r)
{
#ifdef __GLIBC__
    FILE *const files[2] = {stdout, stderr};
    for (int i = 0; i < 2; i++) {
        const char *from = files[i]->_IO_write_base, *to = files[i]->_IO_write_ptr;
        int descriptor = fileno(files[i]);
        if (from && to > from && (descriptor == STDOUT_FILENO || descriptor == STDERR_FILENO) && r->descriptors->places[descriptor].channel && !(r->busy & RECORDER_PAUSED))
            io_capture_write_bytes(r, descriptor == STDOUT_FILENO ? CT_STDOUT : CT_STDERR, false, from, (size_t)(to - from));
    }
#else
    (void)r;
#endif
}

/* `recording`: events can still be written. */
void
fd_capture_stop(recorder *r, bool recording)
{
    fd_capture *c = r->descriptors;
    if (c == NULL)
        return;
    fd_capture_settle();
    if (recording) {
        take_all(r);
        note_unflushed(r);
    }
    unhook();
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
        if (c->places[i].channel && fd_channel_is(c->places[i].channel, i))
            dup2(c->places[i].kept, i);
    r->descriptors = current = NULL;
    release(c);
}

uint64_t
fd_capture_lost(const recorder *r)
{
    uint64_t lost = 0;
    for (int i = 0; r->descriptors && i < 2; i++)
        if (r->descriptors->channels[i])
            lost += fd_channel_lost(r->descriptors->channels[i]);
    return lost;
}

void
fd_capture_after_fork_in_child(void)
{
    fd_capture *c = current;
    current = NULL;
    if (c == NULL)
        return;
    for (int i = 0; i < 2; i++)
        if (c->channels[i])
            fd_channel_leave(c->channels[i]);
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
        if (c->places[i].channel)
            close(c->places[i].kept);
}
