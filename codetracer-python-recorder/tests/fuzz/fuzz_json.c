/* Input: a trace.json. */
#include "target.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    look_at_bytes(data, size);
    return 0;
}
