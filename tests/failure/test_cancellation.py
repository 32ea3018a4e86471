"""What comes back when a booking or an event is cancelled: by the policy that was promised, once, whatever is killed meanwhile."""

import concurrent.futures
import datetime
import itertools
import os
import random
import signal
import time

import pytest

from document import parse_time
from harness import assert_ledger_is_balanced, start_stack, stop_stack, wait_until

POLICY = [{"days_before": 7, "refund_percent": 100}, {"hours_before": 24, "refund_percent": 50}]
PAID = 10_000


@pytest.fixture(scope="module")
def admin(stack):
    person = stack.user()
    stack.operator("user", "role", person.email, "admin")
    return stack.login(person.email)


@pytest.fixture
def retreat(stack, facilitator):
    return stack.event(facilitator, price=25.01, cancellation_policy=POLICY)


def start_in(stack, event, interval):
    """Times pass: the database is told so."""
    moment = f"date_trunc('second', now()) + interval '{interval}'"
    stack.rows(f"UPDATE events SET start_at = {moment}, end_at = NULL WHERE id = %s", event["id"])
    return parse_time(stack.anonymous.get(f"/events/{event['id']}").json()["start_datetime"])


def quote_of(person, booking):
    answer = person.get(f"/bookings/{booking['id']}/refund-quote")
    assert answer.status_code == 200, answer.text
    return answer.json()


def cancel(person, booking):
    return person.post(f"/bookings/{booking['id']}/cancel")


def outcome(answer):
    return answer.status_code if answer.ok else (answer.status_code, answer.json()["code"])


class TestQuotes:
    @pytest.mark.parametrize(
        "starts_in, percent, amount, changes_before",
        [
            ("30 days", 100, 25.01, datetime.timedelta(days=7)),
            ("3 days", 50, 12.51, datetime.timedelta(days=1)),
            ("1 hour", 0, 0, None),
        ],
    )
    def test_the_owner_gets_what_was_quoted(self, stack, person, retreat, starts_in, percent, amount, changes_before):
        booking = stack.paid_booking(person, retreat)
        start = start_in(stack, retreat, starts_in)
        quote = quote_of(person, booking)
        assert (quote["cancellable"], quote["paid_amount"], quote["currency"]) == (True, 25.01, "INR")
        assert (quote["refund_percent"], quote["amount"]) == (percent, amount)
        assert (quote["changes_at"] and parse_time(quote["changes_at"])) == (changes_before and start - changes_before)
        assert quote["cancellation_policy"] == [{"hours_before": 168, "refund_percent": 100}, {"hours_before": 24, "refund_percent": 50}]
        answer = cancel(person, booking).json()
        assert (answer["refund"] and answer["refund"]["amount"]) == (amount or None)
        assert answer["booking"]["refund"] == answer["refund"]
        after = quote_of(person, booking)
        assert (after["cancellable"], after["refund_percent"], after["amount"], after["changes_at"]) == (False, 0, 0, None)
        assert_ledger_is_balanced(stack)

    def test_what_was_promised_stays(self, stack, person, facilitator, retreat):
        """Neither another policy nor another price of the event changes what is booked."""
        booking = stack.paid_booking(person, retreat)
        before = quote_of(person, booking)
        facilitator.put(f"/events/{retreat['id']}", {"cancellation_policy": [], "price": 50})
        assert quote_of(person, booking) == before
        later = stack.user()
        quote = quote_of(later, stack.paid_booking(later, retreat))
        assert (quote["paid_amount"], quote["refund_percent"], quote["amount"]) == (50, 0, 0)

    def test_who_sees_it(self, stack, person, user, facilitator, admin, retreat):
        booking = stack.book(person, retreat)
        path = f"/bookings/{booking['id']}/refund-quote"
        quote = quote_of(person, booking)
        assert (quote["cancellable"], quote["paid_amount"], quote["refund_percent"], quote["amount"]) == (True, 0, 100, 0)
        assert quote_of(facilitator, booking) == quote_of(admin, booking) == quote
        assert outcome(user.get(path)) == (404, "booking_not_found")
        assert outcome(stack.anonymous.get(path))[0] == 401
        assert outcome(person.get("/bookings/9007199254740991/refund-quote")) == (404, "booking_not_found")

    def test_free_and_started(self, stack, person, facilitator):
        event = stack.event(facilitator)
        booking = stack.book(person, event)
        quote = quote_of(person, booking)
        assert (quote["cancellable"], quote["amount"], quote["cancellation_policy"], quote["changes_at"]) == (True, 0, [], None)
        start_in(stack, event, "-1 second")
        assert quote_of(person, booking)["cancellable"] is False
        assert outcome(cancel(person, booking)) == (409, "booking_not_cancellable")


class TestRefunds:
    def test_an_administrator_gives_all_back(self, stack, person, admin, retreat):
        booking = stack.paid_booking(person, retreat)
        start_in(stack, retreat, "1 hour")
        assert cancel(admin, booking).json()["refund"]["amount"] == 25.01

    def test_the_events_facilitator_gives_all_back(self, stack, person, facilitator, retreat):
        booking = stack.paid_booking(person, retreat)
        assert outcome(cancel(stack.facilitator(), booking)) == (404, "booking_not_found")
        start_in(stack, retreat, "1 hour")
        assert cancel(facilitator, booking).json()["refund"]["amount"] == 25.01

    def test_what_went_back_before_is_not_paid_again(self, stack, person, retreat):
        booking = stack.paid_booking(person, retreat)
        start_in(stack, retreat, "3 days")
        stack.rows(
            "INSERT INTO refunds (payment_id, booking_id, amount_minor, currency, cause) SELECT id, booking_id, 1000, currency, 'manual'"
            " FROM payments WHERE booking_id = %s",
            booking["id"],
        )
        quote = quote_of(person, booking)
        assert (quote["paid_amount"], quote["amount"]) == (15.01, 7.51)
        answer = cancel(person, booking).json()
        assert (answer["refund"]["amount"], answer["booking"]["refund"]["amount"]) == (7.51, 7.51)
        assert_ledger_is_balanced(stack)

    def test_a_booking_is_refunded_once(self, stack, person, retreat):
        booking = stack.paid_booking(person, retreat)
        with concurrent.futures.ThreadPoolExecutor(max_workers=12) as pool:
            found = sorted(pool.map(lambda _: outcome(cancel(person, booking)), range(12)), key=str)
        assert found == [(409, "booking_not_cancellable")] * 11 + [200]
        assert stack.rows("SELECT amount_minor, cause, requested_by FROM refunds WHERE booking_id = %s", booking["id"]) == [
            (2501, "cancelled", person.id)
        ]

    def test_many_at_once(self, stack, facilitator):
        """A mailbox of cancellations, each by its own policy."""
        policies = (None, [], POLICY, [{"hours_before": 0, "refund_percent": 33}])
        events = [stack.event(facilitator, price=10, cancellation_policy=policy) for policy in policies]
        people = stack.people(20)
        booked = [stack.paid_booking(person, event) for person, event in zip(people, itertools.cycle(events))]
        with concurrent.futures.ThreadPoolExecutor(max_workers=20) as pool:
            answers = [answer.json() for answer in pool.map(cancel, people, booked)]
        expected = itertools.cycle((10, None, 10, 3.3))
        assert [answer["refund"] and answer["refund"]["amount"] for answer in answers] == [next(expected) for _ in answers]
        assert [answer["booking"]["id"] for answer in answers] == [booking["id"] for booking in booked]
        assert_ledger_is_balanced(stack)

    def test_lists_by_what_was_paid_back(self, stack, facilitator):
        person = stack.user()
        policies = [[{"hours_before": 0, "refund_percent": percent}] for percent in (100, 40, 0)]
        events = [stack.event(facilitator, price=10, cancellation_policy=policy) for policy in policies]
        whole, part, kept = [stack.paid_booking(person, event) for event in events]
        for booking in (whole, part, kept):
            cancel(person, booking)
        for status, expected in (("refunded", whole), ("partially_refunded", part), ("completed", kept)):
            found = wait_until(lambda: person.get(f"/bookings?payment_status={status}").json()["bookings"], status)
            assert [booking["id"] for booking in found] == [expected["id"]]
        assert stack.rows(
            "SELECT old, new, reason FROM state_changes WHERE subject = 'booking' AND subject_id = %s ORDER BY id DESC LIMIT 1", whole["id"]
        ) == [("confirmed", "cancelled", f"cancelled by user {person.id}")]


class TestHolds:
    @pytest.fixture
    def holds(self, stack, facilitator):
        """Last places that are held: (event, holder, booking)."""
        people = stack.people(8)
        events = [stack.event(facilitator, price=10, max_participants=1) for _ in people]
        return [(event, person, stack.book(person, event)) for event, person in zip(events, people)]

    def end(self, stack, holds, seconds):
        """The holds end so many seconds from now, one after another."""
        for number, (_, _, booking) in enumerate(holds):
            stack.rows(
                "UPDATE bookings SET hold_expires_at = now() + %s * interval '1 second' WHERE id = %s", seconds + number / 5, booking["id"]
            )
        ids = [booking["id"] for _, _, booking in holds]
        return dict(stack.rows("SELECT id, hold_expires_at FROM bookings WHERE id = ANY (%s)", ids))

    def assert_ended_in_time(self, stack, holds, ends):
        for event, person, booking in holds:
            path = f"/bookings/{booking['id']}"
            wait_until(lambda: person.get(path).json()["status"] == "expired", "a hold does not end")
            shown = person.get(path).json()
            assert shown["payment_status"] == "failed" and shown["payment_url"] is None
            assert outcome(person.post("/bookings", {"event_id": event["id"]})) == 201, "its place is not free"
            late = parse_time(shown["updated_at"]) - ends[booking["id"]]
            assert datetime.timedelta(milliseconds=-1) < late < datetime.timedelta(seconds=1), f"{late} late"

    def test_they_end_within_a_second(self, stack, holds):
        self.assert_ended_in_time(stack, holds, self.end(stack, holds, 0.5))

    def test_also_after_a_restart(self, stack, holds):
        ends = self.end(stack, holds, 3)
        os.kill(stack.pid("booking-1"), signal.SIGKILL)
        self.assert_ended_in_time(stack, holds, ends)

    def test_those_that_ended_while_nobody_was_there(self, stack, holds):
        stack.operator("scale", "booking=0")
        self.end(stack, holds, -1)
        time.sleep(1.5)
        stack.operator("scale", "booking=1")
        for event, person, booking in holds:
            wait_until(lambda: person.get(f"/bookings/{booking['id']}").json()["status"] == "expired", "a hold does not end")
            assert outcome(person.post("/bookings", {"event_id": event["id"]})) == 201


@pytest.fixture(scope="module")
def crowded():
    """A stack with an event of ten thousand paid bookings, made by SQL in the order in which they come to be."""
    stack = start_stack(arguments=["--workers", "booking=2"])
    stack.host = stack.facilitator()
    stack.crowd = stack.event(stack.host, price=25, max_participants=None)["id"]
    for statement in (
        "INSERT INTO users (email, name) SELECT 'crowd' || n || '@example.com', 'Crowd' FROM generate_series(1, %(paid)s) n",
        "INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency, cancellation_policy,"
        " hold_expires_at) SELECT 'CROWD' || id, %(event)s, id, 'pending', 'pending', 2500, 'INR', '0=0', now() + interval '1 hour'"
        " FROM users WHERE email LIKE 'crowd%%'",
        "INSERT INTO payments (booking_id, user_id, event_id, facilitator_id, provider, receipt, order_id, amount_minor, currency)"
        " SELECT id, user_id, event_id, %(host)s, 'sandbox', 'tp_crowd' || id, 'order_crowd' || id, price_minor, currency FROM bookings",
        "INSERT INTO sandbox_orders (order_id, receipt, amount_minor, currency, state, provider_payment_id, paid_at)"
        " SELECT order_id, receipt, amount_minor, currency, 'paid', 'pay_crowd' || id, now() FROM payments",
        "UPDATE payments SET status = 'captured', status_reason = 'paid', captured_minor = amount_minor, captured_at = now(),"
        " provider_payment_id = 'pay_crowd' || id",
        "UPDATE bookings SET status = 'confirmed', status_reason = 'paid in time', payment_status = 'completed', hold_expires_at = NULL",
        "UPDATE events SET taken = %(paid)s WHERE id = %(event)s",
        "ANALYZE users, bookings, payments, sandbox_orders, ledger",
    ):
        run(stack, statement, {"paid": PAID, "event": stack.crowd, "host": stack.host.id})
    yield stack
    stop_stack(stack)


def run(stack, statement, values):
    with stack.database() as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)


def kill_in_the_middle(stack, service, role, dice):
    """kill -9 of the process of that role whose transaction has written something."""

    def writing():
        return stack.rows("SELECT application_name FROM pg_stat_activity WHERE usename = %s AND backend_xid IS NOT NULL", role)

    name = wait_until(writing, f"no {service} worker writes")[0][0].removeprefix("tithi-")
    time.sleep(dice.uniform(0, 0.25))
    os.kill(stack.pid(name), signal.SIGKILL)
    return name


def test_ten_thousand_are_paid_back_once(crowded):
    """The worker that cancels the event is killed twice in the middle; then the one that pays back, as often as it takes."""
    stack, dice = crowded, random.Random(seed := random.randrange(1 << 32))
    print(f"seed {seed}")
    assert_ledger_is_balanced(stack)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        began = time.monotonic()
        answer = pool.submit(stack.host.post, f"/facilitator/events/{stack.crowd}/cancel")
        for _ in range(2):
            kill_in_the_middle(stack, "booking", "tithi_booking", dice)
            assert not answer.done(), "it was over before the kill"
        cancelled = answer.result().json()
    print(f"cancelled in {time.monotonic() - began:.1f} s with two kills")
    assert (cancelled["bookings_cancelled"], cancelled["refunds_processed"]) == (PAID, PAID)
    assert (cancelled["total_refund_amount"], cancelled["currency"]) == (250_000, "INR")
    assert stack.rows(
        "SELECT count(*), count(DISTINCT booking_id), count(DISTINCT payment_id), min(amount_minor), max(amount_minor), min(cause)"
        " FROM refunds"
    ) == [(PAID, PAID, PAID, 2500, 2500, "event_cancelled")]
    changes = "SELECT count(*), max(reason) FROM state_changes WHERE subject = 'booking' AND new = 'cancelled'"
    assert stack.rows(changes) == [(PAID, "event cancelled")]
    assert_ledger_is_balanced(stack)

    kills = 0
    while stack.rows("SELECT count(*) FROM refunds WHERE status <> 'processed'") != [(0,)]:
        if kills < 4:
            kill_in_the_middle(stack, "payment", "tithi_payment", dice)
            kills += 1
        time.sleep(0.2)
        assert time.monotonic() < began + 240, stack.rows("SELECT status, count(*) FROM refunds GROUP BY 1")
    print(f"all paid back after {time.monotonic() - began:.1f} s, killed {kills} times")
    wait_until(
        lambda: stack.rows("SELECT count(*) FROM outbox WHERE channel = 'refund' AND state <> 'delivered'") == [(0,)], "deliveries are open"
    )
    assert stack.rows("SELECT status, count(*) FROM payments GROUP BY 1") == [("refunded", PAID)]
    assert stack.rows("SELECT status, payment_status, count(*) FROM bookings GROUP BY 1, 2") == [("cancelled", "refunded", PAID)]
    kinds = ("captured", "owed", "paid_back")
    assert stack.rows("SELECT kind, count(*) FROM ledger GROUP BY 1 ORDER BY 1") == [(kind, 2 * PAID) for kind in kinds]
    told = "SELECT type, count(*) FROM log_entries WHERE type ~ '(cancelled|refunded)$' AND position IS NOT NULL GROUP BY 1 ORDER BY 1"
    wanted = [("booking.cancelled", PAID), ("event.cancelled", 1), ("payment.refunded", PAID)]
    wait_until(lambda: stack.rows(told) == wanted, lambda: f"the log tells {stack.rows(told)}")
    assert_ledger_is_balanced(stack)
