"""Reads the documents into the model: operations with their records, webhooks, messages, refusals.

An operation has one request record and one reply record. A further route to it (x-operation) is another face of it: faces.py.
"""

import dataclasses
import re

from . import examples, rights
from .document import Node
from .faces import FACE_KEYWORDS, FaceReader
from .model import WORKER_SERVICES, Field, Operation, Record, Refusal, Route, snake
from .schema import Schema

SERVICES = WORKER_SERVICES + ["gateway", "any"]
METHODS = ["get", "post", "put", "delete", "patch"]
SCOPES = ["read", "book", "events", "webhooks"]
ACCESS = {"bearer": "ACCESS_TOKEN", "refresh": "ACCESS_REFRESH", "crm": "ACCESS_SERVICE"}
COOKIE = "cookie"
COOKIES = ["__Host-session", "__Host-refresh", "__Host-google"]  # whose SameSite and Max-Age stand in gateway/cookies.c
# The gateway itself acts on these headers: documented as parameters they are no request fields.
GATEWAY_HEADERS = {"accept", "idempotency-key", "if-none-match", "traceparent", "x-request-id"}
OPERATION_ONLY = {
    "x-service", "x-roles", "x-role-refusal", "x-limit", "x-deadline-ms", "x-kind", "x-coalesce", "x-secret-reply", "x-page", "x-raw-body",
    "x-scope", "x-redirect", "x-hashes", "x-owner", "x-missing", "x-open-query",
}  # fmt: skip
C_WORDS = set(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return"
    " short signed sizeof static struct switch typedef union unsigned void volatile while bool true false".split()
)
# Names of struct types that lib/ already uses.
TAKEN_NAMES = set(
    "field record view view_field refusal operation fixed_value route list integer_or_string problem problems text_span request_source"
    " pool buffer call call_header answer_header caller worker handler service db statement parameters uuid settings limit token".split()
)


class Contract:
    """Builds the whole model; its lists are what emit.py writes."""

    def __init__(self, reader, document, messages, errors):
        self.reader, self.document = reader, document
        self.records, self.operations, self.routes, self.views = [], [], [], []
        self.shared = {}  # component -> (record, direction)
        self.refusals = read_refusals(errors)
        self.check_document()
        faces = []
        for path, item in document.need("paths").items():
            for route in self.read_path(path, item):
                if "x-operation" in route[2].mapping():
                    faces.append(route)
                else:
                    self.read_operation(*route)
        for face in faces:
            FaceReader(self, *face).read()
        for name, item in document.get("webhooks").items() if document.get("webhooks") else []:
            self.read_webhook(name, item)
        for node in messages.only({"messages"}).need("messages").elements():
            self.read_message(node)
        self.operations.sort(key=lambda operation: operation.name)
        self.check_unique()
        self.check_scopes()

    # --- the document's frame

    def check_document(self):
        document = self.document.only(
            {"openapi", "info", "servers", "tags", "paths", "components", "webhooks", "security", "externalDocs"}
        )
        if not document.need("openapi").text().startswith("3.1."):
            document.get("openapi").fail("must be 3.1.x")
        document.need("info").only({"title", "version", "description", "license", "contact"})
        components = document.get("components")
        if components:
            components.only({"schemas", "parameters", "requestBodies", "responses", "securitySchemes"})
            for name, node in components.get("schemas").items() if components.get("schemas") else []:
                self.check_component(name, node)
            for _, node in components.get("responses").items() if components.get("responses") else []:
                self.check_response(node)

    def check_component(self, name, node):
        pointer = Node({"$ref": f"#/components/schemas/{name}"}, node.file, node.path, node.root)
        examples.check_schema(self.reader.read(pointer), self.reader.components[name].node)

    def check_response(self, node):
        """Checks a response and returns its JSON schema, or None."""
        node = node.resolve().only({"description", "headers", "content"})
        node.need("description").text()
        for _, header in node.get("headers").items() if node.get("headers") else []:
            header.only({"description", "schema", "required", "example"})
            examples.check_schema(self.reader.read(header.need("schema")))
        return self.read_content(node)

    def read_content(self, node):
        schema = None
        for kind, media in node.get("content").items() if node.get("content") else []:
            media.only({"schema", "example", "examples"})
            read = self.reader.read(media.need("schema"))
            examples.check_schema(read)
            examples.check_media(read, media)
            if kind == "application/json":
                schema = read
        return schema

    # --- paths

    def read_path(self, path, item):
        item.only(set(METHODS) | {"parameters", "summary", "description"})
        if not path.startswith("/") or (path != "/" and path.endswith("/")):
            item.fail("a path starts with / and does not end with it")
        shared = item.get("parameters").elements() if item.get("parameters") else []
        return [(method, path, item.get(method), shared) for method in METHODS if item.get(method)]

    def read_operation(self, method, path, node, shared_parameters):
        node.only(FACE_KEYWORDS - {"x-operation", "x-set", "x-csv"} | OPERATION_ONLY)
        name = node.need("operationId").text()
        if not re.match(r"^[a-z][A-Za-z0-9]*$", name):
            node.get("operationId").fail("must be in camelCase")
        request = self.read_request(node, f"{snake(name)}_request", shared_parameters)
        status, reply_schema = self.read_reply(node)
        reply = self.reply_record(reply_schema, f"{snake(name)}_reply", node)
        kind = node.get("x-kind").choice(["read", "command"]) if node.get("x-kind") else "read" if method == "get" else "command"
        operation = Operation(
            name=name,
            node=node,
            service=node.need("x-service").choice(SERVICES),
            kind=kind,
            access=self.read_access(node),
            request=request,
            reply=reply,
            limit=self.read_limit(node, method),
            secret_reply=flag(node, "x-secret-reply", False),
            raw_body=node.get("x-raw-body") is not None,
        )
        operation.coalesce = flag(node, "x-coalesce", method == "get" and kind == "read" and operation.access in ("ACCESS_PUBLIC", "ACCESS_ANONYMOUS"))
        if operation.coalesce and kind != "read":
            node.fail("only reads can be coalesced")
        self.read_roles(operation, node)
        operation.owner = rights.read_owner(operation, node, [refusal.code for refusal in self.refusals])
        self.read_scope(operation, node)
        if node.get("x-redirect"):
            self.read_redirect(operation, node.get("x-redirect"))
        if node.get("x-hashes"):
            self.read_hashes(operation, node)
        operation.tells_missing = flag(node, "x-missing", False)
        if node.get("x-open-query"):
            self.read_open_query(operation, node.get("x-open-query"))
        if node.get("x-deadline-ms"):
            operation.deadline_ms = node.get("x-deadline-ms").integer()
        if node.get("x-page"):
            operation.page = self.read_page(node.get("x-page"), reply)
        self.check_credentials(operation, node)
        self.operations.append(operation)
        self.add_routes(node, method, path, Route("", "", "", operation, status, cookies=self.read_cookies(node, operation, None)))

    def add_routes(self, node, method, path, route):
        listener = node.get("x-listener").choice(["api", "crm", "both"]) if node.get("x-listener") else "api"
        listeners = ["api", "crm"] if listener == "both" else [listener]
        paths = [(path, node)]
        if node.get("x-alias"):
            paths += [(alias.text(), alias) for alias in node.get("x-alias").elements()]
        for each, place in paths:
            self.check_template(each, place, route)
            for name in listeners:
                self.routes.append(dataclasses.replace(route, method=method.upper(), path=each, listener=f"LISTENER_{name.upper()}"))

    @staticmethod
    def check_template(path, place, route):
        request = route.operation.request
        names = re.findall(r"\{([^}]*)\}", path)
        fields = [request.find(name) for name in names]
        for name, field in zip(names, fields):
            if field is None or field.location != "IN_PATH":
                place.fail(f"{{{name}}} in {path} is no path parameter of {route.operation.name}")
            if field.rest and not path.endswith(f"/{{{name}}}"):
                place.fail(f"{{{name}}} takes the rest of the path (x-rest): nothing can follow it in {path}")
        if len({field.name for field in fields}) != len(names):
            place.fail(f"{path} names a parameter twice")
        fixed = [field for field, _ in route.fixed]
        for field in request.fields:
            if field.location == "IN_PATH" and field not in fields and field not in fixed:
                place.fail(f"{path} does not name the path parameter {field.name}")

    def read_access(self, node):
        security = node.get("security") or self.document.get("security") or node.fail("security is missing")
        schemes = self.document.need("components").need("securitySchemes")
        names = []
        for requirement in security.elements():
            if len(requirement.mapping()) > 1:
                requirement.fail("one scheme is enough: each is a requirement of its own")
            for name, scopes in requirement.items():
                if name not in schemes.mapping() or name not in (*ACCESS, COOKIE):
                    scopes.fail(f"is no security scheme: known are {', '.join(ACCESS)}")
                names.append(name)
        if COOKIE in names:  # works wherever a bearer does, and nowhere else
            names.remove(COOKIE)
            if "bearer" not in names:
                security.fail("cookie goes with bearer")
        elif "bearer" in names and COOKIE in schemes.mapping():
            security.fail("bearer goes with cookie: a browser's session is taken wherever an access token is")
        if {} in security.value:
            return "ACCESS_PUBLIC"
        if len(names) == 0:
            return "ACCESS_ANONYMOUS"
        if len(names) > 1:
            security.fail("one scheme at a time")
        return ACCESS[names[0]]

    @staticmethod
    def read_limit(node, method):
        if node.get("x-limit"):
            return "LIMIT_" + node.get("x-limit").choice(["read", "write", "auth", "send", "none"]).upper()
        return "LIMIT_READ" if method == "get" else "LIMIT_WRITE"

    def read_roles(self, operation, node):
        if node.get("x-role-refusal") and not node.get("x-roles"):
            node.get("x-role-refusal").fail("means nothing without x-roles")
        if not node.get("x-roles"):
            return
        operation.roles = [role.choice(rights.ROLES) for role in node.get("x-roles").elements()]
        if operation.access != "ACCESS_TOKEN":
            node.get("x-roles").fail("only who shows an access token has a role")
        place = node.get("x-role-refusal") or node.get("x-roles")
        operation.role_refusal = place.text() if node.get("x-role-refusal") else "forbidden"
        if operation.role_refusal not in [refusal.code for refusal in self.refusals]:
            place.fail(f"errors.yaml has no refusal {operation.role_refusal}")

    @staticmethod
    def read_scope(operation, node):
        """What an API key must be good for. Without a scope no key may call it."""
        if not node.get("x-scope"):
            return
        operation.scope = node.get("x-scope").choice(SCOPES)
        if operation.access not in ("ACCESS_TOKEN", "ACCESS_PUBLIC"):
            node.get("x-scope").fail("only where an access token goes a key goes too")
        if operation.limit == "LIMIT_AUTH":
            node.get("x-scope").fail("x-limit auth: what guards accounts takes a person")
        if operation.service == "auth" and operation.kind == "command" and operation.scope != "webhooks":
            node.get("x-scope").fail("it changes the account: that takes a person")

    @staticmethod
    def read_redirect(operation, node):
        node.only({"field", "to"})
        if operation.service not in WORKER_SERVICES:
            node.fail("what the gateway answers itself redirects nobody")
        if operation.coalesce:
            node.fail("a redirect is for one caller: the operation cannot be coalesced")
        operation.redirect = node.need("to").choice(["everybody", "browsers"])
        operation.redirect_field = text_field(operation.reply, node.need("field"))

    @staticmethod
    def read_hashes(operation, node):
        """Does it hash a password? A gateway has few of all those under way at once."""
        operation.hashes = flag(node, "x-hashes", False)
        if operation.service not in WORKER_SERVICES or operation.coalesce:
            node.get("x-hashes").fail("bounds calls of a worker that are not coalesced")

    @staticmethod
    def read_open_query(operation, place):
        """What follows the question mark is for the page that is served."""
        operation.open_query = place.boolean()
        if operation.service != "gateway" or any(field.location == "IN_QUERY" for field in operation.request.fields):
            place.fail("is for pages that the gateway serves, without query parameters")

    @staticmethod
    def read_cookies(node, operation, view):
        """Which cookies an answer sets, from which fields of its reply, and which it clears."""
        cookies = []
        for name, place in node.get("x-set-cookies").items() if node.get("x-set-cookies") else []:
            cookies.append((cookie_name(place, name), text_field(operation.reply, place)))
            if not operation.secret_reply:
                place.fail(f"what a cookie holds is a secret: {operation.name} needs x-secret-reply")
            if not operation.redirect and (view is None or view.shows(cookies[-1][1])):
                place.fail("what a cookie holds is not shown: this needs a face (x-operation) without it, or x-redirect")
        for place in node.get("x-clear-cookies").elements() if node.get("x-clear-cookies") else []:
            cookies.append((cookie_name(place, place.text()), None))
        if cookies and operation.service not in WORKER_SERVICES:
            node.fail("what the gateway answers itself sets and clears no cookies")
        if len({name for name, _ in cookies}) != len(cookies):
            node.fail("a cookie is set or cleared once")
        return cookies

    @staticmethod
    def read_page(node, reply):
        return text_field(reply, node).name

    @staticmethod
    def check_credentials(operation, node):
        has = any(field.location == "IN_CREDENTIALS" for field in operation.request.fields)
        if has != (operation.access == "ACCESS_REFRESH"):
            node.fail("security refresh and a field with x-in: credentials go together")

    # --- requests

    def read_request(self, node, name, shared_parameters):
        return self.build_record(name, self.request_fields(node, name, shared_parameters), node)

    def request_fields(self, node, name, shared_parameters):
        own = node.get("parameters").elements() if node.get("parameters") else []
        parameters = {}
        for parameter in shared_parameters + own:  # an operation's parameter replaces its path's
            target = parameter.resolve()
            parameters[(target.need("name").text(), target.need("in").text())] = target
        fields = [self.read_parameter(parameter) for parameter in parameters.values()]
        fields = [field for field in fields if field]
        body = node.get("requestBody")
        if node.get("x-raw-body"):
            fields.append(self.read_raw_body(node))
        elif body:
            fields += self.read_body(body, name)
        return fields

    def read_parameter(self, node):
        node.only({"name", "in", "required", "description", "schema", "example", "x-alias", "x-rest"})
        name, location = node.get("name").text(), node.get("in").choice(["path", "query", "header", "cookie"])
        schema = self.reader.read(node.need("schema"))
        examples.check_schema(schema)
        if node.get("example"):
            examples.check_value(schema, node.get("example"))
        if not schema.scalar or schema.nullable:
            node.fail("a parameter is one plain value")
        required = flag(node, "required", False)
        if location == "path" and not required:
            node.fail("a path parameter is required")
        if location == "header" and name.lower() in GATEWAY_HEADERS:
            return None
        if location == "cookie":
            cookie_name(node.get("name"), name)
        aliases = node.get("x-alias").texts() if node.get("x-alias") else schema.aliases
        member = {"header": snake(name), "cookie": f"{snake(name.removeprefix('__Host-'))}_cookie"}.get(location, name.replace("-", "_"))
        field = Field(member, schema, required, f"IN_{location.upper()}", aliases=aliases)
        if location in ("header", "cookie"):
            field.header = name.lower() if location == "header" else name
        if schema.credentials:
            field.location, field.header = "IN_CREDENTIALS", None
        field.rest = flag(node, "x-rest", False)
        if field.rest and (location != "path" or schema.type != "string"):
            node.get("x-rest").fail("only a string in a path takes the rest of it")
        return field

    @staticmethod
    def read_raw_body(node):
        """The field that takes the body's bytes as they came."""
        place = node.get("x-raw-body")
        if node.get("requestBody") or node.path[-1] == "get":
            place.fail("the body's bytes are what this names: there is no requestBody beside it, and no GET has one")
        return Field(place.text(), Schema(place, "string"), True, "IN_RAW_BODY", aliases=[])

    def read_body(self, node, name):
        node = node.resolve().only({"required", "content", "description"})
        node.need("content").only({"application/json"})
        schema = self.read_content(node)
        if schema.type != "object":
            node.fail("a request's body is an object")
        fields = self.object_fields(schema, name, "request")
        if not flag(node, "required", False) and any(field.required and field.location == "IN_BODY" for field in fields):
            node.fail("required must be true: the body has required fields")
        return fields

    def object_fields(self, schema, name, direction):
        if schema.open:
            schema.node.fail("what this object holds must be listed under properties")
        fields = []
        for property_name, child in schema.properties.items():
            if child.read_only and direction == "request":
                continue
            if child.format == "json" and direction == "request":
                child.node.fail("JSON inside JSON is for replies: nobody checks what it holds")
            if child.source:
                child.node.fail("x-from means something only in the reply of another face")
            if child.credentials and direction != "request":
                child.node.fail("only a request has credentials")
            field = Field(property_name, child, property_name in schema.required, aliases=child.aliases)
            field.location = "IN_CREDENTIALS" if child.credentials else "IN_BODY"
            field.record = self.nested_record(child, f"{name}_{property_name}", direction)
            fields.append(field)
        return fields

    def nested_record(self, schema, name, direction):
        item = schema.items if schema.type == "array" else schema
        return self.object_record(item, name, direction) if item.type == "object" else None

    def object_record(self, schema, name, direction):
        """The record of an object: a component's own, shared by all who refer to it, or an inline one."""
        if schema.component is None:
            return self.build_record(name, self.object_fields(schema, name, direction), schema.node)
        known = self.shared.get(schema.component)
        if known is None:
            name = snake(schema.component)
            known = (self.build_record(name, self.object_fields(schema, name, direction), schema.node), direction)
            self.shared[schema.component] = known
        if known[1] != direction and any(child.read_only for child in schema.properties.values()):
            schema.node.fail(f"{schema.component} has readOnly fields: a request and a reply cannot share it")
        return known[0]

    def build_record(self, name, fields, node):
        if name in TAKEN_NAMES:
            node.fail(f"struct {name} is taken: choose another name")
        taken = {}
        for field in fields:
            for each in field.names:
                if each in taken:
                    field.schema.node.fail(f"{each} names both {taken[each]} and {field.name}")
                taken[each] = field.name
            if field.member in C_WORDS or not field.member.isidentifier():
                field.schema.node.fail(f"{field.member} cannot be a member's name in C")
            if f"has_{field.member}" in [other.member for other in fields]:
                field.schema.node.fail(f"has_{field.member} is taken")
        record = Record(name, fields, node)
        for field in fields:
            self.check_money(record, field)
        self.records.append(record)
        return record

    @staticmethod
    def check_money(record, field):
        if not field.schema.money:
            return
        currency = next((other for other in record.fields if other.name == field.schema.money), None)
        if currency is None or currency.schema.format != "currency":
            field.schema.node.fail(f"x-money: {field.schema.money} is no field beside it with format: currency")

    # --- replies

    def read_reply(self, node):
        """Checks all responses. Returns the status and the JSON schema of the one that means success."""
        success = []
        for status, response in node.need("responses").items():
            if not re.match(r"^[1-5][0-9][0-9]$", status):
                response.fail("is no status")
            schema = self.check_response(response)
            if status.startswith("2") or status == "101":
                success.append((int(status), schema))
        if len(success) != 1:
            node.get("responses").fail("exactly one response that means success (2xx, or 101) is needed")
        return success[0]

    def reply_record(self, schema, name, node):
        if schema is None:
            return self.build_record(name, [], node)
        if schema.type != "object" or schema.nullable:
            schema.node.fail("a reply is an object")
        return self.object_record(schema, name, "reply")

    # --- webhooks and messages

    def read_webhook(self, name, item):
        item.only({"post", "summary", "description"})
        node = item.need("post").only({"summary", "description", "operationId", "tags", "requestBody", "responses", "security"})
        schema = self.read_content(node.need("requestBody").resolve().only({"required", "content", "description"}))
        if schema is None or schema.type != "object":
            node.fail("a webhook's body is a JSON object")
        c_name = f"{snake(name)}_webhook"
        self.build_record(c_name, self.object_fields(schema, c_name, "reply"), node)

    def read_message(self, node):
        node.only({"name", "service", "kind", "request", "reply", "continues", "deadline_ms", "summary", "description"})
        name = node.need("name").text()
        continued = self.find_continued(node) if node.get("continues") else None
        operation = Operation(
            name,
            node,
            node.need("service").choice(SERVICES),
            node.need("kind").choice(["read", "command"]),
            "ACCESS_SERVICE",
            request=continued.reply if continued else self.message_record(node, name, "request"),
            reply=continued.reply if continued else self.message_record(node, name, "reply"),
        )
        if node.get("deadline_ms"):
            operation.deadline_ms = node.get("deadline_ms").integer()
        if continued:
            self.continue_with(continued, operation)
        self.operations.append(operation)

    def message_record(self, node, name, part):
        c_name = f"{snake(name)}_{part}"
        schema = self.reader.read(node.get(part)) if node.get(part) else None
        if schema:
            examples.check_schema(schema)
        return self.build_record(c_name, self.object_fields(schema, c_name, part) if schema else [], node)

    def find_continued(self, node):
        place = node.get("continues").only({"operation", "when"}).need("operation")
        for route in self.routes:
            if route.operation.name == place.text():
                return route.operation
        return place.fail(f"no route leads to an operation {place.value}")

    @staticmethod
    def continue_with(continued, operation):
        """`operation` gets what `continued` replies, and answers the client in its place."""
        node = operation.node.get("continues")
        when = node.need("when")
        field = continued.reply.find(when.text())
        for part in ("request", "reply"):
            if operation.node.get(part):
                operation.node.get(part).fail(f"is the reply of {continued.name}: it is not said again")
        if operation.kind != "read":
            operation.node.get("kind").fail("a continuation is asked again with every repeat: it must be a read")
        for each in (continued, operation):
            if each.service not in WORKER_SERVICES:
                node.fail(f"{each.name} is answered by no worker service")
        if continued.coalesce:
            node.fail(f"{continued.name} is coalesced: its callers are not told apart")
        if continued.continuation:
            node.fail(f"{continued.name} is continued by {continued.continuation.name} already")
        if field is None or field.schema.type != "boolean" or not field.present_always:
            when.fail(f"is no required boolean of the reply of {continued.name}")
        continued.continuation, continued.continuation_field = operation, field

    # --- the whole

    def check_scopes(self):
        """What keys can be given is good for something."""
        if "KeyScope" not in self.reader.components:
            return
        place = self.reader.components["KeyScope"].node.need("enum")
        scopes = {operation.scope for operation in self.operations}
        for scope in place.elements():
            if scope.choice(SCOPES) not in scopes:
                scope.fail(f"no operation has the scope {scope.value}")

    def check_unique(self):
        for items, key, what in (
            (self.operations, lambda operation: operation.name, "operation"),
            (self.operations, lambda operation: operation.c_name, "operation"),
            (self.records, lambda record: record.name, "struct"),
        ):
            seen = set()
            for item in items:
                if key(item) in seen:
                    item.node.fail(f"there are two of {what} {key(item)}")
                seen.add(key(item))
        seen = {}
        for route in self.routes:
            shape = (route.listener, route.method, re.sub(r"\{[^}]*\}", "{}", route.path))
            if shape in seen:
                route.operation.node.fail(f"{route.method} {route.path} is served twice")
            seen[shape] = route
        for route in self.routes:
            self.check_rest(route)

    def check_rest(self, route):
        """What takes the rest of a path leaves nothing to other parameters at its place."""
        if not route.rest:
            return
        start = route.path[: route.path.rindex("{") + 1]
        for other in self.routes:
            same = other.path == route.path and other.rest
            if other.listener == route.listener and other.path.startswith(start) and not same:
                other.operation.node.fail(f"{other.method} {other.path}: {route.path} takes the rest of the path there (x-rest)")


def text_field(reply, place):
    """The reply's string field of that name."""
    field = reply.find(place.text())
    if field is None or field.schema.type != "string":
        place.fail("is no string field of the reply")
    return field


def cookie_name(place, name):
    if name not in COOKIES:
        place.fail(f"{name}: gateway/cookies.c does not know what this cookie is like; it knows {', '.join(COOKIES)}")
    return name


def flag(node, key, default):
    return node.get(key).boolean() if node.get(key) else default


def read_refusals(errors):
    refusals = []
    for node in errors.elements():
        node.only({"code", "status", "message", "retry_after"})
        status = node.need("status").integer()
        if not 400 <= status <= 599:
            node.get("status").fail("a refusal has a status from 400 to 599")
        code = node.need("code").text()
        if not re.match(r"^[a-z][a-z0-9_]*$", code):
            node.get("code").fail("must be in snake_case")
        refusals.append(Refusal(code, status, node.need("message").text(), node.get("retry_after").integer() if node.get("retry_after") else 0))
        if [refusal.code for refusal in refusals].count(code) > 1:
            node.fail(f"there are two of refusal {code}")
    return sorted(refusals, key=lambda refusal: refusal.code)
