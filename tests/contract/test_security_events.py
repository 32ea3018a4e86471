"""The log of what concerns security: what gets into it, who may read what of it, in pages, and that nobody can change it."""

import re

import psycopg2
import pytest

from document import ROOT
from harness import PASSWORD, refusal, unique, wait_until
from test_api_keys import keys, machine
from test_auth import claims_of


def pages(client, path, **parameters):
    """All of a list, read page by page."""
    events, after = [], {}
    while True:
        answer = client.get(path, params={**parameters, **after})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["events"]) <= int(parameters.get("limit", 20))
        events += page["events"]
        if not page.get("next"):
            return events
        assert 'rel="next"' in answer.headers["Link"]
        after = {"after": page["next"]}


def own(person, **parameters):
    return pages(person, "/profile/security-events", **parameters)


def all_events(admin, **parameters):
    return pages(admin, "/admin/security-events", **parameters)


def names(events):
    return [event["event"] for event in events]


@pytest.fixture(scope="module")
def admin(stack):
    return stack.admin()


class TestOwn:
    def test_newest_first_with_address_and_what_it_was(self, stack, person):
        stack.anonymous.post("/auth/login", {"email": person.email, "password": "wrong!"})
        first, *rest = own(person)
        assert (first["event"], first["user_id"], first["address"]) == ("authn_login_fail", person.id, "127.0.0.1")
        assert first["request_id"] and "password" in first["detail"]
        assert {"authn_login_success", "session_created", "user_created"} <= set(names(rest))
        (opened,) = [event for event in rest if event["event"] == "session_created"]
        assert opened["session_id"] == claims_of(person.token)["sid"]
        assert [event["at"] for event in (first, *rest)] == sorted((event["at"] for event in (first, *rest)), reverse=True)

    def test_one_sees_nothing_of_others(self, stack, person):
        other = stack.user()
        assert {event["user_id"] for event in own(other)} == {other.id}
        assert not {event["id"] for event in own(person)} & {event["id"] for event in own(other)}
        assert refusal(person.get("/admin/security-events")) == (403, "forbidden")
        assert stack.anonymous.get("/profile/security-events").status_code == 401

    @pytest.mark.parametrize("limit", [1, 2, 7])
    def test_pages_are_the_whole(self, stack, person, limit):
        for _ in range(4):
            stack.anonymous.post("/auth/login", {"email": person.email, "password": "wrong!"})
        whole = own(person, limit=100)
        assert len(whole) >= 7 and own(person, limit=limit) == whole

    def test_events_of_one_moment_are_all_there(self, stack, person):
        """A transaction's rows have one time."""
        stack.rows("INSERT INTO security_events (event, user_id) SELECT 'user_updated', %s FROM generate_series(1, 50)", person.id)
        events = own(person, limit=9)
        assert names(events).count("user_updated") == 50 and len({event["id"] for event in events}) == len(events)

    def test_cursors_of_other_lists(self, person):
        for cursor in ("nonsense", "LWF0fDB8MQ", "LWlkfHwx"):
            assert refusal(person.get("/profile/security-events", params={"after": cursor}))[0] == 400
        assert person.get("/profile/security-events", params={"after": "LWF0fDE3MDAwMDAwMDAwMDAwMDB8MQ"}).json()["events"] == []

    def test_by_its_alias(self, person):
        assert person.get("/api/profile/security-events").json()["events"] == person.get("/profile/security-events").json()["events"]


class TestAdministrators:
    def test_by_person_and_event(self, stack, admin, person):
        stack.anonymous.post("/auth/login", {"email": person.email, "password": "wrong!"})
        assert all_events(admin, user_id=person.id) == own(person)
        (failed,) = all_events(admin, user_id=person.id, event="authn_login_fail")
        assert failed["user_id"] == person.id
        assert failed in admin.get("/admin/security-events", params={"event": "authn_login_fail"}).json()["events"]
        assert not admin.get("/admin/security-events", params={"event": "no_such_thing"}).json()["events"]

    def test_by_time(self, stack, admin, person):
        stack.rows(
            "INSERT INTO security_events (at, event, user_id) SELECT '2020-03-01 12:00Z'::timestamptz + n * interval '1 day', 'user_updated', %s"
            " FROM generate_series(0, 4) n",
            person.id,
        )
        found = all_events(admin, **{"from": "2020-03-02", "to": "2020-03-04T00:00:00Z"})
        assert [event["at"] for event in found] == ["2020-03-03T12:00:00Z", "2020-03-02T12:00:00Z"]
        assert len(all_events(admin, user_id=person.id, event="user_updated", to="2020-03-03")) == 3
        assert all_events(admin, limit=2, **{"from": "2020-01-01", "to": "2020-12-31"}) == all_events(admin, to="2020-12-31")
        assert admin.get("/admin/security-events", params={"from": "yesterday"}).status_code == 400

    def test_attempts_for_nobody(self, stack, admin):
        request_id = unique("nobody")
        body = {"email": f"{request_id}@example.com", "password": "wrong!"}
        stack.anonymous.post("/auth/login", body, headers={"X-Request-Id": request_id})
        events = admin.get("/admin/security-events", params={"event": "authn_login_fail", "limit": 100}).json()["events"]
        (found,) = [event for event in events if event["request_id"] == request_id]
        assert "user_id" not in found

    def test_who_did_it(self, stack, admin, person):
        assert admin.put(f"/admin/users/{person.id}", {"role": "facilitator"}).status_code == 200
        (changed,) = [event for event in all_events(admin, user_id=person.id) if "actor_id" in event]
        assert (changed["event"], changed["actor_id"]) == ("privilege_permissions_changed", admin.id)


class TestWhatGatewaysTell:
    def test_refusals_of_who_is_signed_in(self, stack, person):
        request_id = unique("refused")
        person.get("/admin/users", headers={"X-Request-Id": request_id})
        found = wait_until(lambda: [event for event in own(person) if event["request_id"] == request_id], "the refusal is not in the log")
        assert [(event["event"], event["detail"]) for event in found] == [("authz_fail", "listUsers")]
        assert found[0]["session_id"] == claims_of(person.token)["sid"]

    def test_when_a_session_was_used(self, stack, person):
        stack.rows("UPDATE sessions SET used_at = now() - interval '1 hour' WHERE user_id = %s", person.id)
        assert person.get("/profile").status_code == 200
        recent = "SELECT 1 FROM sessions WHERE user_id = %s AND used_at > now() - interval '1 minute'"
        wait_until(lambda: stack.rows(recent, person.id), "the session's use is not noted")

    def test_when_a_key_was_used_and_from_where(self, stack, person):
        client = machine(person, "read")
        assert client.get("/profile").status_code == 200
        (found,) = wait_until(lambda: [key for key in keys(person) if key.get("last_used_at")], "the key's use is not noted")
        assert (found["id"], found["last_used_address"]) == (client.key_id, "127.0.0.1")
        assert found["last_used_at"].endswith(":00Z")  # to the minute


class TestNobodyChangesIt:
    @pytest.mark.parametrize("statement", ["UPDATE security_events SET event = 'x'", "DELETE FROM security_events", "TRUNCATE security_events"])
    def test_not_even_its_owner(self, stack, person, statement):
        with pytest.raises(psycopg2.errors.CheckViolation):
            stack.rows(statement)

    def test_operators_let_old_ones_go(self, stack, person):
        """As docs/operations.md says."""
        (statements,) = re.findall(r"```sql\n(.*?)```", (ROOT / "docs/operations.md").read_text(), re.DOTALL)
        stack.rows("INSERT INTO security_events (at, event, user_id) VALUES (now() - interval '3 years', 'user_updated', %s)", person.id)
        before = own(person)
        stack.operator("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statements)
        assert own(person) == before[:-1] and before[-1]["event"] == "user_updated"
        with pytest.raises(psycopg2.errors.CheckViolation):
            stack.rows("DELETE FROM security_events")

    def test_no_secret_and_no_address_is_in_it(self, stack, person):
        stack.anonymous.post("/auth/login", {"email": person.email, "password": "this very password"})
        assert not stack.rows(
            "SELECT * FROM security_events WHERE detail LIKE '%%@%%' OR detail LIKE %s OR detail LIKE %s", "%very password%", f"%{PASSWORD}%"
        )
