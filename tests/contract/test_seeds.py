"""Every request that the five documents show, as they show it, with and without the trailing slash; every field of their answers.
The client of these tests checks each answer against the contract besides (harness.py)."""

import datetime

import pytest

from document import parse_time
from harness import CRM_TOKEN, PASSWORD, WEBHOOK_SECRET, days_from_now, unique, wait_until

SLASH = pytest.mark.parametrize("slash", ["", "/"])


def assert_fields(answer, expected):
    """`expected` is what the document shows: its values, and the types of those that cannot be known."""
    for name, value in expected.items():
        assert name in answer, f"{name} is missing in {answer}"
        if isinstance(value, dict):
            assert_fields(answer[name], value)
        elif isinstance(value, type):
            assert isinstance(answer[name], value), f"{name} is {answer[name]!r}"
        else:
            assert answer[name] == value, f"{name} is {answer[name]!r} instead of {value!r}"


def assert_same_time(text, documented):
    assert parse_time(text) == datetime.datetime.fromisoformat(documented).replace(tzinfo=datetime.timezone.utc)


def assert_recent(text):
    age = datetime.datetime.now(datetime.timezone.utc) - parse_time(text)
    assert datetime.timedelta(minutes=-1) < age < datetime.timedelta(hours=1)


def refused(answer, status, sentence):
    assert answer.status_code == status, answer.text
    assert answer.json()["error"] == sentence


class TestRegister:
    @SLASH
    @pytest.mark.parametrize("path", ["/auth/register", "/api/auth/register"])
    @pytest.mark.parametrize(
        "body",
        [
            {"name": "Shashi", "password": "secret"},
            {"name": "Test User", "password": "password123"},
            {"password": "password123", "name": "John Doe"},
            {
                "name": "John Doe",
                "password": "password123",
                "role": "user",
                "bio": "Optional bio for facilitators",
                "specialization": "Optional specialization for facilitators",
            },
            {"name": "Jane Smith", "password": "password123", "role": "facilitator"},
        ],
        ids=["000", "001", "003", "004-user", "004-facilitator"],
    )
    def test_register(self, stack, body, path, slash):
        body = {**body, "email": f"{unique('seed')}@example.com"}
        answer = stack.anonymous.post(path + slash, body)
        assert answer.status_code == 201
        user = {"id": int, "email": body["email"], "name": body["name"], "role": body.get("role", "user")}
        assert_fields(answer.json(), {"message": "User registered successfully", "user": user})
        assert ("access_token" in answer.json()) == path.startswith("/api")

    def test_the_token_of_the_api_family_works(self, stack):
        body = {"name": "John Doe", "email": f"{unique('seed')}@example.com", "password": "password123", "role": "user"}
        token = stack.anonymous.post("/api/auth/register", body).json()["access_token"]
        answer = stack.anonymous.get("/profile", headers={"Authorization": f"Bearer {token}"})
        assert_fields(answer.json(), {"email": body["email"]})

    def test_taken_address(self, stack):
        body = stack.register()
        refused(stack.anonymous.post("/auth/register", {**body, "role": "user"}), 400, "Email already exists")

    def test_address_is_one_whatever_its_case(self, stack):
        body = stack.register()
        refused(stack.anonymous.post("/auth/register", {**body, "email": body["email"].upper()}), 400, "Email already exists")


class TestLogin:
    @SLASH
    @pytest.mark.parametrize("path", ["/auth/login", "/api/auth/login"])
    def test_login(self, stack, path, slash):
        account = stack.register(name="John Doe")
        answer = stack.anonymous.post(path + slash, {"email": account["email"], "password": PASSWORD})
        assert answer.status_code == 200
        user = {"id": int, "email": account["email"], "name": "John Doe", "role": "user"}
        assert_fields(answer.json(), {"access_token": str, "refresh_token": str, "user": user})

    def test_wrong_password(self, stack):
        account = stack.register()
        answer = stack.anonymous.post("/auth/login", {"email": account["email"], "password": "password124"})
        refused(answer, 401, "Invalid credentials")

    def test_unknown_address(self, stack):
        answer = stack.anonymous.post("/auth/login", {"email": f"{unique('nobody')}@example.com", "password": "password123"})
        refused(answer, 401, "Invalid credentials")

    @SLASH
    @pytest.mark.parametrize("path", ["/auth/refresh", "/api/auth/refresh"])
    def test_refresh(self, stack, person, path, slash):
        answer = stack.anonymous.post(path + slash, headers={"Authorization": f"Bearer {person.refresh_token}"})
        assert answer.status_code == 200
        user = {"id": person.id, "email": person.email, "name": person.name, "role": "user"}
        assert_fields(answer.json(), {"access_token": str, "user": user})
        fresh = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert stack.anonymous.get("/profile", headers=fresh).status_code == 200

    @SLASH
    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("path", ["/logout", "/auth/logout", "/api/auth/logout"])
    def test_logout(self, stack, method, path, slash):
        person = stack.user()
        answer = person.request(method, path + slash)
        assert answer.status_code == 200
        assert_fields(answer.json(), {"message": str, "msg": str})
        refused(person.get("/profile"), 401, "Invalid or expired token")
        again = stack.anonymous.post("/auth/refresh", headers={"Authorization": f"Bearer {person.refresh_token}"})
        assert again.status_code == 401


class TestProfile:
    @SLASH
    @pytest.mark.parametrize("path", ["/profile", "/api/profile", "/api/auth/me"])
    def test_get(self, user, path, slash):
        answer = user.get(path + slash)
        assert answer.status_code == 200
        shown = {"id": user.id, "email": user.email, "name": "John Doe", "phone": "+1234567890", "role": "user"}
        assert_fields(answer.json(), {**shown, "is_active": True, "is_verified": bool, "created_at": str})
        assert_recent(answer.json()["created_at"])

    @SLASH
    def test_put(self, person, slash):
        answer = person.put("/profile" + slash, {"name": "John Updated", "phone": "+1234567890"})
        assert answer.status_code == 200
        user = {"id": person.id, "email": person.email, "name": "John Updated", "phone": "+1234567890", "role": "user"}
        assert_fields(answer.json(), {"message": "Profile updated successfully", "user": user})
        assert_fields(person.get("/profile").json(), user)

    def test_put_changes_only_what_it_is_given(self, person):
        person.put("/profile", {"name": "John Updated", "phone": "+1234567890"})
        assert_fields(person.put("/profile", {"phone": None}).json()["user"], {"name": "John Updated", "phone": None})


NEW_EVENTS = {
    "001": {
        "title": "Yoga Retreat",
        "description": "A peaceful yoga session",
        "datetime": "2025-08-01T10:00:00",
        "facilitator_id": "FAC001",
        "type": "Yoga",
        "rating": 4.9,
    },
    "003": {
        "title": "New Yoga Session",
        "description": "Advanced yoga session for experienced practitioners",
        "event_type": "session",
        "start_datetime": "2024-02-20T10:00:00",
        "end_datetime": "2024-02-20T11:00:00",
        "location": "Studio B",
        "virtual_link": "https://meet.google.com/abc-defg-hij",
        "max_participants": 15,
        "price": 30.00,
        "currency": "INR",
    },
    "004": {
        "title": "Morning Meditation",
        "description": "Start your day with peaceful meditation",
        "session_type": "session",
        "start_time": "2024-01-15T09:00:00",
        "end_time": "2024-01-15T10:00:00",
        "capacity": 10,
        "price": 25.0,
    },
}
TIMES = {"datetime", "start_datetime", "start_time", "end_datetime", "end_time"}


def assert_event(answer, sent, facilitator):
    """All names of an event, with the values that were sent under any of them."""
    for name, value in sent.items():
        if name in TIMES:
            assert_same_time(answer[name], value)
        else:
            assert answer[name] == value, f"{name} is {answer[name]!r} instead of {value!r}"
    shown = {"id": int, "title": str, "description": str, "event_type": str, "start_datetime": str, "is_active": True}
    host = {"id": facilitator.id, "name": facilitator.name, "email": facilitator.email}
    assert_fields(answer, {**shown, "current_participants": int, "currency": "INR", "facilitator": host})
    for name in ("end_datetime", "location", "virtual_link", "max_participants"):
        assert name in answer
    assert_recent(answer["created_at"])


class TestEvents:
    @SLASH
    @pytest.mark.parametrize("document", NEW_EVENTS)
    @pytest.mark.parametrize("path", ["/events", "/api/events"])
    def test_create(self, facilitator, document, path, slash):
        answer = facilitator.post(path + slash, NEW_EVENTS[document])
        assert answer.status_code == 201
        assert answer.json()["message"] == "Event created successfully"
        assert_event(answer.json()["event"], NEW_EVENTS[document], facilitator)
        assert_fields(answer.json()["event"], {"current_participants": 0})

    @SLASH
    @pytest.mark.parametrize("document", NEW_EVENTS)
    def test_get(self, stack, facilitator, document, slash):
        event_id = facilitator.post("/events", NEW_EVENTS[document]).json()["event"]["id"]
        answer = stack.anonymous.get(f"/events/{event_id}{slash}")
        assert answer.status_code == 200
        assert_event(answer.json(), NEW_EVENTS[document], facilitator)

    def test_the_code_of_a_facilitator_is_answered(self, stack, facilitator):
        event = facilitator.post("/events", NEW_EVENTS["001"]).json()["event"]
        shown = {"facilitator_id": "FAC001", "facilitator_crm_id": "FAC001", "datetime": str, "type": "Yoga", "rating": 4.9}
        assert_fields(stack.anonymous.get(f"/events/{event['id']}").json(), shown)

    def test_the_number_of_a_facilitator_is_answered(self, stack, facilitator):
        event = stack.event(facilitator)
        assert_fields(stack.anonymous.get(f"/events/{event['id']}").json(), {"facilitator_id": facilitator.id})

    def test_unknown_event(self, stack):
        refused(stack.anonymous.get("/events/9007199254740991"), 404, "Event not found")

    def test_only_facilitators_create(self, user):
        refused(user.post("/events", NEW_EVENTS["003"]), 403, "Only facilitators can create events")

    @SLASH
    @pytest.mark.parametrize("path", ["/events", "/api/events"])
    def test_list(self, stack, facilitator, path, slash):
        event = stack.event(facilitator, event_type=unique("type"), description="A session", location="Studio A", price=25.00)
        answer = stack.anonymous.get(path + slash, params={"type": event["event_type"]})
        assert answer.status_code == 200
        assert [item["id"] for item in answer.json()["events"]] == [event["id"]]
        shown = {"title": "Yoga Session", "location": "Studio A", "virtual_link": None, "max_participants": 10, "price": 25.0}
        assert_fields(answer.json()["events"][0], shown)
        assert_event(answer.json()["events"][0], {}, facilitator)

    @SLASH
    def test_list_with_a_token(self, user, event, slash):
        """Document 002 sends one."""
        assert user.get("/events" + slash).status_code == 200

    @SLASH
    def test_filter_by_type_and_rating(self, stack, facilitator, slash):
        kind = unique("Yoga")
        good = stack.event(facilitator, event_type=kind, rating=4.5)
        stack.event(facilitator, event_type=kind, rating=4.4)
        stack.event(facilitator, event_type=kind)
        answer = stack.anonymous.get(f"/events/filter{slash}?type={kind.upper()}&rating=4.5")
        assert answer.status_code == 200
        assert [item["id"] for item in answer.json()["events"]] == [good["id"]]

    @SLASH
    def test_filter_as_the_document_writes_it(self, stack, facilitator, slash):
        stack.event(facilitator, event_type="Yoga", rating=4.7)
        events = stack.anonymous.get(f"/events/filter{slash}?type=Yoga&rating=4.5").json()["events"]
        assert events and all(item["type"] == "Yoga" and item["rating"] >= 4.5 for item in events)

    def test_filter_by_facilitator(self, stack):
        host = stack.facilitator(facilitator_crm_id=unique("FAC"))
        mine = stack.event(host)
        stack.event(stack.facilitator())
        for value in (host.id, mine["facilitator_crm_id"]):
            events = stack.anonymous.get("/events", params={"facilitator_id": value}).json()["events"]
            assert [item["id"] for item in events] == [mine["id"]]

    def test_filter_by_active(self, stack):
        host = stack.facilitator()
        shown, hidden, cancelled = stack.event(host), stack.event(host, is_active=False), stack.event(host)
        host.post(f"/facilitator/events/{cancelled['id']}/cancel")
        for active, expected in (("true", {shown["id"]}), ("false", {hidden["id"], cancelled["id"]})):
            events = stack.anonymous.get(f"/events?facilitator_id={host.id}&active={active}").json()["events"]
            assert {item["id"] for item in events} == expected

    @SLASH
    @pytest.mark.parametrize("path", ["/events", "/api/events"])
    @pytest.mark.parametrize(
        "change",
        [
            {"title": "Updated Title", "rating": 4.7},
            {"title": "Updated Yoga Session", "description": "Updated description", "max_participants": 20, "price": 35.00},
        ],
        ids=["001", "003"],
    )
    def test_update(self, facilitator, event, change, path, slash):
        answer = facilitator.put(f"{path}/{event['id']}{slash}", change)
        assert answer.status_code == 200
        assert_fields(answer.json(), {"message": "Event updated successfully", "event": {"id": event["id"], **change}})
        untouched = {name: event[name] for name in ("start_datetime", "event_type", "created_at", "location")}
        assert_fields(answer.json()["event"], untouched)

    @SLASH
    @pytest.mark.parametrize("path", ["/events", "/api/events", "/api/sessions"])
    def test_delete(self, stack, facilitator, event, path, slash):
        answer = facilitator.delete(f"{path}/{event['id']}{slash}")
        assert answer.status_code == 200
        sentence = "Event deleted successfully"
        assert_fields(answer.json(), {"msg": sentence, "message": sentence})
        refused(stack.anonymous.get(f"/events/{event['id']}"), 404, "Event not found")


class TestBookings:
    @SLASH
    @pytest.mark.parametrize("quoted", [False, True], ids=["001", "000"])
    def test_book(self, person, event, quoted, slash):
        answer = person.post("/bookings" + slash, {"event_id": str(event["id"]) if quoted else event["id"]})
        assert answer.status_code == 201
        assert_fields(answer.json()["booking"], {"status": "confirmed", "event": {"id": event["id"]}})

    @SLASH
    def test_book_with_notes(self, stack, user, facilitator, slash):
        event = stack.event(facilitator)
        notes = "Special requirements: Beginner level"
        answer = user.post("/bookings" + slash, {"event_id": event["id"], "notes": notes})
        assert answer.status_code == 201
        booking = {
            "id": int,
            "booking_reference": str,
            "status": "confirmed",
            "notes": notes,
            "payment_status": "completed",
            "payment_id": None,
            "payment_reference": None,
            "payment_url": None,
            "refund": None,
            "user": {"id": user.id, "name": "John Doe", "email": user.email},
            "event": {"id": event["id"], "title": "Yoga Session", "price": 0, "currency": "INR"},
            "created_at": str,
        }
        assert_fields(answer.json(), {"message": "Booking created successfully", "booking": booking})
        assert_fields(answer.json(), {"payment_due": False, "payment_url": None, "order_id": None, "key_id": None, "provider": None})
        assert_recent(answer.json()["booking"]["created_at"])
        after = stack.anonymous.get(f"/events/{event['id']}").json()
        assert_fields(after, {"current_participants": 1, "available_spots": 9})

    def test_a_priced_booking_waits_for_its_payment(self, stack, person, facilitator):
        event = stack.event(facilitator, price=25.00, currency="INR")
        booking = stack.book(person, event)
        assert_fields(booking, {"status": "pending", "payment_status": "pending", "price": 25.0, "hold_expires_at": str})
        assert_fields(booking, {"payment_url": str, "payment_reference": str, "payment_id": None, "refund": None})
        left = parse_time(booking["hold_expires_at"]) - datetime.datetime.now(datetime.timezone.utc)
        assert datetime.timedelta(minutes=14) < left < datetime.timedelta(minutes=16)
        assert_fields(stack.anonymous.get(f"/events/{event['id']}").json(), {"current_participants": 1})

    def test_full(self, stack, facilitator):
        event = stack.event(facilitator, max_participants=1)
        stack.book(stack.user(), event)
        refused(stack.user().post("/bookings", {"event_id": event["id"]}), 400, "Event is full")

    @SLASH
    @pytest.mark.parametrize("path", ["/bookings", "/bookings/my", "/bookings/mine"])
    def test_list(self, stack, facilitator, path, slash):
        person = stack.user()
        event = stack.event(facilitator, location="Studio A")
        booking = stack.book(person, event)
        answer = person.get(path + slash)
        assert answer.status_code == 200
        assert len(answer.json()["bookings"]) == 1
        names = ("title", "start_datetime", "end_datetime", "location", "price", "currency")
        shown = {name: booking[name] for name in ("id", "booking_reference", "status", "notes", "payment_status", "payment_id")}
        shown |= {"payment_reference": None, "cancelled_at": None, "created_at": booking["created_at"]}
        assert_fields(answer.json()["bookings"][0], {**shown, "event": {"id": event["id"], **{n: event[n] for n in names}}})

    def test_list_past_and_upcoming(self, stack, facilitator):
        """A booking becomes past when its event has started: the database is told so here."""
        person = stack.user()
        past, upcoming = (stack.book(person, stack.event(facilitator)) for _ in range(2))
        with stack.database() as connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE events SET start_at = now() - interval '2 days', end_at = now() - interval '1 day' WHERE id = %s",
                [past["event_id"]],
            )
        for name in ("when", "period"):
            for value, expected in (("past", past), ("upcoming", upcoming)):
                bookings = person.get("/bookings", params={name: value}).json()["bookings"]
                assert [item["id"] for item in bookings] == [expected["id"]]
        assert len(person.get("/bookings").json()["bookings"]) == 2

    def test_list_by_status(self, stack, facilitator):
        person = stack.user()
        confirmed = stack.book(person, stack.event(facilitator))
        pending = stack.book(person, stack.event(facilitator, price=25.00))
        cancelled = stack.book(person, stack.event(facilitator))
        person.post(f"/bookings/{cancelled['id']}/cancel")
        for query, expected in (
            ({"status": "confirmed"}, confirmed),
            ({"status": "cancelled"}, cancelled),
            ({"status": "pending"}, pending),
            ({"payment_status": "pending"}, pending),
        ):
            bookings = person.get("/bookings", params=query).json()["bookings"]
            assert [item["id"] for item in bookings] == [expected["id"]], query
        assert person.get("/bookings?status=completed").json()["bookings"] == []
        assert person.get("/bookings?payment_status=failed").json()["bookings"] == []

    @SLASH
    def test_get(self, stack, user, facilitator, slash):
        event = stack.event(facilitator, description="A relaxing yoga session", location="Studio A")
        booking = stack.book(user, event)
        answer = user.get(f"/bookings/{booking['id']}{slash}")
        assert answer.status_code == 200
        names = ("id", "title", "description", "start_datetime", "end_datetime", "location", "price", "currency")
        shown = {
            "id": booking["id"],
            "booking_reference": booking["booking_reference"],
            "status": "confirmed",
            "notes": None,
            "payment_status": str,
            "payment_id": None,
            "payment_reference": None,
            "cancelled_at": None,
            "user": {"id": user.id, "name": "John Doe", "email": user.email},
            "event": {name: event[name] for name in names},
            "created_at": booking["created_at"],
        }
        assert_fields(answer.json(), shown)

    @SLASH
    def test_cancel(self, stack, person, event, slash):
        booking = stack.book(person, event)
        answer = person.post(f"/bookings/{booking['id']}/cancel{slash}")
        assert answer.status_code == 200
        assert_fields(answer.json(), {"message": "Booking cancelled successfully", "refund": None})
        shown = person.get(f"/bookings/{booking['id']}").json()
        assert_fields(shown, {"status": "cancelled", "cancelled_at": str})
        assert_fields(stack.anonymous.get(f"/events/{event['id']}").json(), {"current_participants": 0})

    @SLASH
    def test_cancel_what_was_paid(self, stack, person, facilitator, slash):
        booking = stack.paid_booking(person, stack.event(facilitator, price=25.00))
        assert_fields(booking, {"payment_status": "completed", "payment_id": str, "payment_reference": str, "payment_url": None})
        answer = person.post(f"/bookings/{booking['id']}/cancel{slash}")
        assert answer.status_code == 200
        refund = {"refund_id": str, "amount": 25.0, "currency": "INR", "status": "pending", "cause": "cancelled"}
        assert_fields(answer.json(), {"message": "Booking cancelled successfully", "refund": refund})
        assert answer.json()["booking"]["refund"] == answer.json()["refund"]
        path = f"/bookings/{booking['id']}"
        wait_until(lambda: person.get(path).json()["refund"]["status"] == "processed", "the refund is not processed")
        shown = {"status": "cancelled", "payment_status": "refunded", "refund": {**refund, "status": "processed"}}
        assert_fields(person.get(path).json(), shown)

    def test_a_cancelled_place_can_be_booked_again(self, stack, person, facilitator):
        event = stack.event(facilitator, max_participants=1)
        booking = stack.book(person, event)
        person.post(f"/bookings/{booking['id']}/cancel")
        assert stack.book(person, event)["id"] != booking["id"]


class TestFacilitator:
    @SLASH
    @pytest.mark.parametrize("path", ["/facilitator/events", "/api/facilitator/events"])
    def test_events(self, stack, path, slash):
        host = stack.facilitator()
        stack.event(stack.facilitator())
        event = stack.event(host, description="A relaxing yoga session", location="Studio A", price=25.0)
        answer = host.get(path + slash)
        assert answer.status_code == 200
        assert [item["id"] for item in answer.json()["events"]] == [event["id"]]
        assert_event(answer.json()["events"][0], {"title": "Yoga Session", "location": "Studio A", "price": 25.0}, host)

    @SLASH
    def test_bookings_of_an_event(self, stack, user, facilitator, slash):
        event = stack.event(facilitator)
        booking = stack.book(user, event)
        answer = facilitator.get(f"/facilitator/events/{event['id']}/bookings{slash}")
        assert answer.status_code == 200
        shown = {"id": event["id"], "title": "Yoga Session", "max_participants": 10, "current_participants": 1}
        assert_fields(answer.json(), {"event": shown})
        assert len(answer.json()["bookings"]) == 1
        names = ("id", "booking_reference", "status", "payment_status", "created_at")
        person = {"id": user.id, "name": "John Doe", "email": user.email, "phone": "+1234567890"}
        assert_fields(answer.json()["bookings"][0], {**{name: booking[name] for name in names}, "user": person})

    @SLASH
    def test_cancel_event(self, stack, person, event, facilitator, slash):
        booking = stack.book(person, event)
        answer = facilitator.post(f"/facilitator/events/{event['id']}/cancel{slash}")
        assert answer.status_code == 200
        shown = {"message": "Event cancelled successfully", "refunds_processed": 0, "total_refund_amount": 0}
        assert_fields(answer.json(), {**shown, "bookings_cancelled": 1})
        assert_fields(person.get(f"/bookings/{booking['id']}").json(), {"status": "cancelled"})
        assert_fields(stack.anonymous.get(f"/events/{event['id']}").json(), {"status": "cancelled"})


    @SLASH
    def test_cancel_event_pays_everything_back(self, stack, facilitator, slash):
        event = stack.event(facilitator, price=25.00)
        for _ in range(2):
            stack.paid_booking(stack.user(), event)
        stack.book(stack.user(), event)
        answer = facilitator.post(f"/facilitator/events/{event['id']}/cancel{slash}")
        assert answer.status_code == 200
        shown = {"message": "Event cancelled successfully", "refunds_processed": 2, "total_refund_amount": 50.0, "currency": "INR"}
        assert_fields(answer.json(), {**shown, "bookings_cancelled": 3})


class TestApiFamily:
    """Document 004."""

    SESSION = {"title": "Morning Meditation", "facilitator": "Jane Smith", "session_type": "session", "capacity": 10, "price": 25.0}

    @pytest.fixture(scope="class")
    def jane(self, stack):
        return stack.facilitator(name="Jane Smith")

    @SLASH
    def test_sessions(self, stack, jane, slash):
        kind = unique("session")
        event = jane.post("/api/sessions" + slash, {**NEW_EVENTS["004"], "session_type": kind})
        assert event.status_code == 201
        assert_fields(event.json(), {"message": "Event created successfully", "id": int, "session": {"capacity": 10}})
        answer = stack.user().get(f"/api/sessions{slash}?session_type={kind}")
        assert answer.status_code == 200
        (session,) = answer.json()
        shown = {**self.SESSION, "id": event.json()["id"], "session_type": kind, "available_spots": 10}
        assert_fields(session, {**shown, "description": "Start your day with peaceful meditation"})
        assert_same_time(session["start_time"], "2024-01-15T09:00:00")
        assert_same_time(session["end_time"], "2024-01-15T10:00:00")

    @SLASH
    def test_only_active_sessions(self, stack, jane, slash):
        kind = unique("session")
        stack.event(jane, event_type=kind, is_active=False)
        shown = stack.event(jane, event_type=kind)
        assert [item["id"] for item in jane.get(f"/api/sessions{slash}?session_type={kind}").json()] == [shown["id"]]

    @SLASH
    def test_get_session(self, stack, jane, slash):
        event = jane.post("/api/sessions", NEW_EVENTS["004"]).json()
        answer = stack.anonymous.get(f"/api/sessions/{event['id']}{slash}")
        assert answer.status_code == 200
        assert_fields(answer.json(), {**self.SESSION, "id": event["id"], "available_spots": 10})

    @SLASH
    def test_update_session(self, jane, slash):
        event = jane.post("/api/sessions", NEW_EVENTS["004"]).json()
        change = {"title": "Evening Meditation", "capacity": 12, "start_time": "2024-01-15T09:30:00"}
        answer = jane.put(f"/api/sessions/{event['id']}{slash}", change)
        assert answer.status_code == 200
        assert_fields(answer.json(), {"session": {"title": "Evening Meditation", "capacity": 12}})

    @SLASH
    def test_cancel_session(self, stack, jane, slash):
        event = stack.event(jane)
        answer = jane.post(f"/api/sessions/{event['id']}/cancel{slash}")
        assert answer.status_code == 200
        assert_fields(answer.json(), {"message": "Event cancelled successfully"})
        assert_fields(stack.anonymous.get(f"/api/sessions/{event['id']}").json(), {"status": "cancelled"})

    @SLASH
    def test_book(self, stack, jane, slash):
        person, event = stack.user(), stack.event(jane)
        answer = person.post("/api/bookings" + slash, {"session_id": event["id"], "notes": "Optional notes"})
        assert answer.status_code == 201
        booking = {"session_id": event["id"], "booking_status": "confirmed", "notes": "Optional notes", "user_id": person.id}
        assert_fields(answer.json(), {"message": "Booking created successfully", "booking": booking})

    @SLASH
    @pytest.mark.parametrize("path", ["/api/bookings", "/api/bookings/my"])
    def test_my_bookings(self, stack, jane, path, slash):
        person, event = stack.user(), stack.event(jane)
        booking = stack.book(person, event)
        answer = person.get(path + slash)
        assert answer.status_code == 200
        (shown,) = answer.json()
        session = {"id": event["id"], "title": "Yoga Session", "facilitator": "Jane Smith", "start_time": event["start_datetime"]}
        row = {"id": booking["id"], "user_id": person.id, "session_id": event["id"], "booking_status": "confirmed"}
        assert_fields(shown, {**row, "booking_date": booking["created_at"], "notes": None, "session": session})

    @SLASH
    def test_one_booking(self, stack, jane, slash):
        person = stack.user()
        booking = stack.book(person, stack.event(jane))
        answer = person.get(f"/api/bookings/{booking['id']}{slash}")
        assert_fields(answer.json(), {"id": booking["id"], "booking_status": "confirmed"})
        answer = person.post(f"/api/bookings/{booking['id']}/cancel{slash}")
        assert_fields(answer.json(), {"message": "Booking cancelled successfully"})
        assert_fields(person.get(f"/api/bookings/{booking['id']}").json(), {"booking_status": "cancelled"})

    @SLASH
    @pytest.mark.parametrize("path", ["/api/facilitator/bookings", "/facilitator/bookings"])
    def test_bookings_of_a_facilitator(self, stack, path, slash):
        host, person = stack.facilitator(), stack.user(name="John Doe")
        booking = stack.book(person, stack.event(host))
        answer = host.get(path + slash)
        assert answer.status_code == 200
        (shown,) = answer.json() if path.startswith("/api") else answer.json()["bookings"]
        assert_fields(shown, {"id": booking["id"], "user": {"id": person.id, "name": "John Doe", "email": person.email}})


class TestCrmService:
    NOTIFICATION = {
        "booking_id": 1,
        "user": {"id": 1, "email": "john@example.com", "name": "John Doe"},
        "event": {"id": 1, "title": "Morning Meditation", "start_time": "2024-01-15T09:00:00"},
        "facilitator_id": 1,
    }

    @SLASH
    @pytest.mark.parametrize(
        "body",
        [
            NOTIFICATION,
            {
                "booking_id": 42,
                "event": {"id": 3, "name": "Breathwork Intensive", "date": "2025-07-20T00:00:00Z"},
                "user": {"id": 7, "name": "Vaishnav", "email": "vaishnav@example.com"},
                "facilitator_crm_id": "crm_002",
            },
            {
                "booking_id": 1,
                "user": {"name": "Alice", "email": "alice@example.com"},
                "event_id": 2,
                "facilitator_id": "FAC001",
            },
        ],
        ids=["004", "002", "001"],
    )
    def test_notification(self, stack, body, slash):
        answer = stack.crm.post("/api/booking-notification" + slash, body)
        assert answer.status_code == 201
        assert_fields(answer.json(), {"message": str, "notification_id": int})

    @SLASH
    def test_notifications_are_processed(self, stack, slash):
        noted = stack.crm.post("/api/booking-notification", {**self.NOTIFICATION, "action": unique("action")}).json()
        listed = stack.crm.get("/api/notifications" + slash).json()["notifications"]
        (mine,) = [item for item in listed if item["id"] == noted["notification_id"]]
        shown = {"booking_id": 1, "user": self.NOTIFICATION["user"], "event": {"title": "Morning Meditation"}, "processed": False}
        assert_fields(mine, shown)
        answer = stack.crm.put(f"/api/notifications/{mine['id']}/process{slash}")
        assert answer.status_code == 200
        assert_fields(answer.json(), {"message": str, "notification": {"id": mine["id"], "processed": True}})

    @SLASH
    def test_notify(self, stack, slash):
        host = stack.facilitator()
        body = {
            "booking_id": 1,
            "user": {"name": "John Doe", "email": "john@example.com"},
            "event": {"title": "Yoga Session", "facilitator_id": host.id},
            "action": unique("payment_completed"),
        }
        answer = stack.crm.post("/notify" + slash, body)
        assert answer.status_code == 200
        assert_fields(answer.json(), {"message": "Notification sent successfully", "notification_id": int, "email_sent": True})

        def mine():
            (shown,) = [item for item in listed() if item["id"] == answer.json()["notification_id"]]
            return shown if shown["status"] == "sent" else None

        def listed():
            return stack.crm.get("/notifications" + slash).json()["notifications"]

        shown = wait_until(mine, listed)
        assert_fields(shown, {"booking_id": 1, "status": "sent", "response": f"Email sent successfully to {host.email}"})
        assert_recent(shown["sent_at"])
        answer = stack.crm.delete(f"/notifications/{shown['id']}{slash}")
        assert answer.status_code == 200
        assert_fields(answer.json(), {"message": "Notification deleted successfully"})
        assert shown["id"] not in [item["id"] for item in listed()]

    @SLASH
    def test_missing_fields(self, stack, slash):
        answer = stack.crm.post("/notify" + slash, {"action": "payment_completed"})
        refused(answer, 400, "Missing required fields")
        assert_fields(answer.json(), {"missing_fields": ["booking_id", "user"]})

    @SLASH
    def test_all_are_cleared(self, stack, slash):
        stack.crm.post("/api/booking-notification", {**self.NOTIFICATION, "action": unique("action")})
        answer = stack.crm.delete("/notifications/clear" + slash)
        assert answer.status_code == 200
        assert_fields(answer.json(), {"message": "All notifications cleared", "deleted_count": int})
        assert answer.json()["deleted_count"] >= 1
        assert stack.crm.delete("/notifications/clear").json()["deleted_count"] == 0

    @SLASH
    def test_mail_is_tried_out(self, stack, slash):
        body = {"to_email": "test@example.com", "subject": "Test Email", "html_content": "<h1>Test Email</h1><p>This is a test email.</p>"}
        answer = stack.crm.post("/test-email" + slash, body)
        assert answer.status_code == 200
        assert_fields(answer.json(), {"message": "Test email sent successfully", "email_sent": True})
        answer = stack.crm.get("/test-gmail-auth" + slash)
        assert answer.status_code == 200
        assert_fields(answer.json(), {"message": str, "authenticated": False, "gmail_user": None})

    def test_own_webhooks_are_accepted(self, stack, crm_receiver, person, event):
        booking = stack.book(person, event)
        sent = crm_receiver.wait_for(lambda delivery: delivery.json["booking_id"] == booking["id"])
        assert stack.crm.post("/api/booking-notification", sent.json).status_code == 201

    @pytest.mark.parametrize("header", [{"Authorization": ""}, {"Authorization": "Bearer wrong"}], ids=["none", "wrong"])
    def test_bearer_is_asked_for(self, stack, header):
        refused(stack.crm.get("/api/notifications", headers=header), 401, "Invalid or expired token")

    def test_the_services_keep_to_their_ports(self, stack, user):
        assert user.get("/api/notifications").status_code == 404
        assert stack.crm.get("/events").status_code == 404


class TestWebhook:
    def test_a_booking_is_announced(self, stack, crm_receiver, user, facilitator):
        """Every field of every payload that the documents show, in one body."""
        start = days_from_now(20)
        event = stack.event(facilitator, title="Breathwork Intensive", start_datetime=start, end_datetime=None, facilitator_id="crm_002")
        booking = stack.book(user, event)
        delivery = crm_receiver.wait_for(lambda delivery: delivery.json["booking_id"] == booking["id"])
        person = {"id": user.id, "name": "John Doe", "email": user.email}
        same = {"title": "Breathwork Intensive", "name": "Breathwork Intensive", "id": event["id"], "facilitator_id": "crm_002"}
        shown = {"booking_id": booking["id"], "user": person, "event": same, "event_id": event["id"], "action": str}
        assert_fields(delivery.json, {**shown, "facilitator_id": "crm_002", "facilitator_crm_id": "crm_002"})
        for name in ("date", "start_time", "start_datetime"):
            assert_same_time(delivery.json["event"][name], start)
        assert delivery.path == "/crm-webhook"
        assert delivery.is_signed_by(WEBHOOK_SECRET)
        assert delivery.headers["Authorization"] == f"Bearer {CRM_TOKEN}"
        assert delivery.headers["Content-Type"].startswith("application/json")


class TestHealth:
    @pytest.mark.parametrize("path", ["/", "/health", "/health/", "/api", "/api/", "/api/health", "/api/health/"])
    def test_health(self, stack, path):
        answer = stack.anonymous.get(path)
        assert answer.status_code == 200
        assert_fields(answer.json(), {"message": "Booking System API is running!", "status": "healthy", "timestamp": str})
        assert_recent(answer.json()["timestamp"])


class TestErrors:
    """The common formats of document 003."""

    def test_400(self, facilitator):
        answer = facilitator.post("/events", {"title": ""})
        refused(answer, 400, "Validation error")
        assert set(answer.json()["details"]) == {"title", "start_datetime"}

    def test_401(self, stack):
        refused(stack.anonymous.get("/bookings"), 401, "Invalid or expired token")

    def test_403(self, user):
        refused(user.get("/facilitator/events"), 403, "Insufficient permissions")

    def test_404(self, stack):
        refused(stack.anonymous.get("/nothing/here"), 404, "Resource not found")
