/* JSON lines on stderr; see log.h. One write(2) per line, so that lines of several processes do not mix. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "clock.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static struct {
    const char *process;
    enum log_level threshold;
} logger = {"tithi", LOG_LEVEL_INFO};

void log_open(const char *process, enum log_level threshold) {
    logger.process = process;
    logger.threshold = threshold;
}

/* Length of the UTF-8 sequence at `at` (RFC 3629 §4), 0 where there is none. */
static size_t utf8_length(const unsigned char *at, size_t left) {
    size_t length = at[0] < 0x80                    ? 1
                    : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                    : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
                    : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                    : 0;
    if (!length || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

static void append_escaped(struct buffer *line, const char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)text[i];
        size_t sequence = utf8_length((const unsigned char *)text + i, length - i);
        if (c == '"' || c == '\\')
            buffer_printf(line, "\\%c", c);
        else if (c < 0x20 || c == 0x7f || !sequence)
            buffer_printf(line, "\\u%04x", c);
        else
            buffer_append(line, text + i, sequence);
        i += sequence ? sequence : 1;
    }
}

void log_line(enum log_level level, const char *request_id, const char *format, ...) {
    if (level < logger.threshold)
        return;
    struct buffer message = {0}, line = {0};
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length > 0) {
        vsnprintf(buffer_reserve(&message, (size_t)length + 1), (size_t)length + 1, format, again);
        message.length = (size_t)length;
    }
    va_end(again);

    char now[CLOCK_TEXT_SIZE];
    buffer_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"pid\":%d",
                  clock_text(clock_wall_ms(), now), level_names[level], logger.process, (int)getpid());
    if (request_id && *request_id) {
        buffer_append_text(&line, ",\"request_id\":\"");
        append_escaped(&line, request_id, strlen(request_id));
        buffer_append_byte(&line, '"');
    }
    buffer_append_text(&line, ",\"message\":\"");
    append_escaped(&line, message.bytes ? message.bytes : "", message.length);
    buffer_append_text(&line, "\"}\n");
    ssize_t written = write(STDERR_FILENO, line.bytes, line.length);
    (void)written; /* a log that cannot be written has nowhere to be reported */
    buffer_free(&message);
    buffer_free(&line);
}
