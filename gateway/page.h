/* Pages that need no web app: plain files of web/, built into the program. */
#ifndef TITHI_PAGE_H
#define TITHI_PAGE_H

struct request;

/* The sandbox provider's payment page, web/sandbox/; in production it is not there. */
void page_answer_document(struct request *request);
void page_answer_script(struct request *request);
void page_answer_style(struct request *request);

/* The page that mailed links lead to, web/account/: everywhere. */
void page_answer_account(struct request *request);
void page_answer_account_script(struct request *request);
void page_answer_account_style(struct request *request);

/* Where a mail's link to unsubscribe leads. */
void page_answer_unsubscribe(struct request *request);
void page_answer_unsubscribe_script(struct request *request);

#endif
