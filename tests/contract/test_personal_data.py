"""What people may ask for about themselves: everything that is kept, and that it goes; and what stays when it does."""

import base64
import concurrent.futures
import datetime
import json
import subprocess
import time

import pytest

from harness import PASSWORD, Client, Person, assert_ledger_is_balanced, days_from_now, refusal, start_stack, stop_stack, unique, wait_until
from test_api_keys import make
from test_auth import bearer, claims_of, refresh
from test_second_factor import activate

LISTS = ("identities", "sessions", "api_keys", "bookings", "payments", "refunds", "events", "reviews", "notifications", "security_events",
         "webhook_endpoints", "inbox", "waitlist")
SINGLE = ("profile", "picture_url", "second_factor_since", "language", "time_zone", "refused_mail")


def export(person):
    """All pages as one."""
    whole, after = {}, {}
    while True:
        answer = person.get("/profile/export", params=after)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        for name in LISTS:
            assert len(page[name]) <= 500
            whole.setdefault(name, []).extend(page[name])
        whole |= {name: page.get(name) for name in SINGLE}
        if not page.get("next"):
            return whole
        after = {"after": page["next"]}


def erase(person, password=PASSWORD):
    return person.request("DELETE", "/profile", json={"current_password": password} if password else {})


def dump(stack):
    """The database as text."""
    command = ["pg_dump", "--data-only", "--inserts", "-h", str(stack.state / "run/postgres"), "tithi"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture(scope="module")
def house(crm_receiver):
    """With a CRM that is told of bookings."""
    stack = start_stack({"CRM_WEBHOOK_URL": f"{crm_receiver.url}/crm-webhook", "GOOGLE_CLIENT_ID": ""})
    yield stack
    stop_stack(stack)


class Traces:
    """Somebody who has left a trace wherever one can."""

    def __init__(self, stack):
        self.word = unique("trace").replace("-", "")
        self.phone = "+4470" + str(abs(hash(self.word)))[:7]
        self.notes = f"notes of {self.word}"
        self.person = self.enter(stack)
        self.facilitator = stack.facilitator()
        self.paid = stack.paid_booking(self.person, stack.priced_event(self.facilitator))
        body = {"event_id": stack.event(self.facilitator)["id"], "notes": self.notes}
        self.free = self.person.post("/bookings", body).json()["booking"]
        self.key = make(self.person, "read", name=f"key of {self.word}")["key"]
        self.tell_crm(stack)
        for booking in (self.paid, self.free):
            assert self.person.post(f"/bookings/{booking['id']}/cancel").status_code == 200
        self.be_told_of(stack)

    def enter(self, stack):
        fields = {"email": f"{self.word}@example.com", "name": f"Name {self.word}", "phone": self.phone}
        registered = stack.register("facilitator", **fields, bio=f"bio of {self.word}", specialization=f"art of {self.word}")
        sent = {"email": registered["email"], "password": PASSWORD}
        answer = stack.anonymous.post("/auth/login", sent, headers={"User-Agent": f"browser of {self.word}"})
        person = Person(stack.base_url, registered["email"], answer.json())
        person.put("/profile", {"facilitator_crm_id": self.word[:60], "crm_webhook_url": f"https://{self.word}.example/hook"})
        stack.rows("INSERT INTO identities (issuer, subject, user_id, email) VALUES ('https://id.example', %s, %s, %s)", self.word, person.id, person.email)
        stack.rows("UPDATE users SET picture_url = %s WHERE id = %s", f"https://pictures.example/{self.word}", person.id)
        stack.anonymous.post("/auth/password/forgot", {"email": person.email})
        return person

    def tell_crm(self, stack):
        about = {"user_id": self.person.id, "user_name": self.person.name, "user_email": self.person.email.upper()}
        stack.rows(
            "INSERT INTO booking_notifications (booking_id, action, user_id, user_name, user_email) VALUES (%s, 'told', %s, %s, %s),"
            " (-%s, 'told', NULL, %s, 'former@example.com'), (%s, 'changed', %s, %s, 'former@example.com'), (%s, 'unnumbered', NULL, %s, 'former@example.com')",
            *(self.paid["id"], *about.values(), self.paid["id"], "Somebody else"),
            *(self.paid["id"], self.person.id, f"Former {self.word}", self.paid["id"], f"Former {self.word}"),
        )


    def be_told_of(self, stack):
        """In everything that was or will be sent to others, a part of it in the archive."""
        stack.rows("INSERT INTO mail_refusals (user_id, kind) VALUES (%s, 'digest')", self.person.id)
        told = "SELECT type FROM log_entries WHERE user_id = %s AND position IS NOT NULL"
        wait_until(lambda: len(stack.rows(told, self.person.id)) == 7, lambda: stack.rows(told, self.person.id))
        wait_until(lambda: not stack.rows("SELECT 1 FROM outbox WHERE state = 'due' AND next_attempt_at <= now()"), lambda: stack.rows("SELECT * FROM outbox WHERE state = 'due'"))
        stack.rows(
            "INSERT INTO outbox (channel, owner_id, type, cause, body, next_attempt_at) SELECT 'mail', %s, type, cause || n, json_build_object('user_id', %s,"
            "  'person', %s, 'person_email', email)::text, now() + interval '1 hour' FROM generate_series(1, 2) AS n, (VALUES ('mail.digest', 'digest:', ''),"
            "  ('mail.crm_notification', 'n:', %s)) AS given(type, cause, email)",
            *(self.facilitator.id, self.person.id, f'Former \\"{self.word}', self.person.email.upper()),
        )
        guest = stack.user()  # of the person's own event, whose confirmation names its host
        self.hosted = stack.event(self.person)
        hosted = stack.book(guest, self.hosted)
        confirmation = "SELECT state FROM outbox WHERE type = 'mail.booking_confirmed' AND cause = 'booking:' || %s AND body LIKE %s"
        wait_until(lambda: stack.rows(confirmation, hosted["id"], f"%{self.word}%") == [("delivered",)], "the guest's mail")
        assert guest.post(f"/bookings/{hosted['id']}/cancel").status_code == 200
        assert self.person.delete(f"/events/{self.hosted['id']}").status_code == 200
        stack.rows(
            "INSERT INTO delivery_attempts (webhook_id, number, started_at, duration_ms, response)"
            " SELECT webhook_id, 7, now(), 1, %s FROM outbox WHERE channel = 'webhook' AND cause LIKE '%%:' || %s",
            *(f"thank you, {self.word}", self.free["id"]),
        )
        half = "WHERE mod(id / 2, 2) = 0"
        stack.rows(f"UPDATE outbox SET state = 'delivered', finished_at = now() {half} AND state = 'due'")
        stack.rows(f"WITH gone AS (DELETE FROM outbox {half} RETURNING *) INSERT INTO outbox_archive SELECT * FROM gone")


class TestExport:
    @pytest.fixture(scope="class")
    def traces(self, house):
        return Traces(house)

    def test_everything_is_in_it(self, house, traces):
        person = traces.person
        own_event = house.event(person)
        whole = export(person)
        assert (whole["profile"]["email"], whole["profile"]["phone"]) == (person.email, traces.phone)
        assert whole["identities"][0]["subject"] == traces.word
        assert whole["picture_url"] == f"https://pictures.example/{traces.word}"
        assert whole["sessions"][0]["device"] == f"browser of {traces.word}"
        assert [key["name"] for key in whole["api_keys"]] == [f"key of {traces.word}"]
        assert {booking["id"] for booking in whole["bookings"]} == {traces.paid["id"], traces.free["id"]}
        assert [booking["notes"] for booking in whole["bookings"] if booking["id"] == traces.free["id"]] == [traces.notes]
        assert [(payment["booking_id"], payment["amount_minor"]) for payment in whole["payments"]] == [(traces.paid["id"], 250000)]
        assert [refund["amount_minor"] for refund in whole["refunds"]] == [250000]
        assert [event["id"] for event in whole["events"]] == [traces.hosted["id"], own_event["id"]]
        assert sorted(notification["action"] for notification in whole["notifications"] if notification["action"] in ("told", "changed")) == ["changed", "told"]
        assert [endpoint["url"] for endpoint in whole["webhook_endpoints"]] == [f"https://{traces.word}.example/hook"]
        assert (whole["language"], whole["time_zone"], whole["refused_mail"]) == ("en", "UTC", ["digest"])
        assert {"user_created", "authn_login_success", "sensitive_read"} <= {event["event"] for event in whole["security_events"]}

    def test_the_inbox_is_in_it(self, house, traces):
        """Without what it says of others."""
        messages = export(traces.facilitator)["inbox"]
        assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
        assert {"booking.created", "booking.cancelled"} <= {message["type"] for message in messages}
        assert traces.word not in json.dumps(messages)

    def test_the_second_factor_is_in_it(self, person, stack):
        assert export(person)["second_factor_since"] is None
        activate(stack, person)
        ((since,),) = stack.rows("SELECT extract(epoch FROM confirmed_at)::float FROM second_factors WHERE user_id = %s", person.id)
        shown = datetime.datetime.fromisoformat(export(person)["second_factor_since"]).timestamp()
        assert abs(shown - since) < 0.01

    def test_no_secret_is_in_it(self, house, traces):
        activate(house, traces.person)
        secrets = {traces.key, traces.person.refresh_token, PASSWORD}
        statement = "SELECT password_hash, crm_webhook_secret FROM users JOIN credentials ON user_id = id WHERE id = %s"
        secrets.update(*house.rows(statement, traces.person.id))
        text = json.dumps(export(traces.person))
        assert not [secret for secret in secrets if secret in text]

    def test_nothing_of_others_is_in_it(self, house, traces):
        other = house.user()
        assert traces.word not in json.dumps(export(other))
        assert all(len(rows) == 0 for name, rows in export(other).items() if name in LISTS and name not in ("sessions", "security_events"))
        assert refusal(house.anonymous.get("/profile/export"))[0] == 401

    def test_three_thousand_bookings(self, house):
        person = house.user()
        event = house.event(house.facilitator())
        house.rows(
            "INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency, notes, cancelled_at)"
            " SELECT %s || n, %s, %s, 'cancelled', 'not_required', 0, 'INR', repeat('नोट ', 400), now() FROM generate_series(1, 3000) n",
            *(unique("R"), event["id"], person.id),
        )
        house.rows("INSERT INTO security_events (event, user_id) SELECT 'user_updated', %s FROM generate_series(1, 1200)", person.id)
        house.rows("INSERT INTO identities (issuer, subject, user_id, email) SELECT 'https://' || n, %s || n, %s, '' FROM generate_series(1, 501) n", unique("s"), person.id)
        house.rows("INSERT INTO sessions (id, user_id, expires_at) SELECT gen_random_uuid(), %s, now() FROM generate_series(1, 700)", person.id)
        whole = export(person)
        for name, count in (("bookings", 3000), ("identities", 501), ("sessions", 701)):
            assert len(whole[name]) == count and len({str(row) for row in whole[name]}) == count
        assert [event["event"] for event in whole["security_events"]].count("user_updated") == 1200
        assert len({event["id"] for event in whole["security_events"]}) == len(whole["security_events"])

    def test_what_is_no_place_in_it(self, person):
        for name, value, row in (("bookings", "", "x"), ("sessions", "no-uuid", 0), ("security_events", "-1", 1), ("other", "", 1)):
            cursor = base64.urlsafe_b64encode(f"{name}|{value}|{row}".encode()).rstrip(b"=").decode()
            assert refusal(person.get("/profile/export", params={"after": cursor})) == (400, "bad_cursor")


class TestErasure:
    @pytest.fixture(scope="class")
    def before(self, house):
        return Traces(house)

    @pytest.fixture(scope="class")
    def erased(self, house, before):
        """Who has just been erased."""
        other = house.login(before.person.email)
        assert before.word in dump(house)
        answer = erase(before.person)
        assert answer.status_code == 200, answer.text
        before.other = other
        return before

    def test_nothing_in_the_database_names_the_person(self, house, erased):
        text = dump(house)
        for trace in (erased.word, erased.phone, erased.notes, erased.key):
            assert not [line for line in text.splitlines() if trace.lower() in line.lower()], trace

    def test_what_is_left_of_the_account(self, house, erased):
        ((email, name, active, erased_at),) = house.rows("SELECT email, name, is_active, erased_at FROM users WHERE id = %s", erased.person.id)
        assert (email, name, active) == (f"erased-{erased.person.id}@erased.invalid", "Erased", False) and erased_at
        for table in ("credentials", "identities", "second_factors", "recovery_codes", "one_time_tokens"):
            assert not house.rows(f"SELECT * FROM {table} WHERE user_id = %s", erased.person.id)

    def test_all_sessions_and_keys_have_ended(self, house, erased):
        for person in (erased.person, erased.other):
            assert person.get("/profile").status_code == 401
            assert refresh(house, person.refresh_token).status_code == 401
        assert house.anonymous.get("/profile", headers=bearer(erased.key)).status_code == 401
        reasons = house.rows("SELECT DISTINCT revoked_for FROM sessions WHERE user_id = %s", erased.person.id)
        assert reasons == [("erased",)]

    def test_nobody_signs_in_to_it(self, house, erased):
        for email in (erased.person.email, f"erased-{erased.person.id}@erased.invalid"):
            answer = house.anonymous.post("/auth/login", {"email": email, "password": PASSWORD})
            assert refusal(answer) == (401, "invalid_credentials")

    def test_bookings_money_and_log_stay_by_number(self, house, erased):
        booking = erased.facilitator.get(f"/bookings/{erased.paid['id']}").json()
        assert (booking["user"]["id"], booking["user"]["name"]) == (erased.person.id, "Erased")
        assert len(house.rows("SELECT * FROM payments WHERE user_id = %s", erased.person.id)) == 1
        assert house.rows("SELECT 1 FROM ledger WHERE booking_id = %s", erased.paid["id"])
        assert_ledger_is_balanced(house)
        ((archived,),) = house.rows("SELECT count(*) FROM security_events WHERE user_id = %s AND event = 'user_archived'", erased.person.id)
        assert archived == 1

    def test_webhooks_tell_of_nobody(self, house, erased):
        cause = f"booking:{erased.free['id']}"
        log, sent = house.rows("SELECT body::jsonb FROM log_entries WHERE cause = %s", cause), house.rows(
            "SELECT body::jsonb FROM deliveries WHERE channel = 'webhook' AND cause = %s", cause)
        assert len(log) == 2 and len(sent) >= 2
        for (body,) in log + sent:
            assert body["user"] == {"id": erased.person.id, "name": "Erased", "email": f"erased-{erased.person.id}@erased.invalid"}
            assert body["notes"] is None and body["booking_id"] == erased.free["id"]

    def test_rows_of_others_stay_as_they_were(self, house, erased):
        ((name, email),) = house.rows("SELECT user_name, user_email FROM booking_notifications WHERE booking_id = -%s", erased.paid["id"])
        assert (name, email) == ("Somebody else", "former@example.com")
        assert erased.facilitator.get("/profile").json()["name"] == erased.facilitator.name

    def test_the_address_is_free_again(self, house, erased):
        body = house.register(email=erased.person.email)
        again = house.login(body["email"])
        assert again.id != erased.person.id and export(again)["bookings"] == []
        assert erase(again).status_code == 200

    def test_only_who_proves_it(self, house):
        person = house.user()
        assert refusal(erase(person, "wrong!")) == (401, "invalid_credentials")
        assert refusal(erase(person, None)) == (403, "reauthentication_required")
        assert person.get("/profile").status_code == 200

    def test_not_while_something_is_to_come(self, house):
        facilitator, person = house.facilitator(), house.user()
        event = house.event(facilitator)
        booking = house.book(person, event)
        assert refusal(erase(person)) == refusal(erase(facilitator)) == (409, "account_in_use")
        assert person.post(f"/bookings/{booking['id']}/cancel").status_code == 200
        assert erase(person).status_code == 200
        assert facilitator.delete(f"/events/{event['id']}").status_code == 200
        assert erase(facilitator).status_code == 200

    def test_not_administrators(self, house):
        admin = house.admin()
        assert refusal(erase(admin)) == (409, "own_role")
        assert admin.get("/profile").status_code == 200


class TestAtOnce:
    """An erasure beside what the same person does: it is refused, or finds everything and nothing is made after it."""

    ROUNDS = 12

    def race(self, stack, make_person, act):
        """(status of the erasure, of the other) for many delays."""
        outcomes = []
        for attempt in range(self.ROUNDS):
            person = make_person()
            other = Client(stack.base_url, person.token)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                erasure = pool.submit(erase, person)
                time.sleep(0.008 + 0.002 * attempt)
                acted = act(other).status_code
                outcomes.append((erasure.result().status_code, acted))
        return outcomes

    def test_no_booking_of_nobody(self, stack):
        event = stack.event(stack.facilitator(), max_participants=1000)
        outcomes = self.race(stack, stack.user, lambda other: other.post("/bookings", {"event_id": event["id"]}))
        assert (200, 201) not in outcomes, outcomes

    def test_no_event_of_nobody(self, stack):
        body = {"title": "Late", "event_type": "session", "start_datetime": days_from_now(30), "end_datetime": days_from_now(30, 11)}
        outcomes = self.race(stack, stack.facilitator, lambda other: other.post("/events", body))
        assert (200, 201) not in outcomes, outcomes

    def test_no_name_comes_back(self, stack):
        name = unique("Comes Back")
        self.race(stack, stack.user, lambda other: other.put("/profile", {"name": name, "phone": "+4900"}))
        assert stack.rows("SELECT id FROM users WHERE erased_at IS NOT NULL AND (name <> 'Erased' OR phone IS NOT NULL)") == []
