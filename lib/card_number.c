/* Finds card numbers; see card_number.h. Any groups of digits that follow each other may be one: beside a number people
 * write its expiry or code, with a blank between. */
#include "card_number.h"

#include <ctype.h>
#include <string.h>

#include "format.h"

#define DIGITS_LEAST 13
#define DIGITS_MOST 19
#define GROUP_LEAST 3
#define DOTTED_GROUP 4 /* where dots stand between groups: else decimals and addresses of hosts would be cards */
#define PHONE_DIGITS_MOST 15 /* E.164 */
#define UUID_LENGTH 36
#define UUID_LAST_GROUPS 19 /* where its fourth group starts */

/* By the first four digits. */
static const struct brand {
    int first, last;
    int length_least, length_most;
} brands[] = {
    {4000, 4999, 13, 13}, {4000, 4999, 16, 16}, {4000, 4999, 19, 19},                       /* Visa */
    {5100, 5599, 16, 16}, {2221, 2720, 16, 16},                                             /* Mastercard */
    {3400, 3499, 15, 15}, {3700, 3799, 15, 15},                                             /* American Express */
    {6011, 6011, 16, 19}, {6440, 6599, 16, 19},                                             /* Discover */
    {6000, 6099, 16, 16}, {6500, 6599, 16, 16}, {8100, 8299, 16, 16}, {5080, 5089, 16, 16}, /* RuPay */
    {5000, 5099, 16, 19}, {5600, 5899, 16, 19}, {6300, 6399, 16, 19}, {6700, 6799, 16, 19}, /* Maestro */
    {3528, 3589, 16, 16},                                                                   /* JCB */
    {3000, 3059, 14, 14}, {3600, 3699, 14, 14}, {3800, 3899, 14, 14},                       /* Diners Club */
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool has_brand(const char *digits, int count) {
    int first = (digits[0] - '0') * 1000 + (digits[1] - '0') * 100 + (digits[2] - '0') * 10 + (digits[3] - '0');
    for (size_t i = 0; i < sizeof brands / sizeof *brands; i++)
        if (first >= brands[i].first && first <= brands[i].last && count >= brands[i].length_least &&
            count <= brands[i].length_most)
            return true;
    return false;
}

/* Luhn's sum, ISO/IEC 7812-1 annex B. */
static bool checks(const char *digits, int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) {
        int digit = digits[count - 1 - i] - '0';
        sum += i % 2 == 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0);
    }
    return sum % 10 == 0;
}

/* Is the digit here the first one of a word of its own? */
static bool starts_word(const char *text, size_t at) {
    if (at == 0)
        return true;
    char before = text[at - 1];
    if (before == '.')
        return at < 2 || !is_digit(text[at - 2]);
    return !isalnum((unsigned char)before) && before != '_';
}

static bool ends_word(const char *text, size_t length, size_t end) {
    if (end == length)
        return true;
    if (text[end] == '.')
        return end + 1 == length || !is_digit(text[end + 1]);
    return !isalnum((unsigned char)text[end]) && text[end] != '_';
}

/* The only groups of a UUID that have a card's length together are its first three and its last two. */
static bool in_uuid(const char *text, size_t length, size_t at) {
    if (length - at >= UUID_LENGTH && format_is_uuid(text + at, UUID_LENGTH))
        return true;
    return at >= UUID_LAST_GROUPS && length - (at - UUID_LAST_GROUPS) >= UUID_LENGTH &&
           format_is_uuid(text + at - UUID_LAST_GROUPS, UUID_LENGTH);
}

/* Bytes of what may stand between two groups, the first of which has that many digits; 0: nothing that may. */
static size_t separator_length(const char *text, size_t length, size_t digits) {
    static const char *const blanks[] = {" ", "-", "\xc2\xa0", "\xe2\x80\x87", "\xe2\x80\x89", "\xe2\x80\xaf"};
    if (*text == '.')
        return digits == DOTTED_GROUP;
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks && digits >= GROUP_LEAST; i++) {
        size_t wanted = strlen(blanks[i]);
        if (length >= wanted && memcmp(text, blanks[i], wanted) == 0)
            return wanted;
    }
    return 0;
}

/* Does a number start with the group of digits here? */
static bool starts_here(const char *text, size_t length, size_t start) {
    char digits[DIGITS_MOST];
    int count = 0;
    bool phone = start && text[start - 1] == '+';
    for (size_t at = start, group = start; at < length; at++) {
        if (!is_digit(text[at])) {
            size_t separator = separator_length(text + at, length - at, at - group);
            if (!separator || at + separator >= length || !is_digit(text[at + separator]))
                return false;
            group = at + separator;
            at = group - 1;
            continue;
        }
        if (count == DIGITS_MOST)
            return false;
        digits[count++] = text[at];
        bool whole = at + 1 == length || !is_digit(text[at + 1]);
        if (whole && count >= DIGITS_LEAST && !(phone && count <= PHONE_DIGITS_MOST) &&
            ends_word(text, length, at + 1) && has_brand(digits, count) && checks(digits, count))
            return !in_uuid(text, length, start);
    }
    return false;
}

bool card_number_in(const char *text, size_t length) {
    for (size_t at = 0; at + DIGITS_LEAST <= length; at++)
        if (is_digit(text[at]) && starts_word(text, at) && starts_here(text, length, at))
            return true;
    return false;
}
