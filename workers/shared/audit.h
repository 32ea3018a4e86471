/* The log of what concerns security: table security_events, by OWASP's logging vocabulary. The same goes to the
 * process's log. No e-mail address, token, code or password may get into it. */
#ifndef TITHI_AUDIT_H
#define TITHI_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "worker.h"

struct security_event {
    const char *event;      /* "authn_login_fail" */
    int64_t user_id;        /* whom it concerns; 0: nobody that is known */
    int64_t actor_id;       /* who did it, where that is somebody else; else 0 */
    const char *session;    /* UUID text; NULL or "": none */
    const char *address;    /* NULL: "" */
    const char *request_id; /* NULL: "" */
    const char *detail;     /* NULL: "" */
};

/* Of this call: its address, request id and (where signed in) session; `user_id` 0: the caller. Where it concerns
 * somebody else than the caller, the caller is the actor. */
struct security_event audit_of(const struct call *call, const char *event, int64_t user_id, const char *detail);

/* Writes them in the running transaction, so they stand if and only if it commits, and a line each into the log. Only
 * names that audit.c lists; texts are clipped. 0, or -1. */
int audit_note(struct worker *worker, const struct security_event *events, size_t count);

#endif
