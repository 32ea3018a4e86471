"""Who may do what, as data: x-owner, which says whose rows an operation touches, and the table of all rights.

A relation ties a person to the row that a request names. Workers find the holders of that row and ask rights_refusal()
(workers/shared/rights.h), which knows no more than what stands here.
"""

import json

from .model import WORKER_SERVICES, Ownership

ROLES = ["user", "facilitator", "admin"]
SELF = "self"
# Relation -> by which field of the request (one of them) a worker finds the row and its holders.
RELATIONS = {
    SELF: None,  # of the caller's own: no other row can be reached
    "event.facilitator": ("event_id", "facilitator_id"),
    "booking.person": ("booking_id", "event_id"),
    "booking.facilitator": ("booking_id", "ticket"),
}
PUBLIC_ROWS = ("event_id",)  # everybody may see them: naming one reaches nothing of anybody's
ACCESS = {"ACCESS_ANONYMOUS": "anonymous", "ACCESS_PUBLIC": "public", "ACCESS_TOKEN": "token", "ACCESS_REFRESH": "refresh", "ACCESS_SERVICE": "service"}


def read_owner(operation, node, refusals):
    """What x-owner says; refused where no worker could enforce it, or where nothing says who may."""
    place = node.get("x-owner")
    if place is None:
        if operation.access == "ACCESS_TOKEN" and operation.roles != ["admin"]:
            node.fail("whose rows it touches is not said: x-owner is missing")
        return None
    own = place.value == SELF and operation.service == "gateway"
    if operation.access != "ACCESS_TOKEN" or not (own or operation.service in WORKER_SERVICES):
        place.fail("only a worker that is told who calls can tell whose a row is")
    if isinstance(place.value, str):
        place.choice([SELF])
        if any(field.location == "IN_PATH" and field.name not in PUBLIC_ROWS for field in operation.request.fields):
            place.fail("the path names a row: what is heard where it is somebody else's is not said (relation: self, refusal: …)")
        return Ownership([SELF])
    place.only({"relation", "or", "refusal", "known-to"})
    owner = Ownership(
        read_relations(operation, place.need("relation")),
        [role.choice(ROLES) for role in place.get("or").elements()] if place.get("or") else [],
        place.need("refusal").text(),
        read_relations(operation, place.get("known-to")) if place.get("known-to") else [],
    )
    if owner.refusal not in refusals:
        place.get("refusal").fail(f"errors.yaml has no refusal {owner.refusal}")
    if SELF in owner.relations + owner.known_to and (len(owner.relations) > 1 or owner.roles or owner.known_to):
        place.fail("self stands alone: nobody else can reach such a row")
    for role in owner.roles:
        if operation.roles and role not in operation.roles:
            place.get("or").fail(f"{role} is kept out by x-roles")
    return owner


def read_relations(operation, place):
    nodes = place.elements() if isinstance(place.value, list) else [place]
    for node in nodes:
        fields = RELATIONS[node.choice(list(RELATIONS))]
        if fields and not any(field.name in fields for field in operation.request.fields):
            node.fail(f"the request has no {' or '.join(fields)}: there is no row to whose holders anybody could be compared")
    return [node.value for node in nodes]


def table(contract):
    """One row per operation that people and machines can call, by name."""
    return [row(contract, operation) for operation in contract.operations if any(route.operation is operation for route in contract.routes)]


def row(contract, operation):
    owner = operation.owner
    return {
        "operation": operation.name,
        "service": operation.service,
        "kind": operation.kind,
        "routes": [
            {"method": route.method, "path": route.path, "listener": route.listener.removeprefix("LISTENER_").lower(), "status": route.status}
            for route in contract.routes
            if route.operation is operation
        ],
        "access": ACCESS[operation.access],
        "roles": operation.roles,
        "role_refusal": operation.role_refusal,
        "owner": owner and {"relations": owner.relations, "roles": owner.roles, "refusal": owner.refusal, "known_to": owner.known_to},
        "scope": operation.scope,
        "limit": operation.limit.removeprefix("LIMIT_").lower(),
    }


INTRODUCTION = """# Rights

Who may call what, as `schemas/openapi.yaml` says it; gateways and workers are driven by the same data. *Access*: `anonymous` is everybody, and no
token is looked at; `public` is everybody, but who shows a token must show a good one; `token` an access token or a browser's cookie, `refresh` a refresh token, `service` the CRM's own token. *Roles* may call it at all (none
named: every role; a role counts only with the second factor that it needs). *Whose rows*: how a caller must be related to the row that the
request names; `self` reaches nothing but one's own. *API key*: the scope that a key needs; without one, no key may call it. *Limit*: the
class of calls it is counted in. Printed by `schemas/compile.py --rights markdown`; a test compares it, so that a change of rights shows.
"""


def as_json(rows):
    return json.dumps(rows, indent=1)


def as_markdown(rows):
    lines = [INTRODUCTION, "| operation | routes | access | roles | whose rows | API key | limit |", "|---|---|---|---|---|---|---|"]
    for each in rows:
        routes = "<br>".join(dict.fromkeys(f"`{route['method']} {route['path']}`" for route in each["routes"]))  # one may be at two ports
        roles = f"{', '.join(each['roles'])}; others: `{each['role_refusal']}`" if each["roles"] else ""
        cells = [each["operation"], routes, each["access"], roles, owner_cell(each["owner"]), each["scope"] or "", each["limit"]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def owner_cell(owner):
    if owner is None:
        return ""
    text = ", ".join(owner["relations"]) + (f" or {', '.join(owner['roles'])}" if owner["roles"] else "")
    if owner["known_to"]:
        text += f"; {', '.join(owner['known_to'])}: `forbidden`"
    return text + (f"; others: `{owner['refusal']}`" if owner["refusal"] else "")
