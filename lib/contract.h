/* The shape of the tables that schemas/compile.py makes of schemas/openapi.yaml, messages.yaml and errors.yaml.
 * Everything here is constant data: gateway, codec and worker runtime walk it and know no single operation. */
#ifndef TITHI_CONTRACT_TYPES_H
#define TITHI_CONTRACT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum presence { PRESENCE_ABSENT, PRESENCE_NULL, PRESENCE_SET };

enum field_type {
    FIELD_BOOLEAN,           /* bool */
    FIELD_INTEGER,           /* int64_t */
    FIELD_NUMBER,            /* double */
    FIELD_MONEY,             /* int64_t NAME_minor: JSON shows NAME as a decimal and NAME_minor; messages carry NAME_minor */
    FIELD_STRING,            /* const char *, UTF-8, no NUL inside */
    FIELD_INTEGER_OR_STRING, /* struct integer_or_string */
    FIELD_OBJECT,            /* the record's struct, embedded */
    FIELD_LIST,              /* struct { ITEM *items; size_t count; }: see struct list */
};

enum field_format {
    FORMAT_NONE,
    FORMAT_EMAIL,
    FORMAT_URI,
    FORMAT_UUID,
    FORMAT_DATE_TIME, /* RFC 3339; zone may be missing on input (then the event's zone), never on output */
    FORMAT_DATE_OR_TIME, /* query bounds: 2026-08-01 or a date-time */
    FORMAT_TIME_ZONE, /* an IANA name known to the machine's zoneinfo */
    FORMAT_CURRENCY,  /* ISO 4217, three capitals */
    FORMAT_LANGUAGE,  /* a primary language subtag of BCP 47, two or three small letters */
    FORMAT_LINE,      /* one line: no control characters, not only blanks */
    FORMAT_TEXT,      /* lines: the same with line breaks and tabs */
    FORMAT_JSON,      /* the text of a JSON object, in replies only: shown as that object */
};

enum field_location {
    IN_BODY,
    IN_PATH,
    IN_QUERY,
    IN_HEADER,
    IN_COOKIE,
    IN_CREDENTIALS, /* the Authorization header's bearer token */
    IN_RAW_BODY,    /* the whole body as it came, whatever its type */
};

struct integer_or_string {
    const char *text; /* NULL: it is the number */
    int64_t number;
};

/* How every list member is laid out, whatever its items are. */
struct list {
    void *items;
    size_t count;
};

struct record;

struct field {
    const char *name;            /* canonical: the JSON name; also the key in messages (money: NAME_minor) and the C member */
    const char *key;             /* the key in messages */
    uint32_t name_length, key_length;
    const char *const *aliases;  /* former names, NULL-terminated, never NULL: accepted on input, answered on output */
    enum field_type type;
    enum field_format format;
    enum field_location location;
    const char *header;          /* IN_HEADER: its name in lower case; IN_COOKIE: the cookie's name */
    bool required;
    bool nullable;
    bool quoted;                 /* an integer that also comes as a string of digits */
    bool secret;                 /* never logged, never echoed in an error */
    int64_t minimum, maximum;    /* integers */
    double number_minimum, number_maximum; /* numbers; money in major units */
    uint32_t length_minimum, length_maximum; /* strings in code points, lists in items */
    const char *const *values;   /* enum, NULL-terminated; NULL: any */
    const struct field *currency; /* money: the sibling that holds the currency */
    const char *default_text;    /* default as it would stand in a query string; NULL: none */
    const struct record *record; /* objects */
    const struct field *item;    /* lists: what one item may be; its name is "" */
    size_t offset;               /* in the struct */
    size_t item_size;            /* lists: size of one item in memory */
    size_t presence_offset;      /* of `enum presence has_NAME`; SIZE_MAX where always present */
};

#define RECORD_FIELD_LIMIT 64

struct record {
    const char *name;
    const struct field *fields;
    size_t field_count;
    size_t size; /* of the struct */
};

/* A reply's other shape (the /api/… family): rows of names with the place in the reply they come from. */
struct view_field {
    const char *name;
    uint32_t name_length;
    const char *const *aliases;
    const struct field *const *path; /* from the record down, NULL-terminated */
    const struct view *view;     /* objects and lists of objects with a shape of their own; NULL: the field's record as it is */
    bool always;                 /* required: null where the reply has nothing there */
};

struct view {
    const struct field *root;    /* the reply's field that becomes the whole answer; NULL: the reply itself */
    const struct view_field *fields; /* NULL: the root's own record, unchanged */
    size_t field_count;
    const struct record *record; /* of the root (of its items, where a list) */
};

enum operation_kind { OPERATION_READ, OPERATION_COMMAND };
enum limit_class { LIMIT_NONE, LIMIT_READ, LIMIT_WRITE, LIMIT_AUTH, LIMIT_SEND };
enum { ROLE_USER = 1, ROLE_FACILITATOR = 2, ROLE_ADMIN = 4 };
/* What ties a person to the row that a call is about. */
enum { RELATION_SELF = 1, RELATION_PERSON = 2, RELATION_FACILITATOR = 4 };
enum key_scope { SCOPE_NONE, SCOPE_READ, SCOPE_BOOK, SCOPE_EVENTS, SCOPE_WEBHOOKS }; /* what API keys may be good for */
enum redirect {
    REDIRECT_NOBODY,
    REDIRECT_EVERYBODY, /* the answer is 302 */
    REDIRECT_BROWSERS,  /* who accepts text/html; programs get JSON, and no cookies */
};
enum access {
    ACCESS_ANONYMOUS, /* anybody; what a token says does not matter here, and a stale one hinders nobody */
    ACCESS_PUBLIC,   /* anybody; a valid token is used, a bad one refused */
    ACCESS_TOKEN,    /* an access token */
    ACCESS_REFRESH,  /* the bearer is a refresh token, handed on as the field with IN_CREDENTIALS */
    ACCESS_SERVICE,  /* the bearer is CRM_BEARER_TOKEN */
};

struct refusal {
    const char *code;
    uint16_t status;
    uint16_t retry_after_s; /* 0: no Retry-After */
    const char *message;
};

/* Whose rows an operation touches: x-owner. Decided by rights_refusal() (workers/shared/rights.h). */
struct ownership {
    unsigned relations;            /* one of them suffices; RELATION_SELF: nobody else's row can be reached; 0: nobody's */
    unsigned roles;                /* who may besides */
    const struct refusal *refusal; /* what others hear */
    unsigned known_to;             /* relations: who knows of the row anyway and hears `forbidden` */
};

struct operation {
    const char *name;             /* the OpenAPI operationId, "createBooking" */
    const char *service;          /* "booking"; "gateway" is answered in the gateway itself; "any" by every worker */
    enum operation_kind kind;
    enum access access;
    unsigned roles;               /* who may call, when ACCESS_TOKEN; 0: every signed-in person */
    const struct refusal *role_refusal; /* what others hear */
    enum limit_class limit;
    uint32_t deadline_ms;
    bool coalesce;                /* identical public reads share an answer (docs/architecture.md) */
    bool secret_reply;            /* its stored reply is sealed at rest: it holds tokens */
    const struct record *request;
    const struct record *reply;
    size_t call_size, request_offset, reply_offset; /* of struct NAME_call: struct call first */
    const char *page_field;       /* reply field with the next cursor; NULL: no pages */
    bool raw_body;                /* its request has a field with IN_RAW_BODY */
    struct ownership owner;
    enum key_scope scope;             /* that an API key needs; SCOPE_NONE: no key may call it */
    enum redirect redirect;
    const struct field *redirect_field; /* of the reply: where to */
    bool hashes; /* a password: few at once per gateway */
    bool open_query; /* a page: its query is its own affair and no part of the request */
    bool tells_missing; /* where required fields were not given, the refusal is missing_fields and names them */
    /* Where its reply says true in that field, the gateway sends the reply on as the request of the continuation, whose
     * reply (of the same record) is what the client gets. NULL: no continuation. */
    const struct operation *continuation;
    const struct field *continuation_field;
};

struct fixed_value { /* a request field that the route itself sets */
    const struct field *field;
    const char *text;
};

struct cookie { /* that an answer sets */
    const char *name;
    const struct field *field; /* of the operation's reply; NULL: the cookie is cleared */
};

enum listener { LISTENER_API, LISTENER_CRM };

struct route {
    const char *method;           /* "GET"; HEAD follows GET */
    const char *path;             /* "/events/{event_id}", no trailing slash; "/" for the root */
    enum listener listener;
    bool rest;                   /* its last {value} takes all that is left of the path, slashes included */
    const struct operation *operation;
    const struct view *view;      /* NULL: the reply as it is */
    const struct fixed_value *fixed; /* ends with field NULL; NULL: none */
    const struct field *csv;      /* the reply's list that is answered, as CSV; NULL: JSON */
    const struct cookie *cookies; /* ends with name NULL; NULL: none */
    uint16_t status;              /* of success */
};

/* For handlers: a member that may be absent, and the same for texts, which are absent when NULL. */
#define SET(structure, member, value) ((structure).has_##member = PRESENCE_SET, (structure).member = (value))
#define SET_TEXT(structure, member, text_or_null)                                                                     \
    ((structure).member = (text_or_null),                                                                             \
     (structure).has_##member = (structure).member ? PRESENCE_SET : PRESENCE_ABSENT)

extern const struct operation operations[];
extern const size_t operation_count;
extern const struct route routes[];
extern const size_t route_count;
extern const struct refusal refusals[];
extern const size_t refusal_count;
extern const char *const service_names[]; /* the worker services, NULL-terminated */
extern const struct record *const all_records[]; /* every record, for tests; NULL-terminated */
extern const char openapi_json[];         /* the published document */
extern const size_t openapi_json_length;

unsigned role_bit(const char *role);                      /* ROLE_USER of "user" …; 0: no such role */
const struct operation *operation_find(const char *name); /* NULL: none */
const struct refusal *refusal_find(const char *code);     /* NULL: none */

#endif
