/* The delivery engine's decisions: a hundred thousand deliveries over the whole schedule in simulated time, what each
 * verdict leads to, when the breaker of a lane opens, and what is in hand of fast and slow lanes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "deliveries_hand.h"
#include "rules.h"
#include "schedule.h"

#define DELIVERIES 100000
#define ATTEMPTS (WEBHOOK_WAITS + 1)
#define LEASE_MS 15000
#define LONGEST_ATTEMPT_MS 30000

static const struct delivery_channel channel = {
    .name = "webhook", .waits_s = rule_webhook_waits_s, .wait_count = WEBHOOK_WAITS};

/* The same numbers in every run: splitmix64 by Sebastiano Vigna. */
static double next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* A row of the outbox, and what its receiver has seen of it. */
struct row {
    int64_t due_ms;                 /* this orders the queue */
    int64_t ended_ms;               /* its last attempt that counted */
    unsigned attempts, seen, fails; /* `fails`: so many times before it succeeds */
    bool repeated;                  /* its worker died: the same attempt again */
    const char *state;
};

/* Rows by when they are due: a binary heap. */
struct queue {
    struct row **rows;
    size_t count;
};

static void queue_push(struct queue *queue, struct row *row) {
    size_t at = queue->count++;
    for (; at && queue->rows[(at - 1) / 2]->due_ms > row->due_ms; at = (at - 1) / 2)
        queue->rows[at] = queue->rows[(at - 1) / 2];
    queue->rows[at] = row;
}

static struct row *queue_pop(struct queue *queue) {
    struct row *first = queue->rows[0], *last = queue->rows[--queue->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < queue->count; at = child) {
        child += child + 1 < queue->count && queue->rows[child + 1]->due_ms < queue->rows[child]->due_ms;
        if (queue->rows[child]->due_ms >= last->due_ms)
            break;
        queue->rows[at] = queue->rows[child];
    }
    queue->rows[at] = last;
    return first;
}

static void assert_in_window(const struct row *row) {
    if (row->attempts == 0 || row->repeated)
        return;
    int64_t wait_ms = 1000 * rule_webhook_waits_s[row->attempts - 1], waited_ms = row->due_ms - row->ended_ms;
    if (waited_ms < wait_ms * 8 / 10 - 1 || waited_ms > wait_ms * 12 / 10 + 1)
        fail_msg("attempt %u after %lld ms", row->attempts + 1, (long long)waited_ms);
}

/* One attempt, begun when the row is due. One worker in fifty dies after it has sent and before it has noted that. */
static void attempt(struct row *row, uint64_t *random) {
    int64_t begun_ms = row->due_ms;
    assert_in_window(row);
    row->seen++;
    if ((row->repeated = next_random(random) < 0.02)) {
        row->due_ms = begun_ms + LEASE_MS;
        return;
    }
    const struct delivery_result result = {.verdict = row->attempts < row->fails ? DELIVERY_AGAIN : DELIVERY_DONE};
    row->ended_ms = begun_ms + (int64_t)(next_random(random) * LONGEST_ATTEMPT_MS);
    struct fate fate = schedule_fate(&channel, row->attempts + 1, &result, row->ended_ms, next_random(random));
    assert_int_equal(fate.attempts, row->attempts + 1);
    row->attempts++;
    row->state = fate.state;
    row->due_ms = fate.due_ms;
}

static void a_hundred_thousand_deliveries_keep_the_schedule(void **state) {
    (void)state;
    struct row *rows = calloc(DELIVERIES, sizeof *rows);
    struct queue queue = {.rows = calloc(DELIVERIES, sizeof(struct row *))};
    uint64_t random = 1;
    size_t delivered = 0, dead = 0, attempts = 0, wanted = 0, deaths = 0;
    for (size_t i = 0; i < DELIVERIES; i++) {
        rows[i] = (struct row){.due_ms = (int64_t)i, .fails = (unsigned)(i % (ATTEMPTS + 1)), .state = "due"};
        wanted += rows[i].fails < ATTEMPTS ? rows[i].fails + 1 : ATTEMPTS;
        queue_push(&queue, &rows[i]);
    }
    for (int64_t now_ms = 0; queue.count;) {
        struct row *row = queue_pop(&queue);
        assert_true(row->due_ms >= now_ms);
        now_ms = row->due_ms;
        attempt(row, &random);
        deaths += row->repeated;
        if (strcmp(row->state, "due") == 0)
            queue_push(&queue, row);
    }
    for (size_t i = 0; i < DELIVERIES; i++) {
        bool is_lost = rows[i].fails == ATTEMPTS;
        assert_string_equal(rows[i].state, is_lost ? "dead" : "delivered");
        assert_int_equal(rows[i].attempts, is_lost ? ATTEMPTS : rows[i].fails + 1);
        delivered += !is_lost;
        dead += is_lost;
        attempts += rows[i].seen;
    }
    assert_int_equal(dead, DELIVERIES / (ATTEMPTS + 1)); /* who would have needed one more */
    assert_int_equal(delivered + dead, DELIVERIES);
    assert_int_equal(attempts, wanted + deaths);
    free(queue.rows);
    free(rows);
}

static void verdicts_have_fates(void **state) {
    (void)state;
    static const struct {
        unsigned attempt;
        struct delivery_result result;
        struct fate fate;
    } cases[] = {
        {1, {.verdict = DELIVERY_DONE}, {"delivered", 1, 0, LANE_FINE, true}},
        {10, {.verdict = DELIVERY_DONE}, {"delivered", 10, 0, LANE_FINE, true}},
        {1, {.verdict = DELIVERY_AGAIN}, {"due", 1, 1005000, LANE_FAILED, true}},
        {1, {.verdict = DELIVERY_AGAIN, .retry_after_s = 60}, {"due", 1, 1060000, LANE_FAILED, true}},
        {9, {.verdict = DELIVERY_AGAIN}, {"due", 9, 87400000, LANE_FAILED, true}},
        {10, {.verdict = DELIVERY_AGAIN}, {"dead", 10, 0, LANE_FAILED, true}},
        {10, {.verdict = DELIVERY_AGAIN, .retry_after_s = 60}, {"dead", 10, 0, LANE_FAILED, true}},
        {3, {.verdict = DELIVERY_DEAD}, {"dead", 3, 0, LANE_UNKNOWN, true}}, /* 410 is an answer */
        {3, {.verdict = DELIVERY_UNSENDABLE}, {"dead", 2, 0, LANE_FINE, false}},
        {3, {.verdict = DELIVERY_INTERRUPTED}, {"due", 2, 1001000, LANE_UNKNOWN, false}},
        {10, {.verdict = DELIVERY_INTERRUPTED, .retry_after_s = 7}, {"due", 9, 1007000, LANE_UNKNOWN, false}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fate *wanted = &cases[i].fate;
        struct fate fate = schedule_fate(&channel, cases[i].attempt, &cases[i].result, 1000000, 0.5);
        if (strcmp(fate.state, wanted->state) != 0 || fate.attempts != wanted->attempts || fate.lane != wanted->lane ||
            fate.was_tried != wanted->was_tried || (wanted->due_ms && fate.due_ms != wanted->due_ms))
            fail_msg("case %zu: %s after %lld, at %lld", i, fate.state, (long long)fate.attempts,
                     (long long)fate.due_ms);
    }
}

static void breakers_open(void **state) {
    (void)state;
    static const struct {
        int64_t failures, openings, openings_before, pause_ms;
    } cases[] = {
        {1, 0, 0, 0},       {9, 0, 0, 0},      /* not yet */
        {10, 0, 0, 5000},                      /* the tenth */
        {16, 0, 0, 5000},   {200, 0, 0, 5000}, /* many that ended together */
        {11, 1, 0, 0},      {300, 3, 2, 0},    /* begun before it opened */
        {11, 1, 1, 10000},  {12, 2, 2, 20000}, /* still failing */
        {13, 3, 3, 40000},  {14, 4, 4, 80000},  {15, 5, 5, 160000},
        {16, 6, 6, 300000}, {17, 7, 7, 300000}, {1000, INT64_MAX, INT64_MAX, 300000},
        {1, 0, 3, 0},       {20, 0, 3, 0}, /* there was a success meanwhile */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t pause_ms = schedule_pause_ms(cases[i].failures, cases[i].openings, cases[i].openings_before);
        if (pause_ms != cases[i].pause_ms)
            fail_msg("case %zu: %lld ms", i, (long long)pause_ms);
    }
}

/* A lane that fails for five days has some 1,500 attempts, and never more than one every five minutes in the end. */
static void a_dead_lane_is_asked_seldom(void **state) {
    (void)state;
    const int64_t days_ms = INT64_C(5) * 86400 * 1000;
    int64_t failures = 0, openings = 0, attempts = 0;
    for (int64_t now_ms = 0; now_ms < days_ms; attempts++) {
        failures++;
        int64_t pause_ms = schedule_pause_ms(failures, openings, openings);
        openings += pause_ms > 0;
        now_ms += pause_ms > 1000 ? pause_ms : 1000;
    }
    assert_in_range(attempts, 1440, 1460);
}

#define FLIGHT 40
#define FLIGHT_OF_LANE 4
#define FLIGHT_OF_TROUBLE 2

static const struct delivery_channel lanes_channel = {.name = "webhook",
                                                      .waits_s = rule_webhook_waits_s,
                                                      .wait_count = WEBHOOK_WAITS,
                                                      .limit = FLIGHT,
                                                      .limit_per_lane = FLIGHT_OF_LANE,
                                                      .limit_of_lane_0 = 8,
                                                      .limit_of_trouble = FLIGHT_OF_TROUBLE};

struct in_hand {
    struct hand hand;
    struct pool *pool;
    struct claim *begun; /* by the last begin_now() */
    int64_t next_id;
};

static int set_up(void **state) {
    struct in_hand *test = calloc(1, sizeof *test);
    test->pool = pool_new();
    hand_init(&test->hand, NULL, &lanes_channel);
    *state = test;
    return 0;
}

static int tear_down(void **state) {
    struct in_hand *test = *state;
    hand_free(&test->hand);
    pool_destroy(&test->pool);
    free(test);
    return 0;
}

static void claim_rows(struct in_hand *test, int64_t lane, size_t count, bool in_trouble, int64_t now_ms) {
    for (size_t i = 0; i < count; i++) {
        const struct leased_row row = {
            .lease = {.id = ++test->next_id, .until = "later"},
            .claim = {.lane = lane, .webhook_id = "id", .type = "type", .body = "{}", .trace = "", .attempt = 1},
            .in_trouble = in_trouble};
        hand_take(&test->hand, &row, 1, now_ms);
    }
}

static size_t begin_now(struct in_hand *test) {
    return hand_begin(&test->hand, test->pool, &test->begun);
}

static void end_all(struct in_hand *test, size_t count, enum lane_news news) {
    const struct fate fate = {.state = "delivered", .attempts = 1, .lane = news};
    for (size_t i = 0; i < count; i++)
        hand_end(test->begun[i].delivery, &fate);
}

/* How many rows of the lane may be claimed beyond its limit. */
static int64_t ahead(struct in_hand *test, int64_t lane) {
    struct demand demand = hand_demand(&test->hand, test->pool);
    for (size_t i = 0; i < demand.load_count; i++)
        if (demand.loads[i].lane == lane)
            return -demand.loads[i].count;
    return 0;
}

static void end_hand(struct in_hand *test) {
    hand_return(&test->hand, INT64_MAX);
    hand_forget(&test->hand);
    assert_int_equal(test->hand.count, 0);
    assert_null(test->hand.lanes);
}

static void a_lane_has_as_many_ahead_as_have_succeeded(void **state) {
    struct in_hand *test = *state;
    claim_rows(test, 7, FLIGHT_OF_LANE, false, 0);
    assert_int_equal(begin_now(test), FLIGHT_OF_LANE);
    assert_int_equal(ahead(test, 7), -FLIGHT_OF_LANE);
    end_all(test, FLIGHT_OF_LANE, LANE_FINE);
    assert_int_equal(ahead(test, 7), FLIGHT_OF_LANE);
    hand_forget(&test->hand);
    assert_int_equal(ahead(test, 7), 0); /* as soon as that is written down */
    claim_rows(test, 7, 2 * FLIGHT_OF_LANE, false, 0);
    assert_int_equal(begin_now(test), FLIGHT_OF_LANE);
    struct claim *begun = test->begun;
    assert_int_equal(begin_now(test), 0);
    test->begun = begun;
    end_all(test, 1, LANE_FINE);
    assert_int_equal(begin_now(test), 1); /* without the database */
    assert_int_equal(test->hand.waiting, FLIGHT_OF_LANE - 1);
    end_all(test, 1, LANE_FINE);
    test->begun = begun + 1;
    end_all(test, FLIGHT_OF_LANE - 1, LANE_FINE);
    end_hand(test);
}

static void who_fails_has_nothing_ahead(void **state) {
    struct in_hand *test = *state;
    claim_rows(test, 7, 2 * FLIGHT_OF_LANE, false, 0);
    claim_rows(test, 8, 2 * FLIGHT_OF_LANE, false, 0);
    assert_int_equal(begin_now(test), 2 * FLIGHT_OF_LANE);
    end_all(test, 1, LANE_FAILED); /* of lane 7 */
    assert_int_equal(test->hand.waiting, FLIGHT_OF_LANE);
    test->begun++;
    end_all(test, 2 * FLIGHT_OF_LANE - 1, LANE_FINE);
    assert_int_equal(ahead(test, 7), 0);
    assert_int_equal(ahead(test, 8), 0); /* four succeeded, four wait */
    assert_int_equal(begin_now(test), FLIGHT_OF_LANE);
    end_all(test, FLIGHT_OF_LANE, LANE_FINE);
    end_hand(test);
}

static void who_waits_too_long_goes_back(void **state) {
    struct in_hand *test = *state;
    claim_rows(test, 7, FLIGHT_OF_LANE + 1, false, 1000);
    claim_rows(test, 7, 2, false, 2000);
    assert_int_equal(begin_now(test), FLIGHT_OF_LANE);
    hand_return(&test->hand, 2000);
    assert_int_equal(test->hand.waiting, 2);
    end_all(test, FLIGHT_OF_LANE, LANE_UNKNOWN);
    end_hand(test);
}

static void limits_hold_over_all_lanes(void **state) {
    struct in_hand *test = *state;
    for (int64_t lane = 1; lane <= 2 * FLIGHT; lane++)
        claim_rows(test, lane, 1, false, 0);
    claim_rows(test, 1000, 1, true, 0); /* in a slot of its own */
    assert_int_equal(begin_now(test), FLIGHT + 1);
    struct demand demand = hand_demand(&test->hand, test->pool);
    assert_int_equal(demand.total, 0);
    assert_int_equal(demand.trouble_total, FLIGHT_OF_TROUBLE - 1);
    end_all(test, FLIGHT + 1, LANE_FINE);
    assert_int_equal(hand_demand(&test->hand, test->pool).total, FLIGHT); /* twice that, of which half wait already */
    assert_int_equal(begin_now(test), FLIGHT);
    end_all(test, FLIGHT, LANE_FINE);
    end_hand(test);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_thousand_deliveries_keep_the_schedule),
        cmocka_unit_test(verdicts_have_fates),
        cmocka_unit_test(breakers_open),
        cmocka_unit_test(a_dead_lane_is_asked_seldom),
        cmocka_unit_test_setup_teardown(a_lane_has_as_many_ahead_as_have_succeeded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_fails_has_nothing_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_too_long_goes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_hold_over_all_lanes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
