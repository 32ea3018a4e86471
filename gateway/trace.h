/* W3C Trace Context, level 1: https://www.w3.org/TR/trace-context/#traceparent-header */
#ifndef TITHI_TRACE_H
#define TITHI_TRACE_H

#include "uuid.h"

#define TRACE_SIZE sizeof "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"

/* This hop's traceparent: of the client's trace where `header` is a valid traceparent, else of a new one named after
 * `id`. */
void trace_continue(const char *header, size_t length, const struct uuid *id, char ret_trace[TRACE_SIZE]);

#endif
