/* Mails are made, handed over or filed; see mail.h. */
#include "mail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "calendar.h"
#include "format.h"
#include "layout.h"
#include "message.h"
#include "settings.h"
#include "smtp.h"
#include "templates.h"
#include "urls.h"
#include "values.h"

/* RFC 5321: a sender should not give up before four or five days. */
const int64_t mail_waits_s[MAIL_WAITS] = {20, 120, 600, 1800, 3600, 7200, 14400, 28800, 86400, 86400, 86400};

#define FILED 250 /* the folder's word, as a server would give it */

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
    values_start();
}

static void end_unsendable(const struct claim *claim, const char *reason) {
    delivery_end(claim->delivery, &(struct delivery_result){.verdict = DELIVERY_UNSENDABLE, .error = reason});
}

static void on_done(void *context, const struct http_response *response) {
    delivery_end(context, &(struct delivery_result){.verdict = mail_verdict(response->status),
                                                    .status = response->status,
                                                    .error = response->error});
}

/* A mail that is made, on its way to the server or the folder. */
struct outgoing {
    const char *id; /* of its Message-ID and its file */
    int64_t date_s;
    const char *to;
    struct buffer message;
    http_done *done;
    void *context;
};

static const char *hand_over(const struct outgoing *outgoing) {
    const struct smtp_mail mail = {.url = settings.smtp_url,
                                   .from = mails.from.address,
                                   .to = outgoing->to,
                                   .message = outgoing->message.bytes,
                                   .message_length = outgoing->message.length,
                                   .timeout_ms = DELIVERY_ATTEMPT_MS};
    int sent = smtp_send(mails.client, &mail, outgoing->done, outgoing->context);
    return sent == 0 ? NULL : "SMTP_URL is no address";
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

/* Under a name of its own first; one that is there already is this very mail, which is sent again: it becomes newer. */
static int lay_down(const struct outgoing *outgoing, struct pool *pool) {
    time_t created = (time_t)outgoing->date_s;
    struct tm parts;
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&created, &parts));
    const char *path = pool_printf(pool, "%s/%s-%s.eml", settings.mail_folder, stamp, outgoing->id);
    const char *half = pool_printf(pool, "%s/.%s.%d", settings.mail_folder, outgoing->id, (int)getpid());
    int result = write_file(half, &outgoing->message);
    if (result == 0 && rename(half, path) != 0)
        result = -1;
    int problem = errno;
    unlink(half);
    errno = problem;
    return result;
}

static void file_message(const struct outgoing *outgoing, struct pool *pool) {
    struct http_response response = {.status = FILED};
    if (lay_down(outgoing, pool) != 0)
        response = (struct http_response){.error = pool_printf(pool, "MAIL_FOLDER takes no file: %s", strerror(errno))};
    outgoing->done(outgoing->context, &response);
}

/* --- its content. What can go wrong returns a sentence, NULL where it did not. */

struct composing {
    const struct mail *mail;
    struct pool *pool;
    struct message message;
    json_t *values; /* as texts */
};

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static const char *pooled(struct buffer *buffer, struct pool *pool) {
    const char *text = pool_copy(pool, buffer->bytes, buffer->length);
    buffer_free(buffer);
    return text;
}

static const char *language_of(const struct mail *mail) {
    return *mail->language ? mail->language : "en";
}

static const char *localize(struct composing *composing) {
    const struct mail *mail = composing->mail;
    const struct place place = {language_of(mail), *mail->zone ? mail->zone : "UTC"};
    const char *problem = NULL;
    if (!json_is_object(mail->values))
        return "the body holds no values";
    composing->values = values_localize(mail->values, &place, composing->pool, &problem);
    if (problem)
        return problem;
    json_object_set_new(composing->values, "name", json_string(*mail->name ? mail->name : mail->to));
    if (settings.public_url[0])
        json_object_set_new(composing->values, "site", json_string(public_page("", composing->pool)));
    return NULL;
}

/* The token is put into a header and a link, so it is held to what tokens are made of. */
static const char *link_end(struct composing *composing) {
    const char *token = composing->mail->unsubscribe;
    if (!*token || !settings.public_url[0])
        return NULL;
    if (strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != strlen(token))
        return "the body's token to unsubscribe is none";
    const char *path = pool_printf(composing->pool, "/mail/unsubscribe?token=%s", token);
    composing->message.unsubscribe = public_page(path, composing->pool);
    json_object_set_new(composing->values, "unsubscribe_url", json_string(composing->message.unsubscribe));
    return NULL;
}

static const char *lay_out(struct composing *composing) {
    const struct mail *mail = composing->mail;
    const struct template *template = template_find(mail->template, language_of(mail));
    if (!template)
        return pool_printf(composing->pool, "there is no template %s", mail->template);
    struct message *message = &composing->message;
    struct layout layout = {.language = template->language};
    const char *problem = template_fill(template, composing->values, composing->pool, &layout.subject, &layout.text);
    if (problem)
        return problem;
    const struct template *footer = template_find("footer", template->language);
    const char *unused;
    problem = template_fill(footer, composing->values, composing->pool, &unused, &layout.footer);
    struct buffer text = {0}, html = {0};
    layout_text(&layout, &text);
    layout_html(&layout, &html);
    message->subject = layout.subject;
    message->language = layout.language;
    message->text = pooled(&text, composing->pool);
    message->html = pooled(&html, composing->pool);
    return problem;
}

/* The operator's own mail, as it is. */
static const char *take_as_it_is(struct composing *composing) {
    struct message *message = &composing->message;
    struct buffer text = {0};
    message->subject = pool_text(composing->pool, text_of(composing->values, "subject"));
    message->html = pool_text(composing->pool, text_of(composing->values, "html"));
    message->language = "en";
    layout_strip(message->html, &text);
    message->text = pooled(&text, composing->pool);
    return *message->subject && *message->html ? NULL : "the value subject or html is missing";
}

/* "2026-08-01T10:00:00Z"; 0 where it is not given. */
static const char *read_moment(const json_t *calendar, const char *key, int64_t *ret_s) {
    const char *text = text_of(calendar, key);
    *ret_s = 0;
    return *text && values_read_moment(text, ret_s) != 0 ? "the body's calendar holds a time that is none" : NULL;
}

static const char *invite(struct composing *composing) {
    const json_t *body = composing->mail->calendar;
    const char *method = text_of(body, "method");
    if (!json_is_object(body))
        return NULL;
    struct calendar calendar = {.uid = text_of(body, "uid"),
                                .sequence = json_integer_value(json_object_get(body, "sequence")),
                                .cancelled = strcmp(method, "CANCEL") == 0,
                                .stamp_s = composing->message.date_s,
                                .summary = text_of(body, "summary"),
                                .location = text_of(body, "location"),
                                .url = text_of(body, "url"),
                                .description = text_of(body, "description"),
                                .organizer = &mails.from,
                                .attendee_name = composing->mail->name,
                                .attendee = composing->mail->to};
    const char *problem = read_moment(body, "start_at", &calendar.start_s);
    if (!problem)
        problem = read_moment(body, "end_at", &calendar.end_s);
    if (!problem && (!*calendar.uid || !calendar.start_s || (!calendar.cancelled && strcmp(method, "REQUEST") != 0)))
        problem = "the body's calendar lacks its uid, start_at or method";
    if (problem)
        return problem;
    composing->message.calendar = calendar_text(&calendar, composing->pool);
    composing->message.cancels = calendar.cancelled;
    return composing->message.calendar ? NULL : "libical makes nothing of the body's calendar";
}

static const char *compose(const struct mail *mail, struct pool *pool, struct outgoing *outgoing) {
    struct composing composing = {.mail = mail,
                                  .pool = pool,
                                  .message = {.from = &mails.from,
                                              .to_name = mail->name,
                                              .to_address = mail->to,
                                              .id = outgoing->id,
                                              .date_s = outgoing->date_s}};
    const char *problem = format_is_email(mail->to, strlen(mail->to)) ? NULL : "the body names nobody to send it to";
    if (!problem)
        problem = localize(&composing);
    if (!problem)
        problem = link_end(&composing);
    if (!problem)
        problem = strcmp(mail->template, "test") == 0 ? take_as_it_is(&composing) : lay_out(&composing);
    if (!problem)
        problem = invite(&composing);
    if (!problem)
        message_write(&composing.message, &outgoing->message);
    json_decref(composing.values);
    return problem;
}

const char *mail_nowhere_to_go(void) {
    if (settings.smtp_url[0] || (settings.mail_folder[0] && !settings_production()))
        return NULL;
    return settings_production() ? "SMTP_URL is not set" : "neither SMTP_URL nor MAIL_FOLDER is set";
}

const char *mail_post(const struct mail *mail, const char *id, int64_t date_s, struct pool *pool, http_done *done,
                      void *context) {
    struct outgoing outgoing = {.id = id, .date_s = date_s, .to = mail->to, .done = done, .context = context};
    const char *problem = mail_nowhere_to_go();
    if (!problem)
        problem = compose(mail, pool, &outgoing);
    if (!problem && settings.smtp_url[0])
        problem = hand_over(&outgoing);
    else if (!problem)
        file_message(&outgoing, pool);
    buffer_free(&outgoing.message);
    return problem;
}

void mail_send(const struct claim *claim, const struct mail *mail, struct pool *pool) {
    const char *problem = mail_post(mail, claim->webhook_id, claim->created_at_s, pool, on_done, claim->delivery);
    if (problem)
        end_unsendable(claim, problem);
}

void mail_login(http_done *done, void *context) {
    if (smtp_login(mails.client, settings.smtp_url, DELIVERY_ATTEMPT_MS, done, context) != 0)
        done(context, &(struct http_response){.error = "SMTP_URL is no address"});
}
