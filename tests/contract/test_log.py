"""What happened, as GET /log tells it: one entry per change, in the order in which things happened to each booking, to those whose it is; and
what of an event's changes is told."""

import base64
import concurrent.futures

import pytest

from harness import DOCUMENT, booking_until, refusal, unique, wait_until


def page(person, path="/log", **query):
    """A page, whose entries look as the contract says. The whole site's log is not checked: other tests put into it what no operation writes."""
    answer = person.get(path, params=query)
    assert answer.status_code == 200, answer.text
    for entry in answer.json()["entries"] if path == "/log" else ():
        DOCUMENT.check(body_of(entry["type"]), entry["data"], entry["type"])
    return answer.json()


def body_of(kind):
    """The schema of the webhook about it."""
    webhook = DOCUMENT.root["webhooks"][f"{kind.partition('.')[0]}Changed"]
    return webhook["post"]["requestBody"]["content"]["application/json"]["schema"]


def pages_of(person, **query):
    """The entries of all pages, read to the end of the log."""
    after = {}
    while (read := page(person, limit=100, **after, **query))["entries"]:
        yield read["entries"]
        after = {"after": read["next"]}


def entries_of(person, **query):
    return [entry for entries in pages_of(person, **query) for entry in entries]


def position_in(cursor):
    return int(base64.urlsafe_b64decode(cursor + "==").split(b"|")[2])


def types(person, **query):
    return [entry["type"] for entry in entries_of(person, **query)]


def until_told(person, *wanted):
    """The entries, once they are of these types, in this order."""
    wait_until(lambda: types(person) == list(wanted), lambda: f"{wanted}; it tells {types(person)}")
    return entries_of(person)


@pytest.fixture
def host(stack):
    """A facilitator of whom nothing is told yet."""
    return stack.facilitator()


@pytest.fixture
def admin(stack):
    return stack.admin()


class TestTold:
    def test_a_free_booking(self, stack, host, person, crm_receiver):
        event = stack.event(host)
        booking = stack.book(person, event)
        assert person.post(f"/bookings/{booking['id']}/cancel").status_code == 200
        published, created, cancelled = until_told(host, "event.created", "booking.created", "booking.cancelled")
        assert len({entry["id"] for entry in (published, created, cancelled)}) == 3
        assert all(entry["id"].startswith("evt_") and entry["data"]["type"] == entry["type"] for entry in (published, created, cancelled))
        assert published["time"] <= created["time"] <= cancelled["time"]
        sent = crm_receiver.wait_for(lambda delivery: delivery.json["booking_id"] == booking["id"])
        assert sent.json == created["data"]
        assert (cancelled["data"]["status"], cancelled["data"]["action"]) == ("cancelled", "cancelled")

    def test_a_paid_booking_and_its_refund(self, stack, host, person):
        event = stack.priced_event(host)
        booking = stack.paid_booking(person, event)
        answer = person.post(f"/bookings/{booking['id']}/cancel").json()
        booking_until(person, booking["id"], payment_status="refunded")
        told = until_told(
            host, *("event.created", "booking.created", "payment.captured", "booking.confirmed", "booking.cancelled", "payment.refunded")
        )
        held, captured, _, _, refunded = (entry["data"] for entry in told[1:])
        assert (held["status"], held["payment_status"]) == ("pending", "pending")
        common = {
            "booking_id": booking["id"],
            "booking_reference": booking["booking_reference"],
            "payment_id": booking["payment_id"],
            "provider": "sandbox",
            "amount": 2500.0,
            "currency": "INR",
            "user": {"id": person.id, "name": person.name, "email": person.email},
            "event_id": event["id"],
            "session_id": event["id"],
            "facilitator_id": host.id,
        }
        for data, action, refund_id in ((captured, "captured", None), (refunded, "refunded", answer["refund"]["refund_id"])):
            assert {**common, "action": action, "type": f"payment.{action}", "refund_id": refund_id}.items() <= data.items()
            assert data["event"]["title"] == event["title"]

    def test_money_that_comes_too_late_goes_both_ways(self, stack, host, person):
        answer = person.post("/bookings", {"event_id": stack.priced_event(host)["id"]}).json()
        assert person.post(f"/bookings/{answer['booking']['id']}/cancel").status_code == 200
        assert stack.anonymous.post(f"/sandbox/orders/{answer['order_id']}", {"action": "pay"}).status_code == 200
        until_told(host, "event.created", "booking.created", "booking.cancelled", "payment.captured", "payment.refunded")

    def test_a_hold_that_ran_out(self, stack, host, person):
        booking = stack.book(person, stack.priced_event(host))
        stack.rows("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = %s", booking["id"])
        until_told(host, "event.created", "booking.created", "booking.expired")

    def test_a_cancelled_event(self, stack, host):
        event = stack.event(host, title="Sleep & stretch")
        for _ in range(3):
            stack.book(stack.user(), event)
        assert host.post(f"/facilitator/events/{event['id']}/cancel").status_code == 200
        told = until_told(host, "event.created", *3 * ["booking.created"], "event.cancelled", *3 * ["booking.cancelled"])
        data = told[4]["data"]
        assert (data["event"]["status"], data["event"]["is_active"], data["event"]["current_participants"]) == ("cancelled", False, 3)
        assert data["changed"] == [] and data["event"]["title"] == "Sleep & stretch"

    def test_a_repeated_command_is_told_once(self, stack, host, person):
        event = stack.event(host)
        key = {"Idempotency-Key": unique("key")}
        for _ in range(2):
            assert host.put(f"/events/{event['id']}", {"price": 3}, headers=key).status_code == 200
        assert stack.book(person, event)
        until_told(host, "event.created", "event.updated", "booking.created")

    def test_a_deleted_event_tells_nothing(self, stack, host):
        event = stack.event(host)
        assert host.delete(f"/events/{event['id']}").status_code == 200
        stack.event(host)
        until_told(host, "event.created", "event.created")


class TestChangesOfEvents:
    @pytest.mark.parametrize(
        "change, changed, revision",
        [
            ({"title": "Nidra"}, ["title"], 1),
            ({"location": "Studio B", "virtual_link": "https://meet.example.com/x"}, ["location", "virtual_link"], 1),
            ({"time_zone": "Asia/Kolkata"}, ["time_zone"], 1),
            ({"start_datetime": "2090-01-01T10:00:00", "end_datetime": "2090-01-01T11:00:00"}, ["start_datetime", "end_datetime"], 1),
            ({"price": 12, "description": "Slow"}, ["description", "price", "cancellation_policy"], 0),
            ({"max_participants": 12}, ["max_participants"], 0),
            ({"rating": 4.5, "is_active": False}, ["rating", "is_active"], 0),
            ({"reminder_minutes": [30]}, ["reminder_minutes"], 0),
            ({"facilitator_crm_id": "FAC9"}, ["facilitator_id", "facilitator_crm_id"], 0),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
    )
    def test_what_differs_is_named(self, stack, host, change, changed, revision):
        event = stack.event(host)
        assert event["revision"] == 0
        for _ in range(2):  # the second changes nothing
            answer = host.put(f"/events/{event['id']}", change)
            assert answer.status_code == 200, answer.text
        assert answer.json()["event"]["revision"] == stack.anonymous.get(f"/events/{event['id']}").json()["revision"] == revision
        stack.event(host)
        _, updated, _ = until_told(host, "event.created", "event.updated", "event.created")
        assert (updated["data"]["action"], updated["data"]["changed"]) == ("updated", changed)
        shown = answer.json()["event"]
        assert updated["data"]["event"].items() <= {**shown, "date": shown["start_datetime"]}.items()

    def test_each_change_is_told(self, stack, host):
        """Those, too, that come at once and are no news for who has booked."""
        event = stack.event(host)
        prices = range(1, 13)
        with concurrent.futures.ThreadPoolExecutor(len(prices)) as pool:
            answers = list(pool.map(lambda price: host.put(f"/events/{event['id']}", {"price": price}), prices))
        assert {answer.status_code for answer in answers} == {200}
        told = until_told(host, "event.created", *len(prices) * ["event.updated"])
        assert sorted(entry["data"]["event"]["price"] for entry in told[1:]) == list(prices)
        assert told[-1]["data"]["event"]["price"] == stack.anonymous.get(f"/events/{event['id']}").json()["price"]

    def test_another_facilitator(self, stack, host, admin):
        event, other = stack.event(host), stack.facilitator()
        assert admin.put(f"/events/{event['id']}", {"facilitator_id": other.id}).status_code == 200
        (updated,) = until_told(other, "event.updated")
        assert updated["data"]["changed"] == ["facilitator", "facilitator_id"]
        assert types(host) == ["event.created"]


class TestReminders:
    def test_are_kept_and_shown(self, stack, host):
        event = stack.event(host)
        path = f"/events/{event['id']}"
        assert event["reminder_minutes"] == [1440, 60]
        for minutes in ([4320, 30], []):
            assert host.put(path, {"reminder_minutes": minutes}).json()["event"]["reminder_minutes"] == minutes
            assert host.put(path, {"rating": 4}).json()["event"]["reminder_minutes"] == minutes
            assert stack.anonymous.get(path).json()["reminder_minutes"] == minutes
        assert stack.event(host, reminder_minutes=[15])["reminder_minutes"] == [15]

    @pytest.mark.parametrize("minutes", [[4], [43201], [10] * 6, None, "60"])
    def test_are_bounded(self, stack, host, minutes):
        event = stack.event(host)
        assert refusal(host.put(f"/events/{event['id']}", {"reminder_minutes": minutes})) == (400, "validation_error")


class TestReading:
    def test_page_by_page(self, stack, host):
        for _ in range(5):
            stack.event(host)
        whole = until_told(host, *5 * ["event.created"])
        first = page(host, limit=2)
        second = page(host, limit=2, after=first["next"])
        third = page(host, limit=2, after=second["next"])
        assert first["entries"] + second["entries"] + third["entries"] == whole
        beyond = page(host, limit=2, after=third["next"])
        assert beyond["entries"] == []
        stack.event(host)
        (later,) = wait_until(lambda: page(host, after=beyond["next"])["entries"], "what came later")
        assert later not in whole

    def test_who_is_through_does_not_begin_again(self, stack, host, person, admin):
        """Behind a page that is not full comes what others' entries end with, or those of other types."""
        stack.event(host)
        until_told(host, "event.created")
        other = stack.facilitator()
        stack.event(other)
        until_told(other, "event.created")
        ((told,),) = stack.rows("SELECT max(position) FROM log_entries WHERE owner_id = %s", other.id)
        assert position_in(page(host)["next"]) >= told
        assert position_in(page(host, type="payment")["next"]) >= told
        assert position_in(page(admin, "/admin/log", type="payment", facilitator_id=host.id)["next"]) >= told
        ((mine,),) = stack.rows("SELECT position FROM log_entries WHERE owner_id = %s", host.id)
        assert position_in(page(host, limit=1)["next"]) == mine

    def test_before_anything_happened(self, stack, host):
        empty = page(host)
        assert empty["entries"] == [] and empty["next"]
        stack.event(host)
        wait_until(lambda: page(host, after=empty["next"])["entries"], "what came later")

    def test_only_some_types(self, stack, host, person):
        stack.book(person, stack.event(host))
        until_told(host, "event.created", "booking.created")
        assert types(host, type="booking") == types(host, type="booking.created") == ["booking.created"]
        assert types(host, type="event") == ["event.created"]
        assert types(host, type="booking.") == types(host, type="book") == types(host, type="payment") == []

    def test_whose_it_is(self, stack, host, admin, person):
        stack.book(person, stack.event(host))
        mine = until_told(host, "event.created", "booking.created")
        assert entries_of(stack.facilitator()) == []
        assert not {entry["id"] for entry in mine} & {entry["id"] for entry in entries_of(admin)}
        assert [entry for entry in entries_of(admin, path="/admin/log") if entry["id"] in {entry["id"] for entry in mine}] == mine
        assert refusal(person.get("/log"))[0] == 403

    @pytest.mark.parametrize("after", ["x", "bG9nfHwtMQ", "LWlkfHwx"], ids=["nonsense", "negative", "of-another-list"])
    def test_no_cursor(self, host, after):
        assert refusal(host.get("/log", params={"after": after})) == (400, "bad_cursor")

    def test_long_entries_make_short_pages(self, stack, host):
        """A page fits into a message, and nothing is passed over."""
        stack.event(host)
        until_told(host, "event.created")
        stack.rows(
            "INSERT INTO log_entries (type, cause, owner_id, body)"
            " SELECT type, cause || ':' || n, owner_id, jsonb_set(body::jsonb, '{event,location}', to_jsonb(repeat('x', 100000)))"
            " FROM log_entries, generate_series(1, 12) n WHERE owner_id = %s",
            host.id,
        )
        stack.rows("NOTIFY outbox")
        until_told(host, *13 * ["event.created"])
        assert [len(entries) for entries in pages_of(host)] == [10, 3]

    def test_a_reader_sees_everything_once_while_others_write(self, stack, host):
        """What is committed later never appears behind a reader."""
        people, events = stack.people(16), [stack.event(host, max_participants=None) for _ in range(6)]
        with concurrent.futures.ThreadPoolExecutor(len(people)) as pool:
            writing = [pool.submit(book_and_cancel, person, events) for person in people]
            read, after = [], {}
            wanted = len(events) * (1 + 2 * len(people))
            for _ in range(2000):
                got = page(host, limit=7, **after)
                read += got["entries"]
                after = {"after": got["next"]}
                if not got["entries"] and all(task.done() for task in writing) and len(read) >= wanted:
                    break
            for task in writing:
                task.result()
        assert len(read) == len({entry["id"] for entry in read}) == wanted
        assert read == entries_of(host)
        positions = stack.rows("SELECT entry_id FROM log_entries WHERE owner_id = %s ORDER BY position", host.id)
        assert [entry["id"] for entry in read] == [id for (id,) in positions]
        last = {}
        for entry in read:
            if entry["type"].startswith("booking."):
                expected = {None: "booking.created", "booking.created": "booking.cancelled"}
                assert entry["type"] == expected[last.get(entry["data"]["booking_id"])]
                last[entry["data"]["booking_id"]] = entry["type"]


def book_and_cancel(person, events):
    for event in events:
        booked = person.post("/bookings", {"event_id": event["id"]})
        assert booked.status_code == 201, booked.text
        assert person.post(f"/bookings/{booked.json()['booking']['id']}/cancel").status_code == 200
