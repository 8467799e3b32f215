/* The library's version, which meson.build alone decides. */
#include <codetracer/version.h>

#include "ct_build_version.h"

const char *ct_version(void)
{
    return CT_BUILD_VERSION;
}
