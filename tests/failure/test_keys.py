"""API keys, scopes, limits and notes as the real tithi-gateway handles them, between clients and an auth worker that answers as the test
wants, while Redis and the auth worker come and go."""

import base64
import hashlib
import json
import secrets
import socket
import time
import uuid

import msgpack
import pytest
from test_gateway import EVENT, Gateway, Process, folder, pool, silent, token, until, world  # noqa: F401 (fixtures)

GOOD_S = 60  # for so long an answer of the auth worker is remembered
BOOKING = {"event_id": 1}


def new_key():
    return f"tk_{base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b'=').decode()}"


class Auth:
    """The auth worker's side of keys: whom it knows, and what it heard."""

    def __init__(self, world, answer=None):
        self.known, self.questions, self.noted = {}, [], []
        self.worker = world.worker("auth", answer or self.answer)

    def key(self, scopes=("read",), **rights):
        key = new_key()
        self.known[hashlib.sha256(key.encode()).hexdigest()] = {
            "user_id": 7, "role": "user", "verified": True, "session": str(uuid.uuid4()), "key_id": len(self.known) + 1,
            "scopes": list(scopes), "rate_limit": None, "expires_at_s": int(time.time()) + 600, **rights,
        }  # fmt: skip
        return key

    def of(self, key):
        return self.known[hashlib.sha256(key.encode()).hexdigest()]

    def answer(self, header, payload):
        if header["op"] == "noteSecurity":
            self.noted.append(payload)
            return None, {"noted": len(payload["uses"]) + len(payload["refusals"])}
        if header["op"] != "identifyKey":
            return "invalid_credentials", {}
        self.questions.append(payload["hash"])
        return (None, self.known[payload["hash"]]) if payload["hash"] in self.known else ("invalid_token", {})

    @property
    def uses(self):
        return [(use["session"], use["address"]) for note in self.noted for use in note["uses"]]

    @property
    def refusals(self):
        return [refusal for note in self.noted for refusal in note["refusals"]]


def bearer(credentials):
    return {"Authorization": f"Bearer {credentials}"}


def code(answer):
    return answer.status, json.loads(answer.text).get("code")


def details(answer):
    return json.loads(answer.text).get("details")


def with_redis(gateway):
    until(lambda: gateway.metric("tithi_gateway_redis_up") == 1, "Redis")
    return gateway


class TestIdentity:
    def test_a_key_is_its_person(self, world):
        auth = Auth(world)
        booking = world.worker("booking", lambda header, payload: ("event_full", {}))
        gateway = world.gateway()
        key = auth.key(["book"])
        assert code(gateway.request("POST", "/bookings", BOOKING, **bearer(key))) == (400, "event_full")
        caller = booking.calls[0]["caller"]
        assert (caller["user_id"], caller["role"], caller["session"]) == (7, "user", auth.of(key)["session"])
        assert key not in gateway.log and auth.questions == [hashlib.sha256(key.encode()).hexdigest()]

    def test_answers_are_remembered(self, world):
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = world.gateway()
        key = auth.key()
        assert [gateway.get("/events/1", **bearer(key)).status for _ in range(5)] == [200] * 5
        wrong = new_key()
        assert [code(gateway.get("/events/1", **bearer(wrong))) for _ in range(5)] == [(401, "invalid_token")] * 5
        assert len(auth.questions) == 2, "a good answer and a bad one"
        time.sleep(5.1)
        assert gateway.get("/events/1", **bearer(wrong)).status == 401
        assert gateway.get("/events/1", **bearer(key)).status == 200
        assert len(auth.questions) == 3, "the bad one was asked about again, the good one was not"

    def test_requests_share_a_question(self, world, pool):
        auth = Auth(world)
        asked = auth.answer

        def slowly(header, payload):
            time.sleep(0.3)
            return asked(header, payload)

        auth.worker.answer = slowly
        world.worker("event", lambda header, payload: (None, EVENT))
        gateway = world.gateway()
        key = auth.key()
        answers = list(pool.map(lambda _: gateway.get("/events/1", **bearer(key)), range(16)))
        assert [answer.status for answer in answers] == [200] * 16
        assert len(auth.questions) == 1

    def test_one_that_is_over(self, world):
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = world.gateway()
        key = auth.key(expires_at_s=int(time.time()) + 2)
        assert gateway.get("/events/1", **bearer(key)).status == 200
        auth.known.clear()
        assert until(lambda: gateway.get("/events/1", **bearer(key)).status == 401, "its end")

    def test_revoked_at_once(self, world):
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = with_redis(world.gateway())
        key = auth.key()
        assert gateway.get("/events/1", **bearer(key)).status == 200
        world.redis_cli("SET", f"tithi:revoked:{auth.of(key)['session']}", "1", "EX", "60")
        assert code(gateway.get("/events/1", **bearer(key))) == (401, "invalid_token")

    @pytest.mark.parametrize("text", ["tk_", "tk_short", f"tk_{'a' * 42}", f"tk_{'a' * 44}", f"tk_{'a' * 42}.", f"tk_{'a' * 42}/", f"TK_{'a' * 43}"])
    def test_malformed(self, world, text):
        auth = Auth(world)
        answer = world.gateway().get("/events/1", **bearer(text))
        assert code(answer) == (401, "invalid_token") and 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        assert auth.questions == []

    @pytest.mark.parametrize(
        "answer",
        [
            (None, {}),
            (None, {"user_id": "7"}),
            (None, {"user_id": 0, "role": "user", "verified": True, "session": str(uuid.uuid4()), "key_id": 1, "scopes": [], "expires_at_s": 1}),
            (None, {"user_id": 7, "role": "god", "verified": True, "session": str(uuid.uuid4()), "key_id": 1, "scopes": [], "expires_at_s": 1}),
            (None, {"user_id": 7, "role": "user", "verified": True, "session": "x" * 99, "key_id": 1, "scopes": [], "expires_at_s": 1}),
        ],
    )
    def test_answers_against_the_contract(self, world, answer):
        world.worker("auth", lambda header, payload: answer)
        assert code(world.gateway().get("/events/1", **bearer(new_key()))) == (500, "internal_error")

    @pytest.mark.parametrize("said,status", [("unavailable", "unavailable"), ("overloaded", "overloaded"), ("what", "unavailable"), ("event_full", "unavailable")])
    def test_other_refusals(self, world, said, status):
        """They say nothing about the key, and nothing of them is remembered."""
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = world.gateway()
        key = auth.key()
        auth.worker.answer = lambda header, payload: (said, {})
        assert code(gateway.get("/events/1", **bearer(key))) == (503, status)
        auth.worker.answer = auth.answer
        assert gateway.get("/events/1", **bearer(key)).status == 200

    def test_an_auth_worker_that_is_away(self, world):
        gateway = world.gateway()
        started = time.monotonic()
        assert code(gateway.get("/events/1", **bearer(new_key()))) == (503, "unavailable")
        assert time.monotonic() - started < 8

    def test_an_auth_worker_that_hangs(self, world):
        """Requests end at their deadline, those that came late ask anew, and clients that left are forgotten."""
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = world.gateway()
        key = auth.key()
        auth.worker.answer = silent
        started = time.monotonic()
        assert code(gateway.get("/events/1", **bearer(key))) == (503, "unavailable")
        assert 1 < time.monotonic() - started < 8
        assert gateway.metric("tithi_gateway_waiting_calls") == 0
        with socket.create_connection(("127.0.0.1", gateway.port)) as client:
            client.sendall(f"GET /events/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
            until(lambda: gateway.metric("tithi_gateway_waiting_calls") == 1, "the question")
        until(lambda: gateway.metric("tithi_gateway_waiting_calls") == 0, "its end")
        auth.worker.answer = auth.answer
        assert gateway.get("/events/1", **bearer(key)).status == 200

    def test_guesses_are_limited(self, world):
        """Per address, and only those that the auth worker would have to look at."""
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = with_redis(world.gateway(RATE_LIMIT_AUTH="3/60"))
        key = auth.key()
        assert gateway.get("/events/1", **bearer(key)).status == 200
        answers = [gateway.get("/events/1", **bearer(new_key())) for _ in range(4)]
        assert [answer.status for answer in answers] == [401, 401, 429, 429]
        assert details(answers[-1]) == {"limit": "auth"} and int(answers[-1].headers["Retry-After"]) > 0
        assert len(auth.questions) == 3
        assert gateway.get("/events/1", **bearer(key)).status == 200
        assert gateway.request("GET", "/events/1", source="127.0.0.2", **bearer(new_key())).status == 401

    def test_commands_are_the_persons(self, world):
        """A person's Idempotency-Key means the same with a token and with a key."""
        auth = Auth(world)
        booking = world.worker("booking", lambda header, payload: ("event_full", {}))
        gateway = world.gateway()
        for credentials in (token(), auth.key(["book"]), auth.key(["book"]), auth.key(["book"], user_id=8)):
            gateway.request("POST", "/bookings", BOOKING, Idempotency_Key="a", **bearer(credentials))
        ids = [call["command"] for call in booking.calls]
        assert ids[0] == ids[1] == ids[2] != ids[3]

    def test_pipelined(self, world):
        """The second request waits until the first, whose key has to be asked about, has its answer."""
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = world.gateway()
        head = f"GET /events/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {auth.key()}\r\n"
        with socket.create_connection(("127.0.0.1", gateway.port)) as client:
            client.sendall(f"{head}\r\n{head}Connection: close\r\n\r\n".encode())
            client.settimeout(10)
            got = b""
            while more := client.recv(65536):
                got += more
        assert got.count(b"HTTP/1.1 200") == 2


class TestRights:
    CASES = [  # method, path, body; scope
        ("GET", "/bookings/1", None, "read"),
        ("POST", "/bookings", BOOKING, "book"),
        ("DELETE", "/events/1", None, "events"),
    ]

    def test_scopes(self, world):
        auth = Auth(world)
        for service in ("booking", "event"):
            world.worker(service, lambda header, payload: ("event_not_found", {}))
        gateway = world.gateway()
        for method, path, body, scope in self.CASES:
            others = {"read", "book", "events", "webhooks"} - {scope}
            answer = gateway.request(method, path, body, **bearer(auth.key(others, role="facilitator")))
            assert code(answer) == (403, "scope_missing") and details(answer) == {"scope": scope}
            assert code(gateway.request(method, path, body, **bearer(auth.key([scope], role="facilitator"))))[1] == "event_not_found"

    def test_without_any_scope(self, world):
        """Public reads are open to any key; what has no scope is closed to every key."""
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = world.gateway()
        everything = auth.key(["read", "book", "events", "webhooks", "of tomorrow"], role="admin")
        assert gateway.get("/events/1", **bearer(auth.key([]))).status == 200
        for method, path, body in [
            ("GET", "/profile/keys", None),
            ("POST", "/profile/keys", {"name": "a", "scopes": ["read"]}),
            ("POST", "/auth/logout", None),
            ("GET", "/admin/users", None),
            ("DELETE", "/session", None),
        ]:
            answer = gateway.request(method, path, body, **bearer(everything))
            assert code(answer) == (403, "scope_missing") and details(answer) is None

    def test_roles_stay(self, world):
        auth = Auth(world)
        gateway = world.gateway()
        assert code(gateway.request("DELETE", "/events/1", **bearer(auth.key(["events"]))))[0] == 403
        assert code(gateway.request("DELETE", "/events/1", **bearer(auth.key(["events"]))))[1] != "scope_missing"

    def test_rights_come_before_content(self, world):
        auth = Auth(world)
        answer = world.gateway().request("POST", "/bookings", {"nonsense": 1}, **bearer(auth.key(["read"])))
        assert code(answer) == (403, "scope_missing")

    def test_who_has_not_verified_the_address(self, world):
        auth = Auth(world)
        booking = world.worker("booking", lambda header, payload: ("event_full", {}))
        world.worker("event", lambda header, payload: (None, EVENT))
        gateway = world.gateway(UNVERIFIED_MAY_NOT="book, read")
        keys = {verified: auth.key(["read", "book"], verified=verified) for verified in (True, False)}
        for verified, wanted in ((True, "event_full"), (False, "email_not_verified")):
            for credentials in (keys[verified], token(verified=verified)):
                assert code(gateway.request("POST", "/bookings", BOOKING, **bearer(credentials)))[1] == wanted
        assert code(gateway.request("POST", "/bookings", BOOKING, **bearer(token())))[1] == "email_not_verified"
        assert len(booking.calls) == 2
        assert gateway.get("/events/1", **bearer(keys[False])).status == 200, "which anybody may"
        assert code(world.gateway().request("POST", "/bookings", BOOKING, **bearer(token())))[1] == "event_full", "by default"

    @pytest.mark.parametrize(
        "setting,value,sentence",
        [
            ("UNVERIFIED_MAY_NOT", "book,fly", "UNVERIFIED_MAY_NOT must be some of read, book, events and webhooks"),
            ("RATE_LIMIT_KEY", "60", "RATE_LIMIT_KEY must be <count>/<seconds>"),
        ],
    )
    def test_bad_settings_stop_the_start(self, world, setting, value, sentence):
        with pytest.raises(AssertionError, match=sentence):
            world.gateway(**{setting: value})


class TestLimits:
    def test_a_key_counts_for_itself_and_its_person(self, world):
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = with_redis(world.gateway(RATE_LIMIT_READ="100/60", RATE_LIMIT_KEY="3/60"))
        key, own = auth.key(), auth.key(rate_limit=2)
        answers = [gateway.get("/events/1", **bearer(key)) for _ in range(4)]
        assert [answer.status for answer in answers] == [200] * 3 + [429]
        assert answers[0].headers["RateLimit-Policy"] == '"read";q=100;w=60, "key";q=3;w=60'
        assert answers[0].headers["RateLimit"] == '"key";r=2;t=20, "read";r=99;t=1'
        assert answers[3].headers["RateLimit-Policy"] == '"key";q=3;w=60' and details(answers[3]) == {"limit": "key"}
        assert 0 < int(answers[3].headers["Retry-After"]) <= 20
        assert [gateway.get("/events/1", **bearer(own)).status for _ in range(3)] == [200, 200, 429], "its own limit"
        answer = gateway.get("/events/1", **bearer(token()))
        assert answer.headers["RateLimit"].startswith('"read";r=94;'), "what a key is refused is not the person's"

    def test_the_persons_limit_holds_for_keys(self, world):
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = with_redis(world.gateway(RATE_LIMIT_READ="4/60"))
        answers = [gateway.get("/events/1", **bearer(auth.key())) for _ in range(5)]
        assert [answer.status for answer in answers] == [200] * 4 + [429]
        assert details(answers[-1]) == {"limit": "read"}
        assert gateway.get("/events/1", **bearer(token())).status == 429
        assert gateway.get("/events/1", **bearer(token(sub="8"))).status == 200

    def test_all_gateways_count_together(self, world):
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateways = [with_redis(world.gateway(RATE_LIMIT_KEY="4/60")) for _ in range(2)]
        key = auth.key()
        assert [gateway.get("/events/1", **bearer(key)).status for gateway in gateways * 3] == [200] * 4 + [429] * 2

    @pytest.mark.parametrize("redis", ["there", "away"])
    def test_by_class_address_account_and_key(self, world, redis):
        """The same in Redis and, while that is away, in the process."""
        auth = Auth(world)
        for service in ("event", "booking"):
            world.worker(service, lambda header, payload: ("event_not_found", {}))
        settings = {"RATE_LIMIT_READ": "3/60", "RATE_LIMIT_WRITE": "2/60", "RATE_LIMIT_AUTH": "2/60", "RATE_LIMIT_KEY": "2/60"}
        if redis == "away":
            world.redis.kill()
        gateway = world.gateway(TRUSTED_PROXIES="127.0.0.1", **settings)
        if redis == "there":
            with_redis(gateway)

        def statuses(method, path, body=None, credentials=None, addresses="1", count=4):
            headers = bearer(credentials) if credentials else {}
            found = [gateway.request(method, path, body, X_Forwarded_For=f"192.0.2.{addresses[i % len(addresses)]}", **headers) for i in range(count)]
            return [answer.status for answer in found]

        assert statuses("GET", "/events/1") == [404, 404, 404, 429], "reads of an address"
        assert statuses("GET", "/events/1", addresses="2345") == [404] * 4, "others have their own"
        assert statuses("GET", "/events/1", credentials=token(sub="11"), addresses="2345") == [404, 404, 404, 429], "of a person, from anywhere"
        assert statuses("POST", "/bookings", BOOKING, token(sub="11")) == [404, 404, 429, 429], "writes are counted apart"
        assert statuses("GET", "/events/1", credentials=auth.key(user_id=12)) == [404, 404, 429, 429], "of a key"
        assert statuses("GET", "/events/1", credentials=token(sub="12"), count=2) == [404, 429], "which were the person's too"
        sign_in = {"email": "one@example.com", "password": "password123"}
        assert statuses("POST", "/auth/login", sign_in, addresses="6789") == [401] * 4, "not of an account that is only named"
        assert statuses("POST", "/auth/login", sign_in, addresses="6", count=2) == [401, 429], "but of the address"
        change = {"current_password": "password123", "new_password": "password124"}
        assert statuses("POST", "/auth/password", change, token(sub="13"), "2345")[2:] == [429, 429], "of a person who is signed in"
        email = {"email": "two@example.com", "current_password": "password123"}
        assert statuses("POST", "/auth/email", email, token(sub="14"), "2345")[2:] == [429, 429], "not of the address that is wanted"
        assert statuses("GET", "/healthz", count=9) == [200] * 9, "no limit"

    def test_a_key_while_redis_is_away(self, world):
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = with_redis(world.gateway(RATE_LIMIT_KEY="3/60"))
        key = auth.key()
        assert gateway.get("/events/1", **bearer(key)).status == 200
        world.redis.kill()
        until(lambda: gateway.metric("tithi_gateway_redis_up") == 0, "that Redis is away")
        assert [gateway.get("/events/1", **bearer(key)).status for _ in range(4)] == [200] * 3 + [429], "known, and counted here"

    def test_problem_details_name_the_policy(self, world):
        world.worker("event", lambda header, payload: (None, EVENT))
        gateway = with_redis(world.gateway(RATE_LIMIT_READ="1/60"))
        gateway.get("/events/1", **bearer(token()))
        answer = gateway.get("/events/1", Accept="application/problem+json", **bearer(token()))
        problem = json.loads(answer.text)
        assert answer.status == 429 and problem["violated-policies"] == ["read"] and problem["type"].endswith("#quota-exceeded")


class TestNotes:
    def test_uses(self, world):
        """Each session and key once in a while, and not those that were ended."""
        auth, _ = Auth(world), world.worker("event", lambda header, payload: (None, EVENT))
        gateway = with_redis(world.gateway())
        sessions = [str(uuid.uuid4()) for _ in range(4)]
        world.redis_cli("SET", f"tithi:revoked:{sessions[3]}", "1", "EX", "60")
        tokens = [token(session) for session in sessions]
        key = auth.key()
        for credentials in [*tokens, key] * 3:
            gateway.get("/events/1", **bearer(credentials))
        gateway.get("/events/1")
        wanted = {(session, "127.0.0.1") for session in [*sessions[:3], auth.of(key)["session"]]}
        until(lambda: set(auth.uses) == wanted, "the notes")
        gateway.get("/events/1", **bearer(tokens[0]))
        time.sleep(1.5)
        assert len(auth.uses) == 4 and auth.refusals == []

    def test_refusals(self, world):
        auth = Auth(world)
        world.worker("event", lambda header, payload: ("forbidden", {}))
        gateway = with_redis(world.gateway(RATE_LIMIT_WRITE="1/60"))
        session = str(uuid.uuid4())
        gateway.request("POST", "/bookings", BOOKING, X_Request_Id="scope", **bearer(auth.key(["read"], user_id=9)))
        gateway.request("DELETE", "/events/1", X_Request_Id="role", **bearer(token(session, sub="10")))
        gateway.request("DELETE", "/events/1", X_Request_Id="owner", **bearer(token(session, sub="11", role="facilitator")))
        for _ in range(3):
            gateway.request("DELETE", "/events/1", X_Request_Id="limit", **bearer(token(session, sub="11", role="facilitator")))
        gateway.request("DELETE", "/events/1", X_Request_Id="nobody")
        until(lambda: len(auth.refusals) == 4, "the notes")
        time.sleep(1.2)
        told = {refusal["request_id"]: refusal for refusal in auth.refusals}
        assert len(auth.refusals) == 4, "the limit is told once in a minute"
        assert {name: (one["event"], one["user_id"], one["detail"]) for name, one in told.items()} == {
            "scope": ("authz_fail", 9, "createBooking"),
            "role": ("authz_fail", 10, "deleteEvent"),
            "owner": ("authz_fail", 11, "deleteEvent"),
            "limit": ("excess_rate_limit_exceeded", 11, "deleteEvent"),
        }
        assert told["role"]["session"] == session and told["role"]["address"] == "127.0.0.1"

    def test_too_many(self, world):
        """A flood of refusals neither reaches the auth worker nor stops the gateway."""
        auth = Auth(world)
        gateway = world.gateway()
        for _ in range(70):
            gateway.request("DELETE", "/events/1", **bearer(token()))
        until(lambda: len(auth.refusals) == 60, "the notes")
        for person in range(100, 400):
            gateway.request("DELETE", "/events/1", **bearer(token(sub=str(person))))
        until(lambda: 60 < len(auth.refusals), "the notes")
        assert all(len(note["refusals"]) <= 200 for note in auth.noted)
        assert gateway.metric("tithi_gateway_notes_dropped_total") >= 10

    def test_nobody_to_tell(self, world):
        """What cannot be told is dropped, and nobody waits."""
        world.worker("event", lambda header, payload: (None, EVENT))
        gateway = world.gateway()
        assert gateway.get("/events/1", **bearer(token())).status == 200
        until(lambda: gateway.metric("tithi_gateway_notes_dropped_total") == 1, "the loss")
        world.brokers[0].kill()
        assert gateway.get("/admin/users", **bearer(token())).status == 403
        until(lambda: gateway.metric("tithi_gateway_notes_dropped_total") == 3, "the loss of a use and a refusal")
        assert gateway.metric("tithi_gateway_waiting_calls") == 0
