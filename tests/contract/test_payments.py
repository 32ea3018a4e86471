"""Paying in the sandbox: orders, declined and late payments, refunds, and who may do none of it."""

import time

import pytest

from harness import assert_ledger_is_balanced, booking_until, refusal, start_stack, stop_stack, unique, wait_until


@pytest.fixture(scope="module")
def hasty():
    """A stack whose holds end after two seconds, and that takes rupees only."""
    stack = start_stack({"HOLD_TTL": "2s", "PAYMENT_PROVIDERS": "INR=sandbox"})
    yield stack
    stop_stack(stack)


@pytest.fixture(autouse=True)
def balanced(stack):
    yield
    assert_ledger_is_balanced(stack)


def book(person, event):
    answer = person.post("/bookings", {"event_id": event["id"]})
    assert answer.status_code == 201, answer.text
    return answer.json()


def act(stack, order_id, action="pay"):
    return stack.anonymous.post(f"/sandbox/orders/{order_id}", {"action": action})


def pay(stack, order_id, action="pay"):
    answer = act(stack, order_id, action)
    assert answer.status_code == 200, answer.text
    return answer.json()


def money(stack, booking_id):
    """Sums of the ledger by account."""
    return dict(stack.rows("SELECT account, sum(amount_minor)::bigint FROM ledger WHERE booking_id = %s GROUP BY 1", booking_id))


def refunds(stack, booking_id):
    return stack.rows("SELECT cause, amount_minor, status FROM refunds WHERE booking_id = %s ORDER BY id", booking_id)


class TestOrders:
    def test_a_priced_booking_names_its_order(self, stack, person, facilitator):
        booked = book(person, stack.priced_event(facilitator))
        assert booked["payment_due"] and booked["provider"] == "sandbox" and booked["key_id"] is None
        assert booked["payment_url"].endswith(f"/sandbox/pay/{booked['order_id']}")
        booking = booked["booking"]
        assert (booking["status"], booking["payment_status"]) == ("pending", "pending")
        assert (booking["payment_reference"], booking["payment_url"]) == (booked["order_id"], booked["payment_url"])
        assert person.get(f"/bookings/{booking['id']}").json()["payment_url"] == booked["payment_url"]

    def test_a_repeat_names_the_same_order(self, stack, person, facilitator):
        event = stack.priced_event(facilitator)
        headers = {"Idempotency-Key": unique("book")}
        answers = [person.post("/bookings", {"event_id": event["id"]}, headers=headers) for _ in range(2)]
        assert answers[0].json() == answers[1].json()
        pay(stack, answers[0].json()["order_id"])
        later = person.post("/bookings", {"event_id": event["id"]}, headers=headers)
        assert (later.status_code, later.json()["order_id"]) == (201, answers[0].json()["order_id"])
        assert stack.rows("SELECT count(*) FROM payments WHERE event_id = %s", event["id"]) == [(1,)]

    @pytest.mark.parametrize("path", ["/payments/create", "/api/payments/create"])
    def test_create_answers_the_order_of_the_booking(self, stack, person, facilitator, path):
        event = stack.priced_event(facilitator)
        booked = book(person, event)
        expected = {
            "order_id": booked["order_id"],
            "amount": 250000,
            "currency": "INR",
            "key_id": None,
            "provider": "sandbox",
            "payment_url": booked["payment_url"],
            "booking_id": booked["booking"]["id"],
            "hold_expires_at": booked["booking"]["hold_expires_at"],
        }
        bodies = [
            {"booking_id": booked["booking"]["id"]},
            {"event_id": event["id"]},
            {"session_id": str(event["id"])},
            {"event_id": event["id"], "booking_id": booked["booking"]["id"], "provider": "sandbox"},
        ]
        for body in bodies:
            answer = person.post(path, body)
            assert (answer.status_code, answer.json()) == (200, expected)

    def test_an_order_that_was_not_made_yet_is_made(self, stack, person, facilitator):
        booked = book(person, stack.priced_event(facilitator))
        stack.rows("DELETE FROM payments WHERE booking_id = %s", booked["booking"]["id"])
        answer = person.post("/payments/create", {"booking_id": booked["booking"]["id"]})
        assert answer.status_code == 200 and answer.json()["order_id"] != booked["order_id"]
        pay(stack, answer.json()["order_id"])
        booking_until(person, booked["booking"]["id"], status="confirmed")

    def test_an_order_is_made_by_one_at_a_time(self, stack, person, facilitator):
        booking = book(person, stack.priced_event(facilitator))["booking"]
        forget = "UPDATE payments SET order_id = NULL, leased_until = now() + interval '3 seconds' WHERE booking_id = %s"
        stack.rows(forget, booking["id"])
        answer = person.post("/payments/create", {"booking_id": booking["id"]})
        assert (refusal(answer), answer.headers["Retry-After"]) == ((409, "payment_in_progress"), "1")
        again = lambda: person.post("/payments/create", {"booking_id": booking["id"]})
        made = wait_until(lambda: (answer := again()).ok and answer.json(), "the lease does not end")
        assert made["order_id"] == booking["payment_reference"]  # the provider was asked by the same receipt

    def test_a_key_is_for_one_request(self, stack, person, facilitator):
        """Of any unsafe operation, also of one that may be run again."""
        event, other = stack.priced_event(facilitator), stack.priced_event(facilitator)
        booked, second = book(person, event), book(person, other)
        headers = {"Idempotency-Key": unique("create")}
        create = lambda booked, who=person: who.post("/payments/create", {"booking_id": booked["booking"]["id"]}, headers=headers)
        answers = [create(booked) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        assert refusal(create(second)) == (422, "idempotency_mismatch")
        assert refusal(person.post("/bookings", {"event_id": event["id"]}, headers=headers)) == (422, "idempotency_mismatch")
        assert refusal(person.post(f"/bookings/{booked['booking']['id']}/cancel", headers=headers)) == (422, "idempotency_mismatch")
        assert refusal(create(booked, stack.user())) == (404, "booking_not_found")  # another person's key is another one
        assert create(booked).json() == answers[0].json()
        pay(stack, booked["order_id"])
        assert refusal(create(booked)) == (409, "already_paid")  # it is asked again, not remembered

    def test_a_key_of_a_command_is_none_for_a_read(self, stack, person, facilitator):
        headers = {"Idempotency-Key": unique("book")}
        booked = person.post("/bookings", {"event_id": stack.priced_event(facilitator)["id"]}, headers=headers).json()
        answer = person.post("/payments/create", {"booking_id": booked["booking"]["id"]}, headers=headers)
        assert refusal(answer) == (422, "idempotency_mismatch")
        assert person.get("/payments", headers=headers).status_code == 200  # safe, so without keys

    def test_keys_of_the_form(self, stack):
        headers = {"Idempotency-Key": unique("form")}
        form = {"razorpay_payment_id": "pay_1", "razorpay_order_id": "order_1", "razorpay_signature": "00" * 32}
        for _ in range(2):
            assert refusal(stack.anonymous.post("/payment/success", form, headers=headers)) == (400, "invalid_signature")
        form["razorpay_payment_id"] = "pay_2"
        assert refusal(stack.anonymous.post("/payment/success", form, headers=headers)) == (422, "idempotency_mismatch")

    def test_a_lost_order_is_found_again(self, stack, person, facilitator):
        booking = book(person, stack.priced_event(facilitator))["booking"]
        forget = "UPDATE payments SET order_id = NULL, leased_until = now(), next_check_at = now() WHERE booking_id = %s"
        stack.rows(forget, booking["id"])
        find = "SELECT order_id FROM payments WHERE booking_id = %s"
        wait_until(lambda: stack.rows(find, booking["id"]) == [(booking["payment_reference"],)], "the order is not found")

    def test_refusals(self, stack, person, facilitator):
        event = stack.priced_event(facilitator)
        booking = book(person, event)["booking"]
        free = book(person, stack.event(facilitator))["booking"]
        cancelled = book(person, stack.priced_event(facilitator))["booking"]
        assert person.post(f"/bookings/{cancelled['id']}/cancel").status_code == 200
        paid = stack.paid_booking(person, stack.priced_event(facilitator))
        create = lambda person, **body: refusal(person.post("/payments/create", body))
        assert create(person) == (400, "validation_error")
        assert create(person, booking_id=booking["id"], event_id=free["event_id"]) == (400, "validation_error")
        assert create(person, booking_id=10**12) == (404, "booking_not_found")
        assert create(stack.user(), booking_id=booking["id"]) == (404, "booking_not_found")
        assert create(stack.user(), event_id=event["id"]) == (404, "booking_not_found")
        assert create(facilitator, booking_id=booking["id"]) == (404, "booking_not_found")
        assert create(person, booking_id=free["id"]) == (409, "nothing_to_pay")
        assert create(person, booking_id=cancelled["id"]) == (409, "booking_cancelled")
        assert create(person, booking_id=paid["id"]) == (409, "already_paid")
        assert create(person, event_id=paid["event_id"]) == (409, "already_paid")
        assert create(person, booking_id=booking["id"], provider="stripe") == (400, "provider_not_available")
        assert create(person, booking_id=booking["id"], provider="paypal") == (400, "validation_error")
        assert stack.anonymous.post("/payments/create", {"booking_id": booking["id"]}).status_code == 401

    def test_own_payments(self, stack, person, facilitator):
        pay(stack, book(person, stack.priced_event(facilitator))["order_id"])
        booked = book(person, stack.priced_event(facilitator, price=10))
        shown = person.get("/payments").json()["payments"]
        assert [payment["status"] for payment in shown] == ["created", "captured"]
        assert (shown[0]["order_id"], shown[0]["payment_url"], shown[0]["payment_id"]) == (booked["order_id"], booked["payment_url"], None)
        assert (shown[1]["amount"], shown[1]["refunded_amount"], shown[1]["payment_url"]) == (2500.0, 0, None)
        assert shown[1]["payment_id"] and shown[1]["captured_at"]
        page = person.get("/payments?limit=1").json()
        rest = person.get(f"/payments?limit=1&after={page['next']}").json()
        assert (page["payments"] + rest["payments"], rest["next"]) == (shown, None)
        assert stack.user().get("/payments").json() == {"payments": [], "next": None}


class TestPaying:
    def test_paid_is_confirmed_and_announced(self, stack, person, facilitator, crm_receiver):
        booked = book(person, stack.priced_event(facilitator))
        shown = pay(stack, booked["order_id"])
        assert (shown["state"], shown["booking_status"], shown["hold_expires_at"]) == ("paid", "confirmed", None)
        booking = person.get(f"/bookings/{booked['booking']['id']}").json()
        assert (booking["status"], booking["payment_status"], booking["hold_expires_at"]) == ("confirmed", "completed", None)
        assert booking["payment_id"] and booking["payment_url"] is None
        told = crm_receiver.wait_for(lambda delivery: delivery.json.get("booking_id") == booking["id"] and delivery.json["action"] == "confirmed")
        assert (told.json["status"], told.json["payment_status"]) == ("confirmed", "completed")
        assert money(stack, booking["id"]) == {"provider": 250000, "earnings": -250000}
        reasons = stack.rows("SELECT old, new, reason FROM state_changes WHERE subject = 'booking' AND subject_id = %s", booking["id"])
        assert reasons == [("pending", "confirmed", "paid: sandbox pay")]

    def test_declined_then_paid(self, stack, person, facilitator):
        booked = book(person, stack.priced_event(facilitator))
        assert pay(stack, booked["order_id"], "decline")["state"] == "declined"
        booking = person.get(f"/bookings/{booked['booking']['id']}").json()
        assert (booking["status"], booking["payment_status"]) == ("pending", "failed")
        assert person.post("/payments/create", {"booking_id": booking["id"]}).json()["order_id"] == booked["order_id"]
        pay(stack, booked["order_id"])
        booking_until(person, booking["id"], status="confirmed", payment_status="completed")

    def test_a_paid_order_is_closed(self, stack, person, facilitator):
        booked = book(person, stack.priced_event(facilitator))
        pay(stack, booked["order_id"])
        for action in ("pay", "decline", "pay_late"):
            assert refusal(act(stack, booked["order_id"], action)) == (409, "sandbox_order_closed")
        assert person.get(f"/bookings/{booked['booking']['id']}").json()["payment_status"] == "completed"

    def test_unknown_orders(self, stack):
        assert refusal(stack.anonymous.get("/sandbox/orders/order_none")) == (404, "not_found")
        assert refusal(act(stack, "order_none")) == (404, "not_found")

    def test_a_lost_webhook_is_made_up_for(self, stack, person, facilitator):
        booked = book(person, stack.priced_event(facilitator))
        stack.rows(
            "UPDATE sandbox_orders SET state = 'paid', provider_payment_id = 'pay_' || order_id, paid_at = now() WHERE order_id = %s",
            booked["order_id"],
        )
        stack.rows("UPDATE payments SET next_check_at = now() WHERE order_id = %s", booked["order_id"])
        booking_until(person, booked["booking"]["id"], status="confirmed", payment_status="completed")
        assert stack.rows("SELECT next_check_at FROM payments WHERE order_id = %s", booked["order_id"]) == [(None,)]

    def test_paid_after_cancelling_goes_back(self, stack, person, facilitator):
        booked = book(person, stack.priced_event(facilitator))
        assert person.post(f"/bookings/{booked['booking']['id']}/cancel").json()["refund"] is None
        pay(stack, booked["order_id"])
        booking = booking_until(person, booked["booking"]["id"], payment_status="refunded")
        assert (booking["status"], booking["refund"]["cause"]) == ("cancelled", "late")
        assert money(stack, booking["id"]) == {"provider": 0, "earnings": 0, "refunds_owed": 0}
        mail = stack.rows("SELECT body::json -> 'values' ->> 'cause' FROM outbox WHERE type = 'mail.late_refund' AND owner_id = %s", person.id)
        assert mail == [("booking_cancelled",)]

    def test_an_order_is_closed_when_its_booking_is_cancelled(self, stack, person, facilitator):
        booked = book(person, stack.priced_event(facilitator))
        person.post(f"/bookings/{booked['booking']['id']}/cancel")
        stack.rows("UPDATE payments SET next_check_at = now() WHERE order_id = %s", booked["order_id"])
        state = lambda: stack.rows("SELECT status, closed_at IS NOT NULL, next_check_at FROM payments WHERE order_id = %s", booked["order_id"])
        wait_until(lambda: state() == [("failed", True, None)], "the order is not closed")
        assert refusal(act(stack, booked["order_id"])) == (409, "sandbox_order_closed")

    def test_real_providers_are_not_set_up(self, stack, person, facilitator):
        booked = book(person, stack.priced_event(facilitator))
        form = {"razorpay_payment_id": "pay_1", "razorpay_order_id": booked["order_id"], "razorpay_signature": "00" * 32}
        assert refusal(stack.anonymous.post("/payment/success", form)) == (400, "invalid_signature")
        failure = {"razorpay_order_id": booked["order_id"]}
        assert refusal(stack.anonymous.post("/payment/failure", failure)) == (404, "order_not_found")
        for provider in ("razorpay", "stripe"):
            assert refusal(stack.anonymous.post(f"/payments/webhooks/{provider}", {"event": "x"})) == (400, "invalid_signature")


class TestLate:
    """The sandbox's pay_late: the money comes a second after the hold has run out."""

    def test_a_free_place_is_given_again(self, hasty):
        person, facilitator = hasty.user(), hasty.facilitator()
        event = hasty.priced_event(facilitator, max_participants=1)
        booked = book(person, event)
        pay(hasty, booked["order_id"], "pay_late")
        booking_until(person, booked["booking"]["id"], status="expired", payment_status="failed")
        booking = booking_until(person, booked["booking"]["id"], status="confirmed", payment_status="completed")
        assert booking["refund"] is None
        assert hasty.rows("SELECT taken FROM events WHERE id = %s", event["id"]) == [(1,)]
        assert_ledger_is_balanced(hasty)

    def test_without_a_place_it_goes_back(self, hasty):
        person, other, facilitator = hasty.user(), hasty.user(), hasty.facilitator()
        event = hasty.priced_event(facilitator, title="Full Moon Yoga", max_participants=1)
        booked = book(person, event)
        pay(hasty, booked["order_id"], "pay_late")
        again = lambda: other.post("/bookings", {"event_id": event["id"]})
        theirs = wait_until(lambda: (answer := again()).ok and answer.json(), "the place is not free")
        pay(hasty, theirs["order_id"])
        booking = booking_until(person, booked["booking"]["id"], status="expired", payment_status="refunded")
        assert (booking["refund"]["cause"], booking["refund"]["amount"], booking["refund"]["status"]) == ("late", 2500.0, "processed")
        assert money(hasty, booking["id"]) == {"provider": 0, "earnings": 0, "refunds_owed": 0}
        ((mail,),) = hasty.rows("SELECT body::json FROM outbox WHERE channel = 'mail' AND type = 'mail.late_refund' AND owner_id = %s", person.id)
        assert (mail["to"], mail["template"], mail["language"], mail["zone"]) == (person.email, "late_refund", "en", "UTC")
        assert mail["values"] == {
            "booking_reference": booking["booking_reference"],
            "event_title": "Full Moon Yoga",
            "amount_minor": 250000,
            "currency": "INR",
            "cause": "full",
            "refund_id": booking["refund"]["refund_id"],
        }
        assert_ledger_is_balanced(hasty)

    def test_two_late_payments_for_one_place(self, hasty):
        people, facilitator = [hasty.user(), hasty.user()], hasty.facilitator()
        event = hasty.priced_event(facilitator, max_participants=2)
        booked = [book(person, event) for person in people]
        for each in booked:
            pay(hasty, each["order_id"], "pay_late")
        for person, each in zip(people, booked):
            booking_until(person, each["booking"]["id"], status="expired")
        hasty.rows("UPDATE events SET capacity = 1 WHERE id = %s", event["id"])
        outcome = lambda: sorted(
            person.get(f"/bookings/{each['booking']['id']}").json()["payment_status"] for person, each in zip(people, booked)
        )
        wait_until(lambda: outcome() == ["completed", "refunded"], outcome)
        assert_ledger_is_balanced(hasty)

    def test_who_has_booked_anew_gets_the_money_back(self, hasty):
        person, facilitator = hasty.user(), hasty.facilitator()
        event = hasty.priced_event(facilitator)
        first = book(person, event)
        pay(hasty, first["order_id"], "pay_late")
        second = wait_until(lambda: (answer := person.post("/bookings", {"event_id": event["id"]})).ok and answer.json(), "the hold does not end")
        pay(hasty, second["order_id"])
        booking_until(person, first["booking"]["id"], status="expired", payment_status="refunded")
        booking_until(person, second["booking"]["id"], status="confirmed", payment_status="completed")
        assert_ledger_is_balanced(hasty)

    def test_an_expired_booking_gets_no_order(self, hasty):
        person, facilitator = hasty.user(), hasty.facilitator()
        booked = book(person, hasty.priced_event(facilitator))
        time.sleep(2)  # its time is over, whether or not anybody has noticed
        for body in ({"booking_id": booked["booking"]["id"]}, {"event_id": booked["booking"]["event_id"]}):
            assert refusal(person.post("/payments/create", body)) == (409, "hold_expired")

    def test_a_currency_that_nobody_takes(self, hasty):
        person, facilitator = hasty.user(), hasty.facilitator()
        event = hasty.priced_event(facilitator, currency="USD", max_participants=1)
        answer = person.post("/bookings", {"event_id": event["id"]})
        assert refusal(answer) == (400, "currency_without_provider")
        assert hasty.rows("SELECT status, payment_status FROM bookings WHERE event_id = %s", event["id"]) == [("cancelled", "failed")]
        assert hasty.rows("SELECT taken FROM events WHERE id = %s", event["id"]) == [(0,)]
        booked = book(person, hasty.priced_event(facilitator))
        hasty.rows("UPDATE bookings SET currency = 'USD' WHERE id = %s", booked["booking"]["id"])
        answer = person.post("/payments/create", {"booking_id": booked["booking"]["id"]})
        assert refusal(answer) == (400, "currency_without_provider")
        assert_ledger_is_balanced(hasty)


class TestRefunds:
    def test_cancelling_pays_back(self, stack, person, facilitator):
        booking = stack.paid_booking(person, stack.priced_event(facilitator))
        refund = person.post(f"/bookings/{booking['id']}/cancel").json()["refund"]
        assert (refund["amount"], refund["status"], refund["cause"]) == (2500.0, "pending", "cancelled")
        shown = booking_until(person, booking["id"], payment_status="refunded")
        assert shown["refund"] == {**refund, "status": "processed"}
        assert money(stack, booking["id"]) == {"provider": 0, "earnings": 0, "refunds_owed": 0}
        (payment,) = person.get("/payments").json()["payments"]
        assert (payment["status"], payment["refunded_amount"]) == ("refunded", 2500.0)

    def test_parts(self, stack, person, facilitator):
        booking = stack.paid_booking(person, stack.priced_event(facilitator))
        path = f"/bookings/{booking['id']}/refund"
        answer = facilitator.post(path, {"amount": 1000, "reason": "The session ended early"})
        assert answer.status_code == 201
        refund = answer.json()["refund"]
        assert (refund["amount"], refund["currency"], refund["status"], refund["cause"]) == (1000.0, "INR", "pending", "manual")
        shown = booking_until(person, booking["id"], payment_status="partially_refunded")
        assert (shown["status"], shown["refund"]) == ("confirmed", {**refund, "status": "processed"})
        assert money(stack, booking["id"]) == {"provider": 150000, "earnings": -150000, "refunds_owed": 0}
        assert refusal(facilitator.post(path, {"amount": 1500.01, "reason": "Too much"})) == (409, "refund_exceeds_payment")
        assert facilitator.post(f"/api{path}", {"reason": "The rest"}).json()["refund"]["amount"] == 1500.0
        shown = booking_until(person, booking["id"], payment_status="refunded")
        assert (shown["status"], shown["refund"]["amount"]) == ("confirmed", 1500.0)
        for body in ({"amount": 1, "reason": "More"}, {"reason": "More"}):
            assert refusal(facilitator.post(path, body)) == (409, "refund_exceeds_payment")
        assert refunds(stack, booking["id"]) == [("manual", 100000, "processed"), ("manual", 150000, "processed")]
        asked = stack.rows("SELECT reason, requested_by FROM refunds WHERE booking_id = %s ORDER BY id", booking["id"])
        assert asked == [("The session ended early", facilitator.id), ("The rest", facilitator.id)]

    def test_a_repeat_pays_back_once(self, stack, person, facilitator):
        booking = stack.paid_booking(person, stack.priced_event(facilitator))
        headers = {"Idempotency-Key": unique("refund")}
        body = {"amount": 100, "reason": "Late start"}
        answers = [facilitator.post(f"/bookings/{booking['id']}/refund", body, headers=headers).json() for _ in range(2)]
        assert answers[0] == answers[1]
        assert len(refunds(stack, booking["id"])) == 1

    def test_refusals(self, stack, person, facilitator):
        event = stack.priced_event(facilitator)
        booking = stack.paid_booking(person, event)
        path = f"/bookings/{booking['id']}/refund"
        unpaid = book(stack.user(), event)["booking"]
        free = book(stack.user(), stack.event(facilitator))["booking"]
        refund = lambda person, path, **body: refusal(person.post(path, {"reason": "Because", **body}))
        assert refund(facilitator, f"/bookings/{unpaid['id']}/refund") == (409, "booking_not_paid")
        assert refund(facilitator, f"/bookings/{free['id']}/refund") == (409, "booking_not_paid")
        assert refund(facilitator, path, amount=2500.01) == (409, "refund_exceeds_payment")
        assert refund(facilitator, path, amount=10, currency="USD") == (400, "refund_currency_mismatch")
        assert refund(facilitator, path, amount=0) == (400, "validation_error")
        assert refund(facilitator, path, amount=-1) == (400, "validation_error")
        assert refusal(facilitator.post(path, {})) == (400, "validation_error")
        assert refund(facilitator, "/bookings/1000000000000/refund") == (404, "booking_not_found")
        assert refund(stack.facilitator(), path) == (404, "booking_not_found")
        assert refund(person, path) == (403, "forbidden")
        assert refunds(stack, booking["id"]) == []

    def test_a_guest_who_is_a_facilitator_may_not(self, stack, facilitator):
        guest = stack.facilitator()
        booking = stack.paid_booking(guest, stack.priced_event(facilitator))
        assert refusal(guest.post(f"/bookings/{booking['id']}/refund", {"reason": "Mine"})) == (403, "forbidden")

    def test_a_currency_without_two_decimals_is_named(self, stack, person, facilitator):
        booking = stack.paid_booking(person, stack.priced_event(facilitator, price=12.5, currency="KWD"))
        path = f"/bookings/{booking['id']}/refund"
        answer = facilitator.post(path, {"amount": 1, "reason": "Because"})
        assert refusal(answer) == (400, "validation_error") and "currency" in answer.json()["details"]
        answer = facilitator.post(path, {"amount": 1.125, "currency": "KWD", "reason": "Because"})
        assert answer.json()["refund"]["amount_minor"] == 1125
        assert facilitator.post(path, {"reason": "The rest"}).json()["refund"]["amount_minor"] == 11375
        booking_until(person, booking["id"], payment_status="refunded")

    def test_a_refund_is_asked_for_until_it_is_settled(self, stack, person, facilitator):
        """The provider paid, and the worker died before it could write that down."""
        booking = stack.paid_booking(person, stack.priced_event(facilitator))
        facilitator.post(f"/bookings/{booking['id']}/refund", {"amount": 5, "reason": "Because"})
        booking_until(person, booking["id"], payment_status="partially_refunded")
        find = "SELECT cause FROM outbox WHERE channel = 'refund' AND cause = 'refund:' || %s"
        refund_id = person.get(f"/bookings/{booking['id']}").json()["refund"]["refund_id"]
        assert stack.rows(find, refund_id)
        again = "UPDATE outbox SET state = 'due', next_attempt_at = now(), finished_at = NULL WHERE channel = 'refund' AND cause = 'refund:' || %s"
        stack.rows(again, refund_id)
        stack.rows("NOTIFY refunds")
        done = "SELECT count(*) FROM outbox WHERE channel = 'refund' AND cause = 'refund:' || %s AND state = 'delivered'"
        wait_until(lambda: stack.rows(done, refund_id) == [(1,)], "the refund is not delivered")
        assert refunds(stack, booking["id"]) == [("manual", 500, "processed")]
        assert money(stack, booking["id"])["provider"] == 249500
