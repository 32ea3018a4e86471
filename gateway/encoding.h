/* Which form of a file a client gets: Accept-Encoding against those that there are (RFC 9110 §12.5.3). */
#ifndef TITHI_ENCODING_H
#define TITHI_ENCODING_H

#include "codec.h"

/* Best first: of what the client likes equally it gets the smallest. */
enum encoding { ENCODING_BROTLI, ENCODING_GZIP, ENCODING_IDENTITY, ENCODING_COUNT };

/* The value of Content-Encoding; NULL of ENCODING_IDENTITY. */
const char *encoding_name(enum encoding encoding);

/* `available`: a bit per encoding, identity always among them, which is what somebody gets who wants none of them. */
enum encoding encoding_choose(struct text_span accept_encoding, unsigned available);

#endif
