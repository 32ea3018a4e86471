/* The one message of clients; see acknowledgement.h. */
#include "acknowledgement.h"

#include <jansson.h>

int acknowledgement_read(struct text_span text, int64_t *ret_seq) {
    json_t *message = json_loadb(text.length ? text.bytes : "", text.length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *seq = json_object_get(message, "ack");
    int result = json_is_integer(seq) && json_integer_value(seq) >= 0 ? 0 : -1;
    if (result == 0)
        *ret_seq = json_integer_value(seq);
    json_decref(message);
    return result;
}
