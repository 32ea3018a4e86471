/* CURVE certificates and what each allows; see guard.h. The certificate's file decides, found by the key that ZAP
 * reports: metadata that a peer sends about itself is never looked at. */
#include "guard.h"

#include <czmq.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "log.h"

#define KEY_TEXT_LENGTH 40 /* Z85 of 32 bytes */

struct grant {
    UT_hash_handle hh;
    char key[KEY_TEXT_LENGTH + 1];
    bool client;
    char *services; /* names, separated by commas or blanks */
};

struct guard {
    zactor_t *zauth;
    zcertstore_t *store;
    struct grant *grants; /* what was asked for since the last guard_forget() */
};

struct guard *guard_open(const char *folder) {
    char clients[4096];
    snprintf(clients, sizeof clients, "%s/clients", folder);
    struct stat status;
    if (stat(clients, &status) || !S_ISDIR(status.st_mode)) {
        log_error("BROKER_CURVE_DIR has no folder %s with the certificates of those who may connect", clients);
        return NULL;
    }
    struct guard *guard = calloc(1, sizeof *guard);
    guard->zauth = zactor_new(zauth, NULL);
    if (!guard->zauth || zstr_sendx(guard->zauth, "CURVE", clients, NULL) || zsock_wait(guard->zauth)) {
        log_error("the ZAP handler does not start");
        guard_close(&guard);
        return NULL;
    }
    guard->store = zcertstore_new(clients);
    return guard;
}

void guard_forget(struct guard *guard) {
    struct grant *grant, *next;
    if (!guard)
        return;
    HASH_ITER(hh, guard->grants, grant, next) {
        HASH_DEL(guard->grants, grant);
        free(grant->services);
        free(grant);
    }
}

void guard_close(struct guard **guard_pointer) {
    struct guard *guard = *guard_pointer;
    if (!guard)
        return;
    guard_forget(guard);
    zcertstore_destroy(&guard->store);
    zactor_destroy(&guard->zauth);
    free(guard);
    *guard_pointer = NULL;
}

static struct grant *read_grant(struct guard *guard, const char *key) {
    zcert_t *certificate = zcertstore_lookup(guard->store, key);
    if (!certificate)
        return NULL;
    const char *client = zcert_meta(certificate, "client"), *services = zcert_meta(certificate, "services");
    struct grant *grant = calloc(1, sizeof *grant);
    memcpy(grant->key, key, KEY_TEXT_LENGTH);
    grant->client = client && strcmp(client, "yes") == 0;
    grant->services = strdup(services ? services : "");
    HASH_ADD_STR(guard->grants, key, grant);
    return grant;
}

static struct grant *find_grant(struct guard *guard, zmq_msg_t *frame) {
    const char *key = zmq_msg_gets(frame, "User-Id");
    struct grant *grant;
    if (!key || strlen(key) != KEY_TEXT_LENGTH)
        return NULL;
    HASH_FIND_STR(guard->grants, key, grant);
    return grant ? grant : read_grant(guard, key);
}

bool guard_may_call(struct guard *guard, zmq_msg_t *frame) {
    if (!guard)
        return true;
    const struct grant *grant = find_grant(guard, frame);
    return grant && grant->client;
}

bool guard_may_serve(struct guard *guard, zmq_msg_t *frame, const void *service, size_t length) {
    if (!guard)
        return true;
    const struct grant *grant = find_grant(guard, frame);
    for (const char *name = grant ? grant->services : ""; *name;) {
        size_t name_length = strcspn(name, ", ");
        if (name_length == length && memcmp(name, service, length) == 0)
            return true;
        name += name_length;
        name += strspn(name, ", ");
    }
    return false;
}

static int make_folder(const char *path) {
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    log_error("cannot make the folder %s: %s", path, strerror(errno));
    return -1;
}

static int make_broker_keys(const char *folder) {
    char path[4096], secret_path[4096];
    snprintf(path, sizeof path, "%s/broker.key", folder);
    snprintf(secret_path, sizeof secret_path, "%s/broker.key_secret", folder);
    if (access(secret_path, F_OK) == 0)
        return 0;
    zcert_t *certificate = zcert_new();
    int result = zcert_save_public(certificate, path) || zcert_save_secret(certificate, secret_path) ? -1 : 0;
    zcert_destroy(&certificate);
    return result;
}

static int make_client_keys(const char *folder, const char *kind, const char *services, bool client) {
    char path[4096], secret_path[4096];
    snprintf(path, sizeof path, "%s/clients/%s.key", folder, kind);
    snprintf(secret_path, sizeof secret_path, "%s/%s.key_secret", folder, kind);
    if (access(secret_path, F_OK) == 0)
        return 0;
    zcert_t *certificate = zcert_new();
    zcert_set_meta(certificate, "name", "%s", kind);
    zcert_set_meta(certificate, "client", "%s", client ? "yes" : "no");
    zcert_set_meta(certificate, "services", "%s", services);
    int result = zcert_save_public(certificate, path) || zcert_save_secret(certificate, secret_path) ? -1 : 0;
    zcert_destroy(&certificate);
    return result;
}

int guard_make_keys(const char *folder, const char *const *services) {
    char clients[4096];
    snprintf(clients, sizeof clients, "%s/clients", folder);
    umask(077);
    if (make_folder(folder) || make_folder(clients))
        return -1;
    int failed = make_broker_keys(folder);
    failed |= make_client_keys(folder, "gateway", "", true);
    failed |= make_client_keys(folder, "tithi", "", true);
    for (; *services; services++)
        failed |= make_client_keys(folder, *services, *services, false);
    if (failed)
        log_error("cannot write certificates to %s", folder);
    return failed ? -1 : 0;
}
