/* Serves pages that are built in, each with its script and its style; see page.h. What they show and do goes through
 * the operations of the workers. */
#include "page.h"

#include "operations.h"
#include "reply.h"
#include "request.h"
#include "settings.h"
#include "web.h"

/* The file's bytes, from name_begin to name_end. WEB_FOLDER is the build's. */
/* clang-format off */
#define FILE_BYTES(name, file)                                                                                         \
    extern const char name##_begin[], name##_end[];                                                                    \
    __asm__(".pushsection .rodata\n" #name "_begin:\n.incbin \"" WEB_FOLDER "/" file "\"\n" #name "_end:\n.popsection")
/* clang-format on */

FILE_BYTES(page_document, "sandbox/page.html");
FILE_BYTES(page_script, "sandbox/page.js");
FILE_BYTES(page_style, "sandbox/page.css");

FILE_BYTES(account_document, "account/page.html");
FILE_BYTES(account_script, "account/page.js");
FILE_BYTES(account_style, "account/page.css");

FILE_BYTES(unsubscribe_document, "unsubscribe/page.html"); /* its style is the account page's */
FILE_BYTES(unsubscribe_script, "unsubscribe/page.js");

static void answer(struct request *request, const char *media_type, const char *begin, const char *end) {
    reply_page(request, media_type, (struct text_span){begin, (size_t)(end - begin)});
}

static void answer_sandbox(struct request *request, const char *media_type, const char *begin, const char *end) {
    if (settings_production())
        reply_refusal(request, &refusal_not_found, NULL, 0);
    else
        answer(request, media_type, begin, end);
}

void page_answer_document(struct request *request) {
    answer_sandbox(request, "text/html; charset=utf-8", page_document_begin, page_document_end);
}

void page_answer_script(struct request *request) {
    answer_sandbox(request, "text/javascript; charset=utf-8", page_script_begin, page_script_end);
}

void page_answer_style(struct request *request) {
    answer_sandbox(request, "text/css; charset=utf-8", page_style_begin, page_style_end);
}

/* The app has a page for it in people's languages. */
void page_answer_account(struct request *request) {
    if (web_is_there())
        web_answer_app(request);
    else
        answer(request, "text/html; charset=utf-8", account_document_begin, account_document_end);
}

void page_answer_account_script(struct request *request) {
    answer(request, "text/javascript; charset=utf-8", account_script_begin, account_script_end);
}

void page_answer_account_style(struct request *request) {
    answer(request, "text/css; charset=utf-8", account_style_begin, account_style_end);
}

void page_answer_unsubscribe(struct request *request) {
    answer(request, "text/html; charset=utf-8", unsubscribe_document_begin, unsubscribe_document_end);
}

void page_answer_unsubscribe_script(struct request *request) {
    answer(request, "text/javascript; charset=utf-8", unsubscribe_script_begin, unsubscribe_script_end);
}
