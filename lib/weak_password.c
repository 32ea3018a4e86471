/* What is guessed first; see weak_password.h. Case does not count: who guesses tries that, too. */
#include "weak_password.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common_passwords.h"

#define SHORTEST 8
#define LETTERS 4     /* a shorter name says nothing */
#define TEXT_SIZE 257 /* more of a text is not looked at */

static size_t count_characters(const char *text) {
    size_t count = 0;
    for (; *text; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

static int compare(const void *password, const void *start) {
    return strcasecmp(password, common_password_texts + *(const uint32_t *)start);
}

static bool is_common(const char *password) {
    return bsearch(password, common_password_starts, common_password_count, sizeof *common_password_starts, compare);
}

/* "12341234", "aaaaaaaa", "testtest" */
static bool repeats(const char *password) {
    size_t length = strlen(password);
    for (size_t period = 1; period <= length / 2; period++)
        if (length % period == 0 && strncasecmp(password, password + period, length - period) == 0)
            return true;
    return false;
}

/* "abcdefgh", "0987654321" */
static bool counts(const char *password, int step) {
    for (const char *at = password; at[1]; at++) {
        bool wraps = isdigit((unsigned char)at[0]) && isdigit((unsigned char)at[1]) && at[1] - at[0] == -9 * step;
        if (tolower((unsigned char)at[1]) - tolower((unsigned char)at[0]) != step && !wraps)
            return false;
    }
    return true;
}

/* The letters alone, in lower case. */
static const char *letters_of(const char *text, char ret_letters[TEXT_SIZE]) {
    size_t length = 0;
    for (; *text && length < TEXT_SIZE - 1; text++)
        if (isalpha((unsigned char)*text) || (*text & 0x80))
            ret_letters[length++] = (char)tolower((unsigned char)*text);
    ret_letters[length] = '\0';
    return ret_letters;
}

/* The same letters, whatever digits and signs are around? */
static bool resembles(const char *password, const char *word) {
    char ours[TEXT_SIZE], theirs[TEXT_SIZE];
    letters_of(word, theirs);
    return strlen(theirs) >= LETTERS && strcmp(letters_of(password, ours), theirs) == 0;
}

static bool resembles_address(const char *password, const char *email) {
    char local_part[TEXT_SIZE];
    snprintf(local_part, sizeof local_part, "%.*s", (int)strcspn(email, "@"), email);
    return resembles(password, email) || resembles(password, local_part);
}

const char *weak_password_reason(const char *password, const char *email, const char *name) {
    if (count_characters(password) < SHORTEST)
        return "must have at least 8 characters";
    if (is_common(password))
        return "is among the first that are guessed";
    if (repeats(password) || counts(password, 1) || counts(password, -1))
        return "only repeats or counts";
    if (resembles(password, "tithi") || (email && resembles_address(password, email)) ||
        (name && resembles(password, name)))
        return "is too much like the name or the address";
    return NULL;
}
