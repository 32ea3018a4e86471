/* Settings of all programs, read from the environment. The table is settings.def; --help prints it. */
#ifndef TITHI_SETTINGS_H
#define TITHI_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct limit {
    int64_t count; /* 0: off */
    int64_t seconds;
};

typedef const char *setting_TEXT;
typedef const char *setting_SECRET;
typedef const char *setting_URL;
typedef int64_t setting_INTEGER;
typedef int64_t setting_DURATION; /* seconds */
typedef struct limit setting_LIMIT;

struct settings {
#define SETTING(NAME, member, type, default_value, minimum, maximum, users, help) setting_##type member;
#include "settings.def"
#undef SETTING
};

/* The one instance, filled by settings_load(). Unset texts are "" (never NULL). */
extern struct settings settings;

/* 0, or -1 with one sentence that names the bad setting in `ret_problem`. */
int settings_load(char *ret_problem, size_t size);
bool settings_production(void);
/* The bytes of PUBLIC_URL without slashes at its end, behind which a path goes. */
int settings_home_length(void);
void settings_print_help(FILE *out);
/* Effective values, secrets masked. */
void settings_print_effective(FILE *out);

#endif
