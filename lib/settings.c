/* Settings from the environment by the table settings.def; see settings.h. A secret may also come from the file that
 * NAME_FILE names, so that it need not stand in the environment. */
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum setting_type { TYPE_TEXT, TYPE_SECRET, TYPE_URL, TYPE_INTEGER, TYPE_DURATION, TYPE_LIMIT };

struct setting {
    const char *name;
    enum setting_type type;
    const char *default_value;
    int64_t minimum, maximum;
    const char *users;
    const char *help;
    void *value;
};

struct settings settings;

static const struct setting table[] = {
#define SETTING(NAME, member, type, default_value, minimum, maximum, users, help)                                      \
    {#NAME, TYPE_##type, default_value, minimum, maximum, users, help, &settings.member},
#include "settings.def"
#undef SETTING
};

#define SAMPLE_CRM_TOKEN "super-crm-token" /* as anybody can read */
#define CRM_TOKEN_MINIMUM 32

#define TABLE_COUNT (sizeof table / sizeof *table)

static int problem(char *ret_problem, size_t size, const struct setting *setting, const char *what) {
    snprintf(ret_problem, size, "%s %s", setting->name, what);
    return -1;
}

/* The whole file without trailing newlines; malloc()ed, NULL where it cannot be read. */
static char *read_file(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    char bytes[8192];
    size_t length = fread(bytes, 1, sizeof bytes - 1, file);
    fclose(file);
    while (length && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r'))
        length--;
    bytes[length] = '\0';
    return strdup(bytes);
}

static int parse_integer(const char *text, const char **ret_end, int64_t *ret_value) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || errno || *text == ' ' || *text == '+')
        return -1;
    *ret_end = end;
    *ret_value = value;
    return 0;
}

static int parse_duration(const char *text, int64_t *ret_seconds) {
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'\0', 1}};
    const char *end;
    int64_t count;
    if (parse_integer(text, &end, &count) || (*end && end[1]) || count < 0 || count > INT64_MAX / 86400)
        return -1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (units[i].unit == *end) {
            *ret_seconds = count * units[i].seconds;
            return 0;
        }
    }
    return -1;
}

static int parse_limit(const char *text, struct limit *ret_limit) {
    struct limit limit = {0};
    if (strcmp(text, "off") != 0) {
        const char *end;
        if (parse_integer(text, &end, &limit.count) || *end != '/' || parse_integer(end + 1, &end, &limit.seconds) ||
            *end || limit.count < 1 || limit.count > 1000000000 || limit.seconds < 1 || limit.seconds > 86400)
            return -1;
    }
    *ret_limit = limit;
    return 0;
}

static bool is_url(const char *text) {
    return (strncmp(text, "http://", 7) == 0 && text[7]) || (strncmp(text, "https://", 8) == 0 && text[8]);
}

static int take(const struct setting *setting, const char *text, char *ret_problem, size_t size) {
    int64_t number = 0;
    const char *end;
    switch (setting->type) {
    case TYPE_SECRET:
        if (*text && setting->maximum) {
            size_t length = strlen(text);
            if (length < (size_t)setting->minimum || length > (size_t)setting->maximum) {
                char what[96];
                snprintf(what, sizeof what, "must be %lld to %lld bytes long", (long long)setting->minimum,
                         (long long)setting->maximum);
                return problem(ret_problem, size, setting, what);
            }
        }
        *(const char **)setting->value = text;
        return 0;
    case TYPE_URL:
        if (*text && !is_url(text))
            return problem(ret_problem, size, setting, "must be an http:// or https:// address");
        *(const char **)setting->value = text;
        return 0;
    case TYPE_TEXT:
        *(const char **)setting->value = text;
        return 0;
    case TYPE_LIMIT:
        if (parse_limit(text, setting->value))
            return problem(ret_problem, size, setting, "must be <count>/<seconds>, like 600/60, or off");
        return 0;
    case TYPE_INTEGER:
        if (parse_integer(text, &end, &number) || *end)
            return problem(ret_problem, size, setting, "must be a whole number");
        break;
    case TYPE_DURATION:
        if (parse_duration(text, &number))
            return problem(ret_problem, size, setting, "must be a time like 90s, 15m, 24h or 30d");
        break;
    }
    if (number < setting->minimum || number > setting->maximum) {
        char what[96];
        snprintf(what, sizeof what, "must be between %lld and %lld", (long long)setting->minimum,
                 (long long)setting->maximum);
        return problem(ret_problem, size, setting, what);
    }
    *(int64_t *)setting->value = number;
    return 0;
}

/* One or more, separated by commas or blanks. */
static bool are_broker_addresses(const char *list) {
    int count = 0;
    for (const char *at = list + strspn(list, ", "); *at; at += strcspn(at, ", "), at += strspn(at, ", "), count++)
        if ((strncmp(at, "ipc://", 6) != 0 && strncmp(at, "tcp://", 6) != 0) || strcspn(at, ", ") == 6)
            return false;
    return count > 0;
}

static bool one_of(const char *text, const char *const *words) {
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* Settings whose values are words, and rules between settings. */
static int check_words(char *ret_problem, size_t size) {
    static const struct {
        const char *name;
        const char *const *value;
        const char *const words[5];
        const char *sentence;
    } choices[] = {
        {"TITHI_ENV", &settings.environment, {"development", "production", NULL}, "must be development or production"},
        {"LOG_LEVEL",
         &settings.log_level,
         {"debug", "info", "warn", "error", NULL},
         "must be debug, info, warn or error"},
        {"FACILITATOR_SIGNUP",
         &settings.facilitator_signup,
         {"open", "approval", "closed", NULL},
         "must be open, approval or closed"},
    };
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        if (!one_of(*choices[i].value, choices[i].words)) {
            snprintf(ret_problem, size, "%s %s", choices[i].name, choices[i].sentence);
            return -1;
        }
    }
    if (!are_broker_addresses(settings.broker_urls)) {
        snprintf(ret_problem, size, "BROKER_URLS must be ipc:// or tcp:// addresses, separated by commas");
        return -1;
    }
    if (settings_production() && strcmp(settings.crm_bearer_token, SAMPLE_CRM_TOKEN) == 0) {
        snprintf(ret_problem, size, "CRM_BEARER_TOKEN is the documents' sample: production needs one of its own");
        return -1;
    }
    if (settings_production() && *settings.crm_bearer_token && strlen(settings.crm_bearer_token) < CRM_TOKEN_MINIMUM) {
        snprintf(ret_problem, size, "CRM_BEARER_TOKEN must be at least %d bytes long in production", CRM_TOKEN_MINIMUM);
        return -1;
    }
    if (!*settings.tls_cert_file != !*settings.tls_key_file) {
        snprintf(ret_problem, size, "TLS_CERT_FILE and TLS_KEY_FILE must be given together");
        return -1;
    }
    return 0;
}

int settings_load(char *ret_problem, size_t size) {
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct setting *setting = &table[i];
        const char *text = getenv(setting->name);
        char file_name[64];
        snprintf(file_name, sizeof file_name, "%s_FILE", setting->name);
        const char *path = setting->type == TYPE_SECRET ? getenv(file_name) : NULL;
        if (path && *path && !(text && *text)) {
            text = read_file(path); /* kept for the life of the process */
            if (!text) {
                snprintf(ret_problem, size, "%s names a file that cannot be read: %s", file_name, path);
                return -1;
            }
        }
        if (!text || !*text)
            text = setting->default_value;
        if (take(setting, text, ret_problem, size))
            return -1;
    }
    return check_words(ret_problem, size);
}

bool settings_production(void) {
    return strcmp(settings.environment, "production") == 0;
}

int settings_home_length(void) {
    size_t length = strlen(settings.public_url);
    while (length && settings.public_url[length - 1] == '/')
        length--;
    return (int)length;
}

void settings_print_help(FILE *out) {
    fprintf(out, "Settings (environment variables; a secret may also come from the file that NAME_FILE names):\n");
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct setting *setting = &table[i];
        fprintf(out, "  %-24s %s\n  %-24s default: %s; used by: %s\n", setting->name, setting->help, "",
                *setting->default_value ? setting->default_value : "none", setting->users);
    }
}

void settings_print_effective(FILE *out) {
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct setting *setting = &table[i];
        fprintf(out, "%s=", setting->name);
        switch (setting->type) {
        case TYPE_SECRET:
            fputs(**(const char *const *)setting->value ? "***" : "", out);
            break;
        case TYPE_TEXT:
        case TYPE_URL:
            fputs(*(const char *const *)setting->value, out);
            break;
        case TYPE_INTEGER:
            fprintf(out, "%lld", (long long)*(const int64_t *)setting->value);
            break;
        case TYPE_DURATION:
            fprintf(out, "%llds", (long long)*(const int64_t *)setting->value);
            break;
        case TYPE_LIMIT: {
            const struct limit *limit = setting->value;
            if (limit->count)
                fprintf(out, "%lld/%lld", (long long)limit->count, (long long)limit->seconds);
            else
                fputs("off", out);
            break;
        }
        }
        fputc('\n', out);
    }
}
