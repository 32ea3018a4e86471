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
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

import psycopg2
import requests

from document import ROOT, Document
from leaks import Secrets
from providers import RazorpayStandIn, StripeStandIn

DOCUMENT = Document()
PASSWORD = "password123"
JWT_KEY = "tests-only-key-of-the-access-tokens-0123456789abcdef"
CRM_TOKEN = "super-crm-token"  # the documents'; production takes none that everybody knows
PRODUCTION_CRM_TOKEN = "tests-only-token-of-the-crm-service-0123456789"
ORIGIN = "https://app.example"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"tests-only-webhook-signing-key-0").decode()

SECRETS = Secrets()  # that were used at any stack: another may be told them

_numbers = itertools.count(1)
_run = f"{os.getpid()}t{int(time.time())}"  # digits in one row could be a card number


def unique(prefix):
    return f"{prefix}-{_run}n{next(_numbers)}"


_reserved = []


def free_port():
    """A port that nobody uses and that no other call gave, in whatever process of tests. It lies below those that the kernel gives to
    outgoing connections, and is reserved by a name in the kernel that ends with this process."""
    for port in random.sample(range(10000, 32768), 1000):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0tithi-tests-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        _reserved.append(name)
        return port
    raise AssertionError("no port is free")


def wait_until(condition, what, seconds=15):
    """What condition() says as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what() if callable(what) else what}"
        time.sleep(0.05)
    return found


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
            method, self.base_url + path, headers=headers, timeout=30, allow_redirects=False, stream=True, **arguments
        )
        if answer.status_code == 101 or answer.headers.get("Content-Type", "").startswith("text/event-stream"):
            answer.close()  # else it would not end; sockets.py reads such answers
            self.http.close()
        else:
            assert answer.content is not None  # read now
        self.remember_secrets(method, path, answer)
        assert server_error or answer.status_code < 500, f"{method} {path}: {answer.status_code} {answer.text}"
        DOCUMENT.check_cookies(method, path, answer, self.listener)
        if answer.headers.get("Content-Type", "").startswith("application/json") and method != "HEAD":
            DOCUMENT.check_answer(method, path, answer.status_code, answer.json(), self.listener)
        return answer

    def remember_secrets(self, method, path, answer):
        """What of this exchange must not stand in a log."""
        sent, secrets = answer.request, SECRETS
        secrets.add(sent.headers.get("Authorization", "").partition(" ")[2])
        for cookie in sent.headers.get("Cookie", "").split("; ") + answer.raw.headers.getlist("Set-Cookie"):
            secrets.add(cookie.partition("=")[2].partition(";")[0])
        route = DOCUMENT.find(method, path, self.listener)
        if not route:
            return
        body = json_of(answer.content)
        for secret in DOCUMENT.secrets_asked(route.operation, query_of(sent.url), json_of(sent.body)):
            secrets.add(secret)
        for secret in DOCUMENT.secrets_answered(route.operation, answer.status_code, body):
            secrets.add(secret)
        for name in ("state", "nonce", "challenge"):  # where a browser is sent
            for secret in query_of(answer.headers.get("Location", "")).get(name, []):
                secrets.add(secret)

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def post(self, path, body=None, **arguments):
        return self.request("POST", path, **({"json": body} if body is not None else {}), **arguments)

    def put(self, path, body=None, **arguments):
        return self.request("PUT", path, **({"json": body} if body is not None else {}), **arguments)

    def delete(self, path, **arguments):
        return self.request("DELETE", path, **arguments)


def query_of(url):
    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)


def json_of(text):
    """What a body says, or None where it is no JSON."""
    try:
        return json.loads(text) if isinstance(text, (str, bytes)) else None
    except (ValueError, RecursionError):
        return None


def refusal(answer):
    """Status and code."""
    assert not answer.ok, answer.text
    return answer.status_code, answer.json()["code"]


def booking_until(person, booking_id, **wanted):
    """The booking as its owner sees it, as soon as it is so."""

    def shown():
        return person.get(f"/bookings/{booking_id}").json()

    def reached():
        now = shown()
        return now if wanted.items() <= now.items() else None

    return wait_until(reached, lambda: f"{wanted}; it is {shown()}")


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

    def admin(self):
        email = self.register()["email"]
        self.operator("user", "role", email, "admin")
        return self.login(email)

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

    def priced_event(self, facilitator, **fields):
        return self.event(facilitator, **{"price": 2500.00, "currency": "INR", **fields})

    def book(self, person, event):
        answer = person.post("/bookings", {"event_id": event["id"]})
        assert answer.status_code == 201, answer.text
        return answer.json()["booking"]

    def paid_booking(self, person, event):
        """A booking that was paid in the sandbox."""
        answer = person.post("/bookings", {"event_id": event["id"]})
        assert answer.status_code == 201 and answer.json()["order_id"], answer.text
        paid = self.anonymous.post(f"/sandbox/orders/{answer.json()['order_id']}", {"action": "pay"})
        assert paid.status_code == 200, paid.text
        path = f"/bookings/{answer.json()['booking']['id']}"
        wait_until(lambda: person.get(path).json()["status"] == "confirmed", "the paid booking is not confirmed")
        return person.get(path).json()

    def people(self, count):
        """Many who are signed in, at once; they have id and token only."""
        tokens = self.state / unique("tokens")
        self.operator("user", "bulk", str(count), "--tokens", str(tokens))
        found = []
        for line in tokens.read_text().splitlines():
            _, user_id, token = line.split()
            found.append(Client(self.base_url, token))
            found[-1].id = int(user_id)
        return found

    def operator(self, *arguments, check=True):
        """What `tithi` says."""
        command = [str(ROOT / "deploy/tithi"), "--state", str(self.state), *arguments]
        return subprocess.run(command, check=check, stdout=subprocess.PIPE, text=True).stdout

    def pid(self, service):
        """Of a process that runs under the supervisor, like "payment-1"; 0: it does not run just now."""
        try:
            return int((self.state / "service" / service / "supervise/pid").read_text() or 0)
        except FileNotFoundError:
            return 0

    def database(self):
        return psycopg2.connect(host=str(self.state / "run/postgres"), dbname="tithi")

    def rows(self, statement, *values):
        connection = self.database()
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def leaks(self):
        """Lines of the logs that hold a secret which was used, here or at another stack."""
        SECRETS.add_mails(self.state / "mail")
        return SECRETS.find(self.state / "log")

    def logs(self):
        """Everything that the processes have logged."""
        return "".join(file.read_text(errors="replace") for file in sorted((self.state / "log").rglob("*")) if file.is_file())

    def traces(self):
        """What a refused request must not change: how many facts there are. What was told before is waited for: a webhook may lead back here
        and be noted, and a refund changes its payment."""
        unspread = "SELECT count(*) FROM log_entries WHERE position IS NULL"
        held = "SELECT FROM lanes WHERE lanes.channel = outbox.channel AND lanes.lane = outbox.lane"  # whose address fails
        now = "(next_attempt_at <= now() OR channel = 'refund')"  # a refund that is on its way is not due, and changes states when it is back
        due = f"SELECT count(*) FROM outbox WHERE state = 'due' AND {now} AND NOT EXISTS ({held})"
        for what in (unspread, due):
            wait_until(lambda: self.rows(what) == [(0,)], "what is due to be delivered")
        tables = (
            *("users", "sessions", "refresh_tokens", "events", "bookings", "payments", "refunds", "ledger", "provider_events"),
            *("state_changes", "sandbox_orders", "log_entries", "outbox", "commands"),
        )
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
        connection = self.database()
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {counts}, (SELECT sum(taken) FROM events), (SELECT max(updated_at) FROM events)")
                return cursor.fetchone()
        finally:
            connection.close()


def assert_ledger_is_balanced(stack):
    """What must be so whatever has happened: the ledger balances and agrees with payments and refunds, no state has moved along a way that is
    no row of allowed_moves, no event has more people than it counts or holds."""
    checks = {
        "a transfer is no balanced pair": (
            "SELECT transfer_id FROM ledger GROUP BY transfer_id"
            " HAVING sum(amount_minor) <> 0 OR count(*) <> 2 OR count(DISTINCT (kind, currency, payment_id)) <> 1"
        ),
        "a payment differs from its ledger": (
            "SELECT p.id, p.status, p.captured_minor, p.refunded_minor, l.* FROM payments p LEFT JOIN (SELECT payment_id,"
            " sum(amount_minor) FILTER (WHERE account = 'provider') AS provider,"
            " sum(amount_minor) FILTER (WHERE account = 'refunds_owed') AS owed,"
            " sum(amount_minor) FILTER (WHERE account = 'earnings') AS earned FROM ledger GROUP BY 1) l ON l.payment_id = p.id"
            " LEFT JOIN (SELECT payment_id, sum(amount_minor) AS total, coalesce(sum(amount_minor) FILTER (WHERE status = 'processed'), 0) AS back"
            " FROM refunds GROUP BY 1) r ON r.payment_id = p.id"
            " WHERE coalesce(l.provider, 0) <> p.captured_minor - coalesce(r.back, 0)"
            " OR coalesce(l.owed, 0) <> coalesce(r.back, 0) - coalesce(r.total, 0)"
            " OR coalesce(l.earned, 0) <> coalesce(r.total, 0) - p.captured_minor OR p.refunded_minor <> coalesce(r.total, 0)"
            " OR p.refunded_minor > p.captured_minor"
        ),
        "a payment's state differs from its refunds": (
            "SELECT p.id, p.status, p.captured_minor, r.back FROM payments p JOIN (SELECT payment_id,"
            " sum(amount_minor) FILTER (WHERE status = 'processed') AS back FROM refunds GROUP BY 1) r ON r.payment_id = p.id"
            " WHERE p.status <> CASE WHEN coalesce(r.back, 0) = 0 THEN 'captured' WHEN r.back < p.captured_minor THEN 'partially_refunded'"
            " ELSE 'refunded' END"
        ),
        "a state has moved where it may not": (
            "SELECT s.* FROM state_changes s LEFT JOIN allowed_moves m USING (subject, old, new) WHERE m.subject IS NULL"
        ),
        "states do not follow each other": (
            "SELECT * FROM (SELECT subject, subject_id, old, lag(new) OVER (PARTITION BY subject, subject_id ORDER BY id) AS before"
            " FROM state_changes) s WHERE before IS NOT NULL AND before <> old"
        ),
        "an event counts other places than are booked": (
            "SELECT e.id, e.taken, e.capacity, count(b.id) FROM events e LEFT JOIN bookings b"
            " ON b.event_id = e.id AND b.status IN ('pending', 'confirmed', 'completed') GROUP BY e.id"
            " HAVING e.taken <> count(b.id) OR count(b.id) > e.capacity OR count(b.id) <> count(DISTINCT b.user_id)"
        ),
        "somebody has paid and has neither place nor money": (
            "SELECT p.id, p.status, b.id, b.status FROM payments p JOIN bookings b ON b.id = p.booking_id WHERE p.captured_minor > p.refunded_minor"
            " AND (p.duplicate_of IS NOT NULL OR b.status IN ('pending', 'expired'))"
        ),
    }
    connection = stack.database()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for what, statement in checks.items():
                cursor.execute(statement)
                wrong = cursor.fetchall()
                assert not wrong, f"{what}: {wrong[:5]}"
    finally:
        connection.close()


def vendor_calls(library, url, key, secret, *calls):
    """What a vendor's own client library makes of these calls, each [name, argument…]; see node/call.js."""
    folder = ROOT / "tests/node"
    assert (folder / "node_modules").is_dir(), "the vendors' client libraries are not there; tests/run installs them"
    asked = {"library": library, "url": url, "key": key, "secret": secret, "calls": calls}
    done = subprocess.run(
        ["node", "call.js"], cwd=folder, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


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
        "CRM_BEARER_TOKEN": PRODUCTION_CRM_TOKEN if (environment or {}).get("TITHI_ENV") == "production" else CRM_TOKEN,
        "CRM_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "CORS_ORIGINS": ORIGIN,
        **(environment or {}),
    }
    try:
        return bring_up(command, settings, Stack(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{crm_port}", state))
    except AssertionError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def bring_up(command, settings, stack):
    """Runs deploy/up, and remembers what it was told in confidence."""
    stack.command, stack.settings = command, {name: value for name, value in settings.items() if value is not None}
    done = subprocess.run(command, cwd=ROOT, env=stack.settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"deploy/up failed:\n{done.stdout}"
    for name, value in stack.settings.items():
        SECRETS.add_setting(name, value)
    SECRETS.add_folder(stack.state / "secrets")
    assert not any(secret in done.stdout for secret in SECRETS.telling), f"deploy/up tells a secret:\n{done.stdout}"
    return stack


def restart_stack(stack, environment):
    """Stops a stack and starts it again over the same state, with other settings; None: it is not set."""
    bring_down(stack)
    return bring_up(stack.command, {**stack.settings, **environment}, stack)


# INR by Razorpay, some others by Stripe, the rest by nobody.
PROVIDERS = "INR=razorpay,USD=stripe,EUR=stripe"


def start_paid_stack(environment=None, arguments=()):
    """A stack whose payment providers are stand-ins: stack.razorpay and stack.stripe."""
    razorpay, stripe = RazorpayStandIn(), StripeStandIn()
    unlimited = dict.fromkeys(("RATE_LIMIT_READ", "RATE_LIMIT_WRITE", "RATE_LIMIT_AUTH"), "off")
    settings = {**razorpay.environment(), **stripe.environment(), "PAYMENT_PROVIDERS": PROVIDERS, **unlimited, **(environment or {})}
    try:
        stack = start_stack(settings, arguments)
    except AssertionError:
        razorpay.close()
        stripe.close()
        raise
    stack.razorpay, stack.stripe = razorpay, stripe
    razorpay.webhooks_to = stripe.webhooks_to = stack.base_url
    return stack


def stop_paid_stack(stack):
    stack.razorpay.close()
    stack.stripe.close()
    stop_stack(stack)


def bring_down(stack):
    subprocess.run([str(ROOT / "deploy/down"), "--state", str(stack.state)], cwd=ROOT, check=True)


def stop_stack(stack):
    """Stops it for good; nothing secret may stand in what it has logged."""
    bring_down(stack)
    leaks = stack.leaks()
    shutil.rmtree(stack.state.parent, ignore_errors=True)
    assert not leaks, f"{len(leaks)} lines of the logs hold a secret, such as:\n" + "\n".join(leaks[:5])


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


class ReceivingServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512  # a connection that finds no place there comes back seconds later


class Receiver:
    """An HTTP server on loopback that takes webhooks. `answers` holds the next answers: status, headers, and a body if it has one; then
    it is 204."""

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
                    status, headers, *text = receiver.answers.get_nowait()
                except queue.Empty:
                    status, headers, text = 204, {}, []
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(b"".join(text))))
                self.end_headers()
                self.wfile.write(b"".join(text))

            def log_message(self, *_):
                pass

        self.server = ReceivingServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

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
