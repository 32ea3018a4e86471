"""Which mails follow from what happens to a booking, its money and its event, and what they hold; and that they lie in the folder as mails
to the right people. What templates make of them: test_mail.py."""

import email
import email.policy

import pytest

from harness import booking_until, start_stack, stop_stack, wait_until

HOME = "https://tithi.example"


@pytest.fixture(scope="module")
def stack():
    stack = start_stack({"PUBLIC_URL": f"{HOME}/", "HOLD_TTL": "1h"})
    yield stack
    stop_stack(stack)


@pytest.fixture(scope="module")
def facilitator(stack):
    return stack.facilitator(name="Frida Facilitator")


def mails(stack, person):
    """What was queued for somebody, in order."""
    rows = stack.rows("SELECT body::json FROM deliveries WHERE channel = 'mail' AND owner_id = %s ORDER BY id", person.id)
    return [body for (body,) in rows]


def templates(stack, person):
    return [mail["template"] for mail in mails(stack, person)]


def wait_for(stack, person, *expected):
    """All mails of somebody, once they are these, in whatever order; and they have left."""
    wait_until(lambda: sorted(templates(stack, person)) == sorted(expected), lambda: f"{expected}, not {templates(stack, person)}")
    due = "SELECT count(*), min(last_error) FROM deliveries WHERE channel = 'mail' AND owner_id = %s AND state <> 'delivered'"
    wait_until(lambda: stack.rows(due, person.id) == [(0, None)], lambda: stack.rows(due, person.id))
    return {mail["template"]: mail for mail in mails(stack, person)}


def settle(stack):
    """Whatever happened until now has been spread, and what follows from it is queued."""
    open_work = (
        "SELECT (SELECT count(*) FROM log_entries WHERE position IS NULL) + (SELECT count(*) FROM event_mails WHERE done_at IS NULL AND due_at <= now())"
    )
    wait_until(lambda: stack.rows(open_work) == [(0,)], "everything to be spread")


def file_of(stack, person, template):
    """The mail as it left."""
    ((webhook_id,),) = stack.rows(
        "SELECT webhook_id FROM deliveries WHERE channel = 'mail' AND owner_id = %s AND type = %s", person.id, f"mail.{template}"
    )
    (file,) = (stack.state / "mail").glob(f"*-{webhook_id}.eml")
    return email.message_from_bytes(file.read_bytes(), policy=email.policy.default)


def cancel(person, booking):
    answer = person.post(f"/bookings/{booking['id']}/cancel")
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestBookings:
    def test_a_free_booking_is_confirmed_with_an_invitation(self, stack, facilitator):
        person = stack.user(name="Pia Person")
        event = stack.event(facilitator, title="Klänge श्वास", location="Hall 1", virtual_link="https://meet.example/1", time_zone="Europe/Berlin")
        booking = stack.book(person, event)
        mail = wait_for(stack, person, "booking_confirmed")["booking_confirmed"]
        page = f"{HOME}/app/bookings/{booking['id']}"
        times = {"start_at": mail["values"].pop("start_at"), "end_at": mail["values"].pop("end_at")}
        assert mail["values"] == {
            "booking_reference": booking["booking_reference"],
            "event_title": "Klänge श्वास",
            "location": "Hall 1",
            "virtual_link": "https://meet.example/1",
            "facilitator": "Frida Facilitator",
            "page": page,
        }
        assert [time.replace("+00:00", "Z") for time in times.values()] == [event["start_datetime"], event["end_datetime"]]
        assert mail["calendar"] == {
            "uid": f"booking-{booking['id']}@tithi.example",
            "sequence": 0,
            "method": "REQUEST",
            "summary": "Klänge श्वास",
            "location": "Hall 1",
            "url": "https://meet.example/1",
            **times,
        }
        head = {name: mail[name] for name in ("to", "name", "language", "zone", "kind")}
        assert head == {"to": person.email, "name": "Pia Person", "language": "en", "zone": "Europe/Berlin", "kind": "booking"}
        assert mail["unsubscribe"].startswith(f"{person.id}.booking.")
        sent = file_of(stack, person, "booking_confirmed")
        assert sent["To"].addresses[0].addr_spec == person.email
        assert [part.get_param("method") for part in sent.walk() if part.get_content_type() == "text/calendar"].count("REQUEST") >= 1

    def test_its_person_cancels(self, stack, facilitator):
        person = stack.user()
        booking = stack.book(person, stack.event(facilitator))
        cancel(person, booking)
        found = wait_for(stack, person, "booking_confirmed", "booking_cancelled")
        values, calendar = found["booking_cancelled"]["values"], found["booking_cancelled"]["calendar"]
        assert values["reason"] == "by_person" and "refund_minor" not in values
        assert (calendar["uid"], calendar["method"]) == (found["booking_confirmed"]["calendar"]["uid"], "CANCEL")
        assert calendar["sequence"] > found["booking_confirmed"]["calendar"]["sequence"]

    def test_the_facilitator_cancels(self, stack, facilitator):
        person = stack.user()
        cancel(facilitator, stack.book(person, stack.event(facilitator)))
        found = wait_for(stack, person, "booking_confirmed", "booking_cancelled")
        assert found["booking_cancelled"]["values"]["reason"] == "by_facilitator"

    def test_the_event_is_cancelled(self, stack, facilitator):
        people, event = [stack.user(), stack.user()], stack.event(facilitator)
        for person in people:
            stack.book(person, event)
        assert facilitator.post(f"/facilitator/events/{event['id']}/cancel").status_code == 200
        for person in people:
            found = wait_for(stack, person, "booking_confirmed", "booking_cancelled")
            assert found["booking_cancelled"]["values"]["reason"] == "event_cancelled"
            assert found["booking_cancelled"]["calendar"]["method"] == "CANCEL"

    def test_each_goes_to_whom_it_concerns(self, stack, facilitator):
        refuses, inactive, speaks = stack.user(), stack.user(), stack.user()
        stack.rows("INSERT INTO mail_refusals (user_id, kind) VALUES (%s, 'booking')", refuses.id)
        stack.rows("UPDATE users SET language = 'de' WHERE id = %s", speaks.id)
        event = stack.event(facilitator)
        bookings = [stack.book(person, event) for person in (refuses, inactive, speaks)]
        stack.rows("UPDATE users SET is_active = false WHERE id = %s", inactive.id)
        assert facilitator.post(f"/bookings/{bookings[1]['id']}/cancel").status_code == 200
        assert wait_for(stack, speaks, "booking_confirmed")["booking_confirmed"]["language"] == "de"
        settle(stack)
        assert templates(stack, refuses) == [] and "booking_cancelled" not in templates(stack, inactive)


class TestMoney:
    def test_held_then_paid_then_paid_back(self, stack, facilitator):
        person = stack.user()
        answer = person.post("/bookings", {"event_id": stack.priced_event(facilitator)["id"]}).json()
        held = wait_for(stack, person, "booking_held")["booking_held"]
        assert (held["values"]["amount_minor"], held["values"]["currency"]) == (250000, "INR")
        assert held["values"]["hold_expires_at"] and "calendar" not in held and "virtual_link" not in held["values"]
        assert stack.anonymous.post(f"/sandbox/orders/{answer['order_id']}", {"action": "pay"}).status_code == 200
        found = wait_for(stack, person, "booking_held", "booking_confirmed", "payment_received")
        received = found["payment_received"]
        assert (received["values"]["amount_minor"], received["values"]["currency"], received["kind"]) == (250000, "INR", "payment")
        ((payment_id,),) = stack.rows("SELECT provider_payment_id FROM payments WHERE booking_id = %s", answer["booking"]["id"])
        assert received["values"]["payment_id"] == payment_id
        assert found["booking_confirmed"]["values"]["amount_minor"] == 250000
        refund = cancel(person, answer["booking"])["refund"]
        found = wait_for(stack, person, "booking_held", "booking_confirmed", "payment_received", "booking_cancelled", "refund_made")
        assert found["booking_cancelled"]["values"]["refund_minor"] == 250000
        assert found["booking_cancelled"]["calendar"]["method"] == "CANCEL"
        assert found["refund_made"]["values"]["amount_minor"] == 250000
        assert found["refund_made"]["values"]["refund_id"] == refund["refund_id"]

    def test_cancelled_before_it_was_paid(self, stack, facilitator):
        """There is nothing in a calendar, and no money to speak of."""
        person = stack.user()
        booking = person.post("/bookings", {"event_id": stack.priced_event(facilitator)["id"]}).json()["booking"]
        wait_for(stack, person, "booking_held")
        cancel(person, booking)
        cancelled = wait_for(stack, person, "booking_held", "booking_cancelled")["booking_cancelled"]
        assert "calendar" not in cancelled and "refund_minor" not in cancelled["values"]

    def test_a_hold_that_runs_out_is_not_written_about(self, stack, facilitator):
        person = stack.user()
        booking = person.post("/bookings", {"event_id": stack.priced_event(facilitator)["id"]}).json()["booking"]
        wait_for(stack, person, "booking_held")
        stack.rows("UPDATE bookings SET hold_expires_at = now() WHERE id = %s", booking["id"])
        booking_until(person, booking["id"], status="expired")
        settle(stack)
        assert templates(stack, person) == ["booking_held"]

    def test_money_that_came_too_late_has_its_own_mail(self, stack, facilitator):
        person = stack.user()
        stack.rows("UPDATE users SET language = 'fr' WHERE id = %s", person.id)
        answer = person.post("/bookings", {"event_id": stack.priced_event(facilitator)["id"]}).json()
        cancel(person, answer["booking"])
        stack.anonymous.post(f"/sandbox/orders/{answer['order_id']}", {"action": "pay"})
        booking_until(person, answer["booking"]["id"], payment_status="refunded")
        wait_until(lambda: "refund_made" in templates(stack, person), lambda: templates(stack, person))
        settle(stack)
        assert "payment_received" not in templates(stack, person)
        (late,) = [mail for mail in mails(stack, person) if mail["template"] == "late_refund"]
        assert (late["language"], late["values"]["cause"], late["values"]["amount_minor"]) == ("fr", "booking_cancelled", 250000)


class TestChanges:
    def change(self, facilitator, event, **fields):
        answer = facilitator.put(f"/events/{event['id']}", fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["event"]

    def test_what_people_must_know_is_told(self, stack, facilitator):
        person, gone = stack.user(), stack.user()
        event = stack.event(facilitator)
        stack.book(person, event)
        cancel(gone, stack.book(gone, event))
        wait_for(stack, gone, "booking_confirmed", "booking_cancelled")
        before = wait_for(stack, person, "booking_confirmed")["booking_confirmed"]["calendar"]
        for fields in ({"title": "Other"}, {"location": "Hall 2"}, {"time_zone": "Asia/Kolkata"}, {"virtual_link": "https://meet.example/2"}):
            self.change(facilitator, event, **fields)
            settle(stack)
        wait_for(stack, person, "booking_confirmed", *["event_changed"] * 4)
        changes = mails(stack, person)[1:]
        assert [mail["values"]["event_title"] for mail in changes] == ["Other"] * 4
        assert changes[3]["values"]["location"] == "Hall 2" and changes[3]["values"]["virtual_link"] == "https://meet.example/2"
        assert changes[3]["zone"] == "Asia/Kolkata" and changes[3]["kind"] == "change"
        calendars = [before, *(mail["calendar"] for mail in changes)]
        assert {calendar["uid"] for calendar in calendars} == {before["uid"]}
        assert {calendar["method"] for calendar in calendars} == {"REQUEST"}
        sequences = [calendar["sequence"] for calendar in calendars]
        assert sequences == sorted(set(sequences))
        assert templates(stack, gone) == ["booking_confirmed", "booking_cancelled"]

    def test_the_rest_is_not(self, stack, facilitator):
        person, event = stack.user(), stack.event(facilitator)
        stack.book(person, event)
        self.change(facilitator, event, description="Bring a mat.", max_participants=20, rating=4.5)
        settle(stack)
        wait_for(stack, person, "booking_confirmed")

    def test_of_changes_in_a_row_the_last_state_is_told(self, stack, facilitator):
        """One told of the first may be told of the second as well, but never the first's state after the second's."""
        person, event = stack.user(), stack.event(facilitator)
        stack.book(person, event)
        for number in range(5):
            self.change(facilitator, event, title=f"Title {number}")
        settle(stack)
        told = [mail["values"]["event_title"] for mail in mails(stack, person) if mail["template"] == "event_changed"]
        assert told and told == sorted(set(told)) and told[-1] == "Title 4"

    def test_a_full_hall_is_told_once_each(self, stack, facilitator):
        """In portions of 25."""
        people, event = stack.people(401), stack.event(facilitator, max_participants=None)
        stack.rows(
            "INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency)"
            " SELECT 'BKHALL' || id, %s, id, 'confirmed', 'not_required', 0, 'INR' FROM unnest(%s) AS people(id)",
            event["id"], [person.id for person in people],
        )
        stack.rows("UPDATE events SET taken = 401 WHERE id = %s", event["id"])
        self.change(facilitator, event, title="Sold out")
        counts = "SELECT count(*), count(DISTINCT owner_id) FROM deliveries WHERE type = 'mail.event_changed' AND owner_id = ANY (%s)"
        counted = lambda: stack.rows(counts, [person.id for person in people])
        wait_until(lambda: counted()[0][0] >= 401, counted)
        settle(stack)
        assert counted() == [(401, 401)]
