/* Trying out whether mail works. */
#ifndef TITHI_CRM_TEST_MAIL_H
#define TITHI_CRM_TEST_MAIL_H

const char *test_mail_check(void); /* of the settings */

#endif
