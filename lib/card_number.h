/* Does a text hold what looks like a payment card's number? Card data must never get into Tithi: what is found here is
 * refused before anything is done with it. */
#ifndef TITHI_CARD_NUMBER_H
#define TITHI_CARD_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* 13 to 19 digits, in one piece or in groups (of at least three, but the last) between single blanks or dashes, with
 * the prefix and length of a brand and a right check digit (ISO/IEC 7812). Not part of a word, a decimal or a UUID, and
 * not a telephone number with its '+'. */
bool card_number_in(const char *text, size_t length);

#endif
