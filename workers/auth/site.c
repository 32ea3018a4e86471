/* What a front end must know of this Tithi before anybody is signed in. */
#include "operations.h"
#include "settings.h"

int get_site(struct worker *worker, struct get_site_call *calls, size_t count) {
    (void)worker;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.google = settings.google_client_id[0];
        calls[i].reply.facilitator_signup = settings.facilitator_signup;
    }
    return 0;
}
