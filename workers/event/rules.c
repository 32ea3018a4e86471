/* Decisions about events; see rules.h. Whoever may ask at all (facilitators and administrators) was checked by the
 * gateway; here stands how a change applies to what is stored, and what a state forbids. */
#include "rules.h"

#include <string.h>

#include "codec.h"
#include "format.h"
#include "rights.h"

#define HOURS_PER_DAY 24
#define MICROSECONDS INT64_C(1000000)
#define DAY_MINUTES 1440
#define HOUR_MINUTES 60
#define FIRST_MOMENT (INT64_C(-62135596800) * MICROSECONDS) /* year 1 */
#define LAST_MOMENT (INT64_C(253402300800) * MICROSECONDS)  /* year 10000 */

static const struct verdict fine;

static struct verdict refuse_because(const struct refusal *refusal, const char *field, const char *reason) {
    return (struct verdict){.refusal = refusal, .field = field, .reason = reason};
}

/* May the caller do that to an event of this facilitator? */
static const struct refusal *refusal_of(const struct operation *operation, const struct caller *caller,
                                        int64_t facilitator_id) {
    return rights_refusal(operation, caller, &(struct holders){.facilitator_id = facilitator_id});
}

/* `facilitator_id` names a person by number, or is a code of the facilitator's CRM; `code` may say the latter too. */
static struct verdict apply_facilitator(const struct operation *operation, const struct caller *caller,
                                        enum presence has_id, struct integer_or_string id, enum presence has_code,
                                        const char *code, struct event_draft *draft) {
    if (has_id == PRESENCE_SET && !id.text) {
        const struct refusal *refusal = refusal_of(operation, caller, id.number);
        if (refusal)
            return refuse_because(refusal, "facilitator_id", "is another facilitator");
        draft->facilitator_id = id.number;
    }
    const char *asked_code = has_id == PRESENCE_SET ? id.text : NULL;
    if (asked_code && has_code != PRESENCE_ABSENT && (!code || strcmp(asked_code, code)))
        return refuse_because(&refusal_validation_error, "facilitator_crm_id", "differs from facilitator_id");
    if (asked_code || has_code != PRESENCE_ABSENT)
        draft->facilitator_crm_id = asked_code ? asked_code : code;
    return fine;
}

static bool is_given(enum presence presence) {
    return presence == PRESENCE_SET;
}

/* NULL: it is a tier. */
static const char *read_tier(const struct cancellation_tier *asked, struct policy_tier *ret_tier) {
    if (is_given(asked->has_hours_before) == is_given(asked->has_days_before))
        return "has a tier without exactly one of hours_before and days_before";
    *ret_tier = (struct policy_tier){
        .hours_before = is_given(asked->has_hours_before) ? asked->hours_before : asked->days_before * HOURS_PER_DAY,
        .refund_percent = asked->refund_percent,
    };
    return NULL;
}

/* Absent: it stays as it is. The contract has bounded the number of tiers. */
static struct verdict apply_policy(enum presence has_policy, const struct cancellation_tier *tiers, size_t count,
                                   struct event_draft *draft) {
    struct policy policy = {.count = count};
    for (size_t i = 0; i < count; i++) {
        const char *problem = read_tier(&tiers[i], &policy.tiers[i]);
        if (problem)
            return refuse_because(&refusal_validation_error, "cancellation_policy", problem);
    }
    if (policy_order(&policy))
        return refuse_because(&refusal_validation_error, "cancellation_policy",
                              "has a time twice, or pays back more the closer the start is");
    draft->has_policy = has_policy;
    draft->policy = policy;
    return fine;
}

static void apply_reminders(const int64_t *minutes, size_t count, struct event_draft *draft) {
    draft->reminder_minutes = minutes;
    draft->reminder_count = count;
}

struct verdict rule_publish(const struct caller *caller, const struct create_event_request *request,
                            struct event_draft *ret_draft) {
    struct event_draft draft = {
        .facilitator_id = caller->user_id,
        .title = request->title,
        .description = request->description,
        .event_type = request->event_type,
        .start = request->start_datetime,
        .end = request->end_datetime,
        .time_zone = request->time_zone,
        .location = request->location,
        .virtual_link = request->virtual_link,
        .capacity = request->max_participants,
        .price_minor = request->price_minor,
        .currency = request->currency,
        .rating = request->rating,
        .has_rating = request->has_rating == PRESENCE_SET ? PRESENCE_SET : PRESENCE_NULL,
        .language = request->language,
        .is_active = request->is_active,
    };
    static const int64_t usual_reminders[] = {DAY_MINUTES, HOUR_MINUTES};
    if (is_given(request->has_reminder_minutes))
        apply_reminders(request->reminder_minutes.items, request->reminder_minutes.count, &draft);
    else
        apply_reminders(usual_reminders, sizeof usual_reminders / sizeof *usual_reminders, &draft);
    struct verdict verdict =
        apply_facilitator(&operation_create_event, caller, request->has_facilitator_id, request->facilitator_id,
                          request->has_facilitator_crm_id, request->facilitator_crm_id, &draft);
    if (!verdict.refusal)
        verdict = apply_policy(request->has_cancellation_policy, request->cancellation_policy.items,
                               request->cancellation_policy.count, &draft);
    if (!verdict.refusal)
        *ret_draft = draft;
    return verdict;
}

static struct event_draft draft_of(const struct event *event) {
    return (struct event_draft){
        .facilitator_id = event->facilitator.id,
        .facilitator_crm_id = event->facilitator_id.text,
        .title = event->title,
        .description = event->description,
        .event_type = event->event_type,
        .start = event->start_datetime,
        .end = event->end_datetime,
        .time_zone = event->time_zone,
        .location = event->location,
        .virtual_link = event->virtual_link,
        .capacity = event->max_participants,
        .price_minor = event->price_minor,
        .currency = event->currency,
        .language = event->language,
        .is_active = event->is_active,
        .reminder_minutes = event->reminder_minutes.items,
        .reminder_count = event->reminder_minutes.count,
    };
}

/* An amount without its currency was read as one with two decimals; a currency without the amount would change what it
 * is worth. */
static struct verdict apply_price(const struct update_event_request *request, struct event_draft *draft) {
    bool priced = request->has_price_minor == PRESENCE_SET, named = request->has_currency == PRESENCE_SET;
    if (priced && !named && currency_decimals(draft->currency) != 2)
        return refuse_because(&refusal_validation_error, "currency", "is needed with the price of this event");
    if (named && !priced && draft->price_minor && strcmp(request->currency, draft->currency))
        return refuse_because(&refusal_validation_error, "price", "is needed with another currency");
    if (priced)
        draft->price_minor = request->price_minor;
    if (named)
        draft->currency = request->currency;
    return fine;
}

#define APPLY(draft_member, request_member)                                                                            \
    if (request->has_##request_member != PRESENCE_ABSENT)                                                              \
    draft->draft_member = request->request_member

static void apply_fields(const struct update_event_request *request, struct event_draft *draft) {
    APPLY(title, title);
    APPLY(description, description);
    APPLY(event_type, event_type);
    APPLY(start, start_datetime);
    APPLY(end, end_datetime);
    APPLY(time_zone, time_zone);
    APPLY(location, location);
    APPLY(virtual_link, virtual_link);
    APPLY(capacity, max_participants);
    APPLY(language, language);
    APPLY(is_active, is_active);
    draft->rating = request->rating;
    draft->has_rating = request->has_rating;
    if (is_given(request->has_reminder_minutes))
        apply_reminders(request->reminder_minutes.items, request->reminder_minutes.count, draft);
}

static bool is_cancelled(const struct event *event) {
    return !strcmp(event->status, "cancelled");
}

struct verdict rule_change(const struct caller *caller, const struct event *event,
                           const struct update_event_request *request, struct event_draft *ret_draft) {
    const struct refusal *refusal = refusal_of(&operation_update_event, caller, event->facilitator.id);
    if (refusal)
        return refuse_because(refusal, NULL, NULL);
    if (is_cancelled(event))
        return refuse_because(&refusal_event_already_cancelled, NULL, NULL);
    struct event_draft draft = draft_of(event);
    apply_fields(request, &draft);
    struct verdict verdict = apply_price(request, &draft);
    if (!verdict.refusal)
        verdict =
            apply_facilitator(&operation_update_event, caller, request->has_facilitator_id, request->facilitator_id,
                              request->has_facilitator_crm_id, request->facilitator_crm_id, &draft);
    if (!verdict.refusal)
        verdict = apply_policy(request->has_cancellation_policy, request->cancellation_policy.items,
                               request->cancellation_policy.count, &draft);
    if (!verdict.refusal && draft.capacity && draft.capacity < event->current_participants + event->places_offered)
        verdict = refuse_because(&refusal_capacity_below_taken, "max_participants",
                                 event->places_offered ? "is below current_participants and places_offered"
                                                       : "is below current_participants");
    if (!verdict.refusal)
        *ret_draft = draft;
    return verdict;
}

/* These follow from the others. */
static bool follows(const struct field *field) {
    static const char *const names[] = {"available_spots", "places_offered", "waitlist_count", "revision",
                                        "updated_at"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(field->name, names[i]))
            return true;
    return false;
}

/* As a message of that field alone shows it. */
static bool differs(const struct field *field, const struct event *before, const struct event *after) {
    const struct record alone = {.name = record_event.name, .fields = field, .field_count = 1};
    struct buffer old = {0}, new = {0};
    codec_encode(&alone, before, &old);
    codec_encode(&alone, after, &new);
    bool differ = old.length != new.length || memcmp(old.bytes, new.bytes, old.length);
    buffer_free(&old);
    buffer_free(&new);
    return differ;
}

size_t rule_changed(const struct event *before, const struct event *after, struct pool *pool,
                    const char *const **ret_fields) {
    const char **fields = pool_alloc(pool, record_event.field_count * sizeof *fields);
    size_t count = 0;
    for (size_t i = 0; i < record_event.field_count; i++) {
        const struct field *field = &record_event.fields[i];
        if (!follows(field) && differs(field, before, after))
            fields[count++] = field->name;
    }
    *ret_fields = fields;
    return count;
}

struct verdict rule_remove(const struct caller *caller, const struct event *event) {
    const struct refusal *refusal = refusal_of(&operation_delete_event, caller, event->facilitator.id);
    if (refusal)
        return refuse_because(refusal, NULL, NULL);
    if (event->current_participants)
        return refuse_because(&refusal_event_has_bookings, NULL, NULL);
    return fine;
}

const struct refusal *rule_review(const struct caller *caller, const struct review_standing *standing) {
    const struct holders holders = {.person_id = standing->has_place ? caller->user_id : 0};
    const struct refusal *refusal;
    if (!standing->event_exists)
        return &refusal_event_not_found;
    if ((refusal = rights_refusal(&operation_put_review, caller, &holders)))
        return refusal;
    if (standing->is_host)
        return &refusal_own_event;
    return standing->has_begun ? NULL : &refusal_event_not_begun;
}

/* What lists of reviews are sorted by. */
static const char newest_first[] = "-id";

const char *rule_review_place(int64_t id, struct pool *pool) {
    return cursor_text(&(struct cursor){.sort = newest_first, .value = "", .id = id}, pool);
}

int rule_read_review(const char *after, struct pool *pool, int64_t *ret_id) {
    struct cursor cursor;
    if (cursor_read(after, newest_first, pool, &cursor) || *cursor.value || cursor.id < 1)
        return -1;
    *ret_id = cursor.id;
    return 0;
}

static bool is_ascii_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Chinese, Japanese and Korean, whose whole names are one word, stand behind the scripts that have first names. */
static bool is_whole_name(const char *word) {
    return (unsigned char)*word >= 0xe2 && memcmp(word, "\u2e80", 3) >= 0;
}

const char *rule_author(const char *name, struct pool *pool) {
    const char *first = name + strspn(name, " "), *end = first + strcspn(first, " "), *last = end;
    for (const char *at = end; *at; at += strcspn(at, " "))
        if (*(at += strspn(at, " ")))
            last = at;
    const char *at_sign = memchr(first, '@', (size_t)(end - first));
    if (at_sign && at_sign > first) /* nobody's address */
        end = at_sign;
    size_t initial = *last ? format_code_point_size(last, strlen(last)) : 0;
    if (initial > 1 || is_ascii_letter(*last))
        return pool_printf(pool, "%.*s %.*s.", (int)(end - first), first, (int)initial, last);
    if (!initial && is_whole_name(first))
        return pool_printf(pool, "%.*s*", (int)format_code_point_size(first, strlen(first)), first);
    return pool_copy(pool, first, (size_t)(end - first));
}

int rule_read_place(const char *after, const char *sort, struct pool *pool, struct event_place *ret_place) {
    struct cursor cursor;
    if (cursor_read(after, sort, pool, &cursor))
        return -1;
    struct event_place place = {.id = cursor.id};
    const char *key = sort + (*sort == '-');
    if (!strcmp(key, "title"))
        place.text = cursor.value;
    else if (cursor_integer(&cursor, strcmp(key, "start") ? INT64_MIN : FIRST_MOMENT,
                            strcmp(key, "start") ? INT64_MAX : LAST_MOMENT, &place.number))
        return -1;
    *ret_place = place;
    return 0;
}

static const char *pattern_of(const char *word, size_t length, struct pool *pool) {
    char *pattern = pool_alloc(pool, 2 * length + sizeof "%%"), *at = pattern;
    *at++ = '%';
    for (size_t i = 0; i < length; i++) {
        if (strchr("%_\\", word[i]))
            *at++ = '\\';
        *at++ = word[i];
    }
    *at = '%';
    return pattern;
}

size_t rule_patterns(const char *words, struct pool *pool, const char *const **ret_patterns) {
    static const char spaces[] = " \t\r\n";
    const char **patterns = pool_alloc(pool, (strlen(words) / 2 + 1) * sizeof *patterns);
    size_t count = 0;
    for (const char *word = words + strspn(words, spaces); *word; word += strspn(word, spaces)) {
        size_t length = strcspn(word, spaces);
        patterns[count++] = pattern_of(word, length, pool);
        word += length;
    }
    *ret_patterns = patterns;
    return count;
}
