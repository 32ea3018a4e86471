"""A worker between a real broker and a real PostgreSQL, both of which are taken away from it. The tests speak Majordomo as a gateway
does (docs/protocol.md), because what they look at (bundles, repeated commands, deadlines) cannot be timed through HTTP."""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid

import msgpack
import psycopg2
import pytest
import zmq

from document import ROOT

BUILD = ROOT / "build" / os.environ.get("TITHI_BUILD", "release")
POSTGRES = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
FACILITATOR = 1000000  # far from the ids that the database gives


# PostgreSQL refuses to run as root.
AS_POSTGRES = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}


def until(condition, what, seconds=10):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)
    return found


def state_of(pid):
    """As in ps(1); "": there is none."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Database:
    def __init__(self, folder):
        self.folder = folder / "postgres"
        self.process = None

    def create(self):
        self.folder.mkdir()
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.data = self.folder / "data"
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--no-locale")
        self.start()
        with self.connect() as connection, connection.cursor() as cursor:
            for file in [ROOT / "schemas/roles.sql", *sorted((ROOT / "schemas/migrations").glob("*.sql"))]:
                cursor.execute(file.read_text())
            person = "INSERT INTO users (id, email, name, role) VALUES (%s, 'f@example.com', 'F', 'facilitator')"
            cursor.execute(person, [FACILITATOR])
            cursor.execute("ALTER TABLE events ADD CONSTRAINT test_poison CHECK (title <> 'poison')")

    @staticmethod
    def run(program, *arguments):
        subprocess.run([POSTGRES / program, *arguments], check=True, stdout=subprocess.DEVNULL, **AS_POSTGRES)

    def start(self):
        log = (self.folder / "log").open("ab")
        command = [POSTGRES / "postgres", "-D", self.data, "-k", self.folder, "-c", "listen_addresses="]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, **AS_POSTGRES)
        until(self.answers, "PostgreSQL to start", 30)

    def answers(self):
        try:
            self.connect().close()
            return True
        except psycopg2.OperationalError:
            return False

    def connect(self):
        return psycopg2.connect(host=str(self.folder), user="postgres", dbname="postgres")

    def value(self, sql, *arguments):
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, arguments)
                return cursor.fetchone()[0]
        finally:
            connection.close()

    def children(self):
        return [int(pid) for pid in pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]

    def signal(self, number):
        for pid in [self.process.pid, *self.children()]:
            os.kill(pid, number)

    def kill(self):
        """kill -9, the whole of it. One that survives holds the shared memory, and PostgreSQL then refuses to start."""
        postmaster = self.process.pid
        os.kill(postmaster, signal.SIGSTOP)
        until(lambda: state_of(postmaster) == "T", "the postmaster to stop")  # no child more
        everybody = [*self.children(), postmaster]
        for pid in everybody:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        until(lambda: all(state_of(pid) in ("", "Z", "X") for pid in everybody), "the backends to end")

    def url(self, role):
        return f"postgresql://{role}@/postgres?host={self.folder}"

    def close(self):
        if self.process and self.process.poll() is None:
            self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
            self.process.wait()


class Program:
    def __init__(self, site, program, name, **settings):
        self.log = site.folder / f"{name}.log"
        database_url = site.database.url(f"tithi_{name.split('-')[0]}")
        own = {"BROKER_URLS": site.broker_url, "DATABASE_URL": database_url, "LOG_LEVEL": "debug", "SEAL_KEY": "k" * 32, **settings}
        site.programs.append(self)
        self.process = subprocess.Popen([BUILD / program, "--name", name], env={**os.environ, **own}, stderr=self.log.open("ab"))

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(25)


class Caller:
    """What a gateway is to a broker."""

    def __init__(self, site):
        self.socket = site.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(site.broker_url)

    def send(self, *calls):
        frames = [b"MDPC02", b"\x01", calls[0]["service"]]
        for call in calls:
            frames += [call["header"], call["payload"]]
        self.socket.send_multipart(frames)

    def receive(self, *calls, seconds=15):
        """[(refusal, payload)] of these calls; answers of others are passed over."""
        answers = {}
        deadline = time.monotonic() + seconds
        while any(call["id"] not in answers for call in calls):
            left = deadline - time.monotonic()
            assert left > 0 and self.socket.poll(left * 1000), "answers are missing"
            frames = self.socket.recv_multipart()
            assert frames[:2] == [b"MDPC02", b"\x03"]
            for header, payload in zip(frames[3::2], frames[4::2]):
                header = msgpack.unpackb(header)
                assert header["id"] not in answers
                answers[header["id"]] = (header.get("refusal"), msgpack.unpackb(payload))
        return [answers[call["id"]] for call in calls]

    def ask(self, *calls):
        self.send(*calls)
        return self.receive(*calls)

    def knows(self, service):
        self.socket.send_multipart([b"MDPC02", b"\x01", b"mmi.service", service.encode()])
        return self.socket.poll(500) and self.socket.recv_multipart()[-1] == b"200"


def call(operation, request, command=None, ttl_ms=10000, request_id="-", service=b"event"):
    identity = uuid.uuid4().bytes
    header = {
        "id": identity,
        "ttl_ms": ttl_ms,
        "op": operation,
        "command": command or identity,
        "caller": {"user_id": FACILITATOR, "role": "facilitator", "session": "", "address": "127.0.0.1"},
        "request_id": request_id,
        "trace": "",
    }
    return {"service": service, "id": identity, "header": msgpack.packb(header), "payload": msgpack.packb(request)}


def create(title, command=None, **arguments):
    request = {"title": title, "event_type": "session", "start_datetime": "2030-01-01T10:00:00Z", "time_zone": "UTC",
               "price_minor": 0, "currency": "INR", "is_active": True}
    return call("createEvent", request, command, **arguments)


class Site:
    def __init__(self, folder):
        self.folder = folder
        self.context = zmq.Context()
        self.broker_url = f"ipc://{folder}/broker.sock"
        self.database = Database(folder)
        self.programs = []

    def start(self):
        self.database.create()
        self.broker = Program(self, "tithi-broker", "broker")
        self.worker = Program(self, "tithi-event", "event")
        self.caller, self.watcher = Caller(self), Caller(self)
        self.await_worker()

    def await_worker(self):
        until(lambda: self.caller.knows("event") and self.database_seen() == "ok", "the worker to be ready", 20)

    def database_seen(self):
        ((_, reply),) = self.caller.ask(call("ping", {}))
        return reply.get("database")

    def in_flight(self, service="event"):
        self.watcher.socket.send_multipart([b"MDPC02", b"\x01", b"mmi.stats"])
        assert self.watcher.socket.poll(5000)
        return json.loads(self.watcher.socket.recv_multipart()[-1])["services"][service]["in_flight"]

    def events(self, title):
        return self.database.value("SELECT count(*) FROM events WHERE title = %s", title)

    def held(self):
        """Keeps inserts into events waiting until the returned connection is closed."""
        connection = self.database.connect()
        connection.cursor().execute("LOCK TABLE events IN SHARE MODE")
        return connection

    def waiting_inserts(self):
        return self.database.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'events'::regclass")

    def close(self):
        codes = [program.stop() for program in reversed(self.programs) if program.process.poll() is None]
        self.database.close()
        self.context.destroy(linger=0)
        shutil.rmtree(self.folder, ignore_errors=True)
        return codes


@pytest.fixture(scope="module")
def site():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tithi-worker-"))
    folder.chmod(0o755)
    site = Site(folder)
    try:
        site.start()
        yield site
    finally:
        codes = site.close()
    assert set(codes) == {0}


@contextlib.contextmanager
def site_with_database(name):
    """A place with an empty database, where processes are started one by one."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"tithi-{name}-"))
    folder.chmod(0o755)
    site = Site(folder)
    site.database.create()
    try:
        yield site
    finally:
        codes = site.close()
    assert set(codes) <= {0}


@pytest.fixture
def title(request):
    return request.node.name


def test_reads_and_commands_are_answered(site, title):
    ((refusal, reply),) = site.caller.ask(create(title))
    assert refusal is None and reply["event"]["title"] == title
    ((refusal, event),) = site.caller.ask(call("getEvent", {"event_id": reply["event"]["id"]}))
    assert refusal is None and event == reply["event"]


def test_a_bundle_of_everything_is_answered_call_by_call(site, title):
    bad = call("createEvent", {"title": 7, "event_type": "session"})
    nobody = call("getEvent", {"event_id": 999999})
    answers = site.caller.ask(create(title), bad, call("nonsense", {}), nobody, call("ping", {}))
    assert [refusal for refusal, _ in answers] == [None, "validation_error", "validation_error", "event_not_found", None]
    assert "title" in answers[1][1]["details"]
    assert answers[4][1] == {"service": "event", "database": "ok", "redis": None}


def test_a_payload_that_is_no_message_is_refused(site):
    broken = {**call("createEvent", {}), "payload": b"\xdf\xff\xff\xff\xff"}
    ((refusal, _),) = site.caller.ask(broken)
    assert refusal == "validation_error"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda header: {key: value for key, value in header.items() if key != "op"},
        lambda header: {**header, "caller": 7},
        lambda header: {**header, "trace": "\0"},
    ],
    ids=["no-operation", "no-caller", "nul"],
)
def test_a_header_that_only_the_broker_can_read_is_refused(site, spoil):
    """Else the call would keep its place in the worker's credit."""
    ask = call("getEvent", {"event_id": 1})
    spoilt = {**ask, "header": msgpack.packb(spoil(msgpack.unpackb(ask["header"])))}
    assert site.caller.ask(spoilt) == [("bad_request", {})]
    assert site.in_flight() == 0


def test_a_header_with_two_ids_is_refused_under_the_first(site):
    """That is the one by which the broker knows it."""
    ask = call("getEvent", {"event_id": 1})
    fields = [*msgpack.unpackb(ask["header"]).items(), ("id", uuid.uuid4().bytes)]
    header = b"".join([bytes([0x80 + len(fields)]), *(msgpack.packb(part) for field in fields for part in field)])
    assert site.caller.ask({**ask, "header": header}) == [("bad_request", {})]
    assert site.in_flight() == 0


def test_a_command_runs_once(site, title):
    command = uuid.uuid4().bytes
    first, twin = site.caller.ask(create(title, command), create(title, command))
    (again,) = site.caller.ask(create(title, command))
    assert first[0] is None and first == twin == again
    assert site.events(title) == 1


def test_another_request_under_the_same_command_is_refused(site, title):
    command = uuid.uuid4().bytes
    first, other = site.caller.ask(create(title, command), create(title + "!", command))
    assert first[0] is None and other[0] == "idempotency_mismatch"
    assert site.caller.ask(create(title + "!", command))[0][0] == "idempotency_mismatch"
    assert site.events(title + "!") == 0


def test_a_read_under_a_key_is_for_one_request(site, title):
    """It is run again with every repeat; the key is remembered all the same, whoever used it first."""
    ((_, reply),) = site.caller.ask(create(title))
    event_id = reply["event"]["id"]
    command = uuid.uuid4().bytes
    read = lambda event_id, command: call("getEvent", {"event_id": event_id}, command)
    first, other, free = site.caller.ask(read(event_id, command), read(event_id + 10**6, command), read(event_id, None))
    assert (first[0], other[0], free[0]) == (None, "idempotency_mismatch", None)
    ((refusal, event),) = site.caller.ask(read(event_id, command))
    assert refusal is None and event["title"] == title
    assert site.caller.ask(create(title, command))[0][0] == "idempotency_mismatch"
    used = uuid.uuid4().bytes
    assert site.caller.ask(create(title, used))[0][0] is None
    assert site.caller.ask(read(event_id, used))[0][0] == "idempotency_mismatch"
    command = uuid.uuid4().bytes
    assert [site.caller.ask(read(event_id + 10**6, command))[0][0] for _ in range(2)] == ["event_not_found"] * 2


def test_a_refused_command_may_be_tried_again(site, title):
    command = uuid.uuid4().bytes
    (answer,) = site.caller.ask(call("deleteEvent", {"event_id": 999999}, command))
    assert answer[0] == "event_not_found"
    assert site.database.value("SELECT count(*) FROM commands WHERE id = %s", str(uuid.UUID(bytes=command))) == 0


def test_two_workers_that_run_the_same_command_agree(site, title):
    second = Program(site, "tithi-event", "event-2")
    until(lambda: any("ready at" in line["message"] for line in second.lines()), "the second worker")
    command = uuid.uuid4().bytes
    lock = site.held()
    calls = [create(title, command), create(title, command)]
    for at, one in enumerate(calls):
        site.caller.send(one)
        until(lambda: site.waiting_inserts() == at + 1, "one worker after the other to run it")
    lock.close()
    first, second_answer = site.caller.receive(*calls)
    assert first == second_answer and first[0] is None
    assert site.events(title) == 1
    assert second.stop() == 0


def test_stored_replies_with_tokens_are_sealed(site, title):
    auth = Program(site, "tithi-auth", "auth", JWT_SECRET_KEY="a key of the tests, 32 bytes or more", REDIS_URL="")
    until(lambda: site.caller.knows("auth"), "the auth worker")
    command = uuid.uuid4()
    request = {"email": "a@example.com", "password": "password123", "name": "A", "role": "user", "sign_in": True}
    first, again = (
        site.caller.ask(call("registerUser", request, command.bytes, service=b"auth"))[0] for _ in range(2)
    )
    assert first == again and first[0] is None and first[1]["refresh_token"]
    stored = site.database.value("SELECT reply FROM commands WHERE id = %s", str(command)).tobytes()
    assert first[1]["refresh_token"].encode() not in stored and b"refresh_token" not in stored
    assert auth.stop() == 0


def test_old_commands_are_forgotten(site):
    connection = site.database.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO commands SELECT gen_random_uuid(), '', '', now() - hours * interval '1 hour'"
                       " FROM generate_series(40, 60) AS hours")
    connection.close()
    worker = Program(site, "tithi-event", "event-3")  # begins with sweeping
    old = "SELECT count(*) FROM commands WHERE fingerprint = '' AND created_at < now() - interval '{}'"
    until(lambda: site.database.value(old.format("48 hours")) == 0, "the old ones to go")
    assert site.database.value(old.format("0 hours")) == 8
    assert worker.stop() == 0


def run(database, *statements):
    connection = database.connect()
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def test_sessions_and_refresh_tokens_are_forgotten_a_month_after_their_end(site):
    run(
        site.database,
        # One session per day; each with a token as old as itself, and one of 50 days ago.
        "INSERT INTO sessions (id, user_id, expires_at)"
        f" SELECT gen_random_uuid(), {FACILITATOR}, now() - days * interval '1 day' FROM generate_series(20, 40) AS days",
        "INSERT INTO refresh_tokens (hash, session_id, expires_at, spent_at)"
        " SELECT sha256(convert_to(id::text, 'UTF8')), id, expires_at, NULL FROM sessions UNION ALL"
        " SELECT sha256(convert_to('spent' || id::text, 'UTF8')), id, now() - interval '50 days', now() FROM sessions",
    )
    worker = Program(site, "tithi-auth", "auth", JWT_SECRET_KEY="a key of the tests, 32 bytes or more", REDIS_URL="")
    ended = "SELECT count(*) FROM {} WHERE expires_at < now()"
    until(lambda: site.database.value(ended.format("sessions")) == 10, "the old sessions to go")
    assert site.database.value(ended.format("refresh_tokens")) == 10
    assert worker.stop() == 0


@pytest.mark.parametrize("role", ["auth", "event", "booking", "payment", "crm"])
def test_sweeping_reads_no_whole_table(site, role):
    """By the planner's settings of each role: the event worker's forbid what others may use."""
    connection = psycopg2.connect(
        host=str(site.database.folder), user=f"tithi_{role}", dbname="postgres",
        options="-c enable_seqscan=off -c plan_cache_mode=force_generic_plan",
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("EXPLAIN SELECT ctid FROM commands WHERE created_at < now() - interval '48 hours' LIMIT 1000")
        assert "Seq Scan" not in "".join(line for (line,) in cursor.fetchall())
    connection.close()


def test_one_bad_call_does_not_take_others_with_it(site, title):
    lock = site.held()
    site.caller.send(create(title))  # keeps the worker busy, so that the next ones form one group
    until(lambda: site.waiting_inserts() == 1, "the worker to be busy")
    calls = [create(title), create("poison", request_id="poisonous-1"), create(title)]
    site.caller.send(*calls)
    time.sleep(0.1)
    lock.close()
    assert [refusal for refusal, _ in site.caller.receive(*calls)] == [None, "internal_error", None]
    assert site.events(title) == 3
    refused = [line for line in site.worker.lines() if line.get("request_id") == "poisonous-1"]
    assert refused and "internal_error" in refused[-1]["message"]


def test_an_expired_call_is_not_executed(site, title):
    lock = site.held()
    first = create(title)
    site.caller.send(first)
    until(lambda: site.waiting_inserts() == 1, "the worker to be busy")
    site.caller.send(create(title + " late", ttl_ms=200))
    time.sleep(0.5)
    lock.close()
    assert site.caller.receive(first)[0][0] is None
    site.caller.ask(call("ping", {}))
    assert site.events(title + " late") == 0


@pytest.mark.parametrize("who", ["broker", "worker"])
@pytest.mark.parametrize("frozen_s", [2.5, 5], ids=["briefly", "until-given-up"])
def test_a_call_that_expired_while_a_process_was_frozen_is_not_executed(site, title, who, frozen_s):
    """It waits in the socket of who does not run, and nobody counts its time there."""
    frozen = getattr(site, who).process
    os.kill(frozen.pid, signal.SIGSTOP)
    until(lambda: state_of(frozen.pid) == "T", "it to stop")
    site.caller.send(create(title, ttl_ms=1000))
    time.sleep(frozen_s)
    os.kill(frozen.pid, signal.SIGCONT)
    site.await_worker()
    time.sleep(0.5)
    assert site.events(title) == 0


def test_a_lock_that_is_not_given_ends_in_unavailable_before_the_deadline(site, title):
    lock = site.held()
    started = time.monotonic()
    ((refusal, payload),) = site.caller.ask(create(title, ttl_ms=1500))
    assert refusal == "unavailable" and payload["retry_after_s"] >= 1
    assert time.monotonic() - started < 1.5
    lock.close()
    site.await_worker()
    assert site.events(title) == 0


def test_while_the_database_is_away_calls_wait_and_are_refused_in_time(site, title):
    site.database.kill()
    until(lambda: site.database_seen() == "away", "the worker to notice")
    patient, hasty = create(title), create(title, ttl_ms=1200)
    started = time.monotonic()
    site.caller.send(patient, hasty)
    ((refusal, payload),) = site.caller.receive(hasty)
    assert refusal == "unavailable" and payload["retry_after_s"] >= 1
    assert 0.7 < time.monotonic() - started < 1.2
    site.database.start()
    assert site.caller.receive(patient)[0][0] is None
    assert site.events(title) == 1


def test_kill_9_of_the_database_under_load_loses_and_doubles_nothing(site, title):
    calls = [create(f"{title} {number}") for number in range(400)]
    for at in range(0, 200, 10):
        site.caller.send(*calls[at : at + 10])
    site.database.kill()
    for at in range(200, 400, 10):
        site.caller.send(*calls[at : at + 10])
    site.database.start()
    assert {refusal for refusal, _ in site.caller.receive(*calls)} == {None}
    count = site.database.value("SELECT count(*) FROM events WHERE title LIKE %s", title + " %")
    distinct = site.database.value("SELECT count(DISTINCT title) FROM events WHERE title LIKE %s", title + " %")
    assert count == distinct == 400


def test_a_worker_greets_a_broker_that_came_back(site, title):
    site.broker.process.kill()
    site.broker.process.wait()
    site.broker = Program(site, "tithi-broker", "broker")
    site.await_worker()
    ((refusal, _),) = site.caller.ask(create(title))
    assert refusal is None


def test_sigterm_lets_a_worker_finish_what_it_has(site, title):
    lock = site.held()
    calls = [create(title) for _ in range(41)]
    site.caller.send(calls[0])
    until(lambda: site.waiting_inserts() == 1, "the worker to be busy")
    for at in range(1, 41, 10):
        site.caller.send(*calls[at : at + 10])
    time.sleep(0.1)
    site.worker.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    assert site.worker.process.poll() is None
    lock.close()
    assert {refusal for refusal, _ in site.caller.receive(*calls)} == {None}
    assert site.worker.process.wait(25) == 0
    assert site.events(title) == 41
    site.worker = Program(site, "tithi-event", "event")
    site.await_worker()


class Endpoint:
    """Takes webhooks and answers none of them."""

    def __init__(self):
        self.taken = []
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                endpoint.taken.append(self.headers["webhook-id"])
                time.sleep(60)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def crm(site):
    """A crm worker with a webhook in flight to an endpoint that never answers."""
    with contextlib.closing(Endpoint()) as endpoint:
        worker = Program(site, "tithi-crm", "crm", CRM_WEBHOOK_URL=endpoint.url, WEBHOOK_ALLOW_NETS="127.0.0.0/8")
        worker.endpoint = endpoint
        cause = str(uuid.uuid4())
        run(site.database, "INSERT INTO outbox (channel, type, cause, body)"
                           f" VALUES ('webhook', 't', '{cause}', '{{}}')")
        until(lambda: endpoint.taken, "the webhook to be in flight")
        until(lambda: site.caller.knows("crm"), "the crm worker")
        yield worker
        worker.process.kill()
        worker.process.wait()
        run(site.database, "DELETE FROM outbox")


@pytest.mark.slow
def test_a_stop_ends_in_time_whatever_an_endpoint_and_the_database_do(site, crm):
    """The endpoint never answers, the database hangs, and a patient call waits for it."""
    site.database.signal(signal.SIGSTOP)
    try:
        site.caller.send(call("listBookingNotifications", {"limit": 1}, ttl_ms=60000, service=b"crm"))
        time.sleep(0.5)
        crm.process.send_signal(signal.SIGTERM)
        assert crm.process.wait(25) == 0
    finally:
        site.database.signal(signal.SIGCONT)


@pytest.mark.slow
def test_a_stopping_worker_keeps_its_leases_and_writes_down_what_ended(site, crm):
    crm.process.send_signal(signal.SIGTERM)
    lease = "SELECT extract(epoch FROM leased_until - now())::float FROM outbox"
    ends = time.monotonic() + 25
    while crm.process.poll() is None and (left := site.database.value(lease)) is not None:
        assert left > 3
        assert time.monotonic() < ends
        time.sleep(0.3)
    assert crm.process.wait(5) == 0
    assert site.database.value("SELECT attempts FROM outbox") == 1


ORDINARY, AT_ONCE, FAILING_GROUP, NEVER = 1, 2, 2000, 100001  # the special ones of tests/failure/deferring.c


def later(wait_ms, **arguments):
    """What that answers after so long."""
    return call("getRefundQuote", {"booking_id": wait_ms}, service=b"booking", **arguments)


class Deferring(Program):
    def __init__(self, site):
        self.site = site
        super().__init__(site, "tests/deferring", "booking")
        self.wait_until_known()

    def wait_until_known(self):
        until(lambda: self.site.caller.knows("booking"), "the worker to be ready")
        ask = self.site.caller.ask
        until(lambda: ask(call("ping", {}, service=b"booking"))[0][1]["database"] == "ok", "its database")


@pytest.fixture
def deferring(site):
    worker = Deferring(site)
    yield worker
    if worker.process.poll() is None:
        worker.process.kill()
        worker.process.wait()


def test_a_deferred_call_holds_up_nobody(site, deferring):
    slow, quick, at_once, ordinary = later(1500), later(20), later(AT_ONCE), later(ORDINARY)
    started = time.monotonic()
    site.caller.send(slow, quick, at_once, ordinary)
    answers = site.caller.receive(quick, at_once, ordinary)
    assert [refusal for refusal, _ in answers] == [None, None, "booking_not_found"]
    assert answers[0][1]["booking_id"] == 20
    assert time.monotonic() - started < 1
    assert site.in_flight("booking") == 1  # it keeps its credit
    ((refusal, reply),) = site.caller.receive(slow)
    assert (refusal, reply["booking_id"], reply["currency"]) == (None, 1500, "INR")
    assert 1.4 < time.monotonic() - started < 3
    assert site.in_flight("booking") == 0


def test_deferred_calls_come_back_in_any_number(site, deferring):
    """Many times the credit, out of order."""
    calls = [later(3 + number * 37 % 200) for number in range(300)]
    for at in range(0, 300, 10):
        site.caller.send(*calls[at : at + 10])
    assert {refusal for refusal, _ in site.caller.receive(*calls)} == {None}
    assert site.in_flight("booking") == 0


def test_a_deferred_call_is_not_run_again_when_its_group_fails(site, deferring):
    """The others are, and it is answered once."""
    failing, other = later(FAILING_GROUP), later(ORDINARY)
    site.caller.send(failing, other)
    assert site.caller.receive(other, seconds=1)[0][0] == "booking_not_found"
    assert site.caller.receive(failing)[0][0] is None
    assert deferring.process.poll() is None


def test_a_call_that_expired_while_deferred_is_no_success(site, deferring):
    expired = later(1000, ttl_ms=300)
    site.caller.send(expired)
    until(lambda: site.in_flight("booking") == 1, "it to be deferred")
    until(lambda: site.in_flight("booking") == 0, "its credit to come back", 3)
    answered = site.caller.socket.poll(300) and msgpack.unpackb(site.caller.socket.recv_multipart()[3])
    assert not answered or answered["refusal"] == "deadline_exceeded"
    assert site.caller.ask(later(20))[0][0] is None


def test_a_broker_that_went_away_gets_no_answer_to_what_it_gave(site, deferring):
    lost = later(1500)
    site.caller.send(lost)
    until(lambda: site.in_flight("booking") == 1, "it to be deferred")
    site.broker.process.kill()
    site.broker.process.wait()
    site.broker = Program(site, "tithi-broker", "broker")
    deferring.wait_until_known()
    assert site.caller.ask(later(20))[0][0] is None
    assert not site.caller.socket.poll(2500)
    assert site.in_flight("booking") == 0
    assert deferring.process.poll() is None
    site.await_worker()


def test_a_stop_waits_for_what_is_deferred(site, deferring):
    deferred = later(2500)
    site.caller.send(deferred)
    until(lambda: site.in_flight("booking") == 1, "it to be deferred")
    deferring.process.send_signal(signal.SIGTERM)
    assert site.caller.receive(deferred)[0][0] is None
    assert deferring.process.wait(3) == 0


@pytest.mark.slow
def test_a_stop_does_not_wait_for_ever(site, deferring):
    forgotten = later(NEVER, ttl_ms=60000)
    site.caller.send(forgotten)
    until(lambda: site.in_flight("booking") == 1, "it to be deferred")
    deferring.process.send_signal(signal.SIGTERM)
    assert site.caller.receive(forgotten, seconds=25)[0][0] == "unavailable"
    assert deferring.process.wait(3) == 0


def test_a_killed_worker_s_deferred_call_goes_to_another(site, deferring):
    deferred = later(1000)
    site.caller.send(deferred)
    until(lambda: site.in_flight("booking") == 1, "it to be deferred")
    deferring.process.kill()
    deferring.process.wait()
    another = Deferring.__new__(Deferring)
    another.site = site
    Program.__init__(another, site, "tests/deferring", "booking")
    assert site.caller.receive(deferred)[0][0] is None
    assert another.stop() == 0


def test_logs_are_json_and_hold_no_row(site):
    for line in site.worker.lines():
        assert {"time", "level", "process", "message"} <= line.keys()
        assert not re.search("f@example.com", line["message"])
