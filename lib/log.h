/* One JSON object per line on stderr: time, level, process, pid, request_id where there is one, message. */
#ifndef TITHI_LOG_H
#define TITHI_LOG_H

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* `process` is kept, not copied. `threshold`: quieter lines are dropped. */
void log_open(const char *process, enum log_level threshold);
/* `request_id` may be NULL. Control characters and invalid UTF-8 in the message are escaped. Never pass a secret. */
void log_line(enum log_level level, const char *request_id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(...) log_line(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, NULL, __VA_ARGS__)
#define log_error(...) log_line(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)

#endif
