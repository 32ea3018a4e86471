/* How long calls took, out of histograms of brokers. */
#ifndef TITHI_QUANTILE_H
#define TITHI_QUANTILE_H

#include <jansson.h>
#include <stddef.h>

/* Of all `times` together, which look as mmi.stats has them and may be NULL. Milliseconds; below zero: nothing was
 * counted. */
double quantile_ms(json_t *const *times, size_t count, double quantile);

#endif
