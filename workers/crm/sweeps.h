/* What the crm worker sweeps: finished deliveries, the log, the months of the archive. */
#ifndef TITHI_CRM_SWEEPS_H
#define TITHI_CRM_SWEEPS_H

#include <stddef.h>

#include "db.h"

extern const struct statement sweeps[];
extern const size_t sweep_count;

#endif
