/* The sender of mails about accounts. What is due is looked up together, its tokens are made in one transaction, and
 * then each mail leaves. A second attempt makes a new token; the first one's stays good until it is over. */
#include "mail_channel.h"

#include <string.h>

#include "audit.h"
#include "clock.h"
#include "links.h"
#include "mail.h"
#include "settings.h"
#include "urls.h"

static void begin(struct worker *worker, const struct claim *claims, size_t count);

const struct delivery_channel mail_channel = {
    .name = "account_mail", .waits_s = mail_waits_s, .wait_count = MAIL_WAITS, .limit = MAIL_LIMIT, .begin = begin};

const char *mail_channel_check(void) {
    if (settings_production() && !settings.public_url[0])
        return "PUBLIC_URL is not set: links in mails need it";
    return mail_check();
}

enum recipient {
    TO_ACCOUNT, /* with the row's id */
    TO_HOLDER,  /* of the row's address, an account */
    TO_ADDRESS, /* the row's, on behalf of the account with its id */
};

static const struct kind {
    const char *name; /* of its template, and the purpose of its link */
    enum recipient to;
    const char *fragment; /* under which web/account/ takes the token; NULL: it has no link */
    const int64_t *ttl_s;
} kinds[] = {
    {"verify", TO_ACCOUNT, "verify", &settings.email_link_ttl_s},
    {"reset", TO_HOLDER, "reset", &settings.reset_link_ttl_s},
    {"email_change", TO_ADDRESS, "email", &settings.email_link_ttl_s},
    {"email_change_notice", TO_ADDRESS, NULL, NULL},
    {"email_changed", TO_ADDRESS, NULL, NULL},
    {"password_changed", TO_ACCOUNT, NULL, NULL},
    {"second_factor_added", TO_ACCOUNT, NULL, NULL},
    {"second_factor_removed", TO_ACCOUNT, NULL, NULL},
    {"recovery_codes_renewed", TO_ACCOUNT, NULL, NULL},
    {"api_key_added", TO_ACCOUNT, NULL, NULL},
    {"endpoint_added", TO_ACCOUNT, NULL, NULL},
    {"endpoint_changed", TO_ACCOUNT, NULL, NULL},
    {"google_linked", TO_ACCOUNT, NULL, NULL},
    {"facilitator_approved", TO_ACCOUNT, NULL, NULL},
    {"facilitator_declined", TO_ACCOUNT, NULL, NULL},
};

/* In place of a link, to who has the address that somebody else wants. */
static const struct kind email_taken = {"email_taken", TO_HOLDER, NULL, NULL};

static const struct kind *find_kind(const char *name) {
    for (size_t i = 0; name && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

struct letter {
    const struct claim *claim;
    json_t *body;
    const char *problem;     /* why it cannot be sent; NULL: it can */
    const struct kind *kind; /* NULL: the body names none */
    struct subject *subject;
    const char *asked_from, *request_id; /* of the call that asked for it; NULL: it does not say */
    const char *url;                     /* what it is about; NULL: nothing that has an address */
    const struct person *person;         /* whom it is about; NULL: nobody is to be told anything */
    const char *token;                   /* NULL: it has no link */
};

static const char *problem_of(const struct kind *kind, const struct subject *subject) {
    if (!kind)
        return "the body names no kind of mail";
    if (kind->to != TO_ACCOUNT && !subject->email)
        return "the body names nobody to send it to";
    return settings.public_url[0] ? mail_nowhere_to_go() : "PUBLIC_URL is not set";
}

static struct letter read_row(const struct claim *claim, struct subject *subject) {
    json_t *body = json_loads(claim->body, 0, NULL);
    *subject = (struct subject){.webhook_id = claim->webhook_id,
                                .user_id = json_integer_value(json_object_get(body, "user_id")),
                                .email = json_string_value(json_object_get(body, "email"))};
    const struct kind *kind = find_kind(json_string_value(json_object_get(body, "kind")));
    return (struct letter){.claim = claim,
                           .body = body,
                           .problem = problem_of(kind, subject),
                           .kind = kind,
                           .subject = subject,
                           .asked_from = json_string_value(json_object_get(body, "asked_from")),
                           .request_id = json_string_value(json_object_get(body, "request_id")),
                           .url = json_string_value(json_object_get(body, "url"))};
}

/* A link that a former password asked for, or that would verify what is verified, is of no use. */
static bool is_still_wanted(const struct letter *letter, const struct person *person) {
    if (letter->kind->fragment && letter->kind->to != TO_ACCOUNT && person->is_out_of_date)
        return false;
    return strcmp(letter->kind->name, "verify") != 0 || !person->is_verified;
}

/* Chooses whom it is about. */
static void judge(struct letter *letter) {
    const struct subject *subject = letter->subject;
    const struct person *person = letter->kind->to == TO_HOLDER ? &subject->holder : &subject->person;
    if (!person->is_reachable || !is_still_wanted(letter, person))
        return;
    if (letter->kind->to == TO_ADDRESS && letter->kind->fragment && subject->holder.id) {
        letter->kind = &email_taken;
        person = subject->holder.is_reachable && subject->holder.id != person->id ? &subject->holder : NULL;
    }
    letter->person = person;
}

static const char *address_of(const struct letter *letter) {
    return letter->kind->to == TO_ADDRESS ? letter->subject->email : letter->person->email;
}

struct batch {
    struct letter *letters;
    struct subject *subjects; /* theirs */
    size_t count;
};

static int make_tokens(struct worker *worker, const struct batch *batch) {
    struct pool *pool = worker_pool(worker);
    struct new_link *links = pool_alloc(pool, batch->count * sizeof *links);
    struct security_event *events = pool_alloc(pool, batch->count * sizeof *events);
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct letter *letter = &batch->letters[i];
        const struct kind *kind = letter->kind;
        if (!letter->person || !kind->fragment)
            continue;
        links[count] = (struct new_link){.purpose = kind->name,
                                         .user_id = letter->person->id,
                                         .email = address_of(letter),
                                         .webhook_id = letter->claim->webhook_id,
                                         .ttl_s = *kind->ttl_s};
        letter->token = links_new_token(pool, links[count].hash);
        events[count++] = (struct security_event){.event = "authn_token_created",
                                                  .user_id = letter->person->id,
                                                  .address = letter->asked_from,
                                                  .request_id = letter->request_id,
                                                  .detail = pool_printf(pool, "link by mail: %s", kind->name)};
    }
    return count && (links_store_add(worker, links, count) != 0 || audit_note(worker, events, count) != 0) ? -1 : 0;
}

/* Whoever has not shown yet that an address is theirs may have given any name: strangers get no words of theirs. */
static bool is_known(const struct letter *letter) {
    return letter->kind->to != TO_ADDRESS && letter->person->is_verified;
}

static json_t *values_of(const struct letter *letter, struct pool *pool) {
    const struct kind *kind = letter->kind;
    char asked_at[CLOCK_TEXT_SIZE];
    json_t *values = json_pack("{s:s, s:s}", "time_at", clock_text(1000 * letter->claim->created_at_s, asked_at),
                               "page", public_page("/account", pool));
    if (letter->url && is_known(letter))
        json_object_set_new(values, "url", json_string(letter->url));
    if (letter->token) {
        const char *path = pool_printf(pool, "/account#%s=%s", kind->fragment, letter->token);
        json_object_set_new(values, "link", json_string(public_page(path, pool)));
        json_object_set_new(values, "validity_s", json_integer(*kind->ttl_s));
    }
    return values;
}

static void send_letter(const struct letter *letter, struct pool *pool) {
    json_t *values = values_of(letter, pool);
    const struct mail mail = {.to = address_of(letter),
                              .name = is_known(letter) ? letter->person->name : "",
                              .template = letter->kind->name,
                              .language = letter->person->language,
                              .zone = letter->person->zone,
                              .unsubscribe = "",
                              .values = values};
    mail_send(letter->claim, &mail, pool);
    json_decref(values);
}

static void end(const struct letter *letter, enum delivery_verdict verdict, const char *error) {
    delivery_end(letter->claim->delivery, &(struct delivery_result){.verdict = verdict, .error = error});
}

/* Whom they are about, and their tokens: in a transaction of its own, before any of the mails leaves. */
static int complete(struct worker *worker, void *argument) {
    const struct batch *batch = argument;
    if (links_store_read(worker, batch->subjects, batch->count) != 0)
        return -1;
    for (size_t i = 0; i < batch->count; i++)
        if (!batch->letters[i].problem)
            judge(&batch->letters[i]);
    return make_tokens(worker, batch);
}

static void finish(const struct letter *letter, bool failed, struct pool *pool) {
    if (letter->problem)
        end(letter, DELIVERY_UNSENDABLE, letter->problem);
    else if (failed)
        end(letter, DELIVERY_INTERRUPTED, "the database did not give what it needs");
    else if (letter->person)
        send_letter(letter, pool);
    else
        end(letter, DELIVERY_DONE, NULL);
}

static void begin(struct worker *worker, const struct claim *claims, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct batch batch = {.letters = pool_alloc(pool, count * sizeof *batch.letters),
                          .subjects = pool_alloc(pool, count * sizeof *batch.subjects),
                          .count = count};
    for (size_t i = 0; i < count; i++)
        batch.letters[i] = read_row(&claims[i], &batch.subjects[i]);
    bool failed = worker_transaction(worker, complete, &batch) != 0;
    for (size_t i = 0; i < count; i++) {
        finish(&batch.letters[i], failed, pool);
        json_decref(batch.letters[i].body);
    }
}
