/* Reading inboxes for those who are connected; see inboxes.h. Of each person at most one readInbox and one
 * acknowledgeInbox are under way, of all together READ_LIMIT: who comes while one runs is served by the next. */
#include "inboxes.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "acknowledgement.h"
#include "calls.h"
#include "clock.h"
#include "gateway.h"
#include "operations.h"
#include "presence.h"
#include "redis.h"
#include "session_watch.h"
#include "subscriber.h"

#define CHANNEL "tithi:inbox:%" PRId64
#define READ_LIMIT 200     /* readInbox under way */
#define BATCH 100          /* messages per answer */
#define AGAIN_MS 2000      /* after a failure, or while Redis tells nothing */
#define CERTAINTY_MS 30000 /* that Redis told everything is believed for so long */
#define PARTING_MS 5000    /* so long an acknowledgement is tried to be told after its connection has gone */

struct reader {
    struct reader *prev, *next; /* of the same person */
    struct person *person;
    struct outlet *outlet;
    struct watched_session session;
    int64_t since_ms; /* wall clock */
    int64_t position; /* the seq sent last; INBOX_UNKNOWN: behind what was acknowledged */
    bool behind;      /* there may be more for it */
};

struct person {
    struct person *prev, *next;
    int64_t user_id;
    struct subscription subscription;
    struct reader *readers;
    size_t reader_count;
    bool queued; /* waits for its turn to read */
    struct person *queue_prev, *queue_next;
    struct outgoing_call *reading; /* NULL: not just now */
    int64_t read_ms;               /* when that began, last */
    int64_t read_after;
    bool more;                     /* Redis has told of more since */
    int64_t again_ms;              /* not before, after a failure */
    int64_t wanted;                /* to be acknowledged */
    int64_t acknowledged;          /* as far as the crm workers know */
    struct outgoing_call *telling; /* them; NULL: not just now */
    int64_t telling_seq;
    int64_t tell_ms;     /* when that began, last */
    int64_t left_ms;     /* when the last connection had gone */
    int64_t presence_ms; /* when it was told last */
};

static struct {
    struct person *people;
    struct person *queue;
    size_t reads, tells; /* under way */
    bool redis_was_up;
} inboxes;

static struct person *person_find(int64_t user_id) {
    char channel[CHANNEL_SIZE];
    snprintf(channel, sizeof channel, CHANNEL, user_id);
    struct subscription *subscription = subscription_find(channel);
    return subscription ? H2O_STRUCT_FROM_MEMBER(struct person, subscription, subscription) : NULL;
}

size_t inbox_connections(int64_t user_id) {
    const struct person *person = person_find(user_id);
    return person ? person->reader_count : 0;
}

size_t inbox_calls(void) {
    return inboxes.reads + inboxes.tells;
}

/* --- reading */

static void read_on(struct person *person);

static bool wants_to_read(const struct reader *reader) {
    return reader->behind && outlet_has_room(reader->outlet);
}

/* Where to begin so that the one that is most behind is served; who has no position yet comes first. */
static bool find_after(const struct person *person, int64_t *ret_after) {
    const struct reader *reader;
    bool found = false;
    DL_FOREACH(person->readers, reader) {
        if (wants_to_read(reader) && (!found || reader->position < *ret_after)) {
            *ret_after = reader->position;
            found = true;
        }
    }
    return found;
}

/* The type, which event streams show beside the message. */
static struct text_span type_of(const json_t *message) {
    const char *type = json_string_value(json_object_get(message, "type"));
    return (struct text_span){type ? type : "message", strlen(type ? type : "message")};
}

static void send_message(struct reader *reader, const struct read_inbox_reply_messages *message) {
    struct text_span json = {message->text, strlen(message->text)};
    json_t *parsed = reader->outlet->kind == OUTLET_STREAM ? json_loadb(json.bytes, json.length, 0, NULL) : NULL;
    outlet_send(reader->outlet, message->seq, type_of(parsed), json);
    json_decref(parsed);
    reader->position = message->seq;
}

static bool is_complete(const struct read_inbox_reply *reply) {
    size_t count = reply->messages.count;
    return count == 0 || reply->messages.items[count - 1].seq >= reply->last;
}

/* `base`: behind which the reply begins. Who has not come so far is served by a reply of its own. */
static void serve(struct reader *reader, const struct read_inbox_reply *reply, int64_t base) {
    const struct person *person = reader->person;
    size_t at = 0;
    if (reader->position == INBOX_UNKNOWN && person->read_after == INBOX_UNKNOWN)
        reader->position = base > person->wanted ? base : person->wanted;
    if (reader->position < base)
        return;
    for (; at < reply->messages.count && outlet_has_room(reader->outlet); at++)
        if (reply->messages.items[at].seq > reader->position)
            send_message(reader, &reply->messages.items[at]);
    if (at == reply->messages.count && is_complete(reply)) {
        reader->position = reply->last; /* the last may be gone, and a client may have asked for what is to come */
        reader->behind = person->more;
    }
    outlet_flush(reader->outlet);
}

static void serve_all(struct person *person, const struct read_inbox_reply *reply) {
    struct reader *reader;
    int64_t base = person->read_after == INBOX_UNKNOWN ? reply->acknowledged : person->read_after;
    if (reply->acknowledged > person->acknowledged)
        person->acknowledged = reply->acknowledged;
    DL_FOREACH(person->readers, reader)
    if (wants_to_read(reader))
        serve(reader, reply, base);
}

static void pump(void);

static void end_read(struct person *person) {
    person->reading = NULL;
    inboxes.reads--;
}

static void on_read(void *person_, const struct answer_header *header, struct text_span payload) {
    struct person *person = person_;
    struct read_inbox_reply reply = {0};
    pool_reset(gateway.scratch);
    struct problems problems = {.pool = gateway.scratch};
    end_read(person);
    if (header->refusal || codec_decode(operation_read_inbox.reply, payload.bytes, payload.length, gateway.scratch,
                                        &reply, &problems) != 0)
        person->again_ms = clock_mono_ms() + AGAIN_MS;
    else
        serve_all(person, &reply);
    read_on(person);
    pump();
}

static void start_read(struct person *person) {
    struct read_inbox_request asked = {.user_id = person->user_id, .limit = BATCH};
    if (person->reading || !find_after(person, &person->read_after))
        return;
    if (person->read_after != INBOX_UNKNOWN)
        SET(asked, after, person->read_after);
    person->more = false;
    person->read_ms = clock_mono_ms();
    person->reading = call_ask(&operation_read_inbox, &asked, on_read, person);
    inboxes.reads++;
}

static void leave_queue(struct person *person) {
    if (person->queued)
        DL_DELETE2(inboxes.queue, person, queue_prev, queue_next);
    person->queued = false;
}

static void pump(void) {
    while (inboxes.queue && inboxes.reads < READ_LIMIT) {
        struct person *person = inboxes.queue;
        leave_queue(person);
        start_read(person);
    }
}

/* If there is something to read, and nobody is at it. */
static void read_on(struct person *person) {
    int64_t unused;
    if (person->reading || person->queued || clock_mono_ms() < person->again_ms || !find_after(person, &unused))
        return;
    person->queued = true;
    DL_APPEND2(inboxes.queue, person, queue_prev, queue_next);
    pump();
}

/* There may be more, for all or for those that have not got so far. */
static void look(struct person *person, int64_t seq) {
    struct reader *reader;
    DL_FOREACH(person->readers, reader)
    if (reader->position < seq)
        reader->behind = true;
    person->more |= person->reading != NULL;
    read_on(person);
}

static void on_news(struct subscription *subscription, struct text_span message) {
    struct person *person = H2O_STRUCT_FROM_MEMBER(struct person, subscription, subscription);
    look(person, message.bytes ? strtoll(message.bytes, NULL, 10) : INT64_MAX);
}

/* --- acknowledging */

static void tell(struct person *person);
static void release(struct person *person);

static void on_told(void *person_, const struct answer_header *header, struct text_span payload) {
    (void)payload;
    struct person *person = person_;
    person->telling = NULL;
    inboxes.tells--;
    if (header->refusal)
        return; /* the tick tells again */
    person->acknowledged = person->telling_seq;
    tell(person);
    release(person);
}

static void tell(struct person *person) {
    if (person->telling || person->wanted <= person->acknowledged)
        return;
    const struct acknowledge_inbox_request asked = {.user_id = person->user_id, .seq = person->wanted};
    person->telling_seq = person->wanted;
    person->tell_ms = clock_mono_ms();
    person->telling = call_ask(&operation_acknowledge_inbox, &asked, on_told, person);
    inboxes.tells++;
}

void reader_acknowledge(struct reader *reader, int64_t seq) {
    struct person *person = reader->person;
    if (reader->position != INBOX_UNKNOWN && seq > reader->position)
        seq = reader->position; /* what was not sent cannot have been taken */
    if (seq > person->wanted)
        person->wanted = seq;
    tell(person);
}

/* {"ack": n}. Other members are for versions to come. */
static void on_message(void *reader_, struct text_span text) {
    static const char explanation[] = "{\"error\":\"A message is {\\\"ack\\\": n}\",\"code\":\"validation_error\"}";
    struct reader *reader = reader_;
    int64_t seq;
    if (acknowledgement_read(text, &seq) == 0)
        reader_acknowledge(reader, seq);
    else if (outlet_may_answer(reader->outlet))
        outlet_send(reader->outlet, 0, (struct text_span){NULL, 0},
                    (struct text_span){explanation, strlen(explanation)});
}

/* --- who is here */

static void tell_presence(struct person *person) {
    const struct reader *reader;
    int64_t since_ms = INT64_MAX;
    DL_FOREACH(person->readers, reader)
    if (reader->since_ms < since_ms)
        since_ms = reader->since_ms;
    person->presence_ms = clock_mono_ms();
    presence_tell(person->user_id, person->reader_count, since_ms);
}

static struct person *person_new(int64_t user_id) {
    struct person *person = calloc(1, sizeof *person);
    if (!person)
        abort();
    person->user_id = user_id;
    person->subscription.news = on_news;
    snprintf(person->subscription.channel, sizeof person->subscription.channel, CHANNEL, user_id);
    DL_APPEND(inboxes.people, person);
    subscription_begin(&person->subscription);
    return person;
}

/* Frees a person who has no connection here any more, and nothing more to tell. */
static void release(struct person *person) {
    bool tells = person->wanted > person->acknowledged && clock_mono_ms() - person->left_ms < PARTING_MS;
    if (person->readers || tells)
        return;
    leave_queue(person);
    inboxes.reads -= person->reading != NULL;
    inboxes.tells -= person->telling != NULL;
    call_forget(&person->reading);
    call_forget(&person->telling);
    subscription_end(&person->subscription);
    DL_DELETE(inboxes.people, person);
    free(person);
    pump();
}

static void on_gone(void *reader_) {
    struct reader *reader = reader_;
    struct person *person = reader->person;
    session_watch_end(&reader->session);
    DL_DELETE(person->readers, reader);
    person->reader_count--;
    person->left_ms = clock_mono_ms();
    free(reader);
    tell_presence(person);
    release(person);
}

static void on_room(void *reader_) {
    read_on(((struct reader *)reader_)->person);
}

const struct outlet_owner inbox_owner = {.on_room = on_room, .on_message = on_message, .on_gone = on_gone};

struct reader *reader_new(const struct ticket *ticket) {
    struct person *person = person_find(ticket->user_id);
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        abort();
    reader->person = person ? person : person_new(ticket->user_id);
    reader->session.expires_s = ticket->session_expires_s;
    strcpy(reader->session.session, ticket->session);
    reader->since_ms = clock_wall_ms();
    DL_APPEND(reader->person->readers, reader);
    reader->person->reader_count++;
    tell_presence(reader->person);
    return reader;
}

void reader_begin(struct reader *reader, struct outlet *outlet, int64_t after) {
    struct person *person = reader->person;
    reader->outlet = reader->session.outlet = outlet;
    session_watch_begin(&reader->session);
    reader->position = after;
    reader->behind = true;
    if (person->subscription.hears || !subscriber_is_up())
        read_on(person); /* else as soon as it hears: what comes in between must not be missed */
}

/* --- the tick */

/* A call that nobody answers is forgotten, and made again later. */
static void forget_unanswered(struct person *person, int64_t now_ms) {
    if (person->reading && now_ms - person->read_ms > operation_read_inbox.deadline_ms) {
        call_forget(&person->reading);
        end_read(person);
        person->again_ms = now_ms + AGAIN_MS;
    }
    if (person->telling && now_ms - person->tell_ms > operation_acknowledge_inbox.deadline_ms) {
        call_forget(&person->telling);
        inboxes.tells--;
    }
}

/* A Redis that was away may have forgotten who is here. */
static bool is_presence_due(const struct person *person, int64_t now_ms, bool redis_is_new) {
    return person->readers && (redis_is_new || now_ms - person->presence_ms >= PRESENCE_REPEAT_MS);
}

static void tick(struct person *person, int64_t now_ms) {
    int64_t believed_ms = person->subscription.hears ? CERTAINTY_MS : AGAIN_MS;
    forget_unanswered(person, now_ms);
    if (now_ms - person->tell_ms >= AGAIN_MS)
        tell(person);
    if (now_ms - person->read_ms >= believed_ms)
        look(person, INT64_MAX);
    else
        read_on(person);
}

void inboxes_tick(int64_t now_ms) {
    struct person *person, *next;
    bool redis_is_new = redis_is_up() && !inboxes.redis_was_up;
    inboxes.redis_was_up = redis_is_up();
    DL_FOREACH_SAFE(inboxes.people, person, next) {
        tick(person, now_ms);
        if (is_presence_due(person, now_ms, redis_is_new))
            tell_presence(person);
        release(person);
    }
}
