/* Answers and their forms; see answer.h. Spent ones are kept with their memory for the next. */
#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "cookies.h"
#include "log.h"
#include "mp.h"
#include "operations.h"

#define SPARE_LIMIT 256
#define SPARE_BODY_LIMIT (64 * 1024)
#define GZIP_WORTHWHILE 1024
#define GZIP_WINDOW_BITS (15 + 16) /* + 16: gzip's header */
#define GZIP_LEVEL 1

static struct {
    struct answer *spare[SPARE_LIMIT];
    size_t spare_count;
    z_stream gzip;
    bool gzip_ready;
} answers;

static struct answer *take_blank(void) {
    struct answer *answer = answers.spare_count ? answers.spare[--answers.spare_count] : calloc(1, sizeof *answer);
    if (!answer)
        abort();
    buffer_clear(&answer->body);
    buffer_clear(&answer->gzip);
    buffer_clear(&answer->cookies);
    buffer_clear(&answer->location);
    answer->references = 1;
    answer->refusal = NULL;
    answer->etag[0] = answer->cursor[0] = '\0';
    answer->retry_after_s = 0;
    return answer;
}

void answer_release(struct answer **answer) {
    struct answer *spent = *answer;
    *answer = NULL;
    if (!spent || --spent->references > 0)
        return;
    if (answers.spare_count < SPARE_LIMIT && spent->body.capacity <= SPARE_BODY_LIMIT) {
        answers.spare[answers.spare_count++] = spent;
        return;
    }
    buffer_free(&spent->body);
    buffer_free(&spent->gzip);
    buffer_free(&spent->cookies);
    buffer_free(&spent->location);
    free(spent);
}

static struct answer *answer_of_refusal(const struct refusal *refusal) {
    struct answer *answer = take_blank();
    answer->refusal = refusal;
    answer->retry_after_s = refusal->retry_after_s;
    return answer;
}

/* {field: reason} as JSON. -1 where it is something else. */
static int render_details(struct mp_reader *reader, struct buffer *ret_json) {
    struct mp_value head, field, reason;
    if (mp_read(reader, &head) != MP_MAP)
        return -1;
    buffer_append_byte(ret_json, '{');
    for (uint32_t i = 0; i < head.length; i++) {
        if (mp_read(reader, &field) != MP_STRING || mp_read(reader, &reason) != MP_STRING)
            return -1;
        if (i)
            buffer_append_byte(ret_json, ',');
        json_append_string(ret_json, field.bytes, field.length);
        buffer_append_byte(ret_json, ':');
        json_append_string(ret_json, reason.bytes, reason.length);
    }
    buffer_append_byte(ret_json, '}');
    return 0;
}

/* {"details": {…}, "retry_after_s": n}, both optional. */
static int read_refusal(struct text_span payload, struct answer *answer) {
    struct mp_reader reader;
    struct mp_value head, key, value;
    mp_reader_init(&reader, payload.bytes, payload.length);
    if (payload.length == 0)
        return 0;
    if (mp_read(&reader, &head) != MP_MAP)
        return -1;
    for (uint32_t i = 0; i < head.length; i++) {
        if (mp_read(&reader, &key) != MP_STRING)
            return -1;
        if (mp_is(&key, "details")) {
            if (render_details(&reader, &answer->body) != 0)
                return -1;
        } else if (mp_is(&key, "retry_after_s")) {
            if (mp_read(&reader, &value) != MP_INTEGER || value.integer < 0 || value.integer > UINT32_MAX)
                return -1;
            if (value.integer)
                answer->retry_after_s = (uint32_t)value.integer;
        } else if (mp_skip(&reader) != 0) {
            return -1;
        }
    }
    return 0;
}

static struct answer *refusal_of(const struct operation *operation, const char *code, struct text_span payload) {
    const struct refusal *refusal = refusal_find(code);
    if (!refusal) {
        log_error("%s was refused with an unknown code", operation->name);
        return answer_of_refusal(&refusal_internal_error);
    }
    struct answer *answer = answer_of_refusal(refusal);
    if (read_refusal(payload, answer) != 0) {
        log_warn("%s was refused with malformed details: left out", operation->name);
        buffer_clear(&answer->body);
    }
    if (answer->body.length <= 2) /* {} */
        buffer_clear(&answer->body);
    return answer;
}

/* For what is read and used up at once. */
static struct pool *scratch(void) {
    static struct pool *pool;
    if (!pool)
        pool = pool_new();
    pool_reset(pool);
    return pool;
}

static void find_cursor(const struct operation *operation, struct text_span payload, struct answer *answer) {
    const char *cursor = codec_find_text(payload.bytes, payload.length, operation->page_field, scratch());
    if (cursor && strlen(cursor) < sizeof answer->cursor)
        strcpy(answer->cursor, cursor);
}

/* A header's value: visible characters only. */
static int find_location(const struct operation *operation, struct text_span payload, struct buffer *ret_location) {
    const char *location = codec_find_text(payload.bytes, payload.length, operation->redirect_field->key, scratch());
    if (!location || !*location)
        return -1;
    for (const char *at = location; *at; at++)
        if (*at <= ' ' || *at > '~')
            return -1;
    buffer_append_text(ret_location, location);
    return 0;
}

static int render(const struct route *route, struct text_span payload, struct buffer *ret_body) {
    const struct record *reply = route->operation->reply;
    if (route->csv)
        return codec_render_csv(reply, route->csv, payload.bytes, payload.length, ret_body);
    return codec_render(reply, route->view, payload.bytes, payload.length, ret_body);
}

/* What of the reply does not go into the body. */
static int find_head(const struct route *route, struct text_span payload, struct answer *answer) {
    if (route->cookies && cookies_append(route->cookies, payload, scratch(), &answer->cookies) != 0)
        return -1;
    return route->operation->redirect ? find_location(route->operation, payload, &answer->location) : 0;
}

struct answer *answer_new(const struct route *route, const struct answer_header *header, struct text_span payload) {
    const struct operation *operation = route->operation;
    if (header->refusal)
        return refusal_of(operation, header->refusal, payload);
    struct answer *answer = take_blank();
    if (header->unchanged || render(route, payload, &answer->body) != 0 || find_head(route, payload, answer) != 0) {
        log_error("a worker's reply to %s does not keep to the contract", operation->name);
        answer_release(&answer);
        return answer_of_refusal(&refusal_internal_error);
    }
    if (operation->kind == OPERATION_READ)
        etag_text(payload.bytes, payload.length, answer->etag);
    if (operation->page_field)
        find_cursor(operation, payload, answer);
    return answer;
}

struct answer *answer_constant(struct text_span json) {
    struct answer *answer = take_blank();
    buffer_append(&answer->body, json.bytes, json.length);
    etag_text(json.bytes, json.length, answer->etag);
    return answer;
}

struct text_span answer_gzip(struct answer *answer) {
    if (answer->body.length < GZIP_WORTHWHILE)
        return (struct text_span){NULL, 0};
    if (answer->gzip.length == 0) {
        z_stream *gzip = &answers.gzip;
        int ready = answers.gzip_ready
                        ? deflateReset(gzip)
                        : deflateInit2(gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY);
        if (ready != Z_OK)
            return (struct text_span){NULL, 0};
        answers.gzip_ready = true;
        size_t room = deflateBound(gzip, answer->body.length);
        gzip->next_in = (Bytef *)answer->body.bytes;
        gzip->avail_in = (uInt)answer->body.length;
        gzip->next_out = (Bytef *)buffer_reserve(&answer->gzip, room);
        gzip->avail_out = (uInt)room;
        if (deflate(gzip, Z_FINISH) != Z_STREAM_END)
            return (struct text_span){NULL, 0};
        answer->gzip.length = room - gzip->avail_out;
        snprintf(answer->gzip_etag, sizeof answer->gzip_etag, "%.*s-gzip\"", ETAG_SIZE - 2, answer->etag);
    }
    return (struct text_span){answer->gzip.bytes, answer->gzip.length};
}
