/* Keys of tickets; see tickets.h. The newest signs, and is read once: whoever adds one restarts the booking workers,
 * and until then tickets are signed with the one before, which is believed as long as its row stands. */
#include "tickets.h"

#include <sodium.h>
#include <string.h>

#include "log.h"

static unsigned char signing_key[TICKET_KEY_LENGTH];

/* The newest first. */
static const struct statement read_keys = {"read_ticket_keys", "SELECT key FROM ticket_keys ORDER BY id DESC"};

int tickets_queue_keys(struct worker *worker) {
    return db_queue(worker_db(worker), &read_keys, NULL);
}

int tickets_receive_keys(struct worker *worker, struct ticket_keys *ret_keys) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    size_t count = (size_t)PQntuples(result);
    struct ticket_keys keys = {.items = pool_alloc(worker_pool(worker), count * sizeof *keys.items), .count = count};
    for (size_t i = 0; i < count; i++)
        keys.items[i] = db_bytes(result, (int)i, 0, worker_pool(worker));
    *ret_keys = keys;
    return 0;
}

int tickets_start(struct worker *worker) {
    struct ticket_keys keys;
    if (sodium_init() < 0 || tickets_queue_keys(worker) || tickets_receive_keys(worker, &keys))
        return -1;
    if (!keys.count) {
        log_error("ticket_keys is empty: there is no key to sign tickets with");
        return -1;
    }
    memcpy(signing_key, keys.items[0].data, sizeof signing_key);
    return 0;
}

const char *ticket_of(int64_t booking_id, const char *shown_status, struct pool *pool) {
    if (strcmp(shown_status, "confirmed") && strcmp(shown_status, "completed"))
        return NULL;
    return ticket_code(signing_key, booking_id, pool_alloc(pool, TICKET_CODE_SIZE));
}

void tickets_show(struct booking *booking, struct pool *pool) {
    SET_TEXT(*booking, ticket, ticket_of(booking->id, booking->status, pool));
}

bool ticket_is_ours(const struct ticket *ticket, const struct ticket_keys *keys) {
    for (size_t i = 0; i < keys->count; i++)
        if (ticket_is_of(keys->items[i].data, ticket))
            return true;
    return false;
}
