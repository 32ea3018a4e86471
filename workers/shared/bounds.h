/* Bounds of a time as requests give them (format date-or-time): a day of UTC, or a time. SQL of a text parameter; where
 * it is NULL there is no bound. */
#ifndef TITHI_SHARED_BOUNDS_H
#define TITHI_SHARED_BOUNDS_H

#define BOUND(parameter, day_end, unbounded)                                                                           \
    "coalesce(CASE WHEN length(" parameter "::text) = 10 THEN " parameter "::date::timestamptz" day_end                \
    "  ELSE " parameter "::timestamptz END, '" unbounded "')"
/* At or after `from`; before `to`, whose day is included. */
#define AT_OR_AFTER(from) ">= " BOUND(from, "", "-infinity")
#define BEFORE(to) "< " BOUND(to, " + interval '1 day'", "infinity")

#endif
