/* Who may touch whose rows: every relation that the contract knows, against everybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "envelope.h"
#include "operations.h"
#include "rights.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct caller nobody = {.user_id = 0, .role = ""};
static const struct caller person = {.user_id = 7, .role = "user"};
static const struct caller other = {.user_id = 8, .role = "user"};
static const struct caller facilitator = {.user_id = 2, .role = "facilitator"};
static const struct caller other_facilitator = {.user_id = 3, .role = "facilitator"};
static const struct caller guest = {.user_id = 7, .role = "facilitator"}; /* who books at others' */
static const struct caller demoted = {.user_id = 2,
                                      .role = "user"}; /* whose events stayed theirs; or without a factor */
static const struct caller promoted = {.user_id = 2, .role = "admin"};
static const struct caller admin = {.user_id = 9, .role = "admin"};
static const struct caller pretender = {.user_id = 8, .role = "Admin"};

static const struct holders holders = {.person_id = 7, .facilitator_id = 2};

struct expectation {
    const struct caller *caller;
    const struct refusal *refusal;
};

static void check(const struct operation *operation, const struct expectation *expectations, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (rights_refusal(operation, expectations[i].caller, &holders) != expectations[i].refusal)
            fail_msg("%s: case %zu", operation->name, i);
}

static void bookings_are_seen_by_both_sides(void **state) {
    (void)state;
    const struct expectation expectations[] = {
        {&person, NULL},
        {&facilitator, NULL},
        {&guest, NULL},
        {&promoted, NULL},
        {&admin, NULL},
        {&demoted, &refusal_booking_not_found},
        {&nobody, &refusal_booking_not_found},
        {&other, &refusal_booking_not_found},
        {&other_facilitator, &refusal_booking_not_found},
        {&pretender, &refusal_booking_not_found},
    };
    check(&operation_get_booking, expectations, COUNT(expectations));
    check(&operation_get_refund_quote, expectations, COUNT(expectations));
    check(&operation_get_receipt, expectations, COUNT(expectations));
    check(&operation_cancel_booking, expectations, COUNT(expectations));
}

static void events_are_managed_by_their_facilitator(void **state) {
    (void)state;
    const struct expectation expectations[] = {
        {&facilitator, NULL},
        {&admin, NULL},
        {&nobody, &refusal_forbidden},
        {&person, &refusal_forbidden},
        {&other_facilitator, &refusal_forbidden},
        {&guest, &refusal_forbidden},
        {&demoted, &refusal_forbidden},
        {&pretender, &refusal_forbidden},
    };
    check(&operation_create_event, expectations, COUNT(expectations));
    check(&operation_update_event, expectations, COUNT(expectations));
    check(&operation_delete_event, expectations, COUNT(expectations));
    check(&operation_list_event_bookings, expectations, COUNT(expectations));
    check(&operation_list_event_waitlist, expectations, COUNT(expectations));
    check(&operation_cancel_event, expectations, COUNT(expectations));
    check(&operation_preview_event_cancellation, expectations, COUNT(expectations));
    check(&operation_list_attendees, expectations, COUNT(expectations));
}

static void refunds_are_not_granted_to_oneself(void **state) {
    (void)state;
    const struct expectation expectations[] = {
        {&facilitator, NULL},
        {&admin, NULL},
        {&guest, &refusal_forbidden}, /* who knows of the booking */
        {&person, &refusal_forbidden},
        {&other_facilitator, &refusal_booking_not_found},
        {&demoted, &refusal_booking_not_found},
        {&nobody, &refusal_booking_not_found},
    };
    check(&operation_refund_booking, expectations, COUNT(expectations));
    check(&operation_check_in_booking, expectations, COUNT(expectations));
    check(&operation_undo_check_in, expectations, COUNT(expectations));
}

/* Not even that there is such a ticket. */
static void tickets_are_unknown_at_other_doors(void **state) {
    (void)state;
    const struct expectation expectations[] = {
        {&facilitator, NULL},
        {&promoted, NULL},
        {&admin, NULL},
        {&person, &refusal_ticket_unknown},
        {&guest, &refusal_ticket_unknown},
        {&other_facilitator, &refusal_ticket_unknown},
        {&demoted, &refusal_ticket_unknown},
        {&nobody, &refusal_ticket_unknown},
    };
    check(&operation_check_in, expectations, COUNT(expectations));
}

static void reviews_are_written_by_who_was_there(void **state) {
    (void)state;
    const struct expectation expectations[] = {
        {&person, NULL},
        {&guest, NULL},
        {&other, &refusal_not_attended},
        {&facilitator, &refusal_not_attended},
        {&admin, &refusal_not_attended},
        {&nobody, &refusal_not_attended},
    };
    check(&operation_put_review, expectations, COUNT(expectations));
}

static void nobody_holds_rows_without_holders(void **state) {
    (void)state;
    const struct holders none = {0};
    assert_ptr_equal(rights_refusal(&operation_get_booking, &nobody, &none), &refusal_booking_not_found);
    assert_ptr_equal(rights_refusal(&operation_update_event, &nobody, &none), &refusal_forbidden);
    assert_null(rights_refusal(&operation_get_booking, &admin, &none));
}

/* Every decision that an x-owner asks for is asked for by a test above: a new one must be added here. */
static void every_decision_is_tested(void **state) {
    (void)state;
    const struct operation *tested[] = {
        &operation_get_booking,         &operation_get_refund_quote, &operation_cancel_booking,
        &operation_create_event,        &operation_update_event,     &operation_delete_event,
        &operation_cancel_event,        &operation_refund_booking,   &operation_list_event_bookings,
        &operation_list_event_waitlist, &operation_get_receipt,      &operation_preview_event_cancellation,
        &operation_list_attendees,      &operation_check_in,         &operation_check_in_booking,
        &operation_undo_check_in,       &operation_put_review,
    };
    for (size_t i = 0; i < operation_count; i++) {
        unsigned relations = operations[i].owner.relations;
        bool found = !relations || relations == RELATION_SELF;
        for (size_t j = 0; j < COUNT(tested); j++)
            found |= tested[j] == &operations[i];
        if (!found)
            fail_msg("%s is not tested", operations[i].name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bookings_are_seen_by_both_sides),    cmocka_unit_test(events_are_managed_by_their_facilitator),
        cmocka_unit_test(refunds_are_not_granted_to_oneself), cmocka_unit_test(nobody_holds_rows_without_holders),
        cmocka_unit_test(tickets_are_unknown_at_other_doors), cmocka_unit_test(reviews_are_written_by_who_was_there),
        cmocka_unit_test(every_decision_is_tested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
