/* What lies in MAIL_FOLDER, newest first: who gets which mail, and its text as people read it. The files are those of
 * workers/mail/message.c, so only what it writes is decoded. */
#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>

#include "buffer.h"
#include "operator.h"
#include "settings.h"

#define DEFAULT_COUNT 10
#define MOST 10000

struct file {
    char *path;
    struct timespec written;
};

static int is_mail(const struct dirent *entry) {
    const char *ending = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && ending && strcmp(ending, ".eml") == 0;
}

static int newest_first(const void *left, const void *right) {
    const struct file *a = left, *b = right;
    if (a->written.tv_sec != b->written.tv_sec)
        return a->written.tv_sec < b->written.tv_sec ? 1 : -1;
    return a->written.tv_nsec < b->written.tv_nsec ? 1 : a->written.tv_nsec > b->written.tv_nsec ? -1 : 0;
}

/* How many there are, or -1. */
static int list_files(const char *folder, struct file **ret_files) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_mail, NULL), known = 0;
    if (count < 0)
        return -1;
    struct file *files = calloc((size_t)count + 1, sizeof *files);
    for (int i = 0; i < count; i++) {
        struct stat status;
        if (asprintf(&files[known].path, "%s/%s", folder, entries[i]->d_name) < 0)
            abort();
        if (stat(files[known].path, &status) == 0)
            files[known++].written = status.st_mtim;
        else
            free(files[known].path);
        free(entries[i]);
    }
    free(entries);
    qsort(files, (size_t)known, sizeof *files, newest_first);
    *ret_files = files;
    return known;
}

/* malloc()ed, with line ends of a single \n and headers unfolded; NULL where it cannot be read. */
static char *read_mail(const char *path) {
    FILE *file = fopen(path, "re");
    char *text = NULL, *to;
    size_t capacity = 0;
    if (!file || getdelim(&text, &capacity, '\0', file) < 0) {
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    if (!text)
        return NULL;
    to = text;
    for (const char *at = text; *at; at++)
        if (*at != '\r')
            *to++ = *at;
    *to = '\0';
    return text;
}

/* Encoded words of base64 and UTF-8 are decoded, and belong together where only blanks are between them. */
static void decode_words(const char *text, size_t length, struct buffer *decoded) {
    static const char begin[] = "=?utf-8?B?";
    const char *end = text + length;
    while (text < end) {
        size_t left = (size_t)(end - text), size = 0;
        const char *closed = left > strlen(begin) && strncmp(text, begin, strlen(begin)) == 0
                                 ? memmem(text + strlen(begin), left - strlen(begin), "?=", 2)
                                 : NULL;
        if (!closed) {
            if (*text != '\n')
                buffer_append_byte(decoded, *text);
            text++;
            continue;
        }
        text += strlen(begin);
        unsigned char *room = (unsigned char *)buffer_reserve(decoded, (size_t)(closed - text));
        sodium_base642bin(room, (size_t)(closed - text), text, (size_t)(closed - text), NULL, &size, NULL,
                          sodium_base64_VARIANT_ORIGINAL);
        decoded->length += size;
        text = closed + 2;
        size_t blanks = strspn(text, " \n");
        if (strncmp(text + blanks, begin, strlen(begin)) == 0)
            text += blanks;
    }
}

/* A header of the mail's own head, decoded; "" where there is none. */
static const char *header(const char *mail, const char *name, struct buffer *decoded) {
    const char *end = strstr(mail, "\n\n"), *line = mail;
    size_t length = strlen(name);
    buffer_clear(decoded);
    while (line && line < end && (strncmp(line, name, length) != 0 || line[length] != ':'))
        line = (line = strchr(line, '\n')) ? line + 1 : NULL;
    if (!line || !end || line >= end)
        return buffer_text(decoded);
    line += length + 1;
    line += strspn(line, " ");
    const char *stop = strchr(line, '\n');
    while (stop[1] == ' ')
        stop = strchr(stop + 1, '\n');
    decode_words(line, (size_t)(stop - line), decoded);
    return buffer_text(decoded);
}

static int hexadecimal(char digit) {
    const char *found = digit ? strchr("0123456789ABCDEF", digit) : NULL;
    return found ? (int)(found - "0123456789ABCDEF") : -1;
}

/* The text part, without its quoted-printable; what a terminal would act on becomes a blank. */
static const char *text_of(const char *mail, struct buffer *decoded) {
    const char *part = strstr(mail, "\nContent-Type: text/plain"), *at = part ? strstr(part, "\n\n") : NULL;
    const char *end = at ? strstr(at, "\n--=_") : NULL;
    buffer_clear(decoded);
    for (at = end ? at + 2 : NULL; at < end; at++) {
        int high = *at == '=' ? hexadecimal(at[1]) : -1, low = high >= 0 ? hexadecimal(at[2]) : -1;
        char byte = low >= 0 ? (char)(16 * high + low) : *at;
        if (*at == '=' && at[1] == '\n') {
            at++;
            continue;
        }
        if (low >= 0)
            at += 2;
        buffer_append_byte(decoded, ((unsigned char)byte < ' ' && byte != '\n') || byte == 0x7f ? ' ' : byte);
    }
    return buffer_text(decoded);
}

/* The address alone. */
static char *recipient(const char *mail, struct buffer *decoded) {
    const char *to = header(mail, "To", decoded), *open = strrchr(to, '<');
    return open ? strndup(open + 1, strcspn(open + 1, ">")) : strdup(to);
}

static void set_time(json_t *row, const char *date) {
    struct tm parts = {0};
    char text[32] = "";
    if (strptime(date, "%a, %d %b %Y %H:%M:%S", &parts))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_object_set_new(row, "time", json_string(text));
}

/* NULL where it goes to somebody else, or cannot be read. */
static json_t *describe(const struct file *file, const char *to_whom) {
    struct buffer decoded = {0};
    char *mail = read_mail(file->path), *to = mail ? recipient(mail, &decoded) : NULL;
    json_t *row = NULL;
    if (to && (!to_whom || strcasecmp(to, to_whom) == 0)) {
        row = json_object();
        set_time(row, header(mail, "Date", &decoded));
        json_object_set_new(row, "to", json_string(to));
        json_object_set_new(row, "subject", json_string(header(mail, "Subject", &decoded)));
        json_object_set_new(row, "text", json_string(text_of(mail, &decoded)));
        json_object_set_new(row, "file", json_string(file->path));
    }
    free(to);
    free(mail);
    buffer_free(&decoded);
    return row;
}

static void print_mail(const json_t *row) {
    const char *line = json_string_value(json_object_get(row, "text"));
    printf("%s  %s\n%s\n\n", json_string_value(json_object_get(row, "time")),
           json_string_value(json_object_get(row, "to")), json_string_value(json_object_get(row, "subject")));
    for (const char *end; line && *line; line = *end ? end + 1 : end) {
        end = line + strcspn(line, "\n");
        printf("%s%.*s\n", end > line ? "    " : "", (int)(end - line), line);
    }
    putchar('\n');
}

static void print_mails(const struct options *options, const json_t *rows) {
    size_t index;
    json_t *row;
    if (options->json)
        print_json(rows);
    else
        json_array_foreach(rows, index, row) print_mail(row);
}

int command_mail(const struct stack *stack, const struct options *options, char **arguments) {
    char *end = NULL;
    long most = arguments[0] ? strtol(arguments[0], &end, 10) : DEFAULT_COUNT;
    struct file *files = NULL;
    if ((end && *end) || most < 1 || most > MOST)
        return complain(EX_USAGE, "the number of mails is 1 to %d, not '%s'", MOST, arguments[0]);
    if (stack_settings(stack))
        return EX_UNAVAILABLE;
    if (!settings.mail_folder[0])
        return complain(EX_UNAVAILABLE, "MAIL_FOLDER is not set");
    int count = list_files(settings.mail_folder, &files);
    if (count < 0)
        return complain(EX_UNAVAILABLE, "MAIL_FOLDER %s cannot be read", settings.mail_folder);
    json_t *rows = json_array();
    for (int i = 0; i < count; i++) {
        json_t *row = json_array_size(rows) < (size_t)most ? describe(&files[i], options->to) : NULL;
        if (row)
            json_array_append_new(rows, row);
        free(files[i].path);
    }
    free(files);
    print_mails(options, rows);
    json_decref(rows);
    return EXIT_SUCCESS;
}
