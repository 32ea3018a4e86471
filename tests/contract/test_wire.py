"""HTTP/1.1 by the byte: what a strict server must refuse (RFC 9112), how it refuses, and that what it takes stays in step."""

import json
import re
import socket

import pytest

TIMEOUT_S = 15


class Connection:
    def __init__(self, stack):
        host, port = stack.base_url.split("//")[1].split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        self.read = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def more(self):
        part = self.socket.recv(65536)
        assert part, f"closed after {self.read!r}"
        self.read += part

    def answer(self, head_only=False):
        """Status, headers and body of the next answer."""
        while b"\r\n\r\n" not in self.read:
            self.more()
        head, self.read = self.read.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        status = int(lines[0].split()[1])
        length = 0 if head_only or status in (204, 304) or status < 200 else int(headers["content-length"])
        while len(self.read) < length:
            self.more()
        body, self.read = self.read[:length], self.read[length:]
        return status, headers, body

    def is_closed(self):
        return not self.read and self.socket.recv(1) == b""


@pytest.fixture
def connection(stack):
    with Connection(stack) as connection:
        yield connection


REFUSED_HEADS = {
    "no Host": "GET /healthz HTTP/1.1\r\n\r\n",
    "two Hosts": "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "no host name": "GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "later version": "GET /healthz HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "folded line": "GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "bare line feeds": "GET /healthz HTTP/1.1\nHost: a\n\n",
    "one bare line feed": "GET /healthz HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "space before colon": "GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n",
    "NUL": "GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "no request": "nonsense\r\n\r\n",
    "another's address": "GET http://evil.example/healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "relative target": "GET healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "length and chunks": "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "one length twice": "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "list of lengths": "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\n{}",
    "negative length": "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "length with a sign": "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n{}",
    "huge length": "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "other coding": "POST /auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": "POST /auth/login HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "broken chunk": "POST /auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "unknown expectation": "POST /auth/login HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 2\r\n\r\n{}",
    "two tokens": "GET /healthz HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
}


class TestRefused:
    def assert_refused(self, connection, status, code):
        """With the JSON of every refusal, a request id, and the end of the connection."""
        answered, headers, body = connection.answer()
        assert (answered, headers["content-type"], headers["connection"]) == (status, "application/json", "close")
        document = json.loads(body)
        assert (document["code"], document["request_id"]) == (code, headers["x-request-id"])
        assert connection.is_closed()

    @pytest.mark.parametrize("head", REFUSED_HEADS)
    def test_heads(self, connection, head):
        self.assert_refused(connection.send(REFUSED_HEADS[head]), 400, "bad_request")

    @pytest.mark.parametrize("count", [64, 90, 200])
    def test_too_many_headers(self, connection, count):
        lines = "".join(f"X-{number}: x\r\n" for number in range(count))
        self.assert_refused(connection.send(f"GET /healthz HTTP/1.1\r\nHost: a\r\n{lines}\r\n"), 431, "headers_too_large")

    @pytest.mark.parametrize("end", ["\r\n\r\n", ""], ids=["whole", "endless"])
    def test_too_long_headers(self, connection, end):
        request = f"GET /healthz HTTP/1.1\r\nHost: a\r\nX: {'x' * 17000}{end}"
        self.assert_refused(connection.send(request), 431, "headers_too_large")

    def test_too_long_address(self, connection):
        self.assert_refused(connection.send(f"GET /{'x' * 9000} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, "uri_too_long")

    @pytest.mark.parametrize("length", [64 * 1024 + 2, 1000000])
    def test_a_body_that_is_not_read_does_not_hide_the_answer(self, connection, length):
        head = f"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        self.assert_refused(connection.send(head + " " * length), 413, "payload_too_large")

    def test_pipelined_requests_after_a_refusal_are_not_read(self, connection):
        connection.send(REFUSED_HEADS["no Host"] + "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assert_refused(connection, 400, "bad_request")


class TestTaken:
    def test_sixty_four_headers(self, connection):
        lines = "".join(f"X-{number}: x\r\n" for number in range(63))
        assert connection.send(f"GET /healthz HTTP/1.1\r\nHost: a\r\n{lines}\r\n").answer()[0] == 200

    @pytest.mark.parametrize("target", ["http://a:80/healthz", "HTTP://A:80/healthz"])
    def test_its_own_address(self, connection, target):
        assert connection.send(f"GET {target} HTTP/1.1\r\nHost: a:80\r\n\r\n").answer()[0] == 200

    def test_http_1_0(self, connection):
        status, headers, body = connection.send("GET /healthz HTTP/1.0\r\n\r\n").answer()
        assert (status, headers["connection"], json.loads(body)) == (200, "close", {"status": "ok"})
        assert connection.is_closed()

    def test_http_2_is_not_offered(self, connection):
        upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
        status, headers, _ = connection.send(f"GET /healthz HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n").answer()
        assert status == 200 and "upgrade" not in headers

    def test_chunks(self, connection):
        head = "POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        status, _, body = connection.send(head + '1\r\n{\r\n1;ext="x"\r\n}\r\n0\r\n\r\n').answer()
        assert status == 400 and set(json.loads(body)["details"]) == {"email", "password"}

    def test_expectation(self, connection):
        head = "POST /auth/login HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        assert connection.send(head).answer()[0] == 100
        assert connection.send("{}").answer()[0] == 400

    def test_a_refusal_keeps_the_connection(self, connection):
        for path, expected in (("/nothing", 404), ("/profile", 401), ("/events/x", 400), ("/healthz", 200)):
            assert connection.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").answer()[0] == expected

    def test_answers_come_in_order(self, connection, event):
        paths = ["/healthz", f"/events/{event['id']}", "/nothing", "/events?limit=1", "/healthz"]
        connection.send("".join(f"GET {path} HTTP/1.1\r\nHost: a\r\nX-Request-Id: {n}\r\n\r\n" for n, path in enumerate(paths)))
        assert [connection.answer()[1]["x-request-id"] for _ in paths] == [str(n) for n in range(len(paths))]

    def test_a_request_in_pieces(self, connection):
        for byte in "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n":
            connection.send(byte)
        assert connection.answer()[0] == 200

    @pytest.mark.parametrize("path", ["/healthz", "/events?limit=1", "/nothing"])
    def test_head_has_no_body(self, connection, path):
        connection.send(f"HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert int(connection.answer(head_only=True)[1]["content-length"]) > 0
        assert json.loads(connection.answer()[2]) == {"status": "ok"}


class TestMethods:
    @pytest.mark.parametrize("target", ["*", "/events/1"])
    def test_options(self, connection, target):
        status, headers, _ = connection.send(f"OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n").answer()
        assert status == 204 and {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} <= set(headers["allow"].split(", "))

    @pytest.mark.parametrize("line", ["TRACE /events/1", "CONNECT a:80", "TRACE /nothing", "BREW /events/1"])
    def test_not_allowed(self, connection, line):
        status, headers, body = connection.send(f"{line} HTTP/1.1\r\nHost: a\r\n\r\n").answer()
        assert (status, json.loads(body)["code"]) == (405, "method_not_allowed")
        assert "GET" in headers["allow"]


class TestPaths:
    @pytest.mark.parametrize("path, status", [("/events/%00", 400), ("/events/%", 400), ("/events/%zz", 400), ("/healthz%2F", 404),
                                              ("/events/../healthz", 404), ("/./healthz", 404), ("//healthz", 404)])
    def test_odd(self, connection, path, status):
        assert connection.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").answer()[0] == status

    @pytest.mark.parametrize("path", ["/healthz/", "/%68ealthz", "/healthz?x=%00", "/healthz?"])
    def test_same(self, connection, path):
        assert connection.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").answer()[0] in (200, 400)

    def test_browsers_are_led_to_the_application(self, connection):
        status, headers, _ = connection.send("GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html,*/*\r\n\r\n").answer()
        assert (status, headers["location"]) == (302, "/app/")
        assert connection.send("GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n").answer()[0] == 200


class TestRepresentations:
    def test_each_coding_has_its_tag(self, connection):
        """The document is long enough to be compressed, and never changes."""
        tags = {}
        for coding in ("identity", "gzip"):
            connection.send(f"GET /openapi.json HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n")
            status, headers, _ = connection.answer()
            assert status == 200 and headers.get("content-encoding", "identity") == coding
            assert "accept-encoding" in headers["vary"].lower()
            tags[coding] = headers["etag"]
        assert tags["gzip"] != tags["identity"] and all(re.fullmatch('"[^"]+"', tag) for tag in tags.values())
        for tag in tags.values():
            connection.send(f"GET /openapi.json HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n")
            assert connection.answer()[0] == 304

    def test_the_link_keeps_the_other_parameters(self, stack, facilitator, connection):
        for _ in range(2):
            stack.event(facilitator)
        query = f"facilitator_id={facilitator.id}&limit=1&sort=-start"
        connection.send(f"GET /events?{query} HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        link = connection.answer()[1]["link"]
        assert re.fullmatch(rf'</events\?{re.escape(query)}&after=[^&>]+>; rel="next"', link)
