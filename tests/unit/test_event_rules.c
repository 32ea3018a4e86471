/* The event worker's decisions, as tables of cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "envelope.h"
#include "rules.h"

static struct pool *pool;

static int set_up(void **state) {
    (void)state;
    pool = pool_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    pool_destroy(&pool);
    return 0;
}

static const struct caller owner = {.user_id = 2, .role = "facilitator"};
static const struct caller stranger = {.user_id = 3, .role = "facilitator"};
static const struct caller admin = {.user_id = 9, .role = "admin"};

static struct event stored_event(void) {
    struct event event = {
        .id = 1,
        .title = "Yoga",
        .event_type = "session",
        .start_datetime = "2026-08-01T10:00:00Z",
        .time_zone = "UTC",
        .current_participants = 5,
        .price_minor = 2500,
        .currency = "INR",
        .is_active = true,
        .status = "active",
        .facilitator = {.id = 2, .name = "John", .email = "john@example.com"},
        .facilitator_id = {.number = 2},
    };
    SET(event, max_participants, 10);
    SET(event, rating, 4.5);
    SET_TEXT(event, description, "An hour");
    return event;
}

static void assert_refusal(struct verdict verdict, const struct refusal *refusal, const char *field) {
    if (verdict.refusal != refusal)
        fail_msg("refusal is %s, not %s", verdict.refusal ? verdict.refusal->code : "none",
                 refusal ? refusal->code : "none");
    if (field)
        assert_string_equal(verdict.field, field);
}

static void who_publishes(void **state) {
    (void)state;
    static const struct {
        const struct caller *caller;
        enum presence has_id;
        struct integer_or_string id;
        enum presence has_code;
        const char *code;
        const struct refusal *refusal;
        int64_t facilitator;
        const char *facilitator_code;
    } cases[] = {
        {.caller = &owner, .facilitator = 2},
        {.caller = &owner, .has_id = PRESENCE_SET, .id = {.number = 2}, .facilitator = 2},
        {.caller = &owner, .has_id = PRESENCE_SET, .id = {.number = 3}, .refusal = &refusal_forbidden},
        {.caller = &admin, .has_id = PRESENCE_SET, .id = {.number = 3}, .facilitator = 3},
        {.caller = &owner,
         .has_id = PRESENCE_SET,
         .id = {.text = "FAC001"},
         .facilitator = 2,
         .facilitator_code = "FAC001"},
        {.caller = &owner,
         .has_code = PRESENCE_SET,
         .code = "crm_002",
         .facilitator = 2,
         .facilitator_code = "crm_002"},
        {.caller = &owner, .has_code = PRESENCE_NULL, .facilitator = 2},
        {.caller = &owner,
         .has_id = PRESENCE_SET,
         .id = {.text = "A"},
         .has_code = PRESENCE_SET,
         .code = "A",
         .facilitator = 2,
         .facilitator_code = "A"},
        {.caller = &owner,
         .has_id = PRESENCE_SET,
         .id = {.text = "A"},
         .has_code = PRESENCE_SET,
         .code = "B",
         .refusal = &refusal_validation_error},
        {.caller = &owner,
         .has_id = PRESENCE_SET,
         .id = {.text = "A"},
         .has_code = PRESENCE_NULL,
         .refusal = &refusal_validation_error},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct create_event_request request = {.title = "Yoga", .is_active = true};
        struct event_draft draft;
        request.has_facilitator_id = cases[i].has_id;
        request.facilitator_id = cases[i].id;
        request.has_facilitator_crm_id = cases[i].has_code;
        request.facilitator_crm_id = cases[i].code;
        struct verdict verdict = rule_publish(cases[i].caller, &request, &draft);
        assert_refusal(verdict, cases[i].refusal, NULL);
        if (verdict.refusal)
            continue;
        assert_int_equal(draft.facilitator_id, cases[i].facilitator);
        assert_int_equal(!draft.facilitator_crm_id, !cases[i].facilitator_code);
        if (draft.facilitator_crm_id)
            assert_string_equal(draft.facilitator_crm_id, cases[i].facilitator_code);
    }
}

static void a_change_keeps_the_rest(void **state) {
    (void)state;
    const struct event event = stored_event();
    struct update_event_request request = {.event_id = 1};
    struct event_draft draft;
    SET_TEXT(request, title, "Updated Title");
    request.has_description = PRESENCE_NULL;
    SET(request, rating, 4.7);
    request.has_max_participants = PRESENCE_NULL;
    assert_refusal(rule_change(&owner, &event, &request, &draft), NULL, NULL);
    assert_string_equal(draft.title, "Updated Title");
    assert_null(draft.description);
    assert_true(draft.has_rating == PRESENCE_SET && draft.rating > 4.6 && draft.rating < 4.8);
    assert_int_equal(draft.capacity, 0);
    assert_string_equal(draft.event_type, "session");
    assert_string_equal(draft.start, "2026-08-01T10:00:00Z");
    assert_null(draft.end);
    assert_int_equal(draft.price_minor, 2500);
    assert_string_equal(draft.currency, "INR");
    assert_true(draft.is_active);
    assert_int_equal(draft.facilitator_id, 2);
    request.has_rating = PRESENCE_ABSENT; /* what is shown may be the average of reviews */
    assert_refusal(rule_change(&owner, &event, &request, &draft), NULL, NULL);
    assert_int_equal(draft.has_rating, PRESENCE_ABSENT);
    request.has_rating = PRESENCE_NULL;
    assert_refusal(rule_change(&admin, &event, &request, &draft), NULL, NULL);
    assert_int_equal(draft.has_rating, PRESENCE_NULL);
    assert_int_equal(draft.facilitator_id, 2);
}

static void what_forbids_a_change(void **state) {
    (void)state;
    struct event event = stored_event(), cancelled = stored_event(), in_yen = stored_event(), free = stored_event();
    cancelled.status = "cancelled";
    in_yen.currency = "JPY";
    free.price_minor = 0;
    struct update_event_request nothing = {0}, smaller = {0}, enough = {0}, price = {0}, currency = {0}, both = {0},
                                same = {0}, given_away = {0};
    SET(smaller, max_participants, 4);
    SET(enough, max_participants, 5);
    SET(price, price_minor, 3000);
    SET_TEXT(currency, currency, "EUR");
    SET_TEXT(both, currency, "EUR");
    SET(both, price_minor, 3000);
    SET_TEXT(same, currency, "INR");
    SET(given_away, facilitator_id, (struct integer_or_string){.number = 3});
    const struct {
        const struct caller *caller;
        const struct event *event;
        const struct update_event_request *request;
        const struct refusal *refusal;
        const char *field;
    } cases[] = {
        {&owner, &event, &nothing, NULL, NULL},
        {&admin, &event, &nothing, NULL, NULL},
        {&stranger, &event, &nothing, &refusal_forbidden, NULL},
        {&owner, &cancelled, &nothing, &refusal_event_already_cancelled, NULL},
        {&owner, &event, &smaller, &refusal_capacity_below_taken, "max_participants"},
        {&owner, &event, &enough, NULL, NULL},
        {&owner, &event, &price, NULL, NULL},
        {&owner, &in_yen, &price, &refusal_validation_error, "currency"},
        {&owner, &event, &currency, &refusal_validation_error, "price"},
        {&owner, &free, &currency, NULL, NULL},
        {&owner, &event, &same, NULL, NULL},
        {&owner, &in_yen, &both, NULL, NULL},
        {&owner, &event, &given_away, &refusal_forbidden, "facilitator_id"},
        {&admin, &event, &given_away, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct event_draft draft;
        assert_refusal(rule_change(cases[i].caller, cases[i].event, cases[i].request, &draft), cases[i].refusal,
                       cases[i].field);
    }
}

#define TIER_HOURS(hours, percent)                                                                                     \
    { .hours_before = (hours), .has_hours_before = PRESENCE_SET, .refund_percent = (percent) }
#define TIER_DAYS(days, percent)                                                                                       \
    { .days_before = (days), .has_days_before = PRESENCE_SET, .refund_percent = (percent) }

static void cancellation_policies(void **state) {
    (void)state;
    static struct {
        struct cancellation_tier tiers[POLICY_TIERS_LIMIT];
        size_t count;
        const char *expected; /* NULL: refused */
    } cases[] = {
        {{TIER_HOURS(24, 50)}, 1, "24=50"},
        {{TIER_DAYS(7, 100), TIER_HOURS(24, 50)}, 2, "168=100,24=50"},
        {{TIER_HOURS(0, 10), TIER_DAYS(1, 50), TIER_DAYS(30, 100)}, 3, "720=100,24=50,0=10"},
        {{{0}}, 0, "0=0"},
        {{TIER_HOURS(24, 50), TIER_DAYS(1, 50)}, 2, NULL},
        {{TIER_HOURS(24, 50), TIER_DAYS(7, 40)}, 2, NULL},
        {{TIER_HOURS(24, 50), {.refund_percent = 40}}, 2, NULL},
        {{{.hours_before = 1,
           .has_hours_before = PRESENCE_SET,
           .days_before = 1,
           .has_days_before = PRESENCE_SET,
           .refund_percent = 40}},
         1,
         NULL},
    };
    const struct event event = stored_event();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct refusal *refusal = cases[i].expected ? NULL : &refusal_validation_error;
        const char *field = cases[i].expected ? NULL : "cancellation_policy";
        struct create_event_request publish = {.title = "Yoga", .is_active = true};
        struct update_event_request change = {.event_id = 1};
        struct event_draft published, changed;
        char text[POLICY_TEXT_SIZE];
        publish.has_cancellation_policy = change.has_cancellation_policy = PRESENCE_SET;
        publish.cancellation_policy.items = change.cancellation_policy.items = cases[i].tiers;
        publish.cancellation_policy.count = change.cancellation_policy.count = cases[i].count;
        assert_refusal(rule_publish(&owner, &publish, &published), refusal, field);
        assert_refusal(rule_change(&owner, &event, &change, &changed), refusal, field);
        if (refusal)
            continue;
        assert_int_equal(published.has_policy, PRESENCE_SET);
        assert_string_equal(policy_text(&published.policy, text), cases[i].expected);
        assert_string_equal(policy_text(&changed.policy, text), cases[i].expected);
    }
}

static void a_policy_stays_unless_it_is_named(void **state) {
    (void)state;
    const struct event event = stored_event();
    struct update_event_request nothing = {.event_id = 1}, the_operators = {.event_id = 1};
    struct event_draft draft;
    the_operators.has_cancellation_policy = PRESENCE_NULL;
    assert_refusal(rule_change(&owner, &event, &nothing, &draft), NULL, NULL);
    assert_int_equal(draft.has_policy, PRESENCE_ABSENT);
    assert_refusal(rule_change(&owner, &event, &the_operators, &draft), NULL, NULL);
    assert_int_equal(draft.has_policy, PRESENCE_NULL);
}

static void reminders(void **state) {
    (void)state;
    static int64_t half_an_hour[] = {30}, usual[] = {1440, 60};
    struct event event = stored_event();
    event.reminder_minutes.items = usual;
    event.reminder_minutes.count = 2;
    struct create_event_request publish = {.title = "Yoga"};
    struct update_event_request change = {.event_id = 1};
    struct event_draft draft;
    rule_publish(&owner, &publish, &draft);
    assert_int_equal(draft.reminder_count, 2);
    assert_memory_equal(draft.reminder_minutes, usual, sizeof usual);
    rule_change(&owner, &event, &change, &draft);
    assert_int_equal(draft.reminder_count, 2);
    assert_ptr_equal(draft.reminder_minutes, usual);
    publish.has_reminder_minutes = change.has_reminder_minutes = PRESENCE_SET;
    rule_publish(&owner, &publish, &draft);
    assert_int_equal(draft.reminder_count, 0);
    change.reminder_minutes.items = half_an_hour;
    change.reminder_minutes.count = 1;
    rule_change(&owner, &event, &change, &draft);
    assert_int_equal(draft.reminder_count, 1);
    assert_int_equal(draft.reminder_minutes[0], 30);
}

static void assert_changed(const struct event *before, const struct event *after, const char *const *expected) {
    const char *const *fields;
    size_t count = rule_changed(before, after, pool, &fields), i = 0;
    for (; i < count && expected[i]; i++)
        assert_string_equal(fields[i], expected[i]);
    assert_true(i == count && !expected[i]);
}

static void what_has_changed(void **state) {
    (void)state;
    static int64_t half_an_hour[] = {30};
    const struct event before = stored_event();
    struct event after = before;
    after.title = pool_text(pool, before.title);
    after.updated_at = "2026-07-01T00:00:00Z";
    SET(after, revision, 7);
    SET(after, available_spots, 5);
    assert_changed(&before, &after, (const char *const[]){NULL});
    after.title = "Nidra";
    after.has_description = PRESENCE_NULL;
    SET_TEXT(after, end_datetime, "2026-08-01T11:00:00Z");
    after.price_minor = 1;
    SET(after, rating, 4.6);
    after.facilitator_id.text = "2";
    after.has_reminder_minutes = PRESENCE_SET;
    after.reminder_minutes.items = half_an_hour;
    after.reminder_minutes.count = 1;
    assert_changed(&before, &after,
                   (const char *const[]){"title", "description", "end_datetime", "price", "rating", "facilitator_id",
                                         "reminder_minutes", NULL});
}

static void what_forbids_a_removal(void **state) {
    (void)state;
    struct event booked = stored_event(), empty = stored_event();
    empty.current_participants = 0;
    assert_refusal(rule_remove(&owner, &booked), &refusal_event_has_bookings, NULL);
    assert_refusal(rule_remove(&stranger, &empty), &refusal_forbidden, NULL);
    assert_refusal(rule_remove(&owner, &empty), NULL, NULL);
    assert_refusal(rule_remove(&admin, &empty), NULL, NULL);
}

static void places_in_lists(void **state) {
    (void)state;
    static const struct {
        const char *sort, *value;
        bool good;
    } cases[] = {
        {"start", "1796088600000000", true},
        {"-start", "-62135596800000000", true},
        {"start", "9000000000000000000", false}, /* later than any time that the database knows */
        {"-start", "-9000000000000000000", false},
        {"start", "soon", false},
        {"price", "250000", true},
        {"-rating", "-1", true},
        {"created", "", false},
        {"title", "morning meditation", true},
        {"-title", "", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cursor cursor = {cases[i].sort, cases[i].value, 77};
        struct event_place place = {0};
        int result = rule_read_place(cursor_text(&cursor, pool), cases[i].sort, pool, &place);
        if ((result == 0) != cases[i].good || place.id != (cases[i].good ? 77 : 0))
            fail_msg("case %zu", i);
    }
    struct event_place place;
    assert_int_equal(rule_read_place("nonsense", "start", pool, &place), -1);
}

static void words_become_patterns(void **state) {
    (void)state;
    const char *const *patterns;
    assert_int_equal(rule_patterns("  yoga\tनमस्ते 50%_\\ ", pool, &patterns), 3);
    assert_string_equal(patterns[0], "%yoga%");
    assert_string_equal(patterns[1], "%नमस्ते%");
    assert_string_equal(patterns[2], "%50\\%\\_\\\\%");
    assert_int_equal(rule_patterns(" \t", pool, &patterns), 0);
    assert_int_equal(rule_patterns("a b c d e", pool, &patterns), 5);
    assert_string_equal(patterns[4], "%e%");
}

static void who_reviews(void **state) {
    (void)state;
    static const struct {
        struct review_standing standing;
        const struct refusal *refusal;
    } cases[] = {
        {{.event_exists = true, .has_place = true, .has_begun = true}, NULL},
        {{.event_exists = true, .has_place = true}, &refusal_event_not_begun},
        {{.event_exists = true, .has_begun = true}, &refusal_not_attended},
        {{.event_exists = true}, &refusal_not_attended},
        {{.event_exists = true, .has_place = true, .has_begun = true, .is_host = true}, &refusal_own_event},
        {{.event_exists = true, .has_begun = true, .is_host = true}, &refusal_not_attended},
        {{.has_place = true, .has_begun = true}, &refusal_event_not_found},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ptr_equal(rule_review(&stranger, &cases[i].standing), cases[i].refusal);
        assert_ptr_equal(rule_review(&admin, &cases[i].standing), cases[i].refusal);
    }
}

static void how_authors_are_named(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"John Doe", "John D."},
        {"Asha", "Asha"},
        {" María  Ángeles García Núñez ", "María N."},
        {"Íñigo Íbáñez", "Íñigo Í."},
        {"विक्रम शर्मा", "विक्रम श."},
        {"சு. கார்த்திக்", "சு. க."},
        {"فاطمة الحسيني", "فاطمة ا."},
        {"髙橋 美咲", "髙橋 美."},
        {"欧阳秀英", "欧*"},
        {"김서연", "김*"},
        {"john@example.com", "john"},
        {"John (Jr.)", "John"},
        {"@john", "@john"},
        {"Erased", "Erased"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(rule_author(cases[i][0], pool), cases[i][1]);
}

static void places_in_reviews(void **state) {
    (void)state;
    int64_t id = 0;
    assert_int_equal(rule_read_review(rule_review_place(77, pool), pool, &id), 0);
    assert_int_equal(id, 77);
    const struct cursor bad[] = {{"start", "", 77}, {"-id", "1", 77}, {"-id", "", 0}, {"-id", "", -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(rule_read_review(cursor_text(&bad[i], pool), pool, &id), -1);
    assert_int_equal(rule_read_review("nonsense", pool, &id), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reviews),
        cmocka_unit_test(how_authors_are_named),
        cmocka_unit_test(places_in_reviews),
        cmocka_unit_test(who_publishes),
        cmocka_unit_test(a_change_keeps_the_rest),
        cmocka_unit_test(what_forbids_a_change),
        cmocka_unit_test(what_forbids_a_removal),
        cmocka_unit_test(places_in_lists),
        cmocka_unit_test(words_become_patterns),
        cmocka_unit_test(cancellation_policies),
        cmocka_unit_test(a_policy_stays_unless_it_is_named),
        cmocka_unit_test(reminders),
        cmocka_unit_test(what_has_changed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
