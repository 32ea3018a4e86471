/* SMTP on the client of http.c; see smtp.h. libcurl connects, encrypts and logs in. From MAIL on this file speaks
 * itself, through libcurl's connection: libcurl's own sending waits for the reply to the text, and to QUIT, without
 * letting anything else go on. Nor does libcurl use such a connection again, so a transfer whose mail was taken rests
 * for a while, and takes the next one. */
#include "smtp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "http_private.h"
#include "urls.h"

#define REPLY_LIMIT 4096
#define ERROR_LIMIT 200
#define REST_MS 30000 /* servers hang up after minutes */

struct server {
    bool implicit_tls; /* smtps:// */
    bool loopback;
};

static bool has(CURLU *url, CURLUPart part) {
    char *text = NULL;
    bool found = curl_url_get(url, part, &text, 0) == CURLUE_OK && *text;
    curl_free(text);
    return found;
}

static const char *read_server(CURLU *url, const char *text, struct server *ret_server) {
    char *scheme = NULL, *host = NULL, *path = NULL;
    const char *problem = "is no address like smtp://user:password@host:port";
    if (url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK &&
        (strcmp(scheme, "smtp") == 0 || strcmp(scheme, "smtps") == 0)) {
        *ret_server = (struct server){.implicit_tls = strcmp(scheme, "smtps") == 0, .loopback = host_is_loopback(host)};
        problem = NULL;
        if (strcmp(path, "/") != 0 || has(url, CURLUPART_QUERY) || has(url, CURLUPART_FRAGMENT))
            problem = "must end with the host or its port";
        else if (has(url, CURLUPART_USER) != has(url, CURLUPART_PASSWORD))
            problem = "must hold both a user and a password, or neither";
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(path);
    return problem;
}

static const char *examine(const char *text, struct server *ret_server) {
    CURLU *url = curl_url();
    const char *problem = read_server(url, text, ret_server);
    curl_url_cleanup(url);
    return problem;
}

const char *smtp_url_problem(const char *url) {
    struct server server;
    return examine(url, &server);
}

enum step { STEP_MAIL, STEP_RCPT, STEP_DATA, STEP_TEXT, STEP_COUNT };

/* From the end of libcurl's part on. */
struct conversation {
    enum step step;
    bool again;               /* on a connection that has rested */
    int64_t deadline_mono_ms; /* also of its rest */
    size_t sent;
    size_t ends[STEP_COUNT]; /* where in `out` a step ends, and the server has the word */
    char out[];              /* what is said in all steps; and behind it the server's URL */
};

/* Lines that begin with a dot get another one, so that a dot alone can end the text. */
static void append_text(const char *message, size_t length, struct buffer *out) {
    for (const char *end = message + length, *next; message < end; message = next) {
        const char *newline = memchr(message, '\n', (size_t)(end - message));
        next = newline ? newline + 1 : end;
        if (*message == '.')
            buffer_append_byte(out, '.');
        buffer_append(out, message, (size_t)(next - message));
    }
    buffer_append_text(out, ".\r\n");
}

static struct conversation *conversation_new(const struct smtp_mail *mail) {
    struct buffer out = {0};
    size_t ends[STEP_COUNT];
    buffer_printf(&out, "MAIL FROM:<%s>\r\n", mail->from);
    ends[STEP_MAIL] = out.length;
    buffer_printf(&out, "RCPT TO:<%s>\r\n", mail->to);
    ends[STEP_RCPT] = out.length;
    buffer_append_text(&out, "DATA\r\n");
    ends[STEP_DATA] = out.length;
    append_text(mail->message, mail->message_length, &out);
    ends[STEP_TEXT] = out.length;
    buffer_append(&out, mail->url, strlen(mail->url) + 1);
    struct conversation *conversation = calloc(1, sizeof *conversation + out.length);
    if (!conversation)
        abort();
    conversation->deadline_mono_ms = clock_mono_ms() + mail->timeout_ms;
    memcpy(conversation->ends, ends, sizeof ends);
    memcpy(conversation->out, out.bytes, out.length);
    buffer_free(&out);
    return conversation;
}

static void fail(struct transfer *transfer, const char *error) {
    transfer_finish(transfer, &(struct http_response){.body = "", .error = error});
}

static const char goodbye[] = "QUIT\r\n";

/* The end that the server's reply makes. */
static void end(struct transfer *transfer, long code, const char *reply) {
    struct http_response response = {.status = code, .body = ""};
    char error[ERROR_LIMIT];
    snprintf(error, sizeof error, "%s", reply);
    for (char *at = error; *at; at++)
        if (!isprint((unsigned char)*at))
            *at = '\0';
    if (code >= 300)
        response.error = error;
    transfer->goodbye = goodbye;
    transfer_finish(transfer, &response);
}

/* The mail was taken. */
static void rest(struct transfer *transfer, long code) {
    struct conversation *conversation = transfer->conversation;
    conversation->deadline_mono_ms = clock_mono_ms() + REST_MS;
    transfer->events = POLLIN;
    transfer->goodbye = goodbye;
    transfer_rest(transfer, &(struct http_response){.status = code, .body = ""});
}

/* The last line of a reply is the one with a blank behind its code; NULL: it has not come yet. */
static const char *last_line(struct buffer *reply) {
    for (const char *line = buffer_text(reply), *next; (next = strchr(line, '\n')); line = next + 1)
        if (next - line >= 3 && line[3] != '-')
            return line;
    return NULL;
}

/* The part that is libcurl's. */
static int start(struct transfer *transfer, const char *url, const struct server *server, int64_t timeout_ms) {
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)(server->loopback ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, NULL); /* whom the client may reach is about others */
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    return transfer_start(transfer, curl_easy_setopt(easy, CURLOPT_URL, url));
}

static void talk(struct transfer *transfer);

static const char *url_of(const struct transfer *transfer) {
    const struct conversation *conversation = transfer->conversation;
    return conversation ? conversation->out + conversation->ends[STEP_TEXT] : "";
}

/* A server may have hung up, or had enough, while the connection rested: then it has said nothing about this mail. */
static bool may_begin_anew(const struct conversation *conversation) {
    return conversation->again && conversation->step == STEP_MAIL;
}

static void begin_anew(struct transfer *transfer) {
    struct conversation *conversation = transfer->conversation;
    http_done *done = transfer->done;
    void *context = transfer->context;
    struct server server;
    struct transfer *fresh = transfer_new(transfer->client, done, context);
    conversation->again = false;
    conversation->sent = 0;
    fresh->talk = talk;
    fresh->conversation = conversation;
    transfer->conversation = NULL;
    transfer->done = NULL;
    examine(url_of(fresh), &server);
    int64_t left_ms = conversation->deadline_mono_ms - clock_mono_ms();
    int result = start(fresh, url_of(fresh), &server, left_ms > 1 ? left_ms : 1);
    transfer_finish(transfer, NULL);
    if (result != 0)
        done(context, &(struct http_response){.body = "", .error = "the server hung up"});
}

static void break_off(struct transfer *transfer, const char *error) {
    if (may_begin_anew(transfer->conversation))
        begin_anew(transfer);
    else
        fail(transfer, error);
}

/* False: the mail has come to its end, or goes on with another transfer. */
static bool take_reply(struct transfer *transfer, const char *line) {
    struct conversation *conversation = transfer->conversation;
    long code = strtol(line, NULL, 10);
    bool good = code / 100 == (conversation->step == STEP_DATA ? 3 : 2);
    if (code < 200 || code > 599)
        fail(transfer, "what answers is no mail server");
    else if (code == 421 && may_begin_anew(conversation))
        begin_anew(transfer);
    else if (!good)
        end(transfer, code, line);
    else if (conversation->step == STEP_TEXT)
        rest(transfer, code);
    else {
        conversation->step++;
        buffer_clear(&transfer->body);
        return true;
    }
    return false;
}

/* Says what is to be said, and hears what there is to hear. False: nothing goes on for now, or any more. */
static bool talk_once(struct transfer *transfer) {
    struct conversation *conversation = transfer->conversation;
    size_t left = conversation->ends[conversation->step] - conversation->sent, count = 0;
    CURLcode code;
    if (left) {
        transfer->events = POLLOUT;
        code = curl_easy_send(transfer->easy, conversation->out + conversation->sent, left, &count);
        conversation->sent += count;
    } else {
        transfer->events = POLLIN;
        code = curl_easy_recv(transfer->easy, buffer_reserve(&transfer->body, REPLY_LIMIT), REPLY_LIMIT, &count);
        transfer->body.length += count;
    }
    if (code == CURLE_AGAIN)
        return false;
    if (code != CURLE_OK || !count || transfer->body.length > REPLY_LIMIT) {
        break_off(transfer, code ? curl_easy_strerror(code) : count ? "the reply has no end" : "the server hung up");
        return false;
    }
    const char *line = left ? NULL : last_line(&transfer->body);
    return !line || take_reply(transfer, line);
}

/* All that a server says meanwhile is that it hangs up. */
static void look_at_resting(struct transfer *transfer) {
    const struct conversation *conversation = transfer->conversation;
    char byte;
    size_t count;
    if (clock_mono_ms() >= conversation->deadline_mono_ms ||
        curl_easy_recv(transfer->easy, &byte, sizeof byte, &count) != CURLE_AGAIN)
        transfer_finish(transfer, NULL);
}

static void talk(struct transfer *transfer) {
    const struct conversation *conversation = transfer->conversation;
    if (!transfer->done)
        look_at_resting(transfer);
    else if (clock_mono_ms() >= conversation->deadline_mono_ms)
        fail(transfer, "the server did not answer in time");
    else
        while (talk_once(transfer))
            ;
}

static struct transfer *find_resting(const struct http_client *client, const char *url) {
    for (struct transfer *transfer = client->first; transfer; transfer = transfer->next)
        if (!transfer->done && strcmp(url_of(transfer), url) == 0)
            return transfer;
    return NULL;
}

static void go_on(struct transfer *transfer, struct conversation *conversation, http_done *done, void *context) {
    free(transfer->conversation);
    conversation->again = true;
    transfer->conversation = conversation;
    transfer->goodbye = NULL;
    transfer->done = done;
    transfer->context = context;
    transfer->events = POLLOUT; /* its turn comes at once */
}

int smtp_send(struct http_client *client, const struct smtp_mail *mail, http_done *done, void *context) {
    struct server server;
    if (examine(mail->url, &server))
        return -1;
    struct transfer *resting = find_resting(client, mail->url);
    if (resting) {
        go_on(resting, conversation_new(mail), done, context);
        return 0;
    }
    struct transfer *transfer = transfer_new(client, done, context);
    transfer->talk = talk;
    transfer->conversation = conversation_new(mail);
    return start(transfer, mail->url, &server, mail->timeout_ms);
}

static void leave(struct transfer *transfer) {
    end(transfer, 250, "");
}

int smtp_login(struct http_client *client, const char *url, int64_t timeout_ms, http_done *done, void *context) {
    struct server server;
    if (examine(url, &server))
        return -1;
    struct transfer *transfer = transfer_new(client, done, context);
    transfer->talk = leave;
    return start(transfer, url, &server, timeout_ms);
}
