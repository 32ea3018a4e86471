"""The real tithi-broker, spoken to in stock MDP 0.2 by python3-zmq: over ipc and over tcp with CURVE, with workers that die,
drain and talk nonsense. Nothing else of Tithi runs here, except where the Python worker of docs/ serves a real gateway."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

import msgpack
import pytest
import zmq
import zmq.auth

from document import ROOT
from harness import free_port

BUILD = ROOT / "build" / os.environ.get("TITHI_BUILD", "release")
READY, REQUEST, PARTIAL, FINAL, HEARTBEAT, DISCONNECT = (bytes([n]) for n in range(1, 7))
CLIENT_REQUEST, CLIENT_PARTIAL, CLIENT_FINAL = (bytes([n]) for n in range(1, 4))
PATIENCE_MS = 10000


def header(**fields):
    return msgpack.packb({"id": uuid.uuid4().bytes, "ttl_ms": 60000, "op": "getEvent", **fields})


def id_of(frame):
    return msgpack.unpackb(frame)["id"]


class Peer:
    """A DEALER that waits patiently, and not for ever."""

    everybody = []

    def __init__(self, address, curve=None, kind=zmq.DEALER):
        self.everybody.append(self)
        self.socket = zmq.Context.instance().socket(kind)
        self.socket.linger = 0
        self.socket.sndtimeo = PATIENCE_MS
        if curve:
            folder, name = curve
            self.socket.curve_serverkey = zmq.auth.load_certificate(folder / "broker.key")[0]
            self.socket.curve_publickey, self.socket.curve_secretkey = zmq.auth.load_certificate(folder / f"{name}.key_secret")
        self.socket.connect(address)

    def send(self, *frames):
        self.socket.send_multipart(frames)

    def receive(self, patience_ms=PATIENCE_MS):
        assert self.socket.poll(patience_ms), "nothing came"
        return self.socket.recv_multipart()

    def hears_nothing(self, for_ms=300):
        return not self.socket.poll(for_ms)

    def close(self):
        self.socket.close()


class Worker(Peer):
    def __init__(self, broker, service=b"event", credit=None, **arguments):
        super().__init__(broker.address, **arguments)
        self.ready(service, credit)

    def ready(self, service=b"event", credit=None):
        self.send(b"MDPW02", READY, service, *([msgpack.packb(credit)] if credit else []))

    def take(self, patience_ms=PATIENCE_MS):
        """The next request: (client, [(header, payload), …]). Heartbeats are skipped."""
        while True:
            protocol, command, *rest = self.receive(patience_ms)
            assert protocol == b"MDPW02"
            if command == REQUEST:
                client, empty, *body = rest
                assert empty == b"" and len(body) % 2 == 0
                return client, list(zip(body[::2], body[1::2]))
            assert command == HEARTBEAT, command

    def take_nothing(self, for_ms=400):
        end = time.monotonic() + for_ms / 1000
        while time.monotonic() < end:
            if self.socket.poll(50):
                assert self.receive()[1] == HEARTBEAT

    def answer(self, client, calls, command=FINAL):
        self.send(b"MDPW02", command, client, b"", *[frame for call in calls for frame in call])

    def serve(self):
        client, calls = self.take()
        self.answer(client, calls)
        return calls


class Client(Peer):
    def __init__(self, broker, **arguments):
        super().__init__(broker.address, **arguments)

    def call(self, service, *headers, payload=b"\x80"):
        headers = headers or (header(),)
        self.send(b"MDPC02", CLIENT_REQUEST, service, *[frame for one in headers for frame in (one, payload)])
        return headers

    def answers(self, service, command=CLIENT_FINAL):
        protocol, got_command, got_service, *body = self.receive()
        assert (protocol, got_command, got_service) == (b"MDPC02", command, service)
        return list(zip(body[::2], body[1::2]))

    def refusal(self, service):
        [(head, payload)] = self.answers(service)
        assert msgpack.unpackb(payload)["details"] == {}
        return msgpack.unpackb(head)["refusal"]

    def ask(self, service, *body):
        """MMI: plain text both ways."""
        self.send(b"MDPC02", CLIENT_REQUEST, service, *body)
        protocol, command, got_service, answer = self.receive()
        assert (protocol, command, got_service) == (b"MDPC02", CLIENT_FINAL, service)
        return answer

    def statistics(self):
        return json.loads(self.ask(b"mmi.stats", b""))


class Broker:
    def __init__(self, address, environment):
        self.address = address
        self.environment = {"PATH": os.environ["PATH"], "BROKER_URLS": address, **environment}
        self.start()

    def start(self):
        self.process = subprocess.Popen([BUILD / "tithi-broker"], env=self.environment)

    def stop(self):
        """The exit code. Nobody is there any more, so nothing has to be waited for."""
        while Peer.everybody:
            Peer.everybody.pop().close()
        self.process.terminate()
        return self.process.wait(5)


def await_statistics(client, condition):
    """The statistics once the condition holds for them."""
    deadline = time.monotonic() + 10
    while not condition(statistics := client.statistics()):
        assert time.monotonic() < deadline, statistics
        time.sleep(0.02)
    return statistics


def await_workers(client, service, count):
    await_statistics(client, lambda now: len(now["services"].get(service, {"workers": []})["workers"]) == count)


@pytest.fixture
def make_broker(tmp_path):
    brokers = []

    def make(address=None, **environment):
        brokers.append(Broker(address or f"ipc://{tmp_path}/run/broker-{len(brokers)}.sock", environment))
        return brokers[-1]

    yield make
    for broker in brokers:
        assert broker.process.poll() == 0 or broker.stop() == 0


@pytest.fixture
def broker(make_broker):
    return make_broker()


@pytest.fixture
def client(broker):
    return Client(broker)


# The ways of a call


def test_a_call_goes_to_a_worker_and_its_answer_back(broker, client):
    worker = Worker(broker)
    [sent] = client.call(b"event", payload=msgpack.packb({"event_id": 7}))
    address, [(got, payload)] = worker.take()
    assert id_of(got) == id_of(sent) and msgpack.unpackb(payload) == {"event_id": 7}
    worker.answer(address, [(msgpack.packb({"id": id_of(got)}), b"\x81\xa2id\x07")])
    assert client.answers(b"event") == [(msgpack.packb({"id": id_of(sent)}), b"\x81\xa2id\x07")]


def test_the_time_that_is_left_is_told_to_the_worker(broker, client):
    client.statistics()
    head = b"\x83\xa2id\xc4\x10" + os.urandom(16) + b"\xa6ttl_ms\xce" + (60000).to_bytes(4, "big") + b"\xa2op\xa4ping"
    client.call(b"event", head)
    client.statistics()  # the broker has it by now, and counts
    time.sleep(0.5)
    _, [(got, _)] = Worker(broker).take()
    assert 50000 < msgpack.unpackb(got)["ttl_ms"] <= 59500


def test_a_bundle_stays_together_and_is_split_by_credit(broker, client):
    worker = Worker(broker, credit=4)
    sent = client.call(b"event", *[header() for _ in range(6)])
    address, first = worker.take()
    assert [id_of(head) for head, _ in first] == [id_of(head) for head in sent[:4]]
    worker.answer(address, first[:3])
    assert len(client.answers(b"event")) == 3
    assert [id_of(head) for head, _ in worker.take()[1]] == [id_of(head) for head in sent[4:]]


def test_partial_answers_pass(broker, client):
    worker = Worker(broker)
    client.call(b"event")
    address, calls = worker.take()
    worker.answer(address, calls, PARTIAL)
    assert len(client.answers(b"event", CLIENT_PARTIAL)) == 1
    worker.answer(address, calls)
    assert len(client.answers(b"event")) == 1


def test_req_sockets_put_an_empty_frame_first_and_get_one(broker):
    worker = Worker(broker)
    client = Client(broker, kind=zmq.REQ)
    client.call(b"event")
    worker.serve()
    assert len(client.answers(b"event")) == 1

    foreign = Peer(broker.address)
    foreign.send(b"", b"MDPW02", READY, b"echo")
    while foreign.receive() != [b"", b"MDPW02", HEARTBEAT]:
        pass


def test_stock_bodies_without_headers_pass_between_stock_peers(broker, client):
    worker = Worker(broker, b"echo")
    await_workers(client, "echo", 1)
    client.send(b"MDPC02", CLIENT_REQUEST, b"echo", b"Hello world")
    while (message := worker.receive())[1] != REQUEST:
        pass
    assert message[3:] == [b"", b"Hello world"]
    worker.send(b"MDPW02", FINAL, message[2], b"", b"Hello", b"yourself")
    assert client.receive() == [b"MDPC02", CLIENT_FINAL, b"echo", b"Hello", b"yourself"]


def test_two_brokers_side_by_side(make_broker):
    brokers = [make_broker(), make_broker()]
    workers = [Worker(broker) for broker in brokers]
    for broker, worker in zip(brokers, workers):
        client = Client(broker)
        client.call(b"event")
        worker.serve()
        assert len(client.answers(b"event")) == 1


# Refusals


def test_an_unknown_service_is_refused_at_once(client):
    client.call(b"nosuch")
    assert client.refusal(b"nosuch") == "unavailable"


def test_a_known_service_waits_for_a_worker_until_the_call_expires(broker, client):
    client.call(b"event", header(ttl_ms=200))
    [kept] = client.call(b"event", header(ttl_ms=20000))
    time.sleep(0.4)
    worker = Worker(broker, credit=10)
    assert [id_of(head) for head, _ in worker.take()[1]] == [id_of(kept)]
    assert client.statistics()["services"]["event"]["counters"]["expired"] == 1


def test_a_full_queue_refuses_at_once(make_broker):
    broker = make_broker(BROKER_QUEUE_LIMIT="2")
    client = Client(broker)
    client.call(b"event", header(), header(), header())
    assert client.refusal(b"event") == "overloaded"
    worker = Worker(broker, credit=10)
    assert len(worker.serve()) == 2


def test_a_call_without_payload_is_refused_and_one_without_header_dropped(broker, client):
    worker = Worker(broker)
    client.send(b"MDPC02", CLIENT_REQUEST, b"event", header())
    assert client.refusal(b"event") == "bad_request"
    client.send(b"MDPC02", CLIENT_REQUEST, b"event", b"\xc1", b"\x80")
    worker.take_nothing()
    assert client.statistics()["counters"]["malformed"] == 1


def test_a_bundle_beyond_the_limit_is_cut_with_a_refusal(broker, client):
    worker = Worker(broker, credit=1000)
    await_workers(client, "event", 1)
    client.call(b"event", *[header() for _ in range(257)])
    assert client.refusal(b"event") == "overloaded"
    assert len(worker.serve()) == 256


def test_nonsense_from_anybody_does_no_harm(broker, client):
    nobody = Peer(broker.address)
    for frames in (
        [b"x"], [b""], [b"", b""], [b"MDPC02"], [b"MDPC02", b""], [b"MDPC02", b"\x01"], [b"MDPC02", b"\x09", b"event"],
        [b"MDPC02", b"\x01", b""], [b"MDPC02", b"\x01", b"x" * 300], [b"MDPC01", b"\x01", b"event"],
        [b"MDPC02", b"\x01", b"event", b""], [b"MDPC02", b"\x01", b"event", b"\xdf\xff\xff\xff\xff", b"\x80"],
        [b"MDPW02"], [b"MDPW02", b"\x00"], [b"MDPW02", READY], [b"MDPW02", READY, b""], [b"MDPW02", READY, b"mmi.service"],
        [b"MDPW02", READY, b"a\nb"], [b"MDPW02", READY, b"x" * 65], [b"MDPW02", READY, b"event", b"\xc0"],
        [b"MDPW02", READY, b"event", b"\x00"], [b"MDPW02", READY, b"event", b"\xff"], [b"MDPW02", READY, b"event", b""],
        [b"MDPW02", FINAL], [b"MDPW02", FINAL, b"a", b"b"], [b"MDPW02", FINAL, b"", b"", b"\x80", b"\x80"],
        [b"MDPW02", DISCONNECT], [os.urandom(100) for _ in range(1000)],
    ):  # fmt: skip
        nobody.send(*frames)
        nobody.send(b"", *frames)
    await_statistics(client, lambda now: now["counters"]["malformed"] > 40)
    worker = Worker(broker)
    client.call(b"event")
    worker.serve()
    assert len(client.answers(b"event")) == 1


def test_a_frame_that_is_too_long_ends_that_connection_alone(broker, client):
    Peer(broker.address).send(b"MDPC02", CLIENT_REQUEST, b"event", header(), b"x" * (2 << 20))
    worker = Worker(broker)
    client.call(b"event")
    worker.serve()
    assert len(client.answers(b"event")) == 1


# Workers that come and go

VICTIM = """
import sys, zmq, msgpack
socket = zmq.Context().socket(zmq.DEALER)
socket.connect(sys.argv[1])
socket.send_multipart([b"MDPW02", bytes([1]), b"event", msgpack.packb(10)])
while socket.recv_multipart()[1] != bytes([2]):
    pass
print("in hand", flush=True)
sys.stdin.read()
"""


class Victim:
    """A worker process that takes calls, never answers, and can be killed."""

    def __init__(self, broker):
        command = [sys.executable, "-c", VICTIM, broker.address]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def takes_calls(self):
        assert self.process.stdout.readline() == "in hand\n"

    def kill(self):
        self.process.kill()
        self.process.wait()


def test_the_calls_of_a_killed_worker_go_to_another_at_once(broker, client):
    victim = Victim(broker)
    sent = client.call(b"event", header(), header())
    victim.takes_calls()
    worker = Worker(broker, credit=10)
    killed = time.monotonic()
    victim.kill()
    assert [id_of(head) for head, _ in worker.serve()] == [id_of(head) for head in sent]
    assert time.monotonic() - killed < 1
    assert len(client.answers(b"event")) == 2
    assert client.statistics()["services"]["event"]["counters"]["redelivered"] == 2


def test_a_call_that_kills_three_workers_is_set_aside_and_its_neighbour_is_not(broker, client):
    guilty, innocent = client.call(b"event", header(), header())
    for _ in range(3):
        victim = Victim(broker)
        victim.takes_calls()
        victim.kill()
    assert client.refusal(b"event") == "poisoned_call"
    worker = Worker(broker, credit=10)
    assert [id_of(head) for head, _ in worker.serve()] == [id_of(innocent)]
    assert len(client.answers(b"event")) == 1
    assert client.statistics()["poisoned"] == [{"id": str(uuid.UUID(bytes=id_of(guilty))), "service": "event"}]


def test_a_draining_worker_finishes_and_gets_nothing_new(broker, client):
    worker = Worker(broker, credit=10)
    client.call(b"event")
    address, calls = worker.take()
    worker.send(b"MDPW02", DISCONNECT)
    client.statistics()
    client.call(b"event")
    worker.take_nothing()
    worker.answer(address, calls)
    assert len(client.answers(b"event")) == 1
    Worker(broker).serve()
    assert len(client.answers(b"event")) == 1


def test_a_worker_that_answers_nonsense_loses_its_calls(broker, client):
    bad = Worker(broker)
    client.call(b"event")
    address, _ = bad.take()
    bad.send(b"MDPW02", FINAL, address, b"", b"\xc1", b"\x80")
    while bad.receive() != [b"MDPW02", DISCONNECT]:
        pass
    Worker(broker).serve()
    assert len(client.answers(b"event")) == 1


def test_nobody_answers_for_another(broker, client):
    worker, liar = Worker(broker), Worker(broker, b"booking")
    client.call(b"event")
    address, calls = worker.take()
    liar.answer(address, calls)
    assert client.hears_nothing()
    worker.answer(address, calls)
    worker.answer(address, calls)
    assert len(client.answers(b"event")) == 1
    assert client.hears_nothing()


def test_heartbeats_come_and_strangers_are_told_to_register(broker):
    worker = Worker(broker)
    assert worker.receive(2500) == [b"MDPW02", HEARTBEAT]
    stranger = Peer(broker.address)
    stranger.send(b"MDPW02", HEARTBEAT)
    assert stranger.receive() == [b"MDPW02", DISCONNECT]


def test_a_frozen_worker_is_dead_when_its_connection_is(broker, client):
    victim = Victim(broker)
    client.call(b"event")
    victim.takes_calls()
    os.kill(victim.process.pid, signal.SIGSTOP)  # ZMTP heartbeats end after 3 s
    Worker(broker).serve()
    assert len(client.answers(b"event")) == 1
    victim.kill()


def test_a_client_that_left_costs_nothing(broker, client):
    worker = Worker(broker)
    leaver = Client(broker)
    leaver.call(b"event")
    address, calls = worker.take()
    leaver.close()
    time.sleep(0.2)
    worker.answer(address, calls)
    client.call(b"event")
    worker.serve()
    assert len(client.answers(b"event")) == 1
    assert client.statistics()["counters"]["undeliverable"] == 1


# The broker itself


def test_management(broker, client):
    assert client.ask(b"mmi.service", b"event") == b"404"
    worker = Worker(broker, credit=3)
    await_workers(client, "event", 1)
    assert client.ask(b"mmi.service", b"event") == b"200"
    assert client.ask(b"mmi.service", b"nosuch") == b"404"
    assert client.ask(b"mmi.service") == b"404"
    assert client.ask(b"mmi.nosuch", b"event") == b"501"

    client.call(b"event", *[header() for _ in range(5)])
    worker.take()
    statistics = client.statistics()
    event = statistics["services"]["event"]
    assert (event["queue_depth"], event["in_flight"], event["counters"]["received"]) == (2, 3, 5)
    assert [(one["credit"], one["in_flight"], one["draining"]) for one in event["workers"]] == [(3, 3, False)]
    assert event["queue_time"]["count"] == event["queue_time"]["buckets"][-1]["count"] == 3
    assert event["queue_time"]["buckets"][-1]["le_us"] is None
    assert set(statistics["services"]) >= {"auth", "booking", "crm", "event", "payment"}


def test_sigterm_finishes_what_is_in_flight_and_refuses_what_is_new(make_broker):
    broker = make_broker()
    client, worker = Client(broker), Worker(broker)
    client.call(b"event")
    address, calls = worker.take()
    broker.process.terminate()
    await_statistics(client, lambda now: now["stopping"])
    client.call(b"event")
    assert client.refusal(b"event") == "unavailable"
    worker.answer(address, calls)
    assert len(client.answers(b"event")) == 1
    assert broker.process.wait(5) == 0


def test_a_broker_that_was_killed_finds_its_workers_again(make_broker):
    broker = make_broker()
    worker, client = Worker(broker), Client(broker)
    client.call(b"event")
    worker.serve()
    client.answers(b"event")
    broker.process.kill()
    broker.process.wait()
    broker.start()
    deadline = time.monotonic() + 10
    while True:
        worker.send(b"MDPW02", HEARTBEAT)
        if worker.socket.poll(300) and worker.receive()[1] == DISCONNECT:
            break
        assert time.monotonic() < deadline
    worker.ready()
    client.call(b"event")
    while (message := worker.receive())[1] != REQUEST:
        if message[1] == DISCONNECT:
            worker.ready()
    worker.answer(message[2], [message[4:]])
    assert len(client.answers(b"event")) == 1


def test_only_the_owner_may_open_the_socket(broker, client, tmp_path):
    client.statistics()
    assert stat.S_IMODE(os.stat(tmp_path / "run").st_mode) == 0o700
    assert stat.S_IMODE(os.stat(tmp_path / "run" / "broker-0.sock").st_mode) == 0o600


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:5999", "http://127.0.0.1:5999", "inproc://x", ""])
def test_a_bind_that_is_not_safe_stops_the_start_with_one_sentence(address):
    run = subprocess.run(
        [BUILD / "tithi-broker", "--bind", address], env={"BROKER_URLS": "ipc://x"}, capture_output=True, text=True, timeout=10
    )
    assert run.returncode == 78
    assert len(run.stderr.strip().splitlines()) == 1


# tcp, with certificates


@pytest.fixture
def keys(tmp_path):
    folder = tmp_path / "keys"
    for _ in range(2):  # the second time keeps what is there
        subprocess.run([BUILD / "tithi-broker", "--make-keys", folder], env={}, check=True, timeout=30)
    return folder


@pytest.fixture
def tcp_broker(make_broker, keys):
    return make_broker(f"tcp://127.0.0.1:{free_port()}", BROKER_CURVE_DIR=str(keys))


def test_certificates_are_for_the_owner_alone(keys):
    names = {"broker", "gateway", "tithi", "auth", "event", "booking", "payment", "crm"}
    assert {path.stem for path in keys.glob("*.key_secret")} == names
    assert {path.stem for path in (keys / "clients").glob("*.key")} == names - {"broker"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keys.glob("*.key_secret"))
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700


def test_certified_peers_work_over_tcp(tcp_broker, keys):
    worker = Worker(tcp_broker, credit=2, curve=(keys, "event"))
    client = Client(tcp_broker, curve=(keys, "gateway"))
    client.call(b"event", header(), header())
    worker.serve()
    assert len(client.answers(b"event")) == 2


def test_an_unknown_key_and_no_key_are_not_let_in(tcp_broker, keys):
    public, secret = zmq.curve_keypair()
    (keys / "stranger.key_secret").write_text(f'curve\n    public-key = "{public.decode()}"\n    secret-key = "{secret.decode()}"\n')
    stranger, plain = Client(tcp_broker, curve=(keys, "stranger")), Client(tcp_broker)
    for outsider in (stranger, plain):
        outsider.socket.sndtimeo = 500
        with contextlib.suppress(zmq.Again):  # libzmq may have given up the connection already
            outsider.call(b"mmi.stats")
        assert outsider.hears_nothing(500)
    client = Client(tcp_broker, curve=(keys, "gateway"))
    assert client.statistics()["counters"]["unauthenticated"] >= 1
    certificate = f'metadata\n    client = "yes"\ncurve\n    public-key = "{public.decode()}"\n'
    (keys / "clients" / "stranger.key").write_text(certificate)  # from now on it is known
    assert Client(tcp_broker, curve=(keys, "stranger")).statistics()["uptime_ms"] > 0


def test_a_key_serves_and_calls_only_what_its_certificate_says(tcp_broker, keys):
    client = Client(tcp_broker, curve=(keys, "gateway"))
    Worker(tcp_broker, b"payment", curve=(keys, "event"))
    Client(tcp_broker, curve=(keys, "event")).call(b"event")
    Worker(tcp_broker, b"event", curve=(keys, "gateway"))
    Worker(tcp_broker, b"event", curve=(keys, "event"))
    await_workers(client, "event", 1)
    statistics = await_statistics(client, lambda now: now["counters"]["forbidden"] == 3)
    assert statistics["services"]["payment"]["workers"] == []
    assert len(statistics["services"]["event"]["workers"]) == 1
    assert statistics["services"]["event"]["counters"]["received"] == 0


def test_tcp_without_the_folder_of_certificates_does_not_start(tmp_path):
    run = subprocess.run(
        [BUILD / "tithi-broker", "--bind", f"tcp://127.0.0.1:{free_port()}"],
        env={"BROKER_CURVE_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=10,
    )  # fmt: skip
    assert run.returncode == 78 and "clients" in run.stderr


# The Python worker of docs/


def start_python_worker(*brokers, **environment):
    urls = ",".join(broker.address for broker in brokers)
    return subprocess.Popen([ROOT / "docs" / "worker.py"], env={"BROKER_URLS": urls, **environment})


def test_the_python_worker_is_short():
    assert len((ROOT / "docs" / "worker.py").read_text().splitlines()) < 60


@pytest.mark.parametrize("over", ["ipc", "tcp"])
def test_the_python_worker_serves_at_every_broker(make_broker, keys, over):
    curve = {"BROKER_CURVE_DIR": str(keys)} if over == "tcp" else {}
    brokers = [make_broker(f"tcp://127.0.0.1:{free_port()}" if curve else None, **curve) for _ in range(2)]
    worker = start_python_worker(*brokers, **curve)
    for broker in brokers:
        client = Client(broker, curve=(keys, "gateway") if curve else None)
        client.call(b"event", header(), payload=msgpack.packb({"event_id": 7}))
        [(head, event)] = client.answers(b"event")
        assert "refusal" not in msgpack.unpackb(head) and msgpack.unpackb(event)["id"] == 7
        client.call(b"event", header(), payload=msgpack.packb({"event_id": 1234}))
        assert client.refusal(b"event") == "event_not_found"
        client.call(b"event", header(op="nosuch"), header(), payload=b"\xc1")
        assert [msgpack.unpackb(head)["refusal"] for head, _ in client.answers(b"event")] == ["internal_error"] * 2
    brokers[0].process.kill()
    brokers[0].process.wait()
    brokers[0].start()
    client = Client(brokers[0], curve=(keys, "gateway") if curve else None)
    client.call(b"event", header(), payload=msgpack.packb({"event_id": 7}))
    assert len(client.answers(b"event")) == 1
    worker.terminate()
    assert worker.wait(5) == 0


def test_the_python_worker_serves_a_real_gateway(broker, client):
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"], "BROKER_URLS": broker.address, "HTTP_PORT": str(port), "CRM_PORT": str(free_port()),
        "JWT_SECRET_KEY": "tests-only-key-of-the-access-tokens-0123456789abcdef", "CRM_BEARER_TOKEN": "super-crm-token",
        "REDIS_URL": "unix:///nonexistent/redis.sock",
    }  # fmt: skip
    worker = start_python_worker(broker)
    gateway = subprocess.Popen([BUILD / "tithi-gateway"], env=environment)
    try:
        await_workers(client, "event", 1)
        deadline = time.monotonic() + 10
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/events/7", timeout=5) as answer:
                    event = json.load(answer)
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert (event["id"], event["title"], event["price"]) == (7, "Yoga at sunrise", 0)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/events/1234", timeout=5)
        assert refused.value.code == 404 and json.load(refused.value)["code"] == "event_not_found"
    finally:
        gateway.kill()
        worker.kill()
        gateway.wait()
        worker.wait()
