"""The published contract as the tests read it: finds the operation behind a request and checks an answer against its schema,
strictly: no missing, no undocumented and no mistyped field, every former name answered with the same value."""

import datetime
import pathlib
import re
import zoneinfo
from decimal import Decimal

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
METHODS = ("get", "post", "put", "delete", "patch")
NO_DECIMALS = {"JPY", "KRW", "VND", "CLP", "ISK", "UGX", "XAF", "XOF", "PYG", "RWF"}
THREE_DECIMALS = {"KWD", "BHD", "OMR", "JOD", "TND", "IQD", "LYD"}


def minor_units(amount, currency):
    decimals = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return int((Decimal(str(amount)) * 10**decimals).to_integral_value())


def parse_time(text):
    """A time as answers carry it: RFC 3339 with Z or an offset."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", text), f"{text!r} is no RFC 3339 time"
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def check_format(name, text):
    if name == "date-time":
        parse_time(text)
    elif name == "email":
        assert re.fullmatch(r"[^@\s]+@[^@\s]+", text), f"{text!r} is no e-mail address"
    elif name == "uri":
        assert re.match(r"[a-z][a-z0-9+.-]*:", text), f"{text!r} is no URI"
    elif name == "currency":
        assert re.fullmatch(r"[A-Z]{3}", text), f"{text!r} is no currency"
    elif name == "language":
        assert re.fullmatch(r"[a-z]{2,3}", text), f"{text!r} is no language"
    elif name == "time-zone":
        zoneinfo.ZoneInfo(text)


def is_a(kind, value):
    if kind == "null":
        return value is None
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "object": dict, "array": list}[kind])


class Route:
    def __init__(self, method, path, operation, operation_id, listener):
        self.method = method
        self.path = path
        self.operation = operation
        self.operation_id = operation_id
        self.listener = listener
        rest = any(parameter.get("x-rest") for parameter in operation.get("parameters", []))
        pattern = re.sub(r"\\\{[a-z_]+\\\}", ".+" if rest else "[^/]+", re.escape(path))
        self.pattern = re.compile(pattern)
        self.placeholders = path.count("{")


def documented_cookies(operation, answer):
    """Names of the cookies that an answer sets or clears: a success both, a refusal that ends what they were for the second."""
    cleared = {*operation.get("x-clear-cookies", [])}
    if answer.status_code >= 400:
        return cleared if 'error="invalid_token"' in answer.headers.get("WWW-Authenticate", "") else set()
    if "error=" in answer.headers.get("Location", ""):
        return cleared
    return set() if "x-redirect" in operation and answer.status_code != 302 else {*operation.get("x-set-cookies", {}), *cleared}


class Document:
    def __init__(self):
        self.root = yaml.safe_load((ROOT / "schemas/openapi.yaml").read_text())
        rows = yaml.safe_load((ROOT / "schemas/errors.yaml").read_text())
        self.refusals = {row["code"]: row for row in rows}
        self.routes = []
        by_id = {
            item[method]["operationId"]: item[method]
            for item in self.root["paths"].values()
            for method in METHODS
            if method in item
        }
        for path, item in self.root["paths"].items():
            for method in METHODS:
                if method not in item:
                    continue
                operation = item[method]
                main = by_id[operation.get("x-operation", operation["operationId"])]
                listener = main.get("x-listener", "api")
                for name in [path, *operation.get("x-alias", [])]:
                    for each in ("api", "crm") if listener == "both" else (listener,):
                        self.routes.append(Route(method.upper(), name, operation, main["operationId"], each))

    def resolve(self, node):
        """A node with its $ref followed; what stands beside the $ref wins."""
        while "$ref" in node:
            target = self.root
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        return node

    def find(self, method, path, listener="api"):
        path = path.split("?")[0].rstrip("/") or "/"
        found = [
            route
            for route in self.routes
            if route.method == method and route.listener == listener and route.pattern.fullmatch(path)
        ]
        return min(found, key=lambda route: route.placeholders, default=None)

    def reply_schema(self, operation, status):
        response = operation["responses"].get(str(status))
        assert response, f"{operation['operationId']} does not document status {status}"
        content = self.resolve(response).get("content")
        return content["application/json"]["schema"] if content else None

    def check_answer(self, method, path, status, body, listener="api"):
        if status >= 400:
            self.check_refusal(status, body)
            return
        route = self.find(method, path, listener)
        assert route, f"{method} {path} is not documented"
        schema = self.reply_schema(route.operation, status)
        if schema is not None:
            self.check(schema, body, route.operation["operationId"])

    def check_cookies(self, method, path, answer, listener="api"):
        """An answer sets the cookies that are documented, all of them and no others; each is kept safe."""
        lines = answer.raw.headers.getlist("Set-Cookie")
        route = self.find(method, path, listener)
        wanted = documented_cookies(route.operation, answer) if route else set()
        assert {line.split("=")[0] for line in lines} == wanted, f"{method} {path}: {answer.status_code} sets {lines}"
        for line in lines:
            attributes = line.split("; ")[1:]
            assert line.startswith("__Host-") and {"Path=/", "Secure", "HttpOnly"} <= set(attributes), line
            assert {"SameSite=Lax", "SameSite=Strict"} & set(attributes) and "Domain" not in line, line

    def secrets_asked(self, operation, query, body):
        """The secrets in a request: its body and its query parameters."""
        for parameter in map(self.resolve, operation.get("parameters", [])):
            for value in query.get(parameter["name"], []):
                yield from self.secrets(parameter["schema"], value)
        content = self.resolve(operation.get("requestBody", {})).get("content", {})
        if "application/json" in content:
            yield from self.secrets(content["application/json"]["schema"], body)

    def secrets_answered(self, operation, status, body):
        """The secrets in an answer; a refusal may hold one that leads on."""
        if status < 400:
            content = self.resolve(operation["responses"].get(str(status), {})).get("content", {})
            yield from self.secrets(content["application/json"]["schema"], body) if "application/json" in content else []
        elif isinstance(body, dict) and "challenge" in body.get("details", {}):
            yield body["details"]["challenge"]

    def secrets(self, schema, value):
        """The texts in a value that its schema calls secret."""
        schema = self.resolve(schema)
        if isinstance(value, str) and (schema.get("format") == "password" or schema.get("writeOnly")):
            yield value
        elif isinstance(value, list) and "items" in schema:
            for item in value:
                yield from self.secrets(schema["items"], item)
        elif isinstance(value, dict):
            for name, property_schema in schema.get("properties", {}).items():
                for each in (name, *self.resolve(property_schema).get("x-alias", [])):
                    yield from self.secrets(property_schema, value.get(each))

    def check_refusal(self, status, body):
        self.check(self.root["components"]["schemas"]["Error"], body, "error")
        row = self.refusals.get(body["code"])
        assert row, f"code {body['code']!r} is not in errors.yaml"
        assert (row["status"], row["message"]) == (status, body["error"]), f"{body} differs from errors.yaml: {row}"
        for field, reason in body.get("details", {}).items():
            assert isinstance(reason, str) and reason, f"details of {field!r} hold no reason: {body}"

    def check(self, schema, value, where):
        schema = self.resolve(schema)
        if schema.get("format") == "json":
            return  # whatever it is
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert any(is_a(kind, value) for kind in kinds), f"{where}: {value!r} is not {' or '.join(kinds)}"
        if value is None:
            return
        if "enum" in schema:
            assert value in schema["enum"], f"{where}: {value!r} is none of {schema['enum']}"
        if isinstance(value, str):
            check_format(schema.get("format"), value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.check(schema["items"], item, f"{where}[{index}]")
        elif isinstance(value, dict) and "properties" in schema:
            self.check_object(schema, value, where)

    def check_object(self, schema, value, where):
        known = set()
        for name, property_schema in schema["properties"].items():
            property_schema = self.resolve(property_schema)
            aliases = property_schema.get("x-alias", [])
            known.update([name, *aliases])
            if name not in value:
                assert name not in schema.get("required", []), f"{where}: {name} is missing in {value}"
                for alias in aliases:
                    assert alias not in value, f"{where}: {alias} without {name}"
                continue
            self.check(property_schema, value[name], f"{where}.{name}")
            for alias in aliases:
                assert alias in value, f"{where}: {name} is not answered as {alias} too"
                assert value[alias] == value[name], f"{where}: {alias} and {name} differ"
            if "x-money" in property_schema:
                known.add(f"{name}_minor")
                expected = minor_units(value[name], value[property_schema["x-money"]])
                assert value.get(f"{name}_minor") == expected, f"{where}: {name}_minor is not {expected} in {value}"
        assert set(value) <= known, f"{where}: undocumented {sorted(set(value) - known)}"
