/* Rows of the channel "account_mail"; see account_mail.h. */
#include "account_mail.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "clock.h"
#include "worker.h"

#define MINUTE_MS 60000

void account_mail_queue(struct worker *worker, const struct account_mail *mail) {
    struct pool *pool = worker_pool(worker);
    const struct call_header *cause = mail->cause;
    json_t *body = json_pack("{s:s, s:I, s:s*, s:s*, s:s*, s:s*}", "kind", mail->kind, "user_id",
                             (json_int_t)mail->user_id, "email", mail->email, "url", mail->url, "asked_from",
                             cause ? cause->caller.address : NULL, "request_id", cause ? cause->request_id : NULL);
    char *text = json_dumps(body, JSON_COMPACT);
    if (!text)
        abort();
    int64_t minute = clock_wall_ms() / MINUTE_MS;
    worker_outbox(worker, &(struct outbox_message){
                              .channel = "account_mail",
                              .owner_id = mail->user_id,
                              .type = pool_printf(pool, "account.%s", mail->kind),
                              .cause = pool_printf(pool, "%sminute:%" PRId64, mail->key ? mail->key : "", minute),
                              .body = text,
                              .trace = cause ? cause->trace : mail->trace});
    free(text);
    json_decref(body);
}
