/* Calls and the requests that wait for them; see coalesce.h. A flight is one call with its requests; a group is what
 * runs and waits for one key: operation, shape of the answer, and the bytes of the request. */
#include "coalesce.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "answer.h"
#include "calls.h"
#include "clock.h"
#include "operations.h"
#include "request.h"

#define ANSWER_RESERVE_MS 500 /* of a request's time: a continuation ends before it */
#define KEPT_MS 1000          /* since it was read in full: what no version tells, as new settings, shows after that */
#define KEPT_LIMIT 32         /* answers, of up to some 100 KB */
#define HASHING_LIMIT 16      /* as many as an auth worker takes at once: others' calls wait for no more */

#define VERSION_SIZE 65

struct flight {
    struct outgoing_call *call; /* NULL: it waits for the one that runs, or has been answered */
    struct request *requests;
    const struct route *route; /* of the first request: the others' shape is the same */
    struct group *group;       /* NULL: it shares with nobody */

    struct answer *known;       /* whose version the call names; else NULL */
    struct answer *first;       /* the reply that is being continued; else NULL */
    int64_t until_ms;           /* for so long */
    struct flight *prev, *next; /* among the continued */
};

struct group {
    UT_hash_handle hh;
    struct flight *running, *waiting;
    struct answer *kept; /* NULL: none */
    char version[VERSION_SIZE];
    int64_t kept_until_ms;
    struct group *prev, *next; /* among those that keep one, the oldest first */
    size_t key_length;
    char key[];
};

struct key_head {
    const struct operation *operation;
    const struct view *view;
    const struct field *csv;
};

static struct group *groups, *keepers;
static unsigned kept_count;
static struct flight *continued;

static unsigned hashing; /* calls of all operations with x-hashes that are under way */

bool coalesce_has_room(const struct operation *operation) {
    return !operation->hashes || hashing < HASHING_LIMIT;
}

static struct group *group_for(const struct request *request) {
    static struct buffer key;
    struct key_head head = {request->operation, request->route->view, request->route->csv};
    buffer_clear(&key);
    buffer_append(&key, &head, sizeof head);
    buffer_append(&key, request->message.bytes, request->message.length);
    struct group *group;
    HASH_FIND(hh, groups, key.bytes, key.length, group);
    if (group)
        return group;
    group = calloc(1, sizeof *group + key.length);
    if (!group)
        abort();
    group->key_length = key.length;
    memcpy(group->key, key.bytes, key.length);
    HASH_ADD_KEYPTR(hh, groups, group->key, group->key_length, group);
    return group;
}

static void drop_if_idle(struct group *group) {
    if (group->running || group->waiting || group->kept)
        return;
    HASH_DEL(groups, group);
    free(group);
}

static void drop_kept(struct group *group) {
    if (!group->kept)
        return;
    answer_release(&group->kept);
    DL_DELETE(keepers, group);
    kept_count--;
}

/* For whoever comes next. An answer that nobody shares is not worth its memory. */
static void keep(struct flight *flight, struct answer *answer, const char *version) {
    struct group *group = flight->group;
    bool shared = group && (flight->requests->next || group->waiting);
    if (!shared || !version || strlen(version) >= VERSION_SIZE)
        return;
    drop_kept(group);
    if (kept_count == KEPT_LIMIT) {
        struct group *oldest = keepers;
        drop_kept(oldest);
        drop_if_idle(oldest);
    }
    answer->references++;
    group->kept = answer;
    strcpy(group->version, version);
    group->kept_until_ms = clock_mono_ms() + KEPT_MS;
    DL_APPEND(keepers, group);
    kept_count++;
}

static void forget_old_answers(int64_t now_ms) {
    for (struct group *group; (group = keepers) && now_ms >= group->kept_until_ms;) {
        drop_kept(group);
        drop_if_idle(group);
    }
}

static void on_answered(void *owner, const struct answer_header *header, struct text_span payload);

static int64_t milliseconds_left(const struct request *request) {
    return request->operation->deadline_ms - (clock_mono_us() - request->started_us) / 1000;
}

static struct caller caller_of(const struct request *request) {
    return (struct caller){request->token.user_id, request->token.role, request->token.session, request->address};
}

/* Shared reads carry no caller: their answer must not depend on one. The newest request waits longest. */
static void start(struct flight *flight) {
    const struct request *newest = flight->requests->prev;
    const struct operation *operation = newest->operation;
    int64_t left_ms = milliseconds_left(newest);
    struct call_header header = {
        .id = newest->id,
        .operation = operation->name,
        .ttl_ms = left_ms > 1 ? (uint32_t)left_ms : 1,
        .command = newest->has_command ? newest->command : newest->id,
        .caller = {.role = "", .session = "", .address = ""},
        .request_id = newest->request_id,
        .trace = newest->trace,
    };
    if (!flight->group) {
        header.caller = caller_of(newest);
    } else if (flight->group->kept) {
        header.known = flight->group->version;
        flight->known = flight->group->kept;
        flight->known->references++;
    }
    flight->call = call_start(operation->service, &header, newest->message, on_answered, flight);
}

static void add_request(struct flight *flight, struct request *request);

/* It is no longer continued. Whoever takes the first reply has its reference. */
static struct answer *take_first(struct flight *flight) {
    struct answer *first = flight->first;
    if (first)
        DL_DELETE(continued, flight);
    flight->first = NULL;
    return first;
}

/* The group goes on without this flight. */
static void end_flight(struct flight *flight) {
    struct group *group = flight->group;
    struct answer *unused = take_first(flight);
    answer_release(&unused);
    answer_release(&flight->known);
    call_forget(&flight->call);
    hashing -= flight->route->operation->hashes;
    free(flight);
    if (!group)
        return;
    if (group->waiting == flight)
        group->waiting = NULL;
    if (group->running == flight) {
        group->running = group->waiting;
        group->waiting = NULL;
        if (group->running)
            start(group->running);
    }
    drop_if_idle(group);
}

static void leave(struct request *request) {
    struct flight *flight = request->place;
    DL_DELETE(flight->requests, request);
    if (!flight->requests)
        end_flight(flight);
}

static void add_request(struct flight *flight, struct request *request) {
    DL_APPEND(flight->requests, request);
    request->place = flight;
    request->leave = leave;
}

static struct flight *flight_new(const struct request *request, struct group *group) {
    struct flight *flight = calloc(1, sizeof *flight);
    if (!flight)
        abort();
    flight->route = request->route;
    flight->group = group;
    hashing += request->operation->hashes;
    return flight;
}

void coalesce_join(struct request *request) {
    struct group *group = request->operation->coalesce ? group_for(request) : NULL;
    if (group && group->waiting) {
        add_request(group->waiting, request);
    } else if (group && group->running && !call_was_sent(group->running->call)) {
        add_request(group->running, request);
    } else {
        struct flight *flight = flight_new(request, group);
        add_request(flight, request);
        if (group && group->running) {
            group->waiting = flight;
            return;
        }
        if (group)
            group->running = flight;
        start(flight);
    }
}

int coalesce_was_sent(const struct request *request) {
    const struct flight *flight = request->place;
    const struct flight *running = flight->group && flight->group->running ? flight->group->running : flight;
    return running->call && call_was_sent(running->call);
}

/* All its requests have their answer, whose reference is used up, and the flight is over. */
static void answer_requests(struct flight *flight, struct answer *answer) {
    struct request *requests = flight->requests, *request, *next;
    end_flight(flight);
    DL_FOREACH_SAFE(requests, request, next) {
        request->leave = NULL;
        request_answered(request, answer);
    }
    answer_release(&answer);
}

/* Of a continuation: is the first reply the better answer? That its request does not keep to the contract is no fault
 * of the client, who has not written it. */
static bool is_failure(const struct refusal *refusal) {
    return refusal &&
           (refusal->status >= 500 || refusal == &refusal_validation_error || refusal == &refusal_bad_request);
}

/* The continuation has answered. */
static void on_continued(void *owner, const struct answer_header *header, struct text_span payload) {
    struct flight *flight = owner;
    struct answer *answer = answer_new(flight->route, header, payload);
    flight->call = NULL;
    if (is_failure(answer->refusal)) {
        answer_release(&answer);
        answer = take_first(flight);
    }
    answer_requests(flight, answer);
}

/* Sends the reply on as the continuation's request. False where no time is left for it. */
static bool go_on(struct flight *flight, struct answer *first, struct text_span reply) {
    const struct request *request = flight->requests;
    const struct operation *continuation = request->operation->continuation;
    int64_t ttl_ms = milliseconds_left(request) - ANSWER_RESERVE_MS;
    if (ttl_ms <= 0)
        return false;
    if (ttl_ms > continuation->deadline_ms)
        ttl_ms = continuation->deadline_ms;
    struct call_header header = {
        .id = uuid_new(),
        .operation = continuation->name,
        .ttl_ms = (uint32_t)ttl_ms,
        .caller = caller_of(request),
        .request_id = request->request_id,
        .trace = request->trace,
    };
    header.command = header.id;
    flight->first = first;
    flight->until_ms = clock_mono_ms() + ttl_ms;
    DL_APPEND(continued, flight);
    flight->call = call_start(continuation->service, &header, reply, on_continued, flight);
    return true;
}

static void on_answered(void *owner, const struct answer_header *header, struct text_span payload) {
    struct flight *flight = owner;
    const struct operation *operation = flight->route->operation;
    flight->call = NULL;
    if (header->unchanged && !header->refusal && flight->known) {
        struct answer *known = flight->known;
        flight->known = NULL;
        answer_requests(flight, known);
        return;
    }
    struct answer *answer = answer_new(flight->route, header, payload);
    if (!answer->refusal)
        keep(flight, answer, header->version);
    if (operation->continuation && !answer->refusal &&
        codec_is_true(payload.bytes, payload.length, operation->continuation_field->key) &&
        go_on(flight, answer, payload))
        return;
    answer_requests(flight, answer);
}

bool coalesce_settle(const struct request *request) {
    struct flight *flight = request->place;
    struct answer *first = take_first(flight);
    if (first)
        answer_requests(flight, first);
    return first != NULL;
}

void coalesce_poll(void) {
    struct flight *flight, *next;
    int64_t now_ms = clock_mono_ms();
    forget_old_answers(now_ms);
    DL_FOREACH_SAFE(continued, flight, next)
    if (now_ms >= flight->until_ms)
        answer_requests(flight, take_first(flight));
}
