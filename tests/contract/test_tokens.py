"""Access tokens at a running gateway: every way to bring one along, and a change of keys during which nobody is signed out and every token of
the table (vectors/tokens.py) gets its answer."""

import json
import pathlib
import re
import socket
import sys
import time

import pytest

from harness import DOCUMENT, JWT_KEY, Client, refusal, restart_stack, start_stack, stop_stack, unique

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vectors"))

import tokens  # noqa: E402

KEY_A = "tests-only-key-A-of-the-access-tokens-0123456789abcdef"
KEY_B = "tests-only-key-B-of-the-access-tokens-0123456789abcdef"
CHALLENGE = 'Bearer realm="tithi", error="invalid_token", error_description="Invalid or expired token"'
BARE_CHALLENGE = 'Bearer realm="tithi"'


class Raw:
    """Sends bytes that no HTTP library would send."""

    def __init__(self, base_url):
        self.address = ("127.0.0.1", int(base_url.rsplit(":", 1)[1]))
        self.socket = None

    def ask(self, path, *header_lines):
        """Status, headers (names in lower case) and body. Connections are kept as long as the gateway keeps them."""
        self.socket = self.socket or socket.create_connection(self.address, timeout=10)
        self.socket.sendall(b"\r\n".join([b"GET " + path.encode() + b" HTTP/1.1", b"Host: tithi.test", *header_lines, b"", b""]))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.receive()
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        while len(body) < int(headers["content-length"]):
            body += self.receive()
        if headers.get("connection") == "close":
            self.close()
        return int(status.split(" ")[1]), headers, json.loads(body)

    def receive(self):
        received = self.socket.recv(65536)
        assert received, "the connection was closed in the middle of an answer"
        return received

    def close(self):
        self.socket.close()
        self.socket = None


@pytest.fixture
def raw(stack):
    return Raw(stack.base_url)


def says(answer, status, code, challenge):
    """Is the answer exactly that refusal?"""
    row = DOCUMENT.refusals[code]
    wanted = {"error": row["message"], "code": code}
    body = {name: value for name, value in answer[2].items() if name in wanted}
    return answer[0] == status == row["status"] and body == wanted and set(answer[2]) == {*wanted, "request_id"} and (
        answer[1].get("www-authenticate") == challenge
    )


def deserved(answer, vector, person):
    if vector.answer == tokens.GOOD:
        return answer[0] == 200 and answer[2]["id"] == person.id
    broken = re.search(rb"[\0\r\n]", vector.token)  # no header's value
    return says(answer, 400, "bad_request", None) if broken else says(answer, 401, "invalid_token", CHALLENGE)


def assert_table_holds(stack, person, current, other):
    """Every token of the table gets its answer; at a public read the bad ones are refused as well: whoever sends one believes to be
    signed in."""
    raw, wrong = Raw(stack.base_url), []
    rows = [row for row in tokens.table(int(time.time()), current, other, str(person.id)) if row.token]
    for row in rows:
        header = b"Authorization: Bearer " + row.token
        answer, public = raw.ask("/profile", header), raw.ask("/events?limit=1", header)
        if not deserved(answer, row, person) or (public[0] == 200) != (row.answer == tokens.GOOD):
            wrong.append((row.name, row.answer, answer, public[0]))
    assert not wrong
    assert len(rows) > 300


GOOD_WAYS = [b"Authorization: Bearer %s", b"authorization: bearer %s", b"AUTHORIZATION: BEARER %s", b"Authorization:Bearer   %s  "]
BAD_WAYS = [
    *(b"Authorization: %s", b"Authorization: Basic %s", b"Authorization: JWT %s", b"Authorization: Token %s", b"Authorization: Bearer: %s"),
    *(b"Authorization: Bearer=%s", b"Authorization: Bearer%s", b"Authorization: Bearer\t%s", b'Authorization: Bearer "%s"'),
    *(b"Authorization: Bearer Bearer %s", b"Authorization: Bearer %s,", b"Authorization: Bearer %s; x=y", b"Authorization: Bearer token=%s"),
    *(b"Authorization: Bearer %s %s", b"Authorization: Bearer", b"Authorization: Bearer ", b"Authorization:", b"Authorization: Negotiate"),
]
NO_WAYS = [
    *(b"X-Authorization: Bearer %s", b"Proxy-Authorization: Bearer %s", b"X-Access-Token: %s", b"Token: %s", b"X-Forwarded-Authorization: %s"),
    *(b"Cookie: access_token=%s", b"Cookie: session=%s", b"Cookie: __Secure-session=%s", b"Authorization-Bearer: %s"),
]
BROKEN_WAYS = [
    (b"Authorization: Bearer %s", b"Authorization: Bearer %s"),
    (b"Authorization: Bearer %s", b"Authorization: Basic QQ=="),
    (b"Authorization: Basic QQ==", b"authorization: Bearer %s"),
    (b"Authorization: Bearer", b" %s"),
    (b"Authorization : Bearer %s",),
]


def filled(way, token):
    return way.replace(b"%s", token)


def test_ways_to_bring_a_token(raw, person):
    token = person.token.encode()
    for way in GOOD_WAYS:
        assert raw.ask("/profile", filled(way, token))[0] == 200, way
    for way in BAD_WAYS:
        assert says(raw.ask("/profile", filled(way, token)), 401, "invalid_token", CHALLENGE), way
    for way in NO_WAYS:
        assert says(raw.ask("/profile", filled(way, token)), 401, "invalid_token", BARE_CHALLENGE), way
    for lines in BROKEN_WAYS:
        answer = raw.ask("/profile", *(filled(line, token) for line in lines))
        assert says(answer, 400, "bad_request", None), (lines, answer)


def test_no_token_in_address_or_body(stack, person):
    """RFC 6750 §2.2 and §2.3 are not offered: addresses end up in logs and histories."""
    for path in (f"/profile?access_token={person.token}", f"/profile?token={person.token}", f"/bookings?access_token={person.token}"):
        assert refusal(stack.anonymous.get(path)) == (401, "invalid_token")
    answer = stack.anonymous.post(
        "/auth/logout", data=f"access_token={person.token}", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code in (401, 415)
    assert person.get("/profile").status_code == 200


def test_a_refresh_token_is_no_access_token(stack, person):
    assert refusal(Client(stack.base_url, person.refresh_token).get("/profile")) == (401, "invalid_token")
    assert refusal(stack.anonymous.post("/auth/refresh", headers={"Authorization": f"Bearer {person.token}"})) == (401, "invalid_token")


def test_what_an_issued_token_says(person):
    header, claims = tokens.parts_of(person.token)
    assert header == {"alg": "HS256", "typ": "JWT", "kid": tokens.key_id(JWT_KEY)}
    assert set(claims) == {"sub", "iat", "exp", "jti", "sid", "use", "role", "verified"}
    assert (claims["sub"], claims["use"], claims["role"], claims["verified"]) == (str(person.id), "access", "user", False)
    assert claims["exp"] - claims["iat"] == 24 * 3600 and abs(claims["iat"] - time.time()) < 60


def status_of(stack, token):
    return Client(stack.base_url, token).get("/profile").status_code


def kid_of(token):
    return tokens.parts_of(token)[0]["kid"]


@pytest.fixture
def secret_files(tmp_path):
    """Keys in files, as an orchestrator mounts them; ends of lines do not count."""
    (tmp_path / "a").write_text(f"{KEY_A}\n")
    (tmp_path / "b").write_text(KEY_B)
    (tmp_path / "crm").write_text(f"{unique('crm')}\r\n")
    (tmp_path / "admin").write_text(f"{unique('The admin')}\n")
    return tmp_path


def test_keys_change_and_nobody_is_signed_out(secret_files):
    """A key, then a new one with the old one besides (from files), then the new one alone."""
    stack = start_stack({"JWT_SECRET_KEY": KEY_A})
    try:
        person, leaver = stack.user(), stack.user()
        assert leaver.post("/auth/logout").status_code == 200
        repeated = {"json": {"email": f"repeated-{person.email}", "password": "password123", "name": "R"}, "headers": {"Idempotency-Key": "k1"}}
        first = stack.anonymous.request("POST", "/api/auth/register", **repeated)
        assert first.status_code == 201 and kid_of(person.token) == tokens.key_id(KEY_A)

        files = {"JWT_SECRET_KEY_FILE": str(secret_files / "b"), "JWT_PREVIOUS_SECRET_KEY_FILE": str(secret_files / "a")}
        files |= {"CRM_BEARER_TOKEN_FILE": str(secret_files / "crm"), "ADMIN_PASSWORD_FILE": str(secret_files / "admin")}
        stack = restart_stack(stack, {"JWT_SECRET_KEY": None, "CRM_BEARER_TOKEN": None, "ADMIN_EMAIL": "root@example.com", **files})
        crm_token, admin_password = ((secret_files / name).read_text().strip() for name in ("crm", "admin"))
        assert Client(stack.crm_url, crm_token, "crm").get("/api/notifications").status_code == 200
        assert stack.login("root@example.com", admin_password).get("/admin/users").status_code == 200
        newcomer = stack.login(person.email)
        assert kid_of(newcomer.token) == tokens.key_id(KEY_B)
        assert status_of(stack, person.token) == status_of(stack, newcomer.token) == 200
        assert status_of(stack, leaver.token) == 401
        assert_table_holds(stack, person, KEY_B, KEY_A)
        again = stack.anonymous.request("POST", "/api/auth/register", **repeated)
        assert again.json() == first.json()  # the stored reply was sealed by the old key

        stack = restart_stack(stack, {"JWT_PREVIOUS_SECRET_KEY_FILE": None})
        assert status_of(stack, person.token) == 401 and status_of(stack, newcomer.token) == 200
        lost = stack.anonymous.request("POST", "/api/auth/register", **repeated)
        assert (lost.status_code, lost.json()["code"]) == (409, "idempotency_lost")
        refreshed = stack.anonymous.post("/auth/refresh", headers={"Authorization": f"Bearer {person.refresh_token}"})
        assert refreshed.status_code == 200 and kid_of(refreshed.json()["access_token"]) == tokens.key_id(KEY_B)
        assert status_of(stack, refreshed.json()["access_token"]) == 200
        for vector in tokens.table(int(time.time()), KEY_B, KEY_A, str(person.id)):
            if "of the other key" in vector.name and vector.answer == tokens.GOOD:
                assert status_of(stack, vector.token.decode()) == 401, vector.name
    finally:
        stop_stack(stack)
