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

/* The headers say what meson.build says. */
static void headers_have_the_same(void)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%d.%d.%d", CT_VERSION_MAJOR, CT_VERSION_MINOR, CT_VERSION_PATCH);
    CHECK(strncmp(ct_version(), text, (size_t)size) == 0);
    CHECK(ct_version()[size] == 0 || strncmp(ct_version() + size, ".dev", 4) == 0);
    CHECK_EQ_INT(CT_VERSION_NUMBER, 10000 * CT_VERSION_MAJOR + 100 * CT_VERSION_MINOR + CT_VERSION_PATCH);
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
    RUN(headers_have_the_same);
    RUN(third_party_versions);
    return check_summary();
}
