/* Can requests be served? Each dependency by name, asked at most once a second however often the question comes. */
#ifndef TITHI_READINESS_H
#define TITHI_READINESS_H

struct request;

void readiness_start(void);
/* Answers the request, at once or when all services were heard. */
void readiness_answer(struct request *request);

#endif
