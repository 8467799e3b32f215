/* Which values are kept out of the trace, and how: by the words of names, in containers under such names, and by the texts that became known so.
 *
 * A name is decided once: by its journal id in r->name_actions, for keys of dicts in a small table by the hash that a str in a dict has. Nothing is done for an event whose names are
 * harmless. A container under a secret's name is marked in its record, for as long as it lives, and its texts are hidden wherever it is seen. Rules, and what
 * cannot be hidden: docs/redaction.md; words and search: lib/redact.
 *
 * Invariant: a text that is hidden by its name is known before anything else of the same event is searched, as far as it stands in a variable of that event.
 */
#include "recorder.h"

#include <stdlib.h>

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum { LONGEST_KEY = 256 };

bool
redaction_setup(recorder *r)
{
    r->name_action_capacity = 256;
    r->name_actions = calloc(r->name_action_capacity, 1);
    r->attribute_actions = calloc(r->name_action_capacity, 1);
    if (!r->redaction)
        return r->name_actions && r->attribute_actions;
    r->key_verdicts = calloc(KEY_VERDICTS, sizeof *r->key_verdicts);
    r->secrets = ct_secrets_new(NULL);
    return r->name_actions && r->attribute_actions && r->key_verdicts && r->secrets;
}

void
redaction_free(recorder *r)
{
    ct_secrets_free(r->secrets);
    free(r->key_verdicts);
    free(r->name_actions);
    free(r->attribute_actions);
}

/* ---- names ---- */

void
redaction_hide_name(recorder *r, const char **bytes, size_t *size)
{
    static const char HIDDEN[] = "<redacted>";
    if (r->secrets_known == 0 || !ct_secrets_found(r->secrets, *bytes, *size))
        return;
    *bytes = HIDDEN;
    *size = sizeof HIDDEN - 1;
    r->hidden[HIDDEN_TEXTS]++;
}

uint32_t
name_define(recorder *r, const char *bytes, size_t size)
{
    redaction_hide_name(r, &bytes, &size); /* setattr(x, password, …) */
    uint32_t name = ct_define_name(r->out, bytes, size);
    if (name >= r->name_action_capacity) {
        size_t capacity = r->name_action_capacity;
        while (capacity <= name)
            capacity *= 2;
        uint8_t **tables[] = {&r->name_actions, &r->attribute_actions};
        for (size_t i = 0; i < 2; i++) {
            uint8_t *actions = realloc(*tables[i], capacity);
            if (actions == NULL) {
                r->no_memory = true;
                return 0;
            }
            memset(actions + r->name_action_capacity, 0, capacity - r->name_action_capacity);
            *tables[i] = actions;
        }
        r->name_action_capacity = capacity;
    }
    if (r->redaction) {
        if (ct_name_is_secret(bytes, size))
            r->name_actions[name] = VALUE_HIDE_TEXTS;
        else if (size == 15 && memcmp(bytes, "__annotations__", 15) == 0)
            r->name_actions[name] = VALUE_OF_NAMES;
    }
    r->attribute_actions[name] = filters_attribute_action(r, bytes, size, r->name_actions[name]);
    return name;
}

bool
redaction_judge_key(recorder *r, PyObject *key)
{
    const char *bytes = NULL;
    size_t size = 0;
    if (PyUnicode_Check(key)) {
        if (PyUnicode_GET_LENGTH(key) > LONGEST_KEY || !text_utf8(r, key, LONGEST_KEY, &bytes, &size))
            return false;
    }
    else if (PyBytes_Check(key)) { /* os.environ */
        bytes = PyBytes_AS_STRING(key);
        size = (size_t)PyBytes_GET_SIZE(key);
    }
    bool secret = size > 1 && size <= LONGEST_KEY && ct_name_is_secret(bytes, size);
    if (PyUnicode_CheckExact(key) && ((PyASCIIObject *)key)->hash != -1)
        r->key_verdicts[(uint64_t)((PyASCIIObject *)key)->hash % KEY_VERDICTS] = (key_verdict){((PyASCIIObject *)key)->hash, secret};
    return secret;
}

/* A key that is the name of a field, `user`, and no secret itself: it stays, in a dict whose texts are hidden. */
static bool
is_plain_word(PyObject *key)
{
    enum { LONGEST_WORD = 24 };
    if (!PyUnicode_CheckExact(key) || !PyUnicode_IS_COMPACT_ASCII(key) || PyUnicode_GET_LENGTH(key) > LONGEST_WORD)
        return false;
    const char *bytes = (const char *)PyUnicode_DATA(key);
    for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(key); i++)
        if (!((bytes[i] | 0x20) >= 'a' && (bytes[i] | 0x20) <= 'z') && bytes[i] != '_' && bytes[i] != '-' && bytes[i] != '.')
            return false;
    return true;
}

uint8_t *
redaction_encode_key(recorder *r, PyObject *key, uint8_t *at, object_record **record)
{
    return is_plain_word(key) ? value_encode(r, key, at, record) : value_encode_as(r, key, VALUE_HIDE_TEXTS, at, record);
}

/* ---- known texts ---- */

static void
add_known(recorder *r, const void *bytes, size_t size)
{
    ct_secret_added added = ct_secrets_add(r->secrets, bytes, size);
    if (added == CT_SECRET_NEW) {
        r->secrets_known++;
        memset(r->searched, 0, sizeof r->searched);
    }
    else if (added == CT_SECRET_FULL)
        r->hidden[HIDDEN_FORGOTTEN]++;
}

/* The name of a module that is loaded (`{"SecretStr": ("pydantic", ".types")}`), or the folder where the shell was ($PWD): no secret of anybody's, and what holds it would be hidden
 * everywhere. */
static bool
is_no_secret(const char *bytes, size_t size, PyObject *text)
{
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed; its keys are compared by their bytes, or it is not asked */
    if (text && PyUnicode_CheckExact(text) && PyDict_CheckExact(modules) && ct_dict_is_text_keyed(modules) && PyDict_GetItemWithError(modules, text))
        return true;
    const char *folder = bytes[0] == '/' ? getenv("PWD") : NULL;
    return folder && strlen(folder) == size && memcmp(folder, bytes, size) == 0;
}

/* Where it is new, also as repr() and json.dumps() write it. */
static void
learn(recorder *r, const char *bytes, size_t size, PyObject *text)
{
    if (size == 0 || is_no_secret(bytes, size, text))
        return;
    size_t before = r->secrets_known;
    add_known(r, bytes, size);
    if (r->secrets_known == before || r->no_memory)
        return;
    const char *forms[2];
    size_t sizes[2];
    int count = literal_forms(r, bytes, size, text, forms, sizes);
    for (int i = 0; i < count; i++)
        add_known(r, forms[i], sizes[i]);
}

static void
learn_str(recorder *r, PyObject *text)
{
    const char *bytes;
    size_t size;
    if (PyUnicode_GET_LENGTH(text) >= CT_SECRET_LEAST && text_utf8(r, text, SIZE_MAX, &bytes, &size))
        learn(r, bytes, size, text);
}

static void
learn_bytes(recorder *r, const void *bytes, size_t size)
{
    if (size >= CT_SECRET_LEAST)
        learn(r, bytes, size, NULL);
}

static void
learn_within(recorder *r, PyObject *object, int depth)
{
    if (PyUnicode_Check(object))
        learn_str(r, object);
    else if (PyBytes_Check(object))
        learn_bytes(r, PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object));
    else if (PyByteArray_Check(object))
        learn_bytes(r, PyByteArray_AS_STRING(object), (size_t)PyByteArray_GET_SIZE(object));
    if (depth == 0)
        return;
    Py_ssize_t position = 0;
    PyObject *key, *value;
    if (PyList_Check(object) || PyTuple_Check(object))
        for (Py_ssize_t i = 0; i < Py_SIZE(object) && i < r->limits.items; i++) {
            PyObject *item = PySequence_Fast_ITEMS(object)[i];
            if (item)
                learn_within(r, item, depth - 1);
        }
    else if (PyDict_Check(object))
        for (Py_ssize_t i = 0; i < r->limits.items && PyDict_Next(object, &position, &key, &value); i++) {
            if (!is_plain_word(key))
                learn_within(r, key, depth - 1);
            learn_within(r, value, depth - 1);
        }
    else if (PyAnySet_Check(object)) {
        const PySetObject *set = (PySetObject *)object;
        for (Py_ssize_t i = 0; i <= set->mask && position < r->limits.items; i++)
            if (set->table[i].key && set->table[i].hash != -1) { /* a removed entry has the hash -1 */
                learn_within(r, set->table[i].key, depth - 1);
                position++;
            }
    }
}

void
redaction_learn(recorder *r, PyObject *object)
{
    learn_within(r, object, r->limits.containers);
}

/* A search costs about a nanosecond a byte, and the same long text is encoded at every line: what was searched is remembered by its hash, until another secret
 * becomes known. */
bool
redaction_finds(recorder *r, const void *bytes, size_t size)
{
    if (size < CT_SECRET_LEAST)
        return false;
    if (size <= 64)
        return ct_secrets_found(r->secrets, bytes, size);
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, size, r->session ^ (uint64_t)(uintptr_t)r);
    struct searched_text *known = &r->searched[hash.low64 % (sizeof r->searched / sizeof *r->searched)];
    if (known->low != hash.low64 || known->high != hash.high64)
        *known = (struct searched_text){hash.low64, hash.high64, ct_secrets_found(r->secrets, bytes, size)};
    return known->found;
}

/* ---- values ---- */

static void
hide_object(recorder *r, object_record *record)
{
    if (record->hidden)
        return;
    switch (record->type->reading) {
    case READ_LIST: case READ_TUPLE: case READ_DICT: case READ_SET: case READ_DEQUE: case READ_BASE_TEXT: case READ_BASE_BYTES: case READ_BYTEARRAY:
    case READ_MEMORYVIEW:
        record->hidden = true;
        record->has_state = record->settled = false; /* what was written in clear is written again, */
        record->length = -1;                         /* beyond the depth limit its length */
        image_drop(r, record);
        object_look_again(r, record);
        break;
    default:
        break;
    }
}

uint8_t *
value_encode_as(recorder *r, PyObject *object, enum value_action action, uint8_t *at, object_record **record)
{
    PyTypeObject *type = Py_TYPE(object);
    *record = NULL;
    if (value_is_ruled(action)) {
        if (action == VALUE_REDACT_SECRET || action == VALUE_DROP_SECRET)
            redaction_learn(r, object);
        *at++ = action < VALUE_DROP ? CT_V_REDACTED : CT_V_DROPPED;
        return at;
    }
    if (action == VALUE_HIDE_TEXTS && (type == &PyUnicode_Type || type == &PyBytes_Type)) {
        if (type == &PyUnicode_Type)
            learn_str(r, object);
        else
            learn_bytes(r, PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object));
        *at++ = CT_V_REDACTED;
        return at;
    }
    at = value_encode(r, object, at, record);
    if (*record && action == VALUE_HIDE_TEXTS)
        hide_object(r, *record);
    else if (*record && action == VALUE_OF_NAMES && !(*record)->keys_name_types) {
        (*record)->keys_name_types = true;
        image_drop(r, *record); /* its state is another one now */
    }
    return at;
}

uint8_t *
redaction_encode_payload(recorder *r, PyObject *object, enum reading reading, const void *bytes, size_t size, uint8_t *at)
{
    if (reading == READ_BASE_TEXT)
        learn_str(r, object);
    else
        learn_bytes(r, bytes, size);
    r->state_hidden[0]++;
    *at++ = CT_V_REDACTED;
    return at;
}

/* ---- output and facts ---- */

/* `Password: ` makes what is read next a secret; a line of output ends the question. */
static void
note_prompt(recorder *r, const char *bytes, size_t size)
{
    const char *end = memrchr(bytes, '\n', size);
    if (end) {
        r->prompt_size = 0;
        size -= (size_t)(end + 1 - bytes);
        bytes = end + 1;
    }
    if (size > sizeof r->prompt - r->prompt_size) { /* too long for a question: its end counts */
        r->prompt_size = 0;
        if (size > sizeof r->prompt) {
            bytes += size - sizeof r->prompt;
            size = sizeof r->prompt;
        }
    }
    memcpy(r->prompt + r->prompt_size, bytes, size);
    r->prompt_size += size;
}

bool
redaction_mask(recorder *r, int stream, const char **bytes, size_t *size)
{
    static const char HIDDEN[] = "<redacted>\n";
    const void *masked;
    if (stream != CT_STDIN)
        note_prompt(r, *bytes, *size);
    else if (r->prompt_size && ct_name_is_secret(r->prompt, r->prompt_size)) {
        bool ended = (*bytes)[*size - 1] == '\n';
        learn(r, *bytes, *size - ended, NULL);
        r->prompt_size = 0;
        r->hidden[HIDDEN_OUTPUT]++;
        *bytes = HIDDEN;
        *size = sizeof HIDDEN - 1 - !ended;
        return true;
    }
    else
        r->prompt_size = 0;
    if (!ct_secrets_mask(r->secrets, &r->masked[stream], *bytes, *size, &masked, size, &r->hidden[HIDDEN_OUTPUT])) {
        r->no_memory = true;
        return false;
    }
    *bytes = masked;
    return *size != 0;
}

/* Arguments of the program: `--password=x`, and what follows `--password`. `after_option` is the state between two arguments. */
void
redaction_argument(recorder *r, bool *after_option, const char **bytes, size_t *size, char *buffer, size_t capacity)
{
    static const char HIDDEN[] = "<redacted>";
    const char *equals = memchr(*bytes, '=', *size);
    bool option = *size > 1 && (*bytes)[0] == '-';
    if (!r->redaction)
        return;
    if (*after_option && !option) {
        learn(r, *bytes, *size, NULL);
        *bytes = HIDDEN;
        *size = sizeof HIDDEN - 1;
        *after_option = false;
        return;
    }
    size_t name = equals ? (size_t)(equals - *bytes) : *size;
    bool secret = (option || equals) && ct_name_is_secret(*bytes, name);
    *after_option = secret && option && equals == NULL;
    if (!secret || equals == NULL || name + sizeof HIDDEN + 1 > capacity)
        return;
    learn(r, equals + 1, *size - name - 1, NULL);
    memcpy(buffer, *bytes, name + 1);
    memcpy(buffer + name + 1, HIDDEN, sizeof HIDDEN - 1);
    *bytes = buffer;
    *size = name + 1 + sizeof HIDDEN - 1;
}
