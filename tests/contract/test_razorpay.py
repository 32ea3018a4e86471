"""Payments by Razorpay: its wire protocol, both ways, through a real stack and a stand-in; and the stand-in itself, driven by Razorpay's own
client library."""

import base64
import json

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
from providers import Event, RazorpayStandIn, hex_hmac

FORM_VECTOR = ("testsecret", "order_9A33XWu170gUtm", "pay_29QQoUBi66xm2f")
FORM_SIGNATURE = "956180bc5d17af9d70fe3852e40d90b5e04423fdc94b2968a5e3434d7838c443"
WEBHOOK_VECTOR = ("whsecret", '{"entity":"event","event":"order.paid"}')
WEBHOOK_SIGNATURE = "f71af94de97e5b4c0e09f5e98c51550f21ae6dc8383e9fe3002676f32f0ec267"


@pytest.fixture(scope="module")
def razorpay():
    stand_in = RazorpayStandIn()
    yield stand_in
    stand_in.close()


def client(stand_in, *calls, key=None):
    """Razorpay's client library against the stand-in."""
    return vendor_calls("razorpay", stand_in.url, key or stand_in.KEY_ID, stand_in.KEY_SECRET, *calls)


def values(results):
    for result in results:
        assert "error" not in result, result
    return [result["value"] for result in results]


def errors(results):
    for result in results:
        assert result.get("error", {}).get("code") == "BAD_REQUEST_ERROR", result
    return [(result["status"], result["error"]["description"]) for result in results]


def order_fields(**fields):
    return {"amount": 250000, "currency": "INR", "receipt": unique("r")[:40], **fields}


class TestVendorsClient:
    """The stand-in is held against the library that people use with the original."""

    def test_orders(self, razorpay):
        fields = order_fields()
        calls = [["orders.create", fields], ["orders.fetch", "$0.id"], ["orders.all", {"receipt": fields["receipt"]}]]
        made, fetched, listed = values(client(razorpay, *calls, ["orders.fetchPayments", "$0.id"]))[:3]
        assert made["id"].startswith("order_") and (made["status"], made["amount_due"], made["notes"]) == ("created", 250000, [])
        assert fetched == made
        assert (listed["entity"], listed["count"], listed["items"]) == ("collection", 1, [made])

    def test_notes_are_an_object_where_there_are_any(self, razorpay):
        (made,) = values(client(razorpay, ["orders.create", order_fields(notes={"booking": "BK1"})]))
        assert made["notes"] == {"booking": "BK1"}

    def test_payments_are_captured_and_refunded(self, razorpay):
        (order,) = values(client(razorpay, ["orders.create", order_fields()]))
        payment = razorpay.authorize(order)
        calls = [
            ["orders.fetchPayments", order["id"]],
            ["payments.capture", payment["id"], 250000, "INR"],
            ["refundOnce", payment["id"], {"amount": 50000, "notes": {"a": "b"}}, "rfnd_0123456789"],
            ["refundOnce", payment["id"], {"amount": 50000, "notes": {"a": "b"}}, "rfnd_0123456789"],
            ["payments.fetchMultipleRefund", payment["id"], {}],
            ["refunds.fetch", "$2.id"],
            ["payments.refund", payment["id"], {"speed": "normal"}],
            ["payments.fetch", payment["id"]],
        ]
        listed, captured, part, again, refunds, fetched, rest, after = values(client(razorpay, *calls))
        assert [(item["id"], item["status"]) for item in listed["items"]] == [(payment["id"], "authorized")]
        assert (captured["status"], captured["captured"]) == ("captured", True)
        assert part == again == fetched and refunds["items"] == [part]
        assert (part["amount"], part["notes"], part["status"]) == (50000, {"a": "b"}, "processed")
        assert rest["amount"] == 200000
        assert (after["status"], after["refund_status"], after["amount_refunded"]) == ("refunded", "full", 250000)

    def test_links(self, razorpay):
        reference = unique("link")[:40]
        fields = {"amount": 5000, "currency": "INR", "reference_id": reference, "description": "Yoga"}
        calls = [
            ["paymentLink.create", fields],
            ["paymentLink.fetch", "$0.id"],
            ["paymentLink.all", {"reference_id": reference}],
            ["paymentLink.cancel", "$0.id"],
            ["paymentLink.create", {**fields, "reference_id": reference + "x"}],
        ]
        made, fetched, listed, cancelled, other = values(client(razorpay, *calls))
        assert made["short_url"].startswith("https://rzp.io/") and fetched == made and listed["payment_links"] == [made]
        assert cancelled["status"] == "cancelled"
        razorpay.pay_link(other)
        paid, refused = client(razorpay, ["paymentLink.fetch", other["id"]], ["paymentLink.cancel", other["id"]])
        assert (paid["value"]["status"], paid["value"]["payments"][0]["status"]) == ("paid", "captured")
        assert errors([refused]) == [(400, "cannot cancel or expire an already paid/partially paid link")]

    def test_errors(self, razorpay):
        (order,) = values(client(razorpay, ["orders.create", order_fields()]))
        payment = razorpay.authorize(order)
        captured = razorpay.pay(values(client(razorpay, ["orders.create", order_fields()]))[0])
        link = {"amount": 5000, "reference_id": unique("same")[:40]}
        calls = {
            ("orders.create", "currency"): [order_fields(currency="rupees")],
            ("orders.create", "too little"): [order_fields(amount=99)],
            ("orders.create", "no integer"): [order_fields(amount=250.5)],
            ("orders.create", "receipt"): [order_fields(receipt="r" * 41)],
            ("orders.create", "extra"): [order_fields(booking=1)],
            ("orders.create", "decimals"): [order_fields(amount=10001, currency="KWD")],
            ("orders.fetch", "unknown"): ["order_00000000000000"],
            ("orders.fetch", "no id"): ["order_1"],
            ("payments.capture", "other amount"): [payment["id"], 249999, "INR"],
            ("payments.capture", "twice"): [captured["id"], 250000, "INR"],
            ("payments.refund", "not captured"): [payment["id"], {}],
            ("payments.refund", "too much"): [captured["id"], {"amount": 250001}],
            ("refundOnce", "short key"): [captured["id"], {"amount": 100}, "short"],
            ("refundOnce", "bad key"): [captured["id"], {"amount": 100}, "0123456789."],
            ("paymentLink.create", "too soon"): [{"amount": 5000, "expire_by": 1700000000}],
        }
        results = client(razorpay, *([name, *arguments] for (name, _), arguments in calls.items()))
        assert {status for status, _ in errors(results)} == {400}
        repeat = [["refundOnce", captured["id"], {"amount": 100}, "0123456789"], ["refundOnce", captured["id"], {}, "0123456789"]]
        first, second = client(razorpay, *repeat)
        assert first["value"]["amount"] == 100
        assert errors([second]) == [(400, "Different request with the same idempotency key has already been processed.")]
        twice = client(razorpay, ["paymentLink.create", link], ["paymentLink.create", link])[1]
        assert errors([twice]) == [(400, "payment link creation with reference ID already attempted")]
        assert errors(client(razorpay, ["orders.all"], key="rzp_test_other")) == [(401, "Authentication failed")]
        assert len(razorpay.refunds_of(captured)) == 1

    def test_signatures(self, razorpay):
        (order,) = values(client(razorpay, ["orders.create", order_fields()]))
        form = razorpay.form(razorpay.pay(order))
        event = razorpay.events[-1]
        names = {"order_id": form["razorpay_order_id"], "payment_id": form["razorpay_payment_id"]}
        body, sent = event.body.decode(), razorpay.headers(event)["X-Razorpay-Signature"]
        vector = {"order_id": FORM_VECTOR[1], "payment_id": FORM_VECTOR[2]}
        results = client(
            razorpay,
            ["validatePaymentVerification", names, form["razorpay_signature"], razorpay.KEY_SECRET],
            ["validatePaymentVerification", names, form["razorpay_signature"], "another"],
            ["validateWebhookSignature", body, sent, razorpay.WEBHOOK_SECRET],
            ["validateWebhookSignature", body + " ", sent, razorpay.WEBHOOK_SECRET],
            ["validatePaymentVerification", vector, FORM_SIGNATURE, FORM_VECTOR[0]],
            ["validateWebhookSignature", WEBHOOK_VECTOR[1], WEBHOOK_SIGNATURE, WEBHOOK_VECTOR[0]],
        )
        assert values(results) == [True, False, True, False, True, True]
        assert hex_hmac(FORM_VECTOR[0], "|".join(FORM_VECTOR[1:]).encode()) == FORM_SIGNATURE
        assert hex_hmac(WEBHOOK_VECTOR[0], WEBHOOK_VECTOR[1].encode()) == WEBHOOK_SIGNATURE


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
    return paid.priced_event(host)


def book(person, event, **arguments):
    answer = person.post("/bookings", {"event_id": event["id"]}, **arguments)
    assert answer.status_code == 201, answer.text
    return answer.json()


def order_of(paid, booked):
    return paid.razorpay.orders[booked["order_id"]]


def show(person, booked):
    return person.get(f"/bookings/{booked['booking']['id']}").json()


def until(person, booked, **wanted):
    return booking_until(person, booked["booking"]["id"], **wanted)


def pay(paid, person, booked):
    """Pays in the browser; Razorpay's form tells us at once."""
    payment = paid.razorpay.pay(booked["order_id"])
    answer = person.post("/payment/success", paid.razorpay.form(payment))
    assert answer.status_code == 200, answer.text
    assert answer.json()["booking"]["status"] == "confirmed"
    return payment


class TestOrder:
    def test_the_booking_names_it(self, paid, guest, place):
        booked = book(guest, place)
        order = order_of(paid, booked)
        assert (order["amount"], order["currency"], order["status"]) == (250000, "INR", "created")
        assert booked["payment_due"] is True
        assert (booked["key_id"], booked["provider"]) == (paid.razorpay.KEY_ID, "razorpay")
        booking = booked["booking"]
        assert (booking["status"], booking["payment_status"], booking["payment_reference"]) == ("pending", "pending", order["id"])
        assert booking["hold_expires_at"] is not None
        (link,) = [link for link in paid.razorpay.links.values() if link["reference_id"] == order["receipt"]]
        assert booked["payment_url"] == booking["payment_url"] == link["short_url"]
        assert (link["amount"], link["currency"], link["accept_partial"]) == (250000, "INR", False)
        assert show(guest, booked)["payment_url"] == link["short_url"]

    def test_it_is_made_once(self, paid, guest, place):
        key = unique("key")
        booked = book(guest, place, headers={"Idempotency-Key": key})
        again = book(guest, place, headers={"Idempotency-Key": key})
        assert again["order_id"] == booked["order_id"]
        for asked in ({"booking_id": booked["booking"]["id"]}, {"event_id": place["id"]}, {"session_id": str(place["id"]), "provider": "razorpay"}):
            answer = guest.post("/payments/create", asked)
            assert answer.status_code == 200, answer.text
            found = answer.json()
            assert (found["order_id"], found["amount"], found["currency"]) == (booked["order_id"], 250000, "INR")
            assert (found["key_id"], found["provider"]) == (paid.razorpay.KEY_ID, "razorpay")
            assert (found["payment_url"], found["booking_id"]) == (booked["payment_url"], booked["booking"]["id"])
        assert len(paid.razorpay.order_for(order_of(paid, booked)["receipt"])) == 1

    def test_a_free_place_needs_none(self, paid, guest, host):
        asked = len(paid.razorpay.requests)
        event = paid.event(host)
        booked = book(guest, event)
        assert booked["payment_due"] is False and booked["order_id"] is None and booked["payment_url"] is None
        assert booked["booking"]["status"] == "confirmed"
        assert len(paid.razorpay.requests) == asked
        assert refusal(guest.post("/payments/create", {"event_id": event["id"]})) == (409, "nothing_to_pay")

    def test_a_currency_that_nobody_takes(self, paid, guest, host):
        event = paid.priced_event(host, currency="JPY", price=500)
        assert refusal(guest.post("/bookings", {"event_id": event["id"]})) == (400, "currency_without_provider")
        assert paid.anonymous.get(f"/events/{event['id']}").json()["current_participants"] == 0
        assert guest.get("/bookings").json()["bookings"][0]["status"] == "cancelled"

    def test_a_provider_that_does_not_take_it(self, paid, guest, place):
        book(guest, place)
        asked = {"event_id": place["id"], "provider": "sandbox"}
        assert refusal(guest.post("/payments/create", asked)) == (400, "provider_not_available")

    def test_only_for_ones_own_booking(self, paid, guest, place):
        booked = book(guest, place)
        other = paid.user()
        before = paid.traces()
        assert refusal(other.post("/payments/create", {"booking_id": booked["booking"]["id"]})) == (404, "booking_not_found")
        assert refusal(other.post("/payments/create", {"event_id": place["id"]})) == (404, "booking_not_found")
        assert refusal(other.post("/payments/create", {"booking_id": 999999999})) == (404, "booking_not_found")
        assert refusal(paid.anonymous.post("/payments/create", {"event_id": place["id"]}))[0] == 401
        assert paid.traces() == before

    def test_not_for_what_is_paid_or_over(self, paid, guest, host):
        events = [paid.priced_event(host) for _ in range(3)]
        done, cancelled, late = (book(guest, event) for event in events)
        pay(paid, guest, done)
        guest.post(f"/bookings/{cancelled['booking']['id']}/cancel")
        paid.rows("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = %s", late["booking"]["id"])
        until(guest, late, status="expired")
        asked = len(paid.razorpay.asked("POST", "/v1/orders"))
        for booked, code in ((done, "already_paid"), (cancelled, "booking_cancelled"), (late, "hold_expired")):
            assert refusal(guest.post("/payments/create", {"booking_id": booked["booking"]["id"]})) == (409, code)
        assert len(paid.razorpay.asked("POST", "/v1/orders")) == asked


class TestForm:
    """What Razorpay's form in the browser says."""

    def test_success(self, paid, guest, place):
        booked = book(guest, place)
        payment = paid.razorpay.pay(booked["order_id"])
        form = paid.razorpay.form(payment)
        for path in ("/payment/success", "/payments/success", "/api/payment/success"):
            answer = paid.anonymous.post(path, form)
            assert answer.status_code == 200, answer.text
            assert answer.json()["message"] == "Payment processed successfully"
            assert answer.json()["booking"] == {
                "id": booked["booking"]["id"],
                "booking_reference": booked["booking"]["booking_reference"],
                "status": "confirmed",
                "booking_status": "confirmed",
                "payment_status": "completed",
            }
        found = show(guest, booked)
        assert (found["status"], found["payment_id"], found["hold_expires_at"]) == ("confirmed", payment["id"], None)
        (listed,) = guest.get("/payments").json()["payments"]
        assert (listed["status"], listed["amount_minor"], listed["payment_id"]) == ("captured", 250000, payment["id"])

    def test_what_is_only_authorized_is_captured(self, paid, guest, place):
        booked = book(guest, place)
        payment = paid.razorpay.authorize(booked["order_id"])
        assert paid.anonymous.post("/payment/success", paid.razorpay.form(payment)).status_code == 200
        until(guest, booked, status="confirmed", payment_status="completed")
        assert payment["status"] == "captured"
        (request,) = paid.razorpay.asked("POST", f"/v1/payments/{payment['id']}/capture")
        assert request.json == {"amount": 250000, "currency": "INR"}

    def test_a_wrong_signature(self, paid, guest, place):
        booked, other = book(guest, place), book(paid.user(), place)
        form = paid.razorpay.form(paid.razorpay.pay(booked["order_id"]))
        theirs = paid.razorpay.form(paid.razorpay.pay(other["order_id"]))
        before = paid.traces()
        signature = form["razorpay_signature"]
        wrong = [
            *("signature_hash", signature[:-1], signature.upper(), "0" * 64, signature + "0", theirs["razorpay_signature"]),
            hex_hmac(paid.razorpay.WEBHOOK_SECRET, f"{form['razorpay_order_id']}|{form['razorpay_payment_id']}".encode()),
        ]
        for text in wrong:
            answer = paid.anonymous.post("/payment/success", {**form, "razorpay_signature": text})
            assert refusal(answer) == (400, "invalid_signature"), text
        swapped = {**form, "razorpay_payment_id": theirs["razorpay_payment_id"]}
        assert refusal(paid.anonymous.post("/payment/success", swapped)) == (400, "invalid_signature")
        assert paid.traces() == before
        assert show(guest, booked)["status"] == "pending"

    def test_an_order_that_is_not_ours(self, paid):
        payment = paid.razorpay.pay(paid.razorpay.new_order(250000, "INR", "elsewhere", []))
        before = paid.traces()
        assert refusal(paid.anonymous.post("/payment/success", paid.razorpay.form(payment))) == (404, "order_not_found")
        failed = {"razorpay_order_id": payment["order_id"], "error_code": "PAYMENT_DECLINED"}
        assert refusal(paid.anonymous.post("/payment/failure", failed)) == (404, "order_not_found")
        assert paid.traces() == before

    def test_failure(self, paid, guest, place):
        booked = book(guest, place)
        failed = paid.razorpay.decline(booked["order_id"])
        form = {
            "razorpay_payment_id": failed["id"],
            "razorpay_order_id": booked["order_id"],
            "error_code": "PAYMENT_DECLINED",
            "error_description": "Payment was declined by the bank",
        }
        answer = paid.anonymous.post("/payment/failure", form)
        assert answer.status_code == 200, answer.text
        assert answer.json()["message"] == "Payment failure recorded"
        assert (answer.json()["booking"]["status"], answer.json()["booking"]["payment_status"]) == ("pending", "failed")
        pay(paid, guest, booked)  # another attempt may follow
        assert paid.anonymous.post("/payment/failure", form).json()["booking"]["payment_status"] == "completed"
        assert show(guest, booked)["status"] == "confirmed"

    def test_a_failure_that_is_none(self, paid, guest, place):
        """Anybody can say that an order has failed; paid is paid."""
        booked = book(guest, place)
        pay(paid, guest, booked)
        answer = paid.anonymous.post("/payment/failure", {"razorpay_order_id": booked["order_id"]})
        assert (answer.status_code, answer.json()["booking"]["payment_status"]) == (200, "completed")


class TestWebhook:
    def test_vectors(self, paid):
        """The signatures that Razorpay's documents and libraries make are those that our endpoints take."""
        assert hex_hmac(WEBHOOK_VECTOR[0], WEBHOOK_VECTOR[1].encode()) == WEBHOOK_SIGNATURE
        assert hex_hmac(FORM_VECTOR[0], "|".join(FORM_VECTOR[1:]).encode()) == FORM_SIGNATURE

    def test_captured(self, paid, guest, place):
        booked = book(guest, place)
        paid.razorpay.pay(booked["order_id"])
        for event in paid.razorpay.events[-3:]:
            assert paid.razorpay.send(event).status_code == 200
        assert show(guest, booked)["status"] == "confirmed"
        assert paid.rows("SELECT count(*) FROM payments WHERE booking_id = %s", booked["booking"]["id"]) == [(1,)]

    def test_bytes_count(self, paid, guest, place):
        """The signature is over the body as it came, whatever its spaces, order, characters and numbers."""
        booked = book(guest, place)
        paid.razorpay.pay(booked["order_id"])
        (event,) = paid.razorpay.told("payment.captured")[-1:]
        body = event.json
        body["payload"]["payment"]["entity"].update(description="श्वास ✓ \u2028", acquirer_data={"bank_transaction_id": "4111111111111111"})
        event.body = json.dumps(body, indent=3, ensure_ascii=False).replace('"created_at"', ' "created\\u005fat"').encode() + b"\r\n"
        answer = paid.razorpay.send(event)
        assert answer.status_code == 200, answer.text
        assert show(guest, booked)["status"] == "confirmed"

    def test_what_is_not_signed_changes_nothing(self, paid, guest, place):
        booked = book(guest, place)
        paid.razorpay.pay(booked["order_id"])
        event = paid.razorpay.told("payment.captured")[-1]
        good = paid.razorpay.headers(event)
        before = paid.traces()
        for signature in (None, "", "0" * 64, good["X-Razorpay-Signature"][:-1], hex_hmac("other", event.body), hex_hmac(paid.razorpay.KEY_SECRET, event.body)):
            headers = {**good, "X-Razorpay-Signature": signature}
            answer = paid.razorpay.send(event, headers={name: value for name, value in headers.items() if value is not None})
            assert refusal(answer) == (400, "invalid_signature"), signature
        assert paid.traces() == before
        assert show(guest, booked)["status"] == "pending"

    def test_signed_nonsense(self, paid):
        before = paid.traces()
        for body in (b"", b"{", b"[]", b"null", b'"text"', b'{"entity":"event"', b"\xff\xfe", b"[" * 5000):
            event = Event(unique("evt"), "nonsense", {})
            event.body = body
            code = "validation_error" if body == b"\xff\xfe" else "malformed_json"  # no text at all never gets to the signature
            assert refusal(paid.razorpay.send(event)) == (400, code), body
        assert paid.traces() == before

    def test_signed_and_unusable(self, paid, guest, place):
        """What a good signature covers is noted where it is a JSON object; money without values is suspicious besides."""
        booked = book(guest, place)
        payment = paid.razorpay.pay(booked["order_id"])
        before = paid.traces()
        silent = [
            *(WEBHOOK_VECTOR[1], "{}", '{"event":null}', '{"event":"payment.captured"}'),
            '{"event":"payment.captured","payload":{"payment":{"entity":[]}}}',
            '{"event":"refund.processed","payload":{"refund":{}}}',
        ]
        values_that_are_none = [{"amount": amount} for amount in (None, "2500", 2500.5, -1, 2**53 + 1, 10**30, True)]
        values_that_are_none += [{"id": None}, {"id": "../orders"}, {"currency": None}, {"currency": "RUPEE"}]
        events = [Event(unique("evt"), "unusable", json.loads(body)) for body in silent]
        for values_ in values_that_are_none:
            event = paid.razorpay.event("payment.captured", payment={**payment, **values_})
            events.append(event)
        missing = {name: value for name, value in payment.items() if name != "amount"}
        events.append(paid.razorpay.event("payment.captured", payment=missing))
        for event in events:
            for _ in range(2):
                answer = paid.razorpay.send(event)
                assert answer.status_code == 200, (event.body, answer.text)
        assert show(guest, booked)["status"] == "pending"
        assert paid.traces()[:8] == before[:8]
        logs = paid.logs()
        for event in events:
            assert (f"event {event.id}: " in logs) == (event.type == "payment.captured"), event.body
        noted = paid.rows("SELECT count(*) FROM provider_events WHERE event_id = ANY (%s)", [event.id for event in events])
        assert noted == [(len(events),)]

    def test_another_order_that_names_our_receipt(self, paid, guest, place):
        """Customers can write notes."""
        booked = book(guest, place)
        receipt = order_of(paid, booked)["receipt"]
        payment = paid.razorpay.pay(paid.razorpay.new_order(250000, "INR", "elsewhere", {"receipt": receipt}))
        for entity in (payment, {**payment, "order_id": None}):
            asked = len(paid.razorpay.asked("GET", f"/v1/orders/{booked['order_id']}/payments"))
            answer = paid.razorpay.send(paid.razorpay.event("payment.captured", payment=entity))
            assert refusal(answer) == (404, "order_not_found")
            wait_until(
                lambda: len(paid.razorpay.asked("GET", f"/v1/orders/{booked['order_id']}/payments")) > asked, "our order to be looked up"
            )
        found = show(guest, booked)
        assert (found["status"], found["payment_status"], found["payment_id"]) == ("pending", "pending", None)
        assert f"payment {payment['id']}: it names our receipt, but not our order" in paid.logs()
        pay(paid, guest, booked)

    def test_by_the_vendors_signer(self, paid, guest, place):
        """Razorpay's library has no signer of its own; its check is a comparison with one."""
        booked = book(guest, place)
        paid.razorpay.pay(booked["order_id"])
        event = paid.razorpay.told("order.paid")[-1]
        sent = paid.razorpay.headers(event)["X-Razorpay-Signature"]
        assert values(client(paid.razorpay, ["validateWebhookSignature", event.body.decode(), sent, paid.razorpay.WEBHOOK_SECRET])) == [True]
        assert paid.razorpay.send(event).status_code == 200
        assert show(guest, booked)["status"] == "confirmed"


class TestLink:
    def link(self, paid, booked):
        return next(link for link in paid.razorpay.links.values() if link["short_url"] == booked["payment_url"])

    @pytest.mark.parametrize("order", ["as they came", "the other way round"])
    def test_paid(self, paid, guest, place, order):
        """A link has an order of its own: what only names that is not believed before the link's own event, or an answer of the provider, has
        tied it to us. None of them pays it twice."""
        booked = book(guest, place)
        known = len(paid.razorpay.events)
        payment = paid.razorpay.pay_link(self.link(paid, booked))
        events = paid.razorpay.events[known:]
        assert len(events) == 4
        for event in events if order == "as they came" else reversed(events):
            answer = paid.razorpay.send(event)
            if event.type == "payment_link.paid" or order != "as they came":
                assert answer.status_code == 200, event
            else:
                assert answer.status_code == 200 or refusal(answer) == (404, "order_not_found"), event
        for event in events:
            assert paid.razorpay.send(event).status_code == 200, event
        found = until(guest, booked, status="confirmed")
        assert found["payment_id"] == payment["id"]
        statement = "SELECT status, captured_minor, refunded_minor FROM payments WHERE booking_id = %s"
        assert paid.rows(statement, booked["booking"]["id"]) == [("captured", 250000, 0)]
        guest.post(f"/bookings/{booked['booking']['id']}/cancel")
        wait_until(lambda: paid.razorpay.refunds_of(payment), "the refund of what was paid by the link")

    def test_both_paid(self, paid, guest, place):
        booked = book(guest, place)
        known = len(paid.razorpay.events)
        first, second = paid.razorpay.pay(booked["order_id"]), paid.razorpay.pay_link(self.link(paid, booked))
        events = paid.razorpay.events[known:]
        for event in events:
            answer = paid.razorpay.send(event)
            assert answer.status_code == 200 or (refusal(answer) == (404, "order_not_found") and second["id"] in event.body.decode()), event
        for event in events:
            assert paid.razorpay.send(event).status_code == 200, event
        found = until(guest, booked, status="confirmed", payment_id=first["id"])
        wait_until(lambda: paid.razorpay.refunds_of(second), "the refund of the duplicate")
        assert [refund["amount"] for refund in paid.razorpay.refunds_of(second)] == [250000]
        assert not paid.razorpay.refunds_of(first)
        assert found["payment_status"] == "completed"

    def test_a_failed_attempt_is_no_concern(self, paid, guest, place):
        booked = book(guest, place)
        link = self.link(paid, booked)
        order = paid.razorpay.new_order(link["amount"], link["currency"], link["reference_id"], link["notes"])
        failed = paid.razorpay.decline(order)
        assert paid.razorpay.send(paid.razorpay.event("payment.failed", payment=failed)).status_code == 200
        assert (show(guest, booked)["status"], show(guest, booked)["payment_status"]) == ("pending", "pending")

    def test_cancelled_with_the_booking(self, paid, guest, place):
        booked = book(guest, place)
        guest.post(f"/bookings/{booked['booking']['id']}/cancel")
        link = self.link(paid, booked)
        paid.rows("UPDATE payments SET next_check_at = now() WHERE booking_id = %s", booked["booking"]["id"])
        wait_until(lambda: link["status"] == "cancelled", "the link of a cancelled booking to be cancelled")


class TestRefund:
    def test_of_a_cancelled_booking(self, paid, guest, place):
        booked = book(guest, place)
        payment = pay(paid, guest, booked)
        answer = guest.post(f"/bookings/{booked['booking']['id']}/cancel")
        refund = answer.json()["refund"]
        assert (refund["amount"], refund["currency"], refund["status"], refund["cause"]) == (2500.00, "INR", "pending", "cancelled")
        found = until(guest, booked, status="cancelled", payment_status="refunded")
        assert (found["refund"]["refund_id"], found["refund"]["status"]) == (refund["refund_id"], "processed")
        (made,) = paid.razorpay.refunds_of(payment)
        assert made["amount"] == 250000
        (request,) = paid.razorpay.asked("POST", f"/v1/payments/{payment['id']}/refund")
        assert request.headers["X-Refund-Idempotency"] == refund["refund_id"]
        assert refusal(guest.post(f"/bookings/{booked['booking']['id']}/cancel")) == (409, "booking_not_cancellable")
        for event in paid.razorpay.events[-2:]:
            assert event.type.startswith("refund.") and paid.razorpay.send(event).status_code == 200
        assert paid.rows("SELECT count(*) FROM refunds WHERE booking_id = %s", booked["booking"]["id"]) == [(1,)]

    def test_in_parts(self, paid, guest, host, place):
        booked = book(guest, place)
        payment = pay(paid, guest, booked)
        path = f"/bookings/{booked['booking']['id']}/refund"
        answer = host.post(path, {"amount": 1000, "currency": "INR", "reason": "The session ended early"})
        assert answer.status_code == 201, answer.text
        assert (answer.json()["refund"]["amount"], answer.json()["refund"]["cause"]) == (1000, "manual")
        until(guest, booked, status="confirmed", payment_status="partially_refunded")
        for body, code in (
            ({"amount": 1500.01, "reason": "too much"}, (409, "refund_exceeds_payment")),
            ({"amount": 10, "currency": "USD", "reason": "another currency"}, (400, "refund_currency_mismatch")),
            ({"amount": 0, "reason": "nothing"}, (400, "validation_error")),
            ({"amount": 10}, (400, "validation_error")),
        ):
            assert refusal(host.post(path, body)) == code, body
        assert refusal(guest.post(path, {"reason": "mine"})) == (403, "forbidden")
        assert refusal(paid.facilitator().post(path, {"reason": "not mine"})) in ((404, "booking_not_found"), (403, "forbidden"))
        assert host.post(path, {"reason": "The rest"}).json()["refund"]["amount"] == 1500
        until(guest, booked, status="confirmed", payment_status="refunded")
        assert [refund["amount"] for refund in paid.razorpay.refunds_of(payment)] == [100000, 150000]
        assert refusal(host.post(path, {"amount": 0.01, "reason": "more"})) == (409, "refund_exceeds_payment")

    def test_of_what_is_not_paid(self, paid, guest, host, place):
        booked = book(guest, place)
        path = f"/bookings/{booked['booking']['id']}/refund"
        assert refusal(host.post(path, {"reason": "early"})) == (409, "booking_not_paid")
        cancelled = guest.post(f"/bookings/{booked['booking']['id']}/cancel").json()
        assert cancelled["refund"] is None
        assert refusal(host.post(path, {"reason": "late"})) == (409, "booking_not_paid")

    def test_the_facilitator_cancels(self, paid, host):
        event = paid.priced_event(host)
        people = [paid.user() for _ in range(3)]
        booked = [book(person, event) for person in people]
        payments = [pay(paid, person, one) for person, one in zip(people[:2], booked)]
        answer = host.post(f"/facilitator/events/{event['id']}/cancel")
        assert (answer.json()["refunds_processed"], answer.json()["total_refund_amount"]) == (2, 5000)
        for person, one, status in zip(people, booked, ("refunded", "refunded", "failed")):
            until(person, one, status="cancelled", payment_status=status)
        assert [[refund["amount"] for refund in paid.razorpay.refunds_of(payment)] for payment in payments] == [[250000], [250000]]


def test_no_secret_is_logged(paid):
    """The last test: all of the above has gone through the logs."""
    logs = paid.logs()
    assert "suspicious" in logs
    form = [payment["id"] for payment in paid.razorpay.payments.values()]
    assert form
    for secret in (paid.razorpay.KEY_SECRET, paid.razorpay.WEBHOOK_SECRET, paid.razorpay.OLD_WEBHOOK_SECRET, "4111111111111111"):
        assert secret not in logs
    credentials = base64.b64encode(f"{paid.razorpay.KEY_ID}:{paid.razorpay.KEY_SECRET}".encode()).decode()
    assert credentials not in logs
