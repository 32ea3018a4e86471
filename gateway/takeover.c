/* An output filter that replaces h2o's own texts; see takeover.h. Requests that were answered through reply.c pass
 * untouched. */
#include "takeover.h"

#include "operations.h"
#include "reply.h"
#include "request.h"

struct replacement {
    h2o_ostream_t super;
    struct text_span body;
};

static void send_replacement(h2o_ostream_t *stream, h2o_req_t *req, h2o_iovec_t *chunks, size_t count,
                             h2o_send_state_t state) {
    (void)chunks, (void)count;
    struct replacement *replacement = (struct replacement *)stream;
    h2o_iovec_t body = h2o_iovec_init(replacement->body.bytes, replacement->body.length);
    bool has_body = !h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));
    h2o_ostream_send_next(stream, req, &body, has_body, state);
}

static void on_answer(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot) {
    (void)filter;
    if (!reply_is_ours(req)) {
        struct request *request = request_new(req);
        request->keeps_coming = true;
        const struct refusal *refusal = req->res.status == 413 ? &refusal_payload_too_large : &refusal_bad_request;
        struct replacement *replacement = (struct replacement *)h2o_add_ostream(req, sizeof *replacement, slot);
        replacement->super.do_send = send_replacement;
        replacement->body = reply_instead(request, refusal);
        slot = &replacement->super.next;
    }
    h2o_setup_next_ostream(req, slot);
}

void takeover_register(h2o_pathconf_t *path) {
    h2o_create_filter(path, sizeof(h2o_filter_t))->on_setup_ostream = on_answer;
}
