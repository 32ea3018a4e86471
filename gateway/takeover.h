/* Gives the errors that h2o answers by itself (body too large, broken chunks, unknown expectation) the shape of all
 * others. */
#ifndef TITHI_TAKEOVER_H
#define TITHI_TAKEOVER_H

#include <h2o.h>

void takeover_register(h2o_pathconf_t *path);

#endif
