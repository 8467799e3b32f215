/* hostile_values SEED JOURNAL: a journal that keeps to the format, with objects that no program has: tuples within themselves, types called list that are none,
 * unbound elements, keys that do not hash, ids that nobody defined, payloads that are objects. For tests/python/test_read.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <codetracer/record.h>

enum { OBJECTS = 40, UNKNOWN = 3, TYPES = 40, SLOTS = 6, STEPS = 5 };

static uint64_t state;

static uint32_t
draw(uint32_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 20) % limit);
}

static uint8_t *
put_value(uint8_t *at)
{
    static const double nan_bits = 0.0;
    switch (draw(12)) {
    case 0: *at++ = CT_V_NONE; return at;
    case 1: return ct_write_int(at, draw(5));
    case 2: return ct_write_short_text(at, "\xff\xed\xa0\x80z", draw(6)); /* also what is no UTF-8 */
    case 3: return ct_write_float(at, nan_bits / nan_bits);
    case 4: *at++ = CT_V_UNBOUND; return at;
    case 5: return ct_write_short_bytes(at, "abc", 3);
    default: return ct_write_object(at, draw(OBJECTS + UNKNOWN));
    }
}

static void
put_slots(ct_recording *r)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        uint8_t value[CT_VALUE_MAX];
        size_t size = (size_t)(put_value(value) - value);
        ct_room(r, 0);
        ct_put_slot(r, i, value, size);
    }
}

static void
put_object(ct_recording *r, uint32_t id, uint32_t type, uint32_t shape)
{
    uint8_t bytes[512], *at = bytes;
    unsigned flags = CT_O_ADDRESS | (draw(2) ? CT_O_PAYLOAD : 0) | (draw(4) ? CT_O_ITEMS : 0) | (draw(2) ? CT_O_FIELDS : 0);
    *at++ = CT_R_OBJECT;
    at = ct_write_varint(at, id);
    at = ct_write_varint(at, type);
    *at++ = (uint8_t)flags;
    at = ct_write_svarint(at, 8);
    if (flags & CT_O_PAYLOAD)
        at = put_value(at);
    if (flags & CT_O_ITEMS) {
        uint32_t count = 2 * draw(4);
        at = ct_write_varint(at, draw(4) ? count / (1 + draw(2)) : count + 1); /* whole as a list, whole as a dict, cut */
        at = ct_write_varint(at, count);
        while (count--)
            at = put_value(at);
    }
    if (flags & CT_O_FIELDS) {
        at = ct_write_varint(at, shape);
        for (int i = 0; i < 3; i++)
            at = put_value(at);
    }
    ct_room(r, (size_t)(at - bytes));
    ct_put_bytes(r, bytes, (size_t)(at - bytes));
}

static void
define_limit(ct_recording *r, const char *key, uint32_t limit)
{
    char text[16];
    int size = snprintf(text, sizeof text, "%u", limit);
    ct_define_meta(r, key, text, (size_t)size);
}

static uint32_t
define_code(ct_recording *r)
{
    ct_code_slot slots[SLOTS];
    for (uint32_t i = 0; i < SLOTS; i++)
        slots[i] = (ct_code_slot){ct_define_name(r, &"abcdea"[i], 1), CT_SLOT_PARAMETER}; /* two of one name */
    ct_code_definition code = {.path = ct_define_path(r, "/p", 2), .first_line = 1, .qualified_name = "f", .qualified_name_size = 1, .module = "m",
                               .module_size = 1, .arguments = draw(SLOTS + 1), .slot_count = SLOTS, .slots = slots};
    return ct_define_code(r, &code);
}

int
main(int count, char **arguments)
{
    static const char *const names[] = {"list", "tuple", "dict", "set", "frozenset", "range", "slice", "bytearray", "m.X", "int", ""};
    ct_recording_options options = {.journal_path = count == 3 ? arguments[2] : NULL};
    ct_recording *r;
    ct_error error = {0};
    if (count != 3 || ct_recording_open(&options, &r, &error) != CT_OK) {
        fprintf(stderr, "hostile_values SEED JOURNAL: %s\n", count == 3 ? error.message : "two arguments");
        return 2;
    }
    state = strtoull(arguments[1], NULL, 10) * UINT64_C(0x9E3779B97F4A7C15) + 1;
    define_limit(r, "limit.container-depth", draw(50));
    define_limit(r, "limit.attribute-depth", draw(5));
    uint32_t code = define_code(r), types[TYPES];
    uint32_t fields[] = {ct_define_name(r, "start", 5), ct_define_name(r, "stop", 4), ct_define_name(r, "step", 4)};
    uint32_t shape = ct_define_shape(r, fields, 3);
    for (int i = 0; i < TYPES; i++) {
        const char *name = names[draw(sizeof names / sizeof *names)];
        types[i] = ct_define_type(r, (enum ct_look)draw(9), draw(4) ? CT_TYPE_BUILTIN : 0, name, strlen(name));
    }

    static const uint8_t thread_start[] = {CT_R_THREAD_START, 1, 5, 0};
    ct_event_begin(r);
    ct_put_number(r, CT_R_THREAD, 1);
    ct_put_bytes(r, thread_start, sizeof thread_start);
    ct_event_end(r);
    ct_event_begin(r);
    ct_put_call(r, code, 0);
    put_slots(r);
    for (uint32_t i = 0; i < OBJECTS; i++)
        put_object(r, i, types[draw(TYPES)], shape);
    ct_event_end(r);
    for (int i = 0; i < STEPS; i++) {
        ct_event_begin(r);
        ct_put_step(r, 1);
        put_slots(r);
        ct_event_end(r);
    }
    uint8_t value[CT_VALUE_MAX];
    size_t size = (size_t)(put_value(value) - value);
    ct_event_begin(r);
    ct_put_value(r, CT_R_RETURN, value, size);
    ct_event_end(r);
    return ct_recording_finish(r, &error) == CT_OK ? 0 : 1;
}
