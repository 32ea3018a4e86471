/* The gateway's own operations, by name; see local.h. Their replies go through the contract like any worker's. */
#include "local.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "operations.h"
#include "page.h"
#include "processes.h"
#include "push.h"
#include "readiness.h"
#include "reply.h"
#include "request.h"
#include "web.h"

#define JSON_TYPE "application/json"
#define WEB_APP "/app/"

static local_function **functions; /* by operation */

void local_reply(struct request *request, int status, const void *reply) {
    static struct buffer message, json;
    buffer_clear(&message);
    buffer_clear(&json);
    codec_encode(request->operation->reply, reply, &message);
    if (codec_render(request->operation->reply, request->route->view, message.bytes, message.length, &json) != 0)
        reply_refusal(request, &refusal_internal_error, NULL, 0);
    else
        reply_document(request, status, JSON_TYPE, (struct text_span){json.bytes, json.length});
}

static void answer_health(struct request *request) {
    if (strcmp(request->route->path, "/") == 0 && reply_to_browser(request)) {
        reply_redirect(request, WEB_APP);
        return;
    }
    char now[CLOCK_TEXT_SIZE];
    struct health_reply reply = {.message = "Booking System API is running!",
                                 .status = "healthy",
                                 .timestamp = clock_text(clock_wall_ms(), now)};
    local_reply(request, 200, &reply);
}

static void answer_liveness(struct request *request) {
    struct liveness_reply reply = {.status = "ok"};
    local_reply(request, 200, &reply);
}

static void answer_document(struct request *request) {
    static struct answer *document;
    if (!document)
        document = answer_constant((struct text_span){openapi_json, openapi_json_length});
    reply_answer(request, document);
}

static const struct {
    const struct operation *operation;
    local_function *function;
} table[] = {
    {&operation_health, answer_health},
    {&operation_liveness, answer_liveness},
    {&operation_readiness, readiness_answer},
    {&operation_metrics, metrics_answer},
    {&operation_openapi_document, answer_document},
    {&operation_account_page, page_answer_account},
    {&operation_account_script, page_answer_account_script},
    {&operation_account_style, page_answer_account_style},
    {&operation_sandbox_page, page_answer_document},
    {&operation_sandbox_script, page_answer_script},
    {&operation_sandbox_style, page_answer_style},
    {&operation_unsubscribe_page, page_answer_unsubscribe},
    {&operation_unsubscribe_script, page_answer_unsubscribe_script},
    {&operation_web_app, web_answer_app},
    {&operation_web_app_file, web_answer_file},
    {&operation_documentation_page, web_answer_documentation},
    {&operation_open_ticket, push_answer_ticket},
    {&operation_open_socket, push_answer_socket},
    {&operation_open_stream, push_answer_stream},
    {&operation_stream_places, push_answer_places},
    {&operation_get_processes, processes_answer},
    {&operation_get_push_status, push_answer_status},
};

int local_start(void) {
    functions = calloc(operation_count, sizeof *functions);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        functions[table[i].operation - operations] = table[i].function;
    for (size_t i = 0; i < operation_count; i++)
        if (strcmp(operations[i].service, "gateway") == 0 && !functions[i]) {
            log_error("the gateway has no function for %s", operations[i].name);
            return -1;
        }
    readiness_start();
    return 0;
}

local_function *local_find(const struct operation *operation) {
    return functions[operation - operations];
}

bool local_is_metrics(const struct operation *operation) {
    return operation == &operation_metrics;
}

bool local_is_probe(const struct operation *operation) {
    return operation == &operation_liveness || operation == &operation_readiness;
}
