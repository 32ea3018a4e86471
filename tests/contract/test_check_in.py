"""Tickets and who came: codes, the door, attendees and their file, what a cancellation would do, receipts."""

import concurrent.futures
import csv
import datetime
import io
import os
import re
import signal

import pytest

from harness import SECRETS, Client, booking_until, refusal, unique, wait_until
from test_log import types, until_told

CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]+(-[0-9A-HJKMNP-TV-Z]{4}){4}")
DOORS = 20


def hours_from_now(hours):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def tonight(**fields):
    return {"start_datetime": hours_from_now(2), "end_datetime": hours_from_now(4), **fields}


def show(person, booking):
    shown = person.get(f"/bookings/{booking['id']}").json()
    if shown["ticket"]:
        SECRETS.add(shown["ticket"])
    return shown


def ticket_of(person, booking):
    return show(person, booking)["ticket"]


def scan(door, ticket, **fields):
    return door.post("/facilitator/check-in", {"ticket": ticket, **fields})


def by_name(door, booking):
    return door.post(f"/facilitator/bookings/{booking['id']}/check-in")


def undo(door, booking):
    return door.delete(f"/facilitator/bookings/{booking['id']}/check-in")


def attendees(host, event, **query):
    """Of both lists, which say the same."""
    short = host.get(f"/facilitator/events/{event['id']}/attendees", params=query)
    long = host.get(f"/facilitator/events/{event['id']}/bookings", params=query)
    assert (short.status_code, long.status_code) == (200, 200), short.text
    found = short.json()["attendees"]
    assert [each["booking_id"] for each in found] == [each["id"] for each in long.json()["bookings"]]
    return found


@pytest.fixture(scope="module")
def admin(stack):
    return stack.admin()


@pytest.fixture
def host(stack):
    return stack.facilitator(name=unique("Host"))


@pytest.fixture
def event(stack, host):
    return stack.event(host, **tonight())


@pytest.fixture
def booking(stack, person, event):
    return show(person, stack.book(person, event))


class TestTicket:
    def test_it_is_the_same_wherever_it_is_shown(self, stack, host, admin, person, event):
        booked = person.post("/bookings", {"event_id": event["id"]}).json()["booking"]
        path = f"/bookings/{booked['id']}"
        shown = [who.get(path).json()["ticket"] for who in (person, host, admin)]
        shown += [person.get("/bookings").json()["bookings"][0]["ticket"], attendees(host, event)[0]["ticket"]]
        shown.append(host.get("/facilitator/bookings", params={"event_id": event["id"]}).json()["bookings"][0]["ticket"])
        assert CODE.fullmatch(booked["ticket"]) and set(shown) == {booked["ticket"]}
        assert refusal(stack.user().get(path)) == (404, "booking_not_found")

    def test_each_has_its_own(self, stack, event):
        tickets = {ticket_of(person, stack.book(person, event)).partition("-")[2] for person in (stack.user() for _ in range(5))}
        assert len(tickets) == 5

    def test_only_what_is_confirmed_has_one(self, stack, host, person):
        event = stack.priced_event(host, **tonight())
        held = stack.book(person, event)
        assert held["ticket"] is None and show(person, held)["ticket"] is None
        other = stack.user()
        paid = stack.paid_booking(other, event)
        assert CODE.fullmatch(paid["ticket"])
        cancelled = other.post(f"/bookings/{paid['id']}/cancel").json()["booking"]
        assert cancelled["ticket"] is None and show(other, paid)["ticket"] is None

    def test_it_stays_while_the_event_runs_and_afterwards(self, stack, person, event, booking):
        stack.rows("UPDATE events SET start_at = now() - interval '9 hours', end_at = now() - interval '1 hour' WHERE id = %s", event["id"])
        after = show(person, booking)
        assert (after["status"], after["ticket"]) == ("completed", booking["ticket"])

    def test_a_change_that_was_seen_is_the_one_that_is_cancelled(self, person, booking):
        """If-Match compares with the answer that has the ticket in it."""
        path = f"/bookings/{booking['id']}"
        tag = person.get(path).headers["ETag"]
        assert person.post(f"{path}/cancel", headers={"If-Match": tag}).status_code == 200

    def test_it_is_told_to_nobody_else(self, stack, host, person, crm_receiver):
        event = stack.priced_event(host, **tonight())
        ticket = stack.paid_booking(person, event)["ticket"]
        SECRETS.add(ticket)
        assert scan(host, ticket).json()["already"] is False
        wait_until(lambda: "booking.checked_in" in types(host), "the check-in is not told")
        told = host.get("/log", params={"limit": 100}).text + host.get("/inbox", params={"limit": 100}).text
        assert ticket not in told
        sent = []
        crm_receiver.wait_for(lambda delivery: sent.append(delivery.body.decode()) or '"booking.checked_in"' in sent[-1])
        assert not any(ticket in body for body in sent)
        assert stack.rows("SELECT count(*) FROM outbox WHERE strpos(body, %s) > 0", ticket) == [(0,)]

    def test_another_key_signs_and_those_before_are_believed_until_they_go(self, stack, host, person, event, booking):
        ((key,),) = stack.rows("SELECT max(id) FROM ticket_keys")
        stack.rows("INSERT INTO ticket_keys DEFAULT VALUES")
        pid = stack.pid("booking-1")
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: stack.pid("booking-1") not in (0, pid), "the booking worker is not back")
        wait_until(lambda: ticket_of(person, booking) != booking["ticket"], "the new key is not used")
        renewed = ticket_of(person, booking)
        assert [scan(host, ticket).json()["already"] for ticket in (booking["ticket"], renewed)] == [False, True]
        stack.rows("DELETE FROM ticket_keys WHERE id <= %s", key)
        assert refusal(scan(host, booking["ticket"])) == (404, "ticket_unknown")
        assert scan(host, renewed).json()["already"] is True


class TestDoor:
    def test_a_ticket_is_good_once(self, host, person, booking):
        first, second = (scan(host, booking["ticket"]).json() for _ in range(2))
        assert (first["already"], second["already"]) == (False, True)
        assert first["booking"]["checked_in_at"] and first["booking"] == second["booking"] == show(person, booking)
        assert first["booking"]["user"]["name"] == person.name

    @pytest.mark.parametrize("typed", [str.lower, lambda ticket: ticket.replace("-", ""), lambda ticket: f" {ticket.replace('-', ' ')} "])
    def test_as_it_is_typed(self, host, booking, typed):
        SECRETS.add(typed(booking["ticket"]))
        assert scan(host, typed(booking["ticket"])).json()["booking"]["id"] == booking["id"]

    def test_by_name(self, host, person, booking):
        assert [by_name(host, booking).json()["already"] for _ in range(2)] == [False, True]
        assert scan(host, booking["ticket"]).json()["already"] is True

    def test_undone(self, host, person, booking):
        assert undo(host, booking).json()["already"] is True  # nobody was let in
        assert scan(host, booking["ticket"]).json()["already"] is False
        undone = undo(host, booking).json()
        assert (undone["already"], undone["booking"]["checked_in_at"]) == (False, None)
        assert show(person, booking)["checked_in_at"] is None
        assert scan(host, booking["ticket"]).json()["already"] is False

    def test_a_repeat_is_answered_as_before(self, host, booking):
        headers = {"Idempotency-Key": unique("door")}
        body = {"ticket": booking["ticket"]}
        answers = [host.post("/facilitator/check-in", body, headers=headers).json() for _ in range(2)]
        assert answers[0] == answers[1] and answers[0]["already"] is False

    def test_administrators_may(self, stack, admin, booking):
        assert scan(admin, booking["ticket"]).json()["already"] is False
        assert undo(admin, booking).json()["already"] is False
        assert by_name(admin, booking).json()["already"] is False

    def test_not_at_somebody_elses_event(self, stack, person, booking):
        stranger = stack.facilitator()
        assert refusal(scan(stranger, booking["ticket"])) == (404, "ticket_unknown")
        assert refusal(by_name(stranger, booking)) == (404, "booking_not_found")
        assert refusal(undo(stranger, booking)) == (404, "booking_not_found")
        assert refusal(scan(person, booking["ticket"])) == (403, "forbidden")
        assert refusal(by_name(person, booking)) == (403, "forbidden")
        assert show(person, booking)["checked_in_at"] is None

    def test_not_at_another_door(self, stack, host, event, booking):
        other = stack.event(host, **tonight())
        assert refusal(scan(host, booking["ticket"], event_id=other["id"])) == (409, "ticket_of_another_event")
        assert scan(host, booking["ticket"], event_id=event["id"]).json()["already"] is False
        assert refusal(scan(host, booking["ticket"], event_id=other["id"])) == (409, "ticket_of_another_event")

    def test_what_is_no_ticket(self, host, booking):
        body, last = booking["ticket"][:-1], booking["ticket"][-1]
        id, _, proof = booking["ticket"].partition("-")
        wrong = [body, body + ("0" if last != "0" else "2"), f"ZZ{id}-{proof}", proof, "ticket", "*", booking["booking_reference"]]
        assert {refusal(scan(host, ticket)) for ticket in wrong} == {(404, "ticket_unknown")}
        assert refusal(scan(host, "")) == (400, "validation_error")
        assert refusal(host.post("/facilitator/check-in", {"event_id": booking["event_id"]})) == (400, "validation_error")
        assert refusal(by_name(host, {"id": 10**12})) == (404, "booking_not_found")

    def test_only_who_has_a_place(self, stack, host, person):
        event = stack.priced_event(host, **tonight())
        held = stack.book(person, event)
        assert refusal(by_name(host, held)) == (409, "booking_not_confirmed")
        other = stack.user()
        paid = stack.paid_booking(other, event)
        assert other.post(f"/bookings/{paid['id']}/cancel").status_code == 200
        assert refusal(scan(host, paid["ticket"])) == (409, "booking_not_confirmed")

    @pytest.mark.parametrize(
        "starts, ends, open",
        [
            ("24 hours 1 minute", "26 hours", False),
            ("23 hours 59 minutes", "26 hours", True),
            ("-50 hours", "-23 hours -59 minutes", True),
            ("-50 hours", "-24 hours -1 minute", False),
            ("-23 hours", None, True),
            ("-25 hours", None, False),
            ("-100 hours", "100 hours", True),
        ],
    )
    def test_when_the_door_is_open(self, stack, host, event, booking, starts, ends, open):
        stack.rows("UPDATE events SET start_at = now() + %s::interval, end_at = now() + %s::interval WHERE id = %s", starts, ends, event["id"])
        for answer in (scan(host, booking["ticket"]), by_name(host, booking)):
            assert (answer.status_code if open else refusal(answer)) == (200 if open else (409, "check_in_closed"))

    def test_keys_of_machines(self, host, booking):
        def machine(*scopes):
            answer = host.post("/profile/keys", {"name": unique("door"), "scopes": scopes, "current_password": "password123"})
            assert answer.status_code == 201, answer.text
            return Client(host.base_url, answer.json()["key"])

        assert refusal(scan(machine("read", "book"), booking["ticket"])) == (403, "scope_missing")
        assert scan(machine("events"), booking["ticket"]).json()["already"] is False

    def test_many_doors_at_once(self, stack, host, booking):
        stack.operator("scale", "booking=2")
        try:
            with concurrent.futures.ThreadPoolExecutor(DOORS) as pool:
                for _ in range(5):
                    doors = [scan] * (DOORS // 2) + [lambda host, ticket: by_name(host, booking)] * (DOORS // 2)
                    answers = [each.result() for each in [pool.submit(door, host, booking["ticket"]) for door in doors]]
                    assert sorted(answer.json()["already"] for answer in answers) == [False] + [True] * (DOORS - 1)
                    assert len({answer.json()["booking"]["checked_in_at"] for answer in answers}) == 1
                    undone = [each.result() for each in [pool.submit(undo, host, booking) for _ in range(DOORS)]]
                    assert sorted(answer.json()["already"] for answer in undone) == [False] + [True] * (DOORS - 1)
        finally:
            stack.operator("scale", "booking=1")

    def test_cancelled_while_it_is_scanned(self, stack, host, event):
        """Whichever comes first: nobody is let in with a booking that is cancelled."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for _ in range(10):
                person = stack.user()
                booking = stack.book(person, event)
                let_in = pool.submit(scan, host, booking["ticket"])
                cancelled = pool.submit(person.post, f"/bookings/{booking['id']}/cancel")
                assert cancelled.result().status_code == 200
                if let_in.result().status_code != 200:
                    assert refusal(let_in.result()) == (409, "booking_not_confirmed")
                    assert show(person, booking)["checked_in_at"] is None

    def test_each_is_told(self, host, person, booking, crm_receiver):
        for _ in range(2):
            assert scan(host, booking["ticket"]).json()["already"] is False
            assert scan(host, booking["ticket"]).json()["already"] is True
            assert undo(host, booking).json()["already"] is False
            assert undo(host, booking).json()["already"] is True
        told = until_told(host, "event.created", "booking.created", *2 * ["booking.checked_in", "booking.check_in_undone"])
        data = told[2]["data"]
        assert (data["action"], data["status"], data["user"]["name"]) == ("checked_in", "confirmed", person.name)
        crm_receiver.wait_for(lambda delivery: delivery.json == told[5]["data"])

    def test_it_is_heard_live_and_need_not_be_read(self, host, booking):
        def inbox():
            return {message["type"]: message["read"] for message in host.get("/inbox").json()["notifications"]}

        assert scan(host, booking["ticket"]).json()["already"] is False
        wait_until(lambda: "booking.checked_in" in inbox(), "it is not pushed")
        assert inbox() == {"booking.checked_in": True, "booking.created": False, "event.created": False}

    def test_who_is_erased_is_nameless_in_what_was_told(self, stack, host, event):
        person = stack.user(name=unique("Erasmus"))
        booking = stack.book(person, event)
        host.post("/webhooks", {"url": "http://127.0.0.1:9/hook"})
        assert scan(host, ticket_of(person, booking)).json()["already"] is False
        of_them = "SELECT count(*) FROM deliveries WHERE type = 'booking.checked_in' AND strpos(body, %s) > 0"
        wait_until(lambda: stack.rows(of_them, person.name)[0][0] >= 1, "it is not sent")
        stack.rows("UPDATE events SET start_at = now() - interval '1 hour' WHERE id = %s", event["id"])
        assert person.request("DELETE", "/profile", json={"current_password": "password123"}).status_code == 200
        assert stack.rows(of_them, person.name) == [(0,)]


class TestAttendees:
    @pytest.fixture(scope="class")
    def crowd(self, stack):
        """A host, their event, and who has booked it: by name."""
        host = stack.facilitator()
        event = stack.event(host, **tonight())
        people = {}
        for name in ("Anna Müller", "Bela 100%", "Anna Bela", "योग देवी"):
            person = stack.user(name=name)
            people[name] = show(person, stack.book(person, event))
        by_name(host, people["Anna Bela"])
        return host, event, people

    @pytest.mark.parametrize(
        "words, found",
        [
            ("anna", ["Anna Bela", "Anna Müller"]),
            ("BELA anna", ["Anna Bela"]),
            ("MÜLL", ["Anna Müller"]),
            ("देवी", ["योग देवी"]),
            ("%", ["Bela 100%"]),
            ("_", []),
            ("nobody", []),
            ("  ", ["योग देवी", "Anna Bela", "Bela 100%", "Anna Müller"]),
        ],
    )
    def test_by_words(self, crowd, words, found):
        host, event, _ = crowd
        assert [each["name"] for each in attendees(host, event, q=words)] == found

    def test_by_address_and_reference(self, crowd):
        host, event, people = crowd
        for name, booking in people.items():
            for words in (booking["user"]["email"].upper(), booking["booking_reference"].lower()):
                assert [each["name"] for each in attendees(host, event, q=words)] == [name]

    def test_by_check_in(self, crowd):
        host, event, _ = crowd
        assert [each["name"] for each in attendees(host, event, checked_in="true")] == ["Anna Bela"]
        assert len(attendees(host, event, checked_in="false")) == 3
        assert attendees(host, event, checked_in="false", q="anna bela") == []
        assert host.get(f"/facilitator/events/{event['id']}/bookings").json()["event"]["checked_in"] == 1

    @pytest.mark.parametrize("sort", ["-created", "created", "start", "-start"])
    def test_page_by_page(self, crowd, sort):
        host, event, _ = crowd
        path, query, found = f"/facilitator/events/{event['id']}/attendees", {"limit": 1, "sort": sort, "q": "a"}, []
        while query.get("after", "") is not None:
            page = host.get(path, params=query).json()
            found += page["attendees"]
            query["after"] = page["next"]
        assert found == attendees(host, event, sort=sort, q="a") and len(found) >= 3

    def test_refusals(self, crowd, stack, person):
        host, event, _ = crowd
        for path in (f"/facilitator/events/{event['id']}/attendees", f"/facilitator/events/{event['id']}/bookings.csv"):
            assert refusal(stack.facilitator().get(path)) == (403, "forbidden")
            assert refusal(person.get(path)) == (403, "forbidden")
            assert refusal(host.get(path, params={"after": "x"})) == (400, "bad_cursor")
            assert refusal(host.get(path, params={"q": ""})) == (400, "validation_error")
        assert refusal(host.get("/facilitator/events/999999999/attendees")) == (404, "event_not_found")

    def test_the_file(self, stack, host):
        event = stack.priced_event(host, **tonight(), price=10.5, currency="USD")
        person = stack.user(name='=HYPERLINK("http://evil.example")')
        paid = stack.paid_booking(person, event)
        stack.rows("UPDATE bookings SET notes = %s WHERE id = %s", "+1, please\n@home", paid["id"])
        answer = by_name(host, paid)
        held = stack.book(stack.user(), event)
        answer = host.get(f"/facilitator/events/{event['id']}/bookings.csv", params={"sort": "created"})
        assert answer.headers["Content-Type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
        assert rows == [
            {
                "booking_id": str(paid["id"]),
                "booking_reference": paid["booking_reference"],
                "name": "'=HYPERLINK(\"http://evil.example\")",
                "email": person.email,
                "phone": "",
                "status": "confirmed",
                "payment_status": "completed",
                "notes": "'+1, please\n@home",
                "booked_at": paid["created_at"],
                "checked_in_at": show(host, paid)["checked_in_at"],
                "ticket": paid["ticket"],
                "amount": "10.50",
                "currency": "USD",
            },
            {**rows[1], "booking_id": str(held["id"]), "status": "pending", "checked_in_at": "", "ticket": "", "notes": ""},
        ]
        only = host.get(f"/facilitator/events/{event['id']}/bookings.csv", params={"checked_in": "true"})
        assert len(list(csv.DictReader(io.StringIO(only.content.decode())))) == 1

    def test_a_long_file_names_its_next_part(self, stack, host):
        """More than fits into one message of the bus."""
        event = stack.event(host, **tonight(), max_participants=None)
        ((first,),) = stack.rows(
            "WITH people AS (INSERT INTO users (email, name) SELECT %s || n || '@example.com', 'Person ' || n FROM generate_series(1, 700) n"
            "  RETURNING id), counted AS (UPDATE events SET taken = 700 WHERE id = %s), booked AS (INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency, notes)"
            "  SELECT %s || id, %s, id, 'confirmed', 'not_required', 0, 'INR', repeat('ॐ', 1000) FROM people RETURNING id)"
            " SELECT min(id) FROM booked",
            *(unique("many"), event["id"], unique("MANY"), event["id"]),
        )
        path, found, parts = f"/facilitator/events/{event['id']}/bookings.csv?sort=created", [], 0
        while path:
            answer = host.get(path)
            assert answer.status_code == 200, answer.text
            found += csv.DictReader(io.StringIO(answer.content.decode()))
            path, parts = answer.links.get("next", {}).get("url"), parts + 1
        assert [int(row["booking_id"]) for row in found] == list(range(first, first + 700)) and parts == 3
        assert all(CODE.fullmatch(row["ticket"]) for row in found)


class TestCancellationPreview:
    def preview(self, host, event):
        answer = host.get(f"/facilitator/events/{event['id']}/cancel")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def test_it_says_what_the_cancellation_does(self, stack, host):
        """Whole, in part paid back before, twice paid, held and cancelled bookings, and one in another currency."""
        event = stack.priced_event(host, **tonight(), cancellation_policy=[])
        people = [stack.user() for _ in range(5)]
        whole, part, gone, twice = (stack.paid_booking(person, event) for person in people[:4])
        held = stack.book(people[4], event)
        gone_for_good = people[2].post(f"/bookings/{gone['id']}/cancel").json()
        assert gone_for_good["refund"] is None  # by this policy
        assert host.post(f"/bookings/{part['id']}/refund", {"amount": 700, "reason": "Late"}).status_code == 201
        stack.rows(
            "INSERT INTO payments (booking_id, user_id, event_id, facilitator_id, provider, order_id, provider_payment_id, duplicate_of, status,"
            "  amount_minor, currency, captured_minor, captured_at) SELECT booking_id, user_id, event_id, facilitator_id, provider, order_id || '-2',"
            "  provider_payment_id || '-2', id, 'captured', amount_minor, currency, captured_minor, now() FROM payments WHERE booking_id = %s",
            twice["id"],
        )
        assert host.put(f"/events/{event['id']}", {"price": 30, "currency": "EUR"}).status_code == 200
        other = stack.paid_booking(stack.user(), event)
        said = self.preview(host, event)
        assert said == {
            "event_id": event["id"],
            "bookings": 5,
            "pending": 1,
            "paid_bookings": 4,
            "waiting": 0,
            "refunds": [
                {"currency": "EUR", "amount": 30.0, "amount_minor": 3000},
                {"currency": "INR", "amount": 2500.0 + 1800.0 + 2500.0, "amount_minor": 680000},
            ],
        }
        done = host.post(f"/facilitator/events/{event['id']}/cancel").json()
        assert (done["bookings_cancelled"], done["refunds_processed"]) == (said["bookings"], said["paid_bookings"])
        owed = stack.rows(
            "SELECT r.currency, sum(r.amount_minor)::bigint FROM refunds r JOIN bookings b ON b.id = r.booking_id"
            " WHERE b.event_id = %s AND r.cause = 'event_cancelled' GROUP BY 1 ORDER BY 1",
            event["id"],
        )
        assert owed == [(each["currency"], each["amount_minor"]) for each in said["refunds"]]
        assert {each["currency"]: each["amount"] for each in said["refunds"]}["EUR"] == done["total_refund_amount"]
        assert [show(host, each)["status"] for each in (whole, part, twice, held, other)] == 5 * ["cancelled"]
        stack.rows(
            "INSERT INTO refunds (payment_id, booking_id, amount_minor, currency, cause, status, processed_at)"
            " SELECT id, booking_id, captured_minor, currency, 'duplicate', 'processed', now() FROM payments"
            " WHERE booking_id = %s AND duplicate_of IS NOT NULL",
            twice["id"],
        )
        stack.rows("UPDATE payments SET status = 'refunded' WHERE booking_id = %s AND duplicate_of IS NOT NULL", twice["id"])
        assert refusal(host.get(f"/facilitator/events/{event['id']}/cancel")) == (409, "event_already_cancelled")

    def test_of_a_free_one_and_of_none(self, stack, host, person, event):
        nothing = {"bookings": 0, "pending": 0, "paid_bookings": 0, "waiting": 0, "refunds": []}
        assert nothing.items() <= self.preview(host, event).items()
        stack.book(person, event)
        assert {**nothing, "bookings": 1}.items() <= self.preview(host, event).items()

    def test_who_waits(self, stack, host, person):
        event = stack.event(host, max_participants=1)
        stack.book(person, event)
        answer = stack.user().post(f"/events/{event['id']}/waitlist")
        assert answer.status_code == 200, answer.text
        assert {"bookings": 1, "waiting": 1}.items() <= self.preview(host, event).items()

    def test_it_changes_nothing(self, stack, host, person):
        event = stack.priced_event(host)
        booking = stack.paid_booking(person, event)
        self.preview(host, event)
        assert show(person, booking) == booking
        assert stack.anonymous.get(f"/events/{event['id']}").json()["status"] == "active"

    def test_refusals(self, stack, event, person):
        path = f"/facilitator/events/{event['id']}/cancel"
        assert refusal(stack.facilitator().get(path)) == (403, "forbidden")
        assert refusal(person.get(path)) == (403, "forbidden")
        assert refusal(stack.facilitator().get("/facilitator/events/999999999/cancel")) == (404, "event_not_found")


class TestReceipt:
    def receipt(self, person, booking):
        answer = person.get(f"/bookings/{booking['id']}/receipt")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def test_of_what_was_paid(self, stack, host, admin, person):
        event = stack.priced_event(host, title="Morning Meditation", location="Studio A")
        booking = stack.paid_booking(person, event)
        receipt = self.receipt(person, booking)
        assert receipt == self.receipt(host, booking) == self.receipt(admin, booking)
        money = {"amount": 2500.0, "amount_minor": 250000, "currency": "INR"}
        (payment,) = receipt["payments"]
        assert payment == {**money, "provider": "sandbox", "provider_payment_id": booking["payment_id"], "captured_at": receipt["issued_at"]}
        assert receipt["lines"] == [{**money, "what": "Morning Meditation"}]
        assert receipt["event"] == {
            "id": event["id"],
            "title": "Morning Meditation",
            **{name: event[name] for name in ("start_datetime", "end_datetime", "time_zone", "location")},
        }
        expected = {
            "number": f"R-{booking['booking_reference']}",
            "booking_id": booking["id"],
            "booking_reference": booking["booking_reference"],
            "facilitator": {"id": host.id, "name": host.name},
            "person": {"name": person.name, "email": person.email},
            "paid_minor": 250000,
            "refunded_minor": 0,
            "currency": "INR",
            "provider": "sandbox",
            "provider_payment_id": booking["payment_id"],
            "refunds": [],
        }
        assert expected.items() <= receipt.items()

    def test_with_what_went_back(self, stack, host, person):
        booking = stack.paid_booking(person, stack.priced_event(host))
        assert host.post(f"/bookings/{booking['id']}/refund", {"amount": 700, "reason": "Late"}).status_code == 201
        assert person.post(f"/bookings/{booking['id']}/cancel").status_code == 200
        booking_until(person, booking["id"], payment_status="refunded")
        wait_until(lambda: all(each["processed_at"] for each in self.receipt(person, booking)["refunds"]), "the refunds are not paid")
        receipt = self.receipt(person, booking)
        assert (receipt["paid"], receipt["refunded"]) == (2500.0, 2500.0)
        assert [(each["amount"], each["status"], each["cause"]) for each in receipt["refunds"]] == [
            (700.0, "processed", "manual"),
            (1800.0, "processed", "cancelled"),
        ]

    def test_of_money_that_came_too_late(self, stack, host, person):
        answer = person.post("/bookings", {"event_id": stack.priced_event(host)["id"]}).json()
        assert person.post(f"/bookings/{answer['booking']['id']}/cancel").status_code == 200
        assert stack.anonymous.post(f"/sandbox/orders/{answer['order_id']}", {"action": "pay"}).status_code == 200
        receipt = self.receipt(person, answer["booking"])
        assert (receipt["paid"], receipt["refunded"], receipt["refunds"][0]["cause"]) == (2500.0, 2500.0, "late")

    def test_by_who_ran_it_then(self, stack, host, person):
        event = stack.priced_event(host)
        booking = stack.paid_booking(person, event)
        successor = stack.facilitator()
        stack.rows("UPDATE events SET facilitator_id = %s WHERE id = %s", successor.id, event["id"])
        assert self.receipt(successor, booking)["facilitator"] == {"id": host.id, "name": host.name}
        assert refusal(host.get(f"/bookings/{booking['id']}/receipt")) == (404, "booking_not_found")

    def test_refusals(self, stack, host, person, booking):
        path = f"/bookings/{booking['id']}/receipt"
        assert refusal(person.get(path)) == (409, "booking_not_paid")  # free
        held = stack.book(person, stack.priced_event(host))
        assert refusal(person.get(f"/bookings/{held['id']}/receipt")) == (409, "booking_not_paid")
        assert refusal(stack.user().get(path)) == (404, "booking_not_found")
        assert refusal(stack.facilitator().get(path)) == (404, "booking_not_found")
        assert refusal(person.get("/bookings/999999999999/receipt")) == (404, "booking_not_found")
