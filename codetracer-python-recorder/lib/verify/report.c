/* See report.h. */
#include "verify/report.h"

#include <stdarg.h>
#include <stdio.h>

void
ct_report_add(const ct_report *report, const char *rule, const char *part, uint64_t byte, uint64_t event, const char *format, ...)
{
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    report->verified->findings++;
    const ct_finding finding = {rule, part, byte, event != UINT64_MAX, event, sentence};
    report->found(report->context, &finding);
}
