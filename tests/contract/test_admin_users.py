"""The administration of accounts, by administrators over HTTP and by the operator with `tithi user`."""

import concurrent.futures
import json
import os
import subprocess

import pytest

from document import ROOT
from harness import PASSWORD, Client, refusal, start_stack, stop_stack, unique, wait_until
from mails import APPROVED, DECLINED, Mails
from test_auth import bearer, claims_of

USERS = "/admin/users"
EVENT = {"title": "Yoga Session", "event_type": "session", "start_datetime": "2030-01-01T10:00:00", "end_datetime": "2030-01-01T11:00:00"}


@pytest.fixture(scope="module")
def admin(stack):
    return stack.admin()


@pytest.fixture(scope="module")
def approving():
    """A stack where somebody has to say yes to facilitators."""
    stack = start_stack({"FACILITATOR_SIGNUP": "approval"})
    yield stack
    stop_stack(stack)


def listed(admin, **query):
    answer = admin.get(USERS, params=query)
    assert answer.status_code == 200, answer.text
    return [user["id"] for user in answer.json()["users"]]


def change(admin, person, **fields):
    answer = admin.put(f"{USERS}/{person.id}", fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["user"]


def events_of(stack, person):
    return stack.rows("SELECT event, actor_id, detail FROM security_events WHERE user_id = %s AND actor_id IS NOT NULL ORDER BY id", person.id)


def refreshed_role(stack, person):
    answer = stack.anonymous.post("/auth/refresh", headers=bearer(person.refresh_token))
    assert answer.status_code == 200, answer.text
    return claims_of(answer.json()["access_token"])["role"]


def key_of(person, *scopes):
    body = {"name": "import", "scopes": list(scopes), "current_password": PASSWORD}
    return Client(person.base_url, person.post("/profile/keys", body).json()["key"])


class TestList:
    def test_newest_first(self, stack, admin):
        people = [stack.user() for _ in range(3)]
        assert listed(admin, limit=3) == [person.id for person in people[::-1]]

    def test_pages(self, stack, admin):
        name = unique("Page")
        people = [stack.user(name=f"{name} {number}") for number in range(5)]
        found, query = [], {"q": name, "limit": 2}
        while query:
            answer = admin.get(USERS, params=query)
            found += [user["id"] for user in answer.json()["users"]]
            following = answer.json().get("next")
            assert bool(following) == ("Link" in answer.headers)
            query = {**query, "after": following} if following else None
        assert found == [person.id for person in people[::-1]]
        assert refusal(admin.get(USERS, params={"after": "nonsense"})) == (400, "bad_cursor")

    @pytest.mark.parametrize("role", ["admin", "user", None])
    def test_what_address_or_name_begin_with(self, stack, admin, role):
        start = unique("Zoë%_")
        by_name = stack.user(name=f"{start} Smith")
        by_address = stack.user(email=f"{start.replace('ë', 'e')}@example.com")
        other = stack.user(name=f"not {start}")
        filters = {"role": role} if role else {}
        wanted = [] if role == "admin" else [by_name.id]
        assert listed(admin, q=start, **filters) == listed(admin, q=start.upper(), **filters) == wanted
        wanted = [] if role == "admin" else [by_address.id]
        assert listed(admin, search=start.replace("ë", "e").lower(), **filters) == wanted
        assert other.id not in listed(admin, q=start[:4], **filters)

    @pytest.mark.parametrize("text", ["%", "_", "\\", "zzzz'--", "\U0010ffff"])
    def test_nothing_is_a_wildcard(self, admin, text):
        assert listed(admin, q=text) == []

    def test_crowds(self, stack, admin):
        """Of the newest, and of those behind them."""
        statement = (
            "INSERT INTO users (email, name, role) SELECT format('%%s-%%s@example.com', %s, n), %s,"
            " CASE WHEN n <= 3 THEN 'facilitator' ELSE 'user' END FROM generate_series(1, %s) n RETURNING id"
        )
        for count in (150, 2500):
            name = unique("Crowd")
            ids = sorted((row[0] for row in stack.rows(statement, name, name, count)), reverse=True)
            if count == 150:
                old_name, old_ids = name, ids
        for name, ids in (old_name, old_ids), (name, ids):
            assert listed(admin, q=name, limit=100) == ids[:100]
            assert listed(admin, q=name, role="facilitator") == ids[-3:]
            after = admin.get(USERS, params={"q": name, "limit": 100}).json()["next"]
            assert listed(admin, q=name, limit=100, after=after) == ids[100:200]

    def test_filters(self, stack, admin):
        name = unique("Filter")
        facilitator, user, inactive = stack.facilitator(name=name), stack.user(name=name), stack.user(name=name)
        change(admin, inactive, is_active=False)
        stack.rows("UPDATE users SET facilitator_pending = true WHERE id IN (%s, %s)", user.id, inactive.id)
        for query, wanted in (
            ({}, [inactive, user, facilitator]),
            ({"role": "facilitator"}, [facilitator]),
            ({"role": "user"}, [inactive, user]),
            ({"role": "admin"}, []),
            ({"active": "true"}, [user, facilitator]),
            ({"active": "false"}, [inactive]),
            ({"pending": "true"}, [inactive, user]),
            ({"pending": "false"}, [facilitator]),
            ({"pending": "true", "active": "true", "role": "user"}, [user]),
            ({"pending": "true", "role": "facilitator"}, []),
        ):
            assert listed(admin, q=name, **query) == [person.id for person in wanted], query
        assert listed(admin, pending="true", limit=2) == [inactive.id, user.id]
        assert listed(admin, active="false", limit=1) == [inactive.id]

    def test_only_administrators(self, stack, user, facilitator):
        for method, path in ("GET", USERS), ("GET", f"{USERS}/{user.id}"), ("PUT", f"{USERS}/{user.id}"):
            body = {"is_active": True} if method == "PUT" else None
            for person in (user, facilitator):
                assert refusal(person.request(method, path, json=body)) == (403, "forbidden")
            assert refusal(stack.anonymous.request(method, path, json=body)) == (401, "invalid_token")


class TestAccount:
    def test_what_is_shown(self, stack, admin):
        person = stack.user(name="Ada", phone="+441234")
        shown = admin.get(f"{USERS}/{person.id}").json()
        assert shown["last_sign_in_at"] >= shown["created_at"]
        wanted = {"id": person.id, "email": person.email, "name": "Ada", "phone": "+441234", "role": "user", "is_active": True}
        assert wanted.items() <= shown.items() and (shown["facilitator_pending"], shown["second_factor"]) == (False, False)

    def test_nobody(self, admin):
        assert refusal(admin.get(f"{USERS}/999999999")) == refusal(admin.put(f"{USERS}/999999999", {})) == (404, "user_not_found")

    def test_who_was_erased(self, stack, admin, person):
        assert person.delete("/profile", json={"current_password": PASSWORD}).status_code == 200
        shown = admin.get(f"{USERS}/{person.id}").json()
        assert shown["erased_at"] and person.email not in json.dumps(shown)
        assert refusal(admin.put(f"{USERS}/{person.id}", {"is_active": True})) == (404, "user_not_found")


class TestRights:
    def test_promotion_waits_for_a_refresh(self, stack, admin, person):
        assert change(admin, person, role="facilitator")["role"] == "facilitator"
        assert person.post("/events", EVENT).status_code == 403
        assert refreshed_role(stack, person) == "facilitator"
        assert events_of(stack, person) == [("privilege_permissions_changed", admin.id, "role facilitator, was user")]

    def test_demotion_counts_at_once(self, stack, admin):
        person = stack.facilitator()
        key = key_of(person, "events")
        assert person.post("/events", EVENT).status_code == key.post("/events", EVENT).status_code == 201
        assert change(admin, person, role="user")["role"] == "user"
        assert refusal(person.post("/events", EVENT)) == refusal(key.post("/events", EVENT)) == (401, "invalid_token")
        assert refusal(stack.anonymous.post("/auth/refresh", headers=bearer(person.refresh_token))) == (401, "invalid_token")
        assert stack.login(person.email).post("/events", EVENT).status_code == 403

    def test_shut_out_and_let_in(self, stack, admin, person):
        key = key_of(person, "read")
        assert key.get("/bookings").status_code == 200
        assert change(admin, person, is_active=False)["is_active"] is False
        assert refusal(person.get("/profile")) == refusal(key.get("/bookings")) == (401, "invalid_token")
        login = {"email": person.email, "password": PASSWORD}
        assert refusal(stack.anonymous.post("/auth/login", login)) == (403, "account_inactive")
        change(admin, person, is_active=True)
        assert stack.anonymous.post("/auth/login", login).status_code == 200
        assert refusal(key.get("/bookings")) == (401, "invalid_token"), "what has ended does not come back"
        assert [detail for _, _, detail in events_of(stack, person)] == ["deactivated", "activated"]

    def test_verified_by_word_of_an_administrator(self, stack, admin, person):
        assert change(admin, person, is_verified=True)["is_verified"] is True
        assert person.get("/profile").json()["is_verified"] is True
        assert change(admin, person, is_verified=False)["is_verified"] is False
        assert person.get("/profile").status_code == 401

    def test_no_change(self, stack, admin, person):
        change(admin, person)
        change(admin, person, role="user", is_active=True)
        assert person.get("/profile").status_code == 200 and events_of(stack, person) == []

    @pytest.mark.parametrize("body", [{"role": "user"}, {"is_active": False}, {"is_verified": True}, {"second_factor": "removed"}, {}])
    def test_not_ones_own(self, admin, body):
        assert refusal(admin.put(f"{USERS}/{admin.id}", body)) == (409, "own_role")

    @pytest.mark.parametrize(
        "body", [{"role": "root"}, {"is_active": "no"}, {"second_factor": "added"}, {"email": "a@example.com"}, {"facilitator_pending": True}]
    )
    def test_what_is_refused(self, admin, person, body):
        assert refusal(admin.put(f"{USERS}/{person.id}", body)) == (400, "validation_error")

    def test_one_administrator_is_left(self, stack):
        """However many of them demote each other at the same time."""
        for _ in range(3):
            admins = [stack.admin() for _ in range(4)]
            pairs = [(one, other) for one in admins for other in admins if one is not other]
            with concurrent.futures.ThreadPoolExecutor(len(pairs)) as pool:
                answers = list(pool.map(lambda pair: pair[0].put(f"{USERS}/{pair[1].id}", {"role": "user"}), pairs))
            assert {answer.status_code for answer in answers} <= {200, 401, 403}
            ids = tuple(one.id for one in admins)
            assert stack.rows("SELECT count(*) FROM users WHERE role = 'admin' AND id IN %s", ids) == [(1,)]


class TestApproval:
    def test_yes(self, approving):
        admin, person = approving.admin(), approving.facilitator()
        assert person.post("/events", EVENT).status_code == 403
        assert person.id in listed(admin, pending="true")
        shown = change(admin, person, role="facilitator")
        assert (shown["role"], shown["facilitator_pending"]) == ("facilitator", False)
        assert person.id not in listed(admin, pending="true") and person.get("/profile").status_code == 200
        assert refreshed_role(approving, person) == "facilitator"
        Mails(approving).wait(person.email, APPROVED)

    def test_no(self, approving):
        admin, person = approving.admin(), approving.facilitator()
        assert change(admin, person, facilitator_pending=False)["role"] == "user"
        assert person.id not in listed(admin, pending="true") and person.get("/profile").json()["facilitator_pending"] is False
        assert refreshed_role(approving, person) == "user"
        assert events_of(approving, person) == [("user_updated", admin.id, "turned down as facilitator")]
        Mails(approving).wait(person.email, DECLINED)

    def test_by_the_operator(self, approving):
        person = approving.facilitator()
        [row] = [row for row in json.loads(approving.operator("--json", "user", "list", "--pending")) if row["id"] == person.id]
        assert (row["email"], row["role"], row["facilitator_pending"], row["is_active"]) == (person.email, "user", True, True)
        [approved] = json.loads(approving.operator("--json", "user", "approve", person.email.upper()))
        assert (approved["id"], approved["role"]) == (person.id, "facilitator")
        Mails(approving).wait(person.email, APPROVED)
        assert refreshed_role(approving, person) == "facilitator"
        assert person.email not in approving.operator("user", "list", "--pending")
        assert approving.operator("user", "approve", person.email, check=False) == ""


def operator_events(stack, person):
    statement = "SELECT event, detail FROM security_events WHERE user_id = %s AND actor_id IS NULL AND detail LIKE 'operator%%' ORDER BY id"
    return stack.rows(statement, person.id)


class TestOperator:
    def test_list(self, stack, person):
        table = stack.operator("user", "list")
        assert table.splitlines()[0].split() == ["ID", "EMAIL", "NAME", "ROLE", "ACTIVE", "VERIFIED", "WAITING", "CREATED"]
        assert table.splitlines()[1].split()[:2] == [str(person.id), person.email]

    def test_shut_out_and_let_in(self, stack, person):
        key = key_of(person, "read")
        assert key.get("/bookings").status_code == 200
        [row] = json.loads(stack.operator("--json", "user", "deactivate", person.email))
        assert row["id"] == person.id
        wait_until(lambda: person.get("/profile").status_code == key.get("/bookings").status_code == 401, "still in")
        login = {"email": person.email, "password": PASSWORD}
        assert refusal(stack.anonymous.post("/auth/login", login)) == (403, "account_inactive")
        stack.operator("user", "activate", person.email)
        assert stack.anonymous.post("/auth/login", login).status_code == 200
        assert operator_events(stack, person) == [("user_updated", "operator: deactivated"), ("user_updated", "operator: activated")]

    def test_a_role_ends_sessions_and_keys(self, stack):
        person = stack.facilitator()
        key = key_of(person, "events")
        assert key.post("/events", EVENT).status_code == 201
        stack.operator("user", "role", person.email, "user")
        wait_until(lambda: person.get("/profile").status_code == key.post("/events", EVENT).status_code == 401, "still in")
        assert operator_events(stack, person) == [("privilege_permissions_changed", "operator: role user, was facilitator")]

    def test_add(self, stack, tmp_path):
        password = tmp_path / "password"
        password.write_text("correct horse battery\n")
        email = f"{unique('made')}@example.com"
        [row] = json.loads(stack.operator("--json", "user", "add", email, "--role", "facilitator", "--password-file", str(password)))
        person = stack.login(email, "correct horse battery")
        assert (row["id"], row["role"]) == (person.id, "facilitator")
        assert operator_events(stack, person) == [("user_created", "operator: role facilitator")]

    @pytest.mark.parametrize("words", [["user", "approve"], ["user", "deactivate"], ["user", "activate"], ["user", "role"]])
    def test_nobody(self, stack, words):
        arguments = [*words, "nobody@example.com", *(["admin"] if words[1] == "role" else [])]
        assert stack.operator(*arguments, check=False) == ""

    @pytest.mark.parametrize(
        "environment,password,good",
        [
            ("production", "password123", False),
            ("production", "seven77", False),
            ("production", "correct horse battery", True),
            ("development", "password123", True),
            ("development", "12345", False),
        ],
    )
    def test_weak_passwords(self, tmp_path, environment, password, good):
        """Refused in production, by the rule that the auth worker has."""
        done = subprocess.run(
            [str(ROOT / "deploy/tithi"), "--state", str(tmp_path), "user", "hash"], input=password + "\n", text=True,
            env={**os.environ, "TITHI_ENV": environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert done.stdout.startswith("$argon2id$") == good and (done.returncode == 0) == good
        assert password not in done.stderr
