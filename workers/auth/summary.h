/* How an account is shown to those who sign in. */
#ifndef TITHI_AUTH_SUMMARY_H
#define TITHI_AUTH_SUMMARY_H

#include "operations.h"
#include "store.h"

static inline struct account_summary summary_of(const struct account *account) {
    return (struct account_summary){
        .id = account->id, .email = account->email, .name = account->name, .role = account->role};
}

#endif
