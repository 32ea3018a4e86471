"""Stand-ins for Razorpay and Stripe: HTTP servers on loopback that speak their wire protocols as strictly as the originals do,
keep their state in memory, let a test act as the customer, send webhooks signed as the originals sign them, and fail when told to.
The vendors' own client libraries drive them in tests/contract, which keeps them honest."""

import base64
import hashlib
import hmac
import http.server
import json
import queue
import re
import secrets
import select
import socket
import string
import threading
import time
import urllib.parse

import requests

LETTERS = string.ascii_letters + string.digits
THREE_DECIMALS = {"KWD", "BHD", "OMR", "JOD", "TND", "IQD", "LYD"}
SIX_MONTHS_S = 183 * 86400


def new_id(prefix, length=14):
    return prefix + "".join(secrets.choice(LETTERS) for _ in range(length))


def now_s():
    return int(time.time())


def hex_hmac(secret, payload):
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


class Cut(Exception):
    """The connection ends without an answer."""


class Answer(Exception):
    """An answer; raised where it ends the work on a request. `saved`: Stripe keeps it under the request's idempotency key."""

    def __init__(self, status, body, headers=None, saved=False):
        super().__init__(status, body)
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = {"Content-Type": "application/json", **(headers or {})}
        self.saved = saved


class Request:
    """One request as it came."""

    def __init__(self, handler):
        self.method = handler.command
        address = urllib.parse.urlsplit(handler.path)
        self.path = address.path.rstrip("/")
        self.query = dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True))
        self.headers = handler.headers
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.at = time.monotonic()
        self.status = None  # of the answer that was sent

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.method} {self.path} {self.query or ''} {self.body.decode(errors='replace')} -> {self.status}"


class Fault:
    """What goes wrong with the next requests of a kind, and whether before or after their effect. `what`: "error" (500), "garbage", "hang"
    (until release() or until the client leaves), "drop" (the connection ends), "refuse" (a final 400), "poor" (Razorpay: our account lacks the
    money just now)."""

    def __init__(self, method, path, what, after=False, times=None):
        self.method = method
        self.path = re.compile(path)
        self.what = what
        self.after = after
        self.left = times
        self.hanging = 0
        self.released = threading.Event()

    def takes(self, request, after):
        return (
            self.after == after and self.left != 0 and self.method == request.method and bool(self.path.fullmatch(request.path))
        )

    def release(self):
        self.left = 0
        self.released.set()


class Event:
    """Something that the provider has to tell."""

    def __init__(self, event_id, kind, body):
        self.id = event_id
        self.type = kind
        self.body = json.dumps(body).encode()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.type} {self.id}"


class StandIn:
    """What both have in common. `hook(step, what)` is called for a request at "arrived", "done" (the effect is there, the answer is not) and
    "answered"; where it says "drop", the connection is cut. With `automatic` every event is sent by itself, and again where that fails; the
    hook is called for these at "sent" (just before) and "taken"."""

    def __init__(self):
        self.lock = threading.RLock()
        self.requests = []
        self.events = []
        self.faults = []
        self.hook = None
        self.webhooks_to = None
        self.automatic = False
        self.loses = lambda event: False  # of automatic ones: is this one never sent?
        self.running = set()  # idempotency keys
        self.waiting = queue.Queue()
        self.connections = set()
        self.placeholder = None
        self.port = 0
        self._listen()
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(8):
            threading.Thread(target=self._carry, daemon=True).start()

    # The server

    def _listen(self):
        self.server = _Server(("127.0.0.1", self.port), _Handler)
        self.server.stand_in = self
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def go_away(self):
        """Refuses connections from now on, and ends those that there are; customers can go on paying."""
        self.server.shutdown()
        self.server.server_close()
        self.placeholder = socket.socket()
        self.placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.placeholder.bind(("127.0.0.1", self.port))
        with self.lock:
            for connection in self.connections:
                hang_up(connection)

    def come_back(self):
        self.placeholder.close()
        self.placeholder = None
        self._listen()

    def close(self):
        for fault in self.faults:
            fault.release()
        if not self.placeholder:
            self.go_away()
        self.placeholder.close()

    def fault(self, method, path, what, after=False, times=None):
        fault = Fault(method, path, what, after, times)
        with self.lock:
            self.faults.append(fault)
        return fault

    def heal(self):
        with self.lock:
            for fault in self.faults:
                fault.release()
            self.faults.clear()

    def asked(self, method, path):
        """The requests of a kind so far."""
        with self.lock:
            return [request for request in self.requests if request.method == method and re.fullmatch(path, request.path)]

    def serve(self, handler):
        request = Request(handler)
        key = None
        with self.lock:
            self.requests.append(request)
        try:
            self._step("arrived", request)
            self._fail(request, handler, after=False)
            key = self._enter(request)
            answer = self._decide(request)
            self._step("done", request)
            self._fail(request, handler, after=True)
        except Cut:
            handler.close_connection = True
            hang_up(handler.connection)
            return
        except Answer as other:
            answer = other
        finally:
            with self.lock:
                self.running.discard(key)
        request.status = answer.status
        handler.answer(answer)
        self._step("answered", request)

    def _decide(self, request):
        with self.lock:
            try:
                return self.decide(request)
            except Answer as answer:
                return answer

    def _enter(self, request):
        """A request with an idempotency key runs alone: a second one meanwhile gets 409."""
        key = self.idempotency_key(request)
        if key is None:
            return None
        with self.lock:
            if key in self.running:
                raise self.key_in_use()
            self.running.add(key)
        return key

    def _step(self, step, what):
        if self.hook and self.hook(step, what) == "drop":
            raise Cut

    def _fail(self, request, handler, after):
        with self.lock:
            fault = next((fault for fault in self.faults if fault.takes(request, after)), None)
            if fault is None:
                return
            if fault.left is not None:
                fault.left -= 1
        if fault.what == "drop":
            raise Cut
        if fault.what == "garbage":
            raise Answer(200, b"<html><body>It works!</body></html>", {"Content-Type": "text/html"})
        if fault.what == "error":
            answer = self.server_error()
            if after:
                self.keep(request, answer)
            raise answer
        if fault.what == "refuse":
            raise self.refusal()
        if fault.what == "poor":
            raise self.poverty()
        fault.hanging += 1
        while not fault.released.wait(0.02):
            if select.select([handler.connection], [], [], 0)[0]:
                raise Cut  # the client has left

    def keep(self, request, answer):
        """Stripe keeps even an error under the key of a request that had begun."""

    def forget_keys(self):
        """Idempotency keys do not last for ever."""
        with self.lock:
            self.kept.clear()

    # Webhooks

    def tell(self, event):
        with self.lock:
            self.events.append(event)
        if self.automatic and not self.loses(event):
            self.waiting.put((event, 40))
        return event

    def told(self, kind):
        with self.lock:
            return [event for event in self.events if event.type == kind]

    def _carry(self):
        while True:
            event, left = self.waiting.get()
            try:
                self._step("sent", event)
                taken = self.send(event).status_code // 100 == 2
                self._step("taken", event)
            except requests.RequestException:
                taken = False
            if not taken and left > 0:
                threading.Timer(0.25, self.waiting.put, [(event, left - 1)]).start()

    def post(self, path, body, headers):
        return requests.post(
            self.webhooks_to + path, data=body, timeout=30, headers={"Content-Type": "application/json", **headers}
        )


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        with self.server.stand_in.lock:
            self.server.stand_in.connections.add(self.connection)

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # the client has gone

    def finish(self):
        with self.server.stand_in.lock:
            self.server.stand_in.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def do_GET(self):
        self.server.stand_in.serve(self)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def answer(self, answer):
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


def hang_up(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


# ------------------------------------------------------------------------------------------------------------------ Razorpay

def razorpay_error(description, status=400, field=None, code="BAD_REQUEST_ERROR", at_input=True):
    names = ("business", "payment_initiation", "input_validation_failed") if at_input else ("NA", "NA", "NA")
    error = {"code": code, "description": description, **dict(zip(("source", "step", "reason"), names)), "metadata": {}}
    return Answer(status, {"error": {**error, "field": field} if field else error})


def no_url():
    return razorpay_error("The requested URL was not found on the server.", at_input=False)


class RazorpayStandIn(StandIn):
    KEY_ID = "rzp_test_Tithi0Tests0Only"
    KEY_SECRET = "razorpay-key-secret-of-the-tests"
    WEBHOOK_SECRET = "razorpay-webhook-secret-of-the-tests"
    OLD_WEBHOOK_SECRET = "razorpay-webhook-secret-before-its-rotation"
    refund_status = "processed"  # of refunds that are made from now on
    ROUTES = (
        ("POST", r"/v1/orders", "make_order"),
        ("GET", r"/v1/orders", "list_orders"),
        ("GET", r"/v1/orders/([^/]+)", "get_order"),
        ("GET", r"/v1/orders/([^/]+)/payments", "list_order_payments"),
        ("GET", r"/v1/payments/([^/]+)", "get_payment"),
        ("POST", r"/v1/payments/([^/]+)/capture", "capture"),
        ("POST", r"/v1/payments/([^/]+)/refund", "make_refund"),
        ("GET", r"/v1/payments/([^/]+)/refunds", "list_refunds"),
        ("GET", r"/v1/payments/([^/]+)/refunds/([^/]+)", "get_refund_of_payment"),
        ("GET", r"/v1/refunds/([^/]+)", "get_refund"),
        ("POST", r"/v1/payment_links", "make_link"),
        ("GET", r"/v1/payment_links", "list_links"),
        ("GET", r"/v1/payment_links/([^/]+)", "get_link"),
        ("POST", r"/v1/payment_links/([^/]+)/cancel", "cancel_link"),
    )

    def __init__(self):
        self.orders, self.payments, self.refunds, self.links = {}, {}, {}, {}
        self.kept = {}  # by idempotency key: what was asked, and the refund
        super().__init__()

    def environment(self):
        return {
            "RAZORPAY_KEY_ID": self.KEY_ID,
            "RAZORPAY_KEY_SECRET": self.KEY_SECRET,
            "RAZORPAY_WEBHOOK_SECRET": f"{self.WEBHOOK_SECRET},{self.OLD_WEBHOOK_SECRET}",
            "RAZORPAY_API_URL": self.url,
        }

    # The API

    def decide(self, request):
        expected = "Basic " + base64.b64encode(f"{self.KEY_ID}:{self.KEY_SECRET}".encode()).decode()
        if request.headers.get("Authorization") != expected:
            return razorpay_error("Authentication failed", 401, at_input=False)
        for method, pattern, name in self.ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return Answer(200, getattr(self, name)(request, *match.groups()))
        return no_url()

    def server_error(self):
        description = "We are facing some trouble completing your request at the moment. Please try again shortly."
        return razorpay_error(description, 500, code="SERVER_ERROR", at_input=False)

    def refusal(self):
        return razorpay_error("Refund is not supported on this payment.")

    def poverty(self):
        return razorpay_error("Your account does not have enough balance to carry out the refund operation.")

    def idempotency_key(self, request):
        return request.headers.get("X-Refund-Idempotency") if request.method == "POST" else None

    def key_in_use(self):
        return razorpay_error("Another request with the same idempotency key is still in progress.", 409, at_input=False)

    def fields(self, request, known, required):
        if request.headers.get_content_type() != "application/json" and request.body:
            raise razorpay_error("Please provide your request body in JSON.", at_input=False)
        try:
            fields = json.loads(request.body or b"{}")
        except ValueError:
            raise razorpay_error("The request body is not valid JSON.", at_input=False) from None
        if not isinstance(fields, dict):
            raise razorpay_error("The request body is not valid JSON.", at_input=False)
        for name in required:
            if fields.get(name) is None:
                raise razorpay_error(f"The {name.replace('_', ' ')} field is required.", field=name)
        extra = sorted(set(fields) - set(known))
        if extra:
            raise razorpay_error(f"{', '.join(extra)} is/are not required and should not be sent")
        return fields

    def check_amount(self, fields):
        amount, currency = fields["amount"], fields.get("currency", "INR")
        if not isinstance(amount, int) or isinstance(amount, bool):
            raise razorpay_error("The amount must be an integer.", field="amount")
        if not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
            raise razorpay_error("Currency is not supported", field="currency")
        if amount < 100:
            raise razorpay_error(f"The amount must be at least {currency} 1.00", field="amount")
        if currency in THREE_DECIMALS and amount % 10:
            raise razorpay_error("The last decimal of an amount of a three decimal currency must be 0", field="amount")

    def check_text(self, fields, name, limit):
        value = fields.get(name)
        if value is not None and not isinstance(value, str):
            raise razorpay_error(f"The {name} must be a string.", field=name)
        if value is not None and len(value) > limit:
            raise razorpay_error(f"The {name} may not be greater than {limit} characters.", field=name)

    def notes(self, fields):
        notes = fields.get("notes") or {}
        if not isinstance(notes, dict) or len(notes) > 15:
            raise razorpay_error("Number of fields in notes should be less than or equal to 15", field="notes")
        if any(not isinstance(value, (str, int)) or len(str(value)) > 256 for value in notes.values()):
            raise razorpay_error("The notes value may not be greater than 256 characters.", field="notes")
        return notes or []

    def find(self, things, prefix, name):
        if not re.fullmatch(prefix + "[A-Za-z0-9]{14}", name):
            raise razorpay_error(f"{name} is not a valid id")
        if name not in things:
            raise razorpay_error("The id provided does not exist")
        return things[name]

    def page(self, request, known, things):
        """A collection, newest first."""
        if set(request.query) - {*known, "count", "skip", "from", "to"}:
            raise razorpay_error(f"{', '.join(request.query)} is/are not required and should not be sent")
        skip, count = int(request.query.get("skip", 0)), int(request.query.get("count", 10))
        if not 1 <= count <= 100:
            raise razorpay_error("The count must be between 1 and 100.", field="count")
        return list(reversed(things))[skip : skip + count]

    def collection(self, things):
        return {"entity": "collection", "count": len(things), "items": things}

    def make_order(self, request):
        known = ("amount", "currency", "receipt", "notes", "partial_payment", "first_payment_min_amount")
        fields = self.fields(request, known, ("amount", "currency"))
        self.check_amount(fields)
        self.check_text(fields, "receipt", 40)
        return self.new_order(fields["amount"], fields["currency"], fields.get("receipt"), self.notes(fields))

    def new_order(self, amount, currency, receipt, notes):
        order = {
            "id": new_id("order_"),
            "entity": "order",
            "amount": amount,
            "amount_paid": 0,
            "amount_due": amount,
            "currency": currency,
            "receipt": receipt,
            "offer_id": None,
            "status": "created",
            "attempts": 0,
            "notes": notes,
            "created_at": now_s(),
        }
        self.orders[order["id"]] = order
        return order

    def list_orders(self, request):
        wanted = request.query.get("receipt")
        found = [order for order in self.orders.values() if wanted in (None, order["receipt"])]
        return self.collection(self.page(request, ("receipt", "authorized"), found))

    def get_order(self, _, name):
        return self.find(self.orders, "order_", name)

    def list_order_payments(self, _, name):
        order = self.find(self.orders, "order_", name)
        return self.collection([payment for payment in self.payments.values() if payment["order_id"] == order["id"]])

    def get_payment(self, _, name):
        return self.find(self.payments, "pay_", name)

    def capture(self, request, name):
        payment = self.find(self.payments, "pay_", name)
        fields = self.fields(request, ("amount", "currency"), ("amount", "currency"))
        self.check_amount(fields)
        if payment["status"] != "authorized":
            raise razorpay_error("This payment has already been captured")
        if (fields["amount"], fields["currency"]) != (payment["amount"], payment["currency"]):
            raise razorpay_error("Capture amount must be equal to the amount authorized", field="amount")
        self.take(payment)
        return payment

    def make_refund(self, request, name):
        payment = self.find(self.payments, "pay_", name)
        key = request.headers.get("X-Refund-Idempotency")
        if key is not None and len(key) < 10:
            raise razorpay_error("The idempotency key must be at least 10 characters long.")
        if key is not None and not re.fullmatch("[A-Za-z0-9_-]+", key):
            raise razorpay_error("The idempotency key must only contain alphanumeric characters, underscores, and hyphens")
        if key in self.kept:
            body, refund = self.kept[key]
            if body != (name, request.body):
                raise razorpay_error("Different request with the same idempotency key has already been processed.", at_input=False)
            return refund
        fields = self.fields(request, ("amount", "speed", "notes", "receipt"), ())
        if fields.get("speed", "normal") not in ("normal", "optimum"):
            raise razorpay_error("The selected speed is invalid.", field="speed")
        self.check_text(fields, "receipt", 40)
        if payment["status"] == "refunded":
            raise razorpay_error("The payment has been fully refunded already")
        if payment["status"] != "captured":
            raise razorpay_error("The payment status should be captured for action to be taken")
        left = payment["amount"] - payment["amount_refunded"]
        amount = fields.get("amount", left)
        self.check_amount({"amount": amount, "currency": payment["currency"]})
        if amount > left:
            raise razorpay_error("The refund amount provided is greater than amount captured", field="amount")
        refund = self.new_refund(payment, amount, self.notes(fields), fields.get("receipt"), fields.get("speed", "normal"))
        if key is not None:
            self.kept[key] = ((name, request.body), refund)
        return refund

    def new_refund(self, payment, amount, notes=(), receipt=None, speed="normal"):
        refund = {
            "id": new_id("rfnd_"),
            "entity": "refund",
            "amount": amount,
            "currency": payment["currency"],
            "payment_id": payment["id"],
            "notes": notes or [],
            "receipt": receipt,
            "acquirer_data": {"arn": None},
            "created_at": now_s(),
            "batch_id": None,
            "status": self.refund_status,
            "speed_processed": "normal",
            "speed_requested": speed,
        }
        self.refunds[refund["id"]] = refund
        payment["amount_refunded"] += amount
        whole = payment["amount_refunded"] == payment["amount"]
        payment["refund_status"] = "full" if whole else "partial"
        payment["status"] = "refunded" if whole else payment["status"]
        self.tell(self.event("refund.created", refund=refund, payment=payment))
        if self.refund_status != "pending":
            self.tell(self.event(f"refund.{self.refund_status}", refund=refund, payment=payment))
        return refund

    def list_refunds(self, request, name):
        payment = self.find(self.payments, "pay_", name)
        return self.collection(self.page(request, (), self.refunds_of(payment)))

    def get_refund(self, _, name):
        return self.find(self.refunds, "rfnd_", name)

    def get_refund_of_payment(self, request, name, refund):
        self.find(self.payments, "pay_", name)
        return self.get_refund(request, refund)

    def make_link(self, request):
        known = "amount currency accept_partial first_min_partial_amount expire_by reference_id description customer notify".split()
        known += ["reminder_enable", "notes", "callback_url", "callback_method", "upi_link", "options"]
        fields = self.fields(request, known, ("amount",))
        self.check_amount(fields)
        self.check_text(fields, "reference_id", 40)
        self.check_text(fields, "description", 2048)
        expire_by = fields.get("expire_by", 0)
        if not isinstance(expire_by, int) or (expire_by and expire_by < now_s() + 15 * 60):
            raise razorpay_error("expire_by: timestamp must be atleast 15 minutes in future", field="expire_by")
        if expire_by > now_s() + SIX_MONTHS_S:
            raise razorpay_error("expire_by: timestamp must be at most six months in future", field="expire_by")
        if ("callback_url" in fields) != ("callback_method" in fields) or fields.get("callback_method", "get") != "get":
            raise razorpay_error("callback_method: must be get where callback_url is given", field="callback_method")
        customer = fields.get("customer", {})
        if not isinstance(customer, dict) or set(customer) - {"name", "email", "contact"}:
            raise razorpay_error("customer: wrong input fields sent", field="customer")
        reference = fields.get("reference_id", "")
        if reference and any(link["reference_id"] == reference for link in self.links.values()):
            raise razorpay_error("payment link creation with reference ID already attempted", field="reference_id")
        link = {
            "accept_partial": fields.get("accept_partial", False),
            "amount": fields["amount"],
            "amount_paid": 0,
            "callback_method": fields.get("callback_method", ""),
            "callback_url": fields.get("callback_url", ""),
            "cancelled_at": 0,
            "created_at": now_s(),
            "currency": fields.get("currency", "INR"),
            "customer": customer,
            "description": fields.get("description", ""),
            "expire_by": expire_by,
            "expired_at": 0,
            "first_min_partial_amount": fields.get("first_min_partial_amount", 0),
            "id": new_id("plink_"),
            "notes": self.notes(fields) or None,
            "notify": {"email": False, "sms": False, "whatsapp": False, **fields.get("notify", {})},
            "payments": None,
            "reference_id": reference,
            "reminder_enable": fields.get("reminder_enable", False),
            "reminders": [],
            "short_url": f"https://rzp.io/i/{new_id('', 7)}",
            "status": "created",
            "updated_at": now_s(),
            "upi_link": False,
            "user_id": "",
            "whatsapp_link": False,
        }
        self.links[link["id"]] = link
        return link

    def list_links(self, request):
        wanted = request.query.get("reference_id")
        found = [link for link in self.links.values() if wanted in (None, link["reference_id"])]
        return {"payment_links": self.page(request, ("reference_id", "payment_id"), found)}

    def get_link(self, _, name):
        return self.find(self.links, "plink_", name)

    def cancel_link(self, _, name):
        link = self.find(self.links, "plink_", name)
        if link["status"] in ("paid", "partially_paid"):
            raise razorpay_error("cannot cancel or expire an already paid/partially paid link")
        if link["status"] != "created":
            raise razorpay_error("cannot cancel or expire an expired link")
        link.update(status="cancelled", cancelled_at=now_s(), updated_at=now_s())
        self.tell(self.event("payment_link.cancelled", payment_link=link))
        return link

    # The customer

    def attempt(self, order, status, **fields):
        with self.lock:
            order = self.orders[order["id"] if isinstance(order, dict) else order]
            payment = {
                "id": new_id("pay_"),
                "entity": "payment",
                "amount": order["amount"],
                "currency": order["currency"],
                "status": status,
                "order_id": order["id"],
                "invoice_id": None,
                "international": False,
                "method": "upi",
                "amount_refunded": 0,
                "refund_status": None,
                "captured": False,
                "description": None,
                "card_id": None,
                "bank": None,
                "wallet": None,
                "vpa": "john.doe@exampleupi",
                "email": "john@example.com",
                "contact": "+919876543210",
                "notes": order["notes"],
                "fee": None,
                "tax": None,
                "error_code": None,
                "error_description": None,
                "error_source": None,
                "error_step": None,
                "error_reason": None,
                "acquirer_data": {"rrn": "103608848276", "authentication_reference_number": "100222021120200000000742753928"},
                "created_at": now_s(),
                **fields,
            }
            self.payments[payment["id"]] = payment
            order["attempts"] += 1
            if order["status"] == "created":
                order["status"] = "attempted"
            return payment

    def authorize(self, order):
        """Pays an order of an account that captures by hand."""
        payment = self.attempt(order, "authorized")
        self.tell(self.event("payment.authorized", payment=payment))
        return payment

    def pay(self, order):
        """Pays an order of an account that captures by itself."""
        payment = self.authorize(order)
        with self.lock:
            self.take(payment)
        return payment

    def decline(self, order):
        payment = self.attempt(
            order,
            "failed",
            error_code="BAD_REQUEST_ERROR",
            error_description="Payment was unsuccessful as the bank declined it.",
            error_source="bank",
            error_step="payment_authorization",
            error_reason="payment_failed",
        )
        self.tell(self.event("payment.failed", payment=payment))
        return payment

    def take(self, payment):
        order = self.orders[payment["order_id"]]
        payment.update(status="captured", captured=True, fee=payment["amount"] // 50, tax=payment["amount"] // 300)
        order.update(status="paid", amount_paid=order["amount"], amount_due=0)
        self.tell(self.event("payment.captured", payment=payment))
        self.tell(self.event("order.paid", payment=payment, order=order))

    def pay_link(self, link):
        """A payment link has an order of its own, whose receipt is the link's reference."""
        with self.lock:
            link = self.links[link["id"] if isinstance(link, dict) else link]
            assert link["status"] == "created", f"nobody can pay a link that is {link['status']}"
            order = self.new_order(link["amount"], link["currency"], link["reference_id"], link["notes"] or [])
            payment = self.attempt(order, "authorized", description="#" + link["id"].removeprefix("plink_"))
            self.tell(self.event("payment.authorized", payment=payment))
            self.take(payment)
            paid = {"amount": payment["amount"], "created_at": now_s(), "method": "upi", "payment_id": payment["id"]}
            link.update(status="paid", amount_paid=link["amount"], order_id=order["id"], updated_at=now_s())
            link["payments"] = [{**paid, "plink_id": link["id"], "status": "captured"}]
            bare = {**order, "id": order["id"].removeprefix("order_")}  # as the samples of this event have it
            self.tell(self.event("payment_link.paid", payment_link=link, order=bare, payment=payment))
            return payment

    def settle_refund(self, refund, status):
        """What becomes of a refund that was pending."""
        with self.lock:
            refund["status"] = status
            payment = self.payments[refund["payment_id"]]
            if status == "failed":
                payment["amount_refunded"] -= refund["amount"]
                payment.update(status="captured", refund_status="partial" if payment["amount_refunded"] else None)
            return self.tell(self.event(f"refund.{status}", refund=refund, payment=payment))

    def refund_in_dashboard(self, payment, amount):
        with self.lock:
            return self.new_refund(self.payments[payment["id"]], amount)

    def refunds_of(self, payment):
        with self.lock:
            return [refund for refund in self.refunds.values() if refund["payment_id"] == payment["id"]]

    def order_for(self, receipt):
        """The orders that were made under a receipt of ours."""
        with self.lock:
            return [order for order in self.orders.values() if order["receipt"] == receipt]

    # What it says

    def event(self, kind, **entities):
        body = {
            "entity": "event",
            "account_id": "acc_BFQ7uQEaa7j2z7",
            "event": kind,
            "contains": list(entities),
            "payload": {name: {"entity": dict(entity)} for name, entity in entities.items()},
            "created_at": now_s(),
        }
        return Event(new_id("", 14), kind, body)

    def form(self, payment, secret=None):
        """What Razorpay's form in the browser posts after a payment."""
        signed = f"{payment['order_id']}|{payment['id']}".encode()
        return {
            "razorpay_payment_id": payment["id"],
            "razorpay_order_id": payment["order_id"],
            "razorpay_signature": hex_hmac(secret or self.KEY_SECRET, signed),
        }

    def headers(self, event, secret=None):
        return {
            "X-Razorpay-Signature": hex_hmac(secret or self.WEBHOOK_SECRET, event.body),
            "X-Razorpay-Event-Id": event.id,
            "User-Agent": "Razorpay-Webhook/v1",
        }

    def send(self, event, secret=None, headers=None):
        return self.post("/payments/webhooks/razorpay", event.body, self.headers(event, secret) if headers is None else headers)


# -------------------------------------------------------------------------------------------------------------------- Stripe

def stripe_error(message, status=400, kind="invalid_request_error", saved=False, **fields):
    error = {"message": message, "type": kind, "request_log_url": "https://dashboard.stripe.com/test/logs/req_0", **fields}
    if "code" in fields:
        error["doc_url"] = "https://stripe.com/docs/error-codes/" + fields["code"].replace("_", "-")
    return Answer(status, {"error": error}, saved=saved)


def decode_form(text):
    """application/x-www-form-urlencoded with brackets: a[b][0][c]=d."""
    root = {}
    for name, value in urllib.parse.parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)):
        first, rest = re.fullmatch(r"([^\[\]]+)((?:\[[^\[\]]*\])*)", name).groups()
        steps = [first, *re.findall(r"\[([^\[\]]*)\]", rest)]
        node = root
        for step in steps[:-1]:
            node = node.setdefault(step or str(len(node)), {})
        node[steps[-1] or str(len(node))] = value
    return root


class StripeStandIn(StandIn):
    SECRET_KEY = "sk_test_tithi_tests_only_0123456789"
    PUBLISHABLE_KEY = "pk_test_tithi_tests_only_0123456789"
    WEBHOOK_SECRET = "whsec_stripe_tests_only_0123456789abcdef"
    OLD_WEBHOOK_SECRET = "whsec_stripe_tests_before_its_rotation"
    refund_status = "succeeded"  # of refunds that are made from now on
    VERSION = "2026-08-26.dahlia"
    ROUTES = (
        ("POST", r"/v1/checkout/sessions", "make_session"),
        ("GET", r"/v1/checkout/sessions", "list_sessions"),
        ("GET", r"/v1/checkout/sessions/([^/]+)", "get_session"),
        ("POST", r"/v1/checkout/sessions/([^/]+)/expire", "expire_session"),
        ("POST", r"/v1/refunds", "make_refund"),
        ("GET", r"/v1/refunds", "list_refunds"),
        ("GET", r"/v1/refunds/([^/]+)", "get_refund"),
    )
    SESSION_PARAMETERS = set(
        "mode line_items success_url cancel_url client_reference_id customer_email metadata expires_at payment_intent_data locale"
        " payment_method_types submit_type ui_mode customer_creation billing_address_collection expand".split()
    )
    REASONS = ("duplicate", "fraudulent", "requested_by_customer")

    def __init__(self):
        self.sessions, self.intents, self.refunds = {}, {}, {}
        self.promised = {}  # by session: what its payment intent will carry
        self.kept = {}  # by idempotency key: what was asked, and the answer
        super().__init__()

    def environment(self):
        return {
            "STRIPE_SECRET_KEY": self.SECRET_KEY,
            "STRIPE_PUBLISHABLE_KEY": self.PUBLISHABLE_KEY,
            "STRIPE_WEBHOOK_SECRET": f"{self.WEBHOOK_SECRET},{self.OLD_WEBHOOK_SECRET}",
            "STRIPE_API_URL": self.url,
        }

    # The API

    def decide(self, request):
        answer = self.authorized(request) or self.once(request)
        answer.headers.update({"Request-Id": new_id("req_"), "Stripe-Version": self.VERSION})
        if request.headers.get("Idempotency-Key"):
            answer.headers["Idempotency-Key"] = request.headers["Idempotency-Key"]
        return answer

    def authorized(self, request):
        given = request.headers.get("Authorization")
        if given is None:
            return stripe_error("You did not provide an API key.", 401)
        if given != f"Bearer {self.SECRET_KEY}":
            return stripe_error(f"Invalid API Key provided: {given[7:14]}****", 401)
        return None

    def once(self, request):
        """Runs the request, or repeats what the first one with its key was told."""
        key = self.idempotency_key(request)
        if key is not None and len(key) > 255:
            return stripe_error("Idempotency key is longer than 255 characters")
        if key in self.kept:
            asked, answer = self.kept[key]
            if asked != self.fingerprint(request):
                return stripe_error(
                    "Keys for idempotent requests can only be used with the same parameters they were first used with."
                    f" Try using a key other than '{key}' if you meant to execute a different request.",
                    kind="idempotency_error",
                )
            headers = {**answer.headers, "Idempotent-Replayed": "true", "Original-Request": answer.headers.get("Request-Id", "")}
            return Answer(answer.status, answer.body, headers)
        try:
            answer = self.dispatch(request)
            answer.saved = True
        except Answer as refusal:
            answer = refusal
        if answer.saved:
            self.keep(request, answer)
        return answer

    def keep(self, request, answer):
        key = self.idempotency_key(request)
        if key is not None:
            self.kept[key] = (self.fingerprint(request), answer)

    def fingerprint(self, request):
        return (request.method, request.path, request.body)

    def dispatch(self, request):
        version = request.headers.get("Stripe-Version", self.VERSION)
        if not re.fullmatch(r"20\d\d-\d\d-\d\d(\.[a-z]+)?", version):
            raise stripe_error(f"Invalid Stripe API version: {version}")
        for method, pattern, name in self.ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return Answer(200, getattr(self, name)(self.parameters(request), *match.groups()))
        raise stripe_error(f"Unrecognized request URL ({request.method}: {request.path}).", 404)

    def parameters(self, request):
        if request.method == "GET":
            return decode_form(urllib.parse.urlencode(request.query))
        if request.body and request.headers.get_content_type() != "application/x-www-form-urlencoded":
            raise stripe_error("Invalid request: check the Content-Type; it must be application/x-www-form-urlencoded")
        try:
            return decode_form(request.body.decode())
        except (ValueError, AttributeError, UnicodeDecodeError):
            raise stripe_error("Invalid request: the body is not form-encoded") from None

    def server_error(self):
        return stripe_error("An unknown error occurred", 500, "api_error")

    def refusal(self):
        return stripe_error("This charge is in dispute and cannot be refunded.", code="charge_disputed", saved=True)

    def idempotency_key(self, request):
        return request.headers.get("Idempotency-Key") if request.method == "POST" else None

    def key_in_use(self):
        message = "There is currently another in-progress request using this idempotency key. Please try again later."
        return stripe_error(message, 409, "idempotency_error", code="idempotency_key_in_use")

    def check(self, parameters, known, required):
        for name in parameters:
            if name not in known:
                raise stripe_error(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
        for name in required:
            if not parameters.get(name):
                raise stripe_error(f"Missing required param: {name}.", code="parameter_missing", param=name)

    def integer(self, text, param):
        if not re.fullmatch("-?[0-9]{1,15}", text or ""):
            raise stripe_error(f"Invalid integer: {text}", code="parameter_invalid_integer", param=param)
        return int(text)

    def check_metadata(self, metadata, param):
        if not isinstance(metadata, dict) or len(metadata) > 50:
            raise stripe_error("Metadata can have at most 50 keys", param=param)
        for key, value in metadata.items():
            if len(key) > 40 or not isinstance(value, str) or len(value) > 500:
                raise stripe_error(f"Metadata of {key} is too long", param=param)
        return metadata

    def check_url(self, parameters, name):
        if name in parameters and not re.match(r"https?://[^\s/]+", parameters[name]):
            raise stripe_error("Not a valid URL", code="url_invalid", param=name)

    def find(self, things, what, name, status=404):
        if name not in things:
            raise stripe_error(f"No such {what}: '{name}'", status, code="resource_missing", param="id")
        return things[name]

    def page(self, parameters, url, things):
        """A list, newest first."""
        limit = self.integer(parameters.get("limit", "10"), "limit")
        if not 1 <= limit <= 100:
            raise stripe_error("limit must be between 1 and 100", param="limit")
        things = list(reversed(things))
        if "starting_after" in parameters:
            names = [thing["id"] for thing in things]
            things = things[names.index(parameters["starting_after"]) + 1 :]
        return {"object": "list", "url": url, "has_more": len(things) > limit, "data": things[:limit]}

    def line_items(self, parameters):
        """The sum and the currency."""
        total, currency = 0, None
        items = parameters["line_items"]
        if not isinstance(items, dict):
            raise stripe_error("Invalid array", param="line_items")
        for index, item in items.items():
            where = f"line_items[{index}]"
            price = item.get("price_data")
            if not isinstance(price, dict):
                raise stripe_error(f"Missing required param: {where}[price_data].", code="parameter_missing", param=where)
            self.check(price, ("currency", "unit_amount", "product_data", "product"), ("currency", "unit_amount", "product_data"))
            if not price["product_data"].get("name"):
                raise stripe_error(f"Missing required param: {where}[price_data][product_data][name].", code="parameter_missing")
            if not re.fullmatch("[a-z]{3}", price["currency"]):
                raise stripe_error(f"Invalid currency: {price['currency']}", param=f"{where}[price_data][currency]")
            if currency not in (None, price["currency"]):
                raise stripe_error("All line items must have the same currency", param=where)
            currency = price["currency"]
            total += self.integer(price["unit_amount"], where) * self.integer(item.get("quantity"), f"{where}[quantity]")
        if total < 50:
            raise stripe_error("The Checkout Session's total amount due is too small", code="amount_too_small", param="line_items")
        return total, currency

    def make_session(self, parameters):
        self.check(parameters, self.SESSION_PARAMETERS, ("mode", "line_items"))
        if parameters["mode"] != "payment":
            raise stripe_error("Invalid mode", param="mode")
        if parameters.get("ui_mode", "hosted_page") not in ("hosted_page", "embedded_page", "form", "elements"):
            raise stripe_error("Invalid ui_mode", param="ui_mode")
        if "success_url" not in parameters and parameters.get("ui_mode", "hosted_page") == "hosted_page":
            raise stripe_error("Missing required param: success_url.", code="parameter_missing", param="success_url")
        self.check_url(parameters, "success_url")
        self.check_url(parameters, "cancel_url")
        if len(parameters.get("client_reference_id", "")) > 200:
            raise stripe_error("Invalid string: must be at most 200 characters", param="client_reference_id")
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", parameters.get("customer_email", "a@example.com")):
            raise stripe_error("Invalid email address", code="email_invalid", param="customer_email")
        metadata = self.check_metadata(parameters.get("metadata", {}), "metadata")
        of_intent = parameters.get("payment_intent_data", {})
        self.check(of_intent, ("metadata", "description", "capture_method", "receipt_email", "statement_descriptor"), ())
        self.check_metadata(of_intent.get("metadata", {}), "payment_intent_data[metadata]")
        total, currency = self.line_items(parameters)
        expires_at = now_s() + 86400
        if "expires_at" in parameters:
            expires_at = self.integer(parameters["expires_at"], "expires_at")
            if expires_at < now_s() + 30 * 60:
                message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
                raise stripe_error(message, param="expires_at")
            if expires_at > now_s() + 86400:
                message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
                raise stripe_error(message, param="expires_at")
        return self.new_session(parameters, total, currency, expires_at, metadata, of_intent)

    def new_session(self, parameters, total, currency, expires_at, metadata, of_intent):
        name = new_id("cs_test_", 58)
        session = dict.fromkeys(
            "adaptive_pricing after_expiration allow_promotion_codes billing_address_collection client_secret collected_information"
            " consent consent_collection currency_conversion customer customer_account customer_details discounts integration_identifier"
            " invoice invoice_creation managed_payments origin_context payment_intent payment_link payment_method_configuration_details"
            " permissions recovered_from saved_payment_method_options setup_intent shipping_address_collection shipping_cost submit_type"
            " subscription".split()
        )
        session.update(
            id=name,
            object="checkout.session",
            amount_subtotal=total,
            amount_total=total,
            automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
            cancel_url=parameters.get("cancel_url"),
            client_reference_id=parameters.get("client_reference_id"),
            created=now_s(),
            currency=currency,
            custom_fields=[],
            custom_text={"after_submit": None, "shipping_address": None, "submit": None, "terms_of_service_acceptance": None},
            customer_creation="if_required",
            customer_email=parameters.get("customer_email"),
            expires_at=expires_at,
            livemode=False,
            locale=parameters.get("locale"),
            metadata=metadata,
            mode="payment",
            payment_method_collection="if_required",
            payment_method_options={},
            payment_method_types=["card"],
            payment_status="unpaid",
            phone_number_collection={"enabled": False},
            shipping_options=[],
            status="open",
            success_url=parameters.get("success_url"),
            total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            ui_mode=parameters.get("ui_mode", "hosted_page"),
            url=f"https://checkout.stripe.com/c/pay/{name}#fidkdWxOYHwnPyd1blpxYHZxWjA0",
        )
        self.sessions[name] = session
        self.promised[name] = {"metadata": of_intent.get("metadata", {}), "description": of_intent.get("description")}
        return session

    def list_sessions(self, parameters):
        known = ("payment_intent", "status", "limit", "starting_after", "ending_before", "created", "customer_details", "expand")
        self.check(parameters, known, ())
        wanted, status = parameters.get("payment_intent"), parameters.get("status")
        found = [
            session
            for session in self.sessions.values()
            if wanted in (None, session["payment_intent"]) and status in (None, session["status"])
        ]
        return self.page(parameters, "/v1/checkout/sessions", found)

    def get_session(self, parameters, name):
        self.check(parameters, ("expand",), ())
        session = self.find(self.sessions, "checkout.session", name)
        wanted = parameters.get("expand", {}).values()
        if any(path.startswith("payment_intent") for path in wanted) and session["payment_intent"]:
            return {**session, "payment_intent": self.intents[session["payment_intent"]]}
        return session

    def expire_session(self, parameters, name):
        self.check(parameters, ("expand",), ())
        session = self.find(self.sessions, "checkout.session", name)
        if session["status"] != "open":
            raise stripe_error(
                'Only Checkout Sessions with a status in ["open"] can be expired.'
                f" This Checkout Session has a status of {session['status']}.",
                saved=True,
            )
        self.run_out(session)
        return session

    def make_refund(self, parameters):
        self.check(parameters, ("payment_intent", "charge", "amount", "reason", "metadata", "expand"), ())
        if ("payment_intent" in parameters) == ("charge" in parameters):
            raise stripe_error("One of the following params should be provided for this request: payment_intent or charge.")
        if parameters.get("reason", "duplicate") not in self.REASONS:
            raise stripe_error("Invalid reason", param="reason")
        metadata = self.check_metadata(parameters.get("metadata", {}), "metadata")
        intents = {intent["latest_charge"]: intent for intent in self.intents.values()} if "charge" in parameters else self.intents
        what = "charge" if "charge" in parameters else "payment_intent"
        intent = self.find(intents, what, parameters[what], 404)
        if intent["status"] != "succeeded":
            raise stripe_error(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.", saved=True)
        left = intent["amount_received"] - self.refunded(intent)
        if left == 0:
            message = f"Charge {intent['latest_charge']} has already been refunded."
            raise stripe_error(message, code="charge_already_refunded", saved=True)
        amount = self.integer(parameters["amount"], "amount") if "amount" in parameters else left
        if amount < 1:
            raise stripe_error("Invalid positive integer", code="parameter_invalid_integer", param="amount")
        if amount > left:
            message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            raise stripe_error(message, param="amount", saved=True)
        return self.new_refund(intent, amount, parameters.get("reason"), metadata)

    def new_refund(self, intent, amount, reason=None, metadata=None):
        refund = {
            "id": new_id("re_", 24),
            "object": "refund",
            "amount": amount,
            "balance_transaction": new_id("txn_", 24),
            "charge": intent["latest_charge"],
            "created": now_s(),
            "currency": intent["currency"],
            "customer": None,
            "customer_account": None,
            "metadata": metadata or {},
            "payment_intent": intent["id"],
            "payment_method": intent["payment_method"],
            "reason": reason,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": self.refund_status,
            "transfer_reversal": None,
        }
        self.refunds[refund["id"]] = refund
        self.tell(self.event("refund.created", refund))
        self.tell(self.event("charge.refunded", self.charge(intent)))
        if self.refund_status != "pending":
            self.tell(self.event("refund.failed" if self.refund_status == "failed" else "refund.updated", refund))
        return refund

    def list_refunds(self, parameters):
        self.check(parameters, ("payment_intent", "charge", "limit", "starting_after", "ending_before", "created", "expand"), ())
        wanted = parameters.get("payment_intent")
        if wanted is not None:
            self.find(self.intents, "payment_intent", wanted, 404)
        found = [refund for refund in self.refunds.values() if wanted in (None, refund["payment_intent"])]
        return self.page(parameters, "/v1/refunds", found)

    def get_refund(self, parameters, name):
        self.check(parameters, ("expand",), ())
        return self.find(self.refunds, "refund", name)

    # The customer

    def pay(self, session, later=False):
        """Completes a session; `later`: by a way of payment whose outcome comes later, see settle()."""
        with self.lock:
            session = self.sessions[session["id"] if isinstance(session, dict) else session]
            assert session["status"] == "open", f"nobody can pay a session that is {session['status']}"
            intent = {
                "id": new_id("pi_", 24),
                "object": "payment_intent",
                "amount": session["amount_total"],
                "amount_received": 0 if later else session["amount_total"],
                "created": now_s(),
                "currency": session["currency"],
                "latest_charge": new_id("ch_", 24),
                "livemode": False,
                "payment_method": new_id("pm_", 24),
                "status": "processing" if later else "succeeded",
                **self.promised[session["id"]],
            }
            self.intents[intent["id"]] = intent
            session.update(status="complete", payment_intent=intent["id"], url=None)
            session.update(payment_status="unpaid" if later else "paid")
            self.tell(self.event("checkout.session.completed", session))
            return intent

    def settle(self, intent, paid):
        """What becomes of a payment that came later."""
        with self.lock:
            session = next(found for found in self.sessions.values() if found["payment_intent"] == intent["id"])
            if paid:
                intent.update(status="succeeded", amount_received=intent["amount"])
                session["payment_status"] = "paid"
            else:
                intent["status"] = "requires_payment_method"
            kind = "succeeded" if paid else "failed"
            return self.tell(self.event(f"checkout.session.async_payment_{kind}", session))

    def run_out(self, session):
        with self.lock:
            session.update(status="expired", url=None)
            return self.tell(self.event("checkout.session.expired", session))

    def settle_refund(self, refund, status):
        """What becomes of a refund that was pending."""
        with self.lock:
            refund["status"] = status
            return self.tell(self.event("refund.failed" if status == "failed" else "refund.updated", refund))

    def refund_in_dashboard(self, intent, amount):
        with self.lock:
            return self.new_refund(intent, amount)

    def refunds_of(self, intent):
        with self.lock:
            return [refund for refund in self.refunds.values() if refund["payment_intent"] == intent["id"]]

    def order_for(self, receipt):
        """The sessions that were made under a receipt of ours."""
        with self.lock:
            return [session for session in self.sessions.values() if session["client_reference_id"] == receipt]

    def refunded(self, intent):
        return sum(refund["amount"] for refund in self.refunds_of(intent) if refund["status"] not in ("failed", "canceled"))

    def charge(self, intent):
        return {
            "id": intent["latest_charge"],
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": intent["amount_received"],
            "amount_refunded": self.refunded(intent),
            "captured": True,
            "currency": intent["currency"],
            "metadata": intent["metadata"],
            "paid": True,
            "payment_intent": intent["id"],
            "refunded": self.refunded(intent) == intent["amount"],
            "status": "succeeded",
        }

    # What it says

    def event(self, kind, thing):
        name = new_id("evt_", 24)
        body = {
            "id": name,
            "object": "event",
            "api_version": self.VERSION,
            "created": now_s(),
            "data": {"object": dict(thing)},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        return Event(name, kind, body)

    def signature(self, event, secrets_=None, timestamp=None):
        timestamp = now_s() if timestamp is None else timestamp
        signed = f"{timestamp}.".encode() + event.body
        return ",".join([f"t={timestamp}", *(f"v1={hex_hmac(secret, signed)}" for secret in secrets_ or [self.WEBHOOK_SECRET])])

    def headers(self, event, secret=None, timestamp=None):
        return {"Stripe-Signature": self.signature(event, secret and [secret], timestamp), "User-Agent": "Stripe/1.0"}

    def send(self, event, secret=None, headers=None):
        return self.post("/payments/webhooks/stripe", event.body, self.headers(event, secret) if headers is None else headers)
