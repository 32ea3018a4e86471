"""A hold runs out at the moment when the payment is told, a thousand times, and others want the places that come free: each booking ends with a place
that is paid for, or with all its money back; never with both, never with neither."""

import collections
import concurrent.futures
import random
import threading
import time

import pytest

from harness import assert_ledger_is_balanced, start_paid_stack, stop_paid_stack, wait_until

SEED = 20261121
RACES = 1000
EVENTS = 60
CAPACITY = 16
PEOPLE = 200
HOLD_S = 1


@pytest.fixture(scope="module")
def stack():
    stack = start_paid_stack({"HOLD_TTL": f"{HOLD_S}s"}, ("--workers", "booking=2,payment=2"))
    yield stack
    stop_paid_stack(stack)


class Race:
    """One booking, whose payment is told at about the time when its hold ends."""

    def __init__(self, stack, name, booked, told_at):
        self.stack = stack
        self.stand_in = getattr(stack, name)
        self.id = booked["booking"]["id"]
        self.order_id = booked["order_id"]
        self.told_at = told_at
        self.payment = None

    def run(self):
        time.sleep(max(0, self.told_at - time.monotonic() - 0.05))
        try:
            self.payment = self.stand_in.pay(self.order_id)
        except AssertionError:
            return  # the session was closed before
        kind = "payment.captured" if self.stand_in is self.stack.razorpay else "checkout.session.completed"
        thing = {"payment": self.payment} if kind == "payment.captured" else {"thing": self.stand_in.sessions[self.order_id]}
        event = self.stand_in.event(kind, **thing)
        time.sleep(max(0, self.told_at - time.monotonic()))
        answers = {self.stand_in.send(event).status_code for _ in range(2)}
        assert answers == {200}, answers


def hold_races_webhook(stack, races):
    dice = random.Random(SEED)
    host = stack.facilitator()
    people = stack.people(PEOPLE)
    names = ("razorpay", "razorpay", "stripe")
    events = [
        (name := names[index % 3], stack.priced_event(host, currency={"razorpay": "INR", "stripe": "USD"}[name], max_participants=CAPACITY))
        for index in range(EVENTS)
    ]
    wishes = [(person, name, event) for person in people for name, event in events]
    dice.shuffle(wishes)
    lock, run = threading.Lock(), []
    runners = concurrent.futures.ThreadPoolExecutor(200)
    running = []

    def come():
        while True:
            with lock:
                if len(run) >= races or not wishes:
                    return
                person, name, event = wishes.pop()
                jitter = dice.uniform(-0.15, 1.1) if dice.random() < 0.5 else dice.uniform(-0.05, 0.15)
            began = time.monotonic()
            answer = person.post("/bookings", {"event_id": event["id"]})
            if answer.status_code == 400:
                assert answer.json()["code"] == "event_full", answer.text
                continue
            assert answer.status_code == 201, answer.text
            if not answer.json()["order_id"]:
                continue
            race = Race(stack, name, answer.json(), began + HOLD_S + jitter)
            with lock:
                run.append(race)
                running.append(runners.submit(race.run))

    with concurrent.futures.ThreadPoolExecutor(12) as comers:
        for done in [comers.submit(come) for _ in range(12)]:
            done.result()
    for done in running:
        done.result()
    return run


def ended(stack, ids):
    """Nothing is under way any more."""
    pending = "SELECT count(*) FROM bookings WHERE id = ANY (%s) AND status = 'pending'"
    owed = "SELECT count(*) FROM refunds WHERE booking_id = ANY (%s) AND status <> 'processed'"
    return stack.rows(pending, ids) == [(0,)] and stack.rows(owed, ids) == [(0,)]


@pytest.mark.parametrize("races", [RACES])
def test_hold_expiry_races_the_webhook(stack, races):
    run = hold_races_webhook(stack, races)
    assert len(run) >= races
    by_id = {race.id: race for race in run}
    wait_until(lambda: ended(stack, list(by_id)), "the end of all races", 60)
    assert_ledger_is_balanced(stack)
    ends = collections.Counter()
    statement = (
        "SELECT b.id, b.status, b.payment_status, p.status, p.provider_payment_id, coalesce(p.captured_minor, 0), coalesce(p.refunded_minor, 0)"
        " FROM bookings b LEFT JOIN payments p ON p.booking_id = b.id WHERE b.id = ANY (%s)"
    )
    found = stack.rows(statement, list(by_id))
    assert len(found) == len(run)
    for booking_id, status, payment_status, payment, name, captured, refunded in found:
        race = by_id[booking_id]
        if race.payment is None:
            assert (status, captured) == ("expired", 0)
            continue
        back = sum(refund["amount"] for refund in race.stand_in.refunds_of(race.payment))
        assert name == race.payment["id"] and captured == race.payment["amount"]
        if status == "confirmed":
            assert (payment_status, payment, refunded, back) == ("completed", "captured", 0, 0)
        else:
            assert (status, payment_status, payment, refunded, back) == ("expired", "refunded", "refunded", captured, captured)
        reseated = stack.rows("SELECT count(*) FROM state_changes WHERE subject = 'booking' AND subject_id = %s AND new = 'expired'", booking_id)
        ends[status, bool(reseated[0][0])] += 1
    # In time; late, with a place; late, without one.
    for end in (("confirmed", False), ("confirmed", True), ("expired", True)):
        assert ends[end] >= races // 100, f"this race was none: {ends}"
    assert stack.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
