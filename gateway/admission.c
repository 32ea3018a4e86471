/* Sessions and limits in one round trip; see admission.h. A batch is what one turn asked: its tickets name the
 * requests, in the order of the script's answers. */
#include "admission.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "clock.h"
#include "gateway.h"
#include "keys.h"
#include "redis.h"
#include "request.h"

#define BATCH_LIMIT 256
#define KEY_SIZE 160
#define ANSWER_LIMIT_MS 300

/* KEYS: what is asked about. ARGV: per key interval and window in microseconds, or 0 and 0 for the mark of an ended
 * session. A mark and a negative interval begin another request. Answers per key: 1 or 0 for a mark; else what
 * limits_quota() takes, or 0 where the request was refused before: what one limit refuses uses up no other, so that a
 * key that runs wild leaves its person's own calls alone. One caller may stand there several times. */
static const char script[] = "local time = redis.call('TIME')\n"
                             "local now = time[1] * 1000000 + time[2]\n"
                             "local stored = redis.call('MGET', unpack(KEYS))\n"
                             "local due, answers, refused = {}, {}, false\n"
                             "for i, key in ipairs(KEYS) do\n"
                             "  local interval, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])\n"
                             "  if interval <= 0 then\n"
                             "    refused, interval = false, -interval\n"
                             "  end\n"
                             "  if interval == 0 then\n"
                             "    answers[i] = stored[i] and 1 or 0\n"
                             "  elseif refused then\n"
                             "    answers[i] = 0\n"
                             "  else\n"
                             "    local at = math.max(due[key] or tonumber(stored[i] or 0) or 0, now) + interval\n"
                             "    if at - now > window then\n"
                             "      answers[i], refused = now + window - at, true\n"
                             "    else\n"
                             "      due[key] = at\n"
                             "      answers[i] = at - now\n"
                             "    end\n"
                             "  end\n"
                             "end\n"
                             "for key, at in pairs(due) do\n"
                             "  redis.call('SET', key, string.format('%.0f', at), 'PX', math.ceil((at - now) / 1000))\n"
                             "end\n"
                             "return answers\n";

/* What may be asked about one request, in the order of the answers: who is counted is the API key, the caller (who is
 * signed in, else the address), and where signing in and the like is tried besides the address the account that one is
 * signed in to. Accounts that are only named have no count here, or anybody could use up another's: the auth worker
 * knows where an account's own person comes from, and slows the others down. */
enum question { ASK_SESSION, ASK_KEY, ASK_CALLER, ASK_ACCOUNT, QUESTION_COUNT };

struct ticket {
    struct request *request; /* NULL: it has gone */
    bool asked[QUESTION_COUNT];
};

struct batch {
    struct batch *prev, *next;
    struct buffer keys, arguments; /* as Redis protocol */
    size_t key_count;
    int64_t sent_ms;
    size_t count;
    struct ticket tickets[BATCH_LIMIT];
};

static struct {
    struct batch *collecting; /* NULL: nothing to ask yet */
    struct batch *sent;       /* oldest first */
    struct batch *spare;
    struct buffer command;
} admission;

void admission_start(void) {
    limits_start();
    redis_start(script);
}

static struct batch *batch_new(void) {
    struct batch *batch = admission.spare;
    if (batch) {
        DL_DELETE(admission.spare, batch);
    } else if (!(batch = calloc(1, sizeof *batch))) {
        abort();
    }
    buffer_clear(&batch->keys);
    buffer_clear(&batch->arguments);
    batch->key_count = batch->count = 0;
    return batch;
}

static void batch_done(struct batch *batch) {
    DL_PREPEND(admission.spare, batch);
}

static const struct limit_policy *policy_of(const struct request *request, enum question question) {
    enum limit_class class = request->operation->limit;
    if (question == ASK_SESSION || class == LIMIT_NONE || (question == ASK_ACCOUNT && class != LIMIT_AUTH))
        return NULL;
    if (question == ASK_KEY)
        return request->key && request->key->policy.count ? &request->key->policy : NULL;
    return limits_policy(class);
}

/* The key to ask about, or 0 where the question does not arise. */
static size_t key_text(const struct request *request, enum question question, char ret_key[KEY_SIZE]) {
    const struct limit_policy *policy = policy_of(request, question);
    const int64_t user_id = request->token.user_id;
    const bool counts_person = question == ASK_ACCOUNT || request->operation->limit != LIMIT_AUTH;
    int length = 0;
    if (question == ASK_SESSION && user_id)
        length = snprintf(ret_key, KEY_SIZE, "tithi:revoked:%s", request->token.session);
    else if (question == ASK_KEY && policy)
        length = snprintf(ret_key, KEY_SIZE, "tithi:limit:key:%" PRId64, request->key->id);
    else if (policy && user_id && counts_person)
        length = snprintf(ret_key, KEY_SIZE, "tithi:limit:%s:%" PRId64, policy->name, user_id);
    else if (question == ASK_CALLER && policy)
        length = snprintf(ret_key, KEY_SIZE, "tithi:limit:%s:%s", policy->name, request->limit_scope);
    return length > 0 && length < KEY_SIZE ? (size_t)length : 0;
}

/* Returns whether that limit refuses the request. Of what is said about caller and account the tighter is kept. */
static bool note_quota(struct request *request, enum question question, int64_t debt_us) {
    struct quota quota = limits_quota(policy_of(request, question), debt_us);
    struct quota *so_far = question == ASK_KEY ? &request->key_quota : &request->quota;
    if (!so_far->policy || limits_tighter(&quota, so_far))
        *so_far = quota;
    return quota.refused;
}

static void decide_alone(struct request *request) {
    char key[KEY_SIZE];
    int64_t now_us = clock_mono_us();
    bool refused = false;
    for (enum question question = ASK_KEY; question < QUESTION_COUNT && !refused; question++) {
        size_t length = key_text(request, question, key);
        if (length)
            refused =
                note_quota(request, question, limits_count_locally(policy_of(request, question), key, length, now_us));
    }
    request_admitted(request, false);
}

static void append_decimal(struct buffer *target, uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    buffer_append(target, digits + at, sizeof digits - at);
}

/* One argument in Redis' protocol. */
static void append_argument(struct buffer *arguments, const char *text, size_t length) {
    buffer_append_byte(arguments, '$');
    append_decimal(arguments, length);
    buffer_append(arguments, "\r\n", 2);
    buffer_append(arguments, text, length);
    buffer_append(arguments, "\r\n", 2);
}

static void append_number(struct buffer *arguments, int64_t number) {
    static struct buffer text;
    buffer_clear(&text);
    if (number < 0)
        buffer_append_byte(&text, '-');
    append_decimal(&text, number < 0 ? -(uint64_t)number : (uint64_t)number);
    append_argument(arguments, text.bytes, text.length);
}

/* The request has gone while its questions are on their way. */
static void leave(struct request *request) {
    ((struct ticket *)request->place)->request = NULL;
}

static bool add_questions(struct batch *batch, struct ticket *ticket, const struct request *request) {
    char key[KEY_SIZE];
    size_t before = batch->key_count;
    for (enum question question = 0; question < QUESTION_COUNT; question++) {
        size_t length = key_text(request, question, key);
        ticket->asked[question] = length != 0;
        if (!length)
            continue;
        const struct limit_policy *policy = policy_of(request, question);
        int64_t interval_us = policy ? policy->interval_us : 0;
        append_argument(&batch->keys, key, length);
        append_number(&batch->arguments, batch->key_count == before ? -interval_us : interval_us);
        append_number(&batch->arguments, policy ? policy->window_us : 0);
        batch->key_count++;
    }
    return batch->key_count > before;
}

void admission_ask(struct request *request) {
    if (!redis_is_up()) {
        decide_alone(request);
        return;
    }
    if (!admission.collecting)
        admission.collecting = batch_new();
    struct batch *batch = admission.collecting;
    struct ticket *ticket = &batch->tickets[batch->count];
    if (!add_questions(batch, ticket, request)) {
        request_admitted(request, false);
        return;
    }
    ticket->request = request;
    request->place = ticket;
    request->leave = leave;
    if (++batch->count == BATCH_LIMIT)
        admission_flush();
    gateway_flush_soon();
}

static void take_answers(struct ticket *ticket, redisReply **answers) {
    struct request *request = ticket->request;
    bool revoked = false;
    for (enum question question = 0; question < QUESTION_COUNT; question++) {
        if (!ticket->asked[question])
            continue;
        int64_t answer = (*answers++)->integer;
        if (question == ASK_SESSION)
            revoked = answer != 0;
        else if (answer != 0)
            note_quota(request, question, answer);
    }
    request_admitted(request, revoked);
}

static bool is_answer(const redisReply *reply, size_t count) {
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (reply->element[i]->type != REDIS_REPLY_INTEGER)
            return false;
    return true;
}

static void on_reply(redisAsyncContext *context, void *reply_, void *owner) {
    (void)context;
    redisReply *reply = reply_;
    struct batch *batch = owner;
    DL_DELETE(admission.sent, batch);
    bool good = is_answer(reply, batch->key_count);
    if (reply && !good)
        redis_drop(reply->type == REDIS_REPLY_ERROR ? reply->str : "it answers something else");
    redisReply **answers = good ? reply->element : NULL;
    for (size_t i = 0; i < batch->count; i++) {
        struct ticket *ticket = &batch->tickets[i];
        if (ticket->request) {
            ticket->request->leave = NULL;
            if (good)
                take_answers(ticket, answers);
            else
                decide_alone(ticket->request);
        }
        for (enum question question = 0; good && question < QUESTION_COUNT; question++)
            answers += ticket->asked[question];
    }
    batch_done(batch);
    gateway_flush_soon();
}

/* While one batch is on its way the next one grows: the busier the gateway, the fewer calls Redis gets for it. */
void admission_flush(void) {
    struct batch *batch = admission.collecting;
    if (!batch || batch->count == 0 || (admission.sent && batch->count < BATCH_LIMIT))
        return;
    admission.collecting = NULL;
    struct buffer *command = &admission.command;
    buffer_clear(command);
    buffer_printf(command, "*%zu\r\n", 3 + 3 * batch->key_count);
    append_argument(command, "EVALSHA", 7);
    append_argument(command, redis_script_hash(), strlen(redis_script_hash()));
    append_number(command, (int64_t)batch->key_count);
    buffer_append(command, batch->keys.bytes, batch->keys.length);
    buffer_append(command, batch->arguments.bytes, batch->arguments.length);
    batch->sent_ms = clock_mono_ms();
    DL_APPEND(admission.sent, batch);
    redis_send(command->bytes, command->length, on_reply, batch);
    redis_flush();
}

void admission_poll(void) {
    if (admission.sent && clock_mono_ms() - admission.sent->sent_ms > ANSWER_LIMIT_MS)
        redis_drop("no answer in time");
    redis_poll();
}
