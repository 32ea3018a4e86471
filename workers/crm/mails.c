/* The sender of the channel "mail": what a row's body says is all that its mail is made of. */
#include "mails.h"

#include "mail.h"

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void begin_one(const struct claim *claim, struct pool *pool) {
    json_t *body = json_loads(claim->body, 0, NULL);
    const struct mail mail = {.to = text_of(body, "to"),
                              .name = text_of(body, "name"),
                              .template = text_of(body, "template"),
                              .language = text_of(body, "language"),
                              .zone = text_of(body, "zone"),
                              .unsubscribe = text_of(body, "unsubscribe"),
                              .values = json_object_get(body, "values"),
                              .calendar = json_object_get(body, "calendar")};
    mail_send(claim, &mail, pool);
    json_decref(body);
}

void mails_begin(struct worker *worker, const struct claim *claims, size_t count) {
    for (size_t i = 0; i < count; i++)
        begin_one(&claims[i], worker_pool(worker));
}
