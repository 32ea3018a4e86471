/* The last question before a request goes on: was its session ended, and is its caller within the limits? All that a
 * turn of the loop asks goes to Redis as one script call; while Redis is away, tokens are honoured by signature and
 * this process counts alone. */
#ifndef TITHI_ADMISSION_H
#define TITHI_ADMISSION_H

struct request;

void admission_start(void);

/* request_admitted() follows, perhaps before this returns. */
void admission_ask(struct request *request);
void admission_flush(void);
/* Once in a while: gives a Redis up that does not answer. */
void admission_poll(void);

#endif
