/* The numbers of the journal format: docs/journal-format.md in C. Nothing but constants, and what both writer and reader take. */
#ifndef CODETRACER_JOURNAL_H
#define CODETRACER_JOURNAL_H

#include <stdint.h>

#define CT_JOURNAL_MAGIC "\x89" "CTJ\r\n\x1a\n"
#define CT_LIVE_MAGIC "\x89" "CTL\r\n\x1a\n"
#define CT_BLOCK_MAGIC "CTBK"
enum { CT_JOURNAL_MAJOR = 1, CT_JOURNAL_MINOR = 5, CT_LIVE_VERSION = 1 };
enum { CT_FILE_HEADER_SIZE = 64, CT_BLOCK_HEADER_SIZE = 80, CT_LIVE_HEADER_SIZE = 64, CT_LIVE_FAILURE = 48, CT_LIVE_SLOT_HEADER_SIZE = 64 };

enum ct_block_kind { CT_BLOCK_EVENTS = 0, CT_BLOCK_DEFINITIONS = 1, CT_BLOCK_CONTENT = 2, CT_BLOCK_END = 3, CT_BLOCK_DROPPED = 4 };
enum ct_codec { CT_CODEC_STORED = 0, CT_CODEC_ZSTD = 1 };
enum { CT_BLOCK_BEGINS_SEGMENT = 1 };
enum ct_live_state { CT_LIVE_FREE = 0, CT_LIVE_FILLING = 1, CT_LIVE_SEALED = 2 };

enum ct_definition {
    CT_DEF_PATH = 1, CT_DEF_NAME = 2, CT_DEF_CODE = 3, CT_DEF_TYPE = 4, CT_DEF_SHAPE = 5, CT_DEF_SOURCE = 6, CT_DEF_META = 7
};

/* Key of the META that says in which columns a code's lines begin. */
#define CT_COLUMNS_KEY "columns"
typedef struct ct_line_column { uint32_t line, column; } ct_line_column; /* column: from 1, in UTF-8 bytes; 0: not known */

enum ct_code_flag {
    CT_CODE_VARARGS = 1, CT_CODE_VARKEYWORDS = 2, CT_CODE_GENERATOR = 4, CT_CODE_COROUTINE = 8, CT_CODE_ASYNC_GENERATOR = 16,
    CT_CODE_NAMESPACE = 32, CT_CODE_MODULE = 64
};
enum ct_slot_kind { CT_SLOT_PARAMETER = 1, CT_SLOT_CELL = 2, CT_SLOT_FREE = 4, CT_SLOT_HIDDEN = 8 };

enum ct_look {
    CT_LOOK_OPAQUE = 0, CT_LOOK_SCALAR = 1, CT_LOOK_LIST = 2, CT_LOOK_TUPLE = 3, CT_LOOK_DICT = 4, CT_LOOK_SET = 5,
    CT_LOOK_STRUCT = 6, CT_LOOK_LITERAL = 7, CT_LOOK_BYTES = 8
};
enum { CT_TYPE_BUILTIN = 1 };

enum ct_content_kind { CT_CONTENT_TEXT = 1, CT_CONTENT_BYTES = 2, CT_CONTENT_INTEGER = 3, CT_CONTENT_NEGATIVE = 4 };

enum ct_tag {
    CT_V_UNBOUND = 0x00, CT_V_NONE = 0x01, CT_V_FALSE = 0x02, CT_V_TRUE = 0x03, CT_V_ELLIPSIS = 0x04, CT_V_NOTIMPLEMENTED = 0x05,
    CT_V_INT = 0x06, CT_V_BIGINT = 0x07, CT_V_FLOAT = 0x08, CT_V_COMPLEX = 0x09, CT_V_BYTES = 0x0B, CT_V_OBJECT = 0x0C,
    CT_V_CONTENT = 0x0D, CT_V_REDACTED = 0x0E, CT_V_DROPPED = 0x0F,
    CT_V_SMALL_INT = 0x20,  /* … 0x9F: int CT_V_SMALL_INT_MIN … CT_V_SMALL_INT_MAX */
    CT_V_TEXT = 0xA0        /* … 0xB6: text of 0 … 22 bytes */
};
enum { CT_V_SMALL_INT_MIN = -16, CT_V_SMALL_INT_MAX = 111, CT_V_TEXT_MAX = 22, CT_V_BYTES_MAX = 20, CT_V_BIGINT_MAX = 15,
       CT_VALUE_MAX = 24 /* bytes of the longest value */ };

enum ct_record {
    CT_R_THREAD = 0x01, CT_R_THREAD_START = 0x02, CT_R_THREAD_EXIT = 0x03, CT_R_CALL = 0x04, CT_R_RESUME = 0x05, CT_R_THROW = 0x06,
    CT_R_RETURN = 0x07, CT_R_YIELD = 0x08, CT_R_UNWIND = 0x09, CT_R_LOST = 0x0A, CT_R_ENDED = 0x0B, CT_R_RAISE = 0x0C,
    CT_R_HANDLED = 0x0D, CT_R_OUTPUT = 0x0E, CT_R_STEP = 0x0F, CT_R_GAP = 0x10,
    CT_R_SLOT = 0x20, CT_R_UNBIND = 0x21, CT_R_GLOBAL = 0x22, CT_R_GLOBAL_UNBIND = 0x23, CT_R_CODE = 0x24,
    CT_R_OBJECT = 0x28, CT_R_SPLICE = 0x29, CT_R_ITEM = 0x2A, CT_R_FIELD = 0x2B, CT_R_DIED = 0x2C, CT_R_LENGTH = 0x2D,
    CT_R_KEY_BEGIN = 0x30, CT_R_KEY_ACTIVATION = 0x31, CT_R_KEY_THREAD = 0x32, CT_R_KEY_END = 0x3F,
    CT_R_STEP_SHORT = 0x40, /* … 0x7F: line difference CT_STEP_SHORT_MIN … CT_STEP_SHORT_MAX */
    CT_R_SLOT_SHORT = 0x80  /* … 0xFF: slot 0 … 127 */
};
enum { CT_STEP_SHORT_MIN = -16, CT_STEP_SHORT_MAX = 47 };
enum { CT_CALL_ATTACHED = 1 };
enum ct_gap_reason {
    CT_GAP_PAUSED = 1,  /* the program, or a signal, paused the recording */
    CT_GAP_WAITING = 2, /* until a start point is reached */
    CT_GAP_LIMIT = 3    /* a limit was reached: nothing more is recorded */
};
enum ct_stream_number { CT_STDOUT = 0, CT_STDERR = 1, CT_STDIN = 2 };
enum ct_output_flag { /* added to the stream's number */
    CT_OUTPUT_PAST_PYTHON = 4, /* any bytes, which went to the stream's file descriptor, and not through Python's text stream */
    CT_OUTPUT_EITHER = 8       /* with it, of CT_STDOUT: descriptors 1 and 2 led to the same place; which of them it was is not known */
};
enum ct_object_flag { CT_O_ADDRESS = 1, CT_O_PAYLOAD = 2, CT_O_ITEMS = 4, CT_O_FIELDS = 8, CT_O_LENGTH = 16 };

/* True for a record that begins an event; CT_R_THREAD only says whose events follow. */
#define CT_R_IS_HEAD(tag) (((tag) >= CT_R_THREAD_START && (tag) <= CT_R_GAP) || ((tag) >= CT_R_STEP_SHORT && (tag) < CT_R_SLOT_SHORT))

#endif
