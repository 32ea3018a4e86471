/* Server-Sent Events (HTML Standard §9.2) as outlets. */
#ifndef TITHI_STREAM_H
#define TITHI_STREAM_H

#include "outlet.h"

struct request;

/* Answers the request. */
struct outlet *stream_open(struct request *request, enum outlet_kind kind, const struct outlet_owner *owner,
                           void *data);
/* The same to HEAD: nothing is opened. */
void stream_answer_head(struct request *request);

#endif
