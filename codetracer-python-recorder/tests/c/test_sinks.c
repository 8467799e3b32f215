/* Exports to the caller's own places: a sink gets what a file gets, a folder of the caller's what a folder of the file system gets. */
#include <codetracer/export.h>

#include <errno.h>
#include <string.h>

#include "sample_journal.h"
#include "scratch_folder.h"

/* ---- one file ---- */

typedef struct in_memory { uint8_t *bytes; size_t size; } in_memory;

static ct_code
put_in_memory(void *context, uint64_t offset, const void *bytes, size_t count, ct_error *error)
{
    in_memory *m = context;
    (void)error;
    if (offset + count > m->size) {
        m->bytes = realloc(m->bytes, (size_t)offset + count);
        memset(m->bytes + m->size, 0, (size_t)offset + count - m->size);
        m->size = (size_t)offset + count;
    }
    memcpy(m->bytes + offset, bytes, count);
    return CT_OK;
}

static ct_code
refuse(void *context, uint64_t offset, const void *bytes, size_t count, ct_error *error)
{
    (void)context, (void)bytes, (void)count;
    return ct_fail(error, CT_E_IO, "refused", offset, 5);
}

static void
a_sink_gets_what_a_file_gets(void)
{
    ct_error error;
    ct_journal *journal;
    ct_export_result to_file, to_sink;
    CHECK(sample_everything(in_folder("sink.ctj")));
    CHECK_EQ_INT(ct_journal_open(in_folder("sink.ctj"), NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_export_ct(journal, in_folder("sink.ct"), NULL, &to_file, &error), CT_OK);
    in_memory memory = {0};
    ct_sink sink = {.context = &memory, .write_at = put_in_memory};
    CHECK_EQ_INT(ct_export_ct_to(journal, &sink, NULL, &to_sink, &error), CT_OK);
    size_t size;
    uint8_t *file = read_file(in_folder("sink.ct"), &size);
    CHECK(file && size == memory.size && memcmp(file, memory.bytes, size) == 0);
    CHECK(to_file.bytes == to_sink.bytes && to_sink.bytes == size);
    sink.write_at = refuse;
    CHECK_EQ_INT(ct_export_ct_to(journal, &sink, NULL, NULL, &error), CT_E_IO);
    CHECK_EQ_INT(error.system, 5);
    sink.write_at = NULL;
    CHECK_EQ_INT(ct_export_ct_to(journal, &sink, NULL, NULL, &error), CT_E_PARAM);
    free(file);
    free(memory.bytes);
    ct_journal_close(journal);
}

/* ---- several files ---- */

typedef struct named_file { char name[200]; in_memory content; bool closed; } named_file;

typedef struct files_in_memory {
    named_file files[32];
    size_t count;
    const char *no_such;           /* no file's name can begin so; NULL: any can */
    size_t room;                   /* bytes until it is full */
} files_in_memory;

static files_in_memory place;

static ct_code
append_in_memory(void *context, const void *bytes, size_t count, ct_error *error)
{
    named_file *file = context;
    if (file->closed)
        return ct_fail(error, CT_E_PARAM, "a file that was closed is written to", 0, 0);
    if (count > place.room)
        return ct_fail(error, CT_E_IO, "full", 0, ENOSPC);
    place.room -= count;
    return put_in_memory(&file->content, file->content.size, bytes, count, error);
}

static ct_code
close_in_memory(void *context, ct_error *error)
{
    named_file *file = context;
    if (file->closed)
        return ct_fail(error, CT_E_PARAM, "a file is closed twice", 0, 0);
    file->closed = true;
    return CT_OK;
}

static ct_code
create_in_memory(void *context, const char *name, ct_sink *sink, ct_error *error)
{
    if (context != &place)
        return ct_fail(error, CT_E_PARAM, "another folder's context", 0, 0);
    if (place.no_such && strncmp(name, place.no_such, strlen(place.no_such)) == 0)
        return ct_fail(error, CT_END, "no such name here", 0, EISDIR);
    for (size_t i = 0; i < place.count; i++)
        if (strcmp(place.files[i].name, name) == 0)
            return ct_fail(error, CT_END, "twice", 0, EEXIST);
    if (place.count == sizeof place.files / sizeof *place.files)
        return ct_fail(error, CT_E_PARAM, "more files than the test has room for", 0, 0);
    named_file *file = &place.files[place.count++];
    snprintf(file->name, sizeof file->name, "%s", name);
    *sink = (ct_sink){.context = file, .append = append_in_memory, .close = close_in_memory};
    return CT_OK;
}

static void
empty_place(const char *no_such, size_t room)
{
    for (size_t i = 0; i < place.count; i++) {
        CHECK(place.files[i].closed); /* whatever happened */
        free(place.files[i].content.bytes);
    }
    place = (files_in_memory){.no_such = no_such, .room = room};
}

static size_t files_on_disk;

static int
count_file(const char *path, const struct stat *status, int type, struct FTW *info)
{
    (void)path, (void)status, (void)info;
    files_on_disk += type == FTW_F;
    return 0;
}

typedef ct_code (*to_path)(ct_journal *, const char *, const ct_export_options *, ct_export_result *, ct_error *);
typedef ct_code (*to_folder)(ct_journal *, const ct_folder *, const ct_export_options *, ct_export_result *, ct_error *);
static const struct { to_path path; to_folder folder; const char *events; } FORMATS[] = {
    {ct_export_json, ct_export_json_to, "trace.json"},
    {ct_export_binary, ct_export_binary_to, "trace.bin"},
    {ct_export_binary_v0, ct_export_binary_v0_to, "trace.bin"},
};

static void
a_folder_gets_what_a_directory_gets(void)
{
    ct_error error;
    ct_journal *journal;
    ct_export_result on_disk, in_place;
    const ct_folder target = {.context = &place, .create = create_in_memory};
    CHECK(sample_everything(in_folder("folder.ctj")));
    CHECK_EQ_INT(ct_journal_open(in_folder("folder.ctj"), NULL, &journal, &error), CT_OK);
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++) {
        mkdir(in_folder("target"), 0700);
        CHECK_EQ_INT(FORMATS[i].path(journal, in_folder("target"), NULL, &on_disk, &error), CT_OK);
        empty_place(NULL, SIZE_MAX);
        CHECK_EQ_INT(FORMATS[i].folder(journal, &target, NULL, &in_place, &error), CT_OK);
        CHECK_EQ_INT(in_place.bytes, on_disk.bytes);
        files_on_disk = 0;
        nftw(in_folder("target"), count_file, 16, FTW_PHYS);
        CHECK(files_on_disk > 3);
        CHECK_EQ_INT(place.count, files_on_disk);
        size_t total = 0;
        for (size_t k = 0; k < place.count; k++) {
            char path[400];
            size_t size = 0;
            snprintf(path, sizeof path, "%s/target/%s", folder, place.files[k].name);
            uint8_t *bytes = read_file(path, &size);
            CHECK(bytes && size == place.files[k].content.size && (!size || memcmp(bytes, place.files[k].content.bytes, size) == 0));
            free(bytes);
            total += size;
        }
        CHECK_EQ_INT(in_place.bytes, total);

        /* A source that can have no file is left out; the events cannot be. */
        size_t with_sources = place.count;
        empty_place("files/", SIZE_MAX);
        CHECK_EQ_INT(FORMATS[i].folder(journal, &target, NULL, NULL, &error), CT_OK);
        CHECK(place.count >= 3 && place.count < with_sources);
        empty_place(FORMATS[i].events, SIZE_MAX);
        CHECK_EQ_INT(FORMATS[i].folder(journal, &target, NULL, NULL, &error), CT_E_IO);
        CHECK(error.code == CT_E_IO && error.system == EISDIR);

        /* Wherever it is full: what was begun is closed, the error is the sink's. */
        for (size_t room = 0; room < total; room += 1 + total / 40) {
            empty_place(NULL, room);
            CHECK_EQ_INT(FORMATS[i].folder(journal, &target, NULL, NULL, &error), CT_E_IO);
            CHECK_EQ_INT(error.system, ENOSPC);
        }
        empty_place(NULL, 0);
        CHECK_EQ_INT(FORMATS[i].folder(journal, NULL, NULL, NULL, &error), CT_E_PARAM);
        CHECK_EQ_INT(FORMATS[i].folder(NULL, &target, NULL, NULL, NULL), CT_E_PARAM);
        remove_tree(in_folder("target"));
    }
    ct_journal_close(journal);
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    if (!make_folder("sinks"))
        return 1;
    RUN(a_sink_gets_what_a_file_gets);
    RUN(a_folder_gets_what_a_directory_gets);
    remove_tree(folder);
    return check_summary();
}
