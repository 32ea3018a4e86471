/* Uses and refusals on their way to the auth worker; see notes.h. One message is under way at a time; what comes
 * meanwhile stays for the next one, as far as there is room. */
#include "notes.h"

#include <inttypes.h>
#include <string.h>

#include "calls.h"
#include "clock.h"
#include "gateway.h"
#include "operations.h"
#include "request.h"

#define INTERVAL_MS 1000
#define USE_LIMIT 1000 /* these two as the message bounds them */
#define REFUSAL_LIMIT 200

struct use {
    char session[UUID_TEXT_SIZE];
    char address[INET6_ADDRSTRLEN];
};

struct refused {
    const char *event;
    int64_t user_id;
    char session[UUID_TEXT_SIZE];
    char address[INET6_ADDRSTRLEN];
    char request_id[REQUEST_ID_LIMIT + 1];
    const char *operation;
};

static struct {
    struct use uses[USE_LIMIT];
    struct refused refusals[REFUSAL_LIMIT];
    size_t use_count, refusal_count;
    struct outgoing_call *call; /* NULL: none is under way */
    size_t under_way;           /* notes in it */
    int64_t sent_ms;
    uint64_t dropped;
} notes;

/* Nobody fills the audit log: a person's refusals per minute, and of those by the limits one, which would tell no more
 * the second time. */
static const struct limit_policy refusal_policy = {"refusals", 60, 60, 1000000, 60000000, ""};
static const struct limit_policy limit_policy = {"limits", 1, 60, 60000000, 60000000, ""};

void notes_use(const struct request *request) {
    if (notes.use_count == USE_LIMIT) {
        notes.dropped++;
        return;
    }
    struct use *use = &notes.uses[notes.use_count++];
    strcpy(use->session, request->token.session);
    strcpy(use->address, request->address);
}

static bool is_too_much(const struct request *request, const char *event) {
    char key[64];
    const struct limit_policy *policy =
        strcmp(event, "excess_rate_limit_exceeded") == 0 ? &limit_policy : &refusal_policy;
    int length = snprintf(key, sizeof key, "notes of %" PRId64 " %s", request->token.user_id, policy->name);
    return limits_count_locally(policy, key, (size_t)length, clock_mono_us()) <= 0;
}

void notes_refusal(const struct request *request, const char *event) {
    if (!request->token.user_id)
        return;
    if (is_too_much(request, event) || notes.refusal_count == REFUSAL_LIMIT) {
        notes.dropped++;
        return;
    }
    struct refused *refused = &notes.refusals[notes.refusal_count++];
    refused->event = event;
    refused->user_id = request->token.user_id;
    refused->operation = request->operation->name;
    strcpy(refused->session, request->token.session);
    strcpy(refused->address, request->address);
    strcpy(refused->request_id, request->request_id);
}

/* What has come together; lives in gateway.scratch. */
static struct note_security_request packed(void) {
    struct note_security_request request = {0};
    pool_reset(gateway.scratch);
    request.uses.count = notes.use_count;
    request.uses.items = pool_alloc(gateway.scratch, notes.use_count * sizeof *request.uses.items);
    for (size_t i = 0; i < notes.use_count; i++)
        request.uses.items[i] =
            (struct note_security_request_uses){.session = notes.uses[i].session, .address = notes.uses[i].address};
    request.refusals.count = notes.refusal_count;
    request.refusals.items = pool_alloc(gateway.scratch, notes.refusal_count * sizeof *request.refusals.items);
    for (size_t i = 0; i < notes.refusal_count; i++) {
        const struct refused *refused = &notes.refusals[i];
        request.refusals.items[i] = (struct note_security_request_refusals){
            .event = refused->event,
            .user_id = refused->user_id,
            .session = refused->session,
            .address = refused->address,
            .request_id = refused->request_id,
            .detail = refused->operation,
        };
    }
    return request;
}

static void on_answered(void *owner, const struct answer_header *header, struct text_span payload) {
    (void)owner, (void)payload;
    notes.call = NULL;
    if (header->refusal)
        notes.dropped += notes.under_way;
}

static void tell(void) {
    const struct note_security_request request = packed();
    notes.under_way = notes.use_count + notes.refusal_count;
    notes.call = call_ask(&operation_note_security, &request, on_answered, NULL);
}

void notes_poll(void) {
    int64_t now_ms = clock_mono_ms();
    if (notes.call && now_ms - notes.sent_ms >= operation_note_security.deadline_ms) {
        notes.dropped += notes.under_way;
        call_forget(&notes.call);
    }
    if (notes.call || now_ms - notes.sent_ms < INTERVAL_MS || notes.use_count + notes.refusal_count == 0)
        return;
    if (calls_any_broker_is_up())
        tell();
    else
        notes.dropped += notes.use_count + notes.refusal_count;
    notes.sent_ms = now_ms;
    notes.use_count = notes.refusal_count = 0;
}

uint64_t notes_dropped(void) {
    return notes.dropped;
}

size_t notes_calls(void) {
    return notes.call != NULL;
}
