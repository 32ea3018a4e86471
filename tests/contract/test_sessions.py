"""Where people are signed in: what is kept of a device, how long a session goes on, ending one, others, all; and that what has ended stays
ended while Redis is away, comes back empty, or a hundred try the same refresh token at once."""

import concurrent.futures
import contextlib
import subprocess
import time
import uuid

import pytest

from harness import PASSWORD, Client, Person, refusal, start_stack, stop_stack, wait_until
from test_auth import Racer, bearer, claims_of, refresh
from test_second_factor import activate, challenge, wrong

DEVICE = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


def session_of(person):
    return claims_of(person.token)["sid"]


def sign_in(stack, email, device=DEVICE, password=PASSWORD):
    answer = stack.anonymous.post("/auth/login", {"email": email, "password": password}, headers={"User-Agent": device})
    assert answer.status_code == 200, answer.text
    return Person(stack.base_url, email, answer.json())


def sessions(person):
    answer = person.get("/auth/sessions")
    assert answer.status_code == 200, answer.text
    return answer.json()["sessions"]


def is_out(person):
    """Neither of the two tokens is good."""
    refreshed = Client(person.base_url).post("/auth/refresh", headers=bearer(person.refresh_token))
    return person.get("/profile").status_code == 401 and refreshed.status_code == 401


def events_of(stack, person):
    return [name for (name,) in stack.rows("SELECT event FROM security_events WHERE user_id = %s ORDER BY id", person.id)]


class TestList:
    def test_device_address_and_which_one_it_is(self, stack, person):
        other = sign_in(stack, person.email)
        shown = {session["id"]: session for session in sessions(other)}
        assert shown.keys() == {session_of(person), session_of(other)}
        mine = shown[session_of(other)]
        assert (mine["device"], mine["address"], mine["current"]) == (DEVICE, "127.0.0.1", True)
        assert shown[session_of(person)]["current"] is False
        assert mine["created_at"] <= mine["last_used_at"] < mine["expires_at"]

    def test_the_last_used_comes_first(self, stack, person):
        others = [sign_in(stack, person.email) for _ in range(2)]
        assert refresh(stack, person.refresh_token).status_code == 200
        listed = [session["id"] for session in sessions(person)]
        assert listed[0] == session_of(person) and set(listed[1:]) == {session_of(other) for other in others}

    def test_what_has_ended_is_not_shown(self, stack, person):
        sign_in(stack, person.email).post("/auth/logout")
        over = sign_in(stack, person.email)
        stack.rows("UPDATE sessions SET expires_at = now() WHERE id = %s", session_of(over))
        assert [session["id"] for session in sessions(person)] == [session_of(person)]

    def test_nobody_elses(self, person, user):
        assert session_of(user) not in [session["id"] for session in sessions(person)]

    @pytest.mark.parametrize(
        ("device", "kept"),
        [
            (b"a\tb", "ab"),
            (b"caf\xe9 1.0 \xc3\xa9", "caf 1.0 é"),
            (b"x" * 1023 + "é".encode(), "x" * 1023),
            ("é".encode() * 600, "é" * 512),
            (b"", None),
        ],
    )
    def test_what_is_kept_of_a_device(self, stack, person, device, kept):
        other = sign_in(stack, person.email, device)
        assert [session["device"] for session in sessions(other) if session["current"]] == [kept]

    def test_registration_keeps_it_too(self, stack):
        body = {"email": f"{uuid.uuid4()}@example.com", "password": PASSWORD, "name": "Device"}
        answer = stack.anonymous.post("/api/auth/register", body, headers={"User-Agent": DEVICE}).json()
        assert sessions(Person(stack.base_url, body["email"], answer))[0]["device"] == DEVICE


class TestEnding:
    def test_one_elsewhere(self, stack, person):
        other, third = (sign_in(stack, person.email) for _ in range(2))
        assert person.delete(f"/auth/sessions/{session_of(other).upper()}").json()["message"] == "Session ended"
        assert is_out(other)
        assert third.get("/profile").status_code == person.get("/profile").status_code == 200
        assert refusal(person.delete(f"/auth/sessions/{session_of(other)}")) == (404, "session_not_found")
        assert "authn_token_revoked" in events_of(stack, person)

    def test_only_ones_own(self, stack, person, user):
        assert refusal(person.delete(f"/auth/sessions/{session_of(user)}")) == (404, "session_not_found")
        assert refusal(person.delete(f"/auth/sessions/{uuid.uuid4()}")) == (404, "session_not_found")
        assert refusal(person.delete("/auth/sessions/x"))[0] == 400
        assert user.get("/profile").status_code == 200

    def test_all_others(self, stack, person):
        others = [sign_in(stack, person.email) for _ in range(3)]
        assert person.delete("/auth/sessions?keep_current=true").json()["ended"] == 3
        assert all(is_out(other) for other in others)
        assert person.get("/profile").status_code == 200
        assert person.delete("/auth/sessions?keep_current=true").json()["ended"] == 0

    def test_all(self, stack, person, user):
        other = sign_in(stack, person.email)
        assert person.delete("/auth/sessions").json()["ended"] == 2
        assert is_out(person) and is_out(other)
        assert user.get("/profile").status_code == 200

    def test_an_access_token_that_outlives_its_session_ends_with_it(self, stack, person):
        other = sign_in(stack, person.email)
        stack.rows("UPDATE sessions SET expires_at = now() WHERE id = %s", session_of(other))
        assert person.delete("/auth/sessions?keep_current=true").json()["ended"] == 0
        assert other.get("/profile").status_code == 401

    def test_by_an_administrator(self, stack, person):
        admin, other = stack.admin(), sign_in(stack, person.email)
        assert refusal(person.delete(f"/admin/users/{person.id}/sessions")) == (403, "forbidden")
        assert admin.delete(f"/admin/users/{person.id}/sessions").status_code == 200
        assert is_out(person) and is_out(other)
        assert refusal(admin.delete("/admin/users/999999999/sessions")) == (404, "user_not_found")
        noted = stack.rows("SELECT event, actor_id FROM security_events WHERE user_id = %s AND actor_id IS NOT NULL", person.id)
        assert set(noted) == {("authz_admin", admin.id), ("authn_token_revoked", admin.id)}

    def test_a_repeat_gets_the_same_answer(self, stack, person):
        other, key = sign_in(stack, person.email), {"Idempotency-Key": str(uuid.uuid4())}
        path = f"/auth/sessions/{session_of(other)}"
        assert person.delete(path, headers=key).json() == person.delete(path, headers=key).json()

    def test_a_repeat_ends_nothing_more(self, stack, person):
        key = {"Idempotency-Key": str(uuid.uuid4())}
        sign_in(stack, person.email)
        first = person.delete("/auth/sessions?keep_current=true", headers=key).json()
        later = sign_in(stack, person.email)
        assert person.delete("/auth/sessions?keep_current=true", headers=key).json() == first
        assert later.get("/profile").status_code == 200


class TestRefresh:
    def test_the_role_is_the_present_one(self, stack, person):
        stack.rows("UPDATE users SET role = 'facilitator', is_verified = true WHERE id = %s", person.id)
        answer = refresh(stack, person.refresh_token).json()
        claims = claims_of(answer["access_token"])
        assert (answer["user"]["role"], claims["role"], claims["verified"]) == ("facilitator", "facilitator", True)
        assert claims_of(person.token)["verified"] is False

    def test_a_role_that_is_taken_away_counts_at_once(self, stack):
        admin = stack.admin()
        assert admin.get("/admin/users").status_code == 200
        stack.operator("user", "role", admin.email, "user")
        wait_until(lambda: admin.get("/admin/users").status_code == 401, "the former administrator's session to end")
        assert refusal(refresh(stack, admin.refresh_token))[0] == 401
        assert refusal(stack.login(admin.email).get("/admin/users")) == (403, "forbidden")

    def test_what_is_over_is_noted(self, stack, person):
        person.post("/auth/logout")
        assert refusal(refresh(stack, person.refresh_token)) == (401, "invalid_token")
        assert {"session_expired", "session_use_after_expire"} <= set(events_of(stack, person))


class TestRush:
    @pytest.fixture(scope="class")
    def rush(self):
        stack = start_stack({"RATE_LIMIT_AUTH": "100000/60"})
        yield stack
        stop_stack(stack)

    @pytest.mark.parametrize("attempt", range(3))
    def test_a_hundred_at_once(self, rush, attempt):
        """One wins, or the whole family ends; never are there two that go on."""
        person = rush.user()
        clients = [Client(rush.base_url) for _ in range(100)]
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(lambda client: client.post("/auth/refresh", headers=bearer(person.refresh_token)), clients))
        won = [answer.json() for answer in answers if answer.status_code == 200]
        assert len(won) <= 1
        assert {refusal(answer) for answer in answers if answer.status_code != 200} <= {(401, "refresh_token_spent"), (401, "invalid_token")}
        assert not [tokens for tokens in won if refresh(rush, tokens["refresh_token"]).status_code == 200]
        assert is_out(person)
        assert "authn_token_reuse" in events_of(rush, person)


class TestNoted:
    def test_what_a_sign_in_leaves(self, stack, person):
        assert {"user_created", "authn_login_success", "session_created"} <= set(events_of(stack, person))
        stack.anonymous.post("/auth/login", {"email": person.email, "password": "wrong!"})
        assert "authn_login_fail" in events_of(stack, person)
        rows = stack.rows(
            "SELECT DISTINCT session_id::text FROM security_events WHERE user_id = %s AND session_id IS NOT NULL", person.id
        )
        assert rows == [(session_of(person),)]


class TestShortSessions:
    @pytest.fixture(scope="class")
    def short(self):
        stack = start_stack({"SESSION_TTL": "6", "ACCESS_TOKEN_TTL": "4", "REFRESH_TOKEN_TTL": "1h"})
        yield stack
        stop_stack(stack)

    def test_refreshing_prolongs_it_no_further(self, short):
        person = short.user()
        begun = time.monotonic()
        time.sleep(3)
        fresh = refresh(short, person.refresh_token)
        assert fresh.status_code == 200 and fresh.json()["expires_in"] <= 3
        (shown,) = sessions(Person(short.base_url, person.email, fresh.json()))
        assert shown["last_used_at"] > shown["created_at"]
        time.sleep(max(0, begun + 6.5 - time.monotonic()))
        assert refusal(refresh(short, fresh.json()["refresh_token"])) == (401, "invalid_token")
        assert short.anonymous.get("/profile", headers=bearer(fresh.json()["access_token"])).status_code == 401


class TestRedisAway:
    """PostgreSQL knows what has ended; Redis hears of it when it can."""

    @pytest.fixture(scope="class")
    def alone(self):
        stack = start_stack()
        yield stack
        stop_stack(stack)

    def supervise(self, stack, command):
        subprocess.run(["sv", "-w", "10", command, str(stack.state / "service/redis")], check=True, stdout=subprocess.DEVNULL)

    @contextlib.contextmanager
    def without_redis(self, stack):
        self.supervise(stack, "down")
        try:
            yield
        finally:
            self.supervise(stack, "up")

    def test_a_logout_meanwhile_counts_afterwards(self, alone):
        person, other = alone.user(), alone.user()
        with self.without_redis(alone):
            assert person.post("/auth/logout").status_code == 200
            assert refresh(alone, person.refresh_token).status_code == 401
            assert refresh(alone, other.refresh_token).status_code == 200
            rows = alone.rows("SELECT published FROM sessions WHERE id = %s", session_of(person))
            assert rows == [(False,)]
        wait_until(lambda: person.get("/profile").status_code == 401, "the revocation to reach Redis")
        assert other.get("/profile").status_code == 200

    def test_a_reuse_meanwhile_ends_the_family(self, alone):
        person = alone.user()
        with self.without_redis(alone):
            fresh = refresh(alone, person.refresh_token).json()
            assert refusal(refresh(alone, person.refresh_token)) == (401, "refresh_token_spent")
            assert refresh(alone, fresh["refresh_token"]).status_code == 401
        wait_until(lambda: person.get("/profile").status_code == 401, "the revocation to reach Redis")

    def test_an_empty_redis_revives_nothing(self, alone):
        ended, left, key_owner = alone.user(), alone.user(), alone.user()
        other = sign_in(alone, left.email)
        left.delete("/auth/sessions?keep_current=true")
        ended.post("/auth/logout")
        session = str(uuid.uuid4())
        alone.rows(
            "INSERT INTO api_keys (session_id, user_id, name, start, hash, scopes, expires_at, revoked_at, published)"
            " VALUES (%s, %s, 'x', 'tk_xxxxx', sha256(%s::bytea), '{read}', now() + interval '1 day', now(), true)",
            session,
            key_owner.id,
            session,
        )
        redis = ["redis-cli", "-s", str(alone.state / "run/redis.sock")]
        subprocess.run([*redis, "FLUSHALL"], check=True, stdout=subprocess.DEVNULL)

        def told(what):
            done = subprocess.run([*redis, "EXISTS", f"tithi:revoked:{what}"], check=True, stdout=subprocess.PIPE, text=True)
            return done.stdout.strip() == "1"

        wait_until(lambda: told(session), "the revoked key to reach Redis")
        assert told(session_of(ended)) and told(session_of(other)) and not told(session_of(left))
        assert is_out(ended) and is_out(other)
        assert left.get("/profile").status_code == 200


class TestChallenge:
    """A sign-in that asked for a second factor is half open: for five attempts, five minutes, and one session."""

    @pytest.fixture
    def app(self, stack, person):
        return activate(stack, person)[0]

    def respond(self, stack, given, otp):
        body = {"challenge": given, "otp": otp}
        return stack.anonymous.post("/auth/second-factor", body, headers={"User-Agent": DEVICE})

    def test_it_opens_one_session(self, stack, person, app):
        given = challenge(stack, person)
        answer = self.respond(stack, given, app.code())
        assert answer.status_code == 200
        other = Person(stack.base_url, person.email, answer.json())
        assert [session["device"] for session in sessions(other) if session["current"]] == [DEVICE]
        again = self.respond(stack, given, app.code())
        assert refusal(again) == (401, "invalid_code") and "challenge" in again.json()["details"]
        assert "authn_login_second_factor" in events_of(stack, person)

    def test_at_once_it_opens_one(self, stack, person, app):
        given, codes = challenge(stack, person), [app.code() for _ in range(2)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda code: self.respond(Racer(stack), given, code), codes))
        assert sorted(answer.status_code for answer in answers) == [200, 401]

    def test_five_attempts(self, stack, person, app):
        given = challenge(stack, person)
        for _ in range(5):
            answer = self.respond(stack, given, wrong(app.code()))
            assert refusal(answer) == (401, "invalid_code") and "otp" in answer.json()["details"]
        assert "challenge" in self.respond(stack, given, app.code()).json()["details"]

    def test_five_minutes(self, stack, person, app):
        given = challenge(stack, person)
        stack.rows("UPDATE one_time_tokens SET expires_at = now() WHERE user_id = %s AND purpose = 'second_factor'", person.id)
        assert "challenge" in self.respond(stack, given, app.code()).json()["details"]

    @pytest.mark.parametrize("ending", ["sessions", "password"])
    def test_what_ends_sessions_ends_it(self, stack, person, app, ending):
        given = challenge(stack, person)
        if ending == "sessions":
            assert person.delete("/auth/sessions?keep_current=true").status_code == 200
        else:
            assert person.post("/auth/password", {"current_password": PASSWORD, "new_password": "another one"}).status_code == 200
        assert "challenge" in self.respond(stack, given, app.code()).json()["details"]

    def test_an_account_that_was_switched_off(self, stack, person, app):
        given = challenge(stack, person)
        stack.rows("UPDATE users SET is_active = false WHERE id = %s", person.id)
        assert refusal(self.respond(stack, given, app.code())) == (403, "account_inactive")

    def test_the_password_alone_clears_no_count(self, stack, person, app):
        """Else who has found it out could guess codes without end."""
        answers = []
        for _ in range(3):
            given = challenge(stack, person)
            answers += [refusal(self.respond(stack, given, wrong(app.code()))) for _ in range(4)]
        assert answers[:10] == 10 * [(401, "invalid_code")]
        assert answers[-1] == (429, "sign_in_delayed")

    @pytest.mark.parametrize("given", ["x", "A" * 43, "A" * 256])
    def test_unknown(self, stack, given):
        assert refusal(self.respond(stack, given, "123456")) == (401, "invalid_code")
