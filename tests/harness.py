"""A running stack for tests: starts and stops it by the same commands that people use, speaks to it as a client whose every
answer is checked against the contract, makes people and events, and receives its webhooks."""

import base64
import datetime
import hashlib
import hmac
import http.server
import itertools
import json
import os
import pathlib
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import psycopg2
import requests

from document import ROOT, Document

DOCUMENT = Document()
PASSWORD = "password123"
JWT_KEY = "tests-only-key-of-the-access-tokens-0123456789abcdef"
CRM_TOKEN = "super-crm-token"
ORIGIN = "https://app.example"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"tests-only-webhook-signing-key-0").decode()

_numbers = itertools.count(1)
_run = f"{os.getpid()}-{int(time.time())}"


def unique(prefix):
    return f"{prefix}-{_run}-{next(_numbers)}"


_given_ports = set()


def free_port():
    """A port that nobody uses and that no earlier call gave."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def days_from_now(days, hour=10):
    """A time without a zone, as the documents write it."""
    day = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return day.strftime(f"%Y-%m-%dT{hour:02}:00:00")


class Client:
    """HTTP with a bearer. Every JSON answer is checked against the contract, and no answer may be a server error."""

    def __init__(self, base_url, token=None, listener="api"):
        self.base_url = base_url
        self.token = token
        self.listener = listener
        self.http = requests.Session()

    def request(self, method, path, *, server_error=False, **arguments):
        headers = arguments.pop("headers", {})
        if self.token and "Authorization" not in headers:
            headers = {"Authorization": f"Bearer {self.token}", **headers}
        answer = self.http.request(
            method, self.base_url + path, headers=headers, timeout=30, allow_redirects=False, **arguments
        )
        assert server_error or answer.status_code < 500, f"{method} {path}: {answer.status_code} {answer.text}"
        if answer.headers.get("Content-Type", "").startswith("application/json") and method != "HEAD":
            DOCUMENT.check_answer(method, path, answer.status_code, answer.json(), self.listener)
        return answer

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def post(self, path, body=None, **arguments):
        return self.request("POST", path, **({"json": body} if body is not None else {}), **arguments)

    def put(self, path, body=None, **arguments):
        return self.request("PUT", path, **({"json": body} if body is not None else {}), **arguments)

    def delete(self, path, **arguments):
        return self.request("DELETE", path, **arguments)


class Person(Client):
    """Somebody who is signed in."""

    def __init__(self, base_url, email, answer):
        super().__init__(base_url, answer["access_token"])
        self.refresh_token = answer["refresh_token"]
        self.email = email
        self.id = answer["user"]["id"]
        self.name = answer["user"]["name"]


class Stack:
    def __init__(self, base_url, crm_url, state):
        self.base_url = base_url
        self.crm_url = crm_url
        self.state = pathlib.Path(state)
        self.anonymous = Client(base_url)
        self.crm = Client(crm_url, CRM_TOKEN, "crm")

    def register(self, role="user", **fields):
        body = {"email": f"{unique(role)}@example.com", "password": PASSWORD, "name": f"Test {role}", "role": role, **fields}
        answer = self.anonymous.post("/auth/register", body)
        assert answer.status_code == 201, answer.text
        return body

    def login(self, email, password=PASSWORD):
        answer = self.anonymous.post("/auth/login", {"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        return Person(self.base_url, email, answer.json())

    def user(self, **fields):
        return self.login(self.register("user", **fields)["email"])

    def facilitator(self, **fields):
        return self.login(self.register("facilitator", **fields)["email"])

    def event(self, facilitator, **fields):
        body = {
            "title": "Yoga Session",
            "event_type": "session",
            "start_datetime": days_from_now(30),
            "end_datetime": days_from_now(30, 11),
            "max_participants": 10,
            **fields,
        }
        answer = facilitator.post("/events", {key: value for key, value in body.items() if value is not None})
        assert answer.status_code == 201, answer.text
        return answer.json()["event"]

    def book(self, person, event):
        answer = person.post("/bookings", {"event_id": event["id"]})
        assert answer.status_code == 201, answer.text
        return answer.json()["booking"]

    def database(self):
        return psycopg2.connect(host=str(self.state / "run/postgres"), dbname="tithi")

    def traces(self):
        """What a refused request must not change: how many facts there are."""
        tables = ("users", "sessions", "refresh_tokens", "events", "bookings", "payments", "commands", "outbox")
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
        connection = self.database()
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {counts}, (SELECT sum(taken) FROM events), (SELECT max(updated_at) FROM events)")
                return cursor.fetchone()
        finally:
            connection.close()


def start_stack(environment=None, arguments=()):
    """Starts a stack of its own with fresh state. Give it to stop_stack()."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tithi-"))
    folder.chmod(0o755)
    state = folder / "state"
    port, crm_port = free_port(), free_port()
    command = [str(ROOT / "deploy/up"), "--detach", "--no-web", "--state", str(state)]
    command += ["--port", str(port), "--crm-port", str(crm_port), *arguments]
    settings = {
        **os.environ,
        "JWT_SECRET_KEY": JWT_KEY,
        "CRM_BEARER_TOKEN": CRM_TOKEN,
        "CRM_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "CORS_ORIGINS": ORIGIN,
        **(environment or {}),
    }
    done = subprocess.run(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise AssertionError(f"deploy/up failed:\n{done.stdout}")
    return Stack(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{crm_port}", state)


def stop_stack(stack):
    subprocess.run([str(ROOT / "deploy/down"), "--state", str(stack.state)], cwd=ROOT, check=True)
    shutil.rmtree(stack.state.parent, ignore_errors=True)


class Delivery:
    def __init__(self, path, headers, body):
        self.path = path
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def is_signed_by(self, secret):
        """Standard Webhooks: HMAC-SHA256 over id.timestamp.body."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = b".".join(
            [self.headers["webhook-id"].encode(), self.headers["webhook-timestamp"].encode(), self.body]
        )
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return expected in self.headers["webhook-signature"].split(" ")


class Receiver:
    """An HTTP server on loopback that takes webhooks. `answers` holds the statuses of the next answers, then it is 204."""

    def __init__(self):
        self.deliveries = queue.Queue()
        self.answers = queue.Queue()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.deliveries.put(Delivery(self.path, self.headers, body))
                try:
                    status, headers = receiver.answers.get_nowait()
                except queue.Empty:
                    status, headers = 204, {}
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, wanted, timeout=15):
        """The first delivery for which wanted(delivery) is true; earlier ones are dropped."""
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            assert left > 0, "the webhook did not come"
            try:
                delivery = self.deliveries.get(timeout=left)
            except queue.Empty:
                continue
            if wanted(delivery):
                return delivery

    def close(self):
        self.server.shutdown()
        self.server.server_close()
