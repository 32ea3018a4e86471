/* See endpoints_store.h. Writes are one statement per call, pipelined, so that each sees what those before it did. */
#include "endpoints_store.h"

#include <stdlib.h>
#include <string.h>

#include "rfc3339.h"
#include "webhook.h"

#define ENDPOINT_COLUMNS                                                                                               \
    "e.id, e.url, e.description, array_to_string(e.types, ','), e.everything, e.signature, e.signing_key,"             \
    " e.timeout_s, e.from_profile, e.disabled_reason, lanes.failing_since, coalesce(lanes.failures, 0),"               \
    " CASE WHEN e.former_until > now() THEN e.former_until END, e.created_at, e.updated_at"

enum endpoint_column {
    ENDPOINT_ID = 1,
    ENDPOINT_URL,
    ENDPOINT_DESCRIPTION,
    ENDPOINT_TYPES,
    ENDPOINT_EVERYTHING,
    ENDPOINT_SIGNATURE,
    ENDPOINT_SIGNING_KEY,
    ENDPOINT_TIMEOUT,
    ENDPOINT_FROM_PROFILE,
    ENDPOINT_DISABLED_REASON,
    ENDPOINT_FAILING_SINCE,
    ENDPOINT_FAILURES,
    ENDPOINT_FORMER_UNTIL,
    ENDPOINT_CREATED,
    ENDPOINT_UPDATED,
};

#define WITH_LANE " LEFT JOIN lanes ON lanes.channel = 'webhook' AND lanes.lane = e.id"

static const struct statement read_endpoints = {
    "endpoints_read", "SELECT given.place, " ENDPOINT_COLUMNS
                      " FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS given(id, owner_id, place)"
                      " JOIN webhook_endpoints e ON e.id = given.id AND e.owner_id = given.owner_id" WITH_LANE};

static const struct statement list_endpoints = {
    "endpoints_list",
    "SELECT given.place, " ENDPOINT_COLUMNS " FROM unnest($1::bigint[]) WITH ORDINALITY AS given(owner_id, place)"
    " JOIN webhook_endpoints e ON e.owner_id = given.owner_id" WITH_LANE " ORDER BY given.place, e.id"};

/* So that calls of one person count each other's endpoints. */
static const struct statement lock_owners = {
    "endpoints_lock_owners", "SELECT FROM users WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"};

static const struct statement create_endpoint = {
    "endpoints_create",
    "INSERT INTO webhook_endpoints (owner_id, url, description, types, everything, signature, timeout_s, secret,"
    "                               signing_key)"
    " SELECT $1::bigint, $2::text, $3::text, $4::text[], $5::boolean, $6::text, $7::integer, $8::text,"
    "  CASE WHEN $6::text <> 'hmac' THEN $9::text END"
    " WHERE (SELECT count(*) FROM webhook_endpoints WHERE owner_id = $1::bigint) < $10::bigint RETURNING id"};

/* NULL leaves a column as it is; $4 says whether the description changes. Answers what has changed and the new
 * address, NULL where it is the former. */
static const struct statement update_endpoint = {
    "endpoints_update",
    "UPDATE webhook_endpoints AS e SET url = coalesce($3::text, e.url),"
    " description = CASE WHEN $4::boolean THEN $5::text ELSE e.description END,"
    " types = coalesce($6::text[], e.types), everything = coalesce($7::boolean, e.everything),"
    " signature = coalesce($8::text, e.signature),"
    " signing_key = CASE WHEN coalesce($8::text, e.signature) <> 'hmac' THEN coalesce(e.signing_key, $9::text)"
    "   ELSE e.signing_key END,"
    " timeout_s = coalesce($10::integer, e.timeout_s),"
    " disabled_at = CASE $11::boolean WHEN true THEN coalesce(e.disabled_at, now()) WHEN false THEN NULL"
    "   ELSE e.disabled_at END,"
    " disabled_reason = CASE $11::boolean WHEN true THEN coalesce(e.disabled_reason, 'owner') WHEN false THEN NULL"
    "   ELSE e.disabled_reason END,"
    " updated_at = now()"
    " FROM (SELECT * FROM webhook_endpoints WHERE id = $1::bigint AND owner_id = $2::bigint FOR UPDATE) AS b"
    " WHERE e.id = b.id"
    " RETURNING concat_ws(', ', CASE WHEN e.url <> b.url THEN 'address' END,"
    "  CASE WHEN e.types <> b.types THEN 'types' END, CASE WHEN e.everything <> b.everything THEN 'everything' END,"
    "  CASE WHEN e.signature <> b.signature THEN 'signature' END,"
    "  CASE WHEN e.disabled_at IS NOT NULL AND b.disabled_at IS NULL THEN 'disabled'"
    "   WHEN e.disabled_at IS NULL AND b.disabled_at IS NOT NULL THEN 'enabled' END),"
    " CASE WHEN e.url <> b.url THEN e.url END"};

static const struct statement rotate_secret = {
    "endpoints_rotate",
    "UPDATE webhook_endpoints SET former_secret = CASE WHEN $3::integer > 0 THEN secret END, secret = $4::text,"
    " former_signing_key = CASE WHEN $3::integer > 0 THEN signing_key END,"
    " signing_key = CASE WHEN signature <> 'hmac' THEN $5::text END,"
    " former_until = CASE WHEN $3::integer > 0 THEN now() + make_interval(hours => $3::integer) END,"
    " updated_at = now()"
    " WHERE id = $1::bigint AND owner_id = $2::bigint"};

static const struct statement delete_endpoints = {
    "endpoints_delete",
    "DELETE FROM webhook_endpoints AS e"
    " USING unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS given(id, owner_id, place)"
    " WHERE e.id = given.id AND e.owner_id = given.owner_id AND NOT e.from_profile RETURNING given.place"};

#define FORMER_SECRET "CASE WHEN e.former_until > now() THEN e.former_secret END"
#define FORMER_KEY "CASE WHEN e.former_until > now() THEN e.former_signing_key END"
#define HEARS                                                                                                          \
    "CASE WHEN NOT u.is_active OR u.erased_at IS NOT NULL THEN 0 WHEN u.role = 'facilitator' THEN 1"                   \
    " WHEN u.role = 'admin' THEN 2 ELSE 0 END"

static const struct statement read_targets = {
    "endpoints_targets",
    "SELECT given.place, e.url, e.timeout_s, e.signature, e.secret, " FORMER_SECRET ", e.signing_key, " FORMER_KEY
    ", e.disabled_at IS NOT NULL, e.owner_id, " HEARS " FROM unnest($1::bigint[]) WITH ORDINALITY AS given(id, place)"
    " JOIN webhook_endpoints e ON e.id = given.id JOIN users u ON u.id = e.owner_id"};

/* Who comes second finds them disabled, and queues nothing. */
static const struct statement disable_endpoints = {
    "endpoints_disable",
    "WITH disabled AS ("
    "  UPDATE webhook_endpoints AS e SET disabled_at = now(), disabled_reason = given.reason, updated_at = now()"
    "  FROM (SELECT id, url, 'gone' AS reason FROM unnest($1::bigint[], $2::text[]) AS gone(id, url)"
    "        UNION ALL"
    "        SELECT lane, NULL, 'failing' FROM lanes"
    "        WHERE channel = 'webhook' AND lane <> 0 AND failing_since < now() - interval '5 days'"
    "       ) AS given(id, url, reason)"
    "  WHERE e.id = given.id AND e.disabled_at IS NULL AND (given.url IS NULL OR e.url = given.url)"
    "  RETURNING e.id, e.owner_id, e.url, e.disabled_at, e.disabled_reason)"
    " INSERT INTO outbox (channel, owner_id, type, cause, body)"
    " SELECT 'mail', u.id, 'mail.endpoint_disabled',"
    "  'endpoint:' || d.id || ':' || (extract(epoch FROM d.disabled_at) * 1000)::bigint,"
    "  json_build_object('to', u.email, 'name', u.name, 'template', 'endpoint_disabled', 'language', u.language,"
    "   'zone', u.time_zone, 'values', json_build_object('url', d.url, 'reason', d.disabled_reason,"
    "    'since_at', coalesce(lanes.failing_since, d.disabled_at), 'page', $3::text || d.id))::text"
    " FROM disabled AS d JOIN users u ON u.id = d.owner_id AND u.is_active AND u.erased_at IS NULL"
    " LEFT JOIN lanes ON lanes.channel = 'webhook' AND lanes.lane = d.id"};

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

/* Of texts without commas. */
static const char **split(const char *list, struct pool *pool, size_t *ret_count) {
    const char **items = pool_alloc(pool, (strlen(list) + 1) * sizeof *items);
    *ret_count = 0;
    while (*list) {
        size_t length = strcspn(list, ",");
        items[(*ret_count)++] = pool_copy(pool, list, length);
        list += length + (list[length] == ',');
    }
    return items;
}

static const char *status_of(const PGresult *result, int row) {
    if (!db_is_null(result, row, ENDPOINT_DISABLED_REASON))
        return "disabled";
    return db_is_null(result, row, ENDPOINT_FAILING_SINCE) ? "active" : "failing";
}

static void show_public_key(const PGresult *result, int row, struct pool *pool, struct webhook_endpoint *endpoint) {
    struct webhook_secret key;
    const char *text = db_text(result, row, ENDPOINT_SIGNING_KEY);
    if (text && strcmp(endpoint->signature, "hmac") != 0 && webhook_key_parse(text, &key) == 0)
        SET(*endpoint, public_key, webhook_key_public(&key, pool_alloc(pool, WEBHOOK_PUBLIC_KEY_TEXT_SIZE)));
}

static struct webhook_endpoint read_endpoint(const PGresult *result, int row, struct pool *pool) {
    struct webhook_endpoint endpoint = {
        .id = db_integer(result, row, ENDPOINT_ID),
        .url = copy_text(result, row, ENDPOINT_URL, pool),
        .everything = db_boolean(result, row, ENDPOINT_EVERYTHING),
        .signature = copy_text(result, row, ENDPOINT_SIGNATURE, pool),
        .timeout_s = db_integer(result, row, ENDPOINT_TIMEOUT),
        .from_profile = db_boolean(result, row, ENDPOINT_FROM_PROFILE),
        .status = status_of(result, row),
        .failures = db_integer(result, row, ENDPOINT_FAILURES),
        .created_at = rfc3339_text(db_text(result, row, ENDPOINT_CREATED), pool),
        .updated_at = rfc3339_text(db_text(result, row, ENDPOINT_UPDATED), pool),
    };
    endpoint.types.items = split(db_text(result, row, ENDPOINT_TYPES), pool, &endpoint.types.count);
    SET_TEXT(endpoint, description, copy_text(result, row, ENDPOINT_DESCRIPTION, pool));
    SET_TEXT(endpoint, disabled_reason, copy_text(result, row, ENDPOINT_DISABLED_REASON, pool));
    SET_TEXT(endpoint, failing_since, rfc3339_text(db_text(result, row, ENDPOINT_FAILING_SINCE), pool));
    SET_TEXT(endpoint, former_until, rfc3339_text(db_text(result, row, ENDPOINT_FORMER_UNTIL), pool));
    show_public_key(result, row, pool, &endpoint);
    return endpoint;
}

static void parameter_keys(struct parameters *parameters, const struct endpoint_key *keys, size_t count) {
    int64_t *ids = pool_alloc(parameters->pool, count * sizeof *ids);
    int64_t *owner_ids = pool_alloc(parameters->pool, count * sizeof *owner_ids);
    for (size_t i = 0; i < count; i++) {
        ids[i] = keys[i].id;
        owner_ids[i] = keys[i].owner_id;
    }
    parameter_integers(parameters, ids, count);
    parameter_integers(parameters, owner_ids, count);
}

int endpoints_store_read(struct worker *worker, const struct endpoint_key *keys, size_t count,
                         struct webhook_endpoint *ret_endpoints) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_keys(&parameters, keys, count);
    PGresult *result = db_query(worker_db(worker), &read_endpoints, &parameters);
    if (!result)
        return -1;
    memset(ret_endpoints, 0, count * sizeof *ret_endpoints);
    for (int row = 0; row < PQntuples(result); row++)
        ret_endpoints[db_integer(result, row, 0) - 1] = read_endpoint(result, row, worker_pool(worker));
    return 0;
}

int endpoints_store_list(struct worker *worker, const int64_t *owner_ids, size_t count,
                         struct list_webhook_endpoints_reply *ret_lists) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, owner_ids, count);
    PGresult *result = db_query(worker_db(worker), &list_endpoints, &parameters);
    if (!result)
        return -1;
    struct webhook_endpoint *endpoints = pool_alloc(pool, (size_t)PQntuples(result) * sizeof *endpoints);
    memset(ret_lists, 0, count * sizeof *ret_lists);
    for (int row = 0; row < PQntuples(result); row++) { /* those of one list follow each other */
        struct list_webhook_endpoints_reply *list = &ret_lists[db_integer(result, row, 0) - 1];
        endpoints[row] = read_endpoint(result, row, pool);
        if (list->endpoints.count++ == 0)
            list->endpoints.items = &endpoints[row];
    }
    return 0;
}

static int queue_lock(struct worker *worker, const struct new_endpoint *endpoints, size_t count) {
    struct parameters parameters;
    int64_t *owner_ids = pool_alloc(worker_pool(worker), count * sizeof *owner_ids);
    for (size_t i = 0; i < count; i++)
        owner_ids[i] = endpoints[i].owner_id;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, owner_ids, count);
    return db_queue(worker_db(worker), &lock_owners, &parameters);
}

static bool is_among(const char *text, const char *const *texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(texts[i], text) == 0)
            return true;
    return false;
}

/* Each once. */
static void parameter_types(struct parameters *parameters, const char *const *types, size_t count) {
    const char **different = pool_alloc(parameters->pool, count * sizeof *different);
    size_t different_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_among(types[i], different, different_count))
            different[different_count++] = types[i];
    parameter_texts(parameters, different, different_count);
}

static int queue_create(struct worker *worker, const struct new_endpoint *endpoint) {
    const struct create_webhook_endpoint_request *request = endpoint->request;
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, endpoint->owner_id);
    parameter_text(&parameters, request->url);
    parameter_text(&parameters, request->has_description == PRESENCE_SET ? request->description : NULL);
    parameter_types(&parameters, request->types.items, request->types.count);
    parameter_boolean(&parameters, request->everything);
    parameter_text(&parameters, request->signature);
    parameter_integer(&parameters, request->timeout_s);
    parameter_text(&parameters, endpoint->secret);
    parameter_text(&parameters, endpoint->signing_key);
    parameter_integer(&parameters, ENDPOINT_LIMIT);
    return db_queue(worker_db(worker), &create_endpoint, &parameters);
}

int endpoints_store_create(struct worker *worker, const struct new_endpoint *endpoints, size_t count,
                           int64_t *ret_ids) {
    if (queue_lock(worker, endpoints, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (queue_create(worker, &endpoints[i]) != 0)
            return -1;
    if (!db_receive(worker_db(worker)))
        return -1;
    for (size_t i = 0; i < count; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        ret_ids[i] = PQntuples(result) ? db_integer(result, 0, 0) : 0;
    }
    return 0;
}

static void parameter_given_boolean(struct parameters *parameters, enum presence presence, bool value) {
    if (presence == PRESENCE_SET)
        parameter_boolean(parameters, value);
    else
        parameter_null(parameters);
}

static int queue_update(struct worker *worker, const struct endpoint_change *change) {
    const struct update_webhook_endpoint_request *request = change->request;
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, change->key.id);
    parameter_integer(&parameters, change->key.owner_id);
    parameter_text(&parameters, request->has_url == PRESENCE_SET ? request->url : NULL);
    parameter_boolean(&parameters, request->has_description != PRESENCE_ABSENT);
    parameter_text(&parameters, request->has_description == PRESENCE_SET ? request->description : NULL);
    if (request->has_types == PRESENCE_SET)
        parameter_types(&parameters, request->types.items, request->types.count);
    else
        parameter_null(&parameters);
    parameter_given_boolean(&parameters, request->has_everything, request->everything);
    parameter_text(&parameters, request->has_signature == PRESENCE_SET ? request->signature : NULL);
    parameter_text(&parameters, change->signing_key);
    if (request->has_timeout_s == PRESENCE_SET)
        parameter_integer(&parameters, request->timeout_s);
    else
        parameter_null(&parameters);
    parameter_given_boolean(&parameters, request->has_disabled, request->disabled);
    return db_queue(worker_db(worker), &update_endpoint, &parameters);
}

int endpoints_store_update(struct worker *worker, const struct endpoint_change *changes, size_t count,
                           struct endpoint_changed *ret_changed) {
    for (size_t i = 0; i < count; i++)
        if (queue_update(worker, &changes[i]) != 0)
            return -1;
    for (size_t i = 0; i < count; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        ret_changed[i] = (struct endpoint_changed){.what = ""};
        if (PQntuples(result))
            ret_changed[i] = (struct endpoint_changed){copy_text(result, 0, 0, worker_pool(worker)),
                                                       copy_text(result, 0, 1, worker_pool(worker))};
    }
    return 0;
}

static int queue_rotate(struct worker *worker, const struct endpoint_rotation *rotation) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, rotation->key.id);
    parameter_integer(&parameters, rotation->key.owner_id);
    parameter_integer(&parameters, rotation->former_hours);
    parameter_text(&parameters, rotation->secret);
    parameter_text(&parameters, rotation->signing_key);
    return db_queue(worker_db(worker), &rotate_secret, &parameters);
}

int endpoints_store_rotate(struct worker *worker, const struct endpoint_rotation *rotations, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (queue_rotate(worker, &rotations[i]) != 0)
            return -1;
    for (size_t i = 0; i < count; i++)
        if (!db_receive(worker_db(worker)))
            return -1;
    return 0;
}

int endpoints_store_delete(struct worker *worker, const struct endpoint_key *keys, size_t count, bool *ret_removed) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_keys(&parameters, keys, count);
    PGresult *result = db_query(worker_db(worker), &delete_endpoints, &parameters);
    if (!result)
        return -1;
    memset(ret_removed, 0, count * sizeof *ret_removed);
    for (int row = 0; row < PQntuples(result); row++)
        ret_removed[db_integer(result, row, 0) - 1] = true;
    return 0;
}

static struct endpoint_target read_target(const PGresult *result, int row, struct pool *pool) {
    const char *signature = db_text(result, row, 3);
    struct endpoint_target target = {.url = copy_text(result, row, 1, pool),
                                     .timeout_s = db_integer(result, row, 2),
                                     .disabled = db_boolean(result, row, 8),
                                     .owner_id = db_integer(result, row, 9),
                                     .hears = (enum hears)db_integer(result, row, 10)};
    for (int i = 0; i < 2; i++) {
        if (strcmp(signature, "ed25519") != 0)
            target.secrets[i] = copy_text(result, row, 4 + i, pool);
        if (strcmp(signature, "hmac") != 0)
            target.signing_keys[i] = copy_text(result, row, 6 + i, pool);
    }
    return target;
}

int endpoints_store_read_targets(struct worker *worker, const int64_t *ids, size_t count,
                                 struct endpoint_target *ret_targets) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, ids, count);
    PGresult *result = db_query(worker_db(worker), &read_targets, &parameters);
    if (!result)
        return -1;
    memset(ret_targets, 0, count * sizeof *ret_targets);
    for (int row = 0; row < PQntuples(result); row++)
        ret_targets[db_integer(result, row, 0) - 1] = read_target(result, row, pool);
    return 0;
}

int endpoints_store_disable(struct worker *worker, const int64_t *gone, const char *const *gone_urls, size_t count,
                            const char *pages) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, gone, count);
    parameter_texts(&parameters, gone_urls, count);
    parameter_text(&parameters, pages);
    return db_query(worker_db(worker), &disable_endpoints, &parameters) ? 0 : -1;
}
