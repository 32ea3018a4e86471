/* Mails are made, handed over or filed; see mail.h. */
#include "mail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "format.h"
#include "message.h"
#include "settings.h"
#include "smtp.h"
#include "templates.h"

/* RFC 5321: a sender should not give up before four or five days. */
const int64_t mail_waits_s[MAIL_WAITS] = {20, 120, 600, 1800, 3600, 7200, 14400, 28800, 86400, 86400, 86400};

static struct {
    struct http_client *client;
    struct mailbox from;
} mails;

enum delivery_verdict mail_verdict(long status) {
    if (status >= 200 && status < 300)
        return DELIVERY_DONE;
    /* 530 is about us, not about this mail: the server wants a login that SMTP_URL does not give yet */
    return status >= 500 && status != 530 ? DELIVERY_DEAD : DELIVERY_AGAIN;
}

const char *mail_check(void) {
    static char sentence[128];
    struct mailbox from;
    const char *problem = settings.smtp_url[0] ? smtp_url_problem(settings.smtp_url) : NULL;
    if (problem) {
        snprintf(sentence, sizeof sentence, "SMTP_URL %s", problem);
        return sentence;
    }
    if (mailbox_parse(settings.mail_from, &from) != 0)
        return "MAIL_FROM is no address like Name <name@example.org>";
    return NULL;
}

void mail_start(struct http_client *client) {
    mails.client = client;
    mailbox_parse(settings.mail_from, &mails.from);
}

static void end_unsendable(const struct claim *claim, const char *reason) {
    delivery_end(claim->delivery, &(struct delivery_result){.verdict = DELIVERY_UNSENDABLE, .error = reason});
}

static void on_done(void *context, const struct http_response *response) {
    delivery_end(context, &(struct delivery_result){.verdict = mail_verdict(response->status),
                                                    .status = response->status,
                                                    .error = response->error});
}

static void hand_over(const struct claim *claim, const char *to, const struct buffer *message) {
    const struct smtp_mail mail = {.url = settings.smtp_url,
                                   .from = mails.from.address,
                                   .to = to,
                                   .message = message->bytes,
                                   .message_length = message->length,
                                   .timeout_ms = DELIVERY_ATTEMPT_MS};
    if (smtp_send(mails.client, &mail, on_done, claim->delivery) != 0)
        end_unsendable(claim, "SMTP_URL is no address");
}

/* The whole file, on the disk, or none. 0, or -1 with errno. */
static int write_file(const char *path, const struct buffer *message) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return -1;
    ssize_t written = write(file, message->bytes, message->length);
    if (written >= 0 && (size_t)written < message->length)
        errno = ENOSPC;
    int result = written == (ssize_t)message->length && fsync(file) == 0 ? 0 : -1;
    return close(file) == 0 ? result : -1;
}

/* Under a name of its own first; one that is there already is this very mail, and stays. */
static int lay_down(const struct claim *claim, const struct buffer *message, struct pool *pool) {
    time_t created = (time_t)claim->created_at_s;
    struct tm parts;
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&created, &parts));
    const char *path = pool_printf(pool, "%s/%s-%s.eml", settings.mail_folder, stamp, claim->webhook_id);
    const char *half = pool_printf(pool, "%s/.%s.%d", settings.mail_folder, claim->webhook_id, (int)getpid());
    int result = write_file(half, message);
    if (result == 0 && link(half, path) != 0 && errno != EEXIST)
        result = -1;
    int problem = errno;
    unlink(half);
    errno = problem;
    return result;
}

static void file_message(const struct claim *claim, const struct buffer *message, struct pool *pool) {
    struct delivery_result result = {.verdict = DELIVERY_DONE};
    if (lay_down(claim, message, pool) != 0) {
        result.verdict = DELIVERY_AGAIN;
        result.error = pool_printf(pool, "MAIL_FOLDER takes no file: %s", strerror(errno));
    }
    delivery_end(claim->delivery, &result);
}

/* NULL; or why no mail can be made of it. */
static const char *compose(const struct claim *claim, const struct mail *mail, struct pool *pool,
                           struct buffer *ret_message) {
    struct message message = {.from = &mails.from,
                              .to_name = mail->name,
                              .to_address = mail->to,
                              .id = claim->webhook_id,
                              .date_s = claim->created_at_s};
    if (!format_is_email(mail->to, strlen(mail->to)))
        return "the body names nobody to send it to";
    const char *name = mail->name[0] ? mail->name : mail->to;
    if (!json_is_object(mail->values) || json_object_set_new(mail->values, "name", json_string(name)) != 0)
        return "the body holds no values";
    const char *problem = template_fill(mail->template, mail->values, pool, &message.subject, &message.text);
    if (!problem)
        message_write(&message, ret_message);
    return problem;
}

const char *mail_nowhere_to_go(void) {
    if (settings.smtp_url[0] || (settings.mail_folder[0] && !settings_production()))
        return NULL;
    return settings_production() ? "SMTP_URL is not set" : "neither SMTP_URL nor MAIL_FOLDER is set";
}

void mail_send(const struct claim *claim, const struct mail *mail, struct pool *pool) {
    struct buffer message = {0};
    const char *problem = mail_nowhere_to_go();
    if (!problem)
        problem = compose(claim, mail, pool, &message);
    if (problem)
        end_unsendable(claim, problem);
    else if (settings.smtp_url[0])
        hand_over(claim, mail->to, &message);
    else
        file_message(claim, &message, pool);
    buffer_free(&message);
}
