"""Payment providers that fail: they answer 500, garbage or nothing, drop the connection before or after they have done what was asked, are slow, are
away for a day, lose their webhooks, or refuse a refund for good. Places stay held, orders and refunds are made once, and nobody who has paid is
left without place and money."""

import concurrent.futures
import time

import pytest

from harness import assert_ledger_is_balanced, refusal, start_paid_stack, stop_paid_stack, wait_until

CURRENCIES = {"razorpay": "INR", "stripe": "USD"}
ORDERS = {"razorpay": "/v1/(orders|payment_links)", "stripe": "/v1/checkout/sessions"}
REFUNDS = {"razorpay": "/v1/payments/[^/]+/refund", "stripe": "/v1/refunds"}
BOTH = pytest.mark.parametrize("name", ["razorpay", "stripe"])


@pytest.fixture(scope="module")
def stack():
    stack = start_paid_stack({"HOLD_TTL": "1h"})
    stack.began = time.monotonic()
    stack.host = stack.facilitator()
    stack.guests = iter(stack.people(300))
    yield stack
    stop_paid_stack(stack)


@pytest.fixture(autouse=True)
def books(stack):
    """Whatever a test has done to the providers ends with it, and the books balance."""
    yield
    stack.razorpay.heal()
    stack.stripe.heal()
    assert_ledger_is_balanced(stack)


class Guest:
    """Somebody with a priced booking."""

    def __init__(self, stack, name, event=None):
        self.stack = stack
        self.stand_in = getattr(stack, name)
        self.name = name
        self.http = next(stack.guests)
        self.event = event or stack.priced_event(stack.host, currency=CURRENCIES[name])
        answer = self.http.post("/bookings", {"event_id": self.event["id"]})
        assert answer.status_code == 201, answer.text
        self.reply = answer.json()
        self.id = self.reply["booking"]["id"]
        self.order_id = self.reply["order_id"]
        self.payment = None

    def order(self):
        """Asks until there is an order, as a front end does."""

        def asked():
            answer = self.http.post("/payments/create", {"booking_id": self.id}, server_error=True)
            assert answer.status_code in (200, 409, 503), answer.text
            return answer.ok and answer.json()["order_id"]

        self.order_id = wait_until(asked, "an order", 40)
        return self.order_id

    def pay(self):
        """At the provider, of which nobody hears."""
        self.payment = self.stand_in.pay(self.order_id)
        return self

    def pay_and_tell(self):
        known = len(self.stand_in.events)
        self.pay()
        for event in self.stand_in.events[known:]:
            if self.payment["id"].encode() in event.body:
                assert self.stand_in.send(event).status_code == 200
        self.until("confirmed", "completed")
        return self

    def cancel(self):
        answer = self.http.post(f"/bookings/{self.id}/cancel")
        assert answer.status_code == 200, answer.text
        return answer.json()["refund"]

    def now(self):
        return self.stack.rows("SELECT status, payment_status FROM bookings WHERE id = %s", self.id)[0]

    def until(self, *wanted, seconds=15):
        wait_until(lambda: self.now() == wanted, lambda: f"wanted {wanted}, is {self.now()}", seconds)

    def receipt(self):
        ((receipt,),) = self.stack.rows("SELECT receipt FROM payments WHERE booking_id = %s AND duplicate_of IS NULL", self.id)
        return receipt

    def refunds(self):
        return [refund["amount"] for refund in self.stand_in.refunds_of(self.payment)]


def check_now(stack):
    """The time until the next looks at the providers, and until the next delivery of a refund, is over."""
    stack.rows("UPDATE payments SET next_check_at = now() WHERE next_check_at > now()")
    stack.rows("UPDATE refunds SET next_check_at = now() WHERE next_check_at > now()")
    stack.rows("UPDATE outbox SET next_attempt_at = now() WHERE channel = 'refund' AND state = 'due' AND next_attempt_at > now()")
    stack.rows("NOTIFY refunds")


FAULTS = pytest.mark.parametrize(
    "what, after",
    [
        *(pytest.param(what, after, id=f"{what}-{when}") for what in ("error", "garbage", "drop") for when, after in (("before", False), ("after", True))),
        pytest.param("hang", False, id="hang-before", marks=pytest.mark.slow),
        pytest.param("hang", True, id="hang-after"),
    ],
)


@BOTH
@FAULTS
def test_the_order_fails(stack, name, what, after):
    """The place is held all the same, and later there is one order, which can be paid."""
    stand_in = getattr(stack, name)
    stand_in.fault("POST", ORDERS[name], what, after=after)
    guest = Guest(stack, name)
    assert guest.reply["payment_due"] is True
    assert guest.reply["order_id"] is None and guest.reply["payment_url"] is None
    assert guest.reply["booking"]["status"] == "pending" and guest.reply["booking"]["hold_expires_at"]
    stand_in.heal()
    if what == "error" and after and name == "stripe":
        stand_in.forget_keys()  # Stripe repeats a 500 for 24 hours
    guest.order()
    assert len(stand_in.order_for(guest.receipt())) == 1
    guest.pay_and_tell()


class TestLink:
    """Razorpay's payment link, which is made beside the order and can fail alone."""

    LINKS = "/v1/payment_links"

    def create(self, guest, **arguments):
        answer = guest.http.post("/payments/create", {"booking_id": guest.id}, **arguments)
        assert answer.status_code == 200, answer.text
        assert answer.json()["order_id"] == guest.order_id
        return answer.json()["payment_url"]

    def without(self, stack, what, after=False):
        fault = stack.razorpay.fault("POST", self.LINKS, what, after=after)
        guest = Guest(stack, "razorpay")
        assert guest.order_id and guest.reply["payment_url"] is None and fault
        return guest

    @pytest.mark.parametrize("what, after", [("error", False), ("error", True), ("garbage", True), ("drop", False), ("refuse", False)])
    def test_is_made_later(self, stack, what, after):
        guest = self.without(stack, what, after)
        ((due,),) = stack.rows("SELECT next_check_at FROM payments WHERE booking_id = %s", guest.id)
        assert self.create(guest) is None or after
        assert stack.rows("SELECT next_check_at FROM payments WHERE booking_id = %s", guest.id) == [(due,)]
        stack.razorpay.heal()
        url = self.create(guest)
        links = [link for link in stack.razorpay.links.values() if link["reference_id"] == guest.receipt()]
        assert [link["short_url"] for link in links] == [url]
        assert self.create(guest) == url
        assert guest.http.get(f"/bookings/{guest.id}").json()["payment_url"] == url
        assert len(stack.razorpay.order_for(guest.receipt())) == 1
        assert len([request for request in stack.razorpay.asked("POST", "/v1/orders") if request.json["receipt"] == guest.receipt()]) == 1
        guest.pay_and_tell()

    def test_is_made_with_a_repeat_of_the_booking(self, stack):
        stack.razorpay.fault("POST", self.LINKS, "error")
        person, event = next(stack.guests), stack.priced_event(stack.host)
        book = lambda: person.post("/bookings", {"event_id": event["id"]}, headers={"Idempotency-Key": f"link-{event['id']}"}).json()
        first = book()
        assert first["order_id"] and first["payment_url"] is None
        stack.razorpay.heal()
        again = book()
        assert again["payment_url"] and again["booking"]["payment_url"] == again["payment_url"]
        assert {**again, "payment_url": None, "booking": {**again["booking"], "payment_url": None}} == first

    def test_is_not_waited_for_long(self, stack):
        guest = self.without(stack, "error")
        stack.razorpay.heal()
        fault = stack.razorpay.fault("POST", self.LINKS, "hang")
        started, headers = time.monotonic(), {"Idempotency-Key": f"hang-{guest.id}"}
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            slow = pool.submit(self.create, guest, headers=headers)
            wait_until(lambda: fault.hanging, "it hangs")
            assert refusal(guest.http.post("/payments/create", {"booking_id": guest.id}, headers=headers)) == (409, "idempotency_in_flight")
            assert self.create(guest) is None  # somebody is asking already
            assert slow.result() is None
        assert time.monotonic() - started < 6
        stack.razorpay.heal()
        wait_until(lambda: self.create(guest), "the lease to end", 20)
        assert len(stack.razorpay.asked("POST", self.LINKS)) >= 3

    def test_an_account_without_links(self, stack):
        stack.razorpay.fault("GET", self.LINKS, "refuse")
        guest = self.without(stack, "refuse")
        for _ in range(3):
            assert self.create(guest) is None
        guest.pay_and_tell()
        assert 1 <= stack.logs().count("no payment link for") <= 1 + (time.monotonic() - stack.began) / 60


class TestRefusedOrder:
    """The provider takes no such order, however often it is asked."""

    @pytest.mark.parametrize("currency, price, word", [("INR", 0.5, "must be at least INR 1.00"), ("USD", 0.3, "is too small")])
    def test_the_place_is_free_at_once(self, stack, currency, price, word):
        event = stack.priced_event(stack.host, price=price, currency=currency, max_participants=1)
        person = next(stack.guests)
        key = {"Idempotency-Key": f"refused-{event['id']}"}
        for _ in range(2):
            assert refusal(person.post("/bookings", {"event_id": event["id"]}, headers=key)) == (400, "order_refused")
        ((booking_id, status, payment_status, reason),) = stack.rows(
            "SELECT id, status, payment_status, status_reason FROM bookings WHERE event_id = %s", event["id"]
        )
        assert (status, payment_status) == ("cancelled", "failed")
        assert reason.startswith("the payment provider refused its order: ") and word in reason
        assert stack.rows("SELECT taken FROM events WHERE id = %s", event["id"]) == [(0,)]
        assert refusal(person.post("/payments/create", {"booking_id": booking_id})) == (400, "order_refused")
        check_now(stack)
        closed = "SELECT closed_at IS NOT NULL, order_id FROM payments WHERE booking_id = %s"
        wait_until(lambda: stack.rows(closed, booking_id) == [(True, None)], lambda: stack.rows(closed, booking_id))

    def test_who_asks_for_it_by_name_keeps_the_place(self, stack):
        """Another provider takes it."""
        event = stack.priced_event(stack.host, price=0.6, currency="USD")
        person = next(stack.guests)
        answer = person.post("/bookings", {"event_id": event["id"]})
        booking = answer.json()["booking"]
        assert answer.json()["provider"] == "stripe" and answer.json()["order_id"]
        for _ in range(2):
            answer = person.post("/payments/create", {"booking_id": booking["id"], "provider": "razorpay"})
            assert refusal(answer) == (400, "order_refused")
        assert person.get(f"/bookings/{booking['id']}").json()["status"] == "pending"
        assert person.post("/payments/create", {"booking_id": booking["id"], "provider": "stripe"}).status_code == 200


@BOTH
def test_wrong_keys(stack, name):
    """Nothing is lost while the operator repairs them."""
    stand_in = getattr(stack, name)
    field = "KEY_SECRET" if name == "razorpay" else "SECRET_KEY"
    setattr(stand_in, field, "another")
    try:
        guest = Guest(stack, name)
        assert guest.reply["order_id"] is None
    finally:
        delattr(stand_in, field)
    guest.order()
    guest.pay_and_tell()


def test_a_slow_provider_slows_nobody_else(stack):
    """While fifty bookings hang at one provider, others are served, by the same payment worker."""
    event = stack.priced_event(stack.host, max_participants=50)
    before = Guest(stack, "razorpay").pay()
    fault = stack.razorpay.fault("POST", "/v1/orders", "hang")
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        slow = [pool.submit(Guest, stack, "razorpay", event) for _ in range(50)]
        wait_until(lambda: fault.hanging >= 50, lambda: f"only {fault.hanging} hang")
        assert before.http.get("/payments").json()["payments"][0]["status"] == "created"
        guest = Guest(stack, "stripe")
        assert guest.order_id
        guest.pay_and_tell()
        told = stack.razorpay.event("payment.captured", payment=before.payment)
        assert stack.razorpay.send(told).status_code == 200
        before.until("confirmed", "completed")
        assert not any(done.done() for done in slow), "the test took too long: bookings have been answered without an order"
        stack.razorpay.heal()
        guests = [done.result() for done in slow]
    for guest in guests:
        guest.order()
        assert len(stack.razorpay.order_for(guest.receipt())) == 1


@BOTH
@pytest.mark.parametrize("booking", ["pending", "expired", "cancelled"])
def test_the_webhook_is_lost(stack, name, booking):
    guest = Guest(stack, name).pay()
    if booking == "expired":
        stack.rows("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = %s", guest.id)
        guest.until("expired", "failed")
    elif booking == "cancelled":
        guest.cancel()
    check_now(stack)
    if booking == "cancelled":
        guest.until("cancelled", "refunded")
        assert guest.refunds() == [guest.payment["amount"]]
    else:
        guest.until("confirmed", "completed")


def test_what_is_authorized_only(stack):
    guest = Guest(stack, "razorpay")
    guest.payment = stack.razorpay.authorize(guest.order_id)
    check_now(stack)
    guest.until("confirmed", "completed")
    assert guest.payment["status"] == "captured"


@BOTH
def test_what_is_not_paid_is_closed(stack, name):
    """When the hold has run out nobody can pay any more, as far as the provider can close that."""
    guest = Guest(stack, name)
    stack.rows("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = %s", guest.id)
    guest.until("expired", "failed")
    check_now(stack)
    if name == "stripe":
        wait_until(lambda: stack.stripe.sessions[guest.order_id]["status"] == "expired", "the session to end")
    else:
        link = next(link for link in stack.razorpay.links.values() if link["reference_id"] == guest.receipt())
        wait_until(lambda: link["status"] == "cancelled", "the link to end")


@BOTH
def test_away_for_a_day(stack, name):
    """Orders were made, then the provider is away; people pay there, holds run out, places go to others, somebody cancels; no webhook ever comes."""
    stand_in = getattr(stack, name)
    roomy = stack.priced_event(stack.host, currency=CURRENCIES[name], max_participants=20)
    full = stack.priced_event(stack.host, currency=CURRENCIES[name], max_participants=4)
    held = [Guest(stack, name, roomy) for _ in range(4)]
    run_out = [Guest(stack, name, roomy) for _ in range(4)]
    pushed_out = [Guest(stack, name, full) for _ in range(4)]
    unpaid = [Guest(stack, name, roomy) for _ in range(3)]
    gone = Guest(stack, name, roomy)
    cancelled = Guest(stack, name, roomy).pay_and_tell()
    stand_in.go_away()
    try:
        refund = cancelled.cancel()
        assert refund["status"] == "pending"
        for guest in (*held, *run_out, *pushed_out, gone):
            guest.pay()
        gone.cancel()
        for guest in (*run_out, *pushed_out, *unpaid):
            stack.rows("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = %s", guest.id)
        for guest in (*run_out, *pushed_out, *unpaid):
            guest.until("expired", "failed")
        others = [Guest(stack, name, full) for _ in range(4)]
        assert all(guest.reply["order_id"] is None for guest in others)
        for _ in range(3):
            ((checks,),) = stack.rows("SELECT min(checks) FROM payments WHERE booking_id = ANY (%s)", [guest.id for guest in held + run_out])
            check_now(stack)
            wait_until(
                lambda: stack.rows("SELECT min(checks) > %s FROM payments WHERE booking_id = ANY (%s)", checks, [guest.id for guest in held + run_out])[0][0],
                "a look at a provider that is away",
                30,
            )
        day = "interval '24 hours'"
        stack.rows(f"UPDATE payments SET created_at = created_at - {day}, updated_at = updated_at - {day} WHERE captured_at IS NULL")
        stack.rows(f"UPDATE outbox SET created_at = created_at - {day} WHERE channel = 'refund' AND state = 'due'")
        wait = "SELECT max(next_check_at) <= now() + interval '15 minutes' FROM payments WHERE next_check_at IS NOT NULL AND provider = %s"
        assert stack.rows(wait, name) == [(True,)], "an outage must not make us patient"
    finally:
        stand_in.come_back()
    check_now(stack)
    for guest in (*held, *run_out):
        guest.until("confirmed", "completed", seconds=30)
    for guest in pushed_out:
        guest.until("expired", "refunded", seconds=30)
    for guest in (gone, cancelled):
        guest.until("cancelled", "refunded", seconds=30)
    for guest in (*pushed_out, gone, cancelled):
        assert guest.refunds() == [guest.payment["amount"]]
    for guest in (*held, *run_out):
        assert guest.refunds() == []
    for guest in others:
        guest.order()
        guest.pay_and_tell()
    left = stack.rows("SELECT count(*) FROM payments WHERE status IN ('created', 'authorized') AND booking_id = ANY (%s)", [guest.id for guest in held])
    assert left == [(0,)]


def test_late_money_is_told_by_mail(stack):
    full = stack.priced_event(stack.host, max_participants=1)
    guest = Guest(stack, "razorpay", full).pay()
    stack.rows("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = %s", guest.id)
    guest.until("expired", "failed")
    Guest(stack, "razorpay", full)
    check_now(stack)
    guest.until("expired", "refunded")
    ((body,),) = stack.rows("SELECT body::json FROM outbox WHERE type = 'mail.late_refund' AND owner_id = %s", guest.http.id)
    assert (body["template"], body["values"]["cause"]) == ("late_refund", "full")
    shown = guest.http.get(f"/bookings/{guest.id}").json()
    assert (shown["refund"]["cause"], shown["refund"]["amount"], shown["refund"]["status"]) == ("late", 2500, "processed")


class TestRefund:
    @BOTH
    @FAULTS
    def test_fails(self, stack, name, what, after):
        """It is made once, however often it has to be asked for, also when the provider has forgotten the keys."""
        guest = Guest(stack, name).pay_and_tell()
        fault = guest.stand_in.fault("POST", REFUNDS[name], what, after=after)
        refund = guest.cancel()
        asked = wait_until(lambda: [request for request in guest.stand_in.asked("POST", REFUNDS[name]) if self.is_of(request, guest)], "a request")
        if what == "hang":
            wait_until(lambda: fault.hanging, "it hangs")
        guest.stand_in.heal()
        guest.stand_in.forget_keys()
        assert asked
        wait_until(lambda: check_now(stack) or guest.now() == ("cancelled", "refunded"), guest.now, 40)
        assert guest.refunds() == [guest.payment["amount"]]
        header = "X-Refund-Idempotency" if name == "razorpay" else "Idempotency-Key"
        keys = {request.headers[header] for request in guest.stand_in.asked("POST", REFUNDS[name]) if self.is_of(request, guest)}
        assert keys == {refund["refund_id"]}

    def is_of(self, request, guest):
        return guest.payment["id"] in request.path + request.body.decode()

    @BOTH
    def test_in_parts_when_answers_are_lost(self, stack, name):
        """Two parts of the same amount are two refunds, however often each is asked for, and although the provider forgets the keys."""
        guest = Guest(stack, name).pay_and_tell()
        fault = guest.stand_in.fault("POST", REFUNDS[name], "error", after=True, times=2)
        for _ in range(2):
            answer = stack.host.post(f"/bookings/{guest.id}/refund", {"amount": 400, "reason": "a part"})
            assert answer.status_code == 201, answer.text
        wait_until(lambda: fault.left == 0, "both to be asked for")
        guest.stand_in.forget_keys()
        done = "SELECT count(*) FROM refunds WHERE booking_id = %s AND status = 'processed'"
        wait_until(lambda: check_now(stack) or stack.rows(done, guest.id) == [(2,)], guest.refunds, 40)
        assert guest.refunds() == [40000, 40000]
        guest.until("confirmed", "partially_refunded")

    @BOTH
    def test_is_refused_for_good(self, stack, name):
        """It stays owed, people see it, and the operator can ask again."""
        guest = Guest(stack, name).pay_and_tell()
        fault = guest.stand_in.fault("POST", REFUNDS[name], "refuse")
        refund = guest.cancel()
        state = "SELECT state, webhook_id FROM outbox WHERE channel = 'refund' AND cause = %s"
        cause = "refund:" + refund["refund_id"]
        wait_until(lambda: stack.rows(state, cause)[0][0] == "dead", lambda: stack.rows(state, cause))
        ((_, webhook_id),) = stack.rows(state, cause)
        assert guest.now() == ("cancelled", "completed")
        assert guest.http.get(f"/bookings/{guest.id}").json()["refund"]["status"] == "failed"
        owed = "SELECT sum(amount_minor) FROM ledger WHERE booking_id = %s AND account = 'refunds_owed'"
        assert stack.rows(owed, guest.id) == [(-guest.payment["amount"],)]
        assert webhook_id in stack.operator("deliveries", "dead", "--channel", "refund")
        fault.release()
        guest.stand_in.heal()
        stack.operator("replay", webhook_id)
        guest.until("cancelled", "refunded")
        assert guest.refunds() == [guest.payment["amount"]]
        assert stack.rows(owed, guest.id) == [(0,)]

    @BOTH
    @pytest.mark.parametrize("told", [True, False])
    @pytest.mark.parametrize("becomes", ["processed", "failed"])
    def test_takes_its_time(self, stack, name, told, becomes):
        guest = Guest(stack, name).pay_and_tell()
        guest.stand_in.refund_status = "pending"
        try:
            guest.cancel()
            statement = "SELECT status FROM refunds WHERE booking_id = %s"
            wait_until(lambda: stack.rows(statement, guest.id) == [("pending",)], "the provider to take it on")
        finally:
            del guest.stand_in.refund_status
        assert guest.now() == ("cancelled", "completed")
        (refund,) = guest.stand_in.refunds_of(guest.payment)
        word = "succeeded" if (name, becomes) == ("stripe", "processed") else becomes
        event = guest.stand_in.settle_refund(refund, word)
        if told:
            assert guest.stand_in.send(event).status_code == 200
        else:
            check_now(stack)
        wait_until(lambda: stack.rows(statement, guest.id) == [(becomes,)], lambda: stack.rows(statement, guest.id))
        guest.until("cancelled", "refunded" if becomes == "processed" else "completed")
        assert guest.http.get(f"/bookings/{guest.id}").json()["refund"]["status"] == becomes
