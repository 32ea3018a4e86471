/* The limit that deliveries are measured against: libcurl's multi interface posting the same bytes over and over, keeping so many in
 * flight, with nothing else to do. Prints posts per second and microseconds of CPU per post as JSON.
 * Usage: curl_loop URL-PREFIX URLS BYTES COUNT IN-FLIGHT */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const char *prefix, *body;
static long urls, begun;

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t take(char *bytes, size_t size, size_t count, void *unused) {
    (void)bytes, (void)unused;
    return size * count;
}

static void begin(CURLM *multi, CURL *easy) {
    char url[256];
    snprintf(url, sizeof url, "%s%ld", prefix, begun++ % urls);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_multi_add_handle(multi, easy);
}

int main(int argc, char **argv) {
    if (argc != 6)
        return fprintf(stderr, "usage: curl_loop URL-PREFIX URLS BYTES COUNT IN-FLIGHT\n"), 64;
    long bytes = atol(argv[3]), count = atol(argv[4]), in_flight = atol(argv[5]), ended = 0, failed = 0;
    prefix = argv[1];
    urls = atol(argv[2]);
    char *text = malloc((size_t)bytes + 1);
    memset(text, 'x', (size_t)bytes);
    text[bytes] = '\0';
    body = text;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM *multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, in_flight);
    struct curl_slist *headers = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), "Expect:");
    double started = seconds(CLOCK_MONOTONIC), started_cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (long i = 0; i < in_flight && begun < count; i++) {
        CURL *easy = curl_easy_init();
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, bytes);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
        begin(multi, easy);
    }
    while (ended < count) {
        int running, left;
        curl_multi_perform(multi, &running);
        for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
            CURL *easy = message->easy_handle;
            long status = 0;
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            failed += message->data.result != CURLE_OK || status / 100 != 2;
            ended++;
            curl_multi_remove_handle(multi, easy);
            if (begun < count)
                begin(multi, easy);
        }
        if (ended < count)
            curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
    double took = seconds(CLOCK_MONOTONIC) - started, cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - started_cpu;
    printf("{\"rate\": %.1f, \"cpu_us\": %.2f, \"failed\": %ld}\n", (double)count / took, cpu * 1e6 / (double)count, failed);
    return 0;
}
