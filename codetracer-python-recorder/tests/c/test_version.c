/* The version is there and the third-party libraries are linked. */
#include <codetracer/version.h>

#include <xxhash.h>
#include <yyjson.h>
#include <zstd.h>

#include "check.h"

static void has_a_version(void)
{
    CHECK(ct_version() != NULL);
    CHECK(strlen(ct_version()) > 0);
}

static void third_party_versions(void)
{
    CHECK_EQ_UINT(ZSTD_versionNumber(), ZSTD_VERSION_NUMBER);
    CHECK_EQ_UINT(XXH_versionNumber(), XXH_VERSION_NUMBER);
    CHECK_EQ_UINT(yyjson_version(), YYJSON_VERSION_HEX);
    /* The value of XXH3 for no bytes, from its specification. */
    CHECK_EQ_UINT(XXH3_64bits("", 0), UINT64_C(0x2d06800538d394c2));
}

int main(int argc, char **argv)
{
    check_arguments(argc, argv);
    RUN(has_a_version);
    RUN(third_party_versions);
    return check_summary();
}
