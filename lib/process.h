/* What every program does alike: --help, --version, --check-config, settings, log, pid file, signals.
 * Exit codes are sysexits: 0, 64 usage, 69 dependency missing, 70 defect, 78 configuration. */
#ifndef TITHI_PROCESS_H
#define TITHI_PROCESS_H

#include <stdbool.h>

struct process_option {
    const char *name;     /* "bind", given as --bind VALUE */
    const char *argument; /* shown in --help */
    const char *help;
    const char **ret_value;
};

/* Parses the command line (also --name NAME, which logs and pid file use, and --pid-file PATH), loads the settings, opens the log,
 * catches SIGTERM and SIGINT. Returns when the program should run; exits by itself for --help and the like or bad settings.
 * `check` (may be NULL) is this program's own check of the settings: a sentence naming what is wrong, or NULL.
 * `options` ends with a row whose name is NULL; may be NULL. */
void process_start(int argc, char **argv, const char *program, const char *purpose, const char *(*check)(void),
                   const struct process_option *options);

/* "booking-2": the name given by --name, else the program's; "tithi" where process_start() was not called. */
const char *process_name(void);

/* True from the first SIGTERM or SIGINT on. A second one ends the process at once. */
bool process_stopping(void);
/* Readable from then on: put it into poll sets. */
int process_stop_fd(void);

#endif
