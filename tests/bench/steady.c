/* Requests at a steady pace, over so many HTTP/1.1 connections: request number k is due at k/RATE whatever became of
 * those before, and its latency counts from then, so a server that stands still is charged for all who would have come
 * meanwhile ("coordinated omission"). RATE 0: each connection asks again as soon as it is answered. Where there is one
 * event, it ends when everybody has come once. Prints JSON: rate, percentiles and statuses of all, of each status and
 * of each second. Usage: steady PORT CONNECTIONS RATE SECONDS KIND…, where KIND is get PATH | any FIRST LAST | book
 * TOKENS FIRST LAST (TOKENS "-": nobody is signed in) | login EMAILS PASSWORD */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define HEAD_LIMIT 8192
#define REQUEST_LIMIT 2048
#define GRACE_US 5000000 /* for answers after the last request was due */
#define STATUS_LIMIT 600

struct connection {
    int socket;
    bool in_head, closes; /* `closes`: it has said that it will */
    int64_t due_us;       /* of the request that waits for its answer */
    size_t have;          /* of the head */
    size_t left;          /* of the body */
    int status;
    struct connection *next; /* that idles */
    char head[HEAD_LIMIT + 1];
};

struct answer {
    uint32_t latency_us;
    uint16_t status; /* 0: none came */
    uint16_t second; /* in which it came */
};

static struct {
    int port, epoll;
    int64_t started_us, ends_us, ended_us;
    struct connection *idle;
    size_t busy, sent, limit; /* `limit` requests at most */
    double rate;
    struct answer *answers;
    size_t answer_count, answer_capacity;
} run;

static struct {
    const char *kind, *path, *password;
    char **people;
    size_t people_count;
    int64_t first, count;
} asked;

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* ---- What is asked */

static void read_people(const char *path) {
    char line[REQUEST_LIMIT];
    FILE *file = fopen(path, "re");
    if (!file)
        fail(path);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *last = strrchr(line, ' ');
        asked.people = realloc(asked.people, (asked.people_count + 1) * sizeof *asked.people);
        asked.people[asked.people_count++] = strdup(last ? last + 1 : line);
    }
    fclose(file);
}

static bool is_kind(const char *kind) {
    return strcmp(asked.kind, kind) == 0;
}

static void read_kind(int count, char **words) {
    asked.kind = words[0];
    run.limit = SIZE_MAX;
    if (is_kind("get") && count == 2) {
        asked.path = words[1];
    } else if (is_kind("login") && count == 3) {
        read_people(words[1]);
        asked.password = words[2];
    } else if ((is_kind("any") && count == 3) || (is_kind("book") && count == 4)) {
        asked.first = atoll(words[count - 2]);
        asked.count = atoll(words[count - 1]) - asked.first + 1;
        if (is_kind("book") && strcmp(words[1], "-") != 0)
            read_people(words[1]);
        if (asked.people_count && asked.first && asked.count == 1)
            run.limit = asked.people_count;
    } else {
        fprintf(stderr, "steady: no such kind of requests\n");
        exit(64);
    }
}

static size_t write_post(char *request, const char *path, const char *token, const char *body) {
    return (size_t)snprintf(request, REQUEST_LIMIT,
                            "POST %s HTTP/1.1\r\nHost: localhost\r\n%s%s%sContent-Type: application/json\r\n"
                            "Content-Length: %zu\r\n\r\n%s",
                            path, token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "",
                            strlen(body), body);
}

static size_t write_get(char *request, const char *path) {
    return (size_t)snprintf(request, REQUEST_LIMIT, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
}

static size_t write_request(char *request, size_t number) {
    char text[256];
    const char *person = asked.people_count ? asked.people[number % asked.people_count] : NULL;
    if (is_kind("get"))
        return write_get(request, asked.path);
    if (is_kind("any")) {
        snprintf(text, sizeof text, "/events/%lld", (long long)(asked.first + random() % asked.count));
        return write_get(request, text);
    }
    if (is_kind("login")) {
        snprintf(text, sizeof text, "{\"email\":\"%s\",\"password\":\"%s\"}", person, asked.password);
        return write_post(request, "/auth/login", NULL, text);
    }
    size_t round = asked.people_count ? number / asked.people_count : 0;
    snprintf(text, sizeof text, "{\"event_id\":%lld}",
             (long long)asked.first + (long long)((round + number) % (size_t)asked.count));
    return write_post(request, "/bookings", person, text);
}

/* ---- Connections */

static void open_connection(struct connection *connection) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)run.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int on = 1;
    connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->socket < 0 || connect(connection->socket, (struct sockaddr *)&address, sizeof address) ||
        setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) ||
        fcntl(connection->socket, F_SETFL, O_NONBLOCK) ||
        epoll_ctl(run.epoll, EPOLL_CTL_ADD, connection->socket, &event))
        fail("cannot connect");
}

static void set_idle(struct connection *connection) {
    connection->next = run.idle;
    run.idle = connection;
}

static void reopen(struct connection *connection) {
    close(connection->socket);
    open_connection(connection);
}

static void note(struct connection *connection, int status) {
    int64_t now = now_us();
    if (run.answer_count == run.answer_capacity) {
        run.answer_capacity = run.answer_capacity ? 2 * run.answer_capacity : 1 << 16;
        run.answers = realloc(run.answers, run.answer_capacity * sizeof *run.answers);
        if (!run.answers)
            fail("no memory");
    }
    run.answers[run.answer_count++] = (struct answer){.latency_us = (uint32_t)(now - connection->due_us),
                                                      .status = (uint16_t)status,
                                                      .second = (uint16_t)((now - run.started_us) / 1000000)};
    run.ended_us = now;
    run.busy--;
    set_idle(connection);
}

/* A connection that was closed while it idled is opened anew before it is used. */
static void send_next(int64_t due_us) {
    struct connection *connection = run.idle;
    char request[REQUEST_LIMIT];
    size_t length = write_request(request, run.sent++);
    run.idle = connection->next;
    run.busy++;
    connection->due_us = due_us;
    connection->in_head = true;
    connection->have = 0;
    if (send(connection->socket, request, length, MSG_NOSIGNAL) != (ssize_t)length) {
        reopen(connection);
        if (send(connection->socket, request, length, MSG_NOSIGNAL) != (ssize_t)length)
            fail("cannot send");
    }
}

static void read_head(struct connection *connection) {
    connection->head[connection->have] = '\0';
    char *end = strstr(connection->head, "\r\n\r\n");
    if (!end)
        return;
    size_t beyond = connection->have - (size_t)(end + 4 - connection->head);
    *end = '\0';
    const char *length = strcasestr(connection->head, "\r\ncontent-length:");
    connection->status = atoi(connection->head + sizeof "HTTP/1.1");
    connection->left = (length ? strtoul(length + sizeof "\r\ncontent-length:" - 1, NULL, 10) : 0) - beyond;
    connection->in_head = false;
    connection->closes = strcasestr(connection->head, "\r\nconnection: close") != NULL;
}

static bool is_idle(const struct connection *connection) {
    for (const struct connection *at = run.idle; at; at = at->next)
        if (at == connection)
            return true;
    return false;
}

static void on_readable(struct connection *connection) {
    static char body[1 << 18];
    ssize_t got;
    do {
        char *target = connection->in_head ? connection->head + connection->have : body;
        size_t room = connection->in_head ? HEAD_LIMIT - connection->have : sizeof body;
        got = recv(connection->socket, target, room, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            break;
        if (connection->in_head) {
            connection->have += (size_t)got;
            read_head(connection);
        } else {
            connection->left -= (size_t)got;
        }
    } while (connection->in_head || connection->left);
    if (got <= 0) {
        if (!is_idle(connection))
            note(connection, 0);
        reopen(connection);
        return;
    }
    if (connection->closes)
        reopen(connection);
    note(connection, connection->status);
}

/* ---- The run */

static int64_t due_us(size_t number) {
    return run.rate > 0 ? run.started_us + (int64_t)((double)number * 1e6 / run.rate) : now_us();
}

static void wait_for_answers(void) {
    struct epoll_event events[512];
    int64_t wait_us = 100000;
    if (run.idle && run.sent < run.limit && run.rate > 0 && (wait_us = due_us(run.sent) - now_us()) < 0)
        wait_us = 0;
    struct timespec timeout = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
    int count = epoll_pwait2(run.epoll, events, 512, &timeout, NULL);
    for (int i = 0; i < count; i++)
        on_readable(events[i].data.ptr);
}

static void run_all(void) {
    for (;;) {
        int64_t now = now_us();
        while (run.idle && run.sent < run.limit && (run.rate > 0 || now < run.ends_us)) {
            int64_t due = due_us(run.sent);
            if (due > now && run.rate > 0)
                break;
            send_next(due);
        }
        bool is_over = run.sent >= run.limit || (run.rate <= 0 && now >= run.ends_us);
        if ((is_over && !run.busy) || now > run.ends_us + GRACE_US)
            return;
        wait_for_answers();
    }
}

/* ---- What it comes to */

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

struct choice {
    int status, second; /* -1: any */
};

static bool is_chosen(const struct answer *answer, struct choice choice) {
    return (choice.status < 0 || answer->status == choice.status) &&
           (choice.second < 0 || answer->second == choice.second);
}

/* Count, percentiles and statuses, without the brace that closes them. */
static void print_some(struct choice choice) {
    static uint32_t *latencies;
    size_t count = 0, by_status[STATUS_LIMIT] = {0};
    latencies = realloc(latencies, (run.answer_count + 1) * sizeof *latencies);
    for (size_t i = 0; i < run.answer_count; i++)
        if (is_chosen(&run.answers[i], choice)) {
            latencies[count++] = run.answers[i].latency_us;
            by_status[run.answers[i].status]++;
        }
    qsort(latencies, count, sizeof *latencies, compare);
    double at[] = {0.5, 0.99, 0.999, 1};
    const char *names[] = {"p50_ms", "p99_ms", "p999_ms", "max_ms"};
    printf("{\"requests\": %zu", count);
    for (size_t i = 0; i < 4; i++) {
        size_t index = (size_t)(at[i] * (double)count);
        printf(", \"%s\": %.3f", names[i], count ? latencies[index < count ? index : count - 1] / 1e3 : 0);
    }
    const char *separator = "";
    printf(", \"statuses\": {");
    for (int status = 0; status < STATUS_LIMIT; status++)
        if (by_status[status]) {
            printf("%s\"%d\": %zu", separator, status, by_status[status]);
            separator = ", ";
        }
    printf("}");
}

static void print_all(void) {
    double seconds = (double)(run.ended_us - run.started_us) / 1e6;
    print_some((struct choice){-1, -1});
    printf(", \"seconds\": %.6f, \"rate\": %.1f, \"unanswered\": %zu, \"of_status\": {", seconds,
           seconds > 0 ? (double)run.answer_count / seconds : 0, run.sent - run.answer_count);
    const char *separator = "";
    for (int status = 0; status < STATUS_LIMIT; status++)
        for (size_t i = 0; i < run.answer_count; i++)
            if (run.answers[i].status == status) {
                printf("%s\"%d\": ", separator, status);
                print_some((struct choice){status, -1});
                printf("}");
                separator = ", ";
                break;
            }
    printf("}, \"each_second\": [");
    for (int second = 0; second < (int)(seconds + 1); second++) {
        printf("%s", second ? ", " : "");
        print_some((struct choice){-1, second});
        printf("}");
    }
    printf("]}\n");
}

int main(int argc, char **argv) {
    if (argc < 7)
        return fprintf(stderr, "usage: steady PORT CONNECTIONS RATE SECONDS KIND…\n"), 64;
    int count = atoi(argv[2]);
    double seconds = atof(argv[4]);
    run.port = atoi(argv[1]);
    run.rate = atof(argv[3]);
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    read_kind(argc - 5, argv + 5);
    if (run.rate > 0 && run.rate * seconds < (double)run.limit)
        run.limit = (size_t)(run.rate * seconds);
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    for (int i = 0; i < count; i++) {
        open_connection(&connections[i]);
        set_idle(&connections[i]);
    }
    run.started_us = run.ended_us = now_us();
    run.ends_us = run.started_us + (int64_t)(seconds * 1e6);
    run_all();
    print_all();
    return 0;
}
