/* `tithi`, the operator's command: looks at one stack, changes how many processes it has, and mends what needs a hand.
 * This file knows the command line only; the commands are one function each in the files beside it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "operator.h"

#define NO_LIMIT 1000

struct command {
    const char *name; /* one word, or two */
    const char *arguments;
    const char *help;
    command_function *run;
    int least, most; /* how many arguments */
    bool verbatim;   /* the rest of the line belongs to another program */
};

static const struct command commands[] = {
    {"status", "", "processes, and per broker and service: queue, calls in flight, workers, credit", command_status, 0,
     0, false},
    {"top", "", "the same every second, until Ctrl-C", command_top, 0, 0, false},
    {"scale", "KIND=N…", "change the number of processes of a kind (gateway, auth, booking, …)", command_scale, 1,
     NO_LIMIT, false},
    {"drain", "NAME…", "let processes finish what they hold and stop them, until the next scale", command_drain, 1,
     NO_LIMIT, false},
    {"user add", "EMAIL [--name NAME] [--role ROLE] [--password-file FILE]",
     "make an account; without a file the password is read from standard input", command_user_add, 1, 1, false},
    {"user list", "[--pending]", "the newest 1000 accounts, or of those who wait to become facilitators",
     command_user_list, 0, 0, false},
    {"user role", "EMAIL ROLE", "make somebody user, facilitator or admin; their sessions and API keys end",
     command_user_role, 2, 2, false},
    {"user approve", "EMAIL", "make a facilitator of somebody who waits for it", command_user_approve, 1, 1, false},
    {"user deactivate", "EMAIL", "shut somebody out; their sessions and API keys end", command_user_deactivate, 1, 1,
     false},
    {"user activate", "EMAIL", "let them in again", command_user_activate, 1, 1, false},
    {"user bulk", "N --tokens FILE", "make N accounts for a load test and write `email id token` lines",
     command_user_bulk, 1, 1, false},
    {"user hash", "", "the stored form of the password on standard input", command_user_hash, 0, 0, false},
    {"deliveries", "[due|delivered|dead] [--channel webhook|mail|account_mail|refund] [--endpoint ID] [--limit N]",
     "what was sent, newest first, the archive included", command_deliveries, 0, 1, false},
    {"replay", "WEBHOOK_ID… | --dead|--delivered --from TIME [--to TIME] [--channel CHANNEL] [--endpoint ID]",
     "send it again, whatever the channel; or all that were made in a span of time and have ended so", command_replay,
     0, NO_LIMIT, false},
    {"mail", "[--to ADDRESS] [N]", "the newest N mails (10) in MAIL_FOLDER, where mail lies while SMTP_URL is not set",
     command_mail, 0, 1, false},
    {"check-config", "", "the settings of the stack's programs, secrets masked", command_check_config, 0, 0, false},
    {"migrate", "[--schemas DIR]", "bring the database to the newest schema", command_migrate, 0, 0, false},
    {"psql", "[ARGUMENT…]", "psql on the stack's database, as its owner", command_psql, 0, NO_LIMIT, true},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_help(void) {
    printf("Usage: tithi [--state DIR] [--json] COMMAND [ARGUMENT…]\n"
           "Looks after a running Tithi.\n\n"
           "  --state DIR   the stack's state folder (default TITHI_STATE, else var)\n"
           "  --json        answer in JSON\n"
           "  --help, --version\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %s %s\n      %s\n", commands[i].name, commands[i].arguments, commands[i].help);
}

/* The command that the words begin with; `ret_words` is how many of them are its name. */
static const struct command *command_find(char **words, int *ret_words) {
    for (size_t i = 0; words[0] && i < COMMAND_COUNT; i++) {
        const char *second = strchr(commands[i].name, ' ');
        size_t length = second ? (size_t)(second - commands[i].name) : strlen(commands[i].name);
        if (strlen(words[0]) == length && strncmp(words[0], commands[i].name, length) == 0 &&
            (!second || (words[1] && strcmp(words[1], second + 1) == 0))) {
            *ret_words = second ? 2 : 1;
            return &commands[i];
        }
    }
    return NULL;
}

enum option_id {
    OPTION_STATE = 256,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_ROLE,
    OPTION_NAME,
    OPTION_PENDING,
    OPTION_PASSWORD_FILE,
    OPTION_TOKENS,
    OPTION_SCHEMAS,
    OPTION_CHANNEL,
    OPTION_ENDPOINT,
    OPTION_LIMIT,
    OPTION_FROM,
    OPTION_TO,
    OPTION_DEAD,
    OPTION_DELIVERED
};

static const struct option long_options[] = {
    {"state", required_argument, NULL, OPTION_STATE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"name", required_argument, NULL, OPTION_NAME},
    {"pending", no_argument, NULL, OPTION_PENDING},
    {"password-file", required_argument, NULL, OPTION_PASSWORD_FILE},
    {"tokens", required_argument, NULL, OPTION_TOKENS},
    {"schemas", required_argument, NULL, OPTION_SCHEMAS},
    {"channel", required_argument, NULL, OPTION_CHANNEL},
    {"endpoint", required_argument, NULL, OPTION_ENDPOINT},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"from", required_argument, NULL, OPTION_FROM},
    {"to", required_argument, NULL, OPTION_TO},
    {"dead", no_argument, NULL, OPTION_DEAD},
    {"delivered", no_argument, NULL, OPTION_DELIVERED},
    {NULL, 0, NULL, 0},
};

/* Reads options up to the first word that is none (`all` false), or all of the line. Ends the program for --help and
 * errors. */
static void read_options(int argc, char **argv, bool all, struct options *options, const char **state) {
    for (int choice; (choice = getopt_long(argc, argv, all ? "" : "+", long_options, NULL)) != -1;) {
        switch (choice) {
        case OPTION_STATE:
            *state = optarg;
            break;
        case OPTION_JSON:
            options->json = true;
            break;
        case OPTION_HELP:
            print_help();
            exit(EXIT_SUCCESS);
        case OPTION_VERSION:
            printf("tithi %s\n", TITHI_VERSION);
            exit(EXIT_SUCCESS);
        case OPTION_ROLE:
            options->role = optarg;
            break;
        case OPTION_NAME:
            options->name = optarg;
            break;
        case OPTION_PENDING:
            options->pending = true;
            break;
        case OPTION_PASSWORD_FILE:
            options->password_file = optarg;
            break;
        case OPTION_TOKENS:
            options->tokens = optarg;
            break;
        case OPTION_SCHEMAS:
            options->schemas = optarg;
            break;
        case OPTION_CHANNEL:
            options->channel = optarg;
            break;
        case OPTION_ENDPOINT:
            options->endpoint = optarg;
            break;
        case OPTION_LIMIT:
            options->limit = optarg;
            break;
        case OPTION_FROM:
            options->from = optarg;
            break;
        case OPTION_TO:
            options->to = optarg;
            break;
        case OPTION_DEAD:
            options->dead = true;
            break;
        case OPTION_DELIVERED:
            options->delivered = true;
            break;
        default:
            exit(EX_USAGE);
        }
    }
}

int main(int argc, char **argv) {
    struct options options = {0};
    const char *state = getenv("TITHI_STATE");
    read_options(argc, argv, false, &options, &state);
    if (optind == argc) {
        print_help();
        return EX_USAGE;
    }
    int words = 0;
    const struct command *command = command_find(argv + optind, &words);
    if (!command)
        return complain(EX_USAGE, "there is no command '%s' (tithi --help)", argv[optind]);

    /* The command's last word stands where getopt expects the program's name. */
    argv += optind + words - 1;
    argc -= optind + words - 1;
    optind = 0;
    if (!command->verbatim)
        read_options(argc, argv, true, &options, &state);
    else
        optind = 1;
    int count = argc - optind;
    if (count < command->least || count > command->most)
        return complain(EX_USAGE, "usage: tithi %s %s", command->name, command->arguments);

    struct stack stack;
    stack_open(&stack, state && *state ? state : "var");
    int code = command->run(&stack, &options, argv + optind);
    stack_close(&stack);
    return code;
}
