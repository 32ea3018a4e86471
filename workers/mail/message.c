/* Headers by RFC 5322 and 2047 (encoded words), parts by RFC 2046, as quoted-printable or base64 by RFC 2045; see
 * message.h. */
#include "message.h"

#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#include "format.h"

#define WORD_LIMIT 39  /* bytes of text in one encoded word: 52 characters of base64, on the longest header's line */
#define PLAIN_LIMIT 60 /* a longer text is folded, which encoded words can be anywhere */
#define LINE_LIMIT 75  /* characters of quoted-printable, before the = of a soft break */
#define LINE_BYTES 57  /* that a line of base64 stands for */

int mailbox_parse(const char *text, struct mailbox *ret_mailbox) {
    const char *open = strrchr(text, '<'), *address = open ? open + 1 : text;
    size_t length = strcspn(address, ">"), name_length = open ? (size_t)(open - text) : 0;
    if (open && strcmp(address + length, ">") != 0)
        return -1;
    if (!format_is_email(address, length) || length >= ADDRESS_SIZE)
        return -1;
    while (name_length && text[name_length - 1] == ' ')
        name_length--;
    if (name_length > 1 && text[0] == '"' && text[name_length - 1] == '"') {
        text++;
        name_length -= 2;
    }
    if (name_length >= MAILBOX_NAME_SIZE || memchr(text, '"', name_length) || memchr(text, '\\', name_length) ||
        (name_length && !format_is_line(text, name_length)))
        return -1;
    *ret_mailbox = (struct mailbox){0};
    memcpy(ret_mailbox->name, text, name_length);
    memcpy(ret_mailbox->address, address, length);
    return 0;
}

static void write_date(int64_t wall_s, struct buffer *buffer) {
    time_t seconds = (time_t)wall_s;
    char text[64];
    struct tm parts;
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&seconds, &parts));
    buffer_printf(buffer, "Date: %s\r\n", text);
}

static bool is_control(char byte) {
    return (unsigned char)byte < ' ' || byte == 0x7f;
}

static bool is_plain(const char *text) {
    size_t length = strlen(text);
    for (const char *at = text; *at; at++)
        if (is_control(*at) || (unsigned char)*at > 0x7f)
            return false;
    return length <= PLAIN_LIMIT && !strstr(text, "=?");
}

/* Words end between code points. */
static size_t word_length(const char *text, size_t left) {
    size_t length = 0;
    while (length < left) {
        size_t size = format_code_point_size(text + length, left - length);
        size = size ? size : 1; /* malformed: as it is */
        if (length + size > WORD_LIMIT)
            break;
        length += size;
    }
    return length;
}

static void write_words(const char *text, struct buffer *buffer) {
    for (size_t left = strlen(text), length; left; left -= length, text += length) {
        char clean[WORD_LIMIT], encoded[4 * (WORD_LIMIT / 3) + 1];
        length = word_length(text, left);
        for (size_t i = 0; i < length; i++)
            clean[i] = is_control(text[i]) ? ' ' : text[i];
        EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)clean, (int)length);
        buffer_printf(buffer, "=?utf-8?B?%s?=%s", encoded, left > length ? "\r\n " : "");
    }
}

/* A display name; quoted, since it may hold commas. */
static void write_name(const char *name, struct buffer *buffer) {
    if (!*name)
        return;
    if (!is_plain(name)) {
        write_words(name, buffer);
    } else {
        buffer_append_byte(buffer, '"');
        for (; *name; name++) {
            if (*name == '"' || *name == '\\')
                buffer_append_byte(buffer, '\\');
            buffer_append_byte(buffer, *name);
        }
        buffer_append_byte(buffer, '"');
    }
    buffer_append_text(buffer, "\r\n ");
}

static void write_mailbox(const char *header, const char *name, const char *address, struct buffer *buffer) {
    buffer_printf(buffer, "%s: ", header);
    write_name(name, buffer);
    buffer_printf(buffer, "<%s>\r\n", address);
}

static void write_subject(const char *subject, struct buffer *buffer) {
    buffer_append_text(buffer, "Subject: ");
    if (is_plain(subject))
        buffer_append_text(buffer, subject);
    else
        write_words(subject, buffer);
    buffer_append_text(buffer, "\r\n");
}

/* A blank at the end of a line would get lost on the way. */
static bool is_literal(const char *at) {
    if (*at == ' ')
        return at[1] && at[1] != '\n' && at[1] != '\r';
    return *at > ' ' && *at < 0x7f && *at != '=';
}

static void write_quoted_printable(const char *text, struct buffer *buffer) {
    size_t column = 0;
    for (; *text; text++) {
        if (*text == '\r' && text[1] == '\n')
            continue;
        if (*text == '\n') {
            buffer_append_text(buffer, "\r\n");
            column = 0;
            continue;
        }
        size_t width = is_literal(text) ? 1 : 3;
        if (column + width > LINE_LIMIT) {
            buffer_append_text(buffer, "=\r\n");
            column = 0;
        }
        if (width == 1)
            buffer_append_byte(buffer, *text);
        else
            buffer_printf(buffer, "=%02X", (unsigned char)*text);
        column += width;
    }
    if (column)
        buffer_append_text(buffer, "\r\n");
}

static void write_base64(const char *text, struct buffer *buffer) {
    for (size_t left = strlen(text), length; left; left -= length, text += length) {
        char encoded[4 * (LINE_BYTES / 3) + 1];
        length = left < LINE_BYTES ? left : LINE_BYTES;
        EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)text, (int)length);
        buffer_printf(buffer, "%s\r\n", encoded);
    }
}

/* What stands between parts, with the line end before it. Neither encoding holds "=_", and the row's id makes it the
 * same each time. */
static void write_boundary(const struct message *message, const char *level, bool last, struct buffer *buffer) {
    buffer_printf(buffer, "\r\n--=_%s_%s%s\r\n", level, message->id, last ? "--" : "");
}

static void write_multipart(const struct message *message, const char *level, struct buffer *buffer) {
    buffer_printf(buffer, "Content-Type: multipart/%s;\r\n boundary=\"=_%s_%s\"\r\n", level, level, message->id);
}

static void write_text_part(const char *subtype, const char *text, struct buffer *buffer) {
    buffer_printf(buffer,
                  "Content-Type: text/%s; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
                  subtype);
    write_quoted_printable(text, buffer);
}

/* As calendars of the large providers take it: from the alternative to the text, and from a file. */
static void write_invitation(const struct message *message, struct buffer *buffer) {
    buffer_printf(buffer,
                  "Content-Type: text/calendar; charset=utf-8; method=%s\r\n"
                  "Content-Transfer-Encoding: base64\r\n\r\n",
                  message->cancels ? "CANCEL" : "REQUEST");
    write_base64(message->calendar, buffer);
}

static void write_attachment(const struct message *message, struct buffer *buffer) {
    buffer_append_text(buffer, "Content-Type: application/ics; name=\"invite.ics\"\r\n"
                               "Content-Disposition: attachment; filename=\"invite.ics\"\r\n"
                               "Content-Transfer-Encoding: base64\r\n\r\n");
    write_base64(message->calendar, buffer);
}

static void write_alternative(const struct message *message, struct buffer *buffer) {
    write_multipart(message, "alternative", buffer);
    write_boundary(message, "alternative", false, buffer);
    write_text_part("plain", message->text, buffer);
    write_boundary(message, "alternative", false, buffer);
    write_text_part("html", message->html, buffer);
    if (message->calendar) {
        write_boundary(message, "alternative", false, buffer);
        write_invitation(message, buffer);
    }
    write_boundary(message, "alternative", true, buffer);
}

static void write_body(const struct message *message, struct buffer *buffer) {
    if (!message->calendar) {
        write_alternative(message, buffer);
        return;
    }
    write_multipart(message, "mixed", buffer);
    write_boundary(message, "mixed", false, buffer);
    write_alternative(message, buffer);
    write_boundary(message, "mixed", false, buffer);
    write_attachment(message, buffer);
    write_boundary(message, "mixed", true, buffer);
}

/* Only what is printable: an address that holds anything else is left out. */
static void write_unsubscribe(const char *url, struct buffer *buffer) {
    for (const char *at = url; *at; at++)
        if (*at <= ' ' || *at >= 0x7f || *at == '<' || *at == '>')
            return;
    buffer_printf(buffer, "List-Unsubscribe: <%s>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", url);
}

void message_write(const struct message *message, struct buffer *buffer) {
    write_date(message->date_s, buffer);
    write_mailbox("From", message->from->name, message->from->address, buffer);
    write_mailbox("To", message->to_name, message->to_address, buffer);
    write_subject(message->subject, buffer);
    buffer_printf(buffer, "Message-ID: <%s@%s>\r\n", message->id, strchr(message->from->address, '@') + 1);
    buffer_printf(buffer, "Content-Language: %s\r\n", message->language);
    buffer_append_text(buffer, "Auto-Submitted: auto-generated\r\n");
    if (message->unsubscribe)
        write_unsubscribe(message->unsubscribe, buffer);
    buffer_append_text(buffer, "MIME-Version: 1.0\r\n");
    write_body(message, buffer);
}
