"""What the real tithi-gateway does for browsers, with an auth worker that answers as the test wants: redirects with their cookies,
refusals on the way through a sign-in, whose pages it believes, and how many calls that hash passwords it lets through at once."""

import json
import socket
import threading
import time

import pytest
from test_gateway import folder, pool, silent, token, until, world  # noqa: F401 (fixtures)

PUBLIC_URL = "https://tithi.example"
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SIGNED_IN = {
    "access_token": "eyJ.acc-ess.x_1", "refresh_token": "ref-resh_1", "token_type": "Bearer", "expires_in": 60, "next": "/app/",
    "user": {"id": 7, "email": "a@example.com", "name": "A", "role": "user", "google_id": "1"},
}  # fmt: skip
BEGUN = {"authorization_url": "https://idp.example/auth?a=b&c=%20d", "browser": "bound-to_1"}
SESSION_COOKIES = [
    "__Host-session=eyJ.acc-ess.x_1; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=2592000",
    "__Host-refresh=ref-resh_1; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=2592000",
]
CREDENTIALS = {"email": "a@example.com", "password": "password123"}
LIMIT = 16  # calls with x-hashes at once
CLEARED = "__Host-google=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"


class Auth:
    """The auth worker: what it answers by operation, and what it was asked."""

    def __init__(self, world, **answers):
        self.answers, self.asked, self.noted = answers, [], []
        self.worker = world.worker("auth", self.answer)

    def answer(self, header, payload):
        if header["op"] == "noteSecurity":
            self.noted += payload["refusals"]
            return None, {"noted": 1}
        self.asked.append((header, payload))
        answer = self.answers.get(header["op"], ("invalid_credentials", {}))
        return answer() if callable(answer) else answer


def cookies(answer):
    return answer.headers.get_all("Set-Cookie") or []


def outcome(answer):
    return answer.status, json.loads(answer.text).get("code")


@pytest.fixture
def gateway(world):  # noqa: F811
    return world.gateway(PUBLIC_URL=f"{PUBLIC_URL}/", REFRESH_TOKEN_TTL="30d")


class TestRedirects:
    @pytest.mark.parametrize("path", ["/auth/google", "/api/auth/google/"])
    @pytest.mark.parametrize("headers", [{}, PAGE])
    def test_everybody_goes_to_the_provider(self, world, gateway, path, headers):  # noqa: F811
        Auth(world, beginGoogleSignIn=(None, BEGUN))
        answer = gateway.get(path, **headers)
        assert (answer.status, answer.text, answer.headers["Location"]) == (302, b"", BEGUN["authorization_url"])
        assert cookies(answer) == ["__Host-google=bound-to_1; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"]
        assert answer.headers["Cache-Control"] == "no-store" and "Accept" in answer.headers["Vary"]
        assert "ETag" not in answer.headers and "Content-Type" not in answer.headers

    def test_browsers_come_back_into_the_web_app(self, world, gateway):  # noqa: F811
        auth = Auth(world, finishGoogleSignIn=(None, SIGNED_IN))
        answer = gateway.get("/auth/google/callback?code=c&state=s", Cookie="a=b; __Host-google=bound-to_1", **PAGE)
        assert (answer.status, answer.text, answer.headers["Location"]) == (302, b"", "/app/")
        assert cookies(answer) == [*SESSION_COOKIES, CLEARED]
        assert answer.headers["Cache-Control"] == "no-store"
        assert auth.asked[0][1]["google_cookie"] == "bound-to_1"

    def test_programs_get_json_and_no_cookies(self, world, gateway):  # noqa: F811
        Auth(world, finishGoogleSignIn=(None, SIGNED_IN))
        answer = gateway.get("/auth/google/callback?code=c&state=s", Cookie="__Host-google=bound-to_1")
        assert answer.status == 200 and json.loads(answer.text) == SIGNED_IN
        assert cookies(answer) == [] and "Location" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store" and "Accept," in answer.headers["Vary"]

    @pytest.mark.parametrize("cookie", ["__Host-google=a; __Host-google=b", "__Host-google=a b", "google=a", "__Host-google="])
    def test_a_cookie_that_cannot_be_believed_is_none(self, world, gateway, cookie):  # noqa: F811
        auth = Auth(world, finishGoogleSignIn=(None, SIGNED_IN))
        gateway.get("/auth/google/callback?code=c&state=s", Cookie=cookie)
        assert not auth.asked[0][1].get("google_cookie")

    @pytest.mark.parametrize(
        "operation, path, reply",
        [
            ("beginGoogleSignIn", "/auth/google", {**BEGUN, "authorization_url": "https://idp.example/\r\nSet-Cookie: a=b"}),
            ("beginGoogleSignIn", "/auth/google", {**BEGUN, "authorization_url": "https://idp.example/a b"}),
            ("beginGoogleSignIn", "/auth/google", {**BEGUN, "authorization_url": ""}),
            ("beginGoogleSignIn", "/auth/google", {**BEGUN, "browser": "a; Domain=evil.example"}),
            ("beginGoogleSignIn", "/auth/google", {**BEGUN, "browser": "a\r\nX: y"}),
            ("beginGoogleSignIn", "/auth/google", {**BEGUN, "browser": ""}),
            ("finishGoogleSignIn", "/auth/google/callback", {**SIGNED_IN, "refresh_token": "a,b"}),
        ],
    )
    def test_what_no_header_can_hold_is_the_workers_fault(self, world, gateway, operation, path, reply):  # noqa: F811
        Auth(world, **{operation: (None, reply)})
        answer = gateway.get(path)
        assert outcome(answer) == (500, "internal_error") and cookies(answer) == [] and "Location" not in answer.headers


class TestRefusalsOnTheWay:
    def test_people_are_told_by_the_web_app(self, world, gateway):  # noqa: F811
        auth = Auth(world, finishGoogleSignIn=("identity_refused", {"details": {"email": "is not verified"}}))
        answer = gateway.get("/auth/google/callback?code=c&state=s", **PAGE)
        assert (answer.status, answer.headers["Location"]) == (302, f"{PUBLIC_URL}/app/login?error=identity_refused")
        assert cookies(answer) == [CLEARED] and answer.text == b"" and answer.headers["Cache-Control"] == "no-store"
        assert "Retry-After" not in answer.headers
        assert outcome(gateway.get("/auth/google/callback?code=c&state=s")) == (401, "identity_refused")
        auth.answers["finishGoogleSignIn"] = ("second_factor_required", {"details": {"otp": "is needed", "challenge": "a&b=c d_1"}})
        answer = gateway.get("/auth/google/callback?code=c&state=s", **PAGE)
        assert answer.headers["Location"] == f"{PUBLIC_URL}/app/login?error=second_factor_required#challenge=a%26b%3Dc%20d_1"
        assert outcome(gateway.get("/auth/google/callback?code=c&state=s")) == (401, "second_factor_required")

    def test_by_the_gateway_itself_too(self, world, gateway):  # noqa: F811
        Auth(world)
        for query, code in (("code=", "validation_error"), ("unknown=1", "validation_error"), ("code=c", "invalid_credentials")):
            answer = gateway.get(f"/auth/google/callback?{query}", **PAGE)
            assert (answer.status, answer.headers["Location"]) == (302, f"{PUBLIC_URL}/app/login?error={code}")
        assert outcome(gateway.get("/auth/google/callback?code=")) == (400, "validation_error")

    def test_when_to_come_again(self, world):  # noqa: F811
        Auth(world, finishGoogleSignIn=("sign_in_delayed", {"retry_after_s": 7}))
        gateway = world.gateway(RATE_LIMIT_AUTH="1/60")

        def refused(path):
            """Where Redis is slow the gateway counts by itself, from nothing: then the limit comes a call later."""
            def get():
                answer = gateway.get(path, **PAGE)
                return answer if answer.headers["Location"] == "/app/login?error=rate_limited" else None

            return until(get, "the limit")

        callback = "/auth/google/callback?code=c&state=s"
        answer = gateway.get(callback, **PAGE)
        assert (answer.status, answer.headers["Location"]) == (302, "/app/login?error=sign_in_delayed")
        assert answer.headers["Retry-After"] == "7" and cookies(answer) == [CLEARED]
        answer = refused(callback)
        assert answer.status == 302 and 1 <= int(answer.headers["Retry-After"]) <= 60 and cookies(answer) == [CLEARED]
        assert cookies(refused("/auth/google")) == []

    def test_other_operations_refuse_as_ever(self, world, gateway):  # noqa: F811
        Auth(world)
        assert outcome(gateway.request("POST", "/auth/google", {"id_token": "x"}, **PAGE)) == (401, "invalid_credentials")
        assert outcome(gateway.get("/profile", **PAGE)) == (401, "invalid_token")

    def test_without_a_public_address(self, world):  # noqa: F811
        Auth(world)
        answer = world.gateway().get("/auth/google", **PAGE)
        assert answer.headers["Location"] == "/app/login?error=invalid_credentials"


class TestPagesOfOurOwn:
    """Tithi lies behind a proxy here: Host is the inner one."""

    @pytest.mark.parametrize(
        "headers, status",
        [
            ({"Sec-Fetch-Site": "same-origin"}, 200),
            ({"Origin": PUBLIC_URL}, 200),
            ({"Origin": "https://TITHI.example"}, 200),
            ({}, 403),
            ({"Sec-Fetch-Site": "same-site", "Origin": PUBLIC_URL}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "none"}, 403),
            ({"Origin": "https://evil.example"}, 403),
            ({"Origin": "http://tithi.example"}, 403),
            ({"Origin": "https://tithi.example.evil.example"}, 403),
            ({"Origin": "null"}, 403),
        ],
    )
    def test_origin_of_public_url(self, world, gateway, headers, status):  # noqa: F811
        auth = Auth(world, logoutUser=(None, {"message": "Logged out"}))
        session = token()
        answer = gateway.request("POST", "/auth/logout", Cookie=f"__Host-session={session}", **headers)
        assert answer.status == status
        if status == 403:
            assert outcome(answer) == (403, "csrf_refused") and not auth.asked
            noted = until(lambda: auth.noted, "the note about it")
            assert [(note["event"], note["user_id"], note["detail"]) for note in noted] == [("csrf_fail", 7, "logoutUser")]
        else:
            assert auth.asked[0][0]["caller"]["user_id"] == 7
        assert session not in gateway.log

    def test_own_host(self, world):  # noqa: F811
        Auth(world, logoutUser=(None, {"message": "Logged out"}))
        gateway = world.gateway()
        cookie = {"Cookie": f"__Host-session={token()}"}
        assert gateway.request("POST", "/auth/logout", Origin=f"http://127.0.0.1:{gateway.port}", **cookie).status == 200
        assert gateway.request("POST", "/auth/logout", Origin=f"https://127.0.0.1:{gateway.port}", **cookie).status == 403
        assert gateway.request("POST", "/auth/logout", Origin=f"http://127.0.0.1:{gateway.crm_port}", **cookie).status == 403


def send(gateway, path, body):
    body = json.dumps(body)
    client = socket.create_connection(("127.0.0.1", gateway.port))
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    client.sendall((head + body).encode())
    return client


class TestHashing:
    """Few calls that hash passwords are under way at once, whatever operations they are of."""

    def login(self, gateway):
        started = time.monotonic()
        answer = gateway.request("POST", "/auth/login", CREDENTIALS)
        return outcome(answer), answer.headers["Retry-After"], time.monotonic() - started

    def fill(self, gateway):
        calls = [("/auth/login", CREDENTIALS), ("/auth/register", {**CREDENTIALS, "name": "A"})]
        clients = [send(gateway, *calls[i % 2]) for i in range(LIMIT)]
        until(lambda: gateway.metric("tithi_gateway_waiting_calls") == LIMIT, "the calls")
        return clients

    def assert_refused_at_once(self, gateway):
        refused, retry_after, took_s = self.login(gateway)
        assert refused == (503, "overloaded") and retry_after == "1" and took_s < 1

    def test_surplus_is_refused_at_once_and_leaving_makes_no_room(self, world, gateway):  # noqa: F811
        gate = threading.Event()

        def hold():
            gate.wait(20)
            return "invalid_credentials", {}

        auth = Auth(world, loginUser=hold, registerUser=hold)
        clients = self.fill(gateway)
        self.assert_refused_at_once(gateway)
        for client in clients:
            client.close()
        self.assert_refused_at_once(gateway)
        gate.set()
        until(lambda: gateway.metric("tithi_gateway_waiting_calls") == 0, "their answers")
        assert self.login(gateway)[0] == (401, "invalid_credentials")
        assert len(auth.asked) == LIMIT + 1, "refused ones never reached the worker"

    def test_a_worker_that_is_silent_does_not_hold_its_room_for_good(self, world, gateway):  # noqa: F811
        world.worker("auth", silent)
        for client in self.fill(gateway):
            client.close()
        self.assert_refused_at_once(gateway)
        until(lambda: gateway.metric("tithi_gateway_waiting_calls") == 0, "their deadline")

    def test_other_operations_have_room(self, world, gateway):  # noqa: F811
        world.worker("auth", silent)
        self.fill(gateway)
        refused = send(gateway, "/auth/second-factor", {"challenge": "A" * 43, "otp": "123456"})
        assert b" 503 " in refused.recv(100)
        waits = send(gateway, "/auth/google", {"id_token": "a.b.c"})  # for the provider
        client = socket.create_connection(("127.0.0.1", gateway.port))
        client.sendall(f"GET /profile HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token()}\r\n\r\n".encode())
        until(lambda: gateway.metric("tithi_gateway_waiting_calls") == LIMIT + 2, "the other calls")
        waits.close()
