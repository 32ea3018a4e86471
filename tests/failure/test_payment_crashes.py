"""The payment worker is killed at every step of every conversation with the providers, and while webhooks arrive, in an order that a seed gives. Each
order is made once, each refund is made once, the ledger balances, and whoever has paid has the place or the money."""

import itertools
import os
import queue
import random
import re
import signal
import threading
import time

import pytest

from harness import assert_ledger_is_balanced, refusal, start_paid_stack, stop_paid_stack, wait_until
from providers import Request

SEED = 20261121
CURRENCIES = {"razorpay": "INR", "stripe": "USD"}
ROUTES = {
    "razorpay": (
        "POST /v1/orders",
        "POST /v1/payment_links",
        "POST /v1/payments/[^/]+/capture",
        "POST /v1/payments/[^/]+/refund",
        "GET /v1/orders",
        "GET /v1/orders/[^/]+/payments",
    ),
    "stripe": ("POST /v1/checkout/sessions", "POST /v1/refunds", "GET /v1/checkout/sessions/[^/]+"),
}
STEPS = ("arrived", "lost", "done", "answered", "answered a little ago")
POINTS = [(name, route, step) for name, routes in ROUTES.items() for route in routes for step in STEPS]
POINTS += [(name, "webhook", step) for name in ROUTES for step in ("sent", "sent a little ago", "taken")]
LOST = 0.3  # of the webhooks
GUESTS = 16
PATIENCE_S = 240  # of a guest, whom every death of the worker may hit, on a busy machine


class Killer:
    """Kills the payment worker at points that have not had their turn."""

    def __init__(self, stack, points, dice):
        self.stack = stack
        self.dice = dice
        self.left = list(points)
        self.lock = threading.Lock()
        self.killed = 0
        self.deaths = queue.Queue()  # when
        self.last_pid = 0
        for name in ROUTES:
            getattr(stack, name).hook = lambda step, what, name=name: self.at(name, what, step)

    def at(self, name, what, step):
        what = f"{what.method} {what.path}" if isinstance(what, Request) else "webhook"
        with self.lock:
            point = next((point for point in self.left if self.is_at(point, name, what, step)), None)
            pid = self.stack.pid("payment-1")
            if point is None or pid in (0, self.last_pid):
                return None
            self.last_pid = pid
            self.left.remove(point)
            if "a little ago" in point[2]:
                threading.Timer(self.dice.uniform(0, 0.02), self.kill, (pid,)).start()
            else:
                self.kill(pid)
        return "drop" if point[2] == "lost" else None

    def is_at(self, point, name, what, step):
        happens = "arrived" if point[2] == "lost" else point[2].removesuffix(" a little ago")
        return point[0] == name and happens == step and re.fullmatch(point[1], what)

    def kill(self, pid):
        try:
            os.kill(pid, signal.SIGKILL)
            self.killed += 1
        except ProcessLookupError:
            return
        self.deaths.put(self.stack.rows("SELECT clock_timestamp()")[0][0])

    def stop(self):
        for name in ROUTES:
            getattr(self.stack, name).hook = None


def make_time_fly(stack, killer, ended):
    """Nobody waits longer than a moment for the next look at a provider or the next delivery, or for the leases of the dead. Who died at T has leases
    until T + 15 s (orders) or T + 60 s (looks) at most, and who came after has others."""
    skip = "next_{0} > now() FOR NO KEY UPDATE SKIP LOCKED"
    while not ended.wait(0.3):
        while not killer.deaths.empty():
            died_at = killer.deaths.get()
            for table, whose in (
                ("payments", "< '15 s'"),
                ("payments", "BETWEEN '25 s' AND '60 s'"),
                ("refunds", "< '60 s'"),
                ("outbox", "< '15 s'"),
            ):
                stack.rows(f"UPDATE {table} SET leased_until = now() WHERE leased_until > now() AND leased_until - %s {whose}", died_at)
        for table, what in (("payments", "check_at"), ("refunds", "check_at"), ("outbox", "attempt_at")):
            which = f"SELECT id FROM {table} WHERE {'channel = %s AND ' if table == 'outbox' else ''}{skip.format(what)}"
            stack.rows(f"UPDATE {table} SET next_{what} = now() WHERE id IN ({which})", *(("refund",) if table == "outbox" else ()))


class Guest:
    """Books, pays, waits for the place, and perhaps gives it back; whatever is killed meanwhile."""

    def __init__(self, stack, name, http, dice):
        self.stack = stack
        self.name = name
        self.stand_in = getattr(stack, name)
        self.http = http
        self.dice = dice

    def live(self):
        event = self.stack.priced_event(self.stack.host, currency=CURRENCIES[self.name], max_participants=1)
        answer = self.http.post("/bookings", {"event_id": event["id"]})
        assert answer.status_code == 201, answer.text
        self.id = answer.json()["booking"]["id"]
        order_id = answer.json()["order_id"] or self.ask_for_order()
        by_hand = self.name == "razorpay" and self.dice.random() < 0.5
        self.stand_in.authorize(order_id) if by_hand else self.stand_in.pay(order_id)
        self.until("confirmed", "completed")
        if self.dice.random() < 0.8:
            assert self.http.post(f"/bookings/{self.id}/cancel").status_code == 200
            self.until("cancelled", "refunded")

    def ask_for_order(self):
        answers = []

        def asked():
            answer = self.http.post("/payments/create", {"booking_id": self.id}, server_error=True)
            assert answer.status_code in (200, 409, 500, 503, 504), answer.text
            answers.append(answer.ok or refusal(answer))
            return answer.ok and answer.json()["order_id"]

        statement = "SELECT id, status, receipt, order_id, leased_until - now(), closed_at FROM payments WHERE booking_id = %s"
        return wait_until(asked, lambda: f"an order: {answers[-5:]} {self.stack.rows(statement, self.id)}", PATIENCE_S)

    def until(self, *wanted):
        statement = "SELECT status, payment_status FROM bookings WHERE id = %s"
        wait_until(lambda: self.stack.rows(statement, self.id)[0] == wanted, lambda: (wanted, self.stack.rows(statement, self.id)), PATIENCE_S)


def run(points, seed, limit_s):
    """Guests come until every point has had its turn."""
    stack = start_paid_stack({"HOLD_TTL": "1h"})
    ended, finish, wrong = threading.Event(), threading.Event(), []
    try:
        stack.host = stack.facilitator()
        people = iter(stack.people(2000))
        dice = random.Random(seed)
        for name in ROUTES:
            getattr(stack, name).automatic = True
            getattr(stack, name).loses = lambda _: dice.random() < LOST
        killer = Killer(stack, points, dice)
        clock = threading.Thread(target=make_time_fly, args=(stack, killer, ended))
        clock.start()
        names = itertools.cycle(ROUTES)
        lock = threading.Lock()

        def live():
            while not finish.is_set():
                with lock:
                    guest = Guest(stack, next(names), next(people), random.Random(dice.random()))
                try:
                    guest.live()
                except BaseException as error:
                    wrong.append(error)
                    finish.set()

        guests = [threading.Thread(target=live) for _ in range(GUESTS)]
        for guest in guests:
            guest.start()
        deadline = time.monotonic() + limit_s
        while killer.left and time.monotonic() < deadline and not finish.is_set():
            time.sleep(0.1)
        finish.set()
        killer.stop()
        for guest in guests:
            guest.join()
        ended.set()
        clock.join()
        assert not wrong, wrong[0]
        assert not killer.left, f"{killer.killed} kills, but never at {killer.left}"
        check(stack)
    finally:
        finish.set()
        ended.set()
        stop_paid_stack(stack)


def check(stack):
    assert_ledger_is_balanced(stack)
    for provider, receipt, order_id in stack.rows("SELECT provider, receipt, order_id FROM payments WHERE duplicate_of IS NULL"):
        made = getattr(stack, provider).order_for(receipt)
        assert [order["id"] for order in made] == [order_id], f"{receipt} was ordered {len(made)} times"
    statement = (
        "SELECT p.provider, p.provider_payment_id, p.captured_minor, p.refunded_minor, b.status, p.status FROM payments p"
        " JOIN bookings b ON b.id = p.booking_id WHERE p.captured_minor > 0"
    )
    found = stack.rows(statement)
    assert found
    for provider, payment, captured, refunded, booking, status in found:
        stand_in = getattr(stack, provider)
        refunds = [refund["amount"] for refund in stand_in.refunds_of({"id": payment})]
        assert refunds == ([captured] if booking == "cancelled" else []), (payment, booking, refunds)
        assert sum(refunds) == refunded, (payment, status)
    taken = len([payment for payment in stack.razorpay.payments.values() if payment["captured"]]) + len(stack.stripe.intents)
    assert taken == len(found), "somebody has paid, and we do not know"


def test_killed_here_and_there():
    dice = random.Random(SEED)
    run(dice.sample(POINTS, 12), SEED, 60)


@pytest.mark.slow
def test_killed_at_every_step():
    points = POINTS * 2
    random.Random(SEED + 1).shuffle(points)
    run(points, SEED + 1, 400)
