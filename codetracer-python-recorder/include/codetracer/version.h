/* The library's version. */
#ifndef CODETRACER_VERSION_H
#define CODETRACER_VERSION_H

/* The version of this build, for example "1.0.0". Constant text, never NULL; callable from any thread. */
const char *ct_version(void);

#endif
