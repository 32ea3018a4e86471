"""Payments by Stripe: its wire protocol, both ways, through a real stack and a stand-in; and the stand-in itself, driven by Stripe's own client
library."""

import json
import time

import pytest

from harness import (
    assert_ledger_is_balanced,
    booking_until,
    refusal,
    start_paid_stack,
    stop_paid_stack,
    unique,
    vendor_calls,
    wait_until,
)
from providers import Event, StripeStandIn, hex_hmac

VECTOR = ("whsec_test_secret", 1700000000, b'{"id":"evt_1"}')
VECTOR_SIGNATURE = "248a374f50f943a28b0f6ab50faf9a7e7e29b710fa26df9fb1618b9bf8ea9c9a"


@pytest.fixture(scope="module")
def stripe():
    stand_in = StripeStandIn()
    yield stand_in
    stand_in.close()


def client(stand_in, *calls, key=None):
    """Stripe's client library against the stand-in."""
    return vendor_calls("stripe", stand_in.url, key or stand_in.SECRET_KEY, "", *calls)


def values(results):
    for result in results:
        assert "error" not in result, result
    return [result["value"] for result in results]


def error_types(results):
    return [(result.get("status"), result["error"]["type"], result["error"].get("code")) for result in results]


def session_fields(**fields):
    price = {"currency": "inr", "product_data": {"name": "Yoga Session"}, "unit_amount": 250000}
    return {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "success_url": "https://app.example/paid",
        "cancel_url": "https://app.example/cancelled",
        "client_reference_id": unique("tp"),
        "expires_at": int(time.time()) + 31 * 60,
        **fields,
    }


class TestVendorsClient:
    """The stand-in is held against the library that people use with the original."""

    def test_sessions(self, stripe):
        fields = session_fields(metadata={"receipt": "r1"}, payment_intent_data={"metadata": {"receipt": "r1"}}, customer_email="a@b.co")
        calls = [
            ["checkout.sessions.create", fields, {"idempotencyKey": "k-" + fields["client_reference_id"]}],
            ["checkout.sessions.create", fields, {"idempotencyKey": "k-" + fields["client_reference_id"]}],
            ["checkout.sessions.retrieve", "$0.id"],
            ["checkout.sessions.list", {"limit": 1}],
            ["checkout.sessions.expire", "$0.id"],
            ["checkout.sessions.expire", "$0.id"],
        ]
        results = client(stripe, *calls)
        made, again, fetched, listed, expired = values(results[:5])
        assert made["id"].startswith("cs_test_") and made["url"].startswith("https://checkout.stripe.com/")
        assert (made["status"], made["payment_status"], made["amount_total"], made["currency"]) == ("open", "unpaid", 250000, "inr")
        assert made["metadata"] == {"receipt": "r1"} and made["client_reference_id"] == fields["client_reference_id"]
        assert again == made == fetched == listed["data"][0] and results[1]["replayed"] == "true" and not results[0].get("replayed")
        assert (expired["status"], expired["url"]) == ("expired", None)
        assert error_types(results[5:]) == [(400, "StripeInvalidRequestError", None)]

    def test_refunds(self, stripe):
        (session,) = values(client(stripe, ["checkout.sessions.create", session_fields()]))
        intent = stripe.pay(session)
        part = {"payment_intent": intent["id"], "amount": 50000, "reason": "requested_by_customer", "metadata": {"refund_id": "x"}}
        key = unique("refund")
        calls = [
            ["checkout.sessions.retrieve", session["id"], {"expand": ["payment_intent"]}],
            ["refunds.create", part, {"idempotencyKey": key}],
            ["refunds.create", part, {"idempotencyKey": key}],
            ["refunds.retrieve", "$1.id"],
            ["refunds.list", {"payment_intent": intent["id"]}],
            ["refunds.create", {**part, "amount": 60000}, {"idempotencyKey": key}],
            ["refunds.create", {"payment_intent": intent["id"], "amount": 200001}],
            ["refunds.create", {"payment_intent": intent["id"]}],
            ["refunds.create", {"payment_intent": intent["id"]}],
        ]
        results = client(stripe, *calls)
        paid, made, again, fetched, listed = values(results[:5])
        assert (paid["status"], paid["payment_status"], paid["payment_intent"]["status"]) == ("complete", "paid", "succeeded")
        assert made == again == fetched == listed["data"][0]
        assert (made["amount"], made["status"], made["metadata"]) == (50000, "succeeded", {"refund_id": "x"})
        assert error_types(results[5:7]) == [(400, "StripeIdempotencyError", None), (400, "StripeInvalidRequestError", None)]
        assert results[7]["value"]["amount"] == 200000
        assert error_types(results[8:]) == [(400, "StripeInvalidRequestError", "charge_already_refunded")]
        assert len(stripe.refunds_of(intent)) == 2

    def test_errors(self, stripe):
        soon, late = int(time.time()) + 29 * 60, int(time.time()) + 25 * 3600
        price = {"currency": "INR", "product_data": {"name": "Yoga"}, "unit_amount": 250000}
        wrong = [
            {"success_url": None},
            {"mode": "subscribe"},
            {"expires_at": soon},
            {"expires_at": late},
            {"line_items": [{"price_data": price, "quantity": 1}]},
            {"line_items": [{"price_data": {**price, "currency": "inr", "unit_amount": 1}, "quantity": 1}]},
            {"line_items": [{"price_data": {**price, "currency": "inr", "unit_amount": 2.5}, "quantity": 1}]},
            {"booking": "1"},
            {"metadata": {"k": "v" * 501}},
            {"customer_email": "nobody"},
        ]
        results = client(stripe, *(["checkout.sessions.create", session_fields(**fields)] for fields in wrong))
        assert {(status, kind) for status, kind, _ in error_types(results)} == {(400, "StripeInvalidRequestError")}
        calls = [["checkout.sessions.retrieve", "cs_test_0"], ["refunds.create", {"payment_intent": "pi_0"}]]
        assert error_types(client(stripe, *calls)) == [(404, "StripeInvalidRequestError", "resource_missing")] * 2
        assert error_types(client(stripe, calls[0], key="sk_test_other")) == [(401, "StripeAuthenticationError", None)]

    @pytest.mark.parametrize("what, kind", [("error", "StripeAPIError"), ("garbage", "StripeAPIError"), ("drop", "StripeConnectionError")])
    def test_faults(self, stripe, what, kind):
        stripe.fault("POST", "/v1/checkout/sessions", what)
        try:
            ((_, found, _),) = error_types(client(stripe, ["checkout.sessions.create", session_fields()]))
            assert found == kind
        finally:
            stripe.heal()

    def test_signatures(self, stripe):
        (session,) = values(client(stripe, ["checkout.sessions.create", session_fields()]))
        stripe.pay(session)
        event = stripe.events[-1]
        body = event.body.decode()
        rotating = stripe.signature(event, [stripe.OLD_WEBHOOK_SECRET, stripe.WEBHOOK_SECRET])
        results = client(
            stripe,
            ["webhooks.constructEvent", body, stripe.signature(event), stripe.WEBHOOK_SECRET],
            ["webhooks.constructEvent", body, rotating, stripe.WEBHOOK_SECRET],
            ["webhooks.constructEvent", body, stripe.signature(event, timestamp=int(time.time()) - 301), stripe.WEBHOOK_SECRET],
            ["webhooks.constructEvent", body + " ", stripe.signature(event), stripe.WEBHOOK_SECRET],
            ["webhooks.generateTestHeaderString", {"payload": VECTOR[2].decode(), "secret": VECTOR[0], "timestamp": VECTOR[1]}],
        )
        assert [result.get("value", {}).get("id") for result in results[:2]] == [event.id, event.id]
        assert [kind for _, kind, _ in error_types(results[2:4])] == ["StripeSignatureVerificationError"] * 2
        assert results[4]["value"] == f"t={VECTOR[1]},v1={VECTOR_SIGNATURE}"
        assert hex_hmac(VECTOR[0], f"{VECTOR[1]}.".encode() + VECTOR[2]) == VECTOR_SIGNATURE


@pytest.fixture(scope="module")
def paid():
    stack = start_paid_stack()
    yield stack
    assert_ledger_is_balanced(stack)
    stop_paid_stack(stack)


@pytest.fixture(scope="module")
def host(paid):
    return paid.facilitator()


@pytest.fixture
def guest(paid):
    return paid.user(name="John Doe")


@pytest.fixture
def place(paid, host):
    return paid.priced_event(host, currency="USD", price=25.00)


def book(person, event, **arguments):
    answer = person.post("/bookings", {"event_id": event["id"]}, **arguments)
    assert answer.status_code == 201, answer.text
    return answer.json()


def show(person, booked):
    return person.get(f"/bookings/{booked['booking']['id']}").json()


def until(person, booked, **wanted):
    return booking_until(person, booked["booking"]["id"], **wanted)


def pay(paid, person, booked):
    """Pays on Stripe's page; the webhook tells."""
    intent = paid.stripe.pay(booked["order_id"])
    event = paid.stripe.event("checkout.session.completed", paid.stripe.sessions[booked["order_id"]])
    assert paid.stripe.send(event).status_code == 200
    assert show(person, booked)["status"] == "confirmed"
    return intent


class TestOrder:
    def test_the_booking_names_it(self, paid, guest, place):
        booked = book(guest, place)
        session = paid.stripe.sessions[booked["order_id"]]
        assert (session["amount_total"], session["currency"], session["status"]) == (2500, "usd", "open")
        assert session["customer_email"] == guest.email
        assert booked["payment_due"] is True
        assert (booked["key_id"], booked["provider"]) == (paid.stripe.PUBLISHABLE_KEY, "stripe")
        assert booked["payment_url"] == booked["booking"]["payment_url"] == session["url"]
        assert (booked["booking"]["status"], booked["booking"]["payment_reference"]) == ("pending", session["id"])

    def test_it_is_made_once(self, paid, guest, place):
        key = unique("key")
        booked = book(guest, place, headers={"Idempotency-Key": key})
        assert book(guest, place, headers={"Idempotency-Key": key})["order_id"] == booked["order_id"]
        for asked in ({"booking_id": booked["booking"]["id"]}, {"event_id": place["id"], "provider": "stripe"}):
            answer = guest.post("/payments/create", asked)
            assert answer.status_code == 200, answer.text
            found = answer.json()
            assert (found["order_id"], found["amount"], found["currency"]) == (booked["order_id"], 2500, "USD")
            assert (found["key_id"], found["payment_url"]) == (paid.stripe.PUBLISHABLE_KEY, booked["payment_url"])
        ((receipt,),) = paid.rows("SELECT receipt FROM payments WHERE order_id = %s", booked["order_id"])
        assert len(paid.stripe.order_for(receipt)) == 1
        keys = {request.headers["Idempotency-Key"] for request in paid.stripe.asked("POST", "/v1/checkout/sessions") if receipt in request.body.decode()}
        assert keys == {receipt}

    def test_its_end_is_far_enough(self, paid, guest, place):
        """Stripe takes 30 minutes to 24 hours only; a shorter hold is ended by us."""
        booked = book(guest, place)
        session = paid.stripe.sessions[booked["order_id"]]
        assert 30 * 60 <= session["expires_at"] - session["created"] <= 24 * 3600
        paid.rows("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = %s", booked["booking"]["id"])
        until(guest, booked, status="expired")
        paid.rows("UPDATE payments SET next_check_at = now() WHERE order_id = %s", session["id"])
        wait_until(lambda: session["status"] == "expired", "the session to be ended")

    def test_another_provider_when_asked_for(self, paid, guest, host):
        """Stripe takes rupees, too, but nobody has said that it may here."""
        event = paid.priced_event(host)
        booked = book(guest, event)
        assert booked["provider"] == "razorpay"
        answer = guest.post("/payments/create", {"event_id": event["id"], "provider": "stripe"})
        if answer.ok:
            assert paid.stripe.sessions[answer.json()["order_id"]]["currency"] == "inr"
        else:
            assert refusal(answer) == (400, "provider_not_available")


def test_the_order_that_nobody_needs_is_closed():
    """Both providers take rupees here, and the booking is paid at one of them."""
    stack = start_paid_stack({"PAYMENT_PROVIDERS": ""})
    try:
        guest = stack.user()
        event = stack.priced_event(stack.facilitator())
        booked = book(guest, event)
        answer = guest.post("/payments/create", {"event_id": event["id"], "provider": "stripe"})
        assert answer.status_code == 200, answer.text
        session = stack.stripe.sessions[answer.json()["order_id"]]
        payment = stack.razorpay.pay(booked["order_id"])
        assert stack.razorpay.send(stack.razorpay.event("payment.captured", payment=payment)).status_code == 200
        until(guest, booked, status="confirmed")
        wait_until(lambda: session["status"] == "expired", "the session to be ended")
        assert guest.post(f"/bookings/{booked['booking']['id']}/cancel").status_code == 200
        found = until(guest, booked, payment_status="refunded")
        assert (found["payment_id"], found["order_id"]) == (payment["id"], booked["order_id"])
    finally:
        stop_paid_stack(stack)


class TestWebhook:
    def test_vector(self):
        assert hex_hmac(VECTOR[0], f"{VECTOR[1]}.".encode() + VECTOR[2]) == VECTOR_SIGNATURE

    def test_completed(self, paid, guest, place):
        booked = book(guest, place)
        intent = pay(paid, guest, booked)
        found = show(guest, booked)
        assert (found["payment_id"], found["payment_status"], found["hold_expires_at"]) == (intent["id"], "completed", None)
        (listed,) = guest.get("/payments").json()["payments"]
        assert (listed["status"], listed["amount_minor"], listed["currency"]) == ("captured", 2500, "USD")

    def test_what_is_not_signed_changes_nothing(self, paid, guest, place):
        booked = book(guest, place)
        paid.stripe.pay(booked["order_id"])
        event = paid.stripe.told("checkout.session.completed")[-1]
        now = int(time.time())
        sign = paid.stripe.signature
        good = sign(event)
        before = paid.traces()
        wrong = [
            *("", "v1", "t=,v1=", f"t={now}", f"v1={good[-64:]}", f"t={now},v0={good[-64:]}", good[:-1], good.replace("t=", "t=1")),
            sign(event, ["whsec_other"]),
            sign(event, timestamp=now - 360),
            sign(event, timestamp=now - 360).replace(str(now - 360), str(now)),
            "t=99999999999999999999,v1=" + "0" * 64,
            "t=-1,v1=" + "0" * 64,
            ",".join([f"t={now}", *["v1=" + "0" * 64] * 20]),
        ]
        for header in wrong:
            assert refusal(paid.stripe.send(event, headers={"Stripe-Signature": header})) == (400, "invalid_signature"), header
        assert refusal(paid.stripe.send(event, headers={"User-Agent": "Stripe/1.0"})) == (400, "invalid_signature")
        assert paid.traces() == before
        assert show(guest, booked)["status"] == "pending"
        assert paid.stripe.send(event, headers={"Stripe-Signature": good}).status_code == 200

    def test_signed_nonsense(self, paid):
        before = paid.traces()
        for body in (b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 5000):
            event = Event(unique("evt"), "nonsense", {})
            event.body = body
            code = "validation_error" if body == b"\xff\xfe" else "malformed_json"  # no text at all never gets to the signature
            assert refusal(paid.stripe.send(event)) == (400, code), body
        assert paid.traces() == before

    def test_signed_and_unusable(self, paid, guest, place):
        """What a good signature covers is noted where it is a JSON object; money without values is suspicious besides."""
        booked = book(guest, place)
        paid.stripe.pay(booked["order_id"])
        session = paid.stripe.sessions[booked["order_id"]]
        before = paid.traces()
        for body in (VECTOR[2], b"{}", b'{"id":1,"type":2,"data":3}', b'{"type":"refund.created"}', b'{"type":"refund.created","data":{"object":[]}}'):
            event = Event(unique("evt"), "silent", {})
            event.body = body
            for _ in range(2):
                assert paid.stripe.send(event).status_code == 200, body
        values_that_are_none = [{"amount_total": amount} for amount in (None, "2500", 10**30)]
        for values_ in (*values_that_are_none, {"payment_intent": None}, {"id": 7}, {"currency": 1}):
            event = paid.stripe.event("checkout.session.completed", {**session, **values_})
            assert paid.stripe.send(event).status_code == 200, event.body
            assert f"event {event.id}: " in paid.logs()
        assert show(guest, booked)["status"] == "pending"
        assert paid.traces()[:8] == before[:8]
        assert paid.rows("SELECT count(*) FROM provider_events WHERE event_id = 'evt_1' OR event_id LIKE 'sha256:%%'") == [(5,)]

    def test_another_session_that_names_our_receipt(self, paid, guest, place):
        booked = book(guest, place)
        session = paid.stripe.sessions[booked["order_id"]]
        other = {**session, "id": session["id"] + "x", "payment_intent": unique("pi"), "status": "complete", "payment_status": "paid"}
        for kind in ("checkout.session.completed", "checkout.session.async_payment_succeeded", "checkout.session.expired"):
            asked = len(paid.stripe.asked("GET", f"/v1/checkout/sessions/{session['id']}"))
            assert refusal(paid.stripe.send(paid.stripe.event(kind, other))) == (404, "order_not_found"), kind
            wait_until(lambda: len(paid.stripe.asked("GET", f"/v1/checkout/sessions/{session['id']}")) > asked, "our session to be looked up")
            assert (show(guest, booked)["status"], show(guest, booked)["payment_status"]) == ("pending", "pending")
        pay(paid, guest, booked)

    def test_by_the_vendors_signer(self, paid, guest, place):
        """What Stripe's own library signs, our gateway takes."""
        booked = book(guest, place)
        paid.stripe.pay(booked["order_id"])
        event = paid.stripe.told("checkout.session.completed")[-1]
        body = json.dumps(event.json, indent=2, ensure_ascii=False)
        event.body = body.encode()
        (header,) = values(client(paid.stripe, ["webhooks.generateTestHeaderString", {"payload": body, "secret": paid.stripe.WEBHOOK_SECRET}]))
        answer = paid.stripe.send(event, headers={"Stripe-Signature": header})
        assert answer.status_code == 200, answer.text
        assert show(guest, booked)["status"] == "confirmed"


class TestRefund:
    def test_of_a_cancelled_booking(self, paid, guest, place):
        booked = book(guest, place)
        intent = pay(paid, guest, booked)
        refund = guest.post(f"/bookings/{booked['booking']['id']}/cancel").json()["refund"]
        assert (refund["amount"], refund["currency"], refund["status"], refund["cause"]) == (25.00, "USD", "pending", "cancelled")
        found = until(guest, booked, status="cancelled", payment_status="refunded")
        assert (found["refund"]["refund_id"], found["refund"]["status"]) == (refund["refund_id"], "processed")
        (made,) = paid.stripe.refunds_of(intent)
        assert made["amount"] == 2500 and made["reason"] != "fraudulent"  # which would block the card
        (request,) = [request for request in paid.stripe.asked("POST", "/v1/refunds") if intent["id"] in request.body.decode()]
        assert request.headers["Idempotency-Key"] == refund["refund_id"]
        for event in paid.stripe.events[-3:]:
            assert paid.stripe.send(event).status_code == 200
        assert paid.rows("SELECT count(*) FROM refunds WHERE booking_id = %s", booked["booking"]["id"]) == [(1,)]

    def test_in_parts(self, paid, guest, host, place):
        booked = book(guest, place)
        intent = pay(paid, guest, booked)
        path = f"/bookings/{booked['booking']['id']}/refund"
        assert host.post(path, {"amount": 10, "reason": "The session ended early"}).json()["refund"]["amount"] == 10
        until(guest, booked, status="confirmed", payment_status="partially_refunded")
        assert refusal(host.post(path, {"amount": 15.01, "reason": "too much"})) == (409, "refund_exceeds_payment")
        assert host.post(path, {"reason": "The rest"}).json()["refund"]["amount"] == 15
        until(guest, booked, status="confirmed", payment_status="refunded")
        assert [refund["amount"] for refund in paid.stripe.refunds_of(intent)] == [1000, 1500]


def test_no_secret_is_logged(paid):
    """The last test: all of the above has gone through the logs."""
    logs = paid.logs()
    assert paid.stripe.sessions
    for secret in (paid.stripe.SECRET_KEY, paid.stripe.WEBHOOK_SECRET, paid.stripe.OLD_WEBHOOK_SECRET):
        assert secret not in logs
