"""Accounts and sessions beyond what the documents show: what lies at rest, rotation and reuse of refresh tokens, what ends with a
session and what does not, Redis being emptied, profiles, and the policies for signing up."""

import base64
import concurrent.futures
import hashlib
import json
import subprocess
import time

import pytest

from harness import PASSWORD, Client, Person, refusal, start_stack, stop_stack, unique


def claims_of(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def refresh(stack, token, **headers):
    return stack.anonymous.post("/auth/refresh", headers={**bearer(token), **headers})


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def ask_redis(stack):
    """Redis itself, by its own program."""

    def ask(*words):
        command = ["redis-cli", "-s", str(stack.state / "run/redis.sock"), *map(str, words)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    return ask


class TestAtRest:
    def test_passwords_are_argon2id_with_todays_parameters(self, stack, person):
        ((text,),) = stack.rows("SELECT password_hash FROM credentials WHERE user_id = %s", person.id)
        assert text.startswith("$argon2id$v=19$m=19456,t=2,p=1$")

    def test_refresh_tokens_are_only_hashes(self, stack, person):
        digest = hashlib.sha256(person.refresh_token.encode()).digest()
        ((session,),) = stack.rows("SELECT session_id::text FROM refresh_tokens WHERE hash = %s", digest)
        assert session == claims_of(person.token)["sid"]

    def test_stored_replies_hold_no_token(self, stack):
        body = stack.register()
        key = {"Idempotency-Key": unique("key")}
        answer = stack.anonymous.post("/auth/login", {"email": body["email"], "password": PASSWORD}, headers=key)
        token = answer.json()["refresh_token"].encode()
        assert not stack.rows("SELECT 1 FROM commands WHERE position(%s::bytea in reply) > 0", token)

    def test_older_parameters_are_renewed_at_sign_in(self, stack):
        """The hash is argon2's own vector for "password" and "somesalt" with t=2, m=65536, p=1."""
        body = stack.register()
        old = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
        which = "user_id = (SELECT id FROM users WHERE email = %s)"
        stack.rows(f"UPDATE credentials SET password_hash = %s WHERE {which}", old, body["email"])
        stack.login(body["email"], "password")
        ((text,),) = stack.rows(f"SELECT password_hash FROM credentials WHERE {which}", body["email"])
        assert text.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        stack.login(body["email"], "password")


class TestRegister:
    def test_one_address_at_once(self, stack):
        body = {"email": f"{unique('race')}@example.com", "password": PASSWORD, "name": "Race"}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: Client(stack.base_url).post("/auth/register", body), range(8)))
        assert sorted(answer.status_code for answer in answers) == [201] + 7 * [400]
        assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {"email_taken"}

    def test_nobody_becomes_an_administrator(self, stack):
        body = {"email": f"{unique('admin')}@example.com", "password": PASSWORD, "name": "Eve", "role": "admin"}
        answer = stack.anonymous.post("/auth/register", body)
        assert answer.status_code == 400 and "role" in answer.json()["details"]

    @pytest.mark.parametrize("password", ["ключ🔑!", " leading and trailing ", "x" * 256])
    def test_any_characters_are_a_password(self, stack, password):
        body = stack.register(password=password)
        stack.login(body["email"], password)
        wrong = {"email": body["email"], "password": password[:-1] + "?"}
        assert stack.anonymous.post("/auth/login", wrong).status_code == 401

    def test_what_a_facilitator_says_is_kept(self, stack):
        said = {"bio": "Twenty years of yoga", "specialization": "Yoga", "phone": "+911234567890", "facilitator_crm_id": "FAC077"}
        profile = stack.facilitator(**said).get("/profile").json()
        assert {name: profile[name] for name in said} == said
        assert profile["role"] == "facilitator" and profile["facilitator_pending"] is False


class TestLogin:
    def test_inactive_accounts_are_refused(self, stack):
        body = stack.register()
        stack.rows("UPDATE users SET is_active = false WHERE email = %s", body["email"])
        credentials = {"email": body["email"], "password": PASSWORD}
        answer = stack.anonymous.post("/auth/login", credentials)
        assert (answer.status_code, answer.json()["code"]) == (403, "account_inactive")
        # Only who knows the password hears that.
        assert stack.anonymous.post("/auth/login", {**credentials, "password": "wrong!"}).json()["code"] == "invalid_credentials"

    def test_wrong_address_and_wrong_password_are_told_alike(self, stack):
        body = stack.register()
        answers = []
        for email in (body["email"], f"{unique('nobody')}@example.com"):
            answer = stack.anonymous.post("/auth/login", {"email": email, "password": "wrong!"}).json()
            answers.append({name: value for name, value in answer.items() if name != "request_id"})
        assert answers[0] == answers[1]

    @pytest.mark.parametrize("header", ["Bearer ended", "Bearer x", "Basic dXNlcjpwYXNz"])
    def test_what_a_client_still_sends_along_hinders_nobody(self, stack, person, header):
        """Programs that add their stored token to every request must be able to get a new one."""
        if header == "Bearer ended":
            assert person.post("/auth/logout").status_code == 200
            header = f"Bearer {person.token}"
        credentials = {"email": person.email, "password": PASSWORD}
        assert stack.anonymous.post("/auth/login", credentials, headers={"Authorization": header}).status_code == 200

    def test_claims(self, stack, person):
        claims = claims_of(person.token)
        assert (claims["sub"], claims["use"], claims["role"]) == (str(person.id), "access", "user")
        assert claims["exp"] - claims["iat"] == 86400
        assert {"jti", "sid"} <= claims.keys()


class TestRefresh:
    def test_each_token_is_good_once(self, stack, person):
        seen = {person.refresh_token}
        token = person.refresh_token
        for _ in range(3):
            answer = refresh(stack, token)
            assert answer.status_code == 200
            token = answer.json()["refresh_token"]
            assert claims_of(answer.json()["access_token"])["sid"] == claims_of(person.token)["sid"]
            assert token not in seen
            seen.add(token)
        assert person.get("/profile").status_code == 200  # older access tokens of the session stay good

    def test_reuse_ends_the_family_and_no_other(self, stack, person):
        other = stack.login(person.email)
        fresh = refresh(stack, person.refresh_token).json()
        assert refresh(stack, person.refresh_token).json()["code"] == "refresh_token_spent"
        for token in (person.token, fresh["access_token"]):
            assert stack.anonymous.get("/profile", headers=bearer(token)).status_code == 401
        assert refresh(stack, fresh["refresh_token"]).status_code == 401
        assert other.get("/profile").status_code == 200
        assert refresh(stack, other.refresh_token).status_code == 200

    def test_a_lost_answer_is_repeated_by_its_key(self, stack, person):
        key = {"Idempotency-Key": unique("refresh")}
        first, again = (refresh(stack, person.refresh_token, **key) for _ in range(2))
        assert (first.status_code, again.status_code) == (200, 200)
        assert first.json() == again.json()
        assert refresh(stack, first.json()["refresh_token"]).status_code == 200

    def test_at_once_only_one_wins(self, stack, person):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: refresh(Racer(stack), person.refresh_token), range(8)))
        assert sorted(answer.status_code for answer in answers) == [200] + 7 * [401]

    def test_the_name_is_the_present_one(self, stack, person):
        person.put("/profile", {"name": "New Name"})
        assert refresh(stack, person.refresh_token).json()["user"]["name"] == "New Name"

    @pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 512])
    def test_unknown(self, stack, token):
        answer = refresh(stack, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


class Racer:
    """A connection of one's own."""

    def __init__(self, stack):
        self.anonymous = Client(stack.base_url)


class TestLogout:
    def test_ends_this_session_only(self, stack, person):
        other = stack.login(person.email)
        assert person.post("/auth/logout").status_code == 200
        assert person.get("/profile").status_code == 401
        assert refresh(stack, person.refresh_token).status_code == 401
        assert other.get("/profile").status_code == 200

    def test_redis_knows_before_the_answer_leaves(self, stack, ask_redis, person):
        session = claims_of(person.token)["sid"]
        person.get("/logout")
        assert 86300 < int(ask_redis("TTL", f"tithi:revoked:{session}")) <= 86400
        ((published, reason),) = stack.rows("SELECT published, revoked_for FROM sessions WHERE id = %s", session)
        assert (published, reason) == (True, "logout")

    def test_a_dead_idle_connection_is_no_reason(self, stack, ask_redis, person):
        ask_redis("CLIENT", "KILL", "TYPE", "normal")
        person.post("/auth/logout")
        session = claims_of(person.token)["sid"]
        assert stack.rows("SELECT published FROM sessions WHERE id = %s", session) == [(True,)]
        assert ask_redis("EXISTS", f"tithi:revoked:{session}") == "1"

    def test_an_emptied_redis_is_told_again(self, stack, ask_redis, person):
        person.post("/auth/logout")
        ask_redis("FLUSHALL")
        until(lambda: ask_redis("GET", "tithi:revocations") == "1")
        assert person.get("/profile").status_code == 401

    def test_what_redis_missed_is_told_later(self, stack, ask_redis, person):
        """As if it had been away at that moment."""
        session = claims_of(person.token)["sid"]
        stack.rows("UPDATE sessions SET revoked_at = now(), revoked_for = 'admin' WHERE id = %s", session)
        until(lambda: ask_redis("EXISTS", f"tithi:revoked:{session}") == "1")
        assert person.get("/profile").status_code == 401
        until(lambda: stack.rows("SELECT published FROM sessions WHERE id = %s", session) == [(True,)])


class TestProfile:
    def test_null_clears_and_absent_keeps(self, person):
        person.put("/profile", {"phone": "+1234567890", "bio": "Yes"})
        user = person.put("/profile", {"phone": None}).json()["user"]
        assert (user["phone"], user["bio"]) == (None, "Yes")
        assert person.get("/profile").json() == user

    def test_the_webhook_secret_is_shown_once(self, stack, facilitator):
        me = stack.facilitator()
        shown = me.put("/profile", {"crm_webhook_url": "https://crm.example.com/a"}).json()
        assert shown["crm_webhook_secret"].startswith("whsec_")
        assert "crm_webhook_secret" not in me.put("/profile", {"crm_webhook_url": "https://crm.example.com/a"}).json()
        assert "crm_webhook_secret" not in me.put("/profile", {"bio": "x"}).json()
        other = me.put("/profile", {"crm_webhook_url": "https://crm.example.com/b"}).json()
        assert other["crm_webhook_secret"] != shown["crm_webhook_secret"]
        assert "secret" not in json.dumps(me.get("/profile").json())
        assert me.put("/profile", {"crm_webhook_url": None}).json()["user"]["crm_webhook_url"] is None
        assert stack.rows("SELECT crm_webhook_secret FROM users WHERE id = %s", me.id) == [(None,)]

    @pytest.mark.parametrize("url", ["ftp://crm.example.com/", "file:///etc/passwd", "https://me:pw@crm.example.com/", "crm"])
    def test_addresses_that_are_none(self, person, url):
        answer = person.put("/profile", {"crm_webhook_url": url})
        assert answer.status_code == 400 and "crm_webhook_url" in answer.json()["details"]

    @pytest.mark.parametrize("name", ["email", "role", "is_verified", "is_active", "crm_webhook_secret", "facilitator_pending"])
    def test_what_nobody_sets_oneself(self, person, name):
        answer = person.put("/profile", {name: "admin"})
        assert answer.status_code == 400 and name in answer.json()["details"]

    def test_only_the_first_of_two_changes(self, person):
        tag = person.get("/profile").headers["ETag"]
        assert person.put("/profile", {"name": "First"}, headers={"If-Match": tag}).status_code == 200
        answer = person.put("/profile", {"name": "Second"}, headers={"If-Match": tag})
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
        assert person.get("/profile").json()["name"] == "First"


class TestPayments:
    def test_pages_of_ones_own(self, stack, person, user):
        facilitator = stack.facilitator()
        bookings = [stack.book(person, stack.event(facilitator, price=price)) for price in (1, 2, 3, 4, 5)]
        seen, path = [], "/payments?limit=2"
        while path:
            answer = person.get(path)
            seen += answer.json()["payments"]
            path = answer.json()["next"] and f"/payments?limit=2&after={answer.json()['next']}"
        assert [payment["amount_minor"] for payment in seen] == [500, 400, 300, 200, 100]
        assert [payment["booking_id"] for payment in seen] == [booking["id"] for booking in reversed(bookings)]
        assert user.get("/payments").json()["payments"] == []

    @pytest.mark.parametrize("cursor", ["x", "AAAA", "LWlkfHw"])
    def test_bad_cursor(self, person, cursor):
        answer = person.get(f"/payments?after={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


class TestOtherSettings:
    """A stack with short lives, where facilitators are approved and an administrator is given."""

    @pytest.fixture(scope="class")
    def strict(self):
        settings = {
            "FACILITATOR_SIGNUP": "approval",
            "ACCESS_TOKEN_TTL": "2",
            "REFRESH_TOKEN_TTL": "4",
            "ADMIN_EMAIL": "Admin@example.com",
            "ADMIN_PASSWORD": "correct horse",
        }
        stack = start_stack(settings)
        yield stack
        stop_stack(stack)

    def test_front_ends_know_it(self, stack, strict):
        assert stack.anonymous.get("/site").json() == {"google": False, "facilitator_signup": "open"}
        assert strict.anonymous.get("/site").json()["facilitator_signup"] == "approval"

    def test_facilitators_wait_for_approval(self, strict):
        body = {"email": f"{unique('f')}@example.com", "password": PASSWORD, "name": "F", "role": "facilitator"}
        answer = strict.anonymous.post("/api/auth/register", body).json()
        assert answer["user"]["role"] == "user"
        profile = strict.anonymous.get("/profile", headers=bearer(answer["access_token"])).json()
        assert (profile["role"], profile["facilitator_pending"]) == ("user", True)

    def test_the_first_administrator(self, strict):
        admin = strict.login("admin@EXAMPLE.com", "correct horse")
        profile = admin.get("/profile").json()
        assert (profile["role"], profile["is_verified"]) == ("admin", True)
        assert strict.rows("SELECT detail FROM security_events WHERE event = 'user_created' AND user_id = %s", admin.id)

    def test_tokens_expire(self, strict):
        body = strict.register()
        answer = strict.anonymous.post("/auth/login", {"email": body["email"], "password": PASSWORD}).json()
        assert answer["expires_in"] == 2
        person = Person(strict.base_url, body["email"], answer)
        assert person.get("/profile").status_code == 200
        time.sleep(2.1)
        assert person.get("/profile").status_code == 401
        fresh = refresh(strict, person.refresh_token)
        assert fresh.status_code == 200
        time.sleep(4.1)
        assert refresh(strict, fresh.json()["refresh_token"]).json()["code"] == "invalid_token"


class TestProduction:
    @pytest.fixture(scope="class")
    def production(self):
        stack = start_stack({"TITHI_ENV": "production", "CRM_WEBHOOK_URL": "", "FACILITATOR_SIGNUP": "closed"})
        yield stack
        stop_stack(stack)

    def register(self, stack, **fields):
        body = {"email": f"{unique('p')}@example.com", "password": "correct horse", "name": "P", **fields}
        return stack.anonymous.post("/api/auth/register", body)

    @pytest.mark.parametrize("password", ["secret", "1234567", "password123", "PassWord123", "qwertyuiop"])
    def test_weak_passwords(self, production, password):
        answer = self.register(production, password=password)
        assert (answer.status_code, answer.json()["code"]) == (400, "password_too_weak")
        assert "password" in answer.json()["details"]

    @pytest.mark.parametrize("password", ["Asha Rao 1990", "Asha-from-{}", "Asha-from-{}@example.com", "tithi2026"])
    def test_passwords_that_name_the_person_or_this(self, production, password):
        letters = unique("asha").translate(str.maketrans("0123456789", "abcdefghij", "-"))
        fields = {"email": f"Asha.from.{letters}@example.com", "name": "Asha Rao", "password": password.format(letters)}
        assert refusal(self.register(production, **fields)) == (400, "password_too_weak")

    def test_closed_to_facilitators(self, production):
        answer = self.register(production, role="facilitator")
        assert (answer.status_code, answer.json()["code"]) == (403, "signup_closed")

    def test_webhooks_only_over_https(self, production):
        token = self.register(production).json()["access_token"]
        for scheme, status in (("http", 400), ("https", 200)):
            change = {"crm_webhook_url": f"{scheme}://crm.example.com/"}
            assert production.anonymous.put("/profile", change, headers=bearer(token)).status_code == status
