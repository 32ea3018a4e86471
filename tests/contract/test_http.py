"""What the gateway does for every operation: validators, compression, pages, repeats, request ids, problem+json, CORS, connections."""

import concurrent.futures
import gzip
import json
import random
import re
import socket
import subprocess

import pytest

from document import parse_time
from harness import ORIGIN, days_from_now, unique


class TestValidators:
    def test_not_modified(self, stack, event):
        path = f"/events/{event['id']}"
        first = stack.anonymous.get(path)
        tag = first.headers["ETag"]
        assert re.fullmatch(r'"[^"]+"', tag), "a strong validator"
        for header in (tag, f'"other", {tag}', "*"):
            again = stack.anonymous.get(path, headers={"If-None-Match": header})
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
        assert stack.anonymous.get(path, headers={"If-None-Match": '"other"'}).status_code == 200

    def test_a_booking_changes_it(self, stack, person, event):
        path = f"/events/{event['id']}"
        tag = stack.anonymous.get(path).headers["ETag"]
        stack.book(person, event)
        assert stack.anonymous.get(path, headers={"If-None-Match": tag}).status_code == 200

    def test_if_match(self, stack, facilitator, event):
        path = f"/events/{event['id']}"
        tag = stack.anonymous.get(path).headers["ETag"]
        assert facilitator.put(path, {"title": "First"}, headers={"If-Match": tag}).status_code == 200
        assert facilitator.put(path, {"title": "Second"}, headers={"If-Match": "*"}).status_code == 200
        tag = stack.anonymous.get(path).headers["ETag"]
        assert facilitator.put(path, {"title": "Third"}, headers={"If-Match": f'"other", {tag}'}).status_code == 200

    def test_the_tag_of_one_face_serves_the_other(self, stack, facilitator, event):
        tag = stack.anonymous.get(f"/api/sessions/{event['id']}").headers["ETag"]
        answer = facilitator.put(f"/api/sessions/{event['id']}", {"title": "First"}, headers={"If-Match": tag})
        assert answer.status_code == 200

    def test_if_match_of_a_profile(self, person):
        tag = person.get("/profile").headers["ETag"]
        assert person.put("/profile", {"name": "First"}, headers={"If-Match": tag}).status_code == 200
        assert person.put("/profile", {"name": "Second"}, headers={"If-Match": tag}).status_code == 412

    def test_if_match_of_a_booking(self, stack, facilitator, person, event):
        path = f"/bookings/{stack.book(person, event)['id']}"
        tag = person.get(path).headers["ETag"]
        assert facilitator.put(f"/events/{event['id']}", {"title": "Another"}).status_code == 200
        assert person.post(f"{path}/cancel", headers={"If-Match": tag}).status_code == 412
        assert person.get(path).json()["status"] == "confirmed"
        tag = person.get(path).headers["ETag"]
        assert person.post(f"/api{path}/cancel", headers={"If-Match": tag}).status_code == 200

    def test_head(self, stack, event):
        got = stack.anonymous.get(f"/events/{event['id']}")
        head = stack.anonymous.request("HEAD", f"/events/{event['id']}")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["ETag"] == got.headers["ETag"]


class TestPages:
    @pytest.fixture(scope="class")
    def host(self, stack):
        host = stack.facilitator()
        for number in range(7):
            stack.event(
                host,
                title=f"Event {number % 3}",
                start_datetime=days_from_now(10 + number % 3),
                end_datetime=None,
                price=float(number % 2 * 25),
                rating=number % 4 or None,
            )
        return host

    def walk(self, client, path):
        """All pages by their Link headers."""
        while path:
            answer = client.get(path)
            assert answer.status_code == 200
            yield answer
            link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
            path = link and re.sub(r"^https?://[^/]+", "", link[1])

    @pytest.mark.parametrize("sort", ["start", "-start", "price", "-price", "rating", "-rating", "created", "-created", "title", "-title"])
    def test_every_event_once(self, stack, host, sort):
        whole = stack.anonymous.get(f"/events?facilitator_id={host.id}&sort={sort}&limit=100").json()
        pages = list(self.walk(stack.anonymous, f"/events?facilitator_id={host.id}&sort={sort}&limit=2"))
        assert [len(page.json()["events"]) for page in pages] == [2, 2, 2, 1]
        assert [item for page in pages for item in page.json()["events"]] == whole["events"]
        assert whole["next"] is None and pages[-1].json()["next"] is None

    @pytest.mark.parametrize("sort", ["start", "price", "rating", "title"])
    def test_order(self, stack, host, sort):
        name = {"start": "start_datetime", "price": "price", "rating": "rating", "title": "title"}[sort]
        for prefix, reverse in (("", False), ("-", True)):
            events = stack.anonymous.get(f"/events?facilitator_id={host.id}&sort={prefix}{sort}").json()["events"]
            values = [item[name] for item in events if item[name] is not None]
            assert values == sorted(values, reverse=reverse)

    def test_bare_arrays(self, stack, host):
        pages = list(self.walk(stack.anonymous, f"/api/sessions?facilitator_id={host.id}&limit=3"))
        assert [len(page.json()) for page in pages] == [3, 3, 1]
        assert len({item["id"] for page in pages for item in page.json()}) == 7

    def test_bookings(self, stack, host):
        person = stack.user()
        events = stack.anonymous.get(f"/events?facilitator_id={host.id}").json()["events"]
        booked = [stack.book(person, event)["id"] for event in events[:5]]
        for sort in ("created", "-created", "start", "-start"):
            pages = list(self.walk(person, f"/bookings?sort={sort}&limit=2"))
            assert sorted(item["id"] for page in pages for item in page.json()["bookings"]) == sorted(booked)

    def test_limit_is_twenty(self, stack):
        host = stack.facilitator()
        for _ in range(21):
            stack.event(host)
        answer = stack.anonymous.get(f"/events?facilitator_id={host.id}")
        assert len(answer.json()["events"]) == 20 and answer.json()["next"]
        assert len(stack.anonymous.get(f"/api/sessions?facilitator_id={host.id}").json()) == 20

    def test_from_and_to(self, stack, host):
        days = sorted({item["start_datetime"] for item in stack.anonymous.get(f"/events?facilitator_id={host.id}").json()["events"]})
        path = f"/events?facilitator_id={host.id}"
        after = stack.anonymous.get(path, params={"from": days[1]}).json()["events"]
        assert {item["start_datetime"] for item in after} == set(days[1:])
        one_day = days[1][:10]
        on_that_day = stack.anonymous.get(path, params={"from": one_day, "to": one_day}).json()["events"]
        assert {item["start_datetime"] for item in on_that_day} == {days[1]}

    def test_text(self, stack):
        host = stack.facilitator()
        event = stack.event(host, title="प्रातः ध्यान", description="Ein ruhiger Morgen, 静かな朝")
        stack.event(host)
        for name, words in (("q", "ध्यान"), ("search", "ruhiger"), ("q", "RUHIGER"), ("q", "静かな")):
            found = stack.anonymous.get("/events", params={"facilitator_id": host.id, name: words}).json()["events"]
            assert [item["id"] for item in found] == [event["id"]], words
        for wild in ("%", "_", "\\"):
            assert stack.anonymous.get("/events", params={"facilitator_id": host.id, "q": wild}).json()["events"] == []


class TestTimes:
    def test_a_time_without_zone_is_in_the_zone_of_the_event(self, stack, facilitator):
        event = stack.event(facilitator, start_datetime="2031-07-01T10:00:00", end_datetime=None, time_zone="Asia/Kolkata")
        assert event["time_zone"] == "Asia/Kolkata"
        assert parse_time(event["start_datetime"]) == parse_time("2031-07-01T04:30:00Z")

    def test_a_time_with_an_offset_keeps_it(self, stack, facilitator):
        event = stack.event(facilitator, start_datetime="2031-07-01T10:00:00+02:00", end_datetime=None, time_zone="Asia/Kolkata")
        assert parse_time(event["start_datetime"]) == parse_time("2031-07-01T08:00:00Z")


class TestRepeats:
    def test_the_same_key_books_once(self, stack, person, event):
        for key in ("bare", '"quoted"'):
            headers = {"Idempotency-Key": key}
            answers = [person.post("/bookings", {"event_id": event["id"]}, headers=headers) for _ in range(3)]
            if key == "bare":
                assert {answer.status_code for answer in answers} == {201}
                assert len({answer.text for answer in answers}) == 1
            else:
                assert {answer.status_code for answer in answers} == {409}
        assert stack.anonymous.get(f"/events/{event['id']}").json()["current_participants"] == 1

    def test_many_at_once(self, stack, person, event):
        headers = {"Idempotency-Key": unique("key")}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: person.post("/bookings", {"event_id": event["id"]}, headers=headers), range(8)))
        for answer in answers:
            if answer.status_code == 409:
                assert answer.json()["code"] == "idempotency_in_flight" and answer.headers["Retry-After"] == "1"
        made = {answer.json()["booking"]["id"] for answer in answers if answer.status_code == 201}
        assert len(made) == 1
        assert stack.anonymous.get(f"/events/{event['id']}").json()["current_participants"] == 1

    def test_a_secret_reply_is_repeated(self, stack, person):
        headers = {"Authorization": f"Bearer {person.refresh_token}", "Idempotency-Key": unique("key")}
        first, again = (stack.anonymous.post("/auth/refresh", headers=headers) for _ in range(2))
        assert first.status_code == again.status_code == 200
        assert first.json() == again.json()
        with stack.database() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM commands WHERE position(%s::bytea in reply) > 0", [first.json()["refresh_token"].encode()])
            assert cursor.fetchone() == (0,), "a stored reply shows a token"


class TestBodies:
    def test_an_empty_object_where_no_body_is_wanted(self, stack, person, event):
        """Many clients send one with every POST."""
        refresh = stack.anonymous.post("/auth/refresh", {}, headers={"Authorization": f"Bearer {person.refresh_token}"})
        assert refresh.status_code == 200
        booking = stack.book(person, event)
        assert person.post(f"/bookings/{booking['id']}/cancel", {}).status_code == 200
        assert person.post("/logout", {}).status_code == 200


class TestHeaders:
    @pytest.mark.parametrize("given, kept", [("abc-1.2_3", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("é", False)])
    def test_request_id(self, stack, given, kept):
        answer = stack.anonymous.get("/nothing", headers={"X-Request-Id": given.encode()})
        assert answer.headers["X-Request-Id"] == answer.json()["request_id"]
        assert (answer.headers["X-Request-Id"] == given) == kept

    def test_problem_json(self, user):
        answer = user.post("/bookings", {"event_id": 0}, headers={"Accept": "application/problem+json"})
        assert answer.headers["Content-Type"].split(";")[0] == "application/problem+json"
        problem = answer.json()
        assert (problem["status"], problem["code"], problem["detail"]) == (400, "validation_error", "Validation error")
        assert problem["type"].endswith("validation_error") and problem["title"]
        assert problem["request_id"] == answer.headers["X-Request-Id"]
        assert "event_id" in problem["details"]

    def test_gzip(self, stack, facilitator):
        event = stack.event(facilitator, description="Om " * 3000)
        with socket_of(stack) as connection:
            headers = "Host: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
            connection.sendall(f"GET /events/{event['id']} HTTP/1.1\r\n{headers}".encode())
            head, _, body = read_all(connection).partition(b"\r\n\r\n")
        assert b"content-encoding: gzip" in head.lower() and b"vary:" in head.lower()
        assert len(body) < 4096 and b"Om Om" in gzip.decompress(body)

    def test_security_headers(self, stack):
        headers = stack.anonymous.get("/events").headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Content-Security-Policy" in headers and "Referrer-Policy" in headers
        assert "h2o" not in headers.get("Server", "")

    def test_private_answers_are_not_cached(self, user):
        assert re.search("no-store|private|no-cache", user.get("/profile").headers["Cache-Control"])

    def test_foreign_origins_are_not_allowed(self, stack):
        answer = stack.anonymous.get("/events", headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_known_origins_are_allowed(self, stack):
        answer = stack.anonymous.get("/events", headers={"Origin": ORIGIN})
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Origin" in answer.headers["Vary"]
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]

    def test_preflight(self, stack):
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization, if-match"}
        answer = stack.anonymous.request("OPTIONS", "/events/1", headers=asked)
        assert answer.status_code in (200, 204)
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
        allowed = answer.headers["Access-Control-Allow-Headers"].lower()
        assert all(name in allowed for name in ("authorization", "content-type", "if-match", "idempotency-key"))

    def test_limits_are_told(self, user):
        headers = user.get("/bookings").headers
        assert "RateLimit" in headers and "RateLimit-Policy" in headers


def card_number():
    """A Visa number that nobody has used before, with a right check digit."""
    digits = "4" + "".join(random.choices("0123456789", k=14))
    total = sum((int(digit) * 2 - 9 * (int(digit) > 4)) if place % 2 == 0 else int(digit) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


def groups(number):
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


class TestCardNumbers:
    """What looks like one is refused, and nothing keeps it: no table, no log."""

    @staticmethod
    def is_kept(stack, text):
        """Does any file of the stack hold it: tables, their journal, logs?"""
        search = ["grep", "-rlaF", "-D", "skip", text, str(stack.state)]
        return subprocess.run(search, capture_output=True, text=True, check=False).stdout != ""

    @pytest.fixture(scope="class")
    def card(self, stack):
        number = card_number()
        yield number
        assert self.is_kept(stack, stack.register()["email"])
        assert not self.is_kept(stack, number) and not self.is_kept(stack, groups(number))

    @pytest.fixture
    def refuses(self, stack, person, event):
        """Whoever asks is there before the facts are counted."""

        def check(answer):
            assert (answer.status_code, answer.json()["code"]) == (400, "card_number_refused"), answer.text
            assert "details" not in answer.json()

        before = stack.traces()
        yield check
        assert stack.traces() == before

    def test_in_a_body(self, refuses, person, event, card):
        for notes in (card, groups(card), f"please charge {card}, thanks", groups(card).replace(" ", "-")):
            refuses(person.post("/bookings", {"event_id": event["id"], "notes": notes}))
        refuses(person.post("/api/bookings", {"session_id": event["id"], "notes": card}))

    def test_under_another_spelling(self, refuses, person, card):
        headers = {"Content-Type": "application/json"}
        escaped = "".join(f"\\u{ord(digit):04x}" for digit in card)
        for body in (f'{{"name": "{escaped}"}}', f'{{"name": {card}}}', f'{{"{card}": 1}}', f'{{"name": [{{"deep": "{card}"}}]}}'):
            refuses(person.put("/profile", data=body, headers=headers))

    def test_in_registration(self, refuses, stack, card):
        body = {"email": f"{unique('card')}@example.com", "password": "password123", "name": card}
        refuses(stack.anonymous.post("/auth/register", body))
        refuses(stack.anonymous.post("/auth/register", {**body, "name": "x", "password": card}))

    def test_in_query_and_path(self, refuses, stack, person, card):
        encoded = "".join(f"%{ord(digit):02x}" for digit in card)
        for value in (card, groups(card).replace(" ", "+"), groups(card).replace(" ", "%20"), encoded):
            refuses(stack.anonymous.get(f"/events?search={value}"))
        refuses(stack.anonymous.get(f"/events?nosuch={card}"))
        refuses(stack.anonymous.get(f"/events/{card}"))
        refuses(person.get(f"/bookings/{encoded}"))

    def test_who_may_not_ask_hears_that_first(self, stack, card):
        assert stack.anonymous.post("/bookings", {"event_id": 1, "notes": card}).status_code == 401
        assert stack.anonymous.get(f"/nosuch/{card}").status_code == 404

    def test_it_is_no_request_id(self, stack, card):
        answer = stack.anonymous.get("/healthz", headers={"X-Request-Id": card})
        assert answer.status_code == 200 and card not in answer.headers["X-Request-Id"]

    def test_what_is_none_passes(self, stack, person, event):
        notes = "call +49 1511 2345678 or 9876543210; ref 0190b6a4-6e0c-7c3e-4111-111111111111, 2026-11-21 10:00"
        answer = person.post("/bookings", {"event_id": event["id"], "notes": notes})
        assert answer.status_code == 201 and answer.json()["booking"]["notes"] == notes
        assert stack.anonymous.get("/events/9223372036854775807").status_code == 404


class TestRawBodies:
    """A provider's webhook is taken by its bytes: whatever its type, and unparsed, because they are signed."""

    PATH = "/payments/webhooks/stripe"

    def test_an_empty_one_is_a_body_too(self, stack):
        answer = stack.anonymous.post(self.PATH)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature")

    def test_it_is_text(self, stack):
        for body in (b"\xff", b"{}\0"):
            answer = stack.anonymous.post(self.PATH, data=body)
            assert answer.json()["details"] == {"payload": "is not valid UTF-8 text"}

    def test_unsigned_ones_are_refused_by_the_worker(self, stack):
        before = stack.traces()
        for body in (b"{}", b"no json", b'{"a": 1, "a": 2}', b'{"number": "4111111111111111"}', b'{"payload": "x"}'):
            for media_type in ("application/json", "text/plain", "application/octet-stream"):
                answer = stack.anonymous.post(self.PATH, data=body, headers={"Content-Type": media_type})
                assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature"), body
        assert stack.traces() == before

    def test_its_size_is_bounded(self, stack):
        answer = stack.anonymous.post(self.PATH, data=b"x" * 70000)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")

    def test_it_is_documented_as_json(self, stack):
        operation = stack.anonymous.get("/openapi.json").json()["paths"][self.PATH]["post"]
        assert operation["requestBody"]["content"] == {"application/json": {"schema": {"type": "object"}}}
        assert "payload" not in json.dumps(operation)


class TestCsv:
    PATH = "/facilitator/revenue.csv"

    def test_it_is_a_file_of_lines(self, facilitator):
        answer = facilitator.get(self.PATH)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="revenue.csv"'
        header = b"event_id,event_title,facilitator_id,facilitator_name,month,currency,payments,captured,refunds,refunded,net"
        assert answer.content.startswith(header + b"\r\n") and answer.content.endswith(b"\r\n")

    def test_validators(self, facilitator):
        first = facilitator.get(self.PATH)
        again = facilitator.get(self.PATH, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        head = facilitator.request("HEAD", self.PATH)
        assert (head.status_code, head.headers["Content-Length"]) == (200, first.headers["Content-Length"])

    def test_refusals_are_json(self, stack, person, facilitator):
        for client, status in ((stack.anonymous, 401), (person, 403)):
            answer = client.get(self.PATH)
            assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
            assert "Content-Disposition" not in answer.headers
        assert facilitator.get(f"{self.PATH}?nosuch=1").json()["code"] == "validation_error"

    def test_what_the_path_sets_cannot_be_taken_back(self, facilitator):
        answer = facilitator.get("/facilitator/payments.csv?all=false")
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
        answer = facilitator.get("/facilitator/payments.csv")
        assert answer.status_code == 200 and answer.content.startswith(b"booking_id,booking_reference,user_id,name,")


def socket_of(stack):
    host, port = stack.base_url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=15)


def read_all(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


class TestConnections:
    def test_pipelining(self, stack, event):
        request = f"GET /events/{event['id']} HTTP/1.1\r\nHost: x\r\n"
        with socket_of(stack) as connection:
            connection.sendall((f"{request}\r\n" * 4 + f"{request}Connection: close\r\n\r\n").encode())
            answer = read_all(connection)
        assert answer.count(b"HTTP/1.1 200") == 5

    def test_no_upgrade_to_http2(self, stack):
        with socket_of(stack) as connection:
            upgrade = "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
            connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n".encode())
            connection.settimeout(3)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")

    @pytest.mark.parametrize("path, status", [("/healthz", "ok"), ("/readyz", "ok")])
    def test_health(self, stack, path, status):
        assert stack.anonymous.get(path).json()["status"] == status

    def test_readyz_names_each_dependency(self, stack):
        assert set(stack.anonymous.get("/readyz").json()["dependencies"].values()) == {"ok"}

    def test_metrics(self, stack):
        answer = stack.anonymous.get("/metrics")
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain")
        for line in answer.text.splitlines():
            assert line.startswith("#") or re.fullmatch(r'[a-z_:][a-z0-9_:]*(\{[^}]*\})? [-+0-9.eInfNa]+', line), line

    def test_refusals_are_counted_by_code(self, stack):
        stack.anonymous.post("/payment/success", {f"razorpay_{name}": "x" for name in ("payment_id", "order_id", "signature")})
        counted = re.search(
            r'^tithi_refusals_total\{operation="confirmPayment",code="invalid_signature"\} (\d+)$',
            stack.anonymous.get("/metrics").text,
            re.MULTILINE,
        )
        assert int(counted[1]) >= 1
