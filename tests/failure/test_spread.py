"""The spreading of the log: who gets a copy of what, ten thousand entries at once, one that cannot be spread, workers that are killed in the middle
of a burst."""

import json
import os
import random
import signal
import time

import pytest

from harness import free_port, start_stack, stop_stack, unique, wait_until

LANES = 3
KILLS, BURST = 10, 1000
UNLIMITED = dict.fromkeys(("RATE_LIMIT_READ", "RATE_LIMIT_WRITE", "RATE_LIMIT_AUTH"), "off")


NOBODY = f"http://127.0.0.1:{free_port()}/"  # what is sent there comes back soon, and then for long not at all


@pytest.fixture(scope="module")
def site():
    """With two crm workers, and an operator who listens."""
    stack = start_stack({"CRM_WEBHOOK_URL": NOBODY, **UNLIMITED}, ["--workers", "crm=2"])
    yield stack
    stop_stack(stack)


@pytest.fixture
def host(site):
    """A facilitator with endpoints: all types, some, and none that happen here; and one that is disabled."""
    facilitator = site.facilitator()
    for types, disabled in (([], False), (["booking.created"], False), (["booking.expired"], False), ([], True)):
        site.rows(
            "INSERT INTO webhook_endpoints (owner_id, url, secret, types, disabled_at, disabled_reason)"
            " VALUES (%s, %s, 'whsec_' || encode(sha256(random()::text::bytea), 'base64'), %s, CASE WHEN %s THEN now() END, CASE WHEN %s THEN 'owner' END)",
            *(facilitator.id, NOBODY, types, disabled, disabled),
        )
    facilitator.all, facilitator.created, facilitator.expired, facilitator.disabled = (
        id for (id,) in site.rows("SELECT id FROM webhook_endpoints WHERE owner_id = %s ORDER BY id", facilitator.id)
    )
    return facilitator


def write(site, host, count, kind="booking.created", body=None):
    """Entries as a worker writes them, in one transaction."""
    body = body or json.dumps({"type": kind, "title": "श्वास ✓"})
    cause = unique("cause")
    site.rows(
        "INSERT INTO log_entries (type, cause, owner_id, booking_id, body, trace)"
        " SELECT %s, %s || ':' || n, %s, n, %s, 'trace' FROM generate_series(1, %s) n",
        *(kind, cause, host.id, body, count),
    )
    site.rows("NOTIFY outbox")
    return cause


def spread(site):
    return site.rows("SELECT count(*) FROM log_entries WHERE position IS NULL") == [(0,)]


def rows_of(site, host, lane):
    return site.rows(
        "SELECT e.id, count(d.id), count(*) FILTER (WHERE d.type = e.type AND d.cause = e.cause AND d.body = e.body AND d.trace = e.trace"
        " AND d.owner_id IS NOT DISTINCT FROM %s) FROM log_entries e LEFT JOIN deliveries d ON d.entry_id = e.id AND d.channel = 'webhook'"
        " AND d.lane = %s WHERE e.owner_id = %s GROUP BY e.id ORDER BY e.id",
        *(host.id if lane else None, lane, host.id),
    )


def assert_told_once(site, host, *lanes):
    for lane in lanes:
        rows = rows_of(site, host, lane)
        assert rows and {row[1:] for row in rows} == {(1, 1)}, (lane, [row for row in rows if row[1:] != (1, 1)][:5])


def kill_who_writes(site, dice):
    """kill -9 of a crm worker whose transaction has written something."""
    writing = "SELECT application_name FROM pg_stat_activity WHERE usename = 'tithi_crm' AND backend_xid IS NOT NULL"

    def pid():
        return next((site.pid(name.removeprefix("tithi-")) for (name,) in site.rows(writing)), 0)

    found = wait_until(pid, "no crm worker writes")
    time.sleep(dice.uniform(0, 0.05))
    os.kill(found, signal.SIGKILL)


class TestWhoHears:
    def test_each_listener_gets_its_copy(self, site, host):
        write(site, host, 3)
        wait_until(lambda: spread(site), "the entries to be spread")
        assert_told_once(site, host, 0, host.all, host.created)
        assert {row[1] for row in rows_of(site, host, host.expired)} == {0}
        assert site.rows("SELECT state FROM deliveries WHERE lane = %s", host.disabled) == [("dead",)] * 3  # kept for a replay

    def test_an_event_is_no_booking(self, site, host):
        """The operator's address expects those."""
        site.event(host)
        wait_until(lambda: spread(site), "the entry to be spread")
        assert [row[1] for row in rows_of(site, host, 0)] == [0]
        assert_told_once(site, host, host.all)

    def test_an_administrator_who_hears_everything(self, site, host):
        admin, former, gone = site.admin(), site.user(), site.admin()
        for person in (admin, former, gone):
            site.rows(
                "INSERT INTO webhook_endpoints (owner_id, url, secret, everything) VALUES (%s, %s, 'whsec_' || encode(sha256('x'), 'base64'), true)",
                *(person.id, NOBODY),
            )
        site.rows("UPDATE users SET is_active = false WHERE id = %s", gone.id)
        lanes = [site.rows("SELECT id FROM webhook_endpoints WHERE owner_id = %s", person.id)[0][0] for person in (admin, former, gone)]
        write(site, host, 2)
        write(site, admin, 2)
        wait_until(lambda: spread(site), "the entries to be spread")
        told = site.rows("SELECT lane, count(*) FROM deliveries WHERE lane = ANY (%s) GROUP BY lane", lanes)
        assert told == [(lanes[0], 4)]
        site.rows("DELETE FROM webhook_endpoints WHERE everything")

    def test_who_is_inactive_hears_nothing(self, site, host):
        site.rows("UPDATE users SET is_active = false WHERE id = %s", host.id)
        write(site, host, 1)
        wait_until(lambda: spread(site), "the entry to be spread")
        assert [row[1] for row in rows_of(site, host, host.all)] == [0]


class TestMany:
    def test_ten_thousand(self, site, host):
        """Well under two seconds, from the commit to the last copy."""
        start = time.monotonic()
        write(site, host, 10_000)
        written = time.monotonic()
        wait_until(lambda: spread(site), "the entries to be spread", 30)
        took = time.monotonic() - written
        print(f"10,000 entries: written in {written - start:.2f} s, spread in {took:.2f} s to {LANES} listeners")
        assert took < 6  # with a debug build and other tests beside it
        positions = [position for (position,) in site.rows("SELECT position FROM log_entries WHERE owner_id = %s ORDER BY id", host.id)]
        assert positions == sorted(positions)
        assert_told_once(site, host, 0, host.all, host.created)

    def test_what_comes_while_others_are_spread_is_not_left(self, site, host):
        """A notification that arrives in the middle of a tick makes the next one due."""
        dice, slowest = random.Random(7), 0
        for _ in range(40):
            for _ in range(4):
                write(site, host, 1)
                time.sleep(dice.uniform(0, 0.003))
            start = time.monotonic()
            while not spread(site):
                assert time.monotonic() < start + 5
            slowest = max(slowest, time.monotonic() - start)
        assert slowest < 0.5  # and not the second of polling

    def test_one_that_cannot_be_spread_stands_in_nobody_s_way(self, site, host):
        write(site, host, 300)
        bad = write(site, host, 1, "event.updated", json.dumps({"changed": ["title"]}))  # of no event, which no worker writes
        write(site, host, 300)
        wait_until(lambda: spread(site), "the entries to be spread")
        rows = site.rows("SELECT cause, position FROM log_entries WHERE owner_id = %s ORDER BY id", host.id)
        assert [position for _, position in rows] == sorted(position for _, position in rows)
        untold = [row[0] for row in rows_of(site, host, host.all) if row[1] == 0]
        assert site.rows("SELECT id FROM log_entries WHERE cause = %s", f"{bad}:1") == [(id,) for id in untold]
        assert f"entry {untold[0]} of the log could not be spread" in site.logs()

    def test_too_much_at_once_goes_in_smaller_batches(self, site, host):
        """Statements that a timeout ends are no refusals: everybody is told of everything."""
        site.rows(
            "CREATE FUNCTION take_too_long() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF (SELECT count(*) FROM fresh) > 60 THEN RAISE 'canceling statement due to statement timeout' USING ERRCODE = '57014'; END IF;"
            " RETURN NULL; END $$"
        )
        site.rows(
            "CREATE TRIGGER slow AFTER INSERT ON outbox REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION take_too_long()"
        )
        refused = site.logs().count("could not be spread")
        write(site, host, 300)
        wait_until(lambda: spread(site), "the entries to be spread")
        site.rows("DROP FUNCTION take_too_long CASCADE")
        assert_told_once(site, host, 0, host.all, host.created)
        assert "failed: 57014" in site.logs() and site.logs().count("could not be spread") == refused

    def test_many_who_hear_everything_make_small_batches(self, site, host):
        admin = site.admin()
        site.rows(
            "INSERT INTO webhook_endpoints (owner_id, url, secret, types, everything)"
            " SELECT %s, %s, 'whsec_' || encode(sha256('x'), 'base64'), '{event.cancelled}', true FROM generate_series(1, 980)",
            *(admin.id, NOBODY),
        )
        write(site, host, 100)
        wait_until(lambda: spread(site), "the entries to be spread")
        batches = site.rows("SELECT count(*) FROM log_entries WHERE owner_id = %s GROUP BY xmin::text", host.id)
        site.rows("DELETE FROM webhook_endpoints WHERE everything")
        assert batches == [(10,)] * 10

    def test_workers_are_killed_in_the_middle_of_a_burst(self, site, host):
        seed = int(os.environ.get("TITHI_SEED", "20261122"))
        print(f"seed {seed}")
        dice = random.Random(seed)
        for _ in range(KILLS):
            write(site, host, BURST)
            kill_who_writes(site, dice)
        wait_until(lambda: spread(site), "the entries to be spread", 60)
        assert_told_once(site, host, 0, host.all, host.created)
        assert site.rows("SELECT count(*), count(DISTINCT position) FROM log_entries WHERE owner_id = %s", host.id) == [(KILLS * BURST, KILLS * BURST)]
        assert site.rows("SELECT last_seq FROM inboxes WHERE user_id = %s", host.id) == [(KILLS * BURST,)]
