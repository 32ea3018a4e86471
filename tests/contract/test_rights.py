"""Everybody at every operation, compared with the table of rights that the contract prints (schemas/compile.py --rights). The table is the
only oracle; the valid requests, and whose rows they name, stand in tests/operations.py."""

import copy
import functools
import sys
import time

import pytest

from document import ROOT
from harness import CRM_TOKEN, DOCUMENT, JWT_KEY, PASSWORD, Client, start_stack, stop_stack, unique
from operations import RIGHTS, SITE, Call, World, ask, event_body, request_of
from test_auth import claims_of

sys.path.insert(0, str(ROOT / "tests/vectors"))

import tokens  # noqa: E402

SCOPES = ["read", "book", "events", "webhooks"]
ROLES = {"user": "user", "other user": "user", "facilitator": "facilitator", "other facilitator": "facilitator", "admin": "admin"}
# The facilitator again: with the rights of a user (demoted, or without the factor that SECOND_FACTOR_REQUIRED wants), and in a browser.
LESSER, BROWSER = "facilitator without a factor", "cookie session"
ROLES |= {LESSER: "user", BROWSER: "facilitator"}
KEYS = ("key without the scope", "key with the scope")  # the facilitator's
CALLERS = ("nobody", *ROLES, "expired token", "ended session", *KEYS)
# The user has booked, at the facilitator's event; what is only ever one's own, where a row is named, is the user's, or the facilitator's
# where users have none.
RELATIONS = {"user": {"self", "booking.person"}, "facilitator": {"event.facilitator", "booking.facilitator"}}
RELATIONS |= {LESSER: set(), BROWSER: RELATIONS["facilitator"]}
UNLIMITED = dict.fromkeys(("RATE_LIMIT_READ", "RATE_LIMIT_WRITE", "RATE_LIMIT_AUTH", "RATE_LIMIT_KEY"), "off")


class Page(Client):
    """Of our own, in a browser that is signed in."""

    def __init__(self, base_url, session, listener):
        super().__init__(base_url, None, listener)
        self.session = session

    def request(self, method, path, *, headers=None, **arguments):
        headers = {"Sec-Fetch-Site": "same-origin", **(headers or {}), "Cookie": f"__Host-session={self.session}"}
        return super().request(method, path, headers=headers, **arguments)


class Callers(World):
    """Everybody who may come."""

    def __init__(self, stack):
        super().__init__(stack)
        self.people = {"user": self.user, "facilitator": self.facilitator, "admin": self.admin}
        self.people |= {LESSER: self.lesser(), BROWSER: self.facilitator}
        self.people |= {name: self.person(role) for name, role in ROLES.items() if name not in self.people}

    @functools.cached_property
    def expired_token(self):
        """Of an administrator, whose word would be worth most."""
        table = tokens.Table(int(time.time()), JWT_KEY, JWT_KEY, str(self.admin.id))
        return tokens.sign(table.header, {**table.claims, "role": "admin", "exp": table.now - 1}, JWT_KEY).decode()

    def lesser(self):
        """The facilitator, as the auth worker would have signed it."""
        lesser = copy.copy(self.facilitator)
        claims = {**claims_of(lesser.token), "role": "user"}
        lesser.token = tokens.sign(tokens.Table(int(time.time()), JWT_KEY, JWT_KEY, "").header, claims, JWT_KEY).decode()
        return lesser

    @functools.lru_cache(maxsize=None)
    def key(self, scopes):
        answer = self.facilitator.post(
            "/profile/keys", {"name": unique("key"), "scopes": list(scopes), "current_password": PASSWORD}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["key"]

    def client(self, caller, row, person):
        listener = row["routes"][0]["listener"]
        base_url = self.stack.crm_url if listener == "crm" else self.stack.base_url
        if caller == BROWSER:
            return Page(base_url, person.token, listener)
        return Client(base_url, self.token(caller, row, person), listener)

    def token(self, caller, row, person):
        if caller in ROLES:
            return person.token
        if caller in KEYS:
            scopes = [scope for scope in SCOPES if scope != row["scope"]] if caller == KEYS[0] else SCOPES
            return self.key(tuple(scopes))
        return {"nobody": None, "expired token": self.expired_token, "ended session": self.leaver.token}[caller]


@pytest.fixture(scope="module")
def world():
    stack = start_stack({**UNLIMITED, "WEB_ROOT": SITE})
    yield Callers(stack)
    stop_stack(stack)


# --- what the table says


def refusal_of(row, caller):
    """Status and code by the table; None: the caller is let through."""
    code = refusal_by_identity(row, caller) or refusal_by_scope(row, caller)
    if not code and row["access"] == "token":
        code = refusal_by_role(row, caller) or refusal_by_ownership(row, caller)
    return (DOCUMENT.refusals[code]["status"], code) if code else None


def refusal_by_identity(row, caller):
    if row["access"] == "anonymous":
        return None
    stranger = caller in ("expired token", "ended session") or (caller == "nobody" and row["access"] != "public")
    return "invalid_token" if stranger or row["access"] in ("refresh", "service") else None


def refusal_by_scope(row, caller):
    open_to_all = row["access"] == "anonymous" or (row["access"] == "public" and row["kind"] == "read")
    lacks = caller in KEYS and (row["scope"] is None or caller == KEYS[0])
    return "scope_missing" if lacks and not open_to_all else None


def refusal_by_role(row, caller):
    return row["role_refusal"] if row["roles"] and role_of(caller) not in row["roles"] else None


def refusal_by_ownership(row, caller):
    owner = row["owner"]
    if not owner or not owner["refusal"] or role_of(caller) in owner["roles"]:
        return None
    relations = RELATIONS.get("facilitator" if caller in KEYS else caller, set())
    if row["roles"] and "user" not in row["roles"] and role_of(caller) and "event.facilitator" in relations:
        relations = relations | {"self"}
    if relations & set(owner["relations"]):
        return None
    return "forbidden" if relations & set(owner["known_to"]) else owner["refusal"]


def role_of(caller):
    return ROLES.get("facilitator" if caller in KEYS else caller)


# --- the matrix


def heard(answer):
    return (answer.status_code, None) if answer.status_code < 400 else (answer.status_code, answer.json()["code"])


def hear(world, row, caller):
    """What that caller hears, and what the table says."""
    route, call = row["routes"][0], request_of(row, world)
    person = world.people.get(caller)
    if call.spends and person:
        person = world.person(ROLES[caller])
    return heard(ask(world.client(caller, row, person), route, call)), refusal_of(row, caller) or call.then or (route["status"], None)


@pytest.mark.parametrize("row", RIGHTS, ids=[row["operation"] for row in RIGHTS])
def test_everybody_at(world, row):
    wrong = {}
    for caller in CALLERS:
        found, expected = hear(world, row, caller)
        if found != expected:
            wrong[caller] = f"{found}, not {expected}"
    assert not wrong


def test_what_is_refused_to_all_of_them_has_somebody_it_is_for(world):
    """Refresh tokens and the CRM's own token are no callers of the matrix."""
    crm = Client(world.stack.crm_url, CRM_TOKEN, "crm")
    for row in RIGHTS:
        route = row["routes"][0]
        if row["access"] == "service":
            assert heard(ask(crm, route, request_of(row, world))) == (route["status"], None), row["operation"]
        elif row["access"] == "refresh":
            client = Client(world.stack.base_url, world.person().refresh_token)
            assert heard(ask(client, route, Call())) == (route["status"], None), row["operation"]


def test_every_further_route_asks_who_is_there(world):
    """Former names and other faces of an operation lead past nothing."""
    wrong = []
    for row in RIGHTS:
        for route in row["routes"][1:] if row["access"] != "anonymous" else []:
            base_url = world.stack.crm_url if route["listener"] == "crm" else world.stack.base_url
            call = Call(names=1)
            callers = [world.expired_token, world.leaver.token] + ([None] if row["access"] != "public" else [])
            for token in callers:
                found = heard(ask(Client(base_url, token, route["listener"]), route, call))
                if found != (401, "invalid_token"):
                    wrong.append((route["method"], route["path"], found))
    assert not wrong


def test_what_is_ones_own_shows_nothing_of_others(world):
    """Reads that are let through because they only reach one's own rows."""
    reads = [row for row in RIGHTS if row["owner"] and row["owner"]["relations"] == ["self"] and row["kind"] == "read"]
    assert {"listBookings", "listSignIns", "listApiKeys", "exportOwnData", "listFacilitatorBookings"} <= {row["operation"] for row in reads}
    strangers = {caller: world.person(ROLES[caller]) for caller in ("other user", "other facilitator", "admin")}
    for row in reads:
        for caller, stranger in strangers.items():
            if refusal_of(row, caller) is None:
                answer = ask(stranger, row["routes"][0], request_of(row, world))
                for foreign in (world.user.email, world.booking["booking_reference"], world.facilitator.email):
                    assert foreign not in answer.text, (row["operation"], caller)


def test_events_of_others_are_not_made(world):
    """createEvent and updateEvent name a facilitator: that must be oneself, but for administrators."""
    other = world.people["other facilitator"]
    event = world.stack.event(other)
    for method, path in (("POST", "/events"), ("PUT", f"/events/{event['id']}")):
        body = event_body(facilitator_id=world.facilitator.id)
        assert heard(other.request(method, path, json=body)) == (403, "forbidden")
        assert heard(world.admin.request(method, path, json=body))[0] in (200, 201)
