/* What clients say over a WebSocket: {"ack": n}. */
#ifndef TITHI_ACKNOWLEDGEMENT_H
#define TITHI_ACKNOWLEDGEMENT_H

#include "codec.h"

/* 0, or -1 where the text says no such thing. Members with other names are for versions to come. */
int acknowledgement_read(struct text_span text, int64_t *ret_seq);

#endif
