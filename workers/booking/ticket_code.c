/* Keyed BLAKE2b over the booking's number; see ticket_code.h. */
#include "ticket_code.h"

#include <sodium.h>
#include <stddef.h>
#include <string.h>

#define DIGIT_BITS 5
#define ID_DIGITS 13 /* of 63 bits */
#define PROOF_DIGITS (TICKET_PROOF_LENGTH * 8 / DIGIT_BITS)
#define GROUP 4

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void prove(const unsigned char key[TICKET_KEY_LENGTH], int64_t booking_id,
                  unsigned char ret_proof[TICKET_PROOF_LENGTH]) {
    unsigned char id[sizeof booking_id], hash[crypto_generichash_BYTES];
    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (unsigned char)((uint64_t)booking_id >> 8 * (sizeof id - 1 - i));
    crypto_generichash(hash, sizeof hash, id, sizeof id, key, TICKET_KEY_LENGTH);
    memcpy(ret_proof, hash, TICKET_PROOF_LENGTH);
}

const char *ticket_code(const unsigned char key[TICKET_KEY_LENGTH], int64_t booking_id,
                        char ret_code[TICKET_CODE_SIZE]) {
    unsigned char proof[TICKET_PROOF_LENGTH];
    char *at = ret_code;
    int shift = (ID_DIGITS - 1) * DIGIT_BITS;
    while (shift && !(booking_id >> shift))
        shift -= DIGIT_BITS;
    for (; shift >= 0; shift -= DIGIT_BITS)
        *at++ = digits[booking_id >> shift & 31];
    prove(key, booking_id, proof);
    for (size_t i = 0; i < PROOF_DIGITS; i++) {
        size_t bit = i * DIGIT_BITS, byte = bit / 8;
        unsigned pair = (unsigned)proof[byte] << 8 | (byte + 1 < sizeof proof ? proof[byte + 1] : 0U);
        if (i % GROUP == 0)
            *at++ = '-';
        *at++ = digits[pair >> (16 - DIGIT_BITS - bit % 8) & 31];
    }
    *at = '\0';
    return ret_code;
}

/* -1: it is none. */
static int digit_of(char letter) {
    static const char read_as[][2] = {{'O', '0'}, {'I', '1'}, {'L', '1'}};
    if (letter >= 'a' && letter <= 'z')
        letter = (char)(letter - 'a' + 'A');
    for (size_t i = 0; i < sizeof read_as / sizeof *read_as; i++)
        if (letter == read_as[i][0])
            letter = read_as[i][1];
    const char *digit = letter ? strchr(digits, letter) : NULL;
    return digit ? (int)(digit - digits) : -1;
}

/* The values of the digits in `text`; -1: there are other signs, too many digits, or too few. */
static int read_digits(const char *text, unsigned char ret_values[ID_DIGITS + PROOF_DIGITS]) {
    int count = 0;
    for (; *text; text++) {
        if (*text == ' ' || *text == '-')
            continue;
        int value = digit_of(*text);
        if (value < 0 || count == ID_DIGITS + PROOF_DIGITS)
            return -1;
        ret_values[count++] = (unsigned char)value;
    }
    return count > PROOF_DIGITS ? count : -1;
}

int ticket_read(const char *text, struct ticket *ret_ticket) {
    unsigned char values[ID_DIGITS + PROOF_DIGITS];
    struct ticket ticket = {0};
    int count = read_digits(text, values);
    if (count < 0)
        return -1;
    int id_count = count - PROOF_DIGITS;
    if (id_count == ID_DIGITS && values[0] > 7) /* more than 63 bits */
        return -1;
    for (int i = 0; i < id_count; i++)
        ticket.booking_id = ticket.booking_id << DIGIT_BITS | values[i];
    for (int i = 0; i < PROOF_DIGITS; i++)
        for (int bit = 0; bit < DIGIT_BITS; bit++) {
            int place = i * DIGIT_BITS + bit;
            int set = values[id_count + i] >> (DIGIT_BITS - 1 - bit) & 1;
            ticket.proof[place / 8] |= (unsigned char)(set << (7 - place % 8));
        }
    *ret_ticket = ticket;
    return 0;
}

bool ticket_is_of(const unsigned char key[TICKET_KEY_LENGTH], const struct ticket *ticket) {
    unsigned char proof[TICKET_PROOF_LENGTH];
    prove(key, ticket->booking_id, proof);
    return sodium_memcmp(proof, ticket->proof, sizeof proof) == 0;
}
