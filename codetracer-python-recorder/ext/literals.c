/* Texts of values that are shown as a literal (docs/values.md): functions and classes by name, and standard types whose repr says more
 * than their fields. All are put together from C storage or slots; no method of any object is called, for even str() of a Path runs eight Python
 * frames and writes into it, and the text of an aware datetime asks the program's own tzinfo.
 */
#include "recorder.h"

#include <datetime.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- building text at the end of r->literal ---- */

static void
add_bytes(recorder *r, const char *bytes, size_t size)
{
    uint8_t *at = scratch_room(&r->literal, size + 1);
    if (at == NULL) {
        r->no_memory = true;
        return;
    }
    memcpy(at, bytes, size);
    scratch_take(&r->literal, at + size);
}

static void
add(recorder *r, const char *text)
{
    add_bytes(r, text, strlen(text));
}

static void
add_char(recorder *r, char c)
{
    add_bytes(r, &c, 1);
}

__attribute__((format(printf, 2, 3))) static void
add_format(recorder *r, const char *format, ...)
{
    char buffer[128];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    add_bytes(r, buffer, size < (int)sizeof buffer ? (size_t)size : sizeof buffer - 1);
}

static void
add_str(recorder *r, PyObject *text)
{
    const char *bytes;
    size_t size;
    if (text_utf8(r, text, r->limits.text, &bytes, &size))
        add_bytes(r, bytes, size);
}

/* repr(text), as str.__repr__ makes it (Objects/unicodeobject.c, unicode_repr). */
static void
add_repr(recorder *r, PyObject *text)
{
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    bool single = false, doubled = false;
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        single |= c == '\'';
        doubled |= c == '"';
    }
    char quote = single && !doubled ? '"' : '\'';
    add_bytes(r, &quote, 1);
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        if (c == (Py_UCS4)quote || c == '\\')
            add_bytes(r, (char[]){'\\', (char)c}, 2);
        else if (c == '\t')
            add(r, "\\t");
        else if (c == '\n')
            add(r, "\\n");
        else if (c == '\r')
            add(r, "\\r");
        else if (c < ' ' || c == 0x7F)
            add_format(r, "\\x%02x", (unsigned)c);
        else if (c < 0x7F)
            add_char(r, (char)c);
        else if (!Py_UNICODE_ISPRINTABLE(c))
            add_format(r, c <= 0xFF ? "\\x%02x" : c <= 0xFFFF ? "\\u%04x" : "\\U%08x", (unsigned)c);
        else {
            char utf8[4];
            size_t size = 0;
            if (c < 0x800)
                utf8[size++] = (char)(0xC0 | c >> 6);
            else {
                if (c < 0x10000)
                    utf8[size++] = (char)(0xE0 | c >> 12);
                else {
                    utf8[size++] = (char)(0xF0 | c >> 18);
                    utf8[size++] = (char)(0x80 | (c >> 12 & 0x3F));
                }
                utf8[size++] = (char)(0x80 | (c >> 6 & 0x3F));
            }
            utf8[size++] = (char)(0x80 | (c & 0x3F));
            add_bytes(r, utf8, size);
        }
    }
    add_bytes(r, &quote, 1);
}

/* The decimal digits of an exact int; "…" when it is longer than the interpreter will convert. */
static void
add_int(recorder *r, PyObject *number)
{
    if (!PyLong_CheckExact(number)) {
        add(r, "…");
        return;
    }
    PyObject *text = PyLong_Type.tp_repr(number); /* C code on an exact int: runs nothing of the program's */
    if (text == NULL) {
        PyErr_Clear();
        add(r, "…");
        return;
    }
    add_str(r, text);
    Py_DECREF(text);
}

/* `Class(` with the name of a Python class, as its repr has it. */
static void
add_class(recorder *r, PyTypeObject *type)
{
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE)
        add_str(r, ((PyHeapTypeObject *)type)->ht_name);
    else
        add(r, type->tp_name);
    add(r, "(");
}

/* ---- slots of Python classes of the standard library ---- */

static PyObject *
slot_value(PyObject *object, const char *name)
{
    for (PyTypeObject *base = Py_TYPE(object); base && base != &PyBaseObject_Type; base = base->tp_base)
        for (PyMemberDef *member = base->tp_members; member && member->name; member++)
            if (member->type == Py_T_OBJECT_EX && strcmp(member->name, name) == 0)
                return *(PyObject **)((char *)object + member->offset);
    return NULL;
}

/* ---- named things ---- */

static void
add_dotted(recorder *r, PyObject *module, PyObject *name)
{
    if (module && PyUnicode_Check(module) && PyUnicode_CompareWithASCIIString(module, "builtins") != 0) {
        add_str(r, module);
        add(r, ".");
    }
    if (name && PyUnicode_Check(name))
        add_str(r, name);
}

static void
add_function_name(recorder *r, PyObject *object)
{
    PyFunctionObject *function = (PyFunctionObject *)object;
    add_dotted(r, function->func_module, function->func_qualname);
}

static void
add_named(recorder *r, PyObject *object, enum reading reading)
{
    switch (reading) {
    case READ_FUNCTION:
        add(r, "<function ");
        add_function_name(r, object);
        break;
    case READ_METHOD: {
        PyObject *function = PyMethod_GET_FUNCTION(object);
        add(r, "<bound method ");
        if (PyFunction_Check(function))
            add_function_name(r, function);
        else {
            char name[512];
            type_qualified_name(r, Py_TYPE(function), name, sizeof name);
            add(r, name);
        }
        break;
    }
    case READ_BUILTIN: {
        PyCFunctionObject *function = (PyCFunctionObject *)object;
        add(r, "<built-in function ");
        add_dotted(r, function->m_module, NULL);
        add(r, function->m_ml->ml_name);
        break;
    }
    case READ_CLASS: {
        char name[1024];
        type_qualified_name(r, (PyTypeObject *)object, name, sizeof name);
        add(r, "<class ");
        add(r, name);
        break;
    }
    default: {
        PyObject *dict = PyModule_GetDict(object), *name = dict ? dict_get_text(dict, "__name__") : NULL;
        add(r, "<module ");
        if (name && PyUnicode_Check(name))
            add_str(r, name);
        else
            add(r, "?"); /* as importlib says of a module without a name */
        break;
    }
    }
    add(r, ">");
}

/* What the text of a named thing is made from, where that is strs or NULL: the same ones, the same text. Held, so an address stays theirs. What else goes into it cannot
 * change: a method's function, a built-in function's definition, the name of a static type (type_set_name refuses it, Objects/typeobject.c). */
static bool
named_parts(PyObject *object, enum reading reading, PyObject *parts[2])
{
    parts[0] = parts[1] = NULL;
    if (reading == READ_METHOD) {
        object = PyMethod_GET_FUNCTION(object);
        if (!PyFunction_Check(object))
            return false;
        reading = READ_FUNCTION;
    }
    switch (reading) {
    case READ_FUNCTION:
        parts[0] = ((PyFunctionObject *)object)->func_module;
        parts[1] = ((PyFunctionObject *)object)->func_qualname;
        break;
    case READ_BUILTIN:
        parts[0] = ((PyCFunctionObject *)object)->m_module;
        break;
    case READ_CLASS: {
        PyTypeObject *type = (PyTypeObject *)object;
        if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE))
            return true;
        parts[1] = ((PyHeapTypeObject *)type)->ht_qualname;
        if (parts[1] == NULL || type->tp_dict == NULL)
            return false;
        parts[0] = dict_get_text(type->tp_dict, "__module__");
        break;
    }
    case READ_MODULE: {
        PyObject *dict = PyModule_GetDict(object);
        parts[0] = dict ? dict_get_text(dict, "__name__") : NULL;
        break;
    }
    default:
        return false;
    }
    return (parts[0] == NULL || PyUnicode_CheckExact(parts[0])) && (parts[1] == NULL || PyUnicode_CheckExact(parts[1]));
}

bool
literal_is_same(const object_record *record)
{
    PyObject *parts[2];
    return named_parts(record->object, record->type->reading, parts) && record->guards[0] == parts[0] && record->guards[1] == parts[1];
}

/* ---- decimal.Decimal: Modules/_decimal/_decimal.c, libmpdec/mpdecimal.h, the same in 3.12 and 3.13 ---- */

typedef struct decimal_object {
    PyObject_HEAD
    Py_hash_t hash;
    struct { uint8_t flags; Py_ssize_t exponent, digits, words, allocated; uint64_t *data; } number;
} decimal_object;

enum { DECIMAL_NEGATIVE = 1, DECIMAL_INFINITE = 2, DECIMAL_NAN = 4, DECIMAL_SNAN = 8, DECIMAL_WORD_DIGITS = 19 };

static bool
add_decimal(recorder *r, PyObject *object)
{
    if (Py_TYPE(object)->tp_basicsize < (Py_ssize_t)sizeof(decimal_object) || sizeof(void *) != 8)
        return false;
    const decimal_object *decimal = (const decimal_object *)object;
    Py_ssize_t digits = decimal->number.digits, exponent = decimal->number.exponent;
    uint8_t flags = decimal->number.flags;
    add(r, "Decimal('");
    if (flags & DECIMAL_NEGATIVE)
        add(r, "-");
    if (flags & DECIMAL_INFINITE) {
        add(r, "Infinity')");
        return true;
    }
    if (flags & (DECIMAL_NAN | DECIMAL_SNAN))
        add(r, flags & DECIMAL_SNAN ? "sNaN" : "NaN");
    if ((flags & (DECIMAL_NAN | DECIMAL_SNAN)) && decimal->number.words == 0) {
        add(r, "')");
        return true;
    }
    /* The coefficient's digits, most significant word first. */
    size_t start = r->literal.size;
    for (Py_ssize_t i = decimal->number.words; i-- > 0;)
        add_format(r, i == decimal->number.words - 1 ? "%llu" : "%019llu", (unsigned long long)decimal->number.data[i]);
    if (r->no_memory || (Py_ssize_t)(r->literal.size - start) < digits)
        return false;
    if (!(flags & (DECIMAL_NAN | DECIMAL_SNAN))) {
        /* Scientific notation as the specification has it: plain while the exponent is not positive and the number not too small. */
        Py_ssize_t count = (Py_ssize_t)(r->literal.size - start), left = exponent + count;
        bool plain = exponent <= 0 && left > -6;
        Py_ssize_t point = plain ? left : 1;
        if (point <= 0) {
            size_t zeros = (size_t)(2 - point);
            if (scratch_room(&r->literal, zeros) == NULL) {
                r->no_memory = true;
                return false;
            }
            memmove(r->literal.bytes + start + zeros, r->literal.bytes + start, (size_t)count);
            memset(r->literal.bytes + start, '0', zeros);
            r->literal.bytes[start + 1] = '.';
            r->literal.size += zeros;
        }
        else if (point < count) {
            if (scratch_room(&r->literal, 1) == NULL) {
                r->no_memory = true;
                return false;
            }
            memmove(r->literal.bytes + start + point + 1, r->literal.bytes + start + point, (size_t)(count - point));
            r->literal.bytes[start + (size_t)point] = '.';
            r->literal.size++;
        }
        if (left != point)
            add_format(r, "E%+zd", left - point);
    }
    add(r, "')");
    return true;
}

/* ---- datetime: Include/datetime.h has the layouts; datetime.timezone's is Modules/_datetimemodule.c's ---- */

typedef struct timezone_object { PyObject_HEAD PyObject *offset, *name; } timezone_object;

static void
add_timedelta(recorder *r, PyObject *object)
{
    const PyDateTime_Delta *delta = (const PyDateTime_Delta *)object;
    add(r, "datetime.timedelta(");
    const char *separator = "";
    if (delta->days) {
        add_format(r, "days=%d", delta->days);
        separator = ", ";
    }
    if (delta->seconds) {
        add_format(r, "%sseconds=%d", separator, delta->seconds);
        separator = ", ";
    }
    if (delta->microseconds)
        add_format(r, "%smicroseconds=%d", separator, delta->microseconds);
    else if (*separator == 0)
        add(r, "0");
    add(r, ")");
}

static void
add_timezone(recorder *r, PyObject *object)
{
    const timezone_object *zone = (const timezone_object *)object;
    const PyDateTime_Delta *offset = (const PyDateTime_Delta *)zone->offset;
    if (zone->name == NULL && offset->days == 0 && offset->seconds == 0 && offset->microseconds == 0) {
        add(r, "datetime.timezone.utc");
        return;
    }
    add(r, "datetime.timezone(");
    add_timedelta(r, zone->offset);
    if (zone->name) {
        add(r, ", ");
        add_repr(r, zone->name);
    }
    add(r, ")");
}

static void
add_tzinfo(recorder *r, PyObject *tzinfo)
{
    add(r, ", tzinfo=");
    type_info *type = type_info_of(r, Py_TYPE(tzinfo));
    if (type && type->reading == READ_TIMEZONE)
        add_timezone(r, tzinfo);
    else if (type) {
        add(r, "<");
        add(r, type->name);
        add_format(r, " at 0x%llx>", (unsigned long long)(uintptr_t)tzinfo);
    }
}

static void
add_time_of_day(recorder *r, int hour, int minute, int second, int microsecond)
{
    add_format(r, "%d, %d", hour, minute);
    if (second || microsecond)
        add_format(r, ", %d", second);
    if (microsecond)
        add_format(r, ", %d", microsecond);
}

static void
add_date(recorder *r, PyObject *object, bool with_time)
{
    add(r, with_time ? "datetime.datetime(" : "datetime.date(");
    add_format(r, "%d, %d, %d", PyDateTime_GET_YEAR(object), PyDateTime_GET_MONTH(object), PyDateTime_GET_DAY(object));
    if (with_time) {
        add(r, ", ");
        add_time_of_day(r, PyDateTime_DATE_GET_HOUR(object), PyDateTime_DATE_GET_MINUTE(object), PyDateTime_DATE_GET_SECOND(object),
                        PyDateTime_DATE_GET_MICROSECOND(object));
        if (PyDateTime_DATE_GET_FOLD(object))
            add(r, ", fold=1");
        if (_PyDateTime_HAS_TZINFO(object))
            add_tzinfo(r, ((PyDateTime_DateTime *)object)->tzinfo);
    }
    add(r, ")");
}

static void
add_time(recorder *r, PyObject *object)
{
    add(r, "datetime.time(");
    add_time_of_day(r, PyDateTime_TIME_GET_HOUR(object), PyDateTime_TIME_GET_MINUTE(object), PyDateTime_TIME_GET_SECOND(object),
                    PyDateTime_TIME_GET_MICROSECOND(object));
    if (_PyDateTime_HAS_TZINFO(object))
        add_tzinfo(r, ((PyDateTime_Time *)object)->tzinfo);
    if (PyDateTime_TIME_GET_FOLD(object))
        add(r, ", fold=1");
    add(r, ")");
}

/* ---- pathlib, uuid, fractions: Python classes with slots ---- */

static bool
add_uuid(recorder *r, PyObject *object)
{
    PyObject *number = slot_value(object, "int");
    if (number == NULL || !PyLong_CheckExact(number))
        return false;
    PyLongObject *value = (PyLongObject *)number;
    size_t digits = value->long_value.lv_tag >> _PyLong_NON_SIZE_BITS;
    if (digits > 5 || (value->long_value.lv_tag & 3) == 2)
        return false;
    unsigned __int128 bits = 0;
    for (size_t i = digits; i-- > 0;)
        bits = bits << PyLong_SHIFT | value->long_value.ob_digit[i];
    add(r, "UUID(");
    add_format(r, "'%08x-%04x-%04x-%04x-%012llx'", (unsigned)(bits >> 96), (unsigned)(bits >> 80) & 0xFFFF, (unsigned)(bits >> 64) & 0xFFFF,
               (unsigned)(bits >> 48) & 0xFFFF, (unsigned long long)(bits & 0xFFFFFFFFFFFF));
    add(r, ")");
    return true;
}

static bool
add_fraction(recorder *r, PyObject *object)
{
    PyObject *numerator = slot_value(object, "_numerator"), *denominator = slot_value(object, "_denominator");
    if (numerator == NULL || denominator == NULL)
        return false;
    add(r, "Fraction(");
    add_int(r, numerator);
    add(r, ", ");
    add_int(r, denominator);
    add(r, ")");
    return true;
}

/* What PurePath.as_posix() gives, from what the path has cached or else from the pieces it was made of (Lib/pathlib). The
 * text is built in plain, as a str of the pieces joined and normalised. */
static PyObject *
path_text(PyObject *object)
{
    PyObject *text = slot_value(object, "_str");
    if (text && PyUnicode_Check(text))
        return Py_NewRef(text);
    PyObject *pieces = slot_value(object, "_raw_paths");
    if (pieces == NULL || !PyList_CheckExact(pieces))
        return NULL;
    Py_ssize_t first = 0, count = PyList_GET_SIZE(pieces), size = 0;
    Py_UCS4 largest = 127;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *piece = PyList_GET_ITEM(pieces, i);
        if (!PyUnicode_Check(piece))
            return NULL;
        if (PyUnicode_GET_LENGTH(piece) && PyUnicode_READ_CHAR(piece, 0) == '/')
            first = i; /* an absolute piece begins anew */
    }
    for (Py_ssize_t i = first; i < count; i++) {
        PyObject *piece = PyList_GET_ITEM(pieces, i);
        size += PyUnicode_GET_LENGTH(piece) + 1;
        if (PyUnicode_MAX_CHAR_VALUE(piece) > largest)
            largest = PyUnicode_MAX_CHAR_VALUE(piece);
    }
    Py_UCS4 *normal = malloc((size_t)(size + 2) * sizeof *normal);
    if (normal == NULL)
        return NULL;
    Py_ssize_t at = 0;
    if (first < count) {
        PyObject *piece = PyList_GET_ITEM(pieces, first);
        Py_ssize_t slashes = 0;
        while (slashes < PyUnicode_GET_LENGTH(piece) && PyUnicode_READ_CHAR(piece, slashes) == '/')
            slashes++;
        if (slashes)
            normal[at++] = '/';
        if (slashes == 2)
            normal[at++] = '/'; /* POSIX: exactly two mean something of their own */
    }
    Py_ssize_t root = at;
    for (Py_ssize_t i = first; i < count; i++) {
        PyObject *piece = PyList_GET_ITEM(pieces, i);
        Py_ssize_t length = PyUnicode_GET_LENGTH(piece);
        for (Py_ssize_t start = 0; start <= length;) {
            Py_ssize_t end = start;
            while (end < length && PyUnicode_READ_CHAR(piece, end) != '/')
                end++;
            bool dot = end - start == 1 && PyUnicode_READ_CHAR(piece, start) == '.';
            if (end > start && !dot) {
                if (at > root)
                    normal[at++] = '/';
                for (Py_ssize_t c = start; c < end; c++)
                    normal[at++] = PyUnicode_READ_CHAR(piece, c);
            }
            start = end + 1;
        }
    }
    if (at == 0)
        normal[at++] = '.';
    text = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, normal, at);
    free(normal);
    if (text == NULL)
        PyErr_Clear();
    return text;
}

static bool
add_path(recorder *r, PyObject *object)
{
    PyObject *text = path_text(object);
    if (text == NULL)
        return false;
    add_class(r, Py_TYPE(object));
    bool windows = false;
    for (PyTypeObject *base = Py_TYPE(object); base; base = base->tp_base)
        windows |= strcmp(base->tp_name, "PureWindowsPath") == 0;
    if (windows) { /* as_posix(): shown with slashes */
        PyObject *copy = PyUnicode_New(PyUnicode_GET_LENGTH(text), PyUnicode_MAX_CHAR_VALUE(text));
        if (copy == NULL)
            PyErr_Clear();
        else {
            for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(text); i++) {
                Py_UCS4 c = PyUnicode_READ_CHAR(text, i);
                PyUnicode_WRITE(PyUnicode_KIND(copy), PyUnicode_DATA(copy), i, c == '\\' ? '/' : c);
            }
            Py_SETREF(text, copy);
        }
    }
    add_repr(r, text);
    Py_DECREF(text);
    add(r, ")");
    return true;
}

/* As json.dumps() writes a text, without the quotes. */
static void
add_json(recorder *r, PyObject *text)
{
    for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(text); i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(text, i);
        if (c == '"' || c == '\\')
            add_bytes(r, (char[]){'\\', (char)c}, 2);
        else if (c >= ' ' && c < 0x7F)
            add_char(r, (char)c);
        else if (c == '\n' || c == '\t' || c == '\r')
            add(r, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        else if (c > 0xFFFF)
            add_format(r, "\\u%04x\\u%04x", (unsigned)(0xD800 + ((c - 0x10000) >> 10)), (unsigned)(0xDC00 + ((c - 0x10000) & 0x3FF)));
        else
            add_format(r, "\\u%04x", (unsigned)c);
    }
}

int
literal_forms(recorder *r, const char *bytes, size_t size, PyObject *text, const char *forms[2], size_t sizes[2])
{
    size_t starts[3] = {0};
    int count = 0, kept = 0;
    r->literal.size = 0;
    if (text) {
        add_repr(r, text);
        starts[++count] = r->literal.size;
        add_json(r, text);
    }
    else
        for (size_t i = 0; i < size; i++)
            if (bytes[i] >= ' ' && bytes[i] < 0x7F && bytes[i] != '\\')
                add_bytes(r, &bytes[i], 1);
            else
                add_format(r, bytes[i] == '\n' ? "\\n" : bytes[i] == '\t' ? "\\t" : bytes[i] == '\r' ? "\\r" : bytes[i] == '\\' ? "\\\\" : "\\x%02x",
                           (uint8_t)bytes[i]);
    starts[++count] = r->literal.size;
    if (r->no_memory)
        return 0;
    for (int i = 0; i < count; i++) {
        const char *form = (const char *)r->literal.bytes + starts[i];
        size_t form_size = starts[i + 1] - starts[i];
        if (text && i == 0) { /* within its quotes */
            form++;
            form_size -= 2;
        }
        if (form_size != size || memcmp(form, bytes, size) != 0) {
            forms[kept] = form;
            sizes[kept++] = form_size;
        }
    }
    return kept;
}

bool
literal_write(recorder *r, PyObject *object, type_info *info, object_record *record)
{
    r->literal.size = 0;
    bool done = true;
    switch (info->reading) {
    case READ_FUNCTION: case READ_METHOD: case READ_BUILTIN: case READ_CLASS: case READ_MODULE:
        add_named(r, object, info->reading);
        break;
    case READ_DECIMAL: done = add_decimal(r, object); break;
    case READ_FRACTION: done = add_fraction(r, object); break;
    case READ_UUID: done = add_uuid(r, object); break;
    case READ_PATH: done = add_path(r, object); break;
    case READ_DATE: add_date(r, object, false); break;
    case READ_DATETIME: add_date(r, object, true); break;
    case READ_TIME: add_time(r, object); break;
    case READ_TIMEDELTA: add_timedelta(r, object); break;
    case READ_TIMEZONE: add_timezone(r, object); break;
    default: done = false;
    }
    uint8_t *at = scratch_room(&r->values, CT_VALUE_MAX);
    if (at == NULL)
        r->no_memory = true;
    if (!done || r->no_memory)
        return false;
    scratch_take(&r->values, value_encode_text(r, (const char *)r->literal.bytes, r->literal.size, at));
    PyObject *parts[2];
    record->guarded = named_parts(object, info->reading, parts);
    for (int i = 0; i < 2; i++)
        Py_XSETREF(record->guards[i], record->guarded ? Py_XNewRef(parts[i]) : NULL); /* exact strs: their end runs nothing */
    return true;
}
