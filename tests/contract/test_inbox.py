"""Inboxes: what happened to a facilitator's events arrives there numbered 1, 2, 3 …, can be read and marked, and gateways get it to push."""

import json

import pytest

from harness import refusal, wait_until
from messages import Listener, ask, log_entries


@pytest.fixture
def owner(stack):
    """A facilitator with an empty inbox."""
    return stack.facilitator()


@pytest.fixture
def listener(stack):
    listener = Listener(stack, "tithi:*")
    yield listener
    listener.close()


def inbox(person, **query):
    answer = person.get("/inbox", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def filled(person, count):
    """The inbox as soon as it has so many."""

    def shown():
        now = inbox(person, limit=100)
        return now if len(now["notifications"]) >= count else None

    return wait_until(shown, lambda: f"{count} notifications; there is {inbox(person, limit=100)}")


def seqs(page):
    return [notification["seq"] for notification in page["notifications"]]


def told(stack, owner, count):
    """The inbox after so many entries about `owner`, who had none."""
    log_entries(stack, owner, count)
    return filled(owner, count)


def mark(person, **body):
    answer = person.post("/inbox/read", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestHistory:
    def test_what_happened_in_order(self, stack, owner, person):
        event = stack.event(owner)
        booking = stack.book(person, event)
        assert person.post(f"/bookings/{booking['id']}/cancel").status_code == 200
        page = filled(owner, 3)
        assert seqs(page) == [3, 2, 1]
        cancelled, created, published = page["notifications"]
        assert [published["type"], created["type"], cancelled["type"]] == ["event.created", "booking.created", "booking.cancelled"]
        assert published["data"]["event_id"] == event["id"]
        assert created["data"]["booking_id"] == cancelled["data"]["booking_id"] == booking["id"]
        assert created["data"]["user"]["name"] == person.name and created["data"]["type"] == "booking.created"
        assert created["time"] <= cancelled["time"] and created["time"].endswith("Z")
        assert (page["unread_count"], page["acknowledged"], page["next"]) == (3, 0, None)

    def test_it_is_nobody_elses(self, stack, owner, person):
        stack.book(person, stack.event(owner))
        filled(owner, 2)
        empty = {"notifications": [], "unread_count": 0, "acknowledged": 0, "next": None}
        assert inbox(person) == inbox(stack.facilitator()) == empty
        assert refusal(stack.anonymous.get("/inbox")) == (401, "invalid_token")

    def test_who_is_no_facilitator_any_more_sees_nothing(self, stack, owner):
        told(stack, owner, 3)
        stack.rows("UPDATE users SET role = 'user' WHERE id = %s", owner.id)
        page = inbox(owner)
        assert (page["notifications"], page["unread_count"]) == ([], 0)
        assert ask(stack, "crm", "readInbox", user_id=owner.id, after=0, limit=100)["messages"] == []

    def test_pages(self, stack, owner):
        told(stack, owner, 25)
        pages = [inbox(owner, limit=10)]
        while pages[-1]["next"]:
            pages.append(inbox(owner, limit=10, after=pages[-1]["next"]))
        assert [seqs(page) for page in pages] == [[*range(25, 15, -1)], [*range(15, 5, -1)], [*range(5, 0, -1)]]
        assert refusal(owner.get("/inbox?after=x")) == (400, "bad_cursor")

    def test_large_pages_end_early(self, stack, owner):
        """A page must fit into a frame of the bus."""
        log_entries(stack, owner, 30, json.dumps({"text": "x" * 50000}))
        wait_until(lambda: inbox(owner, limit=1)["unread_count"] == 30, "thirty notifications")
        found, after = [], {}
        while True:
            page = inbox(owner, limit=100, **after)
            assert 1 <= len(page["notifications"]) < 30
            found += seqs(page)
            if not page["next"]:
                break
            after = {"after": page["next"]}
        assert found == [*range(30, 0, -1)]
        behind, texts = 0, 0
        while behind < 30:
            reply = ask(stack, "crm", "readInbox", user_id=owner.id, after=behind, limit=100)
            assert [message["seq"] for message in reply["messages"]] == [*range(behind + 1, behind + 1 + len(reply["messages"]))]
            behind += len(reply["messages"])
            texts += sum(len(message["text"]) for message in reply["messages"])
        assert texts > 30 * 50000

    def test_an_api_key_may_read(self, stack, owner):
        answer = owner.post("/profile/keys", {"name": "k", "scopes": ["read"], "current_password": "password123"})
        key = {"Authorization": f"Bearer {answer.json()['key']}"}
        assert stack.anonymous.get("/inbox", headers=key).status_code == 200
        assert stack.anonymous.post("/inbox/read", {"up_to": 1}, headers=key).status_code == 403


class TestRead:
    def test_mark_and_undo(self, stack, owner):
        told(stack, owner, 5)
        assert mark(owner, up_to=3) == {"message": "Marked as read", "msg": "Marked as read", "unread_count": 2}
        assert mark(owner, seqs=[3, 5])["unread_count"] == 1
        assert seqs(inbox(owner, unread="true")) == [4] and seqs(inbox(owner, unread="false")) == [5, 3, 2, 1]
        first = inbox(owner)["notifications"]
        assert [(one["seq"], one["read"], one["read_at"] is not None) for one in first] == [
            (5, True, True), (4, False, False), (3, True, True), (2, True, True), (1, True, True)]  # fmt: skip
        assert mark(owner, up_to=5)["unread_count"] == 0
        again = inbox(owner)["notifications"]
        assert [one["read_at"] for one in again if one["seq"] != 4] == [one["read_at"] for one in first if one["seq"] != 4]
        assert mark(owner, up_to=1, seqs=[4], read=False) == {
            "message": "Marked as unread", "msg": "Marked as unread", "unread_count": 2}  # fmt: skip
        assert seqs(inbox(owner, unread="true")) == [4, 1]

    def test_nothing_to_mark(self, stack, owner):
        told(stack, owner, 1)
        assert mark(owner, seqs=[2, 1000])["unread_count"] == mark(owner, seqs=[])["unread_count"] == 1
        answer = owner.post("/inbox/read", {"read": True})
        assert refusal(answer) == (400, "validation_error") and list(answer.json()["details"]) == ["up_to"]

    def test_not_what_is_anothers(self, stack, owner, person):
        told(stack, owner, 2)
        assert mark(person, up_to=10)["unread_count"] == 0
        assert inbox(owner)["unread_count"] == 2


class TestPush:
    """What gateways ask."""

    def test_behind_what_was_acknowledged(self, stack, owner):
        page = told(stack, owner, 5)

        def read(**request):
            reply = ask(stack, "crm", "readInbox", user_id=owner.id, **{"limit": 100, **request})
            return reply["acknowledged"], reply["last"], [message["seq"] for message in reply["messages"]]

        def acknowledge(seq):
            return ask(stack, "crm", "acknowledgeInbox", user_id=owner.id, seq=seq)["acknowledged"]

        assert read() == (0, 5, [1, 2, 3, 4, 5]) and read(limit=2) == (0, 5, [1, 2])
        assert [acknowledge(seq) for seq in (3, 2, 3, -1)] == [3] * 4
        assert read() == read(after=None) == (3, 5, [4, 5])
        assert read(after=1, limit=2) == (3, 5, [2, 3]) and read(after=5) == read(after=77) == (3, 5, [])
        assert acknowledge(77) == 5 and inbox(owner)["acknowledged"] == 5
        assert inbox(owner)["unread_count"] == 5, "what has arrived was not read by anybody"
        message = json.loads(ask(stack, "crm", "readInbox", user_id=owner.id, after=4, limit=1)["messages"][0]["text"])
        newest = page["notifications"][0]
        assert message == {name: newest[name] for name in ("seq", "type", "data", "time")}

    def test_nobodys_inbox(self, stack):
        assert ask(stack, "crm", "readInbox", user_id=999999999, limit=1) == {"acknowledged": 0, "last": 0, "messages": []}
        assert ask(stack, "crm", "acknowledgeInbox", user_id=999999999, seq=5) == {"acknowledged": 0}

    def test_gateways_are_told(self, stack, owner, person, listener):
        event = stack.event(owner)
        assert listener.wait_for(f"tithi:inbox:{owner.id}") == 1
        stack.book(person, event)
        assert listener.wait_for(f"tithi:inbox:{owner.id}") == 2
        assert listener.wait_for(f"tithi:places:{event['id']}") == places(stack, event["id"])[0]


def places(stack, event_id):
    reply = ask(stack, "crm", "readPlaces", event_id=event_id)
    return reply["version"], json.loads(reply["text"])


class TestPlaces:
    def test_they_follow_the_bookings(self, stack, owner, person, listener):
        event = stack.event(owner, max_participants=3)
        channel = f"tithi:places:{event['id']}"
        empty = {"event_id": event["id"], "max_participants": 3, "current_participants": 0, "available_spots": 3, "status": "active"}
        first = listener.wait_for(channel)
        assert places(stack, event["id"]) == (first, empty)
        booking = stack.book(person, event)
        second = listener.wait_for(channel)
        assert second > first and places(stack, event["id"]) == (second, {**empty, "current_participants": 1, "available_spots": 2})
        person.post(f"/bookings/{booking['id']}/cancel")
        third = listener.wait_for(channel)
        assert third > second and places(stack, event["id"]) == (third, empty)
        assert owner.put(f"/events/{event['id']}", {"max_participants": None}).status_code == 200
        assert places(stack, event["id"])[1] == {**empty, "max_participants": None, "available_spots": None}
        assert owner.post(f"/facilitator/events/{event['id']}/cancel").status_code == 200
        assert places(stack, event["id"])[1]["status"] == "cancelled"

    def test_an_event_of_which_the_log_tells_nothing(self, stack, owner):
        event = stack.event(owner)
        filled(owner, 1)
        stack.rows("DELETE FROM log_entries WHERE event_id = %s", event["id"])
        assert places(stack, event["id"])[0] == 1
        assert inbox(owner)["notifications"] == [], "a message goes with its entry"

    def test_no_event(self, stack, owner):
        event = stack.event(owner)
        assert owner.delete(f"/events/{event['id']}").status_code == 200
        for event_id in (event["id"], 999999999):
            assert ask(stack, "crm", "readPlaces", event_id=event_id) == {"version": 0, "text": ""}
