/* Refunds at a provider over HTTP, each paid once however often it is asked for. What differs between providers stands
 * in struct api. */
#ifndef TITHI_PAYMENT_PAY_BACK_H
#define TITHI_PAYMENT_PAY_BACK_H

#include "question.h"

void pay_back(struct api *api, const struct provider_link *link, const struct provider_refund *refund,
              provider_done *done, void *context);
void pay_back_look_up(struct api *api, const struct provider_link *link, const struct provider_refund *refund,
                      provider_done *done, void *context);

#endif
