/* The relying party's side of OpenID Connect: which id_tokens are good, which keys are taken, how long a provider's
 * documents are kept, and what is made of them where it lies. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ec.h>

#include "clock.h"
#include "code_flow.h"
#include "id_token.h"
#include "log.h"
#include "oidc.h"
#include "settings.h"
#include "signer.h"

#define NOW 1700000000
#define ISSUER "https://issuer.example"
#define CLIENT "client-1"
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"
#define TIMES "\"iat\":1699999990,\"exp\":1700003600"
#define SUBJECT "\"sub\":\"1234567890\""
#define EMAIL "\"email\":\"jo@example.com\",\"email_verified\":true"
#define CLAIMS(iss, aud, more) "{\"iss\":\"" iss "\",\"aud\":" aud "," more "}"
#define OURS CLAIMS(ISSUER, "\"" CLIENT "\"", TIMES "," SUBJECT "," EMAIL)
#define OURS_WITH(more) CLAIMS(ISSUER, "\"" CLIENT "\"", TIMES "," SUBJECT "," EMAIL "," more)

static EVP_PKEY *rsa, *other_rsa, *small_rsa, *elliptic;
static struct key_set *keys;
static struct pool *pool;
static struct identity identity;

static struct key_set *read_keys(const char *text) {
    json_t *json = json_loads(text, 0, NULL);
    struct key_set *set = key_set_read(json);
    json_decref(json);
    return set;
}

static struct key_set *keys_of(EVP_PKEY *key, const char *more) {
    char *jwk = jwk_of(key, "k1", more);
    const char *text = pool_printf(pool, "{\"keys\":[%s]}", jwk);
    free(jwk);
    return read_keys(text);
}

static int make_keys(void **state) {
    (void)state;
    rsa = EVP_RSA_gen(2048);
    other_rsa = EVP_RSA_gen(2048);
    small_rsa = EVP_RSA_gen(1024);
    elliptic = EVP_EC_gen("P-256");
    pool = pool_new();
    keys = keys_of(rsa, ",\"use\":\"sig\",\"alg\":\"RS256\"");
    return sodium_init() < 0 || !keys || key_set_count(keys) != 1;
}

static int drop_keys(void **state) {
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(other_rsa);
    EVP_PKEY_free(small_rsa);
    EVP_PKEY_free(elliptic);
    key_set_destroy(&keys);
    pool_destroy(&pool);
    return 0;
}

/* ---- Tokens */

static const char *verify_as(const char *token, const char *issuer, const char *nonce) {
    const struct id_token_wanted wanted = {.issuer = issuer, .client_id = CLIENT, .nonce = nonce, .now_s = NOW};
    identity = (struct identity){0};
    return id_token_verify(token, keys, &wanted, pool, &identity);
}

static const char *verify(const char *header, const char *claims) {
    char *token = sign_jws(rsa, EVP_sha256(), 0, header, claims);
    const char *problem = verify_as(token, ISSUER, NULL);
    free(token);
    assert_true(!problem == !!identity.subject);
    return problem ? problem : "";
}

static void good_tokens(void **state) {
    static const char *const good[] = {
        OURS,
        CLAIMS(ISSUER, "[\"" CLIENT "\"]", TIMES "," SUBJECT "," EMAIL),
        OURS_WITH("\"azp\":\"" CLIENT "\""),
        OURS_WITH("\"nonce\":\"n\",\"at_hash\":\"x\",\"more\":{\"a\":[1]}"),
        CLAIMS(ISSUER, "\"" CLIENT "\"", TIMES "," SUBJECT ",\"email\":\"jo@example.com\",\"email_verified\":\"true\""),
        CLAIMS(ISSUER, "\"" CLIENT "\"", "\"iat\":1700000060,\"exp\":1699999941," SUBJECT "," EMAIL), /* clocks */
        CLAIMS(ISSUER, "\"" CLIENT "\"", "\"iat\":1.6e9,\"exp\":1700000000.5," SUBJECT "," EMAIL),
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_string_equal(verify(HEADER, good[i]), "");
        assert_string_equal(identity.subject, "1234567890");
        assert_string_equal(identity.issuer, ISSUER);
        assert_string_equal(identity.email, "jo@example.com");
        assert_string_equal(identity.name, "jo");
        assert_null(identity.picture);
    }
    assert_string_equal(verify("{\"kid\":\"k1\",\"alg\":\"RS256\"}", OURS), "");
    assert_string_equal(verify("{\"kid\":\"k1\",\"alg\":\"RS256\",\"typ\":\"jwt\",\"x5t\":\"x\"}", OURS), "");
}

static void google_may_leave_out_its_scheme(void **state) {
    char *bare = sign_jws(rsa, EVP_sha256(), 0, HEADER,
                          CLAIMS("accounts.google.com", "\"" CLIENT "\"", TIMES "," SUBJECT "," EMAIL));
    (void)state;
    assert_null(verify_as(bare, "https://accounts.google.com", NULL));
    assert_string_equal(identity.issuer, "https://accounts.google.com");
    assert_string_equal(verify_as(bare, ISSUER, NULL), "is of another issuer");
    free(bare);
}

static void bad_headers(void **state) {
    static const struct {
        const char *header, *problem;
    } rows[] = {
        {"{\"alg\":\"none\",\"kid\":\"k1\"}", "is not signed by RS256"},
        {"{\"alg\":\"HS256\",\"kid\":\"k1\"}", "is not signed by RS256"},
        {"{\"alg\":\"RS512\",\"kid\":\"k1\"}", "is not signed by RS256"},
        {"{\"alg\":\"PS256\",\"kid\":\"k1\"}", "is not signed by RS256"},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\"}", "is not signed by RS256"},
        {"{\"alg\":\"rs256\",\"kid\":\"k1\"}", "is not signed by RS256"},
        {"{\"alg\":[\"RS256\"],\"kid\":\"k1\"}", "is not signed by RS256"},
        {"{\"kid\":\"k1\"}", "is not signed by RS256"},
        {"{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[\"b64\"],\"b64\":false}",
         "asks for an extension that is not known"},
        {"{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[]}", "asks for an extension that is not known"},
        {"{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}", "is of another type"},
        {"{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":7}", "is of another type"},
        {"{\"alg\":\"RS256\"}", "does not name its key"},
        {"{\"alg\":\"RS256\",\"kid\":\"\"}", "does not name its key"},
        {"{\"alg\":\"RS256\",\"kid\":1}", "does not name its key"},
        {"{\"alg\":\"RS256\",\"kid\":\"k2\"}", "is signed by a key that is not known"},
        {"{\"alg\":\"RS256\",\"alg\":\"RS256\",\"kid\":\"k1\"}", "is no signed token"},
        {"{\"alg\":\"RS256\",\"kid\":\"k2\",\"kid\":\"k1\"}", "is no signed token"},
        {"[\"RS256\"]", "is no signed token"},
        {"", "is no signed token"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(verify(rows[i].header, OURS), rows[i].problem);
}

static void bad_claims(void **state) {
#define ANOTHER "is for another client"
#define NOBODY "does not say whom it is about"
#define NO_TIME "does not say when it is good"
#define UNVERIFIED "holds an e-mail address that is not verified"
#define WITH(more) CLAIMS(ISSUER, "\"" CLIENT "\"", more)
#define AUDIENCE(aud) CLAIMS(ISSUER, aud, TIMES "," SUBJECT "," EMAIL)
    static const struct {
        const char *claims, *problem;
    } rows[] = {
        {CLAIMS("https://evil.example", "\"" CLIENT "\"", TIMES "," SUBJECT "," EMAIL), "is of another issuer"},
        {CLAIMS(ISSUER "/", "\"" CLIENT "\"", TIMES "," SUBJECT "," EMAIL), "is of another issuer"},
        {CLAIMS("issuer.example", "\"" CLIENT "\"", TIMES "," SUBJECT "," EMAIL), "is of another issuer"},
        {"{\"aud\":\"" CLIENT "\"," TIMES "," SUBJECT "," EMAIL "}", "is of another issuer"},
        {AUDIENCE("\"client-2\""), ANOTHER},
        {AUDIENCE("[]"), ANOTHER},
        {AUDIENCE("[\"client-2\"]"), ANOTHER},
        {AUDIENCE("[\"" CLIENT "\",\"client-2\"]"), ANOTHER},
        {AUDIENCE("{\"" CLIENT "\":1}"), ANOTHER},
        {AUDIENCE("null"), ANOTHER},
        {OURS_WITH("\"azp\":\"client-2\""), ANOTHER},
        {OURS_WITH("\"azp\":null"), ANOTHER},
        {WITH("\"iat\":1699990000,\"exp\":1699999940," SUBJECT "," EMAIL), "has expired"},
        {WITH("\"iat\":1700000061,\"exp\":1700003600," SUBJECT "," EMAIL), "is not good yet"},
        {OURS_WITH("\"nbf\":1700000061"), "is not good yet"},
        {OURS_WITH("\"nbf\":\"1\""), NO_TIME},
        {WITH("\"exp\":1700003600," SUBJECT "," EMAIL), NO_TIME},
        {WITH("\"iat\":1699999990," SUBJECT "," EMAIL), NO_TIME},
        {WITH("\"iat\":1699999990,\"exp\":\"1700003600\"," SUBJECT "," EMAIL), NO_TIME},
        {WITH("\"iat\":1699999990,\"exp\":99999999999999999999," SUBJECT "," EMAIL), "holds no claims"},
        {WITH(TIMES "," EMAIL), NOBODY},
        {WITH(TIMES ",\"sub\":\"\"," EMAIL), NOBODY},
        {WITH(TIMES ",\"sub\":7," EMAIL), NOBODY},
        {WITH(TIMES ",\"sub\":\"a\\nb\"," EMAIL), NOBODY},
        {WITH(TIMES ",\"sub\":\"\303\244\"," EMAIL), NOBODY},
        {WITH(TIMES "," SUBJECT), "holds no e-mail address"},
        {WITH(TIMES "," SUBJECT ",\"email\":\"jo\",\"email_verified\":true"), "holds no e-mail address"},
        {WITH(TIMES "," SUBJECT ",\"email\":\"jo@example.com\\u0000\",\"email_verified\":true"), "holds no claims"},
        {WITH(TIMES "," SUBJECT ",\"email\":\"jo@example.com\""), UNVERIFIED},
        {WITH(TIMES "," SUBJECT ",\"email\":\"jo@example.com\",\"email_verified\":false"), UNVERIFIED},
        {WITH(TIMES "," SUBJECT ",\"email\":\"jo@example.com\",\"email_verified\":\"false\""), UNVERIFIED},
        {WITH(TIMES "," SUBJECT ",\"email\":\"jo@example.com\",\"email_verified\":1"), UNVERIFIED},
        {OURS_WITH(SUBJECT), "holds no claims"}, /* twice */
        {"[]", "holds no claims"},
        {"{}", "is of another issuer"},
        {"", "holds no claims"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(verify(HEADER, rows[i].claims), rows[i].problem);
}

static void long_subjects(void **state) {
    char subject[302], claims[1024];
    (void)state;
    memset(subject, 'a', sizeof subject);
    for (size_t length = 254; length < 302; length++) {
        snprintf(claims, sizeof claims, WITH(TIMES ",\"sub\":\"%.*s\"," EMAIL), (int)length, subject);
        assert_string_equal(verify(HEADER, claims), length <= 255 ? "" : NOBODY);
    }
}

static void signatures(void **state) {
    static const char *const forms[] = {"", ".", "..", "a.b", "a.b.c", "a.b.c.d", "....", "=.=.="};
    char *tokens[] = {
        sign_jws(other_rsa, EVP_sha256(), 0, HEADER, OURS),
        sign_jws(rsa, EVP_sha512(), 0, HEADER, OURS),
        sign_jws(rsa, EVP_sha256(), RSA_PKCS1_PSS_PADDING, HEADER, OURS),
        sign_jws(elliptic, EVP_sha256(), 0, HEADER, OURS),
    };
    (void)state;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        assert_string_equal(verify_as(tokens[i], ISSUER, NULL), "has a wrong signature");
        free(tokens[i]);
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_string_equal(verify_as(forms[i], ISSUER, NULL), "is no signed token");
}

static void every_byte_counts(void **state) {
    char *token = sign_jws(rsa, EVP_sha256(), 0, HEADER, OURS);
    size_t length = strlen(token);
    (void)state;
    assert_null(verify_as(token, ISSUER, NULL));
    for (size_t i = 0; i < length; i++) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_non_null(verify_as(token, ISSUER, NULL));
        token[i] = '\0';
        assert_non_null(verify_as(token, ISSUER, NULL));
        token[i] = kept;
    }
    char *longer = malloc(length + 3);
    sprintf(longer, "%s=", token);
    assert_non_null(verify_as(longer, ISSUER, NULL));
    sprintf(longer, "%s\n", token);
    assert_non_null(verify_as(longer, ISSUER, NULL));
    sprintf(longer, " %s", token);
    assert_non_null(verify_as(longer, ISSUER, NULL));
    free(longer);
    free(token);
}

static void oversize(void **state) {
    char claims[2 * ID_TOKEN_LENGTH_LIMIT];
    (void)state;
    snprintf(claims, sizeof claims, OURS_WITH("\"x\":\"%0*d\""), ID_TOKEN_LENGTH_LIMIT, 0);
    assert_string_equal(verify(HEADER, claims), "is no signed token");
}

static void nonces(void **state) {
    char *with = sign_jws(rsa, EVP_sha256(), 0, HEADER, OURS_WITH("\"nonce\":\"n-1\""));
    char *without = sign_jws(rsa, EVP_sha256(), 0, HEADER, OURS);
    (void)state;
    assert_null(verify_as(with, ISSUER, "n-1"));
    assert_null(verify_as(with, ISSUER, NULL));
    assert_string_equal(verify_as(with, ISSUER, "n-2"), "does not hold the nonce");
    assert_string_equal(verify_as(with, ISSUER, ""), "does not hold the nonce");
    assert_string_equal(verify_as(without, ISSUER, "n-1"), "does not hold the nonce");
    free(with);
    free(without);
}

static void names_and_pictures(void **state) {
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    static const struct {
        const char *more, *name, *picture;
    } rows[] = {
        {"\"name\":\"Jo Doe\",\"picture\":\"https://img.example/a?b=1\"", "Jo Doe", "https://img.example/a?b=1"},
        {"\"name\":\"  Jo\\r\\n\\tDoe\\u0007 \\u2028\"", "Jo Doe", NULL},
        {"\"name\":\"\\u0001 \\u00a0\"", "jo", NULL},
        {"\"name\":\"\"", "jo", NULL},
        {"\"name\":[\"Jo\"]", "jo", NULL},
        {"\"name\":\"J\303\266rg \360\237\230\200\"", "J\303\266rg \360\237\230\200", NULL},
        {"\"name\":\"" X50 X50 X50 X50 "yy\"", X50 X50 X50 X50, NULL},
        {"\"picture\":\"http://img.example/a\"", "jo", NULL},
        {"\"picture\":\"javascript:alert(1)\"", "jo", NULL},
        {"\"picture\":\"https://img.example/a b\"", "jo", NULL},
        {"\"picture\":7", "jo", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *claims = pool_printf(pool, OURS_WITH("%s"), rows[i].more);
        assert_string_equal(verify(HEADER, claims), "");
        assert_string_equal(identity.name, rows[i].name);
        assert_string_equal(identity.picture ? identity.picture : "none", rows[i].picture ? rows[i].picture : "none");
    }
}

/* ---- Keys */

/* Of a modulus of so many bytes that begins with this one. */
static size_t count_of_modulus(size_t length, unsigned char first) {
    unsigned char modulus[2048] = {[0 ... 2047] = 0xab};
    struct buffer text = {0};
    modulus[0] = first;
    buffer_append_text(&text, "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k1\",\"e\":\"AQAB\",\"n\":\"");
    append_base64url(&text, modulus, length);
    buffer_append_text(&text, "\"}]}");
    struct key_set *set = read_keys(buffer_text(&text));
    size_t count = key_set_count(set);
    key_set_destroy(&set);
    buffer_free(&text);
    return count;
}

static size_t count_of(EVP_PKEY *key, const char *more) {
    struct key_set *set = keys_of(key, more);
    size_t count = key_set_count(set);
    key_set_destroy(&set);
    return count;
}

static void which_keys_are_taken(void **state) {
    static const char *const sets[] = {"{\"keys\":[]}",
                                       "{\"keys\":[7,null,[],{}]}",
                                       "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"k1\",\"k\":\"AAAA\"}]}",
                                       "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k1\",\"e\":\"AQAB\"}]}",
                                       "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k1\",\"e\":\"AQAB\",\"n\":\"\"}]}",
                                       "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k1\",\"e\":\"AQAB\",\"n\":\"!\"}]}",
                                       "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k1\",\"e\":\"AQAB\",\"n\":7}]}"};
    (void)state;
    assert_int_equal(count_of(rsa, ""), 1);
    assert_int_equal(count_of(rsa, ",\"use\":\"sig\""), 1);
    assert_int_equal(count_of(rsa, ",\"use\":\"enc\""), 0);
    assert_int_equal(count_of(rsa, ",\"alg\":\"RS512\""), 0);
    assert_int_equal(count_of(rsa, ",\"alg\":\"RSA-OAEP\""), 0);
    assert_int_equal(count_of(small_rsa, ""), 0);
    assert_int_equal(count_of_modulus(256, 0x80), 1);
    assert_int_equal(count_of_modulus(256, 0x7f), 0);
    assert_int_equal(count_of_modulus(257, 0), 0);
    assert_int_equal(count_of_modulus(1024, 0x80), 1);
    assert_int_equal(count_of_modulus(1025, 0x80), 0);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct key_set *set = read_keys(sets[i]);
        assert_non_null(set);
        assert_int_equal(key_set_count(set), 0);
        assert_false(key_set_has(set, "k1"));
        key_set_destroy(&set);
    }
    assert_null(read_keys("{\"keys\":{}}"));
    assert_null(read_keys("[]"));
    assert_null(read_keys("{}"));
}

/* ---- A provider's documents: a server that answers each path by what stands here. */

struct page {
    const char *status;  /* NULL: "200 OK", or "500 No" where there is no body */
    const char *headers; /* each ends with CRLF */
    const char *body;
    int asked;
};

static struct {
    int listener;
    char issuer[64];
    struct page configuration, keys;
} server;

static void answer(int socket, struct page *page) {
    const char *status = page->status ? page->status : page->body ? "200 OK" : "500 No";
    const char *headers = page->headers ? page->headers : "", *body = page->body ? page->body : "";
    __atomic_add_fetch(&page->asked, 1, __ATOMIC_SEQ_CST);
    dprintf(socket, "HTTP/1.1 %s\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers,
            strlen(body), body);
}

static void *serve(void *argument) {
    for (int socket; (socket = accept(server.listener, NULL, NULL)) >= 0; close(socket)) {
        char request[4096] = "";
        ssize_t length = read(socket, request, sizeof request - 1);
        answer(socket, length > 0 && strstr(request, "GET /keys ") ? &server.keys : &server.configuration);
    }
    return argument;
}

static int start_server(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    pthread_t thread;
    signal(SIGPIPE, SIG_IGN);
    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server.listener, (struct sockaddr *)&address, length) || listen(server.listener, 16) ||
        getsockname(server.listener, (struct sockaddr *)&address, &length))
        return -1;
    snprintf(server.issuer, sizeof server.issuer, "http://127.0.0.1:%u", ntohs(address.sin_port));
    return make_keys(state) || pthread_create(&thread, NULL, serve, NULL) || pthread_detach(thread);
}

#define CONFIGURATION                                                                                                  \
    "{\"issuer\":\"%s\",\"authorization_endpoint\":\"https://a.example/auth\",\"token_endpoint\":"                     \
    "\"https://a.example/token\",\"jwks_uri\":\"%s/keys\"%s}"

static const char *configuration(const char *more) {
    return pool_printf(pool, CONFIGURATION, server.issuer, server.issuer, more);
}

static void set_up(const char *configuration_body, const char *keys_body) {
    memset(&server.configuration, 0, sizeof server.configuration);
    memset(&server.keys, 0, sizeof server.keys);
    server.configuration.body = configuration_body;
    server.keys.body = keys_body;
}

static const char *one_key(const char *key_id) {
    char *jwk = jwk_of(rsa, key_id, "");
    const char *text = pool_printf(pool, "{\"keys\":[%s]}", jwk);
    free(jwk);
    return text;
}

struct party {
    struct http_client *client;
    struct oidc *oidc;
    int64_t later_ms; /* of the clock */
};

static struct party party_new(void) {
    struct party party = {.client = http_client_new(4, NULL, NULL)};
    party.oidc = oidc_new(server.issuer, party.client);
    return party;
}

static void party_end(struct party *party) {
    http_client_destroy(&party->client);
    oidc_destroy(&party->oidc);
}

static void wait_for_provider(struct party *party) {
    while (http_in_flight(party->client))
        http_wait(party->client, NULL, 0, 1000);
}

static enum oidc_state find_endpoints(struct party *party, struct oidc_endpoints *ret_endpoints) {
    enum oidc_state state;
    while ((state = oidc_find_endpoints(party->oidc, clock_mono_ms() + party->later_ms, ret_endpoints)) == OIDC_WAITING)
        wait_for_provider(party);
    return state;
}

/* OIDC_READY, and whether the key is there. */
static enum oidc_state find_key(struct party *party, const char *key_id, bool *ret_found) {
    const struct key_set *found;
    uint64_t sought = 0;
    enum oidc_state state;
    while ((state = oidc_find_keys(party->oidc, clock_mono_ms() + party->later_ms, key_id, &sought, &found)) ==
           OIDC_WAITING)
        wait_for_provider(party);
    *ret_found = state == OIDC_READY && key_set_has(found, key_id);
    return state;
}

static void documents_are_kept(void **state) {
    struct oidc_endpoints endpoints;
    struct party party = party_new();
    (void)state;
    set_up(configuration(""), one_key("k1"));
    server.configuration.headers = "Cache-Control: public, max-age=7200\r\nAge: 3600\r\n";
    assert_int_equal(find_endpoints(&party, &endpoints), OIDC_READY);
    assert_string_equal(endpoints.authorization, "https://a.example/auth");
    assert_string_equal(endpoints.token, "https://a.example/token");
    assert_false(endpoints.secret_in_form);
    assert_false(endpoints.names_itself);
    party.later_ms = 3599 * 1000;
    assert_int_equal(find_endpoints(&party, &endpoints), OIDC_READY);
    assert_int_equal(server.configuration.asked, 1);
    party.later_ms = 3601 * 1000;
    assert_int_equal(find_endpoints(&party, &endpoints), OIDC_READY);
    assert_int_equal(server.configuration.asked, 2);
    party_end(&party);
}

static void bounds_of_keeping(void **state) {
    static const struct {
        const char *headers;
        int64_t kept_s;
    } rows[] = {{"Cache-Control: no-store\r\n", 60},
                {"Cache-Control: max-age=1\r\n", 60},
                {"Cache-Control: max-age=99999999999999999999\r\n", 86400},
                {"Cache-Control: max-age=600\r\nAge: 700\r\n", 60},
                {"Cache-Control: max-age=-7\r\n", 60},
                {"", 3600}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct oidc_endpoints endpoints;
        struct party party = party_new();
        set_up(configuration(""), one_key("k1"));
        server.configuration.headers = rows[i].headers;
        assert_int_equal(find_endpoints(&party, &endpoints), OIDC_READY);
        party.later_ms = 1000 * rows[i].kept_s - 5000;
        assert_int_equal(find_endpoints(&party, &endpoints), OIDC_READY);
        assert_int_equal(server.configuration.asked, 1);
        party.later_ms = 1000 * rows[i].kept_s + 1000;
        assert_int_equal(find_endpoints(&party, &endpoints), OIDC_READY);
        assert_int_equal(server.configuration.asked, 2);
        party_end(&party);
    }
}

static void documents_that_lie(void **state) {
    static const char long_text[HTTP_BODY_LIMIT + 10] = {[0 ... HTTP_BODY_LIMIT + 8] = ' '};
    const char *const bodies[] = {
        NULL,
        "",
        "<html>",
        "[]",
        "{}",
        pool_printf(pool, "%s%s", configuration(""), long_text),
        pool_printf(pool, CONFIGURATION, "https://evil.example", server.issuer, ""),
        pool_printf(pool, "{\"issuer\":\"%s\"}", server.issuer),
        pool_printf(pool, CONFIGURATION, server.issuer, "http://evil.example", ""),
        pool_printf(pool, CONFIGURATION, server.issuer, "ftp://127.0.0.1", ""),
        pool_printf(pool, CONFIGURATION, server.issuer, "https://user@127.0.0.1", ""),
        pool_printf(pool, CONFIGURATION, server.issuer, "http://127.0.0.1.evil.example", ""),
        configuration(",\"issuer\":\"https://evil.example\""),
        configuration(",\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\"]"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct oidc_endpoints endpoints;
        bool found;
        struct party party = party_new();
        set_up(bodies[i], one_key("k1"));
        assert_int_equal(find_endpoints(&party, &endpoints), OIDC_AWAY);
        assert_int_equal(find_key(&party, "k1", &found), OIDC_AWAY); /* at once */
        assert_int_equal(server.configuration.asked, 1);
        set_up(configuration(""), one_key("k1"));
        party.later_ms = 1100;
        assert_int_equal(find_key(&party, "k1", &found), OIDC_READY);
        assert_true(found);
        party_end(&party);
    }
}

static void a_redirect_is_not_followed(void **state) {
    struct oidc_endpoints endpoints;
    struct party party = party_new();
    (void)state;
    set_up(configuration(""), one_key("k1"));
    server.configuration.status = "302 Found";
    server.configuration.headers = "Location: /keys\r\n";
    assert_int_equal(find_endpoints(&party, &endpoints), OIDC_AWAY);
    assert_int_equal(server.keys.asked, 0);
    party_end(&party);
}

static void key_sets_that_are_none(void **state) {
    static const char *const bodies[] = {NULL, "", "[]", "{\"keys\":7}"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        bool found;
        struct party party = party_new();
        set_up(configuration(""), bodies[i]);
        assert_int_equal(find_key(&party, "k1", &found), OIDC_AWAY);
        assert_int_equal(server.keys.asked, 1);
        party_end(&party);
    }
}

static void keys_rotate(void **state) {
    struct party party = party_new();
    bool found;
    (void)state;
    set_up(configuration(""), one_key("k1"));
    assert_int_equal(find_key(&party, "k1", &found), OIDC_READY);
    assert_true(found);
    server.keys.body = one_key("k2");
    assert_int_equal(find_key(&party, "k2", &found), OIDC_READY);
    assert_true(found);
    assert_int_equal(server.keys.asked, 2);
    assert_int_equal(find_key(&party, "k1", &found), OIDC_READY); /* gone, and looked for once more */
    assert_false(found);
    party_end(&party);
}

/* What anybody can name makes us ask three times, then once a minute, and never three times more at once. */
static void searches_are_bounded(void **state) {
    struct party party = party_new();
    bool found;
    (void)state;
    set_up(configuration(""), one_key("k1"));
    assert_int_equal(find_key(&party, "k1", &found), OIDC_READY);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(find_key(&party, "unknown", &found), OIDC_READY);
        assert_false(found);
    }
    assert_int_equal(server.keys.asked, 1 + 3);
    for (int minute = 1; minute <= 3; minute++) {
        party.later_ms = 61000 * minute;
        for (int i = 0; i < 5; i++)
            assert_int_equal(find_key(&party, "unknown", &found), OIDC_READY);
        assert_int_equal(server.keys.asked, 1 + 3 + minute);
    }
    assert_int_equal(find_key(&party, "k1", &found), OIDC_READY);
    assert_true(found);
    party_end(&party);
}

static void a_search_that_fails_keeps_the_keys(void **state) {
    struct party party = party_new();
    bool found;
    (void)state;
    set_up(configuration(""), one_key("k1"));
    assert_int_equal(find_key(&party, "k1", &found), OIDC_READY);
    server.keys.body = NULL;
    assert_int_equal(find_key(&party, "k2", &found), OIDC_AWAY);
    assert_int_equal(find_key(&party, "k1", &found), OIDC_READY);
    assert_true(found);
    party_end(&party);
}

/* ---- The code flow */

static void authorization_urls(void **state) {
    static const struct code_flow_client client = {"id &1", "s", "https://t.example/cb"};
    struct oidc_endpoints endpoints = {.authorization = "https://a.example/auth"};
    (void)state;
    assert_string_equal(
        code_flow_url(&endpoints, &client, "st", "no", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", pool),
        "https://a.example/auth?response_type=code&client_id=id%20%261&redirect_uri=https%3A%2F%2Ft.example%2Fcb"
        "&scope=openid%20email%20profile&state=st&nonce=no"
        "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"); /* RFC 7636 B */
    endpoints.authorization = "https://a.example/auth?x=1";
    assert_non_null(strstr(code_flow_url(&endpoints, &client, "st", "no", "v", pool), "auth?x=1&response_type=code&"));
}

static void answers_of_the_token_endpoint(void **state) {
    static const struct {
        long status;
        const char *body, *id_token, *refused, *away;
    } rows[] = {
        {200, "{\"id_token\":\"a.b.c\",\"access_token\":\"x\"}", "a.b.c", NULL, NULL},
        {200, "{\"access_token\":\"x\"}", NULL, NULL, "answered 200 without an id_token"},
        {200, "{\"id_token\":7}", NULL, NULL, "answered 200 without an id_token"},
        {200, "{\"id_token\":\"a\",\"id_token\":\"b\"}", NULL, NULL, "answered 200 without an id_token"},
        {200, "", NULL, NULL, "answered 200 without an id_token"},
        {302, "", NULL, NULL, "answered 302 without an id_token"},
        {400, "{\"error\":\"invalid_grant\"}", NULL, "is wrong, expired or was used already", NULL},
        {400, "{\"error\":\"invalid_client\"}", NULL, NULL, "answered 400: invalid_client"},
        {401, "{\"error\":\"invalid_client\"}", NULL, NULL, "answered 401: invalid_client"},
        {400, "{\"error\":\"Evil\\n\"}", NULL, NULL, "answered 400 without an id_token"},
        {500, "<html>", NULL, NULL, "answered 500 without an id_token"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct http_response response = {
            .status = rows[i].status, .body = rows[i].body, .body_length = strlen(rows[i].body)};
        struct code_flow_answer answer = code_flow_read(&response, pool);
        const char *const pairs[][2] = {
            {answer.id_token, rows[i].id_token}, {answer.refused, rows[i].refused}, {answer.away, rows[i].away}};
        for (size_t j = 0; j < 3; j++)
            assert_string_equal(pairs[j][0] ? pairs[j][0] : "none", pairs[j][1] ? pairs[j][1] : "none");
    }
    const struct http_response nothing = {.body = "", .error = "Timeout was reached"};
    assert_string_equal(code_flow_read(&nothing, pool).away, "did not answer: Timeout was reached");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_tokens),
        cmocka_unit_test(google_may_leave_out_its_scheme),
        cmocka_unit_test(bad_headers),
        cmocka_unit_test(bad_claims),
        cmocka_unit_test(long_subjects),
        cmocka_unit_test(signatures),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(oversize),
        cmocka_unit_test(nonces),
        cmocka_unit_test(names_and_pictures),
        cmocka_unit_test(which_keys_are_taken),
        cmocka_unit_test(documents_are_kept),
        cmocka_unit_test(bounds_of_keeping),
        cmocka_unit_test(documents_that_lie),
        cmocka_unit_test(a_redirect_is_not_followed),
        cmocka_unit_test(key_sets_that_are_none),
        cmocka_unit_test(keys_rotate),
        cmocka_unit_test(searches_are_bounded),
        cmocka_unit_test(a_search_that_fails_keeps_the_keys),
        cmocka_unit_test(authorization_urls),
        cmocka_unit_test(answers_of_the_token_endpoint),
    };
    log_open("test", LOG_LEVEL_ERROR);
    settings.environment = "development";
    settings.public_url = "https://tithi.example";
    return cmocka_run_group_tests(tests, start_server, drop_keys);
}
