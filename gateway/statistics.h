/* What the brokers say of themselves (mmi.stats), asked when somebody wants to know. One that does not answer soon is
 * left out. */
#ifndef TITHI_STATISTICS_H
#define TITHI_STATISTICS_H

#include <jansson.h>
#include <stddef.h>

struct request;

struct statistics_reader {
    void (*answer)(struct request *request);
};

void statistics_start(void);
/* reader->answer() runs once the brokers have answered, within a second, unless the request goes before. */
void statistics_ask(struct request *request, const struct statistics_reader *reader);
/* The latest of a broker (by its number in calls.h); NULL: not heard since asked. */
json_t *statistics_of(size_t broker);

#endif
