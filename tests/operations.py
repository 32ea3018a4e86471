"""A valid request to every operation, and a world of people and rows that they name: for tests that go through the whole contract."""

import functools
import json
import re
import subprocess
from typing import NamedTuple

from document import ROOT
from harness import DOCUMENT, PASSWORD, WEBHOOK_SECRET, days_from_now, unique
from sockets import handshake

FILES = [str(ROOT / "schemas" / name) for name in ("openapi.yaml", "messages.yaml", "errors.yaml")]
RIGHTS = json.loads(subprocess.run([str(ROOT / "schemas/compile.py"), "--rights", "json", *FILES], stdout=subprocess.PIPE, check=True).stdout)


class World:
    """A stack, people of each role, and what they have."""

    def __init__(self, stack):
        self.stack = stack
        self.user, self.facilitator, self.admin = (self.person(role) for role in ("user", "facilitator", "admin"))
        self.event = stack.event(self.facilitator)
        self.booking = stack.book(self.user, self.event)
        self.leaver = self.person("admin")
        assert self.leaver.post("/auth/logout").status_code == 200

    def person(self, role="user"):
        email = self.stack.register()["email"]
        self.stack.rows("UPDATE users SET role = %s WHERE email = %s", role, email)
        return self.stack.login(email)

    @functools.cached_property
    def paid_booking(self):
        return self.stack.paid_booking(self.user, self.stack.priced_event(self.facilitator))

    def fresh_event(self):
        return self.stack.event(self.facilitator)

    def fresh_booking(self):
        return self.stack.book(self.user, self.fresh_event())

    def arrival(self):
        """A booking of the user's whose door is open."""
        return self.stack.book(self.user, self.stack.event(self.facilitator, start_datetime=days_from_now(1, 0)))

    def full_event(self):
        event = self.stack.event(self.facilitator, max_participants=1)
        self.stack.book(self.person(), event)
        return event

    def waited_for(self):
        """A full event, for which the user waits."""
        event = self.full_event()
        answer = self.user.post(f"/events/{event['id']}/waitlist")
        assert answer.status_code == 200, answer.text
        return event

    def order(self):
        """Of a booking that waits to be paid."""
        answer = self.user.post("/bookings", {"event_id": self.stack.priced_event(self.facilitator)["id"]})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def session_id(self):
        """Of one more session of the user's."""
        shown = self.stack.login(self.user.email).get("/auth/sessions").json()["sessions"]
        return next(session["id"] for session in shown if session["current"])

    def ticket(self):
        answer = self.person().post("/ws/ticket")
        assert answer.status_code == 201, answer.text
        return {"ticket": answer.json()["ticket"]}

    def key_id(self):
        answer = self.user.post("/profile/keys", confirmed(name="machine", scopes=["read"]))
        assert answer.status_code == 201, answer.text
        return answer.json()["api_key"]["id"]

    @functools.cached_property
    def past_event(self):
        """That the user was at."""
        event = self.stack.event(self.facilitator)
        self.stack.book(self.user, event)
        self.stack.rows("UPDATE events SET start_at = now() - interval '1 hour', end_at = NULL WHERE id = %s", event["id"])
        return event

    def review_id(self):
        """The user's, of the past event."""
        answer = self.user.put(f"/events/{self.past_event['id']}/review", {"rating": 4})
        assert answer.status_code == 200, answer.text
        return answer.json()["review"]["id"]

    def reviewed_event(self):
        self.review_id()
        return self.past_event

    def notification_id(self):
        answer = self.stack.crm.post("/api/booking-notification", example("receiveBookingNotification"))
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def endpoint_id(self):
        """A new one of the facilitator's, instead of the one before."""
        self.stack.rows("DELETE FROM webhook_endpoints WHERE owner_id = %s", self.facilitator.id)
        (row,) = self.stack.rows(
            "INSERT INTO webhook_endpoints (owner_id, url, secret) VALUES (%s, 'http://127.0.0.1:9/hook', %s) RETURNING id",
            *(self.facilitator.id, WEBHOOK_SECRET),
        )
        return row[0]

    def delivery(self):
        """Endpoint and webhook-id of one that was given up."""
        endpoint_id = self.endpoint_id()
        (row,) = self.stack.rows(
            "INSERT INTO outbox (channel, lane, owner_id, type, cause, body, state, finished_at)"
            " VALUES ('webhook', %s, %s, 'booking.created', %s, '{}', 'dead', now()) RETURNING lane, webhook_id",
            *(endpoint_id, self.facilitator.id, unique("cause")),
        )
        return row

    def unsubscribe_token(self):
        ((token,),) = self.stack.rows("SELECT unsubscribe_token(%s, 'reminder')", self.user.id)
        return token


class Call(NamedTuple):
    body: object = None
    names: object = None  # the row, in the path; several: a tuple
    query: dict = {}
    headers: dict = {}
    caller: object = None  # who is known already to be the one who may
    then: tuple = None  # what it comes to for who is let through; None: the success that is documented
    spends: bool = False  # the caller is not the same afterwards: takes somebody new each time


def ask(client, route, call):
    body = {} if call.body is None else {"json": call.body}
    names = call.names if isinstance(call.names, tuple) else (call.names,)
    found = iter(names)
    path = re.sub(r"\{\w+\}", lambda _: str(next(found, names[-1])), route["path"])
    return client.request(route["method"], path, params=call.query, headers=dict(call.headers), **body)


def event_body(**fields):
    return {"title": "Yoga", "event_type": "session", "start_datetime": days_from_now(9), "end_datetime": days_from_now(9, 11), **fields}


def confirmed(**fields):
    return {"current_password": PASSWORD, **fields}


def example(operation):
    """The first one that the contract shows."""
    route = next(route for route in DOCUMENT.routes if route.operation_id == operation)
    content = DOCUMENT.resolve(route.operation["requestBody"])["content"]["application/json"]
    return content["example"] if "example" in content else next(iter(content["examples"].values()))["value"]


NEW_PASSWORD = "another good Password 1"
NO_LINK = {"token": "A" * 43}
NO_FACTOR = Call(confirmed(code="123456"), then=(409, "second_factor_missing"))
NO_GOOGLE = (404, "sign_in_not_configured")
UNSIGNED = Call({}, then=(400, "invalid_signature"))

SITE = str(ROOT / "tests/site")  # a web app, for WEB_ROOT

# Rows that every world has, by the parameter that names one in a path.
ROWS = {"event_id": lambda world: world.event["id"], "booking_id": lambda world: world.booking["id"], "user_id": lambda world: world.user.id,
        "facilitator_id": lambda world: world.facilitator.id}
# By operation; what is not here is a GET about one of ROWS, or about nothing.
REQUESTS = {
    "answerSecondFactor": lambda world: Call({"challenge": "A" * 43, "otp": "123456"}, then=(401, "invalid_code")),
    "beginGoogleSignIn": lambda world: Call(then=NO_GOOGLE),
    "beginSecondFactor": lambda world: Call(confirmed(), spends=True),
    "cancelBooking": lambda world: Call(names=world.fresh_booking()["id"]),
    "cancelEvent": lambda world: Call(names=world.fresh_event()["id"]),
    "changeEmail": lambda world: Call(confirmed(email=f"{unique('new')}@example.com"), spends=True),
    "changePassword": lambda world: Call(confirmed(new_password=NEW_PASSWORD), spends=True),
    "checkIn": lambda world: Call({"ticket": world.arrival()["ticket"]}),
    "checkInBooking": lambda world: Call(names=world.arrival()["id"]),
    "closeSession": lambda world: Call(spends=True),
    "confirmPayment": lambda world: Call(
        {"razorpay_payment_id": "pay_x", "razorpay_order_id": "order_x", "razorpay_signature": "x"}, then=(400, "invalid_signature")
    ),
    "confirmSecondFactor": lambda world: NO_FACTOR._replace(body={"code": "123456"}),
    "clearCrmNotifications": lambda world: Call(),
    "createApiKey": lambda world: Call(confirmed(name="machine", scopes=["read"])),
    "createBooking": lambda world: Call({"event_id": world.fresh_event()["id"]}),
    "createEvent": lambda world: Call(event_body(facilitator_id=world.facilitator.id)),
    "createPayment": lambda world: Call({"booking_id": world.order()["booking"]["id"]}),
    "createWebhookEndpoint": lambda world: Call({"url": "http://127.0.0.1:9/hook"}),
    "deleteAnyReview": lambda world: Call(names=world.review_id()),
    "deleteReview": lambda world: Call(names=world.reviewed_event()["id"]),
    "deleteCrmNotification": lambda world: Call(names=world.notification_id()),
    "deleteEvent": lambda world: Call(names=world.fresh_event()["id"]),
    "deleteWebhookEndpoint": lambda world: Call(names=world.endpoint_id()),
    "endSignIn": lambda world: Call(names=world.session_id()),
    "endSignIns": lambda world: Call(spends=True),
    "endSignInsOfUser": lambda world: Call(names=world.leaver.id),
    "eraseProfile": lambda world: Call(confirmed(), spends=True),
    "finishGoogleSignIn": lambda world: Call(then=NO_GOOGLE),
    "getReceipt": lambda world: Call(names=world.paid_booking["id"]),
    "getAnyDelivery": lambda world: Call(names=world.delivery()[1]),
    "getSandboxOrder": lambda world: Call(names=world.order()["order_id"]),
    "getWebhookDelivery": lambda world: Call(names=world.delivery()),
    "getWebhookEndpoint": lambda world: Call(names=world.endpoint_id()),
    "listWebhookDeliveries": lambda world: Call(names=world.endpoint_id()),
    "joinWaitlist": lambda world: Call(names=world.full_event()["id"]),
    "leaveWaitlist": lambda world: Call(names=world.waited_for()["id"]),
    "loginUser": lambda world: Call({"email": world.user.email, "password": PASSWORD}),
    "logoutUser": lambda world: Call(spends=True),
    "markInbox": lambda world: Call({"up_to": 1}),
    "notifyFacilitator": lambda world: Call(example("notifyFacilitator")),
    "openSocket": lambda world: Call(query=world.ticket(), headers=handshake(Host=None)),
    "openStream": lambda world: Call(query=world.ticket()),
    "openTicket": lambda world: Call(),
    "paySandboxOrder": lambda world: Call({"action": "pay"}, names=world.order()["order_id"]),
    "processNotification": lambda world: Call(names=world.notification_id()),
    "putReview": lambda world: Call({"rating": 5, "text": "Calm and clear"}, names=world.past_event["id"]),
    "receiveBookingNotification": lambda world: Call(example("receiveBookingNotification")),
    "receiveRazorpayEvent": lambda world: UNSIGNED,
    "receiveStripeEvent": lambda world: UNSIGNED,
    "recordPaymentFailure": lambda world: Call(example("recordPaymentFailure"), then=(404, "order_not_found")),
    "refreshToken": lambda world: Call(),
    "refundBooking": lambda world: Call(
        {"amount": 10.0, "currency": "INR", "reason": "The session ended early"}, names=world.paid_booking["id"]
    ),
    "registerUser": lambda world: Call({"email": f"{unique('new')}@example.com", "password": PASSWORD, "name": "New"}),
    "removeSecondFactor": lambda world: NO_FACTOR,
    "renewRecoveryCodes": lambda world: NO_FACTOR._replace(body={"code": "123456"}),
    "replayAnyDelivery": lambda world: Call(names=world.delivery()[1]),
    "replayWebhookDeliveries": lambda world: Call(example("replayWebhookDeliveries"), names=world.endpoint_id()),
    "replayWebhookDelivery": lambda world: Call(names=world.delivery()),
    "requestPasswordReset": lambda world: Call({"email": world.user.email}),
    "requestVerification": lambda world: Call(),
    "resetPassword": lambda world: Call({**NO_LINK, "new_password": NEW_PASSWORD}, then=(400, "link_invalid")),
    "revokeApiKey": lambda world: Call(names=world.key_id()),
    "rotateWebhookSecret": lambda world: Call({}, names=world.endpoint_id()),
    "sandboxPage": lambda world: Call(names="order_x"),
    "sendTestMail": lambda world: Call(example("sendTestMail")),
    "setWebhook": lambda world: Call({"crm_webhook_url": None}),
    "signInWithGoogle": lambda world: Call({"id_token": "a.b.c"}, then=NO_GOOGLE),
    "testWebhookEndpoint": lambda world: Call(names=world.endpoint_id()),
    "undoCheckIn": lambda world: Call(names=world.arrival()["id"]),
    "unsubscribe": lambda world: Call(query={"token": world.unsubscribe_token()}),
    "updateEvent": lambda world: Call({"title": "New title"}, names=world.event["id"]),
    "updateMailSettings": lambda world: Call({"language": "hi", "reminder": False}),
    "updateProfile": lambda world: Call({"name": "New Name"}),
    "updateUser": lambda world: Call({"role": "facilitator"}, names=world.leaver.id),
    "unlinkIdentities": lambda world: Call(confirmed(), spends=True),
    "updateWebhookEndpoint": lambda world: Call({"types": ["booking.created"]}, names=world.endpoint_id()),
    "verifyEmail": lambda world: Call(NO_LINK, then=(400, "link_invalid")),
    "webAppFile": lambda world: Call(names="assets/app-1a2b3c4d.js"),
}


def request_of(row, world):
    if row["operation"] in REQUESTS:
        return REQUESTS[row["operation"]](world)
    method, path = row["routes"][0]["method"], row["routes"][0]["path"]
    names = re.findall(r"\{(\w+)\}", path)
    assert method == "GET" and len(names) <= 1 and set(names) <= set(ROWS), f"{row['operation']}: add a valid request to REQUESTS"
    return Call(names=ROWS[names[0]](world) if names else None)
