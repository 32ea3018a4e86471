"""API keys, from the person who makes them to the machine that calls with them: what they show, what they may do, and how they end."""

import concurrent.futures
import hashlib
import re
import time

import pytest

from harness import PASSWORD, Client, days_from_now, refusal, start_stack, stop_stack, unique, wait_until

KEYS = "/profile/keys"
WEBHOOK = "/profile/webhook"
SCOPES = ["read", "book", "events", "webhooks"]


def make(person, *scopes, **fields):
    """The answer to making one."""
    body = {"name": "import", "scopes": list(scopes or ["read"]), "current_password": PASSWORD, **fields}
    answer = person.post(KEYS, {name: value for name, value in body.items() if value is not None})
    assert answer.status_code == 201, answer.text
    return answer.json()


def machine(person, *scopes, **fields):
    """A client with a new key; its id besides."""
    made = make(person, *scopes, **fields)
    client = Client(person.base_url, made["key"])
    client.key_id = made["api_key"]["id"]
    return client


def keys(person):
    return person.get(KEYS).json()["keys"]


class TestMaking:
    def test_what_is_shown(self, person):
        made = make(person, "read", "book", name="Nightly import", rate_limit=60)
        assert re.fullmatch(r"tk_[A-Za-z0-9_-]{43}", made["key"])
        shown = made["api_key"]
        assert (shown["name"], shown["start"], shown["scopes"], shown["rate_limit"]) == ("Nightly import", made["key"][:8], ["read", "book"], 60)
        assert shown["created_at"] < shown["expires_at"] and "last_used_at" not in shown
        assert keys(person) == [shown], "and the key itself never again"

    def test_newest_first_and_only_ones_own(self, stack, person):
        make(stack.user())
        made = [make(person, name=f"key {number}")["api_key"] for number in range(3)]
        assert keys(person) == made[::-1]

    def test_how_long(self, stack, person):
        lives = {make(person, expires_in_days=days)["api_key"]["id"]: days or 90 for days in (1, 730, None)}
        found = stack.rows("SELECT id, extract(day FROM expires_at - created_at)::integer FROM api_keys WHERE user_id = %s", person.id)
        assert dict(found) == lives

    @pytest.mark.parametrize(
        "change,field",
        [
            ({"scopes": ["read", "read"]}, "scopes"),
            ({"scopes": ["admin"]}, "scopes"),
            ({"scopes": []}, "scopes"),
            ({"scopes": None}, "scopes"),
            ({"name": " "}, "name"),
            ({"name": None}, "name"),
            ({"expires_in_days": 0}, "expires_in_days"),
            ({"expires_in_days": 731}, "expires_in_days"),
            ({"rate_limit": 0}, "rate_limit"),
            ({"role": "admin"}, "role"),
        ],
    )
    def test_what_is_refused(self, person, change, field):
        body = {"name": "import", "scopes": ["read"], "current_password": PASSWORD, **change}
        answer = person.post(KEYS, {name: value for name, value in body.items() if value is not None})
        assert refusal(answer) == (400, "validation_error") and [name for name in answer.json()["details"] if name.startswith(field)]

    def test_needs_the_password(self, person):
        for given, wanted in ({}, (403, "reauthentication_required")), ({"current_password": "wrong"}, (401, "invalid_credentials")):
            assert refusal(person.post(KEYS, {"name": "import", "scopes": ["read"], **given})) == wanted
        assert keys(person) == []

    def test_a_repeat_shows_the_same_key(self, person):
        body = {"name": "import", "scopes": ["read"], "current_password": PASSWORD}
        first, second = (person.post(KEYS, body, headers={"Idempotency-Key": "k" + str(person.id)}) for _ in range(2))
        assert first.status_code == second.status_code == 201 and first.json() == second.json() and len(keys(person)) == 1

    def test_fifty_at_most(self, stack, person):
        """Also where several are made at once; what is over or revoked does not count."""
        statement = (
            "INSERT INTO api_keys (user_id, name, start, hash, scopes, expires_at, revoked_at)"
            " SELECT %s, 'old', 'tk_old', sha256(%s || n::text::bytea), '{read}', now() + CASE WHEN n <= 5 THEN '-1 day' ELSE '1 day' END::interval, CASE WHEN n BETWEEN 6 AND 10 THEN now() END"
            " FROM generate_series(1, 57) AS n"
        )
        stack.rows(statement, person.id, unique("hash").encode())
        body = {"name": "import", "scopes": ["read"], "current_password": PASSWORD}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: person.post(KEYS, body), range(8)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
        assert {refusal(answer) for answer in answers if not answer.ok} == {(409, "too_many_api_keys")} and len(keys(person)) == 50

    def test_at_rest(self, stack, person):
        key = make(person)["key"]
        [(stored, start)] = stack.rows("SELECT hash, start FROM api_keys WHERE user_id = %s", person.id)
        assert bytes(stored) == hashlib.sha256(key.encode()).digest() and start == key[:8]
        replies = b"".join(bytes(reply) for (reply,) in stack.rows("SELECT reply FROM commands WHERE created_at > now() - interval '1 minute'"))
        assert key.encode() not in replies and key not in stack.logs()


class TestScopes:
    @pytest.fixture(scope="class")
    def calls(self, stack):
        """By name: the scope that a call needs, its method, path and body, and its status with that scope."""
        owner = stack.facilitator()
        event, mine = stack.event(owner), stack.event(owner)
        draft = {"title": "Retreat", "event_type": "retreat", "start_datetime": days_from_now(9), "end_datetime": days_from_now(9, 11)}
        return owner, {
            "catalogue": (None, "GET", "/events", None, 200),
            "own bookings": ("read", "GET", "/bookings", None, 200),
            "profile": ("read", "GET", "/profile", None, 200),
            "revenue": ("read", "GET", "/facilitator/revenue", None, 200),
            "book": ("book", "POST", "/bookings", {"event_id": event["id"]}, 201),
            "publish": ("events", "POST", "/events", draft, 201),
            "webhook shown": ("webhooks", "GET", "/profile/webhook", None, 200),
            "webhook": ("webhooks", "PUT", "/profile/webhook", {"crm_webhook_url": None}, 200),
            "change": ("events", "PUT", f"/events/{mine['id']}", {"title": "Silence"}, 200),
        }

    @pytest.mark.parametrize("scope", SCOPES)
    def test_each_opens_its_own(self, calls, scope):
        owner, calls = calls
        client = machine(owner, scope)
        for name, (needed, method, path, body, status) in calls.items():
            answer = client.request(method, path, json=body)
            if needed in (None, scope):
                assert answer.status_code == status, f"{name}: {answer.text}"
            else:
                assert refusal(answer) == (403, "scope_missing"), name

    def test_not_the_account(self, person):
        client = machine(person, *SCOPES)
        for method, path, body in (
            ("PUT", "/profile", {"name": "Mallory"}),
            ("GET", KEYS, None),
            ("POST", KEYS, {"name": "more", "scopes": ["read"], "current_password": PASSWORD}),
            ("DELETE", f"{KEYS}/{client.key_id}", None),
            ("POST", "/auth/password", {"current_password": PASSWORD, "new_password": "another-password"}),
            ("POST", "/auth/email", {"email": "mallory@example.com", "current_password": PASSWORD}),
            ("GET", "/profile/second-factor", None),
            ("POST", "/profile/second-factor", {"current_password": PASSWORD}),
            ("GET", "/auth/sessions", None),
            ("DELETE", "/auth/sessions", None),
            ("GET", "/profile/export", None),
            ("GET", "/profile/security-events", None),
            ("DELETE", "/profile", {"current_password": PASSWORD}),
            ("POST", "/auth/logout", None),
        ):
            assert refusal(client.request(method, path, json=body)) == (403, "scope_missing"), (method, path)
        assert len(keys(person)) == 1

    def test_no_secrets_in_the_profile(self, stack):
        owner = stack.facilitator()
        secret = owner.put("/profile", {"crm_webhook_url": "https://crm.example/hook"}).json()["crm_webhook_secret"]
        answer = machine(owner, "read").get("/profile")
        assert answer.status_code == 200 and secret not in answer.text and "secret" not in answer.text

    def test_webhooks(self, stack):
        """The same address as in the profile, and a secret of its own whenever it changes."""
        owner = stack.facilitator()
        client = machine(owner, "webhooks")
        assert client.get(WEBHOOK).json() == {"crm_webhook_url": None}
        url = "https://crm.example/hook"
        first, again = (client.put(WEBHOOK, {"crm_webhook_url": url}).json() for _ in range(2))
        assert first["crm_webhook_url"] == again["crm_webhook_url"] == owner.get("/profile").json()["crm_webhook_url"] == url
        secret = "SELECT crm_webhook_secret FROM users WHERE id = %s"
        assert "crm_webhook_secret" not in again and stack.rows(secret, owner.id) == [(first["crm_webhook_secret"],)]
        assert client.get(WEBHOOK).json() == {"crm_webhook_url": url}
        answer = client.put(WEBHOOK, {"crm_webhook_url": "ftp://crm.example"})
        assert refusal(answer) == (400, "validation_error") and "crm_webhook_url" in answer.json()["details"]
        assert refusal(client.put(WEBHOOK, {}))[0] == 400
        assert client.put(WEBHOOK, {"crm_webhook_url": None}).json()["crm_webhook_url"] is None
        assert stack.rows(secret, owner.id) == [(None,)]
        assert refusal(machine(owner, "read", "book", "events").get(WEBHOOK)) == (403, "scope_missing")

    def test_never_more_than_the_person(self, person):
        assert refusal(machine(person, *SCOPES).get("/facilitator/revenue"))[0] == 403
        answer = machine(person, *SCOPES).post("/events", {"title": "Yoga", "event_type": "session", "start_datetime": days_from_now(3)})
        assert answer.status_code == 403

    def test_nothing_of_administrators(self, stack):
        client = machine(stack.admin(), *SCOPES)
        for method, path in ("GET", "/admin/users"), ("PUT", "/admin/users/1"), ("GET", "/admin/security-events"):
            assert refusal(client.request(method, path, json={} if method == "PUT" else None)) == (403, "scope_missing")


class TestUse:
    def test_repeats(self, stack, person, event):
        """A person's Idempotency-Keys are theirs, by whatever means they call."""
        client, headers = machine(person, "book"), {"Idempotency-Key": unique("book")}
        body = {"event_id": event["id"]}
        first, second, third = (caller.post("/bookings", body, headers=headers) for caller in (client, client, person))
        assert first.status_code == second.status_code == third.status_code == 201
        assert first.json() == second.json() == third.json()
        other = machine(stack.user(), "book").post("/bookings", body, headers=headers)
        assert other.status_code == 201 and other.json() != first.json()

    def test_last_use(self, person):
        client = machine(person, "read")
        assert client.get("/bookings").status_code == 200
        used = wait_until(lambda: [key for key in keys(person) if key.get("last_used_at")], "no use is shown")
        assert used[0]["last_used_address"] == "127.0.0.1" and used[0]["last_used_at"] >= used[0]["created_at"][:16]

    def test_its_own_limit(self, person):
        client = machine(person, "read", rate_limit=3)
        answers = [client.get("/bookings") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert '"key";q=3;w=60' in answers[0].headers["RateLimit-Policy"] and '"key";r=2' in answers[0].headers["RateLimit"]
        assert refusal(answers[3]) == (429, "rate_limited") and int(answers[3].headers["Retry-After"]) > 0
        assert machine(person, "read").get("/bookings").status_code == person.get("/bookings").status_code == 200

    def test_no_key(self, stack):
        for text in ("tk_" + "A" * 43, "tk_", "tk_" + "A" * 42):
            answer = stack.anonymous.get("/bookings", headers={"Authorization": f"Bearer {text}"})
            assert refusal(answer) == (401, "invalid_token")


class TestEnd:
    def test_revoked_at_once(self, stack, person):
        client, other = machine(person, "read"), machine(person, "read")
        assert client.get("/bookings").status_code == 200
        assert person.delete(f"{KEYS}/{client.key_id}").status_code == 200
        assert refusal(client.get("/bookings")) == (401, "invalid_token")
        assert other.get("/bookings").status_code == 200 and [key["id"] for key in keys(person)] == [other.key_id]
        assert refusal(person.delete(f"{KEYS}/{client.key_id}")) == (404, "api_key_not_found")

    def test_only_ones_own(self, stack, person):
        client = machine(stack.user(), "read")
        for key_id in (client.key_id, 999_999_999):
            assert refusal(person.delete(f"{KEYS}/{key_id}")) == (404, "api_key_not_found")
        assert client.get("/bookings").status_code == 200

    def test_over(self, stack, person):
        soon, over = machine(person, "read"), machine(person, "read")
        statement = "UPDATE api_keys SET expires_at = now() + %s::interval WHERE id = %s"
        stack.rows(statement, "3 seconds", soon.key_id)
        stack.rows(statement, "-1 second", over.key_id)
        assert refusal(over.get("/bookings")) == (401, "invalid_token")
        assert soon.get("/bookings").status_code == 200
        time.sleep(3)
        assert refusal(soon.get("/bookings")) == (401, "invalid_token") and keys(person) == []

    def test_an_owner_who_is_shut_out(self, stack, person):
        known, fresh = machine(person, "read"), machine(person, "read")
        assert known.get("/bookings").status_code == 200
        assert stack.admin().put(f"/admin/users/{person.id}", {"is_active": False}).status_code == 200
        assert refusal(known.get("/bookings")) == refusal(fresh.get("/bookings")) == (401, "invalid_token")

    def test_an_owner_who_is_erased(self, stack, person):
        client = machine(person, "read")
        assert client.get("/bookings").status_code == 200
        assert person.delete("/profile", json={"current_password": PASSWORD}).status_code == 200
        assert refusal(client.get("/bookings")) == (401, "invalid_token")

    def test_events(self, stack, person):
        client = machine(person, "read")
        person.delete(f"{KEYS}/{client.key_id}")
        noted = stack.rows("SELECT event, detail FROM security_events WHERE user_id = %s AND detail LIKE 'API key%%' ORDER BY id", person.id)
        assert noted == [("authn_token_created", f"API key {client.key_id}"), ("authn_token_revoked", f"API key {client.key_id}")]


def test_webhooks_of_verified_people_only():
    stack = start_stack({"UNVERIFIED_MAY_NOT": "book, webhooks"})
    try:
        person = stack.facilitator()
        client, change = machine(person, "webhooks"), {"crm_webhook_url": "https://crm.example/hook"}
        for answer in (person.put("/profile", change), person.put(WEBHOOK, change), client.put(WEBHOOK, change), client.get(WEBHOOK)):
            assert refusal(answer) == (403, "email_not_verified")
        assert person.put("/profile", {"bio": "Yoga", "crm_webhook_url": None}).status_code == 200, "nothing changes there"
        stack.rows("UPDATE users SET is_verified = true, crm_webhook_url = %s WHERE id = %s", "https://crm.example/", person.id)
        verified = stack.login(person.email)
        assert verified.put("/profile", change).status_code == verified.put(WEBHOOK, {"crm_webhook_url": None}).status_code == 200
        assert machine(verified, "webhooks").put(WEBHOOK, change).status_code == 200
        stack.rows("UPDATE users SET is_verified = false WHERE id = %s", person.id)
        for body in {"crm_webhook_url": None}, {"crm_webhook_url": "https://other.example/"}:
            assert refusal(verified.put("/profile", body)) == (403, "email_not_verified")
            assert refusal(verified.put(WEBHOOK, body)) == (403, "email_not_verified"), "whatever the token says"
        assert verified.put("/profile", change).status_code == 200
    finally:
        stop_stack(stack)


def test_a_limit_for_all_keys():
    stack = start_stack({"RATE_LIMIT_KEY": "2/60"})
    try:
        client = machine(stack.user(), "read")
        assert [client.get("/bookings").status_code for _ in range(3)] == [200, 200, 429]
    finally:
        stop_stack(stack)
