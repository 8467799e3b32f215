/* Input: a trace.bin of either layout; or, without their magic, the CBOR events of one, which are put into a frame here so that the fuzzer need not
 * find out about compression. */
#include "target.h"

#include <zstd.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t MAGIC[8] = {0xC0, 0xDE, 0x72, 0xAC, 0xE2, 1, 0, 0};
    if (size >= 5 && memcmp(data, MAGIC, 5) == 0) {
        look_at_bytes(data, size);
        return 0;
    }
    size_t room = ZSTD_compressBound(size);
    uint8_t *file = malloc(sizeof MAGIC + room);
    if (!file)
        abort();
    memcpy(file, MAGIC, sizeof MAGIC);
    look_at_bytes(file, sizeof MAGIC + ZSTD_compress(file + sizeof MAGIC, room, data, size, 1));
    free(file);
    return 0;
}
