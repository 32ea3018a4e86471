/* Formats of texts: is this an e-mail address, a moment, a currency …? No allocation, no trust in NUL termination. */
#ifndef TITHI_FORMAT_H
#define TITHI_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "contract.h"

/* NULL where the text has the format, else the reason: "is not …". */
const char *format_problem(enum field_format format, const char *bytes, size_t length);

bool format_is_email(const char *bytes, size_t length); /* as HTML's input type=email has it; lengths by RFC 5321 */
bool format_is_uri(const char *bytes, size_t length);   /* absolute, http or https, RFC 3986 */
bool format_is_uuid(const char *bytes, size_t length);
bool format_is_date(const char *bytes, size_t length);      /* 2026-08-01 */
bool format_is_date_time(const char *bytes, size_t length); /* RFC 3339; seconds and zone may be missing */
bool format_is_time_zone(const char *bytes, size_t length); /* known to the machine's zoneinfo */
bool format_is_currency(const char *bytes, size_t length);  /* ISO 4217 */
bool format_is_language(const char *bytes, size_t length);  /* two or three small letters, as in BCP 47 */
bool format_is_line(const char *bytes, size_t length);      /* no control characters or line breaks, not only blanks */
bool format_is_text(const char *bytes, size_t length);      /* the same, but with line breaks and tabs */

/* Bytes of the UTF-8 code point that starts here, 0 where it is malformed (RFC 3629: shortest form, no surrogates, up
 * to U+10FFFF). `left` is at least 1. */
size_t format_code_point_size(const char *bytes, size_t left);
/* Code points in valid UTF-8 without NUL, or -1. */
long format_text_length(const char *bytes, size_t length);

#endif
