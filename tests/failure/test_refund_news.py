"""What providers tell about refunds and second payments late, twice, in the wrong order or never, and what the operator does at the provider by hand
meanwhile: nobody is paid back twice, nobody in vain, and the books say what the provider's say."""

import pytest

from harness import assert_ledger_is_balanced, start_paid_stack, stop_paid_stack, wait_until
from test_payment_provider import REFUNDS, Guest, check_now

PART = 40000


@pytest.fixture(scope="module")
def stack():
    stack = start_paid_stack({"HOLD_TTL": "1h"})
    stack.host = stack.facilitator()
    stack.guests = iter(stack.people(60))
    yield stack
    stop_paid_stack(stack)


@pytest.fixture(autouse=True)
def books(stack):
    yield
    stack.razorpay.heal()
    stack.stripe.heal()
    assert_ledger_is_balanced(stack)


def refunds(guest):
    """The refunds that we know of: cause, amount, status."""
    return guest.stack.rows("SELECT cause, amount_minor, status FROM refunds WHERE booking_id = %s ORDER BY id", guest.id)


def delivery(guest):
    """Of the latest refund: its state and its name."""
    statement = (
        "SELECT o.state, o.webhook_id FROM outbox o JOIN refunds r ON o.channel = 'refund' AND o.cause = 'refund:' || r.refund_id"
        " WHERE r.booking_id = %s ORDER BY r.id DESC"
    )
    return guest.stack.rows(statement, guest.id)[0]


def owed(guest):
    statement = "SELECT -sum(amount_minor) FROM ledger WHERE booking_id = %s AND account = 'refunds_owed'"
    return guest.stack.rows(statement, guest.id)[0][0]


def until(guest, *wanted):
    wait_until(lambda: refunds(guest) == list(wanted), lambda: f"wanted {wanted}, is {refunds(guest)}")


def until_dead(guest):
    wait_until(lambda: delivery(guest)[0] == "dead", lambda: delivery(guest))


def replay(guest):
    guest.stack.operator("replay", delivery(guest)[1])


def give_back(guest, amount=PART):
    currency = {"razorpay": "INR", "stripe": "USD"}[guest.name]
    answer = guest.stack.host.post(f"/bookings/{guest.id}/refund", {"amount": amount / 100, "currency": currency, "reason": "a part"})
    assert answer.status_code == 201, answer.text


def at_the_provider(guest, payment=None):
    """The refunds that the provider has paid or will pay."""
    return [refund["amount"] for refund in guest.stand_in.refunds_of(payment or guest.payment) if refund["status"] != "failed"]


def tell(guest, events):
    return [guest.stand_in.send(event).status_code for event in events]


def pay_back_by_hand(guest, payment, amount):
    """In the provider's dashboard. What it tells then."""
    known = len(guest.stand_in.events)
    guest.stand_in.refund_in_dashboard(payment, amount)
    return guest.stand_in.events[known:]


def pay_again(guest, how):
    """A second time, of which nobody hears."""
    if how == "order":
        return guest.stand_in.pay(guest.order_id)
    return guest.stand_in.pay_link(next(link for link in guest.stand_in.links.values() if link["reference_id"] == guest.receipt()))


class TestSecondPayment:
    @pytest.mark.parametrize("first", ["by webhook", "by form", "by nobody"])
    @pytest.mark.parametrize("how", ["order", "link"])
    def test_of_which_no_webhook_comes(self, stack, first, how):
        guest = Guest(stack, "razorpay")
        if first == "by webhook":
            guest.pay_and_tell()
        else:
            guest.pay()
        if first == "by form":
            assert stack.anonymous.post("/payment/success", guest.stand_in.form(guest.payment)).status_code == 200
        second = pay_again(guest, how)
        wait_until(lambda: check_now(stack) or at_the_provider(guest, second) + at_the_provider(guest), guest.now)
        until(guest, ("duplicate", guest.payment["amount"], "processed"))
        guest.until("confirmed", "completed")
        assert len(at_the_provider(guest, second) + at_the_provider(guest)) == 1

    def test_is_not_possible_for_long(self, stack):
        """A minute after an order was paid its link is closed; twenty minutes later it is looked at once more, and then no longer."""
        guest = Guest(stack, "razorpay").pay_and_tell()
        link = next(link for link in guest.stand_in.links.values() if link["reference_id"] == guest.receipt())
        wait = "SELECT extract(epoch FROM next_check_at - now()) FROM payments WHERE booking_id = %s"
        assert 50 < stack.rows(wait, guest.id)[0][0] <= 60
        check_now(stack)
        wait_until(lambda: link["status"] == "cancelled", "the link to be closed")
        wait_until(lambda: stack.rows(wait, guest.id)[0][0] > 1000, lambda: stack.rows(wait, guest.id))
        assert stack.rows(wait, guest.id)[0][0] <= 1200
        check_now(stack)
        wait_until(lambda: stack.rows(wait, guest.id) == [(None,)], lambda: stack.rows(wait, guest.id))

    @pytest.mark.parametrize("how", ["order", "link"])
    def test_is_paid_back_before_we_hear_of_it(self, stack, how):
        """Its refund is none of the first payment's."""
        guest = Guest(stack, "razorpay").pay_and_tell()
        second = pay_again(guest, how)
        told = pay_back_by_hand(guest, second, second["amount"])
        assert tell(guest, told[:1]) == [409]
        wait_until(lambda: check_now(stack) or refunds(guest), "the second payment to be found")
        assert set(tell(guest, told)) == {200}
        until(guest, ("duplicate", second["amount"], "processed"))
        assert guest.now() == ("confirmed", "completed")
        guest.cancel()
        guest.until("cancelled", "refunded")
        assert at_the_provider(guest) == at_the_provider(guest, second) == [second["amount"]]


@pytest.mark.parametrize("booking", ["cancelled", "confirmed"])
def test_the_form_alone_pays_nobody_back(stack, booking):
    """What it tells may be held only, and then there is nothing to pay back yet."""
    guest = Guest(stack, "razorpay")
    if booking == "cancelled":
        guest.cancel()
    else:
        guest.pay_and_tell()
    held = guest.stand_in.authorize(guest.order_id)
    guest.stand_in.fault("GET", "/v1/orders/[^/]+/payments", "error", times=1)
    answer = stack.anonymous.post("/payment/success", guest.stand_in.form(held))
    assert (answer.status_code, answer.json()["message"]) == (200, "Payment is being processed")
    if booking == "confirmed":
        assert refunds(guest) == []
        return
    guest.payment = held
    wait_until(lambda: check_now(stack) or guest.now() == ("cancelled", "refunded"), guest.now)
    until(guest, ("late", held["amount"], "processed"))
    assert at_the_provider(guest) == [held["amount"]]


def test_what_nobody_took_is_not_paid(stack):
    """After some days Razorpay gives back what was held only, by itself."""
    guest = Guest(stack, "razorpay")
    guest.stand_in.attempt(guest.order_id, "refunded", captured=False, refund_status="full")
    check_now(stack)
    guest.until("pending", "failed")
    assert stack.rows("SELECT captured_minor FROM payments WHERE booking_id = %s", guest.id) == [(0,)]


class TestFailedRefund:
    def test_is_told_of_late(self, stack):
        """When it has been asked for again, that the first attempt failed is old news, under whatever id it comes."""
        guest = Guest(stack, "stripe").pay_and_tell()
        stripe = guest.stand_in
        stripe.refund_status = "pending"
        try:
            give_back(guest)
            until(guest, ("manual", PART, "pending"))
            (first,) = stripe.refunds_of(guest.payment)
            failed = stripe.settle_refund(first, "failed")
            late = stripe.event("charge.refund.updated", first)
            assert tell(guest, [failed]) == [200]
            until(guest, ("manual", PART, "failed"))
            replay(guest)
            until(guest, ("manual", PART, "pending"))
        finally:
            del stripe.refund_status
        assert tell(guest, [late]) == [200]
        assert refunds(guest) == [("manual", PART, "pending")]
        replay(guest)
        (second,) = [refund for refund in stripe.refunds_of(guest.payment) if refund is not first]
        assert tell(guest, [stripe.settle_refund(second, "succeeded")]) == [200]
        until(guest, ("manual", PART, "processed"))
        assert at_the_provider(guest) == [PART]

    @pytest.mark.parametrize("swept", [False, True])
    def test_after_it_was_paid(self, stack, swept):
        """It came back from the customer's bank: it is owed again, and the operator asks for it again."""
        guest = Guest(stack, "stripe").pay_and_tell()
        give_back(guest)
        guest.until("confirmed", "partially_refunded")
        guest.cancel()
        guest.until("cancelled", "refunded")
        part, rest = sorted(guest.stand_in.refunds_of(guest.payment), key=lambda refund: refund["amount"])
        if swept:
            stack.rows("DELETE FROM outbox WHERE channel = 'refund' AND state = 'delivered'")
        assert tell(guest, [guest.stand_in.settle_refund(rest, "failed")]) == [200]
        assert guest.now() == ("cancelled", "partially_refunded")
        assert owed(guest) == rest["amount"]
        assert delivery(guest)[0] == "dead"
        assert tell(guest, [guest.stand_in.settle_refund(part, "failed")]) == [200]
        assert guest.now() == ("cancelled", "completed")
        assert owed(guest) == guest.payment["amount"]
        assert tell(guest, [guest.stand_in.event("refund.updated", {**rest, "status": "succeeded"})]) == [200]  # older news
        assert owed(guest) == guest.payment["amount"]
        statement = "SELECT o.webhook_id FROM outbox o JOIN refunds r ON o.cause = 'refund:' || r.refund_id WHERE o.channel = 'refund' AND r.booking_id = %s"
        stack.operator("replay", *(name for (name,) in stack.rows(statement, guest.id)))
        guest.until("cancelled", "refunded")
        assert owed(guest) == 0
        assert sum(at_the_provider(guest)) == guest.payment["amount"]

    def test_before_it_was_answered(self, stack):
        """The answer of the request that made it says less than what came of it."""
        guest = Guest(stack, "stripe").pay_and_tell()
        stripe = guest.stand_in
        stripe.refund_status = "pending"
        fault = stripe.fault("POST", REFUNDS["stripe"], "hang", after=True)
        try:
            give_back(guest)
            wait_until(lambda: fault.hanging, "the answer to be late")
        finally:
            del stripe.refund_status
        (refund,) = stripe.refunds_of(guest.payment)
        assert tell(guest, [stripe.settle_refund(refund, "failed")]) == [200]
        assert delivery(guest)[0] == "dead"
        stripe.heal()
        wait_until(lambda: not stack.rows("SELECT id FROM outbox WHERE leased_until > now() AND channel = 'refund'"), "the attempt to end", 40)
        assert delivery(guest)[0] == "dead"
        replay(guest)
        until(guest, ("manual", PART, "processed"))
        assert at_the_provider(guest) == [PART]

    @pytest.mark.parametrize("amount", [PART, None])
    def test_is_paid_by_hand(self, stack, amount):
        guest = Guest(stack, "razorpay").pay_and_tell()
        guest.stand_in.fault("POST", REFUNDS["razorpay"], "refuse")
        amount = amount or guest.payment["amount"]
        give_back(guest, amount)
        until_dead(guest)
        guest.stand_in.heal()
        assert set(tell(guest, pay_back_by_hand(guest, guest.payment, amount))) == {200}
        until(guest, ("manual", amount, "processed"))
        assert owed(guest) == 0
        replay(guest)
        wait_until(lambda: delivery(guest)[0] == "delivered", lambda: delivery(guest))
        assert at_the_provider(guest) == [amount]


class TestRefund:
    def test_made_by_hand_while_ours_is_under_way(self, stack):
        """While there is money for both it is a further one."""
        guest = Guest(stack, "razorpay").pay_and_tell()
        fault = guest.stand_in.fault("POST", REFUNDS["razorpay"], "hang", after=True)
        give_back(guest)
        wait_until(lambda: fault.hanging, "the answer to be late")
        assert set(tell(guest, pay_back_by_hand(guest, guest.payment, PART))) == {200}
        guest.stand_in.heal()
        wait_until(lambda: check_now(stack) or len(refunds(guest)) == 2 and all(row[2] == "processed" for row in refunds(guest)), lambda: refunds(guest))
        assert at_the_provider(guest) == [PART, PART]

    def test_when_its_look_up_is_refused(self, stack):
        """Whether it was made is then not known: it is not asked for under another name."""
        guest = Guest(stack, "razorpay").pay_and_tell()
        guest.stand_in.fault("POST", REFUNDS["razorpay"], "error", after=True, times=1)
        refused = guest.stand_in.fault("GET", "/v1/payments/[^/]+/refunds", "refuse", times=2)
        give_back(guest)
        wait_until(lambda: check_now(stack) or refused.left == 0, "it to be looked for")
        wait_until(lambda: check_now(stack) or refunds(guest) == [("manual", PART, "processed")], lambda: refunds(guest))
        assert at_the_provider(guest) == [PART]

    def test_when_our_account_is_empty(self, stack):
        """That passes: it is asked for again, nobody has to see to it."""
        guest = Guest(stack, "razorpay").pay_and_tell()
        poor = guest.stand_in.fault("POST", REFUNDS["razorpay"], "poor", times=2)
        give_back(guest)
        wait_until(lambda: check_now(stack) or poor.left == 0, "it to be refused")
        wait_until(lambda: check_now(stack) or refunds(guest) == [("manual", PART, "processed")], lambda: refunds(guest))
        assert at_the_provider(guest) == [PART]

    def test_many_at_a_provider_that_hangs(self, stack):
        """What finds no room there waits, is not taken up again and again, and hinders no other provider."""
        guest = Guest(stack, "razorpay").pay_and_tell()
        fault = guest.stand_in.fault("POST", REFUNDS["razorpay"], "hang")
        statement = (
            "INSERT INTO refunds (payment_id, booking_id, amount_minor, currency, cause)"
            " SELECT id, booking_id, 100, currency, 'manual' FROM payments CROSS JOIN generate_series(1, 2000) WHERE booking_id = %s"
        )
        stack.rows(statement, guest.id)
        wait_until(lambda: fault.hanging >= 32, lambda: fault.hanging)
        other = Guest(stack, "stripe").pay_and_tell()
        other.cancel()
        other.until("cancelled", "refunded")
        waiting = "SELECT max(next_attempt_at) > now() + interval '5 seconds' FROM outbox WHERE channel = 'refund' AND state = 'due' AND leased_until IS NULL"
        wait_until(lambda: stack.rows(waiting) == [(True,)], "them to wait longer", 30)
        guest.stand_in.heal()
        done = "SELECT count(*) FROM refunds WHERE booking_id = %s AND status <> 'processed'"
        wait_until(lambda: stack.rows(done, guest.id) == [(0,)], lambda: stack.rows(done, guest.id), 90)
        assert len(at_the_provider(guest)) == 2000
