"""Every path of the document is served, and its answer is the documented one: the client checks each (harness.py). The checker itself
is tried on the document's own examples."""

import copy
import json

import pytest

import test_google as google
import test_second_factor as second_factor
from document import METHODS
from harness import DOCUMENT, Client, start_stack, stop_stack
from issuers import EvilIssuer, query_of
from mails import RESET, VERIFY, Mails
from operations import NEW_PASSWORD, RIGHTS, SITE, Call, World, ask, confirmed, request_of

ROWS = {row["operation"]: row for row in RIGHTS}
MEDIA_TYPES = {
    "metrics": "text/plain",
    "sandboxPage": "text/html",
    "sandboxScript": "text/javascript",
    "sandboxStyle": "text/css",
    "accountPage": "text/html",
    "accountScript": "text/javascript",
    "accountStyle": "text/css",
    "unsubscribePage": "text/html",
    "unsubscribeScript": "text/javascript",
    "webApp": "text/html",
    "webAppFile": "text/javascript",
    "documentationPage": "text/html",
    "openStream": "text/event-stream",
    "streamPlaces": "text/event-stream",
}
# Their success takes a provider that signs: test_razorpay.py and test_stripe.py check the answers.
SIGNED = {"confirmPayment", "recordPaymentFailure", "receiveRazorpayEvent", "receiveStripeEvent"}


class Successes(World):
    """Requests that this stack answers with success, by those who may make them."""

    def __init__(self, stack, issuer):
        super().__init__(stack)
        self.issuer = issuer

    def call(self, operation):
        return SUCCESSES[operation](self) if operation in SUCCESSES else request_of(ROWS[operation], self)

    def caller(self, operation, call):
        row = ROWS[operation]
        nobody = {"anonymous": self.stack.anonymous, "public": self.stack.anonymous, "service": self.stack.crm}
        if call.caller or row["access"] in nobody:
            return call.caller or nobody[row["access"]]
        role = row["roles"][0] if row["roles"] else "user"
        person = self.person(role) if call.spends or row["access"] == "refresh" else getattr(self, role)
        if row["access"] == "refresh":
            person.token = person.refresh_token
        return person

    def protected(self):
        """Somebody with a second factor, and the app."""
        person = self.person()
        return person, second_factor.activate(self.stack, person)[0]

    def link(self, subject):
        """The token of one that somebody new was sent."""
        person = self.person()
        assert self.stack.anonymous.post("/auth/password/forgot", {"email": person.email}).status_code == 202
        return {"token": Mails(self.stack).wait(person.email, subject).token}


def challenged(world):
    person, app = world.protected()
    return Call({"challenge": second_factor.challenge(world.stack, person), "otp": app.code()})


def begun(world):
    person = world.person()
    app = second_factor.App(world.stack, person, second_factor.begin(person)["secret"])
    return Call({"code": app.code()}, caller=person)


def with_code(world, **more):
    person, app = world.protected()
    return Call({"code": app.code(), **more}, caller=person)


def called_back(world):
    location, cookie = google.begin(world.stack)
    asked = query_of(location)
    world.issuer.codes["code"] = world.issuer.token(*google.somebody(), nonce=asked["nonce"])
    return Call(query={"code": "code", "state": asked["state"]}, headers={"Cookie": cookie})


# Of operations whose success takes more than a valid request.
SUCCESSES = {
    "answerSecondFactor": challenged,
    "beginGoogleSignIn": lambda world: Call(),
    "confirmSecondFactor": begun,
    "finishGoogleSignIn": called_back,
    "removeSecondFactor": lambda world: with_code(world, **confirmed()),
    "renewRecoveryCodes": with_code,
    "resetPassword": lambda world: Call({**world.link(RESET), "new_password": NEW_PASSWORD}),
    "signInWithGoogle": lambda world: Call({"id_token": world.issuer.token(*google.somebody())}),
    "verifyEmail": lambda world: Call(world.link(VERIFY)),
}


@pytest.fixture(scope="module")
def world():
    issuer = EvilIssuer()  # no fault is set: it is a good one here
    stack = start_stack({**google.settings(issuer.url), "WEB_ROOT": SITE})
    yield Successes(stack, issuer)
    stop_stack(stack)
    issuer.close()


@pytest.mark.parametrize(
    "route",
    [route for route in DOCUMENT.routes if route.operation_id not in SIGNED],
    ids=lambda route: f"{route.method} {route.path} {route.listener}",
)
def test_every_path_answers_as_documented(world, route):
    call = world.call(route.operation_id)
    caller = world.caller(route.operation_id, call)
    if route.listener != caller.listener:
        caller = Client(world.stack.crm_url, caller.token, route.listener)
    answer = ask(caller, {"method": route.method, "path": route.path}, call)
    if route.operation.get("x-redirect", {}).get("to") == "everybody":
        assert (answer.status_code, answer.text) == (302, "") and answer.headers["Location"]
        return
    success = [status for status in route.operation["responses"] if status.startswith("2") or status == "101"]
    assert [str(answer.status_code)] == success, answer.text
    if answer.status_code == 101:
        return  # test_push.py goes on
    other = "text/csv" if route.path.endswith(".csv") else MEDIA_TYPES.get(route.operation_id)
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
        listeners = {other.listener for other in DOCUMENT.routes if (other.method, other.path) == (route.method, route.path)}
        assert len(operation.get("servers", [])) == {("api",): 0, ("crm",): 1, ("api", "crm"): 2}[tuple(sorted(listeners))]
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
