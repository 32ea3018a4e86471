/* Quantiles of merged histograms; see quantile.h. Within a bucket calls count as spread evenly; what lies above the
 * last bound counts as that bound. */
#include "quantile.h"

#define US_PER_MS 1000

static int64_t number_of(const json_t *object, const char *member) {
    return json_integer_value(json_object_get(object, member));
}

/* Buckets are cumulative. `*ret_bound_us` 0: the bucket has no bound, or there is none such. */
static int64_t count_up_to(json_t *const *times, size_t count, size_t bucket, int64_t *ret_bound_us) {
    int64_t counted = 0;
    *ret_bound_us = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *at = json_array_get(json_object_get(times[i], "buckets"), bucket);
        counted += number_of(at, "count");
        if (at && !*ret_bound_us)
            *ret_bound_us = number_of(at, "le_us");
    }
    return counted;
}

double quantile_ms(json_t *const *times, size_t count, double quantile) {
    int64_t total = 0, below = 0, lower_us = 0, upper_us;
    for (size_t i = 0; i < count; i++)
        total += number_of(times[i], "count");
    if (total == 0)
        return -1;
    const double wanted = quantile * (double)total;
    for (size_t bucket = 0;; bucket++) {
        int64_t up_to = count_up_to(times, count, bucket, &upper_us);
        if (!upper_us)
            return (double)lower_us / US_PER_MS;
        if (up_to > below && (double)up_to >= wanted) {
            double share = (wanted - (double)below) / (double)(up_to - below);
            return ((double)lower_us + share * (double)(upper_us - lower_us)) / US_PER_MS;
        }
        below = up_to;
        lower_us = upper_us;
    }
}
