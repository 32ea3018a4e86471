/* The limit of signing in: a password verified over and over, with the product's own parameters (lib/password.c), by so
 * many processes. Prints how many per second they did together. Usage: hash_loop PROCESSES SECONDS */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "password.h"

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double rate_of(double seconds) {
    char hash[PASSWORD_HASH_SIZE];
    long count = 0;
    if (password_hash("password123", hash))
        exit(1);
    double started = now_s(), now;
    do {
        if (!password_verify(hash, "password123"))
            exit(1);
        count++;
    } while ((now = now_s()) < started + seconds);
    return (double)count / (now - started);
}

int main(int argc, char **argv) {
    int processes = argc == 3 ? atoi(argv[1]) : 0;
    if (processes < 1 || processes > 64)
        return fprintf(stderr, "usage: hash_loop PROCESSES SECONDS\n"), 64;
    double *rates =
               mmap(NULL, sizeof *rates * (size_t)processes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
           sum = 0;
    for (int i = 0; i < processes; i++)
        if (fork() == 0) {
            rates[i] = rate_of(atof(argv[2]));
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    for (int i = 0; i < processes; i++)
        sum += rates[i];
    printf("{\"rate\": %.2f}\n", sum);
    return 0;
}
