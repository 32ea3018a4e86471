"""What the event worker decides beyond the contract's fields: words, days, currencies, states."""

import pytest

from harness import unique


@pytest.fixture(scope="module")
def publisher(stack):
    return stack.facilitator()


def refused(answer):
    body = answer.json()
    return answer.status_code, body["code"], sorted(body.get("details", {}))


def titles(answer):
    assert answer.status_code == 200, answer.text
    return [event["title"] for event in answer.json()["events"]]


class TestWords:
    @pytest.fixture(scope="class")
    def kind(self, stack, publisher):
        kind = unique("kind")
        for title, location in (("Yoga 100% pur", "Berlin"), ("योग और ध्यान", "ऋषिकेश"), ("Café_Müsli", None), ("A\\B 50", "berlin")):
            stack.event(publisher, event_type=kind, title=title, location=location)
        return kind

    @pytest.mark.parametrize(
        "words, expected",
        [
            ("yoga", ["Yoga 100% pur"]),
            ("BERLIN", ["Yoga 100% pur", "A\\B 50"]),
            ("berlin yoga", ["Yoga 100% pur"]),
            ("ध्यान ऋषिकेश", ["योग और ध्यान"]),
            ("100%", ["Yoga 100% pur"]),
            ("%", ["Yoga 100% pur"]),
            ("_", ["Café_Müsli"]),
            ("MÜSLI", ["Café_Müsli"]),
            ("\\", ["A\\B 50"]),
            ("yoga nowhere", []),
        ],
    )
    def test_all_words_are_there(self, stack, kind, words, expected):
        assert titles(stack.anonymous.get("/events", params={"type": kind, "q": words, "sort": "created"})) == expected


class TestDays:
    @pytest.mark.parametrize(
        "bounds, found",
        [
            ({"from": "2027-05-10"}, True),
            ({"from": "2027-05-11"}, False),
            ({"to": "2027-05-10"}, True),
            ({"to": "2027-05-09"}, False),
            ({"from": "2027-05-10T20:00:00Z"}, True),
            ({"from": "2027-05-10T20:00:01Z"}, False),
            ({"to": "2027-05-10T20:00:00Z"}, False),
            ({"to": "2027-05-11T01:30:01+05:30"}, True),
            ({"from": "2027-05-10", "to": "2027-05-10"}, True),
            ({"from": "2027-05-11", "to": "2027-05-09"}, False),
        ],
    )
    def test_bounds(self, stack, publisher, bounds, found):
        kind = unique("kind")
        stack.event(publisher, event_type=kind, title="Late", start_datetime="2027-05-10T20:00:00Z", end_datetime=None)
        assert titles(stack.anonymous.get("/events", params={"type": kind.upper(), **bounds})) == (["Late"] if found else [])

    @pytest.mark.parametrize("start", ["0001-01-01T00:00:00+15:59", "9999-12-31T23:59:59-10:00"])
    def test_times_that_no_answer_could_show(self, publisher, start):
        answer = publisher.post("/events", {"title": "Out of time", "start_datetime": start})
        assert refused(answer) == (400, "validation_error", ["start_datetime"])

    def test_fractions_of_a_second_do_not_make_an_end(self, publisher):
        times = {"start_datetime": "2027-05-10T20:00:00.1", "end_datetime": "2027-05-10T20:00:00.9"}
        assert refused(publisher.post("/events", {"title": "Blink", **times})) == (400, "end_before_start", ["end_datetime"])

    def test_another_end_is_compared_with_the_stored_start(self, stack, publisher):
        event = stack.event(publisher)
        answer = publisher.put(f"/events/{event['id']}", {"end_datetime": event["start_datetime"]})
        assert refused(answer) == (400, "end_before_start", ["end_datetime"])


class TestPrices:
    def test_a_currency_without_two_decimals_comes_with_its_price(self, stack, publisher):
        event = stack.event(publisher, price=3500, currency="JPY")
        assert (event["price"], event["price_minor"]) == (3500, 3500)
        path = f"/events/{event['id']}"
        assert refused(publisher.put(path, {"price": 4000})) == (400, "validation_error", ["currency"])
        changed = publisher.put(path, {"price": 4000, "currency": "JPY"}).json()["event"]
        assert (changed["price"], changed["price_minor"]) == (4000, 4000)
        assert refused(publisher.put(path, {"currency": "INR"})) == (400, "validation_error", ["price"])
        assert stack.anonymous.get(path).json()["price_minor"] == 4000

    def test_a_booking_keeps_the_price_it_was_made_at(self, stack, publisher, person):
        event = stack.event(publisher, price=100)
        booking = stack.book(person, event)
        publisher.put(f"/events/{event['id']}", {"price": 200})
        shown = person.get(f"/bookings/{booking['id']}").json()
        assert (shown["price"], shown["event"]["price"]) == (100, 200)


class TestFilters:
    """Of the list, besides words and days; alone, together, and with every sort."""

    EVENTS = {
        "Hindi in Rishikesh": {"language": "hi", "location": "Parmarth Niketan, Rishikesh", "price": 1500},
        "English online": {"language": "en", "virtual_link": "https://meet.example.com/a", "price": 19.99, "currency": "EUR"},
        "English in Pune": {"language": "en", "location": "Osho Park 100%, Pune", "virtual_link": "https://meet.example.com/b"},
        "Tokyo": {"language": "ja", "location": "Yoyogi, Tokyo", "price": 3500, "currency": "JPY"},
        "Kuwait": {"location": "Kuwait", "price": 12.345, "currency": "KWD"},
        "Nowhere": {"location": ""},
    }

    @pytest.fixture(scope="class")
    def kind(self, stack, publisher):
        kind = unique("kind")
        for title, fields in self.EVENTS.items():
            event = stack.event(publisher, event_type=kind, title=title, **fields)
            assert event["language"] == fields.get("language")
        return kind

    CASES = [
        ({"language": "en"}, ["English online", "English in Pune"]),
        ({"language": "de"}, []),
        ({"place": "rishikesh"}, ["Hindi in Rishikesh"]),
        ({"place": "PUNE park"}, ["English in Pune"]),
        ({"place": "100%"}, ["English in Pune"]),
        ({"location": "tokyo"}, ["Tokyo"]),
        ({"place": "English"}, []),
        ({"online": "true"}, ["English online", "English in Pune"]),
        ({"online": "false"}, ["Hindi in Rishikesh", "English in Pune", "Tokyo", "Kuwait"]),
        ({"price_max": 0}, ["English in Pune", "Nowhere"]),
        ({"price_min": 0.001}, ["Hindi in Rishikesh", "English online", "Tokyo", "Kuwait"]),
        ({"price_min": 19.99, "price_max": 19.99}, ["English online"]),
        ({"price_min": 19.991, "price_max": 1500}, ["Hindi in Rishikesh"]),
        ({"price_min": 12.345, "price_max": 12.345}, ["Kuwait"]),
        ({"price_min": 12.346, "price_max": 19.989}, []),
        ({"min_price": 3500, "max_price": 3500}, ["Tokyo"]),
        ({"price_min": 5, "price_max": 4}, []),
        ({"language": "en", "online": "true", "place": "Pune", "price_max": 0, "q": "english"}, ["English in Pune"]),
    ]

    @pytest.mark.parametrize("query, expected", CASES)
    def test_what_is_found(self, stack, publisher, kind, query, expected):
        query = {"type": kind, "sort": "created", **query}
        assert titles(stack.anonymous.get("/events", params=query)) == expected
        assert titles(publisher.get("/facilitator/events", params=query)) == expected
        assert [event["title"] for event in stack.anonymous.get("/api/sessions", params=query).json()] == expected

    @pytest.mark.parametrize("sort", ["start", "price", "rating", "created", "title"])
    @pytest.mark.parametrize("narrowed", [{}, {"facilitator_id": True}, {"type": True}])
    @pytest.mark.parametrize("query, expected", [CASES[0], CASES[7], CASES[8], CASES[10]])
    def test_pages_of_every_sort(self, stack, publisher, kind, sort, narrowed, query, expected):
        known = {"facilitator_id": publisher.id, "type": kind}
        query = {**query, **{name: known[name] for name in narrowed}, "q": kind}
        stack.rows("UPDATE events SET description = event_type WHERE event_type = %s", kind)
        for direction in ("", "-"):
            found, after = [], {}
            while True:
                page = stack.anonymous.get("/events", params={**query, "sort": direction + sort, "limit": 1, **after})
                found += titles(page)
                if not page.json()["next"]:
                    break
                after = {"after": page.json()["next"]}
            assert sorted(found) == sorted(expected)

    @pytest.mark.parametrize(
        "query",
        ["language=EN", "language=en-IN", "language=", "place=", "online=maybe", "price_min=-1", "price_max=free", "price_max=nan"],
    )
    def test_what_is_no_filter(self, stack, query):
        assert refused(stack.anonymous.get(f"/events?{query}"))[:2] == (400, "validation_error")


class TestLanguages:
    def test_it_is_set_changed_and_cleared(self, stack, publisher):
        event = stack.event(publisher, language="hi")
        path = f"/events/{event['id']}"
        assert event["language"] == stack.anonymous.get(path).json()["language"] == "hi"
        assert publisher.put(path, {"title": "Another"}).json()["event"]["language"] == "hi"
        assert publisher.put(path, {"language": "kok"}).json()["event"]["language"] == "kok"
        assert publisher.put(path, {"language": None}).json()["event"]["language"] is None

    @pytest.mark.parametrize("language", ["", "h", "HI", "en-IN", "hind", "e1"])
    def test_what_is_none(self, stack, publisher, language):
        event = stack.event(publisher)
        answer = publisher.put(f"/events/{event['id']}", {"language": language})
        assert refused(answer) == (400, "validation_error", ["language"])


class TestCancellationPolicies:
    EVENT = {"title": "Retreat", "event_type": unique("retreat"), "start_datetime": "2030-02-20T10:00:00", "price": 100}

    @pytest.mark.parametrize(
        "asked, shown",
        [
            ([{"hours_before": 24, "refund_percent": 50}], [(24, 50)]),
            ([{"hours_before": 24, "refund_percent": 50}, {"days_before": 7, "refund_percent": 100}], [(168, 100), (24, 50)]),
            ([{"hours_before": 0, "refund_percent": 0}], [(0, 0)]),
            ([], [(0, 0)]),
            (None, [(0, 100)]),
        ],
    )
    def test_tiers_are_shown_in_order(self, stack, publisher, asked, shown):
        event = publisher.post("/events", {**self.EVENT, "cancellation_policy": asked}).json()["event"]
        for answer in (event, stack.anonymous.get(f"/events/{event['id']}").json()):
            assert [(tier["hours_before"], tier["refund_percent"]) for tier in answer["cancellation_policy"]] == shown

    def test_events_show_the_operators_policy(self, stack, publisher):
        event = publisher.post("/events", self.EVENT).json()["event"]
        assert event["cancellation_policy"] == [{"hours_before": 0, "refund_percent": 100}]
        listed = stack.anonymous.get(f"/events?type={self.EVENT['event_type']}&sort=-created&limit=1").json()["events"]
        assert listed[0]["cancellation_policy"] == event["cancellation_policy"]

    def test_free_events_have_none_to_show(self, publisher):
        tiers = [{"hours_before": 24, "refund_percent": 50}]
        event = publisher.post("/events", {**self.EVENT, "price": 0, "cancellation_policy": tiers}).json()["event"]
        assert "cancellation_policy" not in event
        assert publisher.put(f"/events/{event['id']}", {"price": 5}).json()["event"]["cancellation_policy"] == tiers

    @pytest.mark.parametrize(
        "tiers",
        [
            [{"refund_percent": 50}],
            [{"hours_before": 24, "days_before": 1, "refund_percent": 50}],
            [{"hours_before": 24, "refund_percent": 50}, {"days_before": 1, "refund_percent": 50}],
            [{"hours_before": 24, "refund_percent": 50}, {"days_before": 7, "refund_percent": 49}],
            [{"hours_before": hours, "refund_percent": 50} for hours in range(11)],
            "24h=50",
        ],
        ids=["no-time", "two-times", "same-time", "rising", "eleven", "text"],
    )
    def test_what_is_no_policy(self, stack, publisher, tiers):
        answer = publisher.post("/events", {**self.EVENT, "cancellation_policy": tiers})
        assert refused(answer) == (400, "validation_error", ["cancellation_policy"])
        event = stack.event(publisher, price=100)
        answer = publisher.put(f"/events/{event['id']}", {"cancellation_policy": tiers})
        assert refused(answer) == (400, "validation_error", ["cancellation_policy"])
        assert stack.anonymous.get(f"/events/{event['id']}").json() == event

    @pytest.mark.parametrize(
        "tier",
        [
            {"hours_before": -1, "refund_percent": 50},
            {"hours_before": 87601, "refund_percent": 50},
            {"days_before": 3651, "refund_percent": 50},
            {"hours_before": 24, "refund_percent": 101},
            {"hours_before": 24, "refund_percent": 5.5},
            {"hours_before": None, "refund_percent": 50},
            {"hours_before": 24},
            {"hours_before": 24, "refund_percent": 50, "percent": 50},
        ],
    )
    def test_what_is_no_tier(self, publisher, tier):
        status, code, fields = refused(publisher.post("/events", {**self.EVENT, "cancellation_policy": [tier]}))
        assert (status, code, len(fields)) == (400, "validation_error", 1) and fields[0].startswith("cancellation_policy")

    def test_a_change_shows_in_the_entity_tag(self, stack, publisher):
        path = f"/events/{stack.event(publisher, price=100)['id']}"
        seen = stack.anonymous.get(path).headers["ETag"]
        tiers = [{"days_before": 1, "refund_percent": 50}]
        assert publisher.put(path, {"cancellation_policy": tiers}, headers={"If-Match": seen}).status_code == 200
        answer = publisher.put(path, {"cancellation_policy": None}, headers={"If-Match": seen})
        assert refused(answer) == (412, "precondition_failed", [])
        seen = stack.anonymous.get(path).headers["ETag"]
        kept = publisher.put(path, {"title": "Another"}, headers={"If-Match": seen}).json()["event"]
        assert kept["cancellation_policy"] == [{"hours_before": 24, "refund_percent": 50}]
        given_back = publisher.put(path, {"cancellation_policy": None}).json()["event"]
        assert given_back["cancellation_policy"] == [{"hours_before": 0, "refund_percent": 100}]


class TestStates:
    def test_a_cancelled_event_is_shown_and_stays_cancelled(self, stack, publisher):
        event = stack.event(publisher, event_type=unique("kind"))
        path = f"/events/{event['id']}"
        assert publisher.post(f"/facilitator/events/{event['id']}/cancel").status_code == 200
        assert stack.anonymous.get(path).json()["status"] == "cancelled"
        assert refused(publisher.put(path, {"is_active": True})) == (409, "event_already_cancelled", [])
        assert titles(stack.anonymous.get(f"/events?type={event['event_type']}")) == []
        assert len(titles(stack.anonymous.get(f"/events?type={event['event_type']}&active=false"))) == 1
        assert len(titles(publisher.get(f"/facilitator/events?type={event['event_type']}"))) == 1

    def test_a_removed_event_is_gone(self, stack, publisher, person):
        event = stack.event(publisher)
        path = f"/events/{event['id']}"
        assert publisher.delete(path).json()["message"] == "Event deleted successfully"
        for answer in (
            stack.anonymous.get(path),
            publisher.put(path, {"title": "Again"}),
            publisher.delete(path),
            person.post("/bookings", {"event_id": event["id"]}),
            publisher.get(f"/facilitator/events/{event['id']}/bookings"),
            publisher.post(f"/facilitator/events/{event['id']}/cancel"),
        ):
            assert refused(answer) == (404, "event_not_found", [])

    def test_an_event_with_bookings_is_not_removed(self, stack, publisher, person):
        event = stack.event(publisher)
        stack.book(person, event)
        assert refused(publisher.delete(f"/events/{event['id']}")) == (409, "event_has_bookings", [])

    def test_an_inactive_event_is_not_booked(self, stack, publisher, person):
        event = stack.event(publisher, is_active=False)
        assert refused(person.post("/bookings", {"event_id": event["id"]})) == (409, "event_inactive", [])
        publisher.put(f"/events/{event['id']}", {"is_active": True})
        stack.book(person, event)

    def test_a_facilitator_gives_no_event_away(self, stack, publisher, facilitator):
        event = stack.event(publisher)
        for number in (facilitator.id, str(facilitator.id)):
            answer = publisher.put(f"/events/{event['id']}", {"facilitator_id": number})
            assert refused(answer) == (403, "forbidden", ["facilitator_id"])

    def test_a_quoted_number_is_no_code(self, stack, publisher, facilitator):
        event = stack.event(publisher, facilitator_id=str(publisher.id))
        assert (event["facilitator_id"], event["facilitator_crm_id"]) == (publisher.id, None)
        body = {"title": "Yoga", "start_datetime": "2030-02-20T10:00:00", "facilitator_id": str(facilitator.id)}
        assert refused(publisher.post("/events", body)) == (403, "forbidden", ["facilitator_id"])
