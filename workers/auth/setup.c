/* Checks the settings that only the auth worker reads, and makes the first administrator: nobody can register as one.
 */
#include "setup.h"

#include <string.h>

#include "audit.h"
#include "google.h"
#include "log.h"
#include "mail_channel.h"
#include "password.h"
#include "redis_link.h"
#include "rules.h"
#include "second_factor.h"
#include "settings.h"
#include "store.h"
#include "webhook_targets.h"

const char *setup_check(void) {
    if (!settings.jwt_secret_key[0])
        return "JWT_SECRET_KEY is not set: it needs at least 32 bytes";
    if (!settings.admin_email[0] != !settings.admin_password[0])
        return "ADMIN_EMAIL and ADMIN_PASSWORD must be set together";
    if (settings.admin_email[0] && (strlen(settings.admin_email) > 254 || !strchr(settings.admin_email, '@')))
        return "ADMIN_EMAIL is not an e-mail address";
    if (settings.admin_password[0] &&
        rule_password_weakness(settings.admin_password, settings.admin_email, NULL, settings_production()))
        return "ADMIN_PASSWORD is too easy to guess: production asks for 8 characters that are not among the commonest";
    const char *problem = redis_link_check();
    if (!problem)
        problem = second_factors_check();
    if (!problem)
        problem = google_check();
    if (!problem)
        problem = webhook_targets_check();
    return problem ? problem : mail_channel_check();
}

static int make_administrator(struct worker *worker, void *argument) {
    char hash[PASSWORD_HASH_SIZE];
    struct account account;
    int64_t id;
    (void)argument;
    if (store_find_accounts(worker, &settings.admin_email, 1, &account) != 0)
        return -1;
    if (account.id)
        return 0;
    if (password_hash(settings.admin_password, hash) != 0) {
        log_error("no memory to hash ADMIN_PASSWORD");
        return -1;
    }
    const struct new_account administrator = {.email = settings.admin_email,
                                              .name = "Administrator",
                                              .role = "admin",
                                              .is_verified = true,
                                              .password_hash = hash};
    if (store_create_accounts(worker, &administrator, 1, &id) != 0)
        return -1;
    if (!id) /* another auth worker was faster */
        return 0;
    log_info("made the first administrator, user %lld", (long long)id);
    const struct security_event event = {
        .event = "user_created", .user_id = id, .detail = "the first administrator, from ADMIN_EMAIL"};
    return audit_note(worker, &event, 1);
}

int setup_administrator(struct worker *worker) {
    return settings.admin_email[0] ? worker_transaction(worker, make_administrator, NULL) : 0;
}
