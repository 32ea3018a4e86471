"""Every path of the document is served, and its answer is the documented one: the client checks each (harness.py). The checker itself
is tried on the document's own examples."""

import copy
import json

import pytest

from document import METHODS
from harness import DOCUMENT, PASSWORD, days_from_now, unique

MEDIA_TYPES = {
    "/metrics": "text/plain",
    "/sandbox/page.js": "text/javascript",
    "/sandbox/page.css": "text/css",
    "sandboxPage": "text/html",
}
# Their success takes a provider that signs: test_razorpay.py and test_stripe.py check the answers.
SIGNED = {"confirmPayment", "recordPaymentFailure", "receiveRazorpayEvent", "receiveStripeEvent"}


class World:
    """What requests need to succeed."""

    def __init__(self, stack):
        self.stack = stack
        self.host = stack.facilitator()

    def arguments(self, route):
        """Client, path and body of a request that this route answers with success."""
        name = route.operation_id
        if route.listener == "crm":
            return self.crm(route, name)
        person = self.stack.user()
        if name in ("registerUser", "loginUser", "refreshToken"):
            return self.accounts(route, name, person)
        if name == "updateProfile":
            return person, route.path, {"bio": "Optional bio"}
        if name == "createEvent":
            return self.host, route.path, {"title": "Yoga Session", "start_datetime": days_from_now(3)}
        if route.path.startswith("/admin/"):
            return self.stack.admin(), route.path, None
        if name in ("getSandboxOrder", "paySandboxOrder", "sandboxPage", "createPayment", "refundBooking"):
            return self.payments(route, name, person)
        event = self.stack.event(self.host)
        if name == "createBooking":
            return person, route.path, {"event_id": event["id"]}
        booking = None if name == "deleteEvent" else self.stack.book(person, event)
        path = self.fill(route, event, booking)
        own = "/facilitator/" in path or name in ("updateEvent", "deleteEvent", "cancelEvent")
        return self.host if own else person, path, {"title": "Another"} if name == "updateEvent" else None

    def payments(self, route, name, person):
        event = self.stack.priced_event(self.host)
        if name == "refundBooking":
            paid = self.stack.paid_booking(person, event)
            return self.host, route.path.replace("{booking_id}", str(paid["id"])), {"reason": "Ended early"}
        booked = person.post("/bookings", {"event_id": event["id"]}).json()
        if name == "createPayment":
            return person, route.path, {"booking_id": booked["booking"]["id"]}
        path = route.path.replace("{order_id}", booked["order_id"])
        return self.stack.anonymous, path, {"action": "pay"} if name == "paySandboxOrder" else None

    @staticmethod
    def fill(route, event, booking):
        path = route.path.replace("{event_id}", str(event["id"]))
        if booking is None:
            return path.replace("{id}", str(event["id"]))
        return path.replace("{booking_id}", str(booking["id"])).replace(
            "{id}", str(booking["id"] if "/bookings/" in path else event["id"])
        )

    def accounts(self, route, name, person):
        if name == "refreshToken":
            person.token = person.refresh_token
            return person, route.path, None
        if name == "loginUser":
            return self.stack.anonymous, route.path, {"email": person.email, "password": PASSWORD}
        return self.stack.anonymous, route.path, {"email": f"{unique('x')}@example.com", "password": PASSWORD, "name": "X"}

    def crm(self, route, name):
        body = {"booking_id": 1, "action": unique("action"), "user": {"name": "A", "email": "a@example.com"}, "event": {"title": "T"}}
        if name == "receiveBookingNotification":
            return self.stack.crm, route.path, body
        noted = self.stack.crm.post("/api/booking-notification", body).json()["notification_id"]
        return self.stack.crm, route.path.replace("{id}", str(noted)), None


@pytest.fixture(scope="module")
def world(stack):
    return World(stack)


@pytest.mark.parametrize(
    "route",
    [route for route in DOCUMENT.routes if route.operation_id not in SIGNED],
    ids=lambda route: f"{route.method} {route.path}",
)
def test_every_path_answers_as_documented(world, route):
    client, path, body = world.arguments(route)
    answer = client.request(route.method, path, **({} if body is None else {"json": body}))
    success = [status for status in route.operation["responses"] if status.startswith("2")]
    assert [str(answer.status_code)] == success, answer.text
    other = "text/csv" if path.endswith(".csv") else MEDIA_TYPES.get(path, MEDIA_TYPES.get(route.operation_id))
    assert answer.headers["Content-Type"].split(";")[0] == (other or "application/json")
    if not other:
        assert isinstance(answer.json(), (dict, list))


def test_the_document_is_published(stack):
    published = stack.anonymous.get("/openapi.json").json()
    assert published["openapi"].startswith("3.1")
    operations = {
        item[method].get("operationId") for item in published["paths"].values() for method in METHODS if method in item
    }
    for item in DOCUMENT.root["paths"].values():
        for method in METHODS:
            assert method not in item or item[method]["operationId"] in operations


def test_the_published_document_spells_out_every_name(stack):
    """What stands in the contract as x-alias, x-money and x-listener is written out for programs that know OpenAPI only."""
    published = stack.anonymous.get("/openapi.json").json()
    for route in DOCUMENT.routes:
        operation = published["paths"][route.path][route.method.lower()]
        assert "default" in operation["responses"]
        assert bool(operation.get("servers")) == (route.listener == "crm")
    bodies = published["components"]["requestBodies"]
    event = bodies["NewEvent"]["content"]["application/json"]
    for example in event["examples"].values():
        assert set(example["value"]) <= set(event["schema"]["properties"])
    assert not event["schema"].get("required")
    assert {"anyOf": [{"required": [name]} for name in ("start_datetime", "datetime", "start_time")]} in event["schema"]["allOf"]
    answered = published["components"]["schemas"]["Event"]
    for name in ("start_time", "type", "capacity", "price_minor"):
        assert name in answered["properties"] and name in answered["required"]
    names = [given.get("name") for given in published["paths"]["/events/filter"]["get"]["parameters"]]
    assert {"session_type", "min_rating"} <= set(names)


def test_the_webhook_carries_the_documented_fields(stack, crm_receiver, person, event):
    booking = stack.book(person, event)
    delivery = crm_receiver.wait_for(lambda delivery: delivery.json["booking_id"] == booking["id"])
    body = DOCUMENT.root["webhooks"]["bookingChanged"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    DOCUMENT.check(body, delivery.json, "webhook")


class TestChecker:
    """A check that never fails proves nothing."""

    GOOD = {
        "id": 1,
        "title": "Yoga",
        "name": "Yoga",
        "start": "2024-02-15T10:00:00Z",
        "price": 25.0,
        "price_minor": 2500,
        "currency": "INR",
        "host": {"id": 2},
        "tags": ["a"],
        "end": None,
    }
    SCHEMA = {
        "type": "object",
        "required": ["id", "title", "start", "price", "currency", "host", "tags", "end"],
        "properties": {
            "id": {"type": "integer"},
            "title": {"type": "string", "x-alias": ["name"]},
            "start": {"type": "string", "format": "date-time"},
            "price": {"type": "number", "x-money": "currency"},
            "currency": {"type": "string", "format": "currency"},
            "host": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}},
            "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
            "end": {"type": ["string", "null"], "format": "date-time"},
        },
    }

    def test_accepts(self):
        DOCUMENT.check(self.SCHEMA, self.GOOD, "answer")

    @pytest.mark.parametrize(
        "change",
        [
            {"id": "1"},
            {"id": True},
            {"title": "Other"},
            {"name": None},
            {"start": "2024-02-15T10:00:00"},
            {"price_minor": 2499},
            {"price_minor": ...},
            {"currency": "Rs"},
            {"host": {}},
            {"host": {"id": 2, "password_hash": "x"}},
            {"tags": ["c"]},
            {"end": ...},
            {"extra": 1},
        ],
        ids=str,
    )
    def test_refuses(self, change):
        value = copy.deepcopy(self.GOOD) | change
        value = {key: item for key, item in value.items() if item is not ...}
        with pytest.raises(AssertionError):
            DOCUMENT.check(self.SCHEMA, json.loads(json.dumps(value)), "answer")
