"""What people say of events that they have been to, and facilitators as everybody may know them."""

import concurrent.futures

import pytest

from harness import PASSWORD, days_from_now, refusal, unique


@pytest.fixture(scope="module")
def publisher(stack):
    return stack.facilitator(name="Meera Iyer", bio="Has taught for years.", specialization="Yoga")


def begin(stack, event):
    """As if it had begun an hour ago."""
    stack.rows("UPDATE events SET start_at = now() - interval '1 hour', end_at = NULL WHERE id = %s", event["id"])
    return event


def attended(stack, publisher, *people, **fields):
    """An event at which they were."""
    event = stack.event(publisher, **{"max_participants": None, **fields})
    for person in people:
        assert person.post("/bookings", {"event_id": event["id"]}).status_code == 201
    return begin(stack, event)


def review(person, event, rating=5, text=None):
    answer = person.put(f"/events/{event['id']}/review", {"rating": rating, "text": text})
    assert answer.status_code == 200, answer.text
    return answer.json()


def shown(client, event, **query):
    answer = client.get(f"/events/{event['id']}/reviews", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def average(client, event):
    found = client.get(f"/events/{event['id']}").json()
    return found["rating"], found["review_count"]


class TestReviewing:
    def test_a_review_is_stored_shown_changed_and_taken_back(self, stack, publisher):
        john = stack.user(name="John Jacob Doe")
        event = attended(stack, publisher, john)
        path = f"/events/{event['id']}/review"
        stored = review(john, event, 4, "Calm.\n\nमन शांत हुआ। 🙏")
        mine = stored["review"]
        assert (stored["message"], stored["rating"], stored["count"]) == ("Review stored", 4, 1)
        assert (mine["rating"], mine["text"], mine["author"], mine["mine"]) == (4, "Calm.\n\nमन शांत हुआ। 🙏", "John D.", True)
        for client, own in ((john, True), (publisher, False), (stack.anonymous, False)):
            page = shown(client, event)
            assert page["reviews"] == [{**mine, "mine": own}]
            assert (page["rating"], page["count"], page["next"], page.get("own")) == (4, 1, None, mine if own else None)
        changed = review(john, event, 2)["review"]
        assert (changed["id"], changed["rating"], changed["text"], changed["created_at"]) == (mine["id"], 2, None, mine["created_at"])
        assert changed["updated_at"] > mine["updated_at"]
        assert review(john, event, 2)["review"] == changed
        assert average(stack.anonymous, event) == (2, 1)
        assert john.delete(path).json()["message"] == "Review removed"
        assert refusal(john.delete(path)) == (404, "review_not_found")
        assert shown(stack.anonymous, event) == {"reviews": [], "rating": None, "count": 0, "next": None}
        assert average(stack.anonymous, event) == (None, 0)

    def test_nothing_shows_who_somebody_is(self, stack, publisher):
        john = stack.user(name="John Doe")
        event = attended(stack, publisher, john)
        review(john, event)
        text = stack.anonymous.get(f"/events/{event['id']}/reviews").text
        assert "Doe" not in text and john.email not in text and "user_id" not in text

    @pytest.mark.parametrize("text", ["x" * 2000, "🙏" * 2000, " <b>plain</b> & \"quoted\" ", "a\r\n\tb"])
    def test_text_is_kept_as_it_is(self, stack, publisher, person, text):
        event = attended(stack, publisher, person)
        assert review(person, event, 5, text)["review"]["text"] == text
        assert shown(stack.anonymous, event)["reviews"][0]["text"] == text

    @pytest.mark.parametrize(
        "body, field",
        [
            ({}, "rating"),
            ({"rating": 0}, "rating"),
            ({"rating": 6}, "rating"),
            ({"rating": 4.5}, "rating"),
            ({"rating": None}, "rating"),
            ({"rating": 5, "text": "🙏" * 2001}, "text"),
            ({"rating": 5, "text": ""}, "text"),
            ({"rating": 5, "text": " \n"}, "text"),
            ({"rating": 5, "text": "a\u0007b"}, "text"),
            ({"rating": 5, "text": "a\u0085b"}, "text"),
            ({"rating": 5, "author": "Somebody"}, "author"),
        ],
    )
    def test_what_is_no_review(self, stack, publisher, person, body, field):
        event = attended(stack, publisher, person)
        answer = person.put(f"/events/{event['id']}/review", body)
        assert refusal(answer) == (400, "validation_error") and field in answer.json()["details"]
        assert shown(person, event)["count"] == 0


class TestWhoMay:
    """Who was there; once it has begun."""

    def asked(self, person, event):
        return refusal(person.put(f"/events/{event['id']}/review", {"rating": 5}))

    def test_nobody_without_a_booking(self, stack, publisher, person):
        event = attended(stack, publisher)
        assert self.asked(person, event) == (403, "not_attended")
        assert self.asked(publisher, event) == (403, "not_attended")
        assert refusal(stack.anonymous.put(f"/events/{event['id']}/review", {"rating": 5})) == (401, "invalid_token")

    def test_not_before_it_begins(self, stack, publisher, person):
        event = stack.event(publisher)
        stack.book(person, event)
        assert self.asked(person, event) == (409, "event_not_begun")
        begin(stack, event)
        review(person, event)

    @pytest.mark.parametrize(
        "status, hold, code", [("pending", "now()", "not_attended"), ("cancelled", None, "not_attended"), ("completed", None, None)]
    )
    def test_a_booking_must_stand(self, stack, publisher, person, status, hold, code):
        event = stack.priced_event(publisher)
        booking = stack.paid_booking(person, event) if status != "pending" else None
        if status == "pending":
            assert person.post("/bookings", {"event_id": event["id"]}).status_code == 201
        elif status == "cancelled":
            assert person.post(f"/bookings/{booking['id']}/cancel").status_code == 200
        begin(stack, event)
        if code:
            assert self.asked(person, event) == (403, code)
        else:
            stack.rows("UPDATE bookings SET status = 'completed' WHERE id = %s", booking["id"])
            review(person, event)

    def test_not_ones_own_event(self, stack, publisher):
        event = attended(stack, publisher, publisher)
        assert self.asked(publisher, event) == (403, "own_event")

    def test_no_event_that_is_not_there(self, stack, person):
        assert self.asked(person, {"id": 999999999}) == (404, "event_not_found")
        assert refusal(stack.anonymous.get("/events/999999999/reviews")) == (404, "event_not_found")

    def test_others_do_not_take_it_back(self, stack, publisher, person):
        event = attended(stack, publisher, person)
        review(person, event)
        assert refusal(publisher.delete(f"/events/{event['id']}/review")) == (404, "review_not_found")
        assert average(stack.anonymous, event) == (5, 1)

    def test_administrators_remove_what_must_go(self, stack, publisher, person):
        event = attended(stack, publisher, person)
        path = f"/admin/reviews/{review(person, event)['review']['id']}"
        admin = stack.admin()
        assert refusal(publisher.delete(path)) == refusal(person.delete(path)) == (403, "forbidden")
        assert admin.delete(path).json()["message"] == "Review removed"
        assert refusal(admin.delete(path)) == (404, "review_not_found")
        assert shown(stack.anonymous, event)["reviews"] == []
        assert average(stack.anonymous, event) == (None, 0)


class TestAverages:
    def test_what_the_creator_gave_is_shown_until_the_first_review(self, stack, publisher, person):
        event = attended(stack, publisher, person, rating=4.9)
        path = f"/events/{event['id']}"
        assert average(stack.anonymous, event) == (4.9, 0)
        review(person, event, 2)
        assert average(stack.anonymous, event) == (2, 1)
        changed = publisher.put(path, {"title": "Another"}).json()["event"]
        assert (changed["title"], changed["rating"]) == ("Another", 2)
        assert publisher.put(path, {"rating": 4.7}).json()["event"]["rating"] == 2
        person.delete(f"{path}/review")
        assert average(stack.anonymous, event) == (4.7, 0)
        assert publisher.put(path, {"rating": None}).json()["event"]["rating"] is None

    def test_they_have_one_decimal(self, stack, publisher):
        people = stack.people(3)
        event = attended(stack, publisher, *people)
        for person, rating, expected in zip(people, (5, 4, 4), (5, 4.5, 4.3)):
            assert review(person, event, rating)["rating"] == expected
            assert average(stack.anonymous, event)[0] == expected

    def test_a_review_changes_the_entity_tag(self, stack, publisher, person):
        event = attended(stack, publisher, person, rating=5)
        path = f"/events/{event['id']}"
        for step in (lambda: review(person, event, 5), lambda: review(person, event, 1), lambda: person.delete(f"{path}/review")):
            before = [stack.anonymous.get(at).headers["ETag"] for at in (path, f"{path}/reviews")]
            step()
            after = [stack.anonymous.get(at, headers={"If-None-Match": tag}) for at, tag in zip((path, f"{path}/reviews"), before)]
            assert [answer.status_code for answer in after] == [200, 200]
        stale = {"If-Match": before[0]}
        assert refusal(publisher.put(path, {"title": "Another"}, headers=stale)) == (412, "precondition_failed")

    def test_a_review_is_no_change_of_the_event(self, stack, publisher, person):
        event = attended(stack, publisher, person)
        told = "SELECT count(*) FROM log_entries WHERE event_id = %s"
        before = stack.rows(told, event["id"]), stack.anonymous.get(f"/events/{event['id']}").json()["updated_at"]
        review(person, event)
        assert (stack.rows(told, event["id"]), stack.anonymous.get(f"/events/{event['id']}").json()["updated_at"]) == before

    def test_filters_and_sorts_go_by_them(self, stack, publisher, person):
        kind = unique("kind")
        given, reviewed = (attended(stack, publisher, person, event_type=kind, rating=rating) for rating in (3, 5))
        review(person, reviewed, 2)
        def listed(**query):
            return [event["id"] for event in stack.anonymous.get("/events", params={"type": kind, **query}).json()["events"]]
        assert listed(sort="-rating") == [given["id"], reviewed["id"]]
        assert listed(rating=2.5) == [given["id"]]


class TestAtTheSameTime:
    def test_one_person_many_times(self, stack, publisher, person):
        """However often it is said at once, there is one review, and it counts once."""
        event = attended(stack, publisher, person)
        with concurrent.futures.ThreadPoolExecutor(25) as pool:
            ratings = list(pool.map(lambda number: review(person, event, 1 + number % 5)["review"]["id"], range(50)))
        assert len(set(ratings)) == 1
        page = shown(person, event)
        assert (page["count"], len(page["reviews"])) == (1, 1)
        assert average(stack.anonymous, event) == (page["reviews"][0]["rating"], 1)

    def test_many_people_at_several_events(self, stack, publisher):
        """They come, change their minds and go, in any order."""
        people = stack.people(30)
        events = [attended(stack, publisher, *people) for _ in range(3)]

        def come_and_change(number):
            for turn in range(3):
                event = events[(number + turn) % 3]
                review(people[number], event, 1 + number % 5)
                if number % 3 == 1:
                    review(people[number], event, 5 - number % 5)
                if number % 3 == 2:
                    assert people[number].delete(f"/events/{event['id']}/review").status_code == 200

        with concurrent.futures.ThreadPoolExecutor(15) as pool:
            list(pool.map(come_and_change, range(len(people))))
        stay = [1 + number % 5 if number % 3 == 0 else 5 - number % 5 for number in range(30) if number % 3 != 2]
        for event in events:
            assert average(stack.anonymous, event) == (round(sum(stay) / len(stay), 1), len(stay))


class TestPages:
    def test_newest_first_and_each_once(self, stack, publisher):
        people = stack.people(7)
        event = attended(stack, publisher, *people)
        for number, person in enumerate(people):
            review(person, event, 1 + number % 5, f"number {number}")
        seen, query = [], {"limit": 3}
        while True:
            answer = stack.anonymous.get(f"/events/{event['id']}/reviews", params=query)
            page = answer.json()
            seen += [each["text"] for each in page["reviews"]]
            assert (page["count"], page["rating"]) == (7, 2.6)
            assert ("next" in answer.links) == bool(page["next"])
            if not page["next"]:
                break
            query["after"] = page["next"]
        assert seen == [f"number {number}" for number in reversed(range(7))]
        assert shown(people[0], event, limit=1)["own"]["text"] == "number 0"

    @pytest.mark.parametrize("after", ["nonsense", "c3RhcnR8fDE"])
    def test_no_cursor(self, stack, publisher, after):
        event = stack.event(publisher)
        answer = stack.anonymous.get(f"/events/{event['id']}/reviews", params={"after": after})
        assert refusal(answer) == (400, "bad_cursor")


class TestPeople:
    def test_who_is_erased_leaves_the_rating(self, stack, publisher):
        john = stack.user(name="John Doe")
        event = attended(stack, publisher, john)
        review(john, event, 4, "I am John Doe")
        exported = john.get("/profile/export").json()["reviews"]
        assert [(each["event_id"], each["rating"], each["text"]) for each in exported] == [(event["id"], 4, "I am John Doe")]
        assert john.request("DELETE", "/profile", json={"current_password": PASSWORD}).status_code == 200
        (left,) = shown(stack.anonymous, event)["reviews"]
        assert (left["rating"], left["text"], left["author"]) == (4, None, None)
        assert average(stack.anonymous, event) == (4, 1)

    def test_who_is_shut_out_reviews_nothing(self, stack, publisher, person):
        event = attended(stack, publisher, person)
        stack.rows("UPDATE users SET is_active = false WHERE id = %s", person.id)
        assert refusal(person.put(f"/events/{event['id']}/review", {"rating": 5}))[0] in (401, 403)
        assert shown(stack.anonymous, event)["count"] == 0


class TestFacilitators:
    def test_what_everybody_may_know(self, stack):
        host = stack.facilitator(name="Meera Iyer", bio="Has taught for years.", specialization="Yoga", phone="+4912345")
        path = f"/facilitators/{host.id}"
        new = stack.anonymous.get(path).json()
        since = stack.rows("SELECT created_at FROM users WHERE id = %s", host.id)[0][0]
        assert new.pop("since").startswith(since.strftime("%Y-%m-%dT%H:%M:%S"))
        about = {"id": host.id, "name": "Meera Iyer", "bio": "Has taught for years.", "specialization": "Yoga"}
        assert new == {**about, "rating": None, "review_count": 0, "upcoming_events": 0}
        people = stack.people(3)
        first, second = attended(stack, host, *people), attended(stack, host, people[0])
        for person, event, rating in ((people[0], first, 5), (people[1], first, 4), (people[2], first, 4), (people[0], second, 1)):
            review(person, event, rating)
        stack.event(host)
        stack.event(host, is_active=False)
        stack.event(host, start_datetime="2020-01-01T10:00:00", end_datetime=None)
        host.post(f"/facilitator/events/{stack.event(host)['id']}/cancel")
        host.delete(f"/events/{stack.event(host)['id']}")
        found = stack.anonymous.get(path).json()
        assert (found["rating"], found["review_count"], found["upcoming_events"]) == (3.5, 4, 1)
        assert stack.anonymous.get(f"/api/facilitators/{host.id}").json() == found

    def test_who_is_none(self, stack, person):
        admin = stack.admin()
        gone = stack.facilitator()
        stack.rows("UPDATE users SET is_active = false WHERE id = %s", gone.id)
        for number in (person.id, admin.id, gone.id, 999999999):
            assert refusal(stack.anonymous.get(f"/facilitators/{number}")) == (404, "facilitator_not_found")
        stack.event(admin)
        assert stack.anonymous.get(f"/facilitators/{admin.id}").json()["upcoming_events"] == 1


class TestEventTypes:
    def test_the_kinds_of_what_lies_ahead(self, stack, publisher):
        kind = unique("Kind")

        def counted():
            types = stack.anonymous.get("/event-types").json()["types"]
            assert [each["count"] for each in types] == sorted((each["count"] for each in types), reverse=True)
            return {each["type"]: each["count"] for each in types if each["type"].lower() == kind.lower()}

        assert counted() == {}
        for spelt in (kind, kind, kind.upper()):
            stack.event(publisher, event_type=spelt)
        stack.event(publisher, event_type=kind, start_datetime=days_from_now(-3), end_datetime=None)
        stack.event(publisher, event_type=kind, is_active=False)
        publisher.post(f"/facilitator/events/{stack.event(publisher, event_type=kind)['id']}/cancel")
        publisher.delete(f"/events/{stack.event(publisher, event_type=kind)['id']}")
        assert counted() == {kind: 3}
        assert stack.anonymous.get("/api/event-types").json() == stack.anonymous.get("/event-types").json()
