/* The sandbox provider's payment page: plain files of web/sandbox/, built into the program. In production they are not
 * there. */
#ifndef TITHI_PAGE_H
#define TITHI_PAGE_H

struct request;

void page_answer_document(struct request *request);
void page_answer_script(struct request *request);
void page_answer_style(struct request *request);

#endif
