/* Providers' webhooks -> facts. Input: one byte (bit 0: whose; bit 1: the first line is the signature's header as it
 * came, else the payload is signed here, so that what stands behind the signature is reached), payload. Whatever is
 * told names ids that may stand in a path and amounts that are counts of minor units. */
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "fuzz.h"
#include "hmac.h"
#include "log.h"
#include "operations.h"
#include "provider.h"
#include "reading.h"
#include "settings.h"

#define NOW_S 1700000000
#define SECRET "whsec_fuzz"

static void promise_id(const char *id) {
    PROMISE(!id || is_provider_id(id));
}

static void check_fact(const struct fact *fact) {
    promise_id(fact->order_id);
    promise_id(fact->receipt);
    promise_id(fact->provider_payment_id);
    promise_id(fact->provider_refund_id);
    promise_id(fact->refund_id);
    PROMISE(fact->amount_minor >= 0 && fact->amount_minor <= INT64_C(1) << 53);
    PROMISE(!fact->currency ||
            (strlen(fact->currency) == 3 && strspn(fact->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3));
    PROMISE(fact->currency || fact->kind == FACT_FAILED || fact->kind == FACT_CLOSED);
    PROMISE(!fact->reason || strlen(fact->reason) <= 300);
    PROMISE(fact->order_id || fact->receipt || fact->provider_payment_id || fact->refund_id);
}

static const char *sign(const struct provider *provider, const char *payload, size_t length, char *header,
                        size_t size) {
    char hex[HMAC_HEX_SIZE];
    struct buffer content = {0};
    if (provider == &provider_stripe)
        buffer_printf(&content, "%d.", NOW_S);
    buffer_append(&content, payload, length);
    hmac_hex(SECRET, strlen(SECRET), content.bytes, content.length, hex);
    buffer_free(&content);
    snprintf(header, size, provider == &provider_stripe ? "t=1700000000,v1=%s" : "%s", hex);
    return header;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char header[4096];
    if (!size)
        return 0;
    log_open("fuzz", LOG_LEVEL_ERROR);
    settings.razorpay_webhook_secret = settings.stripe_webhook_secret = "whsec_old," SECRET;
    const struct provider *provider = data[0] & 1 ? &provider_stripe : &provider_razorpay;
    struct provider_message message = {.payload = (const char *)data + 1, .payload_length = size - 1, .now_s = NOW_S};
    const char *line_end = data[0] & 2 ? memchr(message.payload, '\n', message.payload_length) : NULL;
    struct provider_event event;
    struct pool *pool = pool_new();
    if (line_end) {
        message.signature = pool_copy(pool, message.payload, (size_t)(line_end - message.payload));
        message.payload_length -= (size_t)(line_end + 1 - message.payload);
        message.payload = line_end + 1;
    } else {
        message.signature = sign(provider, message.payload, message.payload_length, header, sizeof header);
    }
    const struct refusal *refusal = provider->read_event(&message, pool, &event);
    PROMISE(!refusal || refusal == &refusal_malformed_json || (line_end && refusal == &refusal_invalid_signature));
    if (!refusal) {
        PROMISE(event.id && event.type && event.fact_count <= 2);
        for (size_t i = 0; i < event.fact_count; i++)
            check_fact(&event.facts[i]);
    }
    pool_destroy(&pool);
    return 0;
}
