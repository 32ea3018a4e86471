"""A reply that is another service's request: createBooking's, continued by preparePayment. A real gateway and broker; the two
workers are Python and do, by the booking's event, everything that a payment worker may do: answer, refuse, fail, be silent, be away."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import threading
import time
import uuid

import msgpack
import pytest
import requests
import zmq

from document import ROOT
from harness import JWT_KEY, Client, free_port

BUILD = ROOT / "build" / os.environ.get("TITHI_BUILD", "release")
READY, REQUEST, FINAL, HEARTBEAT = (bytes([n]) for n in (1, 2, 4, 5))
HOP_MS, RESERVE_MS, DEADLINE_MS = 8000, 500, 10000

# What the payment worker does, by event. A refusal is answered; SILENT is not.
PAID, FREE, NO_PROVIDER, FAILING, UNKNOWN_REFUSAL, NONSENSE, SILENT, LATE, TOO_LATE, OLDER = range(1, 11)
REFUSALS = {
    NO_PROVIDER: "currency_without_provider", FAILING: "provider_unavailable", UNKNOWN_REFUSAL: "no_such_refusal",
    OLDER: "validation_error",  # what a worker says that does not know the message yet
}  # fmt: skip
DETAILS = {"currency": "has no provider"}
BOOKING_TAKES_S = {LATE: 6, TOO_LATE: 9.6}


def access_token(user_id=7):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    now = int(time.time())
    claims = {"sub": str(user_id), "iat": now, "exp": now + 600, "use": "access", "role": "user"}
    signed = part({"alg": "HS256"}) + b"." + part({**claims, "jti": str(uuid.uuid4()), "sid": str(uuid.uuid4())})
    signature = hmac.new(JWT_KEY.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


class Worker(threading.Thread):
    """Serves one operation. `answer(header, payload)` returns (refusal, bytes, seconds to wait), or None to be silent."""

    def __init__(self, address, service, answer):
        super().__init__(daemon=True)
        self.service, self.answer = service, answer
        self.seen, self.later, self.going = [], [], True
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(address)
        self.say(READY, service, msgpack.packb(100))
        self.start()

    def say(self, *frames):
        self.socket.send_multipart([b"MDPW02", *frames])

    def take(self, client, head, payload):
        header = msgpack.unpackb(head)
        self.seen.append((header, payload))
        answered = self.answer(header, payload)
        if answered:
            refusal, reply, wait_s = answered
            head = msgpack.packb({"id": header["id"], **({"refusal": refusal} if refusal else {})})
            self.later.append((time.monotonic() + wait_s, (FINAL, client, b"", head, reply)))

    def run(self):
        beat = 0
        while self.going:
            if time.monotonic() > beat:
                self.say(HEARTBEAT)
                beat = time.monotonic() + 1
            for due in [due for due in self.later if time.monotonic() >= due[0]]:
                self.later.remove(due)
                self.say(*due[1])
            if self.socket.poll(20):
                _, command, *rest = self.socket.recv_multipart()
                if command == REQUEST:
                    client, _, *pairs = rest
                    for i in range(0, len(pairs), 2):
                        self.take(client, pairs[i], pairs[i + 1])
        self.socket.close()

    def stop(self):
        self.going = False
        self.join()

    def seen_of(self, request_id):
        return [(header, payload) for header, payload in self.seen if header["request_id"] == request_id]


def booked(event):
    """createBooking's reply, with a key that this gateway's contract does not know."""
    booking = {"id": 100 + event, "booking_reference": f"BK{event}", "event_id": event, "status": "pending", "currency": "INR"}
    booking.update(price_minor=2500, payment_status="pending", notes=None, refund=None)
    return {"newer": [1], "message": "Booked", "payment_due": event != FREE, "payment_url": None, "booking": booking}


def book(header, payload):
    assert header["op"] == "createBooking"
    event = msgpack.unpackb(payload)["event_id"]
    return None, msgpack.packb(booked(event)), BOOKING_TAKES_S.get(event, 0)


def prepare(header, payload):
    assert header["op"] == "preparePayment"
    reply = msgpack.unpackb(payload)
    event = reply["booking"]["event_id"]
    if event == SILENT:
        return None
    if event in REFUSALS:
        return REFUSALS[event], msgpack.packb({"details": DETAILS}), 0
    if event == NONSENSE:
        return None, msgpack.packb({"booking": "none"}), 0
    reply["booking"]["payment_url"] = reply["payment_url"] = "https://pay.example/1"
    reply.update(order_id="order_1", key_id="key_1", provider="sandbox")
    return None, msgpack.packb(reply), 0


class Here:
    """A broker, a gateway, and up to two workers."""

    def __init__(self, folder):
        self.address = f"ipc://{folder}/broker.sock"
        self.port = free_port()
        environment = {"PATH": os.environ["PATH"], "BROKER_URLS": self.address, "LOG_LEVEL": "debug"}
        settings = {
            "HTTP_PORT": str(self.port), "CRM_PORT": str(free_port()), "JWT_SECRET_KEY": JWT_KEY,
            "CRM_BEARER_TOKEN": "super-crm-token", "REDIS_URL": "unix:///nonexistent/redis.sock",
        }  # fmt: skip
        self.broker = subprocess.Popen([BUILD / "tithi-broker"], env=environment)
        self.gateway = subprocess.Popen([BUILD / "tithi-gateway"], env={**environment, **settings})
        self.client = Client(f"http://127.0.0.1:{self.port}", access_token())
        self.workers = {}
        deadline = time.monotonic() + 10
        while True:
            try:
                if "tithi_broker_up" in self.metrics() and re.search(r"tithi_broker_up\{[^}]*\} 1", self.metrics()):
                    return
            except requests.ConnectionError:
                pass
            assert time.monotonic() < deadline and self.gateway.poll() is None
            time.sleep(0.05)

    def serve(self, service, answer):
        self.workers[service] = Worker(self.address, service.encode(), answer)
        pattern = rf'tithi_broker_workers\{{[^}}]*service="{service}"\}} 1'
        deadline = time.monotonic() + 10
        while not re.search(pattern, self.metrics()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self.workers[service]

    def metrics(self):
        return requests.get(f"http://127.0.0.1:{self.port}/metrics", timeout=10).text

    def waiting_calls(self):
        return int(re.search(r"^tithi_gateway_waiting_calls (\d+)", self.metrics(), re.M).group(1))

    def answered(self, status):
        found = re.search(rf'tithi_http_requests_total\{{operation="createBooking",status="{status}"\}} (\d+)', self.metrics())
        return int(found.group(1)) if found else 0

    def book(self, event, path="/bookings", **headers):
        """The answer, and how long it took."""
        started = time.monotonic()
        answer = requests.post(
            f"{self.client.base_url}{path}", json={"event_id": event}, timeout=30,
            headers={"Authorization": f"Bearer {self.client.token}", **headers},
        )  # fmt: skip
        return answer, time.monotonic() - started

    def stop(self):
        for worker in self.workers.values():
            worker.stop()
        for process in (self.gateway, self.broker):
            process.kill()
            process.wait()


@pytest.fixture
def alone(tmp_path):
    here = Here(tmp_path)
    yield here
    here.stop()


@pytest.fixture
def here(alone):
    alone.serve("booking", book)
    alone.serve("payment", prepare)
    return alone


def is_first_reply(answer):
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["message"], body["payment_due"], body["payment_url"], body["order_id"]) == ("Booked", True, None, None)
    return True


def test_the_continuation_answers_the_client(here):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer, _ = here.book(PAID, **{"X-Request-Id": "one", "traceparent": trace})
    body = answer.json()
    assert answer.status_code == 201 and "ETag" not in answer.headers
    assert (body["payment_url"], body["order_id"], body["provider"]) == ("https://pay.example/1", "order_1", "sandbox")
    assert (body["booking"]["id"], body["booking"]["price"], body["booking"]["payment_url"]) == (101, 25.0, "https://pay.example/1")

    [(first, _)] = here.workers["booking"].seen_of("one")
    [(second, payload)] = here.workers["payment"].seen_of("one")
    assert payload == msgpack.packb(booked(PAID))  # the very bytes
    assert second["caller"] == first["caller"] and second["caller"]["user_id"] == 7
    assert second["trace"] == first["trace"] and trace[3:35] in second["trace"]
    assert second["id"] != first["id"] and HOP_MS - 1000 < second["ttl_ms"] <= HOP_MS
    assert here.answered(201) == 1 and here.waiting_calls() == 0


def test_it_is_shown_by_the_route_that_was_asked(here):
    answer, _ = here.book(PAID, path="/api/bookings")
    body = answer.json()
    assert (answer.status_code, body["id"], body["booking"]["booking_status"]) == (201, 101, "pending")
    assert body["order_id"] == "order_1" and "status" in body["booking"]


def test_what_is_not_due_takes_one_step(here):
    answer, _ = here.book(FREE, **{"X-Request-Id": "free"})
    assert answer.status_code == 201 and answer.json()["payment_due"] is False
    assert here.workers["payment"].seen_of("free") == []


def test_a_refusal_by_the_client_s_fault_is_told(here):
    answer, _ = here.book(NO_PROVIDER)
    assert (answer.status_code, answer.json()["code"], answer.json()["details"]) == (400, "currency_without_provider", DETAILS)


def test_a_failure_leaves_the_first_reply(here):
    for event in (FAILING, UNKNOWN_REFUSAL, NONSENSE, OLDER):
        answer, took_s = here.book(event)
        assert is_first_reply(answer) and took_s < 2, event
    assert here.answered(201) == 4 and here.waiting_calls() == 0


def test_silence_leaves_the_first_reply_in_time(here):
    """All that waits, at once: silence, a slow first step, one that leaves no time, and a client that does not wait."""
    gone = socket.create_connection(("127.0.0.1", here.port))
    body = json.dumps({"event_id": SILENT})
    gone.sendall(
        f"POST /bookings HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {here.client.token}\r\nX-Request-Id: gone\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    with concurrent.futures.ThreadPoolExecutor() as threads:
        silent = threads.submit(here.book, SILENT, **{"Idempotency-Key": "key-1"})
        late = threads.submit(here.book, LATE)
        too_late = threads.submit(here.book, TOO_LATE, **{"X-Request-Id": "too-late"})
        deadline = time.monotonic() + 5
        while here.waiting_calls() < 4 or len(here.workers["payment"].seen) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        gone.close()
        again, _ = here.book(SILENT, **{"Idempotency-Key": "key-1"})
        assert (again.status_code, again.json()["code"]) == (409, "idempotency_in_flight")

        answer, took_s = silent.result()
        assert is_first_reply(answer) and HOP_MS / 1000 <= took_s < HOP_MS / 1000 + 1
        answer, took_s = late.result()
        assert answer.status_code == 201 and answer.json()["order_id"] == "order_1" and 6 <= took_s < 7
        answer, took_s = too_late.result()
        assert is_first_reply(answer) and took_s < DEADLINE_MS / 1000
        assert here.workers["payment"].seen_of("too-late") == []
    [(header, _)] = [call for call in here.workers["payment"].seen if msgpack.unpackb(call[1])["booking"]["event_id"] == LATE]
    assert 3000 < header["ttl_ms"] <= DEADLINE_MS - RESERVE_MS - 6000
    assert here.waiting_calls() == 0 and here.answered(201) == 4  # the one who left is answered in the books
    again, _ = here.book(PAID, **{"Idempotency-Key": "key-1"})  # the key is free again
    assert again.status_code == 201


def test_no_worker_and_no_broker_leave_the_first_reply(alone):
    booking = alone.serve("booking", book)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        waiting = threads.submit(alone.book, PAID)
        deadline = time.monotonic() + 5
        while not booking.seen:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(1)  # its continuation waits in the broker
        assert alone.waiting_calls() == 1
        alone.broker.kill()
        answer, took_s = waiting.result()
    assert is_first_reply(answer) and HOP_MS / 1000 <= took_s < HOP_MS / 1000 + 1
    assert alone.waiting_calls() == 0
