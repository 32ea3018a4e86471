/* Ticket codes: "1A-4T7X-9KQ2-M3VD-8PZH", the booking's number and 80 bits that only who has the key can tell, both in
 * Crockford's base 32. So a code is stored nowhere and found by the booking's own key. Pure. */
#ifndef TITHI_BOOKING_TICKET_CODE_H
#define TITHI_BOOKING_TICKET_CODE_H

#include <stdbool.h>
#include <stdint.h>

#define TICKET_KEY_LENGTH 32
#define TICKET_PROOF_LENGTH 10

struct ticket {
    int64_t booking_id;
    unsigned char proof[TICKET_PROOF_LENGTH];
};

/* The code of a booking's ticket. Returns `ret_code`. */
#define TICKET_CODE_SIZE sizeof "7ZZZZZZZZZZZZ-XXXX-XXXX-XXXX-XXXX"
const char *ticket_code(const unsigned char key[TICKET_KEY_LENGTH], int64_t booking_id,
                        char ret_code[TICKET_CODE_SIZE]);

/* Reads a code as people show or type it: case, spaces and hyphens do not count, nor do O for 0, I and L for 1.
 * 0, or -1: no key can have made it. */
int ticket_read(const char *text, struct ticket *ret_ticket);

/* Was it made with this key? Constant time. */
bool ticket_is_of(const unsigned char key[TICKET_KEY_LENGTH], const struct ticket *ticket);

#endif
