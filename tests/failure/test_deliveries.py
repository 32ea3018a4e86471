"""The delivery engine: what one address that fails means to the others and to itself, what is kept of attempts, how finished rows leave
the outbox and come back, and that none of them slows it. Crm workers run on a database of their own (see test_worker.py)."""

import collections
import contextlib
import json
import os
import subprocess
import threading
import time

import pytest

from harness import Receiver
from test_webhooks import Hanging
from test_worker import BUILD, FACILITATOR, Program, site_with_database, until

SECRET = "whsec_" + "a" * 44


@pytest.fixture(scope="module")
def site():
    with site_with_database("deliveries") as site:
        yield site


@pytest.fixture(autouse=True)
def empty(site):
    yield
    rows(site, "TRUNCATE outbox, outbox_archive, delivery_attempts, lanes, log_entries, webhook_endpoints CASCADE")


@pytest.fixture
def hanging():
    receiver = Hanging()
    yield receiver
    receiver.released.set()
    receiver.close()


@contextlib.contextmanager
def crm(site, name="crm-1"):
    """A crm worker; it must stop cleanly, whatever happened."""
    worker = Program(site, "tithi-crm", name, WEBHOOK_ALLOW_NETS="127.0.0.0/8", CRM_WEBHOOK_URL="", REDIS_URL="", MAIL_FOLDER=str(site.folder))
    try:
        yield worker
        if worker.process.poll() is None:
            assert worker.stop() == 0
    finally:
        worker.process.kill()
        worker.process.wait()


def rows(site, statement, *values):
    connection = site.database.connect()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def endpoint(site, url, timeout_s=15):
    """Its number, which is its lane."""
    ((lane,),) = rows(
        site,
        "INSERT INTO webhook_endpoints (owner_id, url, secret, timeout_s) VALUES (%s, %s, %s, %s) RETURNING id",
        *(FACILITATOR, url, SECRET, timeout_s),
    )
    return lane


def send(site, lane, count=1):
    """Queues messages for an endpoint; returns their ids."""
    found = rows(
        site,
        "INSERT INTO outbox (channel, lane, owner_id, type, cause, body)"
        " SELECT 'webhook', %s, %s, 'booking.created', gen_random_uuid(), '{}' FROM generate_series(1, %s) RETURNING webhook_id",
        *(lane, FACILITATOR, count),
    )
    rows(site, "NOTIFY outbox")
    return [webhook_id for (webhook_id,) in found]


def count(site, lane, state):
    ((found,),) = rows(site, "SELECT count(*) FROM outbox WHERE lane = %s AND state = %s", lane, state)
    return found


def trouble(site, lane):
    """failures, openings and the seconds that the breaker stays open; None: all is well."""
    pause_s = "round(extract(epoch FROM greatest(open_until, now()) - now()))::integer"
    found = rows(site, f"SELECT failures, openings, {pause_s} FROM lanes WHERE lane = %s", lane)
    return found[0] if found else None


def no_pause(site):
    rows(site, "UPDATE lanes SET open_until = now()")
    rows(site, "NOTIFY outbox")


def operator(site, *arguments, json_asked=True):
    """(exit code, answer) of `tithi --json`, or what `tithi` says."""
    environment = {**os.environ, "DATABASE_URL": site.database.url("postgres")}
    command = [BUILD / "tithi", "--state", site.folder / "none", *["--json"] * json_asked, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout) if json_asked and done.stdout else done.stdout or done.stderr


class Failing(Receiver):
    """Answers as it is told until told otherwise."""

    def __init__(self, status, body=b""):
        super().__init__()
        self.status, self.body, self.seen = status, body, []
        receiver = self

        def answer(request):
            request.rfile.read(int(request.headers["Content-Length"]))
            receiver.seen.append(request.headers["webhook-id"])
            request.send_response(receiver.status)
            request.send_header("Content-Length", str(len(receiver.body)))
            request.end_headers()
            request.wfile.write(receiver.body)

        self.server.RequestHandlerClass.do_POST = answer


@pytest.fixture
def failing():
    receiver = Failing(503)
    yield receiver
    receiver.close()


class Fast(Receiver):
    """Counts what comes, and how much of it at once; hangs from a message on, if told so."""

    def __init__(self):
        super().__init__()
        self.seen, self.at_once, self.most, self.hangs_after = collections.Counter(), 0, 0, None
        self.released, lock, receiver = threading.Event(), threading.Lock(), self

        def answer(request):
            request.rfile.read(int(request.headers["Content-Length"]))
            with lock:
                receiver.seen[request.headers["webhook-id"]] += 1
                receiver.at_once += 1
                receiver.most = max(receiver.most, receiver.at_once)
                hangs = receiver.hangs_after is not None and receiver.seen.total() > receiver.hangs_after
            if hangs:
                receiver.released.wait()
            with lock:
                receiver.at_once -= 1
            with contextlib.suppress(OSError):  # the worker is gone
                request.send_response(204)
                request.end_headers()

        self.server.RequestHandlerClass.do_POST = answer


@pytest.fixture
def fast():
    receiver = Fast()
    yield receiver
    receiver.released.set()
    receiver.close()


LEASED = "SELECT count(*) FROM outbox WHERE state = 'due' AND leased_until > now()"


class TestAhead:
    """Of a lane that is fast rows are claimed before it is their turn."""

    def test_no_more_than_sixteen_are_in_flight(self, site, fast):
        lane = endpoint(site, fast.url)
        sent = send(site, lane, 3000)
        with crm(site):
            until(lambda: count(site, lane, "delivered") == 3000, "all of them", 30)
        assert fast.most <= 16 and fast.seen == collections.Counter(sent)
        assert rows(site, "SELECT count(*), count(DISTINCT webhook_id) FROM delivery_attempts") == [(3000, 3000)]

    def test_its_worker_is_killed(self, site, fast):
        """What had been sent and was not noted is sent again under the same id, and that is little."""
        lane = endpoint(site, fast.url)
        sent = send(site, lane, 3000)
        with crm(site, "crm-1") as first:
            until(lambda: count(site, lane, "delivered") > 500, "some of them")
            first.process.kill()
            first.process.wait()
        rows(site, "UPDATE outbox SET leased_until = now() WHERE leased_until IS NOT NULL")  # fifteen seconds later
        with crm(site, "crm-2"):
            until(lambda: count(site, lane, "delivered") == 3000, "the rest", 30)
        assert set(fast.seen) == set(sent) and fast.seen.total() <= 3000 + 128 + 16
        assert rows(site, "SELECT count(*) FROM delivery_attempts") == [(3000,)]

    def test_one_that_begins_to_hang_keeps_nothing_from_others(self, site, fast):
        lane = endpoint(site, fast.url)
        fast.hangs_after = 1000
        send(site, lane, 3000)
        with crm(site):
            until(lambda: fast.at_once == 16, "it to hang", 30)
            until(lambda: rows(site, LEASED) == [(16,)], "what waits to be given back")
            touched = "SELECT count(*) FROM outbox WHERE state = 'due' AND (attempts > 0 OR asleep OR last_error IS NOT NULL)"
            assert rows(site, touched) == [(0,)]
            fast.released.set()
            until(lambda: count(site, lane, "delivered") == 3000, "the rest", 30)
        assert fast.seen.total() == 3000

    def test_one_that_begins_to_fail_is_in_trouble_at_once(self, site, failing):
        """What was claimed ahead is not tried any more."""
        failing.status = 204
        lane = endpoint(site, failing.url)
        send(site, lane, 3000)
        with crm(site):
            until(lambda: len(failing.seen) > 500, "it to be fast")
            failing.status = 503
            until(lambda: trouble(site, lane), "the lane to be in trouble")
            until(lambda: rows(site, LEASED) <= [(1,)], "the rest to be given back")
            failed = rows(site, "SELECT count(*) FROM outbox WHERE attempts > 0 AND state = 'due'")[0][0]
            assert failed <= 2 * 16 and count(site, lane, "due") > failed

    def test_a_stop_gives_it_back(self, site, fast):
        lane = endpoint(site, fast.url)
        send(site, lane, 3000)
        with crm(site) as worker:
            until(lambda: count(site, lane, "delivered") > 500, "some of them")
            assert worker.stop() == 0
        assert rows(site, LEASED) == [(0,)]
        assert count(site, lane, "delivered") == fast.seen.total() < 3000


class TestCommits:
    """The connection breaks as outcomes are committed: the same transaction claims what is due next."""

    @staticmethod
    def begin(site, hanging):
        """Sixteen are in flight, four wait for them."""
        lane = endpoint(site, hanging.url)
        sent = send(site, lane, 20)
        hanging.until_waiting(16)
        return lane, sent

    @staticmethod
    def assert_sent_once(site, hanging, lane, sent):
        until(lambda: count(site, lane, "delivered") == 20, "all of them")
        came = [hanging.deliveries.get(timeout=5).headers["webhook-id"] for _ in range(20)]
        assert sorted(came) == sorted(sent) and hanging.deliveries.empty()
        assert rows(site, "SELECT count(*), max(attempts) FROM outbox") == [(20, 1)]
        assert rows(site, "SELECT count(*), count(DISTINCT webhook_id), max(number) FROM delivery_attempts") == [(20, 20, 1)]

    def test_nothing_is_committed(self, site, hanging):
        """Three times in a row."""
        rows(site, "CREATE SEQUENCE deaths; CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
             " IF nextval('deaths') <= 3 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $$;"
             " CREATE CONSTRAINT TRIGGER dying AFTER UPDATE ON outbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
             " WHEN (NEW.state = 'delivered') EXECUTE FUNCTION die()")
        try:
            with crm(site):
                lane, sent = self.begin(site, hanging)
                hanging.released.set()
                self.assert_sent_once(site, hanging, lane, sent)
            assert rows(site, "SELECT last_value > 3 FROM deaths") == [(True,)]
        finally:
            rows(site, "DROP FUNCTION die CASCADE; DROP SEQUENCE deaths")

    def test_everything_is_committed_and_nobody_hears_of_it(self, site, hanging):
        """The commit waits for a standby that there is not, which it does once it is durable."""
        with crm(site):
            lane, sent = self.begin(site, hanging)
            with no_standby_confirms(site):
                hanging.released.set()
                waits = "SELECT pid FROM pg_stat_activity WHERE usename = 'tithi_crm' AND wait_event = 'SyncRep'"
                ((pid,),) = until(lambda: rows(site, waits), "the commit")
                rows(site, "SELECT pg_terminate_backend(%s)", pid)
            until(lambda: count(site, lane, "delivered") >= 16, "what was sent")
            time.sleep(1.5)  # until nothing is in flight
            rows(site, "UPDATE outbox SET leased_until = now() WHERE state = 'due'")  # claimed, which nobody heard of: fifteen seconds later
            rows(site, "NOTIFY outbox")
            self.assert_sent_once(site, hanging, lane, sent)

    def test_claims_that_fail_take_no_outcomes_with_them(self, site, hanging):
        with crm(site):
            lane, sent = self.begin(site, hanging)
            rows(site, "CREATE FUNCTION refuse_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '22000'; END $$;"
                 " CREATE TRIGGER refusing BEFORE UPDATE ON outbox FOR EACH ROW WHEN (OLD.leased_until IS NULL AND NEW.leased_until IS NOT NULL)"
                 " EXECUTE FUNCTION refuse_lease()")
            try:
                hanging.released.set()
                until(lambda: count(site, lane, "delivered") == 16, "what was sent")
                assert count(site, lane, "due") == 4
            finally:
                rows(site, "DROP FUNCTION refuse_lease CASCADE")
            self.assert_sent_once(site, hanging, lane, sent)


@contextlib.contextmanager
def no_standby_confirms(site):
    def set_standby(name):
        connection = site.database.connect()
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("ALTER SYSTEM SET synchronous_standby_names = %s", [name])
            cursor.execute("SELECT pg_reload_conf()")
        connection.close()
        until(lambda: rows(site, "SHOW synchronous_standby_names") == [(name,)], "the setting")

    set_standby("nobody")
    try:
        yield
    finally:
        set_standby("")


class TestLanes:
    def test_a_dead_one_does_not_delay_a_thousand(self, site, receiver, hanging):
        """Its backlog is the oldest."""
        dead = endpoint(site, hanging.url)
        send(site, dead, 3000)
        rows(site, "INSERT INTO webhook_endpoints (owner_id, url, secret) SELECT %s, %s, %s FROM generate_series(1, 1000)",
             *(FACILITATOR, receiver.url, SECRET))
        rows(site, "INSERT INTO outbox (channel, lane, owner_id, type, cause, body)"
             " SELECT 'webhook', id, owner_id, 't', id, '{}' FROM webhook_endpoints WHERE id <> %s", dead)
        with crm(site):
            others = "SELECT count(*) FROM outbox WHERE lane <> %s AND state = 'delivered'"
            until(lambda: rows(site, others, dead) == [(1000,)], "the others")
            assert 0 < hanging.waiting <= 16
            hanging.released.set()

    def test_one_in_trouble_has_one_attempt_at_a_time(self, site, hanging):
        """Of all workers together."""
        lane = endpoint(site, hanging.url)
        rows(site, "INSERT INTO lanes (channel, lane, failures) VALUES ('webhook', %s, 1)", lane)
        with crm(site, "crm-1"), crm(site, "crm-2"):
            send(site, lane, 20)
            hanging.until_waiting(1)
            time.sleep(2.5)
            assert hanging.waiting == 1
            hanging.released.set()
            until(lambda: count(site, lane, "delivered") == 20, "the rest")
        assert trouble(site, lane) is None

    def test_its_worker_is_killed(self, site, hanging):
        lane = endpoint(site, hanging.url)
        rows(site, "INSERT INTO lanes (channel, lane, failures) VALUES ('webhook', %s, 1)", lane)
        with crm(site, "crm-1") as first:
            (webhook_id,) = send(site, lane)
            hanging.until_waiting(1)
            first.process.kill()
            first.process.wait()
        rows(site, "UPDATE outbox SET leased_until = now()")  # fifteen seconds later
        with crm(site, "crm-2"):
            hanging.until_waiting(2)
            hanging.released.set()
            until(lambda: count(site, lane, "delivered") == 1, "the second attempt")
        assert {hanging.deliveries.get(timeout=5).headers["webhook-id"] for _ in range(2)} == {webhook_id}

    def test_the_breaker_opens_and_closes(self, site, failing):
        lane = endpoint(site, failing.url)
        with crm(site):
            send(site, lane, 40)
            until(lambda: (found := trouble(site, lane)) and found[1] == 1, "the breaker to open")
            until(lambda: trouble(site, lane)[0] == len(failing.seen), "those that were begun before to end")
            failures, openings, pause_s = trouble(site, lane)
            assert openings == 1 and 10 <= failures <= 26 and 3 <= pause_s <= 5
            for _ in range(3):  # whatever was due before is not tried while it is open
                rows(site, "UPDATE outbox SET next_attempt_at = now() WHERE state = 'due'")
                rows(site, "NOTIFY outbox")
                time.sleep(0.5)
            assert len(failing.seen) == failures
            for openings, pause_s in ((2, 10), (3, 20), (4, 40)):  # one attempt each
                no_pause(site)
                until(lambda: trouble(site, lane)[1] == openings, "it to open again")
                assert trouble(site, lane)[2] in (pause_s - 1, pause_s)
                failures += 1
                assert (trouble(site, lane)[0], len(failing.seen)) == (failures, failures)
            rows(site, "UPDATE lanes SET openings = 7")
            no_pause(site)
            until(lambda: trouble(site, lane)[1] == 8, "it to open once more")
            assert 298 <= trouble(site, lane)[2] <= 300
            failing.status = 204
            rows(site, "UPDATE outbox SET next_attempt_at = now() WHERE state = 'due'")
            no_pause(site)
            until(lambda: count(site, lane, "delivered") == 40, "everything, at once")
        assert trouble(site, lane) is None

    @pytest.mark.parametrize("status", [410, 200])
    def test_answers_that_are_no_trouble(self, site, failing, status):
        failing.status = status
        lane = endpoint(site, failing.url)
        with crm(site):
            send(site, lane, 12)
            until(lambda: count(site, lane, "due") == 0, "all of them to end")
        assert trouble(site, lane) is None

    def test_who_is_disabled_has_no_breaker(self, site, failing):
        """Or his backlog would wait for it, row by row."""
        lane = endpoint(site, failing.url)
        rows(site, "UPDATE webhook_endpoints SET disabled_at = now(), disabled_reason = 'failing'")
        rows(site, "INSERT INTO lanes (channel, lane, failures, openings) VALUES ('webhook', %s, 99, 9)", lane)
        with crm(site):
            send(site, lane, 500)
            until(lambda: count(site, lane, "dead") == 500, "the backlog to end")
        assert trouble(site, lane) is None and not failing.seen
        assert rows(site, "SELECT count(*) FROM delivery_attempts") == [(0,)]

    def test_one_success_beside_failures(self, site, receiver):
        """Some messages are refused for their own sake."""
        for number in range(30):
            receiver.answers.put((500 if number % 2 else 204, {}))
        lane = endpoint(site, receiver.url)
        with crm(site):
            send(site, lane, 30)
            until(lambda: count(site, lane, "delivered") >= 15, "those that are taken")
            until(lambda: rows(site, "SELECT count(*) FROM outbox WHERE attempts = 1") == [(30,)], "an attempt each")
        assert (trouble(site, lane) or (0, 0))[1] == 0


class TestOutcomes:
    def test_a_lease_that_is_lost(self, site, hanging):
        """What somebody else has noted meanwhile is not noted again, nor its attempt kept."""
        lane = endpoint(site, hanging.url)
        with crm(site):
            send(site, lane)
            hanging.until_waiting(1)
            rows(site, "UPDATE outbox SET leased_until = NULL, attempts = 1, asleep = true, next_attempt_at = now() + interval '1 hour'")
            hanging.released.set()
            second = send(site, endpoint(site, hanging.url))
            until(lambda: rows(site, "SELECT state FROM outbox WHERE webhook_id = ANY (%s)", second) == [("delivered",)], "the next one")
        assert rows(site, "SELECT state, attempts FROM outbox WHERE lane = %s", lane) == [("due", 1)]
        assert rows(site, "SELECT webhook_id FROM delivery_attempts") == [(second[0],)]


class TestAttempts:
    def test_each_is_kept(self, site, failing):
        failing.body = b"no \xff \xe0\xa4\xb6\n" + 1000 * "श".encode()
        lane = endpoint(site, failing.url)
        with crm(site):
            (webhook_id,) = send(site, lane)
            until(lambda: rows(site, "SELECT attempts FROM outbox") == [(1,)], "the first attempt")
            failing.status = 200
            rows(site, "UPDATE outbox SET next_attempt_at = now()")
            until(lambda: count(site, lane, "delivered") == 1, "the second attempt")
        first, second = rows(
            site,
            "SELECT webhook_id, number, status, error, response, duration_ms, extract(epoch FROM now() - started_at)::float"
            " FROM delivery_attempts ORDER BY number",
        )
        assert first[:4] == (webhook_id, 1, 503, "answered 503") and second[:4] == (webhook_id, 2, 200, None)
        assert first[4].startswith("no ? श\nश") and 2046 <= len(first[4].encode()) <= 2048
        assert all(0 <= attempt[5] < 5000 and 0 <= attempt[6] < 30 for attempt in (first, second))

    @pytest.mark.slow
    def test_a_long_one_keeps_its_lease(self, site, hanging):
        """An endpoint may ask for thirty seconds; a lease lasts fifteen unless it is renewed."""
        lane = endpoint(site, hanging.url, timeout_s=30)
        with crm(site, "crm-1"), crm(site, "crm-2"):
            send(site, lane)
            hanging.until_waiting(1)
            time.sleep(25)
            hanging.released.set()
            until(lambda: count(site, lane, "delivered") == 1, "its end")
        assert hanging.waiting == 1
        assert rows(site, "SELECT attempts FROM outbox") == [(1,)]


FINISHED = (
    "INSERT INTO outbox (channel, lane, owner_id, type, cause, body, trace, state, attempts, last_status, last_error, created_at, finished_at)"
    " SELECT %s, %s, %s, 't', gen_random_uuid(), '{\"n\": 1}', 'trace', %s, 3, 500, 'error', now() - age, now() - age + interval '1 second'"
    " FROM (SELECT %s * interval '1 hour' AS age) AS given RETURNING webhook_id"
)


def finished(site, age_h, state="delivered", channel="webhook", lane=0):
    ((webhook_id,),) = rows(site, FINISHED, channel, lane, FACILITATOR, state, age_h)
    return webhook_id


def archive(site):
    """What a worker sweeps as it starts."""
    with crm(site, "crm-sweeps"):
        old = "SELECT count(*) FROM outbox WHERE state <> 'due' AND finished_at < now() - interval '1 hour' AND body <> '{\"keep\": 1}'"
        until(lambda: rows(site, old) == [(0,)], "the sweep")


class TestArchive:
    def test_what_is_over_leaves_as_it_is(self, site):
        old = [finished(site, 2), finished(site, 2, "dead"), finished(site, 2, channel="refund"), finished(site, 24 * 40, channel="mail")]
        finished(site, 0.5)
        for kept in (finished(site, 2, channel="account_mail"), finished(site, 2, "dead", "refund")):
            rows(site, "UPDATE outbox SET body = '{\"keep\": 1}' WHERE webhook_id = %s", kept)
        rows(site, "INSERT INTO outbox (channel, lane, type, cause, body, next_attempt_at) VALUES ('webhook', 9, 't', 'c', '', now() + interval '1 h')")
        before = rows(site, "SELECT * FROM outbox WHERE webhook_id = ANY (%s) ORDER BY id", old)
        archive(site)
        assert rows(site, "SELECT * FROM outbox_archive ORDER BY id") == before
        assert rows(site, "SELECT channel, state FROM outbox ORDER BY 1, 2") == [
            ("account_mail", "delivered"), ("refund", "dead"), ("webhook", "delivered"), ("webhook", "due"),
        ]
        assert rows(site, "SELECT archived, count(*) FROM deliveries GROUP BY 1 ORDER BY 1") == [(False, 4), (True, 4)]
        _, listed = operator(site, "deliveries", "dead", "--channel", "webhook")
        assert [(row["webhook_id"], row["archived"]) for row in listed] == [(old[1], True)]

    def test_months_come_and_go(self, site):
        """What came before its month was there is put into it; what is older than is kept goes."""
        month, old = "to_char(now() + interval '1 month', 'YYYYMM')", "to_char(now() - interval '200 days', 'YYYYMM')"
        ((next_month,),) = rows(site, f"SELECT {month}")
        rows(site, f"DROP TABLE delivery_attempts_{next_month}")
        rows(site, "INSERT INTO delivery_attempts (webhook_id, number, started_at, duration_ms) VALUES ('next', 1, date_trunc('month', now()) + interval '40 days', 0),"
             " ('old', 1, now() - interval '200 days', 0), ('kept', 1, now() - interval '80 days', 0)")
        rows(site, f"DO $$BEGIN EXECUTE 'CREATE TABLE outbox_archive_' || {old} || ' PARTITION OF outbox_archive FOR VALUES FROM (''2020-01-01'') TO (''2020-02-01'')'; END$$")
        with crm(site, "crm-sweeps"):
            until(lambda: rows(site, "SELECT to_regclass(%s)", f"delivery_attempts_{next_month}") != [(None,)], "the next month")
            until(lambda: rows(site, f"SELECT to_regclass('outbox_archive_' || {old})") == [(None,)], "the old month to go")
        assert rows(site, "SELECT tableoid::regclass::text FROM delivery_attempts WHERE webhook_id = 'next'") == [(f"delivery_attempts_{next_month}",)]
        assert rows(site, "SELECT count(*) FROM delivery_attempts") == [(2,)]

    def test_the_log_is_kept_for_ninety_days(self, site):
        rows(site, "INSERT INTO log_entries (type, cause, owner_id, body, position, created_at)"
             " SELECT 't', days::text, 1, '{}', days, now() - days * interval '1 day' FROM generate_series(80, 100) AS days")
        with crm(site, "crm-sweeps"):
            until(lambda: rows(site, "SELECT count(*) FROM log_entries") == [(10,)], "the old ones to go")


class TestReplay:
    def test_from_the_archive(self, site, receiver):
        lane = endpoint(site, receiver.url)
        webhook_id = finished(site, 2, "dead", lane=lane)
        archive(site)
        code, answer = operator(site, "replay", webhook_id)
        assert (code, answer) == (0, [{"webhook_id": webhook_id, "channel": "webhook", "type": "t", "state": "due"}])
        with crm(site):
            assert receiver.wait_for(lambda delivery: delivery.headers["webhook-id"] == webhook_id).body == b'{"n": 1}'
            until(lambda: rows(site, "SELECT state, attempts, trace FROM deliveries") == [("delivered", 1, "trace")], "its end")

    def test_what_cannot_be(self, site):
        first, twin = finished(site, 2, "dead"), finished(site, 0, "dead")
        archive(site)
        rows(site, "UPDATE outbox SET cause = (SELECT cause FROM outbox_archive)")
        code, _ = operator(site, "replay", first)  # its cause was queued anew
        assert code == 1 and rows(site, "SELECT count(*) FROM outbox_archive") == [(1,)]
        rows(site, "UPDATE outbox SET state = 'due', leased_until = now() + interval '1 hour'")
        assert operator(site, "replay", twin)[0] == 1  # it is being tried
        assert operator(site, "replay", "msg_nobody")[0] == 1

    def test_by_span(self, site):
        known = {}
        for name, age_h, state, channel, lane in (
            ("old", 100, "dead", "webhook", 5), ("dead", 50, "dead", "webhook", 5), ("other", 50, "dead", "webhook", 6),
            ("mail", 50, "dead", "mail", 0), ("delivered", 50, "delivered", "webhook", 5), ("recent", 0.2, "dead", "webhook", 5),
        ):
            known[name] = finished(site, age_h, state, channel, lane)
        archive(site)
        ((since, now),) = rows(site, "SELECT (now() - interval '60 hours')::text, (now() - interval '1 hour')::text")

        def due():
            names = {webhook_id: name for name, webhook_id in known.items()}
            found = {names[webhook_id] for (webhook_id,) in rows(site, "SELECT webhook_id FROM outbox WHERE state = 'due' AND attempts = 0 AND finished_at IS NULL")}
            rows(site, "UPDATE outbox SET state = CASE webhook_id WHEN %s THEN 'delivered' ELSE 'dead' END, finished_at = created_at", known["delivered"])
            return found

        for arguments, names in (
            (("--dead", "--from", since, "--to", now, "--channel", "webhook", "--endpoint", "5"), {"dead"}),
            (("--dead", "--from", since, "--to", now, "--channel", "webhook"), {"dead", "other"}),
            (("--dead", "--from", since), {"dead", "other", "mail", "recent"}),
            (("--delivered", "--from", since), {"delivered"}),
            (("--dead", "--from", "2020-01-01"), set(known) - {"delivered"}),
            (("--dead", "--from", since, "--to", since), set()),
        ):
            assert operator(site, "replay", *arguments) == (0, {"replayed": len(names)})
            assert due() == names

    def test_what_makes_no_sense(self, site):
        for arguments in ((), ("--dead",), ("id", "--dead", "--from", "2020-01-01"), ("--dead", "--from", "2020-01-01", "--channel", "x"),
                          ("--dead", "--from", "2020-01-01", "--endpoint", "x"),
                          ("--dead", "--delivered", "--from", "2020-01-01")):
            assert operator(site, "replay", *arguments)[0] == 64
        assert operator(site, "replay", "--dead", "--from", "yesterday-ish") == (
            64, "tithi: --from wants a time like 2026-08-01T10:00:00Z, not 'yesterday-ish'\n")
        assert operator(site, "replay", "--dead", "--from", "2020-01-01", "--to", "2020-13-01")[0] == 64
        for limit in ("x", "0", "00", "-1"):
            assert operator(site, "deliveries", "--limit", limit)[0] == 64

    def test_how_many(self, site):
        for many, sentence in ((0, "0 deliveries are due again\n"), (1, "1 delivery is due again\n"), (2, "2 deliveries are due again\n")):
            for _ in range(many):
                finished(site, 0.1, "dead")
            assert operator(site, "replay", "--dead", "--from", "2020-01-01", json_asked=False) == (0, sentence)

    def test_lists(self, site):
        rows(site, "INSERT INTO outbox (channel, lane, type, cause, body, state, finished_at)"
             " SELECT channel, lane, 't', gen_random_uuid(), '', 'dead', now() FROM (VALUES ('webhook', 5), ('webhook', 6), ('mail', 0)) AS given(channel, lane)")
        assert [row["endpoint"] for row in operator(site, "deliveries")[1]] == [None, 6, 5]
        assert [row["endpoint"] for row in operator(site, "deliveries", "--endpoint", "5")[1]] == [5]
        assert [row["channel"] for row in operator(site, "deliveries", "--limit", "1")[1]] == ["mail"]
        assert operator(site, "deliveries", "due")[1] == []


def read_rows(site):
    """How many rows of the outbox and its archive were looked at so far."""
    statement = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables WHERE starts_with(relname, 'outbox')"
    return int(rows(site, statement)[0][0])


def test_old_rows_cost_nothing(site, receiver):
    """50,000 that are over, in the outbox and in the archive, a backlog of 20,000 that waits; the worker plans before it sees any."""
    lane = endpoint(site, receiver.url)
    with crm(site):
        send(site, lane)
        until(lambda: count(site, lane, "delivered") == 1, "the first")
        rows(site, "INSERT INTO outbox (channel, lane, type, cause, body, state, finished_at)"
             " SELECT 'webhook', n %% 1000, 't', n, '', 'delivered', now() FROM generate_series(1, 50000) AS n")
        rows(site, "INSERT INTO outbox_archive SELECT * FROM outbox WHERE lane <> %s", lane)
        rows(site, "INSERT INTO outbox (channel, lane, type, cause, body, next_attempt_at)"
             " SELECT 'webhook', 5000, 't', -n, '', now() + interval '1 hour' FROM generate_series(1, 20000) AS n")
        time.sleep(2)  # until everybody has said what they read
        before = read_rows(site)
        sent = send(site, lane, 200)
        until(lambda: receiver.deliveries.qsize() == 1 + len(sent), "the new ones")
        time.sleep(2)
        assert (read := read_rows(site) - before) < 10000, read


def test_lanes_that_wait_cost_nothing(site, receiver):
    """2,000 endpoints in trouble whose next attempt lies hours ahead, and 20 that have something to send."""
    lane = endpoint(site, receiver.url)
    with crm(site):
        send(site, lane)
        until(lambda: count(site, lane, "delivered") == 1, "the first")
        for sql in (
            "INSERT INTO outbox (channel, lane, type, cause, body, asleep, next_attempt_at)"
            " SELECT 'webhook', n + 100000, 't', n, '', true, now() + interval '3 hours' FROM generate_series(1, 2000) AS n",
            "INSERT INTO lanes (channel, lane, failures) SELECT 'webhook', n + 100000, 3 FROM generate_series(1, 2000) AS n",
        ):
            rows(site, sql)
        lanes = [endpoint(site, receiver.url) for _ in range(20)]
        time.sleep(2)  # until everybody has said what they read
        before = read_rows(site)
        sent = [webhook_id for each in lanes for webhook_id in send(site, each)]
        until(lambda: receiver.deliveries.qsize() == 1 + len(sent), "the others")
        time.sleep(2)
        assert (read := read_rows(site) - before) < 10000, read


def test_lanes_that_are_held_cost_nothing(site, receiver):
    """2,000 endpoints whose breaker is open, each with something that would be due, and 20 that are well."""
    lane = endpoint(site, receiver.url)
    with crm(site):
        send(site, lane)
        until(lambda: count(site, lane, "delivered") == 1, "the first")
        for sql in (
            "INSERT INTO lanes (channel, lane, failures, openings, open_until)"
            " SELECT 'webhook', n + 100000, 30, 3, now() + interval '1 hour' FROM generate_series(1, 2000) AS n",
            "INSERT INTO outbox (channel, lane, type, cause, body) SELECT 'webhook', n + 100000, 't', n || ':' || m, ''"
            " FROM generate_series(1, 2000) AS n, generate_series(1, 3) AS m",
        ):
            rows(site, sql)
        until(lambda: rows(site, "SELECT count(*) FROM outbox WHERE held") == [(6000,)], "them to be held")
        lanes = [endpoint(site, receiver.url) for _ in range(20)]
        time.sleep(2)  # until everybody has said what they read
        before, started = read_rows(site), time.monotonic()
        for _ in range(5):
            for each in lanes:
                send(site, each)
        until(lambda: receiver.deliveries.qsize() == 1 + 5 * len(lanes), "the others")
        time.sleep(2)
        seconds = time.monotonic() - started  # in each of which somebody looks once whether a lane has recovered
        assert (read := read_rows(site) - before) < 10000 * (1 + seconds), (read, seconds)
        assert rows(site, "SELECT count(*) FROM outbox WHERE attempts > 0 AND lane > 100000") == [(0,)]


@pytest.mark.parametrize("recovers", ["UPDATE lanes SET open_until = now()", "DELETE FROM lanes"])
def test_what_is_held_is_let_go(site, receiver, recovers):
    lane = endpoint(site, receiver.url)
    rows(site, "INSERT INTO lanes (channel, lane, failures, openings, open_until) VALUES ('webhook', %s, 30, 3, now() + interval '1 hour')", lane)
    with crm(site):
        send(site, lane, 3000)
        until(lambda: rows(site, "SELECT count(*) FROM outbox WHERE held AND asleep") == [(3000,)], "them to be held")
        assert receiver.deliveries.empty()
        rows(site, recovers)
        until(lambda: count(site, lane, "delivered") == 3000, "all of them", 30)
    assert trouble(site, lane) is None and rows(site, "SELECT count(*) FROM outbox WHERE held OR asleep") == [(0,)]


def test_a_backlog_is_not_read_again_and_again(site, receiver):
    """What a lane has finished lies before what it has not."""
    lane = endpoint(site, receiver.url)
    send(site, lane, 4000)
    rows(site, "ANALYZE outbox")
    before = read_rows(site)
    with crm(site):
        until(lambda: receiver.deliveries.qsize() == 4000, "all of them", 30)
        time.sleep(2)  # until everybody has said what they read
    assert count(site, lane, "delivered") == 4000
    assert (read := read_rows(site) - before) < 4000 * 20, read


def test_what_sleeps_wakes(site, failing):
    lane = endpoint(site, failing.url)
    with crm(site):
        send(site, lane)
        until(lambda: rows(site, "SELECT attempts, asleep FROM outbox") == [(1, True)], "the first attempt")
        failing.status = 204
        rows(site, "UPDATE outbox SET next_attempt_at = now()")
        until(lambda: rows(site, "SELECT state, attempts, asleep FROM outbox") == [("delivered", 2, False)], "the second attempt")
    assert trouble(site, lane) is None
