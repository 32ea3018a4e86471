/* Messages in: what clients and workers may say, and what follows from it. */
#ifndef TITHI_BROKER_VERBS_H
#define TITHI_BROKER_VERBS_H

#include "shell.h"

/* Handles shell->message. Whatever it holds, the broker goes on. */
void verbs_handle(struct shell *shell);

#endif
