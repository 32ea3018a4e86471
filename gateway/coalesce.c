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

struct flight {
    struct outgoing_call *call; /* NULL: it waits for the one that runs, or has been answered */
    struct request *requests;
    const struct route *route; /* of the first request: the others' shape is the same */
    struct group *group;       /* NULL: it shares with nobody */
};

struct group {
    UT_hash_handle hh;
    struct flight *running, *waiting;
    size_t key_length;
    char key[];
};

struct key_head {
    const struct operation *operation;
    const struct view *view;
};

static struct group *groups;

static struct group *group_for(const struct request *request) {
    static struct buffer key;
    struct key_head head = {request->operation, request->route->view};
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

static void on_answered(void *owner, const struct answer_header *header, struct text_span payload);

static uint32_t milliseconds_left(const struct request *request) {
    int64_t left_ms = request->operation->deadline_ms - (clock_mono_us() - request->started_us) / 1000;
    return left_ms > 1 ? (uint32_t)left_ms : 1;
}

/* Shared reads carry no caller: their answer must not depend on one. The newest request waits longest. */
static void start(struct flight *flight) {
    const struct request *newest = flight->requests->prev;
    const struct operation *operation = newest->operation;
    struct call_header header = {
        .id = newest->id,
        .operation = operation->name,
        .ttl_ms = milliseconds_left(newest),
        .command = newest->has_command ? newest->command : newest->id,
        .caller = {.role = "", .session = "", .address = ""},
        .request_id = newest->request_id,
        .trace = newest->trace,
    };
    if (!flight->group)
        header.caller =
            (struct caller){newest->token.user_id, newest->token.role, newest->token.session, newest->address};
    flight->call = call_start(operation->service, &header, newest->message, on_answered, flight);
}

static void add_request(struct flight *flight, struct request *request);

/* The group goes on without this flight. */
static void end_flight(struct flight *flight) {
    struct group *group = flight->group;
    call_forget(&flight->call);
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
    if (!group->running && !group->waiting) {
        HASH_DEL(groups, group);
        free(group);
    }
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

static void on_answered(void *owner, const struct answer_header *header, struct text_span payload) {
    struct flight *flight = owner;
    struct answer *answer = answer_new(flight->route, header, payload);
    struct request *requests = flight->requests, *request, *next;
    flight->call = NULL;
    end_flight(flight);
    DL_FOREACH_SAFE(requests, request, next) {
        request->leave = NULL;
        request_answered(request, answer);
    }
    answer_release(&answer);
}
