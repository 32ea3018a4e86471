/* The built web app (WEB_ROOT), read into memory once, so that a request for one of its files is one lookup and one
 * send. */
#ifndef TITHI_WEB_H
#define TITHI_WEB_H

#include <stdbool.h>

struct request;

/* Reads the folder, at the start and whenever it has changed. Where that fails, what was read before stays (logged). */
void web_read(void);

/* Whether there is an app. */
bool web_is_there(void);

/* The app itself, also at /dashboard; a file of it, or the app at what is one of its pages; the API's documentation. */
void web_answer_app(struct request *request);
void web_answer_file(struct request *request);
void web_answer_documentation(struct request *request);

#endif
