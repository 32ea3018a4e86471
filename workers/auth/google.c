/* The three operations of sign-in with Google. A call waits here as a visit while the provider is asked (oidc.c,
 * code_flow.c); all that it changes then happens in one transaction (identities.c). The provider is asked on behalf of
 * few at a time, so that one that hangs keeps nobody from signing in otherwise. */
#include "google.h"

#include <sodium.h>
#include <string.h>
#include <sys/queue.h>

#include "clock.h"
#include "code_flow.h"
#include "identities.h"
#include "identities_store.h"
#include "log.h"
#include "oidc.h"
#include "operations.h"
#include "outside.h"
#include "settings.h"
#include "urls.h"

#define VISITS_LIMIT 8         /* that wait for the provider; each keeps one of the worker's credits */
#define PATIENCE_MS 7000       /* with the provider, all in all */
#define ANSWER_RESERVE_MS 1500 /* left of a call's deadline when the provider has answered */
#define RANDOM_BYTES 32
#define TRIES 3

enum stage { STAGE_OPEN, STAGE_REDEEMING, STAGE_OVER };

struct visit {
    TAILQ_ENTRY(visit) link;
    struct call *call;                                           /* deferred; the visit lives in its pool */
    void (*go_on)(struct visit *visit);                          /* until it is over, or must wait */
    int (*conclude)(struct worker *worker, struct visit *visit); /* in a transaction; 0, or -1 */
    enum stage stage;
    int64_t give_up_mono_ms;
    uint64_t sought;            /* by oidc_find_keys() */
    struct outside_login login; /* of the code flow */
    const char *id_token;       /* to be verified */
    const char *nonce;          /* that it must hold; NULL: none */
    struct identity identity;   /* proven, where the call is not refused */
};

static TAILQ_HEAD(, visit) visits = TAILQ_HEAD_INITIALIZER(visits);
static size_t visit_count;
static struct oidc *oidc;

/* ---- Settings */

const char *google_check(void) {
    static char sentence[200];
    const char *issuer = settings.google_issuer;
    if (!settings.google_client_id[0])
        return settings.google_client_secret[0] ? "GOOGLE_CLIENT_ID is not set, but GOOGLE_CLIENT_SECRET is" : NULL;
    if (!settings.google_client_secret[0])
        return "GOOGLE_CLIENT_SECRET is not set, but GOOGLE_CLIENT_ID is";
    if (!settings.public_url[0])
        return "PUBLIC_URL is not set: Google needs a page to send people back to";
    const char *problem = issuer[strcspn(issuer, "?#")] ? "must have no query" : url_problem(issuer);
    snprintf(sentence, sizeof sentence, "GOOGLE_ISSUER %s", problem ? problem : "");
    return problem ? sentence : NULL;
}

static struct code_flow_client client_of(struct pool *pool) {
    return (struct code_flow_client){.id = settings.google_client_id,
                                     .secret = settings.google_client_secret,
                                     .redirect_uri = public_page("/auth/google/callback", pool)};
}

static struct oidc *provider(void) {
    if (!oidc)
        oidc = oidc_new(settings.google_issuer, outside_client());
    return oidc;
}

/* ---- Visits */

static struct visit *visit_new(struct worker *worker, struct call *call, void (*go_on)(struct visit *),
                               int (*conclude)(struct worker *, struct visit *)) {
    struct call *deferred = call_defer(worker, call);
    struct visit *visit = pool_alloc(deferred->pool, sizeof *visit);
    int64_t patient = clock_mono_ms() + PATIENCE_MS, latest = deferred->deadline_mono_ms - ANSWER_RESERVE_MS;
    visit->call = deferred;
    visit->go_on = go_on;
    visit->conclude = conclude;
    visit->give_up_mono_ms = patient < latest ? patient : latest;
    TAILQ_INSERT_TAIL(&visits, visit, link);
    visit_count++;
    return visit;
}

static void end(struct visit *visit) {
    visit->stage = STAGE_OVER;
}

static void end_refused(struct visit *visit, const struct refusal *refusal) {
    refuse(visit->call, refusal);
    end(visit);
}

/* The word of the provider, or of somebody who says he has it, does not hold. */
static void end_forged(struct visit *visit, const char *field, const char *problem) {
    const struct call *call = visit->call;
    log_line(LOG_LEVEL_WARN, call->header.request_id, "suspicious: %s %s; sign-in with Google from %s", field, problem,
             call->header.caller.address);
    refuse_field(visit->call, &refusal_identity_refused, field, "%s", problem);
    end(visit);
}

/* True: it is ready. */
static bool look(struct visit *visit, enum oidc_state state) {
    if (state == OIDC_AWAY)
        end_refused(visit, &refusal_identity_provider_unavailable);
    return state == OIDC_READY;
}

static void verify(struct visit *visit) {
    struct pool *pool = visit->call->pool;
    const struct key_set *keys;
    const char *key_id, *problem = id_token_key_id(visit->id_token, pool, &key_id);
    if (!problem) {
        if (!look(visit, oidc_find_keys(provider(), clock_mono_ms(), key_id, &visit->sought, &keys)))
            return;
        const struct id_token_wanted wanted = {.issuer = settings.google_issuer,
                                               .client_id = settings.google_client_id,
                                               .nonce = visit->nonce,
                                               .now_s = clock_wall_ms() / 1000};
        problem = id_token_verify(visit->id_token, keys, &wanted, pool, &visit->identity);
    }
    if (problem)
        end_forged(visit, "id_token", problem);
    else
        end(visit);
}

/* ---- The end of a visit */

static int conclude_in_transaction(struct worker *worker, void *argument) {
    struct visit *visit = argument;
    return visit->conclude(worker, visit);
}

static void finish(struct worker *worker, struct visit *visit) {
    struct call *call = visit->call;
    const struct refusal *refusal = call->refusal;
    const struct problems details = call->details;
    uint32_t retry_after_s = call->retry_after_s;
    bool nothing_to_note = refusal && refusal->retry_after_s; /* it is only not now */
    int failed = nothing_to_note ? 0 : -1;
    for (int tries = 0; failed && tries < TRIES; tries++) {
        call->refusal = refusal;
        call->details = details;
        call->retry_after_s = retry_after_s;
        failed = worker_transaction(worker, conclude_in_transaction, visit);
    }
    if (failed && !refusal) {
        call->details = details;
        call->retry_after_s = retry_after_s;
        refuse(call, &refusal_unavailable);
    }
    call_finish(worker, call);
}

static bool must_wait(struct visit *visit) {
    if (visit->stage == STAGE_OPEN)
        visit->go_on(visit);
    if (visit->stage == STAGE_OPEN && clock_mono_ms() >= visit->give_up_mono_ms)
        end_refused(visit, &refusal_identity_provider_unavailable);
    return visit->stage != STAGE_OVER;
}

void google_tick(struct worker *worker) {
    size_t waiting = 0;
    for (struct visit *visit = TAILQ_FIRST(&visits), *next; visit; visit = next) {
        next = TAILQ_NEXT(visit, link);
        if (must_wait(visit)) {
            if (++waiting <= VISITS_LIMIT || visit->stage == STAGE_REDEEMING)
                continue;
            end_refused(visit, &refusal_overloaded);
        }
        TAILQ_REMOVE(&visits, visit, link);
        visit_count--;
        finish(worker, visit);
    }
}

bool google_busy(void) {
    return visit_count;
}

void google_stop(struct worker *worker) {
    for (struct visit *visit; (visit = TAILQ_FIRST(&visits));) {
        TAILQ_REMOVE(&visits, visit, link);
        refuse(visit->call, &refusal_unavailable);
        call_finish(worker, visit->call);
    }
    visit_count = 0;
    oidc_destroy(&oidc);
}

static bool is_set_up(struct call *call) {
    if (!settings.google_client_id[0])
        refuse(call, &refusal_sign_in_not_configured);
    return settings.google_client_id[0];
}

/* ---- GET /auth/google */

static const char *random_text(struct pool *pool) {
    unsigned char bytes[RANDOM_BYTES];
    size_t size = sodium_base64_encoded_len(sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    randombytes_buf(bytes, sizeof bytes);
    return sodium_bin2base64(pool_alloc(pool, size), size, bytes, sizeof bytes,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void lead_away(struct visit *visit) {
    struct begin_google_sign_in_call *call = (struct begin_google_sign_in_call *)visit->call;
    struct pool *pool = visit->call->pool;
    struct code_flow_client client = client_of(pool);
    struct oidc_endpoints endpoints;
    if (!look(visit, oidc_find_endpoints(provider(), clock_mono_ms(), &endpoints)))
        return;
    struct outside_login *login = &visit->login;
    *login = (struct outside_login){random_text(pool), random_text(pool), random_text(pool), random_text(pool)};
    call->reply.authorization_url =
        code_flow_url(&endpoints, &client, login->state, login->nonce, login->verifier, pool);
    call->reply.browser = login->browser;
    end(visit);
}

static int keep_login(struct worker *worker, struct visit *visit) {
    return visit->call->refusal ? 0 : identities_store_add_login(worker, &visit->login);
}

int begin_google_sign_in(struct worker *worker, struct begin_google_sign_in_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (is_set_up(&calls[i].call))
            visit_new(worker, &calls[i].call, lead_away, keep_login);
    google_tick(worker);
    return 0;
}

/* ---- GET /auth/google/callback */

static void on_token(void *context, const struct http_response *response) {
    struct visit *visit = context;
    struct code_flow_answer answer = code_flow_read(response, visit->call->pool);
    visit->stage = STAGE_OPEN;
    visit->id_token = answer.id_token;
    visit->nonce = visit->login.nonce;
    if (answer.refused)
        end_forged(visit, "code", answer.refused);
    else if (answer.away) {
        log_warn("%s: its token endpoint %s", settings.google_issuer, answer.away);
        end_refused(visit, &refusal_identity_provider_unavailable);
    }
}

/* RFC 9207: a mix-up of providers would show here. */
static bool comes_from_issuer(const struct finish_google_sign_in_request *request,
                              const struct oidc_endpoints *endpoints) {
    return request->has_iss == PRESENCE_SET ? strcmp(request->iss, settings.google_issuer) == 0
                                            : !endpoints->names_itself;
}

static void redeem(struct visit *visit) {
    const struct finish_google_sign_in_request *request =
        &((const struct finish_google_sign_in_call *)visit->call)->request;
    struct code_flow_client client = client_of(visit->call->pool);
    struct oidc_endpoints endpoints;
    if (!look(visit, oidc_find_endpoints(provider(), clock_mono_ms(), &endpoints)))
        return;
    int64_t left_ms = visit->give_up_mono_ms - clock_mono_ms();
    if (!comes_from_issuer(request, &endpoints)) {
        end_forged(visit, "iss", "is not the provider that was asked");
        return;
    }
    visit->stage = STAGE_REDEEMING;
    if (left_ms <= 0 || code_flow_redeem(outside_client(), &endpoints, &client, request->code, visit->login.verifier,
                                         left_ms, on_token, visit) != 0)
        end_refused(visit, &refusal_identity_provider_unavailable);
}

static void come_back(struct visit *visit) {
    if (visit->id_token)
        verify(visit);
    else
        redeem(visit);
}

static int sign_in_come_back(struct worker *worker, struct visit *visit) {
    struct finish_google_sign_in_call *call = (struct finish_google_sign_in_call *)visit->call;
    struct sign_in sign_in = {.call = visit->call, .user_agent = call->request.user_agent, .method = "google"};
    struct signed_in answer = {0};
    const char *picture = NULL;
    if (identities_sign_in(worker, &sign_in, &visit->identity, false, &answer, &picture) != 0)
        return -1;
    call->reply = (struct finish_google_sign_in_reply){
        .access_token = answer.access_token,
        .refresh_token = answer.refresh_token,
        .token_type = answer.token_type,
        .expires_in = answer.expires_in,
        .second_factor_setup_required = answer.second_factor_setup_required,
        .has_second_factor_setup_required = answer.has_second_factor_setup_required,
        .user = {.id = answer.user.id,
                 .email = answer.user.email,
                 .name = answer.user.name,
                 .role = answer.user.role,
                 .google_id = visit->identity.subject},
        .next = public_page("/app/signed-in", visit->call->pool),
    };
    SET_TEXT(call->reply.user, profile_picture, picture);
    return 0;
}

/* The sign-in that this browser began, which is good once, whatever comes of it. */
static int take_login(struct worker *worker, struct finish_google_sign_in_call *call) {
    const struct finish_google_sign_in_request *request = &call->request;
    struct outside_login login = {.state = request->has_state ? request->state : "",
                                  .browser = request->has_google_cookie ? request->google_cookie : ""};
    bool found;
    if (identities_store_take_login(worker, &login, &found) != 0)
        return -1;
    struct visit *visit = visit_new(worker, &call->call, come_back, sign_in_come_back);
    if (found && request->has_code == PRESENCE_SET && request->has_error != PRESENCE_SET) {
        visit->login = (struct outside_login){.nonce = pool_text(visit->call->pool, login.nonce),
                                              .verifier = pool_text(visit->call->pool, login.verifier)};
        return 0;
    }
    end_refused(visit, &refusal_sign_in_interrupted);
    return 0;
}

int finish_google_sign_in(struct worker *worker, struct finish_google_sign_in_call *calls, size_t count) {
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        if (!is_set_up(&calls[i].call))
            continue;
        if (visit_count >= VISITS_LIMIT) /* before the sign-in is used up */
            refuse(&calls[i].call, &refusal_overloaded);
        else
            result = take_login(worker, &calls[i]);
    }
    if (result == 0) /* else the group's failure must be told as it is */
        google_tick(worker);
    return result;
}

/* ---- POST /auth/google */

static void check_token(struct visit *visit) {
    const struct sign_in_with_google_request *request = &((struct sign_in_with_google_call *)visit->call)->request;
    verify(visit);
    if (visit->stage == STAGE_OVER && !visit->call->refusal && request->has_google_id == PRESENCE_SET &&
        strcmp(request->google_id, visit->identity.subject) != 0)
        end_forged(visit, "google_id", "is not whom the token is about");
}

static int sign_in_by_token(struct worker *worker, struct visit *visit) {
    struct sign_in_with_google_call *call = (struct sign_in_with_google_call *)visit->call;
    struct sign_in sign_in = {
        .call = visit->call, .user_agent = call->request.user_agent, .otp = call->request.otp, .method = "google"};
    const char *picture = NULL;
    return identities_sign_in(worker, &sign_in, &visit->identity, true, &call->reply, &picture);
}

int sign_in_with_google(struct worker *worker, struct sign_in_with_google_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!is_set_up(&calls[i].call))
            continue;
        struct visit *visit = visit_new(worker, &calls[i].call, check_token, sign_in_by_token);
        visit->id_token = calls[i].request.id_token;
        visit->nonce = calls[i].request.has_nonce == PRESENCE_SET ? calls[i].request.nonce : NULL;
    }
    google_tick(worker);
    return 0;
}
