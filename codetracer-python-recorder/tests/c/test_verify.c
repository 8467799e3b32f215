/* ct_verify on journals: for each rule a journal, made by hand, that breaks it and no other; and a whole one. Numbers and bytes: docs/journal-format.md. */
#include "check.h"
#include "journal_bytes.h"

#include <sys/stat.h>

#include <codetracer/verify.h>

static char path[64];

enum { SMALL = CT_V_SMALL_INT + 16 /* + n: the int n */, SLOT = CT_R_SLOT_SHORT, STEP = CT_R_STEP_SHORT + 16 /* + n: n lines on */, MOST = 16 };

typedef struct findings { size_t count; char rules[MOST][32]; uint64_t bytes[MOST], events[MOST]; } findings;

static void
note(void *context, const ct_finding *finding)
{
    findings *f = context;
    if (f->count < MOST) {
        snprintf(f->rules[f->count], sizeof f->rules[0], "%s", finding->rule);
        f->bytes[f->count] = finding->byte;
        f->events[f->count] = finding->has_event ? finding->event : UINT64_MAX;
    }
    f->count++;
}

static findings
verify(const journal_file *f, ct_verified *verified)
{
    findings found = {0};
    ct_error error = {0};
    write_file(path, f->b.at, f->b.size);
    ct_code code = ct_verify(path, NULL, note, &found, verified, &error);
    if (code != CT_OK)
        snprintf(found.rules[found.count++], sizeof found.rules[0], "code %d", code);
    return found;
}

/* Exactly one finding, of this rule, at this byte. */
#define ONE_FINDING(f, rule_, byte_)                               \
    do {                                                           \
        ct_verified verified_;                                     \
        findings found_ = verify(f, &verified_);                   \
        CHECK_EQ_INT(found_.count, 1);                             \
        CHECK_EQ_INT(verified_.findings, 1);                       \
        CHECK_MEM(found_.rules[0], strlen(found_.rules[0]), rule_, strlen(rule_)); \
        CHECK_EQ_INT(found_.bytes[0], byte_);                      \
    } while (0)

/* Header, a path, a name, a code of one parameter, a list type: one block. */
static void
begin(journal_file *f)
{
    bytes b = {0};
    file_header(f);
    RAW(&b, CT_DEF_PATH, 2, '/', 'p', CT_DEF_NAME, 1, 'x', CT_DEF_CODE, 0, 10, 1, 'f', 1, 'm', 0, 1, 0, 1, 0, CT_SLOT_PARAMETER,
        CT_DEF_TYPE, CT_LOOK_LIST, 1, 4, 'l', 'i', 's', 't');
    f->definitions = 4;
    add_block(f, CT_BLOCK_DEFINITIONS, 0, &b, 0, 0, UINT32_MAX);
    free(b.at);
}

/* The first events block; returns where its records begin in the file. */
static uint64_t
events(journal_file *f, const bytes *records, uint64_t count, uint64_t steps)
{
    bytes b = {0};
    RAW(&b, CT_R_KEY_BEGIN, 0, 0, 0, 0, CT_R_KEY_END);
    put(&b, records->at, records->size);
    uint64_t at = f->b.size + 80 + 6;
    add_block(f, CT_BLOCK_EVENTS, CT_BLOCK_BEGINS_SEGMENT, &b, 0, 0, UINT32_MAX);
    f->events += count;
    f->steps += steps;
    free(b.at);
    return at;
}

static void
content(journal_file *f, const bytes *records, uint64_t count)
{
    add_block(f, CT_BLOCK_CONTENT, 0, records, f->contents, 0, UINT32_MAX);
    f->contents += count;
}

static void
a_call(bytes *b)
{
    RAW(b, CT_R_CALL, 0, 0, SLOT, SMALL + 1, STEP + 1, SLOT, CT_V_CONTENT, 0, CT_R_RETURN, CT_V_NONE);
}

static void
a_content(journal_file *f)
{
    bytes b = {0};
    RAW(&b, CT_CONTENT_TEXT, 2, 2, 'h', 'i');
    content(f, &b, 1);
    free(b.at);
}

static void
a_whole_one(journal_file *f)
{
    bytes b = {0};
    begin(f);
    a_content(f);
    a_call(&b);
    events(f, &b, 3, 1);
    end_block(f);
    free(b.at);
}

static void
whole(void)
{
    for (int compress = 0; compress < 2; compress++) {
        journal_file f = {.compress = compress};
        ct_verified verified;
        a_whole_one(&f);
        findings found = verify(&f, &verified);
        CHECK_EQ_INT(found.count, 0);
        CHECK_EQ_INT(verified.findings, 0);
        CHECK_EQ_INT(verified.events, 3);
        CHECK_EQ_INT(verified.steps, 1);
        CHECK(!verified.unfinished);
        free_file(&f);
    }
}

static void
structure(void)
{
    journal_file f = {0};
    a_whole_one(&f);
    f.b.at[20] ^= 1; /* the recording's id: the header's checksum no longer fits */
    ONE_FINDING(&f, "structure", 0);
    free_file(&f);

    a_whole_one(&f);
    f.b.size = 30;
    ONE_FINDING(&f, "structure", 0);
    free_file(&f);

    a_whole_one(&f);
    f.b.at[8] = 2; /* the format's version, under a right checksum */
    store(f.b.at + 56, XXH3_64bits(f.b.at, 56), 8);
    ONE_FINDING(&f, "version", 8);
    free_file(&f);
}

static void
block(void)
{
    journal_file f = {0};
    a_whole_one(&f);
    uint64_t payload = 64 + 80; /* of the definitions */
    f.b.at[payload + 3] ^= 1;
    ONE_FINDING(&f, "block", payload);
    free_file(&f);

    bytes b = {0};
    begin(&f);
    uint64_t header = f.b.size;
    a_content(&f);
    a_call(&b);
    uint64_t records = events(&f, &b, 3, 1);
    end_block(&f);
    f.b.at[header + 80 + 3] ^= 1; /* a content */
    ONE_FINDING(&f, "block", header + 80);
    f.b.at[header + 80 + 3] ^= 1;
    f.b.at[records + 1] ^= 1; /* events */
    ONE_FINDING(&f, "block", records - 6);
    f.b.at[records + 1] ^= 1;
    f.b.at[header] ^= 1; /* no block stands there any more */
    ONE_FINDING(&f, "block", header);
    free(b.at);
    free_file(&f);
}

static void
record(void)
{
    journal_file f = {0};
    bytes b = {0};
    begin(&f);
    RAW(&b, CT_R_CALL, 0, 0, CT_R_RETURN, CT_V_NONE, CT_R_RETURN, CT_V_NONE);
    uint64_t at = events(&f, &b, 3, 0);
    end_block(&f);
    ONE_FINDING(&f, "record", at + 5); /* the second return, on an empty stack */
    free(b.at);
    free_file(&f);
}

static void
key_state(void)
{
    for (int slot = 1; slot <= 2; slot++) { /* what the key state says of x: 1 is what the events say */
        journal_file f = {0};
        bytes b = {0};
        begin(&f);
        RAW(&b, CT_R_THREAD_START, 0, 7, 1, 'm', CT_R_CALL, 0, 0, SLOT, SMALL + 1, STEP + 1);
        events(&f, &b, 3, 1);
        uint64_t at = f.b.size + 80;
        b.size = 0;
        RAW(&b, CT_R_KEY_BEGIN, 1, 0, 0, 0, CT_R_KEY_ACTIVATION, 0, 0, 0, 11, SLOT);
        put_byte(&b, (unsigned)(SMALL + slot));
        RAW(&b, CT_R_KEY_THREAD, 0, 7, 1, 'm', 1, 0, CT_R_KEY_END, STEP + 1);
        add_block(&f, CT_BLOCK_EVENTS, CT_BLOCK_BEGINS_SEGMENT, &b, 1, 3, UINT32_MAX);
        f.events++;
        f.steps++;
        end_block(&f);
        if (slot == 2)
            ONE_FINDING(&f, "key-state", at);
        else {
            ct_verified verified;
            CHECK_EQ_INT(verify(&f, &verified).count, 0);
        }
        free(b.at);
        free_file(&f);
    }
}

static void
contents(void)
{
    journal_file f = {0};
    bytes b = {0};
    begin(&f);
    uint64_t at = f.b.size + 80;
    RAW(&b, CT_CONTENT_TEXT, 1, 2, 'h', 'i'); /* two characters, and one is the whole text */
    content(&f, &b, 1);
    b.size = 0;
    a_call(&b);
    events(&f, &b, 3, 1);
    end_block(&f);
    ONE_FINDING(&f, "content", at);
    free_file(&f);

    b.size = 0;
    begin(&f);
    at = f.b.size + 80;
    RAW(&b, CT_CONTENT_TEXT, 2, 2, 'h', 'i', 9, 0, 0);
    content(&f, &b, 1);
    b.size = 0;
    a_call(&b);
    events(&f, &b, 3, 1);
    end_block(&f);
    ONE_FINDING(&f, "content", at + 5);
    free(b.at);
    free_file(&f);
}

static void
content_undefined(void)
{
    journal_file f = {0};
    bytes b = {0};
    begin(&f);
    a_call(&b);
    uint64_t at = events(&f, &b, 3, 1);
    a_content(&f); /* behind the events that name it */
    end_block(&f);
    ONE_FINDING(&f, "content-undefined", at + 6);
    free(b.at);
    free_file(&f);
}

static void
object_undefined(void)
{
    journal_file f = {0};
    bytes b = {0};
    begin(&f);
    RAW(&b, CT_R_CALL, 0, 0, SLOT, CT_V_OBJECT, 1, CT_R_OBJECT, 0, 0, CT_O_ADDRESS | CT_O_ITEMS, 2, 0, 0, STEP + 1, CT_R_RETURN, CT_V_NONE);
    uint64_t at = events(&f, &b, 3, 1);
    end_block(&f);
    ONE_FINDING(&f, "object-undefined", at + 13); /* known when the event has ended */
    free(b.at);
    free_file(&f);
}

static void
end(void)
{
    journal_file f = {0};
    a_whole_one(&f);
    size_t whole_size = f.b.size;
    put(&f.b, "x", 1);
    ONE_FINDING(&f, "end", whole_size);
    free_file(&f);

    bytes b = {0};
    begin(&f);
    a_content(&f);
    a_call(&b);
    events(&f, &b, 3, 1);
    size_t before_end = f.b.size;
    ONE_FINDING(&f, "end", before_end); /* no end block */
    put(&f.b, "CTBK", 4);               /* the beginning of one */
    ONE_FINDING(&f, "end", before_end);
    free_file(&f);

    begin(&f);
    a_content(&f);
    events(&f, &b, 3, 1);
    f.contents = 2;
    size_t end_at = f.b.size;
    end_block(&f);
    ONE_FINDING(&f, "end", f.b.size); /* counts a content that is not there */
    f.b.size = end_at;
    f.sequence--;
    f.contents = 1;
    f.segments = 2;
    end_block(&f);
    ONE_FINDING(&f, "structure", end_at);
    free(b.at);
    free_file(&f);
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    snprintf(path, sizeof path, "/tmp/ct-verify-%ld.ctj", (long)getpid());
    RUN(whole);
    RUN(structure);
    RUN(block);
    RUN(record);
    RUN(key_state);
    RUN(contents);
    RUN(content_undefined);
    RUN(object_undefined);
    RUN(end);
    unlink(path);
    return check_summary();
}
