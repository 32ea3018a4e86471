/* What the gateway counts, as Prometheus text (format 0.0.4), with the brokers' own statistics beside it. */
#ifndef TITHI_METRICS_H
#define TITHI_METRICS_H

#include <stdint.h>

struct operation;
struct refusal;
struct request;

void metrics_start(void);
/* `operation` NULL: the request found none. */
void metrics_count_request(const struct operation *operation, int status, int64_t took_us);
void metrics_count_refusal(const struct operation *operation, const struct refusal *refusal);
/* Answers the request, when the brokers were heard. */
void metrics_answer(struct request *request);

#endif
