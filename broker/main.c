/* tithi-broker: takes calls from gateways and gives them to workers (docs/protocol.md). This file is only its command
 * line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "contract.h"
#include "guard.h"
#include "process.h"
#include "settings.h"
#include "shell.h"

static const char *bind_address;
static const char *keys_folder;
static char first_address[512];

static const struct process_option options[] = {
    {"bind", "ADDRESS", "where to listen, ipc:// or tcp:// (default: the first of BROKER_URLS)", &bind_address},
    {"make-keys", "DIR", "make CURVE certificates for all kinds of processes in DIR and end", &keys_folder},
    {NULL, NULL, NULL, NULL},
};

static const char *check(void) {
    if (!bind_address) {
        size_t length = strcspn(settings.broker_urls, ", ");
        snprintf(first_address, sizeof first_address, "%.*s", (int)length, settings.broker_urls);
        bind_address = first_address;
    }
    bool tcp = strncmp(bind_address, "tcp://", 6) == 0;
    if (!tcp && strncmp(bind_address, "ipc://", 6) != 0)
        return "--bind must be an ipc:// or tcp:// address";
    if (tcp && !*settings.broker_curve_dir && !keys_folder)
        return "BROKER_CURVE_DIR must be set to listen on tcp: without certificates anybody could call and serve";
    return NULL;
}

int main(int argc, char **argv) {
    process_start(argc, argv, "tithi-broker", "Gives the calls of gateways to workers.", check, options);
    if (keys_folder)
        return guard_make_keys(keys_folder, service_names) ? EX_CANTCREAT : EXIT_SUCCESS;
    return shell_run(bind_address);
}
