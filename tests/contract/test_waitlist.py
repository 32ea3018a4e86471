"""The waiting list of a full event: who may join, who is offered what comes free, what becomes of an offer, and who hears of it."""

import concurrent.futures
import json

import pytest

from harness import assert_ledger_is_balanced, booking_until, days_from_now, refusal, start_stack, stop_stack, wait_until
from mails import Mails

HOME = "https://tithi.example"


@pytest.fixture(scope="module")
def stack():
    stack = start_stack({"PUBLIC_URL": HOME, "HOLD_TTL": "1h"})
    yield stack
    stop_stack(stack)


@pytest.fixture(scope="module")
def facilitator(stack):
    return stack.facilitator(name="Frida Facilitator")


def full_event(stack, facilitator, places=1, **fields):
    """The event, and the bookings that fill it: (person, booking)."""
    event = stack.event(facilitator, max_participants=places, **fields)
    return event, [(person, stack.book(person, event)) for person in (stack.user() for _ in range(places))]


def path_of(event):
    return f"/events/{event['id']}/waitlist"


def join(person, event):
    answer = person.post(path_of(event))
    assert answer.status_code == 200, answer.text
    return answer.json()["entry"]


def entry_of(person, event, **query):
    (entry,) = person.get("/waitlist", params={"event_id": event["id"], **query}).json()["entries"]
    return entry


def until_offered(person, event):
    return wait_until(lambda: entry if (entry := entry_of(person, event))["state"] == "offered" else None, f"an offer of event {event['id']}")


def until_ended(person, event, state):
    path, query = "/waitlist", {"event_id": event["id"], "state": state}
    wait_until(lambda: person.get(path, params=query).json()["entries"], lambda: f"{state}; it is {person.get(path).text}")


def cancel(person, booking):
    assert person.post(f"/bookings/{booking['id']}/cancel").status_code == 200


def let_lapse(stack, person, event):
    """As if its time were over."""
    stack.rows(
        "UPDATE waitlist_entries SET offered_until = now() WHERE user_id = %s AND event_id = %s AND state = 'offered'", person.id, event["id"]
    )


def offers_mailed(stack, person, title):
    return [mail for mail in Mails(stack).to(person.email) if title in mail.subject]


def shown(stack, event):
    event = stack.anonymous.get(f"/events/{event['id']}").json()
    return {name: event[name] for name in ("current_participants", "available_spots", "places_offered", "waitlist_count")}


def places(taken, available, offered, waiting):
    return {"current_participants": taken, "available_spots": available, "places_offered": offered, "waitlist_count": waiting}


class TestJoining:
    def test_positions_follow_the_order_of_joining(self, stack, facilitator):
        event, _ = full_event(stack, facilitator)
        people = [stack.user() for _ in range(3)]
        assert [join(person, event)["position"] for person in people] == [1, 2, 3]
        assert shown(stack, event) == places(1, 0, 0, 3)
        assert people[0].delete(path_of(event)).status_code == 200
        assert [entry_of(person, event)["position"] for person in people[1:]] == [1, 2]
        assert join(people[0], event)["position"] == 3
        assert shown(stack, event) == places(1, 0, 0, 3)

    def test_joining_twice_is_joining_once(self, stack, facilitator):
        event, _ = full_event(stack, facilitator)
        person, other = stack.user(), stack.user()
        entry = join(person, event)
        join(other, event)
        assert join(person, event) == entry
        assert entry == {
            **{"id": entry["id"], "joined_at": entry["joined_at"], "event_id": event["id"], "session_id": event["id"], "event": entry["event"]},
            **{"state": "waiting", "position": 1, "offered_at": None, "offered_until": None, "ended_at": None},
        }
        assert (entry["event"]["id"], entry["event"]["title"]) == (event["id"], event["title"])
        assert shown(stack, event)["waitlist_count"] == 2

    def test_every_path_leads_to_the_same_list(self, stack, facilitator):
        event, _ = full_event(stack, facilitator)
        person = stack.user()
        paths = [f"{family}/{event['id']}/waitlist" for family in ("/events", "/api/events", "/api/sessions")]
        assert len({person.post(path).json()["entry"]["id"] for path in paths}) == 1
        assert [len(facilitator.get(path).json()["entries"]) for path in paths] == [1, 1, 1]
        assert person.get("/api/waitlist").json() == person.get("/waitlist").json()
        assert person.delete(paths[2]).status_code == 200

    def test_not_while_places_are_free(self, stack, facilitator, person):
        event = stack.event(facilitator, max_participants=2)
        assert refusal(person.post(path_of(event))) == (409, "places_free")
        assert refusal(person.post(path_of(stack.event(facilitator, max_participants=None)))) == (409, "places_free")

    def test_not_who_has_a_place(self, stack, facilitator):
        event, [(booker, _)] = full_event(stack, facilitator)
        assert refusal(booker.post(path_of(event))) == (409, "already_booked")

    def test_not_for_what_cannot_be_booked(self, stack, facilitator, person):
        begun, _ = full_event(stack, facilitator)
        stack.rows("UPDATE events SET start_at = now() - interval '1 hour', end_at = NULL WHERE id = %s", begun["id"])
        assert refusal(person.post(path_of(begun))) == (409, "event_past")
        closed, _ = full_event(stack, facilitator)
        assert facilitator.put(f"/events/{closed['id']}", {"is_active": False}).ok
        assert refusal(person.post(path_of(closed))) == (409, "event_inactive")
        cancelled, _ = full_event(stack, facilitator)
        assert facilitator.post(f"/facilitator/events/{cancelled['id']}/cancel").ok
        assert refusal(person.post(path_of(cancelled))) == (409, "event_cancelled")
        assert refusal(person.post("/events/999999999/waitlist")) == (404, "event_not_found")
        assert person.get("/waitlist").json() == {"entries": [], "next": None}

    def test_who_does_not_wait_cannot_leave(self, stack, facilitator, person):
        event, _ = full_event(stack, facilitator)
        assert refusal(person.delete(path_of(event))) == (404, "not_waiting")
        join(person, event)
        assert person.delete(path_of(event)).status_code == 200
        assert refusal(person.delete(path_of(event))) == (404, "not_waiting")
        assert person.get("/waitlist").json()["entries"] == []
        assert entry_of(person, event, state="left")["ended_at"]

    def test_a_full_event_says_that_people_wait(self, stack, facilitator, person):
        event, _ = full_event(stack, facilitator)
        answer = person.post("/bookings", {"event_id": event["id"]})
        assert refusal(answer) == (400, "event_full") and not answer.json().get("details")
        join(stack.user(), event)
        answer = person.post("/bookings", {"event_id": event["id"]})
        assert refusal(answer) == (400, "event_full")
        assert answer.json()["details"] == {"event_id": f"people wait for places; POST {path_of(event)} joins them"}


class TestOffers:
    def test_a_freed_place_is_the_first_one_s(self, stack, facilitator):
        event, [(booker, booking)] = full_event(stack, facilitator)
        first, second, stranger = stack.user(), stack.user(), stack.user()
        join(first, event), join(second, event)
        cancel(booker, booking)
        offer = until_offered(first, event)
        assert offer["position"] is None and offer["offered_at"] < offer["offered_until"] < event["start_datetime"]
        assert entry_of(second, event)["position"] == 1
        assert shown(stack, event) == places(0, 0, 1, 1)
        for person in (stranger, second, booker):
            assert refusal(person.post("/bookings", {"event_id": event["id"]})) == (400, "event_full")
        assert stack.book(first, event)["status"] == "confirmed"
        assert entry_of(first, event, state="booked")["ended_at"]
        assert shown(stack, event) == places(1, 0, 0, 1)
        assert refusal(first.post("/bookings", {"event_id": event["id"]})) == (409, "already_booked")

    def test_an_offer_that_nobody_takes_goes_on(self, stack, facilitator):
        event, [(booker, booking)] = full_event(stack, facilitator)
        first, second = stack.user(), stack.user()
        join(first, event), join(second, event)
        cancel(booker, booking)
        until_offered(first, event)
        let_lapse(stack, first, event)
        until_offered(second, event)
        assert entry_of(first, event, state="lapsed")["ended_at"]
        assert refusal(first.post("/bookings", {"event_id": event["id"]})) == (400, "event_full")
        assert second.delete(path_of(event)).status_code == 200  # nobody is left, so it is anybody's
        assert shown(stack, event) == places(0, 1, 0, 0)
        stack.book(first, event)

    def test_an_offer_lasts_as_long_as_its_time(self, stack, facilitator):
        """Also where no worker has ended it yet."""
        event, [(booker, booking)] = full_event(stack, facilitator)
        first, second = stack.user(), stack.user()
        join(first, event), join(second, event)
        cancel(booker, booking)
        until_offered(first, event)
        connection = stack.database()
        with concurrent.futures.ThreadPoolExecutor(1) as pool, connection, connection.cursor() as cursor:
            cursor.execute("SELECT FROM events WHERE id = %s FOR UPDATE", (event["id"],))
            cursor.execute("UPDATE waitlist_entries SET offered_until = clock_timestamp() WHERE user_id = %s", (first.id,))
            answer = pool.submit(first.post, "/bookings", {"event_id": event["id"]})
            wait_until(lambda: stack.rows("SELECT 1 FROM pg_locks WHERE NOT granted"), "somebody who waits for the event")
            connection.commit()
            assert refusal(answer.result()) == (400, "event_full")
        connection.close()
        until_offered(second, event)

    def test_no_offer_lasts_past_the_start(self, stack, facilitator):
        event, [(booker, booking)] = full_event(stack, facilitator)
        person = stack.user()
        join(person, event)
        stack.rows("UPDATE events SET start_at = date_trunc('second', now() + interval '1 hour'), end_at = NULL WHERE id = %s", event["id"])
        cancel(booker, booking)
        assert until_offered(person, event)["offered_until"] == stack.anonymous.get(f"/events/{event['id']}").json()["start_datetime"]

    def test_a_priced_place_is_held_and_paid_as_any(self, stack, facilitator):
        event = stack.priced_event(facilitator, max_participants=1)
        paid = stack.paid_booking(booker := stack.user(), event)
        first, second = stack.user(), stack.user()
        join(first, event), join(second, event)
        cancel(booker, paid)
        until_offered(first, event)
        booked = first.post("/bookings", {"event_id": event["id"]}).json()
        assert booked["booking"]["status"] == "pending" and booked["order_id"]
        assert shown(stack, event) == places(1, 0, 0, 1)
        stack.rows("UPDATE bookings SET hold_expires_at = now() WHERE id = %s", booked["booking"]["id"])  # it is not paid in time
        until_offered(second, event)
        order = second.post("/bookings", {"event_id": event["id"]}).json()
        assert stack.anonymous.post(f"/sandbox/orders/{order['order_id']}", {"action": "pay"}).status_code == 200
        booking_until(second, order["booking"]["id"], status="confirmed")
        assert shown(stack, event) == places(1, 0, 0, 0)
        assert_ledger_is_balanced(stack)

    def test_a_late_payment_does_not_jump_the_line(self, stack, facilitator):
        event = stack.priced_event(facilitator, max_participants=1)
        late, waiting = stack.user(), stack.user()
        order = late.post("/bookings", {"event_id": event["id"]}).json()
        join(waiting, event)
        stack.rows("UPDATE bookings SET hold_expires_at = now() WHERE id = %s", order["booking"]["id"])
        until_offered(waiting, event)
        assert stack.anonymous.post(f"/sandbox/orders/{order['order_id']}", {"action": "pay"}).status_code == 200
        booking_until(late, order["booking"]["id"], status="expired", payment_status="refunded")
        assert shown(stack, event) == places(0, 0, 1, 0)
        assert_ledger_is_balanced(stack)

    def test_a_late_payment_takes_its_own_person_s_offer(self, stack, facilitator):
        event = stack.priced_event(facilitator, max_participants=1)
        late, other = stack.user(), stack.user()
        order = late.post("/bookings", {"event_id": event["id"]}).json()
        stack.rows("UPDATE bookings SET hold_expires_at = now() WHERE id = %s", order["booking"]["id"])
        booking_until(late, order["booking"]["id"], status="expired")
        booking = stack.book(other, event)
        join(late, event)
        cancel(other, booking)
        until_offered(late, event)
        assert stack.anonymous.post(f"/sandbox/orders/{order['order_id']}", {"action": "pay"}).status_code == 200
        booking_until(late, order["booking"]["id"], status="confirmed")
        assert entry_of(late, event, state="booked") and shown(stack, event) == places(1, 0, 0, 0)
        assert_ledger_is_balanced(stack)

    def test_more_places_are_offered_in_order(self, stack, facilitator):
        event, _ = full_event(stack, facilitator)
        people = [stack.user() for _ in range(4)]
        for person in people:
            join(person, event)
        assert facilitator.put(f"/events/{event['id']}", {"max_participants": 3}).ok
        until_offered(people[1], event)
        assert [entry_of(person, event)["state"] for person in people] == ["offered", "offered", "waiting", "waiting"]
        assert shown(stack, event) == places(1, 0, 2, 2)
        answer = facilitator.put(f"/events/{event['id']}", {"max_participants": 2})
        assert refusal(answer) == (409, "capacity_below_taken") and "places_offered" in answer.json()["details"]["max_participants"]
        assert facilitator.put(f"/events/{event['id']}", {"max_participants": None}).ok  # no limit: everybody's turn
        until_offered(people[3], event)
        assert shown(stack, event) == {**places(1, None, 4, 0)}

    def test_an_event_that_is_not_open_offers_nothing(self, stack, facilitator):
        event, [(booker, booking)] = full_event(stack, facilitator)
        person = stack.user()
        join(person, event)
        assert facilitator.put(f"/events/{event['id']}", {"is_active": False}).ok
        cancel(booker, booking)
        assert entry_of(person, event)["state"] == "waiting"
        assert facilitator.put(f"/events/{event['id']}", {"is_active": True}).ok
        until_offered(person, event)

    def test_who_was_shut_out_loses_the_turn(self, stack, facilitator):
        event, [(booker, booking)] = full_event(stack, facilitator)
        first, second = stack.user(), stack.user()
        join(first, event), join(second, event)
        stack.rows("UPDATE users SET is_active = false WHERE id = %s", first.id)
        cancel(booker, booking)
        until_offered(second, event)
        assert stack.rows("SELECT state FROM waitlist_entries WHERE user_id = %s", first.id) == [("closed",)]


class TestEnds:
    def test_with_the_event(self, stack, facilitator):
        event, bookings = full_event(stack, facilitator, places=2)
        first, second = stack.user(), stack.user()
        join(first, event), join(second, event)
        cancel(*bookings[0])
        until_offered(first, event)
        assert facilitator.post(f"/facilitator/events/{event['id']}/cancel").ok
        until_ended(first, event, "closed")
        until_ended(second, event, "closed")
        assert shown(stack, event) == places(0, 2, 0, 0)

    def test_when_it_is_removed(self, stack, facilitator):
        event, [(booker, booking)] = full_event(stack, facilitator)
        person = stack.user()
        join(person, event)
        cancel(booker, booking)
        until_offered(person, event)
        assert facilitator.delete(f"/events/{event['id']}").ok
        until_ended(person, event, "closed")

    def test_when_it_begins(self, stack, facilitator):
        event, _ = full_event(stack, facilitator)
        person = stack.user()
        join(person, event)
        stack.rows("UPDATE events SET start_at = now() - interval '1 second', end_at = NULL WHERE id = %s", event["id"])
        until_ended(person, event, "closed")
        assert shown(stack, event) == places(1, 0, 0, 0)

    def test_with_the_account(self, stack, facilitator):
        event, [(booker, booking)] = full_event(stack, facilitator)
        first, second = stack.user(name="Weary Waiter"), stack.user()
        join(first, event), join(second, event)
        cancel(booker, booking)
        until_offered(first, event)
        (row,) = first.get("/profile/export").json()["waitlist"]
        assert (row["event_id"], row["state"]) == (event["id"], "offered")
        wait_until(lambda: offers_mailed(stack, first, event["title"]), "the mail")
        assert first.request("DELETE", "/profile", json={"current_password": "password123"}).status_code == 200
        until_offered(second, event)
        assert shown(stack, event) == places(0, 0, 1, 0)
        assert stack.rows("SELECT FROM waitlist_entries WHERE user_id = %s", first.id) == []
        bodies = "SELECT body FROM log_entries WHERE user_id = %s UNION ALL SELECT body FROM deliveries WHERE owner_id = %s"
        assert not any("Weary" in body or first.email in body for (body,) in stack.rows(bodies, first.id, first.id))


class TestLists:
    def test_a_facilitator_sees_who_waits(self, stack, facilitator):
        event, [(booker, booking)] = full_event(stack, facilitator)
        people = [stack.user() for _ in range(4)]
        for person in people:
            join(person, event)
        assert people[1].delete(path_of(event)).ok
        cancel(booker, booking)
        until_offered(people[0], event)
        first = facilitator.get(path_of(event), params={"limit": 2})
        assert 'rel="next"' in first.headers["Link"]
        second = facilitator.get(path_of(event), params={"limit": 2, "after": first.json()["next"]}).json()
        entries = first.json()["entries"] + second["entries"]
        assert second["next"] is None
        assert [(entry["user"]["id"], entry["state"], entry["position"]) for entry in entries] == [
            (people[0].id, "offered", None), (people[2].id, "waiting", 1), (people[3].id, "waiting", 2),
        ]
        (left,) = facilitator.get(path_of(event), params={"state": "left"}).json()["entries"]
        assert left["user"] == {"id": people[1].id, "name": people[1].name, "email": people[1].email}
        assert refusal(people[0].get(path_of(event))) == refusal(stack.facilitator().get(path_of(event))) == (403, "forbidden")
        assert refusal(facilitator.get(path_of(event), params={"after": "nonsense"})) == (400, "bad_cursor")

    def test_one_s_own_in_pages(self, stack, facilitator):
        events = [full_event(stack, facilitator)[0] for _ in range(3)]
        person = stack.user()
        for event in events:
            join(person, event)
        page = person.get("/waitlist", params={"limit": 2}).json()
        rest = person.get("/waitlist", params={"limit": 2, "after": page["next"]}).json()
        assert [entry["event_id"] for entry in page["entries"] + rest["entries"]] == [event["id"] for event in reversed(events)]
        assert rest["next"] is None and refusal(person.get("/waitlist", params={"after": "x"})) == (400, "bad_cursor")


class TestNews:
    def test_the_facilitator_hears_of_offers(self, stack):
        facilitator = stack.facilitator()
        event, [(booker, booking)] = full_event(stack, facilitator)
        first, second = stack.user(), stack.user()
        entries = join(first, event), join(second, event)
        cancel(booker, booking)
        until_offered(first, event)
        assert first.delete(path_of(event)).ok
        until_offered(second, event)

        def told():
            found = facilitator.get("/log", params={"type": "waitlist"}).json()["entries"]
            return found if len(found) == 3 else None

        found = wait_until(told, "three entries in the log")
        assert [(entry["type"], entry["data"]["waitlist_id"]) for entry in found] == [
            ("waitlist.offered", entries[0]["id"]), ("waitlist.lapsed", entries[0]["id"]), ("waitlist.offered", entries[1]["id"]),
        ]
        offered = found[2]["data"]
        assert offered["user"] == {"id": second.id, "name": second.name, "email": second.email}
        assert (offered["event"]["id"], offered["facilitator_id"], offered["action"]) == (event["id"], facilitator.id, "offered")
        inbox = wait_until(lambda: facilitator.get("/inbox").json()["notifications"], "an inbox")
        assert inbox[0]["type"] == "waitlist.offered" and inbox[0]["data"] == offered

    def test_an_endpoint_may_ask_for_it(self, stack):
        facilitator = stack.facilitator()
        event, [(booker, booking)] = full_event(stack, facilitator)
        made = facilitator.post("/webhooks", {"url": "http://127.0.0.1:9/hook", "types": ["waitlist.offered"]})
        assert made.status_code == 201, made.text
        join(person := stack.user(), event)
        cancel(booker, booking)
        until_offered(person, event)
        queued = "SELECT type, body FROM deliveries WHERE channel = 'webhook' AND owner_id = %s"
        ((kind, body),) = wait_until(lambda: stack.rows(queued, facilitator.id), "a webhook")
        assert kind == json.loads(body)["type"] == "waitlist.offered"

    @pytest.mark.parametrize(
        "language, subject",
        [("en", "is free for you"), ("de", "ein Platz für Sie frei"), ("es", "una plaza libre"), ("fr", "s’est libérée"), ("hi", "एक जगह खाली")],
    )
    def test_the_person_is_written_to(self, stack, facilitator, language, subject):
        event, [(booker, booking)] = full_event(stack, facilitator, title="Quiet Hour", location="Studio A", time_zone="Asia/Kolkata")
        person = stack.user(language=language)
        join(person, event)
        cancel(booker, booking)
        until_offered(person, event)
        (mail,) = wait_until(lambda: offers_mailed(stack, person, "Quiet Hour"), "the mail")
        assert subject in mail.subject
        assert f"{HOME}/app/events/{event['id']}" in mail.text and "Studio A" in mail.text

    def test_who_wants_no_such_mails_gets_none(self, stack, facilitator):
        event, [(booker, booking)] = full_event(stack, facilitator)
        person = stack.user()
        assert person.put("/profile/mail", {"booking": False}).ok
        join(person, event)
        cancel(booker, booking)
        until_offered(person, event)
        wait_until(lambda: stack.rows("SELECT count(*) FROM log_entries WHERE position IS NULL") == [(0,)], "all to be spread")
        assert stack.rows("SELECT FROM deliveries WHERE type = 'mail.waitlist_offered' AND owner_id = %s", person.id) == []

    def test_an_offer_names_the_event_as_it_is_now(self, stack, facilitator):
        event, [(booker, booking)] = full_event(stack, facilitator)
        person = stack.user()
        join(person, event)
        answer = facilitator.put(f"/events/{event['id']}", {"start_datetime": days_from_now(40), "end_datetime": days_from_now(40, 12)})
        assert answer.status_code == 200
        cancel(booker, booking)
        assert until_offered(person, event)["event"]["start_datetime"] == answer.json()["event"]["start_datetime"]


def test_counts_agree_with_entries(stack):
    """After all of the above."""
    wrong = (
        "SELECT e.id, e.waiting, e.offered, e.available FROM events e LEFT JOIN waitlist_entries w ON w.event_id = e.id GROUP BY e.id"
        " HAVING e.waiting <> count(*) FILTER (WHERE w.state = 'waiting') OR e.offered <> count(*) FILTER (WHERE w.state = 'offered')"
    )
    assert stack.rows(wrong) == []
    assert stack.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
