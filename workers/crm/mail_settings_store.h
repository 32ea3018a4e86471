/* The SQL of mail_settings.c. Each returns 0, or -1: the transaction failed. Texts that come back live in the worker's
 * pool. */
#ifndef TITHI_CRM_MAIL_SETTINGS_STORE_H
#define TITHI_CRM_MAIL_SETTINGS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "worker.h"

/* Of one person; ret_settings->language NULL: there is no such account. */
int store_read_mail_settings(struct worker *worker, int64_t user_id, struct mail_settings *ret_settings);

/* `language` and `time_zone` NULL: as before. `refused`, `wanted`: kinds. */
struct mail_change {
    int64_t user_id;
    const char *language, *time_zone;
    const char *const *refused, *const *wanted;
    size_t refused_count, wanted_count;
};

/* The account must be there. */
int store_change_mail_settings(struct worker *worker, const struct mail_change *change);

struct mail_key {
    const char *key;      /* NULL: nobody has got a link with that number */
    const char *language; /* of that person */
};

int store_read_mail_keys(struct worker *worker, const int64_t *user_ids, size_t count, struct mail_key *ret_keys);
/* Refusing twice is the same as once. */
int store_refuse_mails(struct worker *worker, const int64_t *user_ids, const char *const *kinds, size_t count);

#endif
