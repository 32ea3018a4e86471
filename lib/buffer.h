/* A growable run of bytes. Running out of memory ends the process (the supervisor restarts it). */
#ifndef TITHI_BUFFER_H
#define TITHI_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
    char *bytes;
    size_t length;
    size_t capacity;
};

/* Makes room for `extra` more bytes and returns where they go; `length` is not moved. */
char *buffer_reserve(struct buffer *buffer, size_t extra);
void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_byte(struct buffer *buffer, char byte);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* NUL-terminates (the NUL is not counted) and returns the bytes. */
const char *buffer_text(struct buffer *buffer);
/* Forgets the content, keeps the memory. */
void buffer_clear(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif
