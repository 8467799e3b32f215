/* What is public: the functions marked CT_API, and nothing else, are in the shared library's table of symbols. */
#ifndef CODETRACER_API_H
#define CODETRACER_API_H

#ifdef __cplusplus
#define CT_API_LANGUAGE extern "C"
#else
#define CT_API_LANGUAGE
#endif

#ifdef __GNUC__
#define CT_API CT_API_LANGUAGE __attribute__((visibility("default")))
#else
#define CT_API CT_API_LANGUAGE
#endif

#endif
