/* The sandbox provider's payment page: plain files of web/sandbox/, built into the program. In production they are not
 * there. */
#ifndef TITHI_PAGE_H
#define TITHI_PAGE_H

struct request;

void page_answer_document(struct request *request);
void page_answer_script(struct request *request);
void page_answer_style(struct request *request);

/* The page that mailed links lead to, web/account/: everywhere. */
void page_answer_account(struct request *request);
void page_answer_account_script(struct request *request);
void page_answer_account_style(struct request *request);

#endif
