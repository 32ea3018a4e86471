/* How brokers, services, workers and this gateway are doing, for administrators. */
#ifndef TITHI_PROCESSES_H
#define TITHI_PROCESSES_H

struct request;

void processes_start(void);
void processes_answer(struct request *request);

#endif
