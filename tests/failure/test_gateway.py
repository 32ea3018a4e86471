"""The real tithi-gateway between clients and a real broker, with workers that answer as the test wants and a Redis that comes and goes:
what it shares, repeats, gives up, remembers and finishes."""

import base64
import concurrent.futures
import gzip
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import uuid

import msgpack
import pytest
import zmq

from document import ROOT
from harness import free_port

BUILD = ROOT / "build" / os.environ.get("TITHI_BUILD", "release")
KEY = "tests-only-key-of-the-access-tokens-0123456789abcdef"
SERVICES = ["auth", "event", "booking", "payment", "crm"]
PATIENCE_S = 20
EVENT = {
    "id": 1, "title": "Morning", "description": "Om " * 1000, "event_type": "session",
    "start_datetime": "2031-01-01T10:00:00Z", "end_datetime": None, "time_zone": "UTC", "location": None, "virtual_link": None,
    "max_participants": 10, "current_participants": 1, "available_spots": 9, "price_minor": 0, "currency": "INR", "rating": None,
    "review_count": 0, "language": None, "is_active": True, "status": "active", "facilitator": {"id": 2, "name": "F", "email": "f@example.com"}, "facilitator_id": 2,
    "facilitator_crm_id": None, "created_at": "2030-01-01T10:00:00Z", "updated_at": "2030-01-01T10:00:00Z",
}


def until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)
    return found


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(session=None, **claims):
    now = int(time.time())
    claims = {"sub": "7", "iat": now, "exp": now + 600, "jti": str(uuid.uuid4()), "sid": session or str(uuid.uuid4()),
              "use": "access", "role": "user", **claims}
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    signature = hmac.new(KEY.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


class Worker(threading.Thread):
    """Serves one service, one call after the other. `answer(header, payload)` gives (refusal or None, reply), perhaps with more for the
    answer's header, or None: no answer."""

    def __init__(self, address, service, answer=None):
        super().__init__(daemon=True)
        self.address, self.service, self.answer = address, service, answer
        self.calls = []
        self.stopping = threading.Event()
        self.start()

    def run(self):
        wire = zmq.Context.instance().socket(zmq.DEALER)
        wire.linger = 0
        wire.connect(self.address)
        ready = [b"MDPW02", b"\1", self.service.encode(), msgpack.packb(16)]
        wire.send_multipart(ready)
        while not self.stopping.is_set():
            if not wire.poll(100):
                wire.send_multipart([b"MDPW02", b"\5"])
                continue
            frames = wire.recv_multipart()
            if frames[1] == b"\6":
                wire.send_multipart(ready)
            if frames[1] != b"\2":
                continue
            for header, payload in zip(frames[4::2], frames[5::2]):
                if (reply := self.reply_to(msgpack.unpackb(header), msgpack.unpackb(payload))) is not None:
                    wire.send_multipart([b"MDPW02", b"\4", frames[2], b"", *reply])
        wire.close()

    def reply_to(self, header, payload):
        if header["op"] == "ping":
            refusal, reply, more = None, {"service": self.service, "database": "ok", "redis": None}, {}
        else:
            self.calls.append(header)
            outcome = self.answer(header, payload)
            if outcome is None:
                return None
            refusal, reply, more = (*outcome, {})[:3]
        head = {"id": header["id"], **({"refusal": refusal} if refusal else {}), **more}
        return msgpack.packb(head), msgpack.packb(reply)

    def stop(self):
        self.stopping.set()
        self.join()


class Process:
    def __init__(self, program, *arguments, folder, executable=None, **environment):
        self.log_path = folder / f"{pathlib.Path(program).name}-{uuid.uuid4().hex[:6]}.log"
        command = [program, *map(str, arguments)]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(command, executable=executable, stderr=log, stdout=log, env={**os.environ, **environment})

    @property
    def log(self):
        return self.log_path.read_text()

    def signal(self, number):
        self.process.send_signal(number)

    def ended(self):
        return self.process.wait(PATIENCE_S)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Gateway(Process):
    def __init__(self, world, **environment):
        self.port, self.crm_port = int(environment.get("HTTP_PORT", 0)) or free_port(), free_port()
        settings = {"JWT_SECRET_KEY": KEY, "BROKER_URLS": world.broker_urls, "REDIS_URL": f"unix://{world.folder}/redis.sock",
                    "HTTP_PORT": str(self.port), "CRM_PORT": str(self.crm_port), "RATE_LIMIT_READ": "off",
                    "RATE_LIMIT_WRITE": "off", "RATE_LIMIT_AUTH": "off", **environment}
        super().__init__(BUILD / "tithi-gateway", folder=world.folder, **settings)
        try:
            until(lambda: self.process.poll() is not None or self.accepts(), "the gateway")
            assert self.process.poll() is None, self.log
        except AssertionError:
            self.kill()
            raise

    def accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except OSError:
            return False

    def request(self, method, path, body=None, source="127.0.0.1", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S, source_address=(source, 0))
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.text = answer.read()
        connection.close()
        return answer

    def get(self, path, **headers):
        return self.request("GET", path, **headers)

    def ready(self):
        return json.loads(self.get("/readyz").text)["status"]

    def metric(self, name):
        lines = self.get("/metrics").text.decode().splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


class World:
    def __init__(self, folder, brokers=1):
        self.folder = folder
        self.addresses = [f"ipc://{folder}/broker-{number}.sock" for number in range(brokers)]
        self.broker_urls = ",".join(self.addresses)
        self.parts = []
        self.redis = self.start_redis()
        self.brokers = [self.start_broker(number) for number in range(brokers)]

    def keep(self, made):
        self.parts.append(made)
        return made

    def start_broker(self, number):
        address = self.addresses[number]
        return self.keep(Process(BUILD / "tithi-broker", "--bind", address, folder=self.folder, BROKER_URLS=self.broker_urls))

    def start_redis(self):
        # The package redis-tools has the server's program under this name only.
        made = Process(
            "redis-server", "--port", 0, "--unixsocket", self.folder / "redis.sock", "--save", "",
            folder=self.folder, executable="/usr/bin/redis-check-rdb",
        )  # fmt: skip
        until((self.folder / "redis.sock").exists, "Redis")
        return self.keep(made)

    def redis_cli(self, *command):
        done = subprocess.run(["redis-cli", "-s", self.folder / "redis.sock", *command], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def worker(self, service, answer=None, broker=0):
        return self.keep(Worker(self.addresses[broker], service, answer))

    def gateway(self, **environment):
        return self.keep(Gateway(self, **environment))

    def close(self):
        for made in reversed(self.parts):
            made.stop() if isinstance(made, Worker) else made.kill()


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="tithi-") as folder:
        yield pathlib.Path(folder)


@pytest.fixture
def world(folder):
    world = World(folder)
    yield world
    world.close()


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        yield pool


def slowly(seconds, answer=lambda header, payload: (None, EVENT)):
    def wait(header, payload):
        time.sleep(seconds)
        return answer(header, payload)

    return wait


def silent(header, payload):
    return None


class TestSharing:
    def test_each_answer_was_read_after_its_request_came(self, world, pool):
        """One runs, one waits, and whoever comes joins the one that waits."""
        worker = world.worker("event", slowly(0.4, lambda header, payload: (None, {**EVENT, "title": repr(len(worker.calls))})))
        gateway = world.gateway()
        first = pool.submit(gateway.get, "/events/1")
        until(lambda: worker.calls, "the first run")
        others = [pool.submit(gateway.get, "/events/1") for _ in range(8)]
        assert json.loads(first.result().text)["title"] == "1"
        assert {json.loads(other.result().text)["title"] for other in others} == {"2"}
        assert len(worker.calls) == 2

    def test_others_run_by_themselves(self, world, pool):
        worker = world.worker("event", lambda header, payload: (None, {**EVENT, "id": payload["event_id"]}))
        gateway = world.gateway()
        answers = list(pool.map(lambda number: json.loads(gateway.get(f"/events/{number}").text)["id"], range(1, 40)))
        assert answers == list(range(1, 40)) and len(worker.calls) == 39

    def test_what_is_unchanged_is_sent_once(self, world, pool):
        """Asked each time, answered from what was sent before, in all its forms."""
        state = {"version": "v1"}

        def answer(header, payload):
            time.sleep(0.1)  # so that some wait together
            if header.get("known") == state["version"]:
                return None, {}, {"version": state["version"], "unchanged": True}
            return None, {**EVENT, "title": state["version"]}, {"version": state["version"]}

        worker = world.worker("event", answer)
        gateway = world.gateway()

        def titles(count, **headers):
            asked = [pool.submit(gateway.get, "/events/1", **headers) for _ in range(count)]
            return {json.loads(gzip.decompress(a.text) if a.headers["Content-Encoding"] else a.text)["title"]
                    for a in (each.result() for each in asked)}

        assert titles(9) == {"v1"} and "known" not in worker.calls[0]
        first = gateway.get("/events/1")
        assert worker.calls[-1]["known"] == "v1" and json.loads(first.text)["title"] == "v1"
        again = gateway.get("/events/1", **{"If-None-Match": first.headers["ETag"]})
        assert again.status == 304 and worker.calls[-1]["known"] == "v1"
        assert titles(4, **{"Accept-Encoding": "gzip"}) == {"v1"}
        state["version"] = "v2"
        assert titles(9) == {"v2"}
        assert gateway.get("/events/1", **{"If-None-Match": first.headers["ETag"]}).status == 200

    def test_no_answer_is_kept_for_long(self, world, pool):
        worker = world.worker("event", slowly(0.1, lambda header, payload: (None, EVENT, {"version": "v1"})))
        gateway = world.gateway()
        assert {each.result().status for each in [pool.submit(gateway.get, "/events/1") for _ in range(9)]} == {200}
        time.sleep(1.5)
        gateway.get("/events/1")
        assert "known" not in worker.calls[-1]

    def test_unchanged_unasked_is_no_answer(self, world):
        world.worker("event", lambda header, payload: (None, {}, {"version": "v1", "unchanged": True}))
        answer = world.gateway().get("/events/1")
        assert (answer.status, json.loads(answer.text)["code"]) == (500, "internal_error")

    def test_a_shared_read_carries_no_caller(self, world):
        worker = world.worker("event", lambda header, payload: (None, EVENT))
        world.gateway().get("/events/1", Authorization=f"Bearer {token()}")
        assert worker.calls[0]["caller"]["user_id"] == 0

    def test_one_that_hangs_does_not_hold_up_those_after_it(self, world, pool):
        worker = world.worker("event", lambda header, payload: None if len(worker.calls) == 1 else (None, EVENT))
        gateway = world.gateway()
        first = pool.submit(gateway.get, "/events/1")
        until(lambda: worker.calls, "the first run")
        time.sleep(1)
        second = pool.submit(gateway.get, "/events/1")
        assert first.result().status == 504
        assert second.result().status == 200


class TestDeadlines:
    def test_no_answer(self, world):
        world.worker("event", silent)
        gateway = world.gateway()
        started = time.monotonic()
        answer = gateway.get("/events/1")
        assert (answer.status, json.loads(answer.text)["code"]) == (504, "deadline_exceeded")
        assert 10 <= time.monotonic() - started < 12
        assert gateway.metric("tithi_gateway_waiting_calls") == 0

    def test_no_broker(self, world):
        gateway = world.gateway()
        world.brokers[0].kill()
        answer = gateway.get("/events/1")
        assert (answer.status, json.loads(answer.text)["code"]) == (503, "unavailable") and answer.headers["Retry-After"]

    def test_clients_that_left(self, world):
        world.worker("event", slowly(0.5))
        gateway = world.gateway()
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", gateway.port)) as client:
                client.sendall(b"GET /events/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: gateway.metric("tithi_gateway_connections") == 1, "the end of their connections")
        assert gateway.metric("tithi_gateway_waiting_calls") == 0


class TestAnswers:
    @pytest.mark.parametrize(
        "answer, status, code",
        [
            (("event_not_found", {}), 404, "event_not_found"),
            (("no_such_code", {}), 500, "internal_error"),
            ((None, {"id": "no number"}), 500, "internal_error"),
            ((None, []), 500, "internal_error"),
            (("event_full", {"details": 5}), 400, "event_full"),
        ],
    )
    def test_of_workers(self, world, answer, status, code):
        world.worker("event", lambda header, payload: answer)
        got = world.gateway().get("/events/1")
        assert (got.status, json.loads(got.text)["code"]) == (status, code)

    def test_details_and_patience(self, world):
        world.worker("event", lambda header, payload: ("overloaded", {"details": {"title": 'is "odd"'}, "retry_after_s": 7}))
        answer = world.gateway().get("/events/1")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
        assert json.loads(answer.text)["details"] == {"title": 'is "odd"'}

    def test_what_the_contract_does_not_list_does_not_leak(self, world):
        world.worker("event", lambda header, payload: (None, {**EVENT, "secret": "x"}))
        assert "secret" not in json.loads(world.gateway().get("/events/1").text)


class TestBrokers:
    def test_calls_of_a_killed_broker_go_to_its_successor(self, world, pool):
        worker = world.worker("event", slowly(0.5))
        gateway = world.gateway()
        answers = [pool.submit(gateway.get, f"/events/{number}") for number in range(1, 5)]
        until(lambda: worker.calls, "the first run")
        world.brokers[0].kill()
        answers.append(pool.submit(gateway.get, "/events/5"))
        time.sleep(0.3)
        world.start_broker(0)
        assert [answer.result().status for answer in answers] == [200] * 5

    def test_a_repeated_call_keeps_its_id(self, world, pool):
        worker = world.worker("booking", lambda header, payload: None if len(worker.calls) == 1 else ("event_full", {}))
        gateway = world.gateway()
        answer = pool.submit(gateway.request, "POST", "/bookings", {"event_id": 1}, Authorization=f"Bearer {token()}")
        until(lambda: worker.calls, "the first run")
        world.brokers[0].kill()
        world.start_broker(0)
        assert answer.result().status == 400
        assert len({call["id"] for call in worker.calls}) == len({call["command"] for call in worker.calls}) == 1
        assert worker.calls[-1]["ttl_ms"] < worker.calls[0]["ttl_ms"]

    def test_two_side_by_side(self, folder, pool):
        world = World(folder, brokers=2)
        try:
            workers = [world.worker("event", slowly(0.3), broker) for broker in range(2)]
            gateway = world.gateway()
            until(lambda: "broker-1.sock is there" in gateway.log, "the second broker")
            for number in range(1, 5):
                assert gateway.get(f"/events/{number}").status == 200
            assert all(worker.calls for worker in workers), "both take part"
            answers = [pool.submit(gateway.get, f"/events/{number}") for number in range(1, 5)]
            time.sleep(0.1)
            world.brokers[0].kill()
            assert [answer.result().status for answer in answers] == [200] * 4
        finally:
            world.close()


class TestReadiness:
    def test_all_there(self, world):
        workers = {service: world.worker(service) for service in SERVICES}
        gateway = world.gateway()
        until(lambda: gateway.ready() == "ok", "readiness")
        workers["payment"].stop()
        until(lambda: gateway.ready() == "unavailable", "the worker's end")
        document = json.loads(gateway.get("/readyz").text)["dependencies"]
        assert document["payment"] == "away" and document["event"] == "ok"
        assert gateway.get("/readyz").status == 503 and gateway.get("/healthz").status == 200


class TestRedis:
    def test_an_ended_session_is_refused_at_once(self, world):
        world.worker("event", lambda header, payload: (None, EVENT))
        gateway = world.gateway()
        session = str(uuid.uuid4())
        bearer = {"Authorization": f"Bearer {token(session)}"}
        until(lambda: gateway.metric("tithi_gateway_redis_up") == 1, "Redis")
        assert gateway.get("/events/1", **bearer).status == 200
        world.redis_cli("SET", f"tithi:revoked:{session}", "1", "EX", "60")
        answer = gateway.get("/events/1", **bearer)
        assert (answer.status, json.loads(answer.text)["code"]) == (401, "invalid_token")

    def test_limits_count_for_all_gateways(self, world):
        world.worker("event", lambda header, payload: (None, EVENT))
        gateways = [world.gateway(RATE_LIMIT_READ="4/60") for _ in range(2)]
        for gateway in gateways:
            until(lambda: gateway.metric("tithi_gateway_redis_up") == 1, "Redis")
        answers = [gateway.get("/events/1") for gateway in gateways * 3]
        assert [answer.status for answer in answers] == [200] * 4 + [429] * 2
        assert [answer.headers["RateLimit"].split(";")[1] for answer in answers[:4]] == ["r=3", "r=2", "r=1", "r=0"]
        assert answers[0].headers["RateLimit-Policy"] == '"read";q=4;w=60' and int(answers[-1].headers["Retry-After"]) <= 15

    def test_sign_in_is_limited_per_address(self, world):
        """And not per account: anybody could keep its person out."""
        world.worker("auth", lambda header, payload: ("invalid_credentials", {}))
        gateway = world.gateway(RATE_LIMIT_AUTH="2/60", TRUSTED_PROXIES="127.0.0.1")
        until(lambda: gateway.metric("tithi_gateway_redis_up") == 1, "Redis")

        def sign_in(address, email):
            body = {"email": email, "password": "password123"}
            return gateway.request("POST", "/auth/login", body, X_Forwarded_For=address).status

        assert [sign_in(f"192.0.2.{number}", "one@example.com") for number in range(4)] == [401] * 4
        assert [sign_in("192.0.2.9", f"{name}@example.com") for name in ("one", "two", "three")] == [401, 401, 429]
        assert not any("example.com" in key for key in world.redis_cli("KEYS", "*").split()), "addresses do not stand in Redis"

    @pytest.mark.parametrize("how", ["killed", "hanging", "emptied"])
    def test_away(self, world, how):
        for service in SERVICES:
            world.worker(service, lambda header, payload: (None, EVENT))
        gateway = world.gateway(RATE_LIMIT_READ="100/60")
        until(lambda: gateway.ready() == "ok", "readiness")
        if how == "killed":
            world.redis.kill()
        elif how == "hanging":
            world.redis.signal(signal.SIGSTOP)
        else:
            world.redis_cli("SCRIPT", "FLUSH")
        bearer = {"Authorization": f"Bearer {token()}"}
        for _ in range(3):
            started = time.monotonic()
            assert gateway.get("/events/1", **bearer).status == 200
            assert time.monotonic() - started < 1
        if how != "emptied":
            until(lambda: gateway.ready() == "degraded", "what is missing")
            assert gateway.get("/readyz").status == 200
        if how == "killed":
            (world.folder / "redis.sock").unlink(missing_ok=True)
            world.start_redis()
        world.redis.signal(signal.SIGCONT) if how == "hanging" else None
        until(lambda: gateway.ready() == "ok", "its return")


class TestCommands:
    def test_a_key_that_runs_is_not_run_again(self, world, pool):
        worker = world.worker("booking", slowly(0.5, lambda header, payload: ("event_full", {})))
        gateway = world.gateway()
        headers = {"Authorization": f"Bearer {token()}", "Idempotency_Key": '"a \\"key\\""'}
        answers = list(pool.map(lambda _: gateway.request("POST", "/bookings", {"event_id": 1}, **headers), range(4)))
        assert sorted(answer.status for answer in answers) == [400, 409, 409, 409]
        assert {answer.headers["Retry-After"] for answer in answers if answer.status == 409} == {"1"}
        assert len(worker.calls) == 1

    def test_ids(self, world):
        """The same person and key give the same id, whatever the token; all else gives another."""
        worker = world.worker("booking", lambda header, payload: ("event_full", {}))
        gateway = world.gateway()
        for person, key in (("7", "a"), ("7", '"a"'), ("8", "a"), ("7", "b"), ("7", None), ("7", None)):
            headers = {"Idempotency_Key": key} if key else {}
            gateway.request("POST", "/bookings", {"event_id": 1}, Authorization=f"Bearer {token(sub=person)}", **headers)
        ids = [call["command"] for call in worker.calls]
        assert ids[0] == ids[1] and len(set(ids)) == 5

    @pytest.mark.parametrize("key", ["", "x" * 256, "a b", '"a', '""', '"a\\"', "é", "a\tb"])
    def test_bad_keys(self, world, key):
        answer = world.gateway().request("POST", "/bookings", {"event_id": 1}, Authorization=f"Bearer {token()}",
                                         Idempotency_Key=key.encode())
        assert (answer.status, list(json.loads(answer.text)["details"])) == (400, ["Idempotency-Key"])


class TestEnvelope:
    def test_what_workers_hear(self, world):
        worker = world.worker("booking", lambda header, payload: ("event_full", {}))
        gateway = world.gateway(TRUSTED_PROXIES="127.0.0.2/32, 10.0.0.0/8")
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
        session = str(uuid.uuid4())
        gateway.request("POST", "/bookings", {"event_id": 1}, source="127.0.0.2", Authorization=f"Bearer {token(session, role='facilitator')}",
                        X_Forwarded_For="6.6.6.6, 192.0.2.1, 10.1.2.3", traceparent=trace, X_Request_Id="my-id")
        call = worker.calls[0]
        assert call["caller"] == {"user_id": 7, "role": "facilitator", "session": session, "address": "192.0.2.1"}
        assert call["request_id"] == "my-id" and 0 < call["ttl_ms"] <= 10000
        assert call["trace"].split("-")[1] == trace.split("-")[1] and call["trace"].split("-")[2] != trace.split("-")[2]

    def test_strangers_are_not_believed(self, world):
        worker = world.worker("booking", lambda header, payload: ("event_full", {}))
        world.gateway(TRUSTED_PROXIES="127.0.0.2/32").request(
            "POST", "/bookings", {"event_id": 1}, Authorization=f"Bearer {token()}", X_Forwarded_For="192.0.2.1")
        assert worker.calls[0]["caller"]["address"] == "127.0.0.1"


class TestOrigins:
    def test_allowed(self, world):
        gateway = world.gateway(CORS_ORIGINS="https://app.example,https://other.example")
        ours = {"Origin": "https://app.example"}
        preflight = gateway.request("OPTIONS", "/events/1", Access_Control_Request_Method="PUT", **ours)
        assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, "https://app.example")
        assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
        assert "Idempotency-Key" in preflight.headers["Access-Control-Allow-Headers"]
        for path in ("/healthz", "/nothing"):
            answer = gateway.get(path, **ours)
            assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example" and "Origin" in answer.headers["Vary"]

    @pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.evil", "null", "http://app.example"])
    def test_foreign(self, world, origin):
        gateway = world.gateway(CORS_ORIGINS="https://app.example")
        for method in ("GET", "OPTIONS"):
            answer = gateway.request(method, "/healthz", Origin=origin, Access_Control_Request_Method="GET")
            assert not [name for name in answer.headers if name.startswith("Access-Control")]


class TestListeners:
    def test_metrics_on_their_own_port(self, world):
        port = free_port()
        gateway = world.gateway(METRICS_PORT=str(port))
        assert gateway.get("/metrics").status == 404
        gateway.port = port
        assert gateway.get("/metrics").status == gateway.get("/healthz").status == 200
        assert gateway.get("/events/1").status == gateway.get("/").status == 404

    def test_crm_service(self, world):
        world.worker("crm", lambda header, payload: (None, {"notifications": [], "next": None}))
        gateway = world.gateway(CRM_BEARER_TOKEN="super-crm-token")
        assert gateway.get("/api/notifications", Authorization="Bearer super-crm-token").status == 404
        gateway.port = gateway.crm_port
        for header, status in (("Bearer super-crm-token", 200), ("Bearer super-crm-toke", 401), (f"Bearer {token()}", 401)):
            assert gateway.get("/api/notifications", Authorization=header).status == status
        assert gateway.get("/api/notifications").status == 401 and gateway.get("/events").status == 404

    def test_connections_are_bounded(self, world):
        gateway = world.gateway(MAX_CONNECTIONS="4")
        address = ("127.0.0.1", gateway.port)
        time.sleep(0.2)
        idle = [socket.create_connection(address) for _ in range(4)]
        time.sleep(0.2)
        with socket.create_connection(address, timeout=1) as late:
            late.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            with pytest.raises(TimeoutError):
                late.recv(1)
            idle[0].close()
            late.settimeout(5)
            assert late.recv(15) == b"HTTP/1.1 200 OK"
        for connection in idle:
            connection.close()

    def test_tls(self, world):
        def certificate(name):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}",
                            "-keyout", world.folder / "key.pem", "-out", world.folder / "cert.pem"], check=True, capture_output=True)

        def subject():
            context = ssl._create_unverified_context()
            context.set_alpn_protocols(["h2", "http/1.1"])
            with socket.create_connection(("127.0.0.1", gateway.port)) as plain, context.wrap_socket(plain) as secure:
                assert secure.selected_alpn_protocol() is None and secure.version() in ("TLSv1.2", "TLSv1.3")
                secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
                assert b"Strict-Transport-Security: max-age=31536000" in secure.recv(65536)
                return secure.getpeercert(binary_form=True)

        certificate("one")
        gateway = world.gateway(TLS_CERT_FILE=str(world.folder / "cert.pem"), TLS_KEY_FILE=str(world.folder / "key.pem"))
        first = subject()
        certificate("two")
        gateway.signal(signal.SIGHUP)
        until(lambda: subject() != first, "the new certificate")
        second = subject()
        (world.folder / "cert.pem").write_text("nonsense")
        gateway.signal(signal.SIGHUP)
        until(lambda: "cannot be used" in gateway.log, "the complaint")
        assert subject() == second


class TestEnd:
    def test_what_is_in_hand_is_finished(self, world, pool):
        worker = world.worker("event", slowly(1))
        gateway = world.gateway()
        kept = http.client.HTTPConnection("127.0.0.1", gateway.port)
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        running = pool.submit(gateway.get, "/events/1")
        until(lambda: worker.calls, "the first run")
        gateway.signal(signal.SIGTERM)
        until(lambda: not gateway.accepts(), "closed ports")
        kept.request("GET", "/readyz")
        answer = kept.getresponse()
        assert (answer.status, answer.headers["Connection"], json.loads(answer.read())["status"]) == (503, "close", "draining")
        assert (running.result().status, running.result().headers["Connection"]) == (200, "close")
        assert gateway.ended() == 0

    def test_two_gateways_share_the_port(self, world):
        world.worker("event", lambda header, payload: (None, EVENT))
        first = world.gateway()
        second = world.gateway(HTTP_PORT=str(first.port))
        until(lambda: "listening on" in second.log, "the second gateway")  # its port was open before it
        first.signal(signal.SIGTERM)
        assert first.ended() == 0
        assert second.accepts() and first.get("/events/1").status == 200
