"""Every event of both payment providers in every state of a payment and its booking: told once, twice, late, out of order, about another amount,
currency or order, unsigned, wrongly signed, signed too long ago, and by the old or both secrets while a secret is rotated. The tables say what
becomes of it; the books must balance after each."""

import concurrent.futures
import random
import time

import pytest

from harness import assert_ledger_is_balanced, start_paid_stack, stop_paid_stack, wait_until
from providers import Event, new_id

PRICE = 250000
PART = 100000
EXPIRED_PLACE_GONE = "expired, and the place is gone"

# What is so before: the booking's status and payment status, the payment's status, why there are refunds.
BEFORE = {
    "created": ("pending", "pending", "created", ()),
    "authorized": ("pending", "pending", "authorized", ()),
    "processing": ("pending", "pending", "created", ()),
    "failed": ("pending", "failed", "failed", ()),
    "captured": ("confirmed", "completed", "captured", ()),
    "partially refunded": ("confirmed", "partially_refunded", "partially_refunded", ("manual",)),
    "refunded": ("confirmed", "refunded", "refunded", ("manual",)),
    "expired": ("expired", "failed", "created", ()),
    EXPIRED_PLACE_GONE: ("expired", "failed", "created", ()),
    "cancelled": ("cancelled", "failed", "created", ()),
    "cancelled and refunded": ("cancelled", "refunded", "refunded", ("cancelled",)),
}
RAZORPAY_STATES = [state for state in BEFORE if state != "processing"]
STRIPE_STATES = [state for state in BEFORE if state != "authorized"]
WITH_MONEY = ("captured", "partially refunded", "refunded", "cancelled and refunded")
WITH_REFUND = ("partially refunded", "refunded", "cancelled and refunded")

# What becomes of it; states that are not named stay as they are.
PAID = ("confirmed", "completed", "captured", ())
MONEY = {
    **dict.fromkeys(("created", "authorized", "processing", "failed", "expired"), PAID),
    EXPIRED_PLACE_GONE: ("expired", "refunded", "refunded", ("late",)),
    "cancelled": ("cancelled", "refunded", "refunded", ("late",)),
}
TWICE = {state: (*BEFORE[state][:3], (*BEFORE[state][3], "duplicate")) for state in WITH_MONEY}
FAILED = {
    **dict.fromkeys(("created", "authorized", "processing"), BEFORE["failed"]),
    **{state: (*BEFORE[state][:2], "failed", ()) for state in ("expired", EXPIRED_PLACE_GONE, "cancelled")},
}
CLOSED = {**FAILED, **dict.fromkeys(("created", "processing"), ("pending", "pending", "failed", ()))}
ELSEWHERE = {
    "captured": ("confirmed", "partially_refunded", "partially_refunded", ("provider",)),
    "partially refunded": ("confirmed", "partially_refunded", "partially_refunded", ("manual", "provider")),
}


# A refund that was paid and came back: the money is there again, and owed.
BOUNCED = {
    **dict.fromkeys(("partially refunded", "refunded"), ("confirmed", "completed", "captured", ("manual",))),
    "cancelled and refunded": ("cancelled", "completed", "captured", ("cancelled",)),
}

WRONG_MONEY = (
    {"amount": lambda amount: amount + 1},
    {"amount": lambda amount: amount - 1},
    {"currency": lambda currency: "eur" if currency.islower() else "EUR"},
)


class Case:
    """One booking, brought into a state."""

    def __init__(self, stack, provider, person, state):
        self.stack = stack
        self.provider = provider
        self.person = person
        self.refunds_are = "processed"
        self.event = stack.event(stack.host, price=PRICE / 100, currency=provider.currency, max_participants=1)
        answer = person.post("/bookings", {"event_id": self.event["id"]})
        assert answer.status_code == 201, answer.text
        self.id = answer.json()["booking"]["id"]
        self.order_id = answer.json()["order_id"]
        self.payment = None  # what has paid, at the provider
        provider.keep_open(self)
        getattr(self, "make_" + state.replace(",", "").replace(" ", "_"))()
        self.expect(BEFORE[state], state)
        # Only what is told counts here.
        stack.rows("UPDATE payments SET next_check_at = now() + interval '1 hour' WHERE booking_id = %s AND next_check_at IS NOT NULL", self.id)

    def make_created(self):
        pass

    def make_authorized(self):
        self.provider.authorize(self)

    def make_processing(self):
        self.provider.process(self)

    def make_failed(self):
        self.provider.fail(self)

    def make_captured(self):
        self.provider.pay(self)

    def make_partially_refunded(self):
        self.make_captured()
        self.refund({"amount": PART / 100, "currency": self.provider.currency})

    def make_refunded(self):
        self.make_captured()
        self.refund({})

    def refund(self, wish):
        self.expect(PAID, "paid")
        answer = self.stack.host.post(f"/bookings/{self.id}/refund", {"reason": "tests", **wish})
        assert answer.status_code == 201, answer.text

    def make_expired(self):
        self.stack.rows("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = %s", self.id)
        self.expect(BEFORE["expired"], "expired")

    def make_expired_and_the_place_is_gone(self):
        self.make_expired()
        answer = next(self.stack.guests).post("/bookings", {"event_id": self.event["id"]})
        assert answer.status_code == 201, answer.text

    def make_cancelled(self):
        answer = self.person.post(f"/bookings/{self.id}/cancel")
        assert answer.status_code == 200, answer.text

    def make_cancelled_and_refunded(self):
        self.make_captured()
        self.expect(PAID, "paid")
        self.make_cancelled()

    def now(self):
        ((booking,),) = self.stack.rows("SELECT (status, payment_status)::text FROM bookings WHERE id = %s", self.id)
        payments = self.stack.rows("SELECT status FROM payments WHERE booking_id = %s AND duplicate_of IS NULL ORDER BY id", self.id)
        refunds = self.stack.rows("SELECT cause, status FROM refunds WHERE booking_id = %s ORDER BY id", self.id)
        return (*booking.strip("()").split(","), *(status for status, in payments), tuple(cause for cause, _ in refunds)), refunds

    def is_as(self, wanted):
        now, refunds = self.now()
        return now == wanted and all(status == self.refunds_are for _, status in refunds)

    def expect(self, wanted, what):
        wait_until(lambda: self.is_as(wanted), lambda: f"{what}: wanted {wanted}, is {self.now()}")

    def own_refund(self):
        return self.provider.stand_in.refunds_of(self.payment)[0]

    def tell(self, event, **how):
        answer = self.provider.stand_in.send(event, **how)
        assert answer.status_code == 200, f"{event}: {answer.text}"


def refusal(answer):
    return answer.status_code, answer.status_code != 200 and answer.json()["code"]


class Razorpay:
    currency = "INR"

    def __init__(self, stack=None):
        self.stand_in = stack and stack.razorpay

    def link_of(self, case):
        receipt = self.stand_in.orders[case.order_id]["receipt"]
        return next(link for link in list(self.stand_in.links.values()) if link["reference_id"] == receipt)

    def keep_open(self, case):
        self.stand_in.fault("POST", f"/v1/payment_links/{self.link_of(case)['id']}/cancel", "error")

    def authorize(self, case):
        case.payment = self.stand_in.attempt(case.order_id, "authorized")
        self.stand_in.fault("POST", f"/v1/payments/{case.payment['id']}/capture", "error")
        case.tell(self.stand_in.event("payment.authorized", payment=case.payment))

    def fail(self, case):
        case.tell(self.stand_in.event("payment.failed", payment=self.stand_in.decline(case.order_id)))

    def pay(self, case):
        case.payment = self.stand_in.pay(case.order_id)
        case.tell(self.stand_in.event("payment.captured", payment=case.payment))

    # The events. What they tell is so at the provider.

    def attempt(self, case):
        """What has been authorized or has paid; where nothing has, somebody pays now, and only the last event of that will be told."""
        if case.payment is None:
            case.payment = self.stand_in.pay(case.order_id)
        elif case.payment["status"] == "authorized":
            self.stand_in.take(case.payment)
        return case.payment

    def authorized(self, case):
        if case.payment is None:
            case.payment = self.stand_in.attempt(case.order_id, "authorized")
        seen = {**case.payment, "status": "authorized", "captured": False, "amount_refunded": 0, "refund_status": None}
        return self.stand_in.event("payment.authorized", payment=seen)

    def captured(self, case):
        seen = {**self.attempt(case), "status": "captured", "amount_refunded": 0, "refund_status": None}
        return self.stand_in.event("payment.captured", payment=seen)

    def order_paid(self, case):
        return self.stand_in.event("order.paid", payment=self.attempt(case), order=self.stand_in.orders[case.order_id])

    def link_paid(self, case):
        if case.payment is None:
            case.payment = self.stand_in.pay_link(self.link_of(case))
        payment = self.attempt(case)
        order = {**self.stand_in.orders[payment["order_id"]]}
        order["id"] = order["id"].removeprefix("order_")
        return self.stand_in.event("payment_link.paid", payment_link=self.link_of(case), order=order, payment=payment)

    def captured_again(self, case):
        return self.stand_in.event("payment.captured", payment=self.stand_in.pay(case.order_id))

    def failed(self, case):
        if case.payment is not None and case.payment["status"] == "authorized":
            case.payment["status"] = "failed"
            return self.stand_in.event("payment.failed", payment=case.payment)
        return self.stand_in.event("payment.failed", payment=self.stand_in.decline(case.order_id))

    def another_failed(self, case):
        return self.stand_in.event("payment.failed", payment=self.stand_in.decline(case.order_id))

    def own_failed(self, case):
        return self.stand_in.event("payment.failed", payment={**case.payment, "status": "failed", "captured": False})

    def refund_event(self, kind, status=None):
        def event(case):
            refund = {**case.own_refund(), "status": status or case.own_refund()["status"]}
            return self.stand_in.event(kind, refund=refund, payment=case.payment)

        return event

    def dashboard(self, kind):
        def event(case):
            refund = self.stand_in.refund_in_dashboard(case.payment, PART)
            return self.stand_in.event(kind, refund=refund, payment=case.payment)

        return event

    def link_says(self, kind, status):
        return lambda case: self.stand_in.event(kind, payment_link={**self.link_of(case), "status": status})

    def unknown(self, case):
        return self.stand_in.event("payment.pondered", payment=self.stand_in.attempt(case.order_id, "created"))

    def strays(self, case):
        """Money of another order, with our receipt wherever somebody else could have written it."""
        receipt = self.stand_in.orders[case.order_id]["receipt"]
        order = self.stand_in.new_order(PRICE, self.currency, new_id("tp_"), {"receipt": receipt})
        payment = self.stand_in.pay(order)
        for entity in (payment, {**payment, "order_id": None}):
            yield self.stand_in.event("payment.authorized", payment={**entity, "status": "authorized"})
            yield self.stand_in.event("payment.captured", payment=entity)
        yield self.stand_in.event("order.paid", payment=payment, order={**order, "receipt": receipt})

    def sure_of_the_receipt(self, case):
        return self.order_paid(case)

    def rows(self):
        """name: (event, states, what becomes of them, does it name money)"""
        return {
            "payment.authorized": (self.authorized, RAZORPAY_STATES, {**MONEY, "authorized": BEFORE["authorized"]}, True),
            "payment.captured": (self.captured, RAZORPAY_STATES, MONEY, True),
            "order.paid": (self.order_paid, RAZORPAY_STATES, MONEY, True),
            "payment_link.paid": (self.link_paid, RAZORPAY_STATES, MONEY, True),
            "payment.captured of another attempt": (self.captured_again, [*WITH_MONEY], TWICE, True),
            "payment.failed": (self.failed, RAZORPAY_STATES, FAILED, False),
            "payment.failed of another attempt": (self.another_failed, ["authorized"], {}, False),
            "payment.failed of what has paid": (self.own_failed, [*WITH_MONEY], {}, False),
            "refund.created": (self.refund_event("refund.created"), [*WITH_REFUND], {}, True),
            "refund.processed": (self.refund_event("refund.processed"), [*WITH_REFUND], {}, True),
            "refund.failed": (self.refund_event("refund.failed", "failed"), [*WITH_REFUND], BOUNCED, True),
            "refund.speed_changed": (self.refund_event("refund.speed_changed"), [*WITH_REFUND], {}, False),
            "refund.created in the dashboard": (self.dashboard("refund.created"), [*ELSEWHERE], ELSEWHERE, False),
            "refund.processed in the dashboard": (self.dashboard("refund.processed"), [*ELSEWHERE], ELSEWHERE, False),
            "payment_link.cancelled": (self.link_says("payment_link.cancelled", "cancelled"), RAZORPAY_STATES, {}, False),
            "payment_link.expired": (self.link_says("payment_link.expired", "expired"), RAZORPAY_STATES, {}, False),
            "payment_link.partially_paid": (self.link_says("payment_link.partially_paid", "partially_paid"), RAZORPAY_STATES, {}, False),
            "an event that nobody knows": (self.unknown, RAZORPAY_STATES, {}, False),
        }

    # What is wrong with an event.

    def changed(self, event, **fields):
        """The same event with other values, under another id. "order": another order altogether."""
        body = event.json
        for entity in (part["entity"] for part in body["payload"].values()):
            for name, value in fields.items():
                if name != "order" and name in entity:
                    entity[name] = value(entity[name])
            if "order" in fields:
                entity["notes"] = []
                for name, prefix in (("order_id", "order_"), ("reference_id", ""), ("receipt", ""), ("payment_id", "pay_"), ("id", "pay_")):
                    if entity.get(name):
                        entity[name] = new_id(prefix)
        return Event(new_id("", 14), event.type, body)

    def wrong_signatures(self, event):
        good = self.stand_in.headers(event)
        yield {**good, "X-Razorpay-Signature": self.stand_in.headers(event, "another secret")["X-Razorpay-Signature"]}
        yield {"X-Razorpay-Event-Id": event.id}

    def good_signatures(self, event):
        yield self.stand_in.headers(event)
        yield self.stand_in.headers(event, self.stand_in.OLD_WEBHOOK_SECRET)


class Stripe:
    currency = "USD"

    def __init__(self, stack=None):
        self.stand_in = stack and stack.stripe

    def session(self, case):
        return self.stand_in.sessions[case.order_id]

    def keep_open(self, case):
        self.stand_in.fault("POST", f"/v1/checkout/sessions/{case.order_id}/expire", "error")

    def process(self, case):
        case.payment = self.stand_in.pay(case.order_id, later=True)
        case.tell(self.stand_in.event("checkout.session.completed", self.session(case)))

    def fail(self, case):
        self.process(case)
        self.stand_in.settle(case.payment, paid=False)
        case.tell(self.stand_in.event("checkout.session.async_payment_failed", self.session(case)))

    def pay(self, case):
        case.payment = self.stand_in.pay(case.order_id)
        case.tell(self.stand_in.event("checkout.session.completed", self.session(case)))

    def paid(self, kind):
        def event(case):
            if case.payment is None:
                case.payment = self.stand_in.pay(case.order_id)
            elif case.payment["status"] != "succeeded":
                self.stand_in.settle(case.payment, paid=True)
            return self.stand_in.event(kind, self.session(case))

        return event

    def unpaid(self, case):
        if case.payment is None:
            case.payment = self.stand_in.pay(case.order_id, later=True)
        return self.stand_in.event("checkout.session.completed", {**self.session(case), "payment_status": "unpaid"})

    def failed(self, case):
        if case.payment is None:
            case.payment = self.stand_in.pay(case.order_id, later=True)
        if case.payment["status"] == "processing":
            self.stand_in.settle(case.payment, paid=False)
        return self.stand_in.event("checkout.session.async_payment_failed", {**self.session(case), "payment_status": "unpaid"})

    def expired(self, case):
        if self.session(case)["status"] == "open":
            self.stand_in.run_out(self.session(case))
        return self.stand_in.event("checkout.session.expired", {**self.session(case), "status": "expired"})

    def refund_event(self, kind, status=None):
        return lambda case: self.stand_in.event(kind, {**case.own_refund(), "status": status or case.own_refund()["status"]})

    def dashboard(self, kind):
        return lambda case: self.stand_in.event(kind, self.stand_in.refund_in_dashboard(case.payment, PART))

    def charge(self, case):
        return self.stand_in.event("charge.refunded", self.stand_in.charge(case.payment))

    def unknown(self, case):
        return self.stand_in.event("checkout.session.pondered", self.session(case))

    def strays(self, case):
        other = {"id": new_id("cs_test_"), "payment_intent": new_id("pi_"), "status": "complete", "payment_status": "paid"}
        for kind in ("checkout.session.completed", "checkout.session.async_payment_succeeded", "checkout.session.expired"):
            yield self.stand_in.event(kind, {**self.session(case), **other})

    def sure_of_the_receipt(self, case):
        return self.paid("checkout.session.completed")(case)

    def rows(self):
        return {
            "checkout.session.completed": (self.paid("checkout.session.completed"), STRIPE_STATES, MONEY, True),
            "checkout.session.completed, unpaid": (self.unpaid, STRIPE_STATES, {}, False),
            "checkout.session.async_payment_succeeded": (self.paid("checkout.session.async_payment_succeeded"), STRIPE_STATES, MONEY, True),
            "checkout.session.async_payment_failed": (self.failed, STRIPE_STATES, FAILED, False),
            "checkout.session.expired": (self.expired, STRIPE_STATES, CLOSED, False),
            "refund.created": (self.refund_event("refund.created"), [*WITH_REFUND], {}, True),
            "refund.updated": (self.refund_event("refund.updated"), [*WITH_REFUND], {}, True),
            "refund.failed": (self.refund_event("refund.failed", "failed"), [*WITH_REFUND], BOUNCED, True),
            "charge.refunded": (self.charge, [*WITH_REFUND], {}, False),
            "refund.created in the dashboard": (self.dashboard("refund.created"), [*ELSEWHERE], ELSEWHERE, False),
            "refund.updated in the dashboard": (self.dashboard("refund.updated"), [*ELSEWHERE], ELSEWHERE, False),
            "an event that nobody knows": (self.unknown, STRIPE_STATES, {}, False),
        }

    def changed(self, event, **fields):
        body = event.json
        thing = body["data"]["object"]
        for name, value in fields.items():
            for known in (name, f"{name}_total"):
                if name != "order" and thing.get(known) is not None:
                    thing[known] = value(thing[known])
        if "order" in fields:
            prefix = "cs_test_" if thing["object"] == "checkout.session" else "re_"
            thing.update(id=new_id(prefix), payment_intent=new_id("pi_"), charge=new_id("ch_"), client_reference_id=new_id("tp_"), metadata={})
        body["id"] = new_id("evt_", 24)
        return Event(body["id"], event.type, body)

    def wrong_signatures(self, event):
        now = int(time.time())
        signature = self.stand_in.signature
        for header in (
            signature(event, ["whsec_another"]),
            signature(event, timestamp=now - 400),
            signature(event).replace("v1=", "v0="),
            signature(event, timestamp=now - 400).replace(f"t={now - 400}", f"t={now}"),
            "",
        ):
            yield {"Stripe-Signature": header}
        yield {}

    def good_signatures(self, event):
        old, new = self.stand_in.OLD_WEBHOOK_SECRET, self.stand_in.WEBHOOK_SECRET
        for names in ([new], [old], [old, new], ["whsec_another", new], [new, old, "whsec_another"]):
            yield {"Stripe-Signature": self.stand_in.signature(event, names)}


@pytest.fixture(scope="module")
def stack():
    stack = start_paid_stack({"HOLD_TTL": "1h"})
    stack.host = stack.facilitator()
    stack.guests = iter(stack.people(400))
    yield stack
    stop_paid_stack(stack)


def provider_of(stack, name):
    return {"razorpay": Razorpay, "stripe": Stripe}[name](stack)


def check(stack, provider, row, index, person, state):
    make_event, _, becomes, names_money = row
    case = Case(stack, provider, person, state)
    event = make_event(case)
    before = case.now()
    send = provider.stand_in.send

    for headers in provider.wrong_signatures(event):
        assert refusal(send(event, headers=headers)) == (400, "invalid_signature"), (state, headers)
    if names_money:
        for fields in WRONG_MONEY:
            wrong = provider.changed(event, **fields)
            assert refusal(send(wrong)) == (400, "payment_mismatch"), (state, wrong.body)
        wrong = provider.changed(event, order=None)
        assert refusal(send(wrong)) == (404, "order_not_found"), (state, wrong.body)
    assert case.now() == before, state

    signatures = list(provider.good_signatures(event))
    answer = send(event, headers=signatures[index % len(signatures)])
    assert answer.status_code == 200, (state, answer.text)
    wanted = becomes.get(state, BEFORE[state])
    case.refunds_are = "failed" if becomes is BOUNCED else "processed"
    case.expect(wanted, state)
    settled = case.now()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        repeats = [pool.submit(send, event) for _ in range(3)]
        assert {repeat.result().status_code for repeat in repeats} == {200}, state
    assert send(provider.changed(event)).status_code == 200, state
    time.sleep(0.3)
    assert send(event, headers=signatures[-1]).status_code == 200, state
    assert case.now() == settled, state


MATRIX = [("razorpay", kind) for kind in Razorpay().rows()] + [("stripe", kind) for kind in Stripe().rows()]


@pytest.mark.parametrize("name, kind", MATRIX)
def test_matrix(stack, name, kind):
    provider = provider_of(stack, name)
    row = provider.rows()[kind]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        checks = [
            (state, pool.submit(check, stack, provider, row, index, next(stack.guests), state)) for index, state in enumerate(row[1])
        ]
        wrong = {state: done.exception() for state, done in checks if done.exception()}
    assert not wrong, "\n".join(f"{kind} in state {state!r}: {error}" for state, error in wrong.items())
    assert_ledger_is_balanced(stack)


def check_strays(stack, provider, person, state):
    case = Case(stack, provider, person, state)
    for event in provider.strays(case):
        assert refusal(provider.stand_in.send(event)) == (404, "order_not_found"), event.body
    statement = "SELECT bool_or(coalesce(next_check_at < now() + interval '50 minutes', false)) FROM payments WHERE booking_id = %s"
    assert stack.rows(statement, case.id) == [(state not in WITH_MONEY,)], "who has not paid is looked up at once, and only they"
    time.sleep(1)
    assert case.is_as(BEFORE[state]), case.now()


@pytest.mark.parametrize("name, states", [("razorpay", RAZORPAY_STATES), ("stripe", STRIPE_STATES)])
def test_wrong_order_with_our_receipt(stack, name, states):
    provider = provider_of(stack, name)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        checks = [(state, pool.submit(check_strays, stack, provider, next(stack.guests), state)) for state in states]
        wrong = {state: done.exception() for state, done in checks if done.exception()}
    assert not wrong, wrong
    assert_ledger_is_balanced(stack)


@pytest.mark.parametrize("name", ["razorpay", "stripe"])
def test_an_order_whose_name_was_lost(stack, name):
    """The answer to making it never came: its receipt, which only key holders write, is all that leads to it."""
    provider = provider_of(stack, name)
    case = Case(stack, provider, next(stack.guests), "created")
    stack.rows("UPDATE payments SET order_id = NULL WHERE booking_id = %s", case.id)
    case.tell(provider.sure_of_the_receipt(case))
    case.expect(PAID, "told")


def test_noted_receipt_of_an_order_whose_name_was_lost(stack):
    provider = provider_of(stack, "razorpay")
    case = Case(stack, provider, next(stack.guests), "created")
    stack.rows("UPDATE payments SET order_id = NULL WHERE booking_id = %s", case.id)
    event = provider.captured(case)
    assert refusal(provider.stand_in.send(event)) == (404, "order_not_found")
    case.expect(PAID, "looked up")
    case.tell(event)


def test_a_refund_before_its_payment(stack):
    provider = provider_of(stack, "razorpay")
    case = Case(stack, provider, next(stack.guests), "created")
    case.payment = provider.stand_in.pay(case.order_id)
    event = provider.dashboard("refund.processed")(case)
    assert refusal(provider.stand_in.send(event)) == (409, "payment_not_captured")
    case.expect(PAID, "looked up")
    case.tell(event)
    case.expect(ELSEWHERE["captured"], "told again")


class TestOutOfOrder:
    """The events of one story, shuffled, some of them twice, each again until it is taken, as the providers do it."""

    STORIES = 25

    def tell_all(self, provider, events, seed):
        dice = random.Random(seed)
        waiting = events + dice.sample(events, 2)
        dice.shuffle(waiting)
        for _ in range(10):
            waiting = [event for event in waiting if provider.stand_in.send(event).status_code != 200]
            if not waiting:
                return
            time.sleep(0.3)
        raise AssertionError(f"never taken: {waiting}")

    def stories(self, stack, name, tell):
        provider = provider_of(stack, name)

        def one(seed, person):
            case = Case(stack, provider, person, "created")
            known = len(provider.stand_in.events)
            wanted = tell(provider, case)
            with provider.stand_in.lock:
                events = [event for event in provider.stand_in.events[known:] if case.order_id.encode() in event.body or self.is_about(event, case)]
            self.tell_all(provider, events, seed)
            case.expect(wanted, f"seed {seed}: {[event.type for event in events]}")

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(one, seed, next(stack.guests)) for seed in range(self.STORIES)]:
                done.result()
        assert_ledger_is_balanced(stack)

    def is_about(self, event, case):
        return case.payment is not None and case.payment["id"].encode() in event.body

    def test_razorpay(self, stack):
        def tell(provider, case):
            provider.stand_in.decline(case.order_id)
            case.payment = provider.stand_in.pay(case.order_id)
            provider.stand_in.refund_in_dashboard(case.payment, PART)
            return ELSEWHERE["captured"]

        self.stories(stack, "razorpay", tell)

    def test_stripe(self, stack):
        def tell(provider, case):
            case.payment = provider.stand_in.pay(case.order_id, later=True)
            provider.stand_in.settle(case.payment, paid=True)
            provider.stand_in.refund_in_dashboard(case.payment, PART)
            return ELSEWHERE["captured"]

        self.stories(stack, "stripe", tell)
