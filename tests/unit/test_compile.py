"""The contract's compiler: what it refuses, where it says so, and that what it writes is C without warnings."""

import copy
import json
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "schemas"
sys.dont_write_bytecode = True
sys.path.insert(0, str(SCHEMAS))

from contract import build, emit  # noqa: E402
from contract.document import load  # noqa: E402
from contract.publish import spell_out  # noqa: E402

SMALL = """
openapi: 3.1.0
info: {title: Small, version: 1.0.0}
security: [{bearer: []}]
paths:
  /things/{thing_id}:
    get:
      operationId: getThing
      x-service: event
      x-owner: {relation: self, refusal: forbidden}
      x-page: next
      x-alias: ['/things/{id}/show']
      parameters:
      - {name: thing_id, in: path, required: true, schema: {type: integer, minimum: 1}, x-alias: [id]}
      - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100, default: 20}}
      - {name: If-Match, in: header, schema: {type: string}}
      - {name: Idempotency-Key, in: header, schema: {type: string}}
      responses:
        '200': {description: It, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}
        '404': {description: None}
  /things:
    post:
      operationId: makeThing
      x-service: event
      x-roles: [admin]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [name]
              properties:
                name: {type: string, x-alias: [title], maxLength: 10}
                kind: {type: string, enum: [a, b], default: a}
                price: {type: number, minimum: 0, x-money: currency}
                currency: {type: string, format: currency, default: INR}
            example: {title: x, price: 2.5}
      responses:
        '201': {description: Made, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}
  /api/thing/{id}:
    get:
      x-operation: getThing
      x-set: {limit: 5}
      parameters:
      - {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}
      responses:
        '200':
          description: It
          content:
            application/json:
              schema:
                type: object
                required: [owner]
                properties:
                  owner: {type: string, x-from: owner.name, x-alias: [holder]}
                  tags: {type: array, items: {type: string}}
components:
  securitySchemes: {bearer: {type: http, scheme: bearer}}
  schemas:
    Thing:
      type: object
      required: [id, owner, next]
      properties:
        id: {type: integer, format: int64}
        owner: {type: object, required: [name], properties: {name: {type: string}}}
        tags: {type: array, maxItems: 5, items: {type: string}}
        next: {type: [string, 'null']}
"""
# SMALL with what only some contracts have: a raw body, CSV, a message that continues an operation, null in every place.
RICH = """
openapi: 3.1.0
info: {title: Rich, version: 1.0.0}
security: [{bearer: []}]
paths:
  /hooks:
    post:
      operationId: takeHook
      x-service: event
      x-owner: self
      x-raw-body: payload
      parameters:
      - {name: X-Signature, in: header, schema: {type: string}}
      responses:
        '200': {description: Noted, content: {application/json: {schema: {$ref: '#/components/schemas/Done'}}}}
  /orders:
    get:
      operationId: listOrders
      x-service: event
      x-owner: self
      x-page: next
      parameters:
      - {name: all, in: query, schema: {type: boolean, default: false}}
      responses:
        '200': {description: Them, content: {application/json: {schema: {$ref: '#/components/schemas/Orders'}}}}
    post:
      operationId: makeOrder
      x-service: event
      x-owner: self
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              properties:
                tiers:
                  type: [array, 'null']
                  maxItems: 3
                  items: {type: object, required: [percent], properties: {percent: {type: integer}}}
                days: {type: [array, 'null'], items: {type: integer}}
            examples:
              none: {value: {tiers: null}}
              some: {value: {tiers: [{percent: 1}], days: [1]}}
      responses:
        '201': {description: Made, content: {application/json: {schema: {$ref: '#/components/schemas/Made'}}}}
  /orders.csv:
    get:
      operationId: listOrdersCsv
      x-operation: listOrders
      x-csv: orders
      x-set: {all: true}
      responses:
        '200': {description: text/csv}
  /api/order:
    post:
      x-operation: makeOrder
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              properties:
                days: {type: [array, 'null'], items: {type: integer}}
      responses:
        '201':
          description: Made
          content:
            application/json:
              schema:
                type: object
                required: [due, back]
                properties:
                  due: {type: boolean}
                  back: {$ref: '#/components/schemas/Refund', x-from: refund}
components:
  securitySchemes: {bearer: {type: http, scheme: bearer}}
  schemas:
    Done: {type: object, required: [message], properties: {message: {type: string}}}
    Refund:
      type: [object, 'null']
      required: [id, amount, currency]
      properties:
        id: {type: integer}
        amount: {type: number, x-money: currency}
        currency: {type: string, format: currency}
    Made:
      type: object
      required: [due, refund, late]
      properties:
        due: {type: boolean}
        late: {type: [boolean, 'null']}
        paid: {type: boolean}
        refund: {$ref: '#/components/schemas/Refund', description: null where nothing is}
        tags: {type: array, items: {type: string}}
    Orders:
      type: object
      required: [orders, tags, next]
      properties:
        orders:
          type: array
          items:
            type: object
            required: [id, price, currency, note]
            properties:
              id: {type: integer}
              price: {type: number, x-money: currency}
              currency: {type: string, format: currency}
              note: {type: [string, 'null'], x-alias: [remark]}
        nested:
          type: array
          items: {type: object, properties: {refund: {$ref: '#/components/schemas/Refund'}}}
        tags: {type: array, items: {type: string}}
        next: {type: [string, 'null']}
"""
RICH_MESSAGES = """
messages:
- {name: settleOrder, service: payment, kind: read, deadline_ms: 8000, continues: {operation: makeOrder, when: due}}
"""
# What browsers need: cookies that are set, cleared and taken, redirects; and what keys may, and how much at once.
BROWSER = """
openapi: 3.1.0
info: {title: Browser, version: 1.0.0}
security: [{bearer: []}, {cookie: []}]
paths:
  /login:
    post:
      operationId: signIn
      security: []
      x-service: auth
      x-secret-reply: true
      x-hashes: true
      x-missing: true
      responses:
        '200': {description: In, content: {application/json: {schema: {$ref: '#/components/schemas/Tokens'}}}}
  /session:
    post:
      x-operation: signIn
      security: []
      x-set-cookies: {__Host-session: token}
      x-clear-cookies: [__Host-google]
      responses:
        '200':
          description: In
          content: {application/json: {schema: {type: object, required: [name], properties: {name: {type: string}}}}}
  /begin:
    get:
      operationId: begin
      security: []
      x-service: auth
      x-secret-reply: true
      x-coalesce: false
      x-redirect: {field: next, to: everybody}
      x-set-cookies: {__Host-google: token}
      parameters:
      - {name: __Host-google, in: cookie, schema: {type: string}}
      responses:
        '200': {description: Sent as 302, content: {application/json: {schema: {$ref: '#/components/schemas/Tokens'}}}}
  /things:
    get:
      operationId: listThings
      x-service: event
      x-owner: self
      x-scope: read
      responses:
        '200': {description: Them, content: {application/json: {schema: {$ref: '#/components/schemas/Tokens'}}}}
    post:
      operationId: dropThings
      x-service: auth
      x-owner: self
      x-scope: webhooks
      responses:
        '200': {description: None, content: {application/json: {schema: {$ref: '#/components/schemas/Tokens'}}}}
  /page:
    get:
      operationId: page
      security: []
      x-service: gateway
      x-open-query: true
      responses:
        '200': {description: It, content: {application/json: {schema: {$ref: '#/components/schemas/Tokens'}}}}
  /files/{path}:
    get:
      operationId: file
      security: []
      x-service: gateway
      x-alias: ['/more/{path}']
      parameters:
      - {name: path, in: path, required: true, x-rest: true, schema: {type: string}}
      responses:
        '200': {description: It}
  /files/first:
    get:
      x-operation: file
      security: []
      x-set: {path: a}
      responses:
        '200': {description: It}
components:
  securitySchemes:
    bearer: {type: http, scheme: bearer}
    refresh: {type: http, scheme: bearer}
    cookie: {type: apiKey, in: cookie, name: __Host-session}
  schemas:
    KeyScope: {type: string, enum: [read, webhooks]}
    Tokens:
      type: object
      required: [token, name, next, count]
      properties: {token: {type: string}, name: {type: string}, next: {type: string}, count: {type: integer}}
"""
MESSAGES = "messages:\n- {name: ping, service: any, kind: read, reply: {type: object, properties: {ok: {type: boolean}}}}\n"
ERRORS = "- {code: forbidden, status: 403, message: No}\n- {code: busy, status: 503, message: Later, retry_after: 2}\n"
GET, POST, FACE = "/things/{thing_id}", "/things", "/api/thing/{id}"
BODY = ["paths", POST, "post", "requestBody", "content", "application/json"]
FIELDS = BODY + ["schema", "properties"]
VIEW = ["paths", FACE, "get", "responses", "200", "content", "application/json", "schema"]
THING = ["components", "schemas", "Thing"]


def compile_text(folder, openapi=SMALL, messages=MESSAGES, errors=ERRORS):
    """Runs the compiler as the build does. Returns (exit code, stderr)."""
    for name, text in (("openapi.yaml", openapi), ("messages.yaml", messages), ("errors.yaml", errors)):
        (folder / name).write_text(text, encoding="utf-8")
    files = [str(folder / name) for name in ("openapi.yaml", "messages.yaml", "errors.yaml")]
    done = subprocess.run([str(SCHEMAS / "compile.py"), "--out", str(folder / "out"), *files], capture_output=True, text=True)
    return done.returncode, done.stderr


def changed(path, value, text=SMALL):
    """The document with the value at the path replaced, or removed where None."""
    document = copy.deepcopy(yaml.safe_load(text))
    target = document
    for key in path[:-1]:
        target = target[key]
    if value is None:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return yaml.safe_dump(document, sort_keys=False)


def test_the_small_contract_compiles(tmp_path):
    assert compile_text(tmp_path) == (0, "")
    header = (tmp_path / "out" / "operations.h").read_text()
    assert "int get_thing(struct worker *worker, struct get_thing_call *calls, size_t count);" in header
    assert "idempotency_key" not in header and "if_match" in header
    tables = (tmp_path / "out" / "operations.c").read_text()
    assert '.path = "/things/{id}/show"' in tables and '.default_text = "20"' in tables


REFUSED = [
    # keywords that nothing enforces
    (FIELDS + ["name", "pattern"], "^x", "pattern: this keyword is not enforced"),
    (FIELDS + ["name", "minimum"], 1, "minimum: this keyword is not enforced"),
    (FIELDS + ["name", "x-money"], "currency", "x-money: this keyword is not enforced"),
    (FIELDS + ["price", "multipleOf"], 1, "multipleOf: this keyword is not enforced"),
    (FIELDS + ["price", "format"], "float", "format: must be one of"),
    (FIELDS + ["name", "format"], "hostname", "format: must be one of"),
    (FIELDS + ["name", "type"], "file", "is no type that can be enforced"),
    (FIELDS + ["name", "type"], ["string", "boolean"], "is no type that can be enforced"),
    (FIELDS + ["name", "allOf"], [], "allOf: this keyword is not enforced"),
    (FIELDS + ["extra"], {"type": "object"}, "must be listed under properties"),
    (FIELDS + ["extra"], {"type": "object", "additionalProperties": {"type": "string"}}, "only false can be enforced"),
    (FIELDS + ["extra"], {"type": "array", "items": {"type": "number"}}, "lists hold objects, strings or integers"),
    (FIELDS + ["extra"], {"type": "array", "items": {"type": ["string", "null"]}}, "lists hold"),
    (FIELDS + ["kind", "type"], ["string", "null"], "a value with a default cannot be null"),
    (BODY + ["schema", "required"], ["nosuch"], "nosuch is no property"),
    (["paths", GET, "get", "x-cache"], 1, "x-cache: this keyword is not enforced"),
    (["paths", GET, "head"], {}, "head: this keyword is not enforced"),
    (["paths", GET, "get", "parameters", 1, "style"], "form", "style: this keyword is not enforced"),
    (["paths", GET, "get", "parameters", 1, "schema"], {"type": "array", "items": {"type": "string"}}, "one plain value"),
    (["components", "examples"], {}, "examples: this keyword is not enforced"),
    # combinations
    (FIELDS + ["price", "maximum"], -1, "minimum is above maximum"),
    (FIELDS + ["name", "minLength"], 11, "lower bound is above its upper bound"),
    (FIELDS + ["price", "x-money"], "name", "is no field beside it with format: currency"),
    (FIELDS + ["currency"], None, "is no field beside it with format: currency"),
    (FIELDS + ["name", "x-alias"], ["title", "kind"], "names both"),
    (FIELDS + ["name", "x-alias"], ["title", "price_minor"], "names both"),
    (FIELDS + ["int"], {"type": "integer"}, "cannot be a member's name in C"),
    (FIELDS + ["a-b"], {"type": "integer"}, "a field's name has letters"),
    (FIELDS + ["name", "x-from"], "kind", "x-from means something only"),
    (FIELDS + ["name", "x-in"], "credentials", "go together"),
    (["paths", POST, "post", "requestBody", "required"], False, "required must be true"),
    (["paths", POST, "post", "x-roles"], ["king"], "must be one of user"),
    (["paths", POST, "post", "x-role-refusal"], "nosuch", "errors.yaml has no refusal nosuch"),
    (["paths", GET, "get", "x-owner"], None, "whose rows it touches is not said"),
    (["paths", GET, "get", "x-owner"], "self", "the path names a row"),
    (["paths", GET, "get", "x-owner"], "others", "x-owner: must be one of self"),
    (["paths", GET, "get", "x-owner"], {"relation": "self"}, "refusal is missing"),
    (["paths", GET, "get", "x-owner"], {"relation": "thing.maker", "refusal": "forbidden"}, "relation: must be one of self, event.facilitator"),
    (["paths", GET, "get", "x-owner"], {"relation": "booking.person", "refusal": "forbidden"}, "the request has no booking_id"),
    (["paths", GET, "get", "x-owner"], {"relation": "self", "refusal": "nosuch"}, "errors.yaml has no refusal nosuch"),
    (["paths", GET, "get", "x-owner"], {"relation": "self", "refusal": "forbidden", "or": ["admin"]}, "self stands alone"),
    (["paths", GET, "get", "x-owner"], {"relation": "self", "refusal": "forbidden", "unless": 1}, "unless: this keyword is not enforced"),
    (["paths", GET, "get", "security"], [], "only a worker that is told who calls"),
    (["paths", GET, "get", "x-service"], "gateway", "only a worker that is told who calls"),
    (["paths", POST, "post", "x-owner"], {"relation": "self", "refusal": "forbidden", "or": ["king"]}, "must be one of user"),
    (["paths", FACE, "get", "x-owner"], "self", "x-owner: this keyword is not enforced"),
    (["paths", POST, "post", "x-coalesce"], True, "only reads can be coalesced"),
    (["paths", POST, "post", "x-service"], "kitchen", "must be one of"),
    (["paths", POST, "post", "x-service"], None, "x-service is missing"),
    (["paths", POST, "post", "operationId"], "getThing", "there are two of operation getThing"),
    (["paths", POST, "post", "responses", "200"], {"description": "Also"}, "exactly one response that means success"),
    (["paths", POST, "post", "security"], [{"magic": []}], "is no security scheme"),
    (["security"], None, "security is missing"),
    (["paths", GET, "get", "x-page"], "id", "is no string field of the reply"),
    (["paths", GET, "get", "x-alias"], ["/things/{other}"], "is no path parameter of getThing"),
    (["paths", GET, "get", "x-alias"], ["/thing"], "does not name the path parameter thing_id"),
    (["paths", GET, "get", "x-alias"], ["/api/thing/{id}"], "is served twice"),
    (["paths", GET, "get", "parameters", 0, "required"], False, "a path parameter is required"),
    # references
    (["paths", GET, "get", "parameters", 1], {"$ref": "#/components/parameters/None"}, "leads nowhere"),
    (FIELDS + ["extra"], {"$ref": "#/components/schemas/None"}, "leads nowhere"),
    (FIELDS + ["extra"], {"$ref": "other.yaml#/x"}, "must start with #/"),
    (THING + ["properties", "self"], {"$ref": "#/components/schemas/Thing"}, "Thing contains itself"),
    # faces
    (["paths", FACE, "get", "x-operation"], "nosuch", "there is no operation nosuch"),
    (["paths", FACE, "get", "x-limit"], "none", "x-limit: this keyword is not enforced"),
    (["paths", FACE, "get", "security"], [], "security differs from that of getThing"),
    (["paths", FACE, "get", "x-set"], {"nosuch": 1}, "is no field of the operation's request"),
    (["paths", FACE, "get", "x-set"], {"limit": 101}, "is above the maximum 100"),
    (["paths", FACE, "get", "x-set"], {"limit": "many"}, "must be an integer"),
    (["paths", FACE, "get", "parameters", 0, "schema", "minimum"], 2, "its minimum differs from thing_id"),
    (["paths", FACE, "get", "parameters", 0, "name"], "number", "is no name of a request field"),
    (VIEW + ["properties", "owner", "x-from"], "owner.age", "owner.age leads nowhere"),
    (VIEW + ["properties", "owner", "x-from"], "tags.name", "tags.name leads nowhere"),
    (VIEW + ["properties", "owner", "x-from"], "id", "is string, but id is integer"),
    (VIEW + ["properties", "owner", "x-alias"], ["tags"], "names both"),
    (VIEW + ["properties", "age"], {"type": "integer"}, "age leads nowhere"),
    (VIEW, {"type": "array", "items": {"type": "string"}}, "a bare array needs x-from"),
    (VIEW, {"type": "array", "x-from": "owner", "items": {"type": "string"}}, "is no such array"),
    # examples
    (BODY + ["example"], {"title": "x", "colour": 1}, "example.colour: is no field of the schema"),
    (BODY + ["example"], {"kind": "a"}, "lacks the required field name"),
    (BODY + ["example"], {"name": "x", "kind": "c"}, "example.kind: must be one of a, b"),
    (BODY + ["example"], {"name": "x" * 11}, "too short or too long"),
    (BODY + ["example"], {"name": None}, "example.name: cannot be null"),
    (BODY + ["example"], {"name": "x", "price": "1"}, "example.price: must be a number"),
    (FIELDS + ["kind", "default"], "c", "default: must be one of"),
    (FIELDS + ["currency", "default"], "rupees", "default: is no currency"),
    (THING + ["example"], {"id": 1}, "lacks the required field next"),
]


@pytest.mark.parametrize("path,value,message", REFUSED, ids=[message for _, _, message in REFUSED])
def test_what_is_refused(tmp_path, path, value, message):
    code, error = compile_text(tmp_path, changed(path, value))
    assert code == 1
    assert error.startswith("openapi.yaml: ") and error.count("\n") == 1
    assert message in error
    assert not (tmp_path / "out").exists()


OWNED = SMALL.replace("thing_id", "booking_id").replace(
    "x-owner: {relation: self, refusal: forbidden}",
    "x-roles: [facilitator, admin]\n"
    "      x-owner: {relation: [booking.facilitator], or: [admin], refusal: forbidden, known-to: booking.person}",
)


def test_owners_become_data(tmp_path):
    assert compile_text(tmp_path, OWNED) == (0, "")
    tables = (tmp_path / "out" / "operations.c").read_text()
    row = next(line for line in tables.splitlines() if '.name = "getThing"' in line)
    owner = ".owner = {.relations = RELATION_FACILITATOR, .roles = ROLE_ADMIN, .refusal = &refusal_forbidden, .known_to = RELATION_PERSON}"
    assert owner in row
    assert "user is kept out by x-roles" in compile_text(tmp_path, OWNED.replace("or: [admin]", "or: [user]"))[1]


def rights(folder, form):
    files = [str(folder / name) for name in ("openapi.yaml", "messages.yaml", "errors.yaml")]
    done = subprocess.run([str(SCHEMAS / "compile.py"), "--rights", form, *files], capture_output=True, text=True, check=True)
    return done.stdout


def test_rights_are_printed(tmp_path):
    compile_text(tmp_path, OWNED)
    table = {row["operation"]: row for row in json.loads(rights(tmp_path, "json"))}
    assert sorted(table) == ["getThing", "makeThing"]  # no messages
    assert table["makeThing"]["roles"] == ["admin"] and table["makeThing"]["owner"] is None
    assert table["getThing"]["access"] == "token" and table["getThing"]["limit"] == "read"
    assert [route["path"] for route in table["getThing"]["routes"]] == ["/things/{booking_id}", "/things/{id}/show", "/api/thing/{id}"]
    assert table["getThing"]["owner"]["known_to"] == ["booking.person"]
    assert "| booking.facilitator or admin; booking.person: `forbidden`; others: `forbidden` |" in rights(tmp_path, "markdown")


def test_the_place_is_named(tmp_path):
    _, error = compile_text(tmp_path, changed(["paths", GET, "get", "parameters", 1, "style"], "form"))
    assert error == "openapi.yaml: paths./things/{thing_id}.get.parameters.1.style: this keyword is not enforced here\n"


@pytest.mark.parametrize(
    "files,message",
    [
        ({"openapi": SMALL + "paths: {}\n"}, "the key paths stands twice"),
        ({"openapi": "a: ["}, "openapi.yaml: "),
        ({"openapi": SMALL.replace("3.1.0", "3.0.3")}, "must be 3.1.x"),
        ({"messages": MESSAGES.replace("any", "none")}, "messages.yaml: messages.0.service: must be one of"),
        ({"messages": MESSAGES.replace("boolean", "bool")}, "messages.yaml: messages.0.reply.properties.ok.type"),
        ({"errors": ERRORS + ERRORS}, "errors.yaml: 2: there are two of refusal forbidden"),
        ({"errors": ERRORS.replace("403", "200")}, "errors.yaml: 0.status: a refusal has a status from 400 to 599"),
        ({"errors": "- {code: Bad, status: 400, message: x}\n"}, "errors.yaml: 0.code: must be in snake_case"),
    ],
)
def test_other_files(tmp_path, files, message):
    code, error = compile_text(tmp_path, **files)
    assert code == 1 and message in error


def test_what_only_some_contracts_have_compiles(tmp_path):
    assert compile_text(tmp_path, RICH, RICH_MESSAGES) == (0, "")
    header = (tmp_path / "out" / "operations.h").read_text()
    tables = (tmp_path / "out" / "operations.c").read_text()
    assert "struct settle_order_call {\n    struct call call;\n    struct made request;\n    struct made reply;\n};" in header
    assert "int settle_order(struct worker *worker, struct settle_order_call *calls, size_t count);" in header
    assert "enum presence has_tiers;" in header and "enum presence has_refund;" in header
    row = next(line for line in tables.splitlines() if '.name = "makeOrder"' in line)
    assert ".continuation = &operation_settle_order, .continuation_field = &fields_made[0]" in row
    assert ".raw_body = true" in next(line for line in tables.splitlines() if '.name = "takeHook"' in line)
    payload = next(line for line in tables.splitlines() if '.name = "payload"' in line)
    assert ".location = IN_RAW_BODY, .required = true" in payload
    row = next(line for line in tables.splitlines() if '.path = "/orders.csv"' in line)
    assert ".csv = &fields_orders[0]" in row and '"true"' in row
    flags = f"-fsyntax-only -std=gnu11 -Wall -Wextra -Werror -I{ROOT / 'lib'}".split()
    subprocess.run(["gcc", *flags, str(tmp_path / "out" / "operations.c")], check=True)


def test_what_only_some_contracts_have_is_published(tmp_path):
    (tmp_path / "rich.yaml").write_text(RICH, encoding="utf-8")
    paths = emit.strip(spell_out(load(str(tmp_path / "rich.yaml")).value))["paths"]
    assert paths["/hooks"]["post"]["requestBody"]["content"] == {"application/json": {"schema": {"type": "object"}}}
    assert paths["/orders.csv"]["get"]["responses"]["200"]["content"] == {"text/csv": {"schema": {"type": "string"}}}


def test_limits_and_scopes_are_published():
    paths = emit.strip(spell_out(load(str(SCHEMAS / "openapi.yaml")).value))["paths"]
    for item in paths.values():
        assert all("x-limit" in operation for method, operation in item.items() if method != "parameters")
    assert (paths["/events"]["get"]["x-limit"], paths["/events"]["get"]["x-scope"]) == ("read", "read")
    assert (paths["/bookings"]["post"]["x-limit"], paths["/bookings"]["post"]["x-scope"]) == ("write", "book")
    assert paths["/auth/login"]["post"]["x-limit"] == "auth" and "x-scope" not in paths["/auth/login"]["post"]
    assert paths["/session"]["post"]["x-limit"] == "auth", "another face of signing in"
    assert paths["/healthz"]["get"]["x-limit"] == "none"


HOOK, CSV = ["paths", "/hooks", "post"], ["paths", "/orders.csv", "get"]
REFUSED_RICH = [
    (HOOK + ["x-raw-body"], "x-signature", "cannot be a member's name in C"),
    (HOOK + ["x-raw-body"], "x_signature", "x_signature names both"),
    (HOOK + ["x-raw-body"], True, "must be a string"),
    (HOOK + ["requestBody"], {"content": {}}, "there is no requestBody beside it"),
    (["paths", "/orders", "get", "x-raw-body"], "payload", "no GET has one"),
    (CSV + ["x-raw-body"], "payload", "x-raw-body: this keyword is not enforced"),
    (["paths", "/orders", "get", "x-csv"], "orders", "x-csv: this keyword is not enforced"),
    (CSV + ["x-csv"], "nosuch", "is no list of objects in the reply of listOrders"),
    (CSV + ["x-csv"], "tags", "is no list of objects in the reply of listOrders"),
    (CSV + ["x-csv"], "next", "is no list of objects in the reply of listOrders"),
    (CSV + ["x-csv"], "nested", "refund is object: a cell holds one plain value"),
    (CSV + ["x-alias"], ["/orders/{file}"], "it cannot be a parameter"),
    (CSV + ["responses"], {"202": {"description": "Later"}}, "CSV is the answer of a GET"),
    (
        CSV + ["responses", "200", "content"],
        {"application/json": {"schema": {"$ref": "#/components/schemas/Orders"}}},
        "CSV is the answer of a GET whose 200 response has no JSON content",
    ),
    (CSV + ["x-csv"], None, "its response has no body, but listOrders has a reply"),
    (["components", "schemas", "Made", "type"], ["object", "null"], "a reply is an object"),
    (["paths", "/api/order", "post", "x-csv"], "tags", "CSV is the answer of a GET"),
    (
        ["paths", "/api/order", "post", "requestBody", "content", "application/json", "schema", "properties", "days", "type"],
        "array",
        "its nullable differs from days in makeOrder",
    ),
]


@pytest.mark.parametrize("path,value,message", REFUSED_RICH, ids=[f"{path[-1]}-{message}" for path, _, message in REFUSED_RICH])
def test_what_is_refused_of_it(tmp_path, path, value, message):
    code, error = compile_text(tmp_path, changed(path, value, RICH), RICH_MESSAGES)
    assert code == 1 and error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize(
    "old,new,message",
    [
        ("when: due", "when: nosuch", "continues.when: is no required boolean of the reply of makeOrder"),
        ("when: due", "when: refund", "is no required boolean"),
        ("when: due", "when: paid", "is no required boolean"),
        ("when: due", "when: late", "is no required boolean"),
        (", when: due", "", "when is missing"),
        ("when: due", "when: due, unless: x", "unless: this keyword is not enforced"),
        ("operation: makeOrder", "operation: nosuch", "no route leads to an operation nosuch"),
        ("operation: makeOrder", "operation: settleOrder", "no route leads to an operation settleOrder"),
        ("kind: read", "kind: command", "it must be a read"),
        ("service: payment", "service: gateway", "settleOrder is answered by no worker service"),
        ("kind: read", "kind: read, reply: {type: object, properties: {}}", "reply: is the reply of makeOrder: it is not said again"),
        ("kind: read", "kind: read, request: {type: object, properties: {}}", "request: is the reply of makeOrder"),
        ("\n- {name", "\n- {name: other, service: crm, kind: read, continues: {operation: makeOrder, when: due}}\n- {name",
         "makeOrder is continued by other already"),
    ],
)  # fmt: skip
def test_what_cannot_continue(tmp_path, old, new, message):
    code, error = compile_text(tmp_path, RICH, RICH_MESSAGES.replace(old, new, 1))
    assert code == 1 and error.startswith("messages.yaml: messages.")
    assert message in error


def test_a_coalesced_read_is_not_continued(tmp_path):
    document = changed(["paths", "/orders", "post", "x-kind"], "read", RICH)
    document = changed(["paths", "/orders", "post", "x-coalesce"], True, document)
    code, error = compile_text(tmp_path, document, RICH_MESSAGES)
    assert code == 1 and "makeOrder is coalesced: its callers are not told apart" in error


def test_what_browsers_need_compiles(tmp_path):
    assert compile_text(tmp_path, BROWSER) == (0, "")
    tables = (tmp_path / "out" / "operations.c").read_text().splitlines()
    row = next(line for line in tables if '.path = "/session"' in line)
    assert '.cookies = (const struct cookie[]){{"__Host-session", &fields_tokens[0]}, {"__Host-google", NULL}, {NULL, NULL}}' in row
    assert ".cookies" not in next(line for line in tables if '.path = "/login"' in line)
    row = next(line for line in tables if '.name = "begin"' in line)
    assert ".redirect = REDIRECT_EVERYBODY, .redirect_field = &fields_tokens[2]" in row
    row = next(line for line in tables if '.name = "signIn"' in line)
    assert ".hashes = true" in row and ".tells_missing = true" in row
    row = next(line for line in tables if '.name = "listThings"' in line)
    assert ".access = ACCESS_TOKEN" in row and ".scope = SCOPE_READ" in row
    row = next(line for line in tables if '.name = "google_cookie"' in line)
    assert '.location = IN_COOKIE, .header = "__Host-google"' in row
    assert [".rest = true" in line for line in tables if '.path = "/files/' in line or '.path = "/more/' in line] == [True, True, False]
    assert [".open_query = true" in next(line for line in tables if f'.name = "{name}"' in line) for name in ("page", "file")] == [True, False]
    flags = f"-fsyntax-only -std=gnu11 -Wall -Wextra -Werror -I{ROOT / 'lib'}".split()
    subprocess.run(["gcc", *flags, str(tmp_path / "out" / "operations.c")], check=True)


def test_redirects_are_published_as_such(tmp_path):
    (tmp_path / "browser.yaml").write_text(BROWSER, encoding="utf-8")
    paths = emit.strip(spell_out(load(str(tmp_path / "browser.yaml")).value))["paths"]
    assert paths["/begin"]["get"]["responses"].keys() == {"302"}
    assert "Location" in paths["/begin"]["get"]["responses"]["302"]["headers"]
    (tmp_path / "browser.yaml").write_text(BROWSER.replace("to: everybody", "to: browsers"), encoding="utf-8")
    paths = emit.strip(spell_out(load(str(tmp_path / "browser.yaml")).value))["paths"]
    assert paths["/begin"]["get"]["responses"].keys() == {"200", "302"}


LOGIN, SESSION, BEGIN = ["paths", "/login", "post"], ["paths", "/session", "post"], ["paths", "/begin", "get"]
FILES = ["paths", "/files/{path}", "get"]
NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
A_PAGE = {"security": [], "x-service": "gateway", "responses": {"200": {"description": "It"}}}
A_FACE = {"security": [], "x-operation": "file", "responses": {"200": {"description": "It"}}}
THINGS, DROP, PAGE = ["paths", "/things", "get"], ["paths", "/things", "post"], ["paths", "/page", "get"]
REFUSED_BROWSER = [
    (SESSION + ["x-set-cookies"], {"session": "token"}, "session: gateway/cookies.c does not know"),
    (SESSION + ["x-set-cookies"], {"__Host-a;b": "token"}, "gateway/cookies.c does not know"),
    (SESSION + ["x-set-cookies"], {"__Host-session": "nosuch"}, "is no string field of the reply"),
    (SESSION + ["x-set-cookies"], {"__Host-session": "count"}, "is no string field of the reply"),
    (SESSION + ["x-set-cookies"], {"__Host-session": "name"}, "what a cookie holds is not shown"),
    (LOGIN + ["x-set-cookies"], {"__Host-session": "token"}, "what a cookie holds is not shown"),
    (SESSION + ["x-clear-cookies"], ["session"], "session: gateway/cookies.c does not know"),
    (SESSION + ["x-clear-cookies"], ["__Host-session"], "a cookie is set or cleared once"),
    (LOGIN + ["x-secret-reply"], None, "what a cookie holds is a secret: signIn needs x-secret-reply"),
    (BEGIN + ["x-redirect", "field"], "nosuch", "is no string field of the reply"),
    (BEGIN + ["x-redirect", "field"], None, "field is missing"),
    (BEGIN + ["x-redirect", "to"], "robots", "must be one of everybody, browsers"),
    (BEGIN + ["x-redirect", "status"], 303, "status: this keyword is not enforced"),
    (BEGIN + ["x-coalesce"], None, "a redirect is for one caller"),
    (SESSION + ["x-redirect"], {"field": "next", "to": "browsers"}, "x-redirect: this keyword is not enforced"),
    (BEGIN + ["parameters", 0, "name"], "begun", "begun: gateway/cookies.c does not know"),
    (LOGIN + ["x-hashes"], 8, "must be true or false"),
    (LOGIN + ["x-missing"], "all", "must be true or false"),
    (LOGIN + ["x-service"], "gateway", "bounds calls of a worker"),
    (SESSION + ["x-hashes"], True, "x-hashes: this keyword is not enforced"),
    (THINGS + ["x-scope"], "everything", "must be one of read, book, events, webhooks"),
    (THINGS + ["x-limit"], "auth", "x-scope: x-limit auth: what guards accounts takes a person"),
    (DROP + ["x-scope"], "book", "x-scope: it changes the account"),
    (DROP + ["x-scope"], None, "KeyScope.enum.1: no operation has the scope webhooks"),
    (["components", "schemas", "KeyScope", "enum"], ["read", "fly"], "KeyScope.enum.1: must be one of read, book"),
    (PAGE + ["x-redirect"], {"field": "next", "to": "everybody"}, "what the gateway answers itself redirects nobody"),
    (PAGE + ["x-clear-cookies"], ["__Host-session"], "what the gateway answers itself sets and clears no cookies"),
    (SESSION + ["x-clear-cookies"], ["__Host-theme"], "__Host-theme: gateway/cookies.c does not know"),
    (PAGE + ["x-open-query"], "yes", "must be true or false"),
    (PAGE + ["parameters"], [{"name": "a", "in": "query", "schema": {"type": "string"}}], "x-open-query: is for pages that the gateway serves"),
    (LOGIN + ["x-open-query"], True, "x-open-query: is for pages that the gateway serves"),
    (SESSION + ["x-open-query"], True, "x-open-query: this keyword is not enforced"),
    (FILES + ["parameters", 0, "x-rest"], "yes", "must be true or false"),
    (FILES + ["parameters", 0, "schema", "type"], "integer", "x-rest: only a string in a path"),
    (PAGE + ["parameters"], [{"name": "a", "in": "query", "x-rest": True, "schema": {"type": "string"}}], "x-rest: only a string in a path"),
    (FILES + ["x-alias"], ["/more/{path}/raw"], "{path} takes the rest of the path (x-rest): nothing can follow it in /more/{path}/raw"),
    (FILES + ["x-alias"], ["/more/raw-{path}"], "nothing can follow it"),
    (FILES + ["x-alias"], ["/files/{path}/"], "nothing can follow it"),
    (["paths", "/files/{name}/size"], {"get": {**A_PAGE, "operationId": "size", "parameters": [NAME]}}, "GET /files/{name}/size: /files/{path} takes"),
    (["paths", "/files/{name}"], {"post": {**A_PAGE, "operationId": "size", "parameters": [NAME]}}, "POST /files/{name}: /files/{path} takes the rest"),
    (FILES[:2] + ["post"], {**A_PAGE, "operationId": "put", "parameters": [{**NAME, "name": "path"}]}, "POST /files/{path}: /files/{path} takes"),
    (["paths", "/less/{path}"], {"get": {**A_FACE, "parameters": [{**NAME, "name": "path"}]}}, "x-rest differs from path in file"),
    (THINGS + ["security"], [{"bearer": [], "cookie": []}], "security.0: one scheme is enough"),
    (THINGS + ["security"], [{"bearer": []}], "bearer goes with cookie"),
    (THINGS + ["security"], [{}, {"bearer": []}], "bearer goes with cookie"),
    (THINGS + ["security"], [{"cookie": []}], "cookie goes with bearer"),
    (THINGS + ["security"], [{}, {"cookie": []}], "cookie goes with bearer"),
    (THINGS + ["security"], [{"refresh": []}, {"cookie": []}], "cookie goes with bearer"),
]


@pytest.mark.parametrize("path,value,message", REFUSED_BROWSER, ids=[f"{path[-1]}-{message}" for path, _, message in REFUSED_BROWSER])
def test_what_is_refused_of_browsers(tmp_path, path, value, message):
    code, error = compile_text(tmp_path, changed(path, value, BROWSER))
    assert code == 1 and error.count("\n") == 1
    assert message in error


def test_cookies_are_those_that_the_gateway_knows():
    rows = (ROOT / "gateway/cookies.h").read_text() + (ROOT / "gateway/cookies.c").read_text().partition("kinds[] = {")[2].partition("\n};")[0]
    assert set(build.COOKIES) == set(re.findall(r'"(__Host-[a-z-]+)"', rows))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The repository's own contract, compiled twice."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    files = [str(SCHEMAS / name) for name in ("openapi.yaml", "messages.yaml", "errors.yaml")]
    for folder in folders:
        subprocess.run([str(SCHEMAS / "compile.py"), "--out", str(folder), *files], check=True)
    return folders


def test_output_is_deterministic(real):
    for path in real[0].iterdir():
        assert path.read_bytes() == (real[1] / path.name).read_bytes()


def test_output_has_no_warnings(real):
    flags = "-fsyntax-only -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes".split()
    folders = [ROOT / "lib", ROOT / "workers" / "runtime", real[0], "/usr/include/postgresql"]
    for path in sorted(real[0].glob("*.c")):
        subprocess.run(["gcc", *flags, *[f"-I{folder}" for folder in folders], str(path)], check=True)


def test_the_published_document_keeps_nothing_internal():
    document = emit.strip(load(str(SCHEMAS / "openapi.yaml")).value)
    text = json.dumps(document)
    for keyword in emit.INTERNAL_KEYWORDS:
        assert f'"{keyword}"' not in text
    assert document["openapi"].startswith("3.1")
    for item in document["paths"].values():
        for method, operation in item.items():
            if method != "parameters":
                assert operation["responses"]
