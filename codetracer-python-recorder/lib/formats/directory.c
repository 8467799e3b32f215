/* See directory.h. */
#include "formats/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/io.h"
#include "util/memory.h"
#include "util/os.h"

/* To be asked before something is created: what cannot be noted cannot be removed. */
static ct_code
room_to_note(ct_directory *d, size_t size, ct_error *error)
{
    return ct_buffer_room(&d->created, size + 2) ? CT_OK : ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
}

static void
note_created(ct_directory *d, const char *path, bool folder)
{
    ct_buffer_add(&d->created, path, strlen(path));
    if (folder)
        ct_buffer_add_byte(&d->created, '/');
    ct_buffer_add_byte(&d->created, 0);
}

static void
remove_created(ct_directory *d)
{
    size_t end = d->created.size;
    while (end > 0) {
        size_t start = end - 1;
        while (start > 0 && d->created.bytes[start - 1])
            start--;
        char *name = (char *)d->created.bytes + start;
        size_t size = end - 1 - start;
        bool folder = size && name[size - 1] == '/';
        if (folder)
            name[size - 1] = 0;
        unlinkat(d->root, name, folder ? AT_REMOVEDIR : 0);
        end = start;
    }
}

/* CT_END: an error of this name alone. */
static ct_code
refused(ct_error *error, const char *message, int problem)
{
    bool is_of_the_name = problem == ENAMETOOLONG || problem == EINVAL || problem == EILSEQ || problem == ENOTDIR || problem == EISDIR || problem == EEXIST
                          || problem == ELOOP;
    return ct_fail(error, is_of_the_name ? CT_END : CT_E_IO, message, 0, problem);
}

static ct_code
make_folder(ct_directory *d, const char *folder, ct_error *error)
{
    struct stat status;
    CT_TRY(room_to_note(d, strlen(folder), error));
    if (mkdirat(d->root, folder, 0700) == 0)
        note_created(d, folder, true);
    else if (errno != EEXIST || fstatat(d->root, folder, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode))
        return refused(error, "cannot create a folder of the export", errno ? errno : ENOTDIR);
    return CT_OK;
}

/* The folders on the way to the last part of `name`. Each is made here, and a link in its place is not followed, so the file lies inside. */
static ct_code
make_way(ct_directory *d, char *name, ct_error *error)
{
    for (char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        ct_code code = make_folder(d, name, error);
        *slash = '/';
        CT_TRY(code);
    }
    return CT_OK;
}

static ct_code
create(void *context, const char *name, ct_sink *file, ct_error *error)
{
    ct_directory *d = context;
    char *copy = ct_copy_text(d->created.allocator, name, strlen(name));
    if (!copy)
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    ct_code code = make_way(d, copy, error);
    ct_free(d->created.allocator, copy);
    CT_TRY(code);
    CT_TRY(room_to_note(d, strlen(name), error));
    int descriptor = openat(d->root, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0 || (descriptor = ct_raise_descriptor(descriptor)) < 0)
        return refused(error, "cannot create a file of the export", errno);
    note_created(d, name, false);
    ct_sink_of_descriptor(descriptor, file);
    return CT_OK;
}

ct_code
ct_directory_open(ct_directory *d, const char *path, const ct_allocator *allocator, ct_error *error)
{
    *d = (ct_directory){.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .created.allocator = allocator};
    return d->root >= 0 ? CT_OK : ct_fail(error, CT_E_IO, "cannot open the folder for the export", 0, errno);
}

ct_folder ct_directory_folder(ct_directory *d) { return (ct_folder){.context = d, .create = create}; }

void
ct_directory_close(ct_directory *d, bool remove)
{
    if (remove)
        remove_created(d);
    ct_buffer_free(&d->created);
    close(d->root);
}
