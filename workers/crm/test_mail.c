/* Trying out whether mail works: a mail that leaves while its caller waits, and a login at the mail server. Whom such a
 * mail may be sent to is bounded, so that the bearer's token makes nobody's relay of us. */
#include "test_mail.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mail.h"
#include "message.h"
#include "operations.h"
#include "rules.h"
#include "settings.h"
#include "uuid.h"
#include "worker.h"

#define UNDER_WAY_LIMIT 4 /* a mail server that hangs must not keep bookings from being noted */

static unsigned under_way;

const char *test_mail_check(void) {
    return rule_mail_list_is_good(settings.crm_mail_allow)
               ? NULL
               : "CRM_MAIL_ALLOW is no comma-separated list of addresses and @domains";
}

static bool may_be_sent_to(const char *address) {
    struct mailbox from;
    bool to_folder = !settings.smtp_url[0] && !settings_production();
    return to_folder || rule_mail_is_allowed(settings.crm_mail_allow, address) ||
           rule_mail_is_allowed(settings.admin_email, address) ||
           (mailbox_parse(settings.mail_from, &from) == 0 && rule_mail_is_allowed(from.address, address));
}

/* A call that waits for the mail server. */
struct waiting {
    struct worker *worker;
    void *call; /* the operation's struct */
};

/* False: there are too many, and it was refused. */
static bool begin_waiting(struct worker *worker, struct call *call, struct waiting **ret_waiting) {
    if (under_way == UNDER_WAY_LIMIT) {
        refuse(call, &refusal_overloaded);
        return false;
    }
    under_way++;
    struct call *deferred = call_defer(worker, call);
    *ret_waiting = pool_alloc(deferred->pool, sizeof **ret_waiting);
    **ret_waiting = (struct waiting){worker, deferred};
    return true;
}

static void end_waiting(const struct waiting *waiting) {
    under_way--;
    call_finish(waiting->worker, waiting->call); /* takes `waiting` with it */
}

static bool is_good(const struct http_response *response) {
    return response->status >= 200 && response->status < 300;
}

static void on_sent(void *context, const struct http_response *response) {
    const struct waiting *waiting = context;
    struct send_test_mail_call *call = waiting->call;
    if (is_good(response)) {
        call->reply.message = "Test email sent successfully";
        call->reply.email_sent = true;
    } else {
        refuse_field(&call->call, &refusal_mail_not_sent, "server", "%s", response->error);
    }
    end_waiting(waiting);
}

static void send_one(struct worker *worker, struct send_test_mail_call *asked) {
    struct waiting *waiting;
    if (!may_be_sent_to(asked->request.to_email)) {
        refuse_field(&asked->call, &refusal_mail_address_refused, "to_email", "is not in CRM_MAIL_ALLOW");
        return;
    }
    if (!begin_waiting(worker, &asked->call, &waiting))
        return;
    struct send_test_mail_call *call = waiting->call;
    char id[UUID_TEXT_SIZE];
    struct uuid uuid = uuid_new();
    json_t *values = json_pack("{s:s, s:s}", "subject", call->request.subject, "html", call->request.html_content);
    const struct mail mail = {.to = call->request.to_email,
                              .name = "",
                              .template = "test",
                              .language = "",
                              .zone = "",
                              .unsubscribe = "",
                              .values = values};
    const char *problem =
        mail_post(&mail, uuid_text(&uuid, id), clock_wall_ms() / 1000, call->call.pool, on_sent, waiting);
    json_decref(values);
    if (problem)
        on_sent(waiting, &(struct http_response){.error = problem});
}

int send_test_mail(struct worker *worker, struct send_test_mail_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        send_one(worker, &calls[i]);
    return 0;
}

/* NULL: SMTP_URL names none. */
static const char *user_of_server(struct pool *pool) {
    CURLU *url = curl_url();
    char *user = NULL;
    if (url && curl_url_set(url, CURLUPART_URL, settings.smtp_url, 0) == CURLUE_OK)
        curl_url_get(url, CURLUPART_USER, &user, CURLU_URLDECODE);
    const char *copy = user && *user ? pool_text(pool, user) : NULL;
    curl_free(user);
    curl_url_cleanup(url);
    return copy;
}

static void on_login(void *context, const struct http_response *response) {
    const struct waiting *waiting = context;
    struct test_mail_login_call *call = waiting->call;
    struct test_mail_login_reply *reply = &call->reply;
    SET_TEXT(*reply, gmail_user, user_of_server(call->call.pool));
    reply->authenticated = is_good(response) && reply->gmail_user;
    if (!is_good(response))
        reply->message = pool_printf(call->call.pool, "Gmail authentication failed: %s", response->error);
    else if (reply->gmail_user)
        reply->message = "Gmail authentication successful";
    else
        reply->message = "The mail server answers; SMTP_URL names no user to authenticate";
    end_waiting(waiting);
}

int test_mail_login(struct worker *worker, struct test_mail_login_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct waiting *waiting;
        calls[i].reply.message = "There is no mail server to authenticate at: SMTP_URL is not set";
        if (settings.smtp_url[0] && begin_waiting(worker, &calls[i].call, &waiting))
            mail_login(on_login, waiting);
    }
    return 0;
}
