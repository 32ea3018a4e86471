"""What a migration makes of the rows that it finds: in a database of its own beside the stack's, with the migrations before applied to it."""

import contextlib
import json
import re

import psycopg2
import pytest

from document import ROOT
from harness import unique, wait_until
from mails import Mails

MIGRATIONS = sorted((ROOT / "schemas/migrations").glob("*.sql"))
NEWS = next(file for file in MIGRATIONS if file.name.startswith("0006"))


class Database:
    def __init__(self, stack, name):
        self.place = {"host": str(stack.state / "run/postgres"), "dbname": name}

    def connect(self):
        return contextlib.closing(psycopg2.connect(**self.place))

    def rows(self, statement, *values):
        with self.connect() as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def migrate(self, files):
        for file in files:
            self.rows(file.read_text())


@pytest.fixture
def database(stack):
    """As it was before the log came."""
    with contextlib.closing(stack.database()) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("CREATE DATABASE upgrade TEMPLATE template0")
        try:
            database = Database(stack, "upgrade")
            database.migrate(MIGRATIONS[: MIGRATIONS.index(NEWS)])
            yield database
        finally:
            cursor.execute("DROP DATABASE upgrade WITH (FORCE)")


def make_people(database):
    """Number 1 has an address for webhooks, number 2 has none any more."""
    database.rows(
        "INSERT INTO users (id, email, name, role, crm_webhook_url, crm_webhook_secret) VALUES"
        " (1, 'one@example.com', 'One', 'facilitator', 'https://one.example.com/', 'whsec_AAAA'), (2, 'two@example.com', 'Two', 'facilitator', NULL, NULL)"
    )


def test_webhooks_without_an_address_are_not_the_operator_s(database):
    make_people(database)
    database.rows(
        "INSERT INTO outbox (channel, owner_id, type, cause, body) SELECT 'webhook', owner, 'booking.created', 'booking:1', '{}'"
        " FROM unnest(ARRAY[NULL, 1, 2]::bigint[]) AS owner"
    )
    database.migrate([NEWS])
    ((endpoint,),) = database.rows("SELECT id FROM webhook_endpoints")
    assert database.rows("SELECT owner_id, lane FROM outbox ORDER BY owner_id") == [(1, endpoint), (2, -2), (None, 0)]


@pytest.mark.parametrize(
    "former, cause",
    [
        ("the event is full", "full"),
        ("the event had begun", "begun"),
        ("the event is cancelled", "event_cancelled"),
        ("you have booked the event anew", "rebooked"),
        ("the booking had been cancelled", "booking_cancelled"),
    ],
)
def test_mails_that_wait_fit_their_template(database, former, cause):
    make_people(database)
    database.rows(
        "INSERT INTO events (id, facilitator_id, title, event_type, start_at, time_zone) VALUES (1, 1, 'Yoga', 'class', now(), 'Asia/Kolkata')"
    )
    database.rows(
        "INSERT INTO bookings (id, reference, event_id, user_id, status, payment_status, price_minor, currency)"
        " VALUES (1, 'BK1', 1, 2, 'cancelled', 'refunded', 2500, 'INR')"
    )
    database.rows(
        "INSERT INTO payments (id, booking_id, user_id, event_id, facilitator_id, provider, provider_payment_id, status, amount_minor, captured_minor,"
        " captured_at, currency) VALUES (1, 1, 2, 1, 1, 'sandbox', 'pay_1', 'captured', 2500, 2500, now(), 'INR')"
    )
    database.rows("INSERT INTO refunds (refund_id, payment_id, booking_id, amount_minor, currency, cause) VALUES ('rfnd_1', 1, 1, 2500, 'INR', 'late')")
    facts = {"booking_reference": "BK1", "event_title": "Yoga", "currency": "INR", "refund_id": "rfnd_1"}
    mail = {"to": "two@example.com", "name": "Two", "template": "late_refund"}
    database.rows(
        "INSERT INTO outbox (channel, owner_id, type, cause, body) VALUES ('mail', 2, 'mail.late_refund', 'refund:rfnd_1', %s)",
        json.dumps({**mail, "values": {**facts, "amount": "25.00", "cause_text": former}}),
    )
    database.migrate([NEWS])
    ((body,),) = database.rows("SELECT body::json FROM outbox WHERE type = 'mail.late_refund'")
    assert body == {**mail, "language": "en", "zone": "Asia/Kolkata", "values": {**facts, "amount_minor": 2500, "cause": cause}}


# As the auth worker queued them before the log came.
ACCOUNT_MAILS = {
    "verify": {"asked_from": "127.0.0.1", "request_id": "request-1"},
    "reset": {"email": "two@example.com", "asked_from": "127.0.0.1", "request_id": "request-1"},
    "email_change": {"email": "new@example.com", "asked_from": "127.0.0.1", "request_id": "request-1"},
    **dict.fromkeys(("email_change_notice", "email_changed"), {"email": "old@example.com"}),
    **dict.fromkeys(("password_changed", "second_factor_added", "second_factor_removed"), {}),
    **dict.fromkeys(("recovery_codes_renewed", "api_key_added", "google_linked"), {}),
}


def test_account_mails_that_wait_are_sent(database, stack):
    """Their times and how long a link is good were never in the row: they are found when the mail leaves."""
    make_people(database)
    for kind, more in ACCOUNT_MAILS.items():
        database.rows(
            "INSERT INTO outbox (channel, owner_id, type, cause, body, created_at)"
            " VALUES ('account_mail', 2, %s, 'minute:1', %s, '2026-01-31T10:00:00Z')",
            *(f"account.{kind}", json.dumps({"kind": kind, "user_id": 2, **more})),
        )
    database.migrate(MIGRATIONS[MIGRATIONS.index(NEWS) :])
    person, mails = stack.user(), Mails(stack)
    waiting = database.rows("SELECT type, cause, body::json, created_at FROM outbox WHERE channel = 'account_mail' AND state = 'due' AND NOT asleep")
    assert len(waiting) == len(ACCOUNT_MAILS)
    addresses = {"two@example.com": person.email, **{f"{name}@example.com": f"{unique(name)}@example.com" for name in ("new", "old")}}
    stack.rows("UPDATE credentials SET changed_at = '2026-01-01' WHERE user_id = %s", person.id)  # links outlive no password
    before = len(mails.to(person.email))
    for kind, cause, body, created_at in waiting:
        body = {name: addresses.get(value, value) for name, value in body.items()} | {"user_id": person.id}
        stack.rows(
            "INSERT INTO outbox (channel, owner_id, type, cause, body, created_at) VALUES ('account_mail', %s, %s, %s, %s, %s)",
            *(person.id, kind, cause, json.dumps(body), created_at),
        )
    stack.rows("NOTIFY account_mail")
    state = "SELECT type, state, last_error FROM outbox WHERE channel = 'account_mail' AND owner_id = %s AND cause = 'minute:1' ORDER BY type"
    sent = [(f"account.{kind}", "delivered", None) for kind in sorted(ACCOUNT_MAILS)]
    wait_until(lambda: stack.rows(state, person.id) == sent, lambda: stack.rows(state, person.id))
    to_person, to_others = mails.to(person.email)[before:], [mail for name in ("new", "old") for mail in mails.to(addresses[f"{name}@example.com"])]
    assert len(to_person) + len(to_others) == len(ACCOUNT_MAILS)
    linked = [mail for mail in to_person + to_others if mail.token]
    assert len(linked) == 3 and all(re.search(r"\b(24 hours|1 hour)\b", mail.text) for mail in linked)
    told = [mail for mail in to_person + to_others if not mail.token]
    assert all("January 31, 2026" in mail.text for mail in told), [mail.text for mail in told]


def test_partitions_wait_for_nobody(database):
    """While they waited for a table, everybody else would wait for them."""
    database.migrate([NEWS])
    with database.connect() as reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM outbox_archive")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            database.rows("SELECT keep_partitions('400 days')")
    assert database.rows("SELECT keep_partitions('400 days')") > [(0,)]
