/* The common beginning of every program; see process.h. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "log.h"
#include "settings.h"

static struct {
    const char *name;
    const char *pid_file;
    volatile sig_atomic_t stopping;
    int stop_pipe[2];
} process = {.name = "tithi", .stop_pipe = {-1, -1}};

static void on_stop_signal(int number) {
    (void)number;
    if (process.stopping)
        _exit(EXIT_SUCCESS);
    process.stopping = 1;
    int saved = errno;
    ssize_t written = write(process.stop_pipe[1], "", 1);
    (void)written;
    errno = saved;
}

static void remove_pid_file(void) {
    if (process.pid_file)
        unlink(process.pid_file);
}

static void write_pid_file(void) {
    FILE *file = fopen(process.pid_file, "we");
    if (!file) {
        fprintf(stderr, "%s: cannot write the pid file %s: %s\n", process.name, process.pid_file, strerror(errno));
        exit(EX_CANTCREAT);
    }
    fprintf(file, "%d\n", (int)getpid());
    fclose(file);
    atexit(remove_pid_file);
}

static void catch_signals(void) {
    if (pipe2(process.stop_pipe, O_CLOEXEC | O_NONBLOCK))
        exit(EX_OSERR);
    struct sigaction stop = {.sa_handler = on_stop_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

static void print_help(const char *program, const char *purpose, const struct process_option *options) {
    printf("Usage: %s [OPTION…]\n%s\n\nOptions:\n"
           "  --help               this text\n"
           "  --version            the version\n"
           "  --check-config       print the effective settings, secrets masked, and end: 0 good, 78 bad\n"
           "  --name NAME          the name in logs (default %s)\n"
           "  --pid-file PATH      where to leave the process id while running\n",
           program, purpose, program);
    for (; options && options->name; options++)
        printf("  --%s %-*s %s\n", options->name, (int)(18 - strlen(options->name)), options->argument, options->help);
    printf("\n");
    settings_print_help(stdout);
}

static enum log_level level_of(const char *word) {
    static const char *const words[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++)
        if (strcmp(word, words[i]) == 0)
            return (enum log_level)i;
    return LOG_LEVEL_INFO;
}

void process_start(int argc, char **argv, const char *program, const char *purpose, const char *(*check)(void),
                   const struct process_option *options) {
    enum { HELP = 256, VERSION, CHECK_CONFIG, NAME, PID_FILE, OWN };
    struct option longs[16] = {
        {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION},
        {"check-config", no_argument, NULL, CHECK_CONFIG},
        {"name", required_argument, NULL, NAME},
        {"pid-file", required_argument, NULL, PID_FILE},
    };
    for (int i = 0; options && options[i].name; i++)
        longs[PID_FILE - HELP + 1 + i] = (struct option){options[i].name, required_argument, NULL, OWN + i};

    process.name = program;
    bool check_config = false;
    for (int choice; (choice = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (choice) {
        case HELP:
            print_help(program, purpose, options);
            exit(EXIT_SUCCESS);
        case VERSION:
            printf("%s %s\n", program, TITHI_VERSION);
            exit(EXIT_SUCCESS);
        case CHECK_CONFIG:
            check_config = true;
            break;
        case NAME:
            process.name = optarg;
            break;
        case PID_FILE:
            process.pid_file = optarg;
            break;
        case '?':
            exit(EX_USAGE);
        default:
            *options[choice - OWN].ret_value = optarg;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument: %s\n", program, argv[optind]);
        exit(EX_USAGE);
    }

    char wrong[512];
    const char *sentence = settings_load(wrong, sizeof wrong) ? wrong : check ? check() : NULL;
    if (sentence) {
        fprintf(stderr, "%s: %s\n", program, sentence);
        exit(EX_CONFIG);
    }
    if (check_config) {
        settings_print_effective(stdout);
        exit(EXIT_SUCCESS);
    }
    log_open(process.name, level_of(settings.log_level));
    if (settings_production())
        prctl(PR_SET_DUMPABLE, 0);
    catch_signals();
    if (process.pid_file)
        write_pid_file();
    log_info("started, version %s", TITHI_VERSION);
}

const char *process_name(void) {
    return process.name;
}

bool process_stopping(void) {
    return process.stopping;
}

int process_stop_fd(void) {
    return process.stop_pipe[0];
}
