"""Bad input, each kind once. A refusal names the field or the reason, is a row of errors.yaml (the client checks that) and leaves no
trace in the database; nothing here makes a server error."""

import base64
import hashlib
import hmac
import json
import socket
import time
import urllib.parse

import pytest

from harness import CRM_TOKEN, JWT_KEY, PASSWORD, days_from_now, start_stack, stop_stack, unique

BODY_LIMIT = 64 * 1024
NEW_EVENT = {"title": "Yoga Session", "start_datetime": "2030-02-20T10:00:00", "end_datetime": "2030-02-20T11:00:00"}


@pytest.fixture(scope="module")
def shared_event(stack, facilitator):
    return stack.event(facilitator)


@pytest.fixture
def refuses(stack):
    """Sends a request that must be refused: with this status and code, naming these fields, without a trace."""

    def send(client, method, path, status, code, *, fields=(), **arguments):
        before = stack.traces()
        answer = client.request(method, path, **arguments)
        assert answer.status_code == status, answer.text
        assert answer.json()["code"] == code, answer.text
        for field in fields:
            assert field in answer.json().get("details", {}), answer.text
        assert stack.traces() == before
        return answer

    return send


def text(body, media_type="application/json"):
    data = body if isinstance(body, bytes) else body.encode()
    return {"data": data, "headers": {"Content-Type": media_type}}


def nested(levels):
    """A value of so many levels, the outermost object included."""
    return '{"title": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


class TestJson:
    @pytest.mark.parametrize(
        "body",
        [
            "{",
            '{"title": "a"',
            '{"title": "a",}',
            '{"title": "a"} x',
            '{"title": "a"}{"title": "b"}',
            "{'title': 'a'}",
            "{title: 1}",
            '{"title": NaN}',
            '{"title": 01}',
            '{"title": "\\x"}',
            '{"title": "\\ud800"}',
            '{"title": "a\nb"}',
            '{"rating": 1e400}',
            "nonsense",
            "\ufeff{}",
        ],
    )
    def test_malformed(self, refuses, facilitator, body):
        refuses(facilitator, "POST", "/events", 400, "malformed_json", fields=["body"], **text(body))

    @pytest.mark.parametrize("body", ["[]", '"text"', "1", "true", "null"])
    def test_no_object(self, stack, facilitator, body):
        before = stack.traces()
        answer = facilitator.post("/events", **text(body))
        assert answer.status_code == 400
        assert "body" in answer.json()["details"]
        assert stack.traces() == before

    def test_no_body(self, stack, facilitator):
        before = stack.traces()
        for arguments in ({}, text("")):
            assert facilitator.post("/events", **arguments).status_code == 400
        assert stack.traces() == before

    @pytest.mark.parametrize("bad", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xe2\x82"])
    def test_invalid_utf8(self, refuses, facilitator, bad):
        body = b'{"title": "' + bad + b'", "start_datetime": "2030-02-20T10:00:00"}'
        refuses(facilitator, "POST", "/events", 400, "malformed_json", fields=["body"], **text(body))

    @pytest.mark.parametrize("nul", [b"\\u0000", b"\x00"], ids=["escaped", "raw"])
    def test_nul(self, refuses, facilitator, nul):
        body = b'{"title": "a' + nul + b'b", "start_datetime": "2030-02-20T10:00:00"}'
        refuses(facilitator, "POST", "/events", 400, "malformed_json", fields=["body"], **text(body))

    def test_duplicate_keys(self, refuses, facilitator):
        body = '{"title": "a", "title": "a", "start_datetime": "2030-02-20T10:00:00"}'
        refuses(facilitator, "POST", "/events", 400, "malformed_json", fields=["body"], **text(body))

    @pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400])
    def test_numbers_that_no_machine_holds(self, refuses, user, number):
        answer = refuses(user, "POST", "/bookings", 400, "malformed_json", **text(f'{{"event_id": {number}}}'))
        assert "number" in answer.json()["details"]["body"]

    @pytest.mark.parametrize("levels", [17, 1000, 20000])
    def test_too_deep(self, refuses, facilitator, levels):
        refuses(facilitator, "POST", "/events", 400, "malformed_json", fields=["body"], **text(nested(levels)))

    def test_sixteen_levels_are_read(self, refuses, facilitator):
        refuses(facilitator, "POST", "/events", 400, "validation_error", fields=["title"], **text(nested(16)))

    @pytest.mark.parametrize("surplus", [1, BODY_LIMIT])
    def test_too_large(self, refuses, facilitator, surplus):
        body = json.dumps({"title": "a"}).ljust(BODY_LIMIT + surplus)
        refuses(facilitator, "POST", "/events", 413, "payload_too_large", **text(body))

    def test_too_large_in_chunks(self, refuses, facilitator):
        chunks = (b" " * 4096 for _ in range(BODY_LIMIT // 4096 + 1))
        headers = {"Content-Type": "application/json"}
        refuses(facilitator, "POST", "/events", 413, "payload_too_large", data=chunks, headers=headers)

    def test_the_largest_body_is_read(self, facilitator):
        answer = facilitator.post("/events", **text(json.dumps(NEW_EVENT).ljust(BODY_LIMIT)))
        assert answer.status_code == 201

    @pytest.mark.parametrize(
        "media_type",
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "application/jsonx", ""],
    )
    def test_media_type(self, refuses, facilitator, media_type):
        refuses(facilitator, "POST", "/events", 415, "unsupported_media_type", **text(json.dumps(NEW_EVENT), media_type))

    @pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=UTF-8"])
    def test_media_types_that_are_fine(self, facilitator, media_type):
        assert facilitator.post("/events", **text(json.dumps(NEW_EVENT), media_type)).status_code == 201


WRONG_EVENT_FIELDS = [
    # wrong type
    {"title": 5},
    {"title": None},
    {"title": ["a"]},
    {"title": {}},
    {"title": True},
    {"description": 1},
    {"start_datetime": 1},
    {"start_datetime": None},
    {"max_participants": "10"},
    {"max_participants": 10.5},
    {"max_participants": True},
    {"max_participants": []},
    {"price": "25"},
    {"price": None},
    {"price": True},
    {"rating": "4"},
    {"is_active": "yes"},
    {"is_active": 1},
    {"is_active": None},
    {"facilitator_id": 1.5},
    {"facilitator_id": None},
    {"facilitator_id": {}},
    # too long, too short
    {"title": ""},
    {"title": "x" * 201},
    {"title": "ॐ" * 201},
    {"description": "x" * 10001},
    {"event_type": ""},
    {"event_type": "x" * 65},
    {"location": "x" * 501},
    {"virtual_link": "https://example.com/" + "x" * 2000},
    {"facilitator_id": "x" * 65},
    {"facilitator_crm_id": ""},
    # not one line of text
    {"title": "   "},
    {"title": "a\nb"},
    {"title": "a\u0007"},
    {"event_type": "\u3000"},
    {"facilitator_crm_id": "FAC\u2028001"},
    # out of range
    {"max_participants": 0},
    {"max_participants": -1},
    {"max_participants": 1000001},
    {"max_participants": 2**63 - 1},
    {"price": -0.01},
    {"price": -1},
    {"price": 10000000.01},
    {"price": 1e300},
    {"price": 25.001},
    {"rating": 5.1},
    {"rating": -0.1},
    # no such date, zone, address, currency
    {"start_datetime": ""},
    {"start_datetime": "tomorrow"},
    {"start_datetime": "2030-02-30T10:00:00"},
    {"start_datetime": "2030-02-20"},
    {"start_datetime": "2030-02-20T25:00:00"},
    {"start_datetime": "2030-02-20T10:00:00+25:00"},
    {"start_datetime": "2030-02-20T10:00:00 or 1=1"},
    {"end_datetime": "later"},
    {"time_zone": "Mars/Olympus"},
    {"time_zone": "../../etc/passwd"},
    {"time_zone": ""},
    {"virtual_link": "not a link"},
    {"virtual_link": "javascript:alert(1)"},
    {"currency": "rupees"},
    {"currency": "inr"},
    {"currency": "XYZ"},
    # unknown
    {"colour": "red"},
    {"id": 5},
    {"current_participants": 0},
    {"status": "active"},
]


class TestFields:
    @pytest.mark.parametrize("wrong", WRONG_EVENT_FIELDS, ids=lambda wrong: str(wrong)[:60])
    def test_new_event(self, refuses, facilitator, wrong):
        refuses(facilitator, "POST", "/events", 400, "validation_error", fields=wrong, json={**NEW_EVENT, **wrong})

    @pytest.mark.parametrize("wrong", WRONG_EVENT_FIELDS, ids=lambda wrong: str(wrong)[:60])
    def test_changed_event(self, refuses, facilitator, shared_event, wrong):
        refuses(facilitator, "PUT", f"/events/{shared_event['id']}", 400, "validation_error", fields=wrong, json=wrong)

    @pytest.mark.parametrize("missing", ["title", "start_datetime"])
    def test_missing(self, refuses, facilitator, missing):
        body = {name: value for name, value in NEW_EVENT.items() if name != missing}
        refuses(facilitator, "POST", "/events", 400, "validation_error", fields=[missing], json=body)

    def test_every_wrong_field_is_named(self, refuses, facilitator):
        wrong = {"title": "", "price": -1, "rating": 6, "colour": "red"}
        refuses(facilitator, "POST", "/events", 400, "validation_error", fields=[*wrong, "start_datetime"], json=wrong)

    def test_reasons_are_sentences_without_the_value(self, facilitator):
        answer = facilitator.post("/events", {**NEW_EVENT, "title": "<script>alert(1)</script>" * 20})
        assert "script" not in answer.text

    @pytest.mark.parametrize("title", ["x" * 200, "ॐ" * 200, "🧘" * 200])
    def test_lengths_count_characters(self, facilitator, title):
        answer = facilitator.post("/events", {**NEW_EVENT, "title": title})
        assert answer.status_code == 201
        assert answer.json()["event"]["title"] == title

    @pytest.mark.parametrize(
        "names",
        [("start_datetime", "datetime"), ("start_datetime", "start_time"), ("datetime", "start_time")],
        ids=" and ".join,
    )
    def test_two_names_of_one_field(self, refuses, facilitator, names):
        body = {"title": "Yoga", names[0]: "2030-02-20T10:00:00", names[1]: "2030-02-20T11:00:00"}
        answer = refuses(facilitator, "POST", "/events", 400, "validation_error", json=body)
        assert set(names) & set(answer.json()["details"])
        body[names[1]] = body[names[0]]
        assert facilitator.post("/events", body).status_code == 201

    def test_price_and_minor_units_that_differ(self, refuses, facilitator):
        body = {**NEW_EVENT, "price": 25.0, "price_minor": 2400}
        answer = refuses(facilitator, "POST", "/events", 400, "validation_error", json=body)
        assert {"price", "price_minor"} & set(answer.json()["details"])
        answer = facilitator.post("/events", {**body, "price_minor": 2500})
        assert answer.status_code == 201
        assert facilitator.post("/events", {**NEW_EVENT, "price_minor": 2500}).json()["event"]["price"] == 25.0

    @pytest.mark.parametrize(
        "wrong",
        [
            {"event_id": 0},
            {"event_id": -1},
            {"event_id": 1.5},
            {"event_id": True},
            {"event_id": None},
            {"event_id": "x"},
            {"event_id": ""},
            {"event_id": "1x"},
            {"event_id": " 1"},
            {"event_id": "0x10"},
            {"event_id": "99999999999999999999"},
            {"event_id": [1]},
            {"event_id": "1' OR '1'='1"},
            {"notes": 5},
            {"notes": "x" * 2001},
            {"user_id": 1},
            {"status": "confirmed"},
        ],
        ids=lambda wrong: str(wrong)[:60],
    )
    @pytest.mark.parametrize("path", ["/bookings", "/api/bookings"])
    def test_booking(self, refuses, user, shared_event, wrong, path):
        body = {"event_id": shared_event["id"], **wrong}
        refuses(user, "POST", path, 400, "validation_error", fields=wrong, json=body)

    def test_booking_without_event(self, refuses, user):
        refuses(user, "POST", "/bookings", 400, "validation_error", fields=["event_id"], json={})

    @pytest.mark.parametrize(
        "wrong",
        [
            {"email": "nobody"},
            {"email": "a@"},
            {"email": "@example.com"},
            {"email": "a b@example.com"},
            {"email": "a@b@example.com"},
            {"email": "a\n@example.com"},
            {"email": "x" * 243 + "@example.com"},
            {"email": 5},
            {"email": ""},
            {"password": "short"},
            {"password": "x" * 257},
            {"password": 123456},
            {"name": ""},
            {"name": "x" * 201},
            {"role": "admin"},
            {"role": "king"},
            {"phone": "1" * 33},
            {"is_verified": True},
            {"id": 1},
        ],
        ids=lambda wrong: str(wrong)[:60],
    )
    @pytest.mark.parametrize("path", ["/auth/register", "/api/auth/register"])
    def test_registration(self, stack, refuses, wrong, path):
        body = {"email": f"{unique('bad')}@example.com", "password": PASSWORD, "name": "A", **wrong}
        refuses(stack.anonymous, "POST", path, 400, "validation_error", fields=wrong, json=body)

    @pytest.mark.parametrize("missing", ["email", "password", "name"])
    def test_registration_without(self, stack, refuses, missing):
        body = {"email": f"{unique('bad')}@example.com", "password": PASSWORD, "name": "A"}
        del body[missing]
        refuses(stack.anonymous, "POST", "/auth/register", 400, "validation_error", fields=[missing], json=body)

    def test_taken_address(self, stack, refuses):
        taken = stack.register()
        refuses(stack.anonymous, "POST", "/auth/register", 400, "email_taken", json=taken)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": ""},
            {"name": None},
            {"phone": "1" * 33},
            {"bio": "x" * 10001},
            {"role": "facilitator"},
            {"email": "other@example.com"},
            {"is_active": False},
            {"crm_webhook_url": "ftp://example.com/"},
            {"crm_webhook_url": "nonsense"},
        ],
        ids=lambda wrong: str(wrong)[:60],
    )
    def test_profile(self, refuses, user, wrong):
        refuses(user, "PUT", "/profile", 400, "validation_error", fields=wrong, json=wrong)

    def test_login_without_password(self, stack, refuses):
        body = {"email": "user@example.com"}
        refuses(stack.anonymous, "POST", "/auth/login", 400, "validation_error", fields=["password"], json=body)

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=abc",
            "limit=1.5",
            "limit=",
            "limit=99999999999999999999",
            "limit=1&limit=2",
            "active=maybe",
            "rating=6",
            "rating=-1",
            "rating=high",
            "rating=nan",
            "sort=nonsense",
            "sort=start;DROP TABLE events",
            "from=yesterday",
            "from=2030-13-01",
            "to=2030-02-30",
            "to=2030-02-20T99:00:00",
            "after=nonsense",
            "after=%21%21%21%21",
            "q=",
            "type=" + "x" * 65,
            "type=a&event_type=b",
            "facilitator_id=",
            "colour=red",
            "q=%ff",
            "q=%00",
        ],
    )
    @pytest.mark.parametrize("path", ["/events", "/events/filter", "/api/sessions"])
    def test_query_of_events(self, stack, refuses, query, path):
        name = urllib.parse.parse_qsl(query, keep_blank_values=True)[0][0]
        code = "bad_cursor" if name == "after" else "validation_error"
        before = stack.traces()
        answer = stack.anonymous.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert answer.json()["code"] == code
        assert name in answer.json()["details"]
        assert stack.traces() == before

    @pytest.mark.parametrize("query", ["status=lost", "payment_status=never", "when=now", "limit=0", "sort=title", "colour=red"])
    @pytest.mark.parametrize("path", ["/bookings", "/bookings/my", "/bookings/mine", "/api/bookings/my"])
    def test_query_of_bookings(self, refuses, user, query, path):
        refuses(user, "GET", f"{path}?{query}", 400, "validation_error", fields=[query.split("=")[0]])

    @pytest.mark.parametrize(
        "cursor",
        ["x", "AAAA", "e30", base64.urlsafe_b64encode(b"1; DROP TABLE bookings").decode(), "A" * 512, "2030-02-20"],
    )
    @pytest.mark.parametrize("path", ["/events", "/bookings", "/facilitator/events", "/facilitator/bookings", "/payments"])
    def test_bad_cursor(self, refuses, facilitator, cursor, path):
        refuses(facilitator, "GET", f"{path}?after={cursor}", 400, "bad_cursor", fields=["after"])

    def test_cursor_of_another_order(self, stack, refuses, facilitator):
        for _ in range(2):
            stack.event(facilitator)
        cursor = stack.anonymous.get("/events?limit=1&sort=start").json()["next"]
        refuses(stack.anonymous, "GET", f"/events?limit=1&sort=-price&after={cursor}", 400, "bad_cursor", fields=["after"])

    @pytest.mark.parametrize("number", ["abc", "0", "-1", "1.5", "99999999999999999999", "%31x", "1%20"])
    def test_path_that_is_no_number(self, stack, number):
        assert stack.anonymous.get(f"/events/{number}").status_code in (400, 404)


class TestAdmission:
    def received(self, stack):
        """Calls that the brokers took for workers so far."""
        time.sleep(1.5)
        lines = stack.anonymous.get("/metrics").text.splitlines()
        return sum(int(line.split()[-1]) for line in lines if line.startswith("tithi_broker_received_total"))

    def test_what_the_contract_refuses_reaches_no_worker(self, stack, user, facilitator, shared_event):
        event = f"/events/{shared_event['id']}"
        before = self.received(stack)
        for _ in range(10):
            for client, method, path, arguments in (
                (facilitator, "POST", "/events", {"json": {"title": ""}}),
                (facilitator, "PUT", event, {"json": {"price": -1}}),
                (facilitator, "PUT", event, text("{")),
                (facilitator, "POST", "/events", text("{}", "text/plain")),
                (user, "POST", "/events", {"json": NEW_EVENT}),
                (user, "POST", "/bookings", {"json": {"event_id": 0}}),
                (user, "GET", "/bookings?limit=0", {}),
                (user, "GET", "/facilitator/events", {}),
                (stack.anonymous, "POST", "/bookings", {"json": {"event_id": 1}}),
                (stack.anonymous, "POST", "/auth/login", {"json": {"email": "nobody"}}),
                (stack.anonymous, "GET", "/nothing", {}),
            ):
                assert 400 <= client.request(method, path, **arguments).status_code < 500
        assert self.received(stack) - before < 10, "only the health checks' calls may have come"


class TestRoutes:
    @pytest.mark.parametrize(
        "path", ["/nothing", "/events/1/2/3", "/api/nothing", "/eventsx", "//events", "/EVENTS", "/bookings/1/uncancel"]
    )
    def test_unknown_path(self, user, path):
        answer = user.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    @pytest.mark.parametrize(
        "method, path, served",
        [
            ("DELETE", "/events", {"GET", "POST"}),
            ("PATCH", "/events/1", {"GET", "PUT", "DELETE"}),
            ("POST", "/events/1", {"GET", "PUT", "DELETE"}),
            ("GET", "/auth/login", {"POST"}),
            ("GET", "/bookings/1/cancel", {"POST"}),
            ("PUT", "/api/sessions", {"GET", "POST"}),
            ("PUT", "/bookings/my", {"GET"}),
        ],
    )
    def test_wrong_method(self, user, method, path, served):
        answer = user.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        allowed = {name.strip() for name in answer.headers["Allow"].split(",")}
        assert served <= allowed <= served | {"HEAD", "OPTIONS"}

    @pytest.mark.parametrize("method", ["TRACE", "BREW"])
    def test_strange_method(self, stack, method):
        assert raw(stack, f"{method} /events HTTP/1.1\r\nHost: x\r\n\r\n".encode()).split()[1] in (b"400", b"405", b"501")


def raw(stack, request):
    """The beginning of the answer to these very bytes."""
    host, port = stack.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        connection.sendall(request)
        return connection.recv(4096)


class TestHttp:
    @pytest.mark.parametrize(
        "head",
        [
            "GET /events HTTP/1.1\r\n\r\n",
            "GET /events HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET /events HTTP/1.2\r\nHost: a\r\n\r\n",
            "GET /events HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
            "GET /events HTTP/1.1\nHost: a\n\n",
            "GET /events%00x HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            "POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "nonsense\r\n\r\n",
        ],
        ids=range(11),
    )
    def test_framing(self, stack, head):
        answer = raw(stack, head.encode())
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400", b"HTTP/1.1 405", b"HTTP/1.1 404")) or answer == b"", answer

    @pytest.mark.parametrize("headers", [{"X-Long": "x" * 17000}, {f"X-{n}": "x" for n in range(80)}], ids=["long", "many"])
    def test_headers(self, stack, headers):
        answer = stack.anonymous.get("/events", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")


def part(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(claims, *, key=JWT_KEY, header=None, digest=hashlib.sha256):
    signed = f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    return f"{signed}.{part(hmac.new(key.encode(), signed.encode(), digest).digest())}"


def claims_of(access_token):
    middle = access_token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))


def without(claims, name):
    return {key: value for key, value in claims.items() if key != name}


FORGERIES = {
    "nothing": lambda claims: "",
    "no JWT": lambda claims: "nonsense",
    "dots": lambda claims: "..",
    "long": lambda claims: "x" * 8000,
    "alg none": lambda claims: f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.",
    "alg None, signed": lambda claims: token(claims, header={"alg": "None", "typ": "JWT"}),
    "alg hs256": lambda claims: token(claims, header={"alg": "hs256", "typ": "JWT"}),
    "alg HS512": lambda claims: token(claims, header={"alg": "HS512", "typ": "JWT"}, digest=hashlib.sha512),
    "alg RS256": lambda claims: token(claims, header={"alg": "RS256", "typ": "JWT"}),
    "two algs": lambda claims: token(claims, header=b'{"alg":"none","alg":"HS256","typ":"JWT"}'),
    "crit": lambda claims: token(claims, header={"alg": "HS256", "typ": "JWT", "crit": ["x"], "x": 1}),
    "other key": lambda claims: token(claims, key="another-key-of-the-access-tokens-0123456789"),
    "empty key": lambda claims: token(claims, key=""),
    "no signature": lambda claims: token(claims).rsplit(".", 1)[0] + ".",
    "cut signature": lambda claims: token(claims)[:-4],
    "other claims": lambda claims: ".".join([token(claims).split(".")[0], part({**claims, "sub": "1"}), token(claims).split(".")[2]]),
    "no exp": lambda claims: token(without(claims, "exp")),
    "exp a text": lambda claims: token({**claims, "exp": str(claims["exp"])}),
    "expired": lambda claims: token({**claims, "exp": int(time.time()) - 120}),
    "no sub": lambda claims: token(without(claims, "sub")),
    "sub no number": lambda claims: token({**claims, "sub": "admin"}),
    "no use": lambda claims: token(without(claims, "use")),
    "refresh use": lambda claims: token({**claims, "use": "refresh"}),
    "not yet": lambda claims: token({**claims, "nbf": int(time.time()) + 3600}),
}


class TestTokens:
    def assert_challenged(self, answer, code="invalid_token"):
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize(
        "method, path",
        [
            ("GET", "/bookings"),
            ("POST", "/bookings"),
            ("GET", "/bookings/1"),
            ("POST", "/bookings/1/cancel"),
            ("POST", "/events"),
            ("PUT", "/events/1"),
            ("DELETE", "/events/1"),
            ("GET", "/facilitator/events"),
            ("GET", "/facilitator/events/1/bookings"),
            ("POST", "/facilitator/events/1/cancel"),
            ("GET", "/profile"),
            ("PUT", "/profile"),
            ("GET", "/logout"),
            ("POST", "/auth/refresh"),
            ("GET", "/payments"),
            ("POST", "/api/sessions"),
            ("POST", "/api/bookings"),
            ("GET", "/api/bookings/my"),
            ("GET", "/api/facilitator/bookings"),
        ],
    )
    def test_no_token(self, stack, method, path):
        self.assert_challenged(stack.anonymous.request(method, path))

    @pytest.mark.parametrize("forgery", FORGERIES)
    def test_forged(self, stack, user, forgery):
        header = {"Authorization": f"Bearer {FORGERIES[forgery](claims_of(user.token))}"}
        before = stack.traces()
        self.assert_challenged(stack.anonymous.get("/profile", headers=header))
        assert stack.traces() == before

    def test_the_forger_could_sign(self, stack, user):
        """Else the cases above prove nothing."""
        header = {"Authorization": f"Bearer {token(claims_of(user.token))}"}
        assert stack.anonymous.get("/profile", headers=header).status_code == 200

    @pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "Bearer", "Token x", "Bearer a b", f"Bearer {CRM_TOKEN}"])
    def test_other_schemes(self, stack, header):
        self.assert_challenged(stack.anonymous.get("/profile", headers={"Authorization": header}))

    def test_a_bad_token_is_refused_where_none_is_needed(self, stack):
        self.assert_challenged(stack.anonymous.get("/events", headers={"Authorization": "Bearer nonsense"}))

    def test_refresh_token_is_no_access_token(self, stack, user):
        self.assert_challenged(stack.anonymous.get("/profile", headers={"Authorization": f"Bearer {user.refresh_token}"}))

    def test_access_token_is_no_refresh_token(self, stack, user):
        self.assert_challenged(stack.anonymous.post("/auth/refresh", headers={"Authorization": f"Bearer {user.token}"}))

    def test_replayed_refresh_ends_the_family(self, stack):
        person = stack.user()
        spent = {"Authorization": f"Bearer {person.refresh_token}"}
        fresh = stack.anonymous.post("/auth/refresh", headers=spent).json()
        self.assert_challenged(stack.anonymous.post("/auth/refresh", headers=spent), "refresh_token_spent")
        header = {"Authorization": f"Bearer {fresh['refresh_token']}"}
        assert stack.anonymous.post("/auth/refresh", headers=header).status_code == 401
        for access_token in (person.token, fresh["access_token"]):
            self.assert_challenged(stack.anonymous.get("/profile", headers={"Authorization": f"Bearer {access_token}"}))

    def test_after_logout(self, stack):
        person = stack.user()
        person.post("/auth/logout")
        self.assert_challenged(person.get("/profile"))


class TestNotAllowed:
    def test_users_publish_nothing(self, refuses, user, shared_event):
        refuses(user, "POST", "/events", 403, "facilitators_only", json=NEW_EVENT)
        refuses(user, "POST", "/api/sessions", 403, "facilitators_only", json=NEW_EVENT)
        refuses(user, "PUT", f"/events/{shared_event['id']}", 403, "forbidden", json={"title": "Mine"})
        refuses(user, "DELETE", f"/events/{shared_event['id']}", 403, "forbidden")
        refuses(user, "POST", f"/facilitator/events/{shared_event['id']}/cancel", 403, "forbidden")

    @pytest.mark.parametrize(
        "path", ["/facilitator/events", "/facilitator/bookings", "/api/facilitator/bookings", "/facilitator/events/1/bookings"]
    )
    def test_users_are_no_facilitators(self, refuses, user, path):
        refuses(user, "GET", path, 403, "forbidden")

    def test_event_of_another(self, stack, facilitator, user):
        stranger = stack.facilitator()
        event = stack.event(facilitator)
        booking = stack.book(stack.user(name="Secret Name"), event)
        before = stack.traces()
        for method, path, body in (
            ("PUT", f"/events/{event['id']}", {"title": "Mine"}),
            ("PUT", f"/api/sessions/{event['id']}", {"title": "Mine"}),
            ("DELETE", f"/events/{event['id']}", None),
            ("GET", f"/facilitator/events/{event['id']}/bookings", None),
            ("POST", f"/facilitator/events/{event['id']}/cancel", None),
            ("POST", f"/api/sessions/{event['id']}/cancel", None),
        ):
            answer = stranger.request(method, path, **({"json": body} if body else {}))
            assert answer.status_code in (403, 404), answer.text
            assert "Secret Name" not in answer.text and booking["booking_reference"] not in answer.text
        assert stack.traces() == before
        assert stack.anonymous.get(f"/events/{event['id']}").json()["title"] == event["title"]

    def test_booking_of_another(self, stack, event, user):
        owner = stack.user(name="Secret Name")
        booking = stack.book(owner, event)
        before = stack.traces()
        for method, path in (
            ("GET", f"/bookings/{booking['id']}"),
            ("GET", f"/api/bookings/{booking['id']}"),
            ("POST", f"/bookings/{booking['id']}/cancel"),
            ("POST", f"/api/bookings/{booking['id']}/cancel"),
        ):
            answer = user.request(method, path)
            assert answer.status_code in (403, 404), answer.text
            assert "Secret Name" not in answer.text and booking["booking_reference"] not in answer.text
        assert stack.traces() == before
        assert owner.get(f"/bookings/{booking['id']}").json()["status"] == "confirmed"

    def test_event_in_the_name_of_another(self, stack, refuses, facilitator):
        number = stack.facilitator().id
        for other in (number, str(number)):
            refuses(facilitator, "POST", "/events", 403, "forbidden", json={**NEW_EVENT, "facilitator_id": other})


class TestState:
    def test_full(self, stack, refuses, facilitator, user):
        event = stack.event(facilitator, max_participants=1)
        stack.book(stack.user(), event)
        answer = refuses(user, "POST", "/bookings", 400, "event_full", json={"event_id": event["id"]})
        assert answer.json()["error"] == "Event is full"

    def test_booked_twice(self, stack, refuses, person, event):
        stack.book(person, event)
        for path, name in (("/bookings", "event_id"), ("/api/bookings", "session_id")):
            refuses(person, "POST", path, 409, "already_booked", json={name: event["id"]})

    def test_held_twice(self, stack, refuses, person, facilitator):
        event = stack.event(facilitator, price=25.0)
        stack.book(person, event)
        refuses(person, "POST", "/bookings", 409, "already_booked", json={"event_id": event["id"]})

    def test_past_event(self, stack, refuses, user, facilitator):
        event = stack.event(facilitator, start_datetime=days_from_now(-1), end_datetime=None)
        refuses(user, "POST", "/bookings", 409, "event_past", json={"event_id": event["id"]})

    def test_cancelled_event(self, stack, refuses, user, facilitator):
        event = stack.event(facilitator)
        facilitator.post(f"/facilitator/events/{event['id']}/cancel")
        refuses(user, "POST", "/bookings", 409, "event_cancelled", json={"event_id": event["id"]})
        refuses(facilitator, "POST", f"/facilitator/events/{event['id']}/cancel", 409, "event_already_cancelled")

    def test_inactive_event(self, stack, refuses, user, facilitator):
        event = stack.event(facilitator, is_active=False)
        refuses(user, "POST", "/bookings", 409, "event_inactive", json={"event_id": event["id"]})

    def test_unknown_event(self, refuses, user, facilitator):
        missing = 9007199254740991
        refuses(user, "POST", "/bookings", 404, "event_not_found", json={"event_id": missing})
        refuses(facilitator, "PUT", f"/events/{missing}", 404, "event_not_found", json={"title": "New"})
        refuses(facilitator, "DELETE", f"/events/{missing}", 404, "event_not_found")
        refuses(facilitator, "GET", f"/facilitator/events/{missing}/bookings", 404, "event_not_found")
        refuses(facilitator, "POST", f"/facilitator/events/{missing}/cancel", 404, "event_not_found")

    def test_deleted_event(self, stack, refuses, user, facilitator):
        event = stack.event(facilitator)
        facilitator.delete(f"/events/{event['id']}")
        refuses(user, "POST", "/bookings", 404, "event_not_found", json={"event_id": event["id"]})

    def test_booked_event_is_not_deleted(self, stack, refuses, person, facilitator):
        event = stack.event(facilitator)
        stack.book(person, event)
        refuses(facilitator, "DELETE", f"/events/{event['id']}", 409, "event_has_bookings")

    def test_unknown_booking(self, refuses, user):
        refuses(user, "GET", "/bookings/9007199254740991", 404, "booking_not_found")
        refuses(user, "POST", "/bookings/9007199254740991/cancel", 404, "booking_not_found")

    def test_cancelled_twice(self, stack, refuses, person, event):
        booking = stack.book(person, event)
        person.post(f"/bookings/{booking['id']}/cancel")
        refuses(person, "POST", f"/bookings/{booking['id']}/cancel", 409, "booking_not_cancellable")

    @pytest.mark.parametrize("end", ["2030-02-20T09:59:59", "2030-02-20T10:00:00", "2029-02-20T11:00:00"])
    def test_end_before_start(self, refuses, facilitator, end):
        body = {**NEW_EVENT, "end_datetime": end}
        refuses(facilitator, "POST", "/events", 400, "end_before_start", fields=["end_datetime"], json=body)

    def test_end_before_start_across_zones(self, refuses, facilitator):
        body = {**NEW_EVENT, "start_datetime": "2030-02-20T10:00:00+05:30", "end_datetime": "2030-02-20T04:00:00Z"}
        refuses(facilitator, "POST", "/events", 400, "end_before_start", fields=["end_datetime"], json=body)

    def test_end_before_start_by_a_change(self, refuses, facilitator, event):
        late = {"start_datetime": days_from_now(40)}
        answer = refuses(facilitator, "PUT", f"/events/{event['id']}", 400, "end_before_start", json=late)
        assert {"start_datetime", "end_datetime"} & set(answer.json()["details"])

    def test_capacity_below_what_is_taken(self, stack, refuses, facilitator):
        event = stack.event(facilitator, max_participants=3)
        for _ in range(2):
            stack.book(stack.user(), event)
        for name in ("max_participants", "capacity"):
            path = f"/events/{event['id']}"
            refuses(facilitator, "PUT", path, 409, "capacity_below_taken", fields=["max_participants"], json={name: 1})
        assert facilitator.put(f"/events/{event['id']}", {"capacity": 2}).status_code == 200

    def test_changed_meanwhile(self, stack, refuses, facilitator, event):
        path = f"/events/{event['id']}"
        tag = stack.anonymous.get(path).headers["ETag"]
        assert facilitator.put(path, {"title": "First"}, headers={"If-Match": tag}).status_code == 200
        refuses(facilitator, "PUT", path, 412, "precondition_failed", json={"title": "Second"}, headers={"If-Match": tag})
        refuses(facilitator, "DELETE", path, 412, "precondition_failed", headers={"If-Match": tag})


class TestRepeats:
    def test_key_of_another_request(self, stack, refuses, person, facilitator):
        key = {"Idempotency-Key": unique("key")}
        first, second = stack.event(facilitator), stack.event(facilitator)
        answer = person.post("/bookings", {"event_id": first["id"]}, headers=key)
        again = person.post("/bookings", {"event_id": first["id"]}, headers=key)
        assert answer.status_code == again.status_code == 201
        assert answer.json() == again.json()
        refuses(person, "POST", "/bookings", 422, "idempotency_mismatch", json={"event_id": second["id"]}, headers=key)

    def test_key_too_long(self, refuses, person, event):
        header = {"Idempotency-Key": "x" * 256}
        refuses(person, "POST", "/bookings", 400, "validation_error", json={"event_id": event["id"]}, headers=header)

    def test_key_of_another_person(self, stack, facilitator):
        key = {"Idempotency-Key": unique("key")}
        event = stack.event(facilitator)
        references = {
            stack.user().post("/bookings", {"event_id": event["id"]}, headers=key).json()["booking"]["booking_reference"]
            for _ in range(2)
        }
        assert len(references) == 2


class TestLimits:
    @pytest.fixture(scope="class")
    def tight(self):
        limits = {"RATE_LIMIT_READ": "5/60", "RATE_LIMIT_WRITE": "3/60", "RATE_LIMIT_AUTH": "4/60"}
        stack = start_stack({**limits, "TRUSTED_PROXIES": "127.0.0.1"})
        yield stack
        stop_stack(stack)

    def until_refused(self, send, most):
        for _ in range(most + 1):
            answer = send()
            if answer.status_code == 429:
                assert answer.json()["code"] == "rate_limited"
                assert 1 <= int(answer.headers["Retry-After"]) <= 60
                assert "RateLimit" in answer.headers and "RateLimit-Policy" in answer.headers
                return
            assert "RateLimit" in answer.headers
        pytest.fail("no limit was reached")

    def test_reads(self, tight):
        self.until_refused(lambda: tight.anonymous.get("/events"), 5)

    def test_sign_in(self, tight):
        body = {"email": "somebody@example.com", "password": "password123"}
        self.until_refused(lambda: tight.anonymous.post("/auth/login", body), 4)

    @pytest.mark.parametrize("token", ["no token", "a.b.c", "tk_" + "x" * 43])
    def test_bad_credentials(self, tight, token):
        """They are nobody's: the calls count against the address that they come from, and against that alone."""
        address = f"192.0.2.{20 + len(token)}"

        def send(bearer):
            headers = {"Authorization": f"Bearer {bearer}", "X-Forwarded-For": address}
            return tight.anonymous.get("/profile", headers=headers)

        before = [send(token).status_code for _ in range(7)]
        assert before[:5] == [401] * 5 and before[-1] == 429
        self.until_refused(lambda: send(token), 0)
        assert tight.anonymous.get("/events", headers={"X-Forwarded-For": "192.0.2.200"}).status_code == 200

    def test_others_do_not_use_up_an_account(self, tight):
        """Whoever only names an address keeps nobody out of it."""

        def send(path, address, **body):
            return tight.anonymous.post(path, body, headers={"X-Forwarded-For": f"192.0.2.{address}"})

        email = f"{unique('owner')}@example.com"
        assert send("/auth/register", 1, email=email, password=PASSWORD, name="Owner").status_code == 201
        for address in range(2, 14):
            assert send("/auth/password/forgot", address, email=email).ok
        assert send("/auth/login", 1, email=email, password=PASSWORD).ok
        assert send("/auth/login", 200, email=email, password=PASSWORD).ok

    def test_health_has_none(self, tight):
        assert all(tight.anonymous.get(path).status_code == 200 for path in ["/", "/healthz", "/readyz"] * 5)
