/* Inboxes: what the log tells goes into those of the people whose it is, and gateways hear by Redis that there is more.
 * Both run in the tick that spreads the log; what is asked about inboxes is answered in inbox_handlers.c. */
#include "inbox_store.h"
#include "push_link.h"
#include "spread.h"

/* What is noted here and not committed after all makes gateways look in vain, no more. */
int inbox_spread(struct worker *worker, const int64_t *entries, size_t count) {
    struct inbox_change *changes;
    size_t change_count;
    if (inbox_store_spread(worker, entries, count, &changes, &change_count) != 0)
        return -1;
    for (size_t i = 0; i < change_count; i++)
        push_link_note(changes[i].of_places ? PUSH_PLACES : PUSH_INBOX, changes[i].id, changes[i].number);
    return 0;
}

void inbox_publish(struct worker *worker) {
    (void)worker;
    push_link_send();
}
