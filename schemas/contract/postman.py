"""The contract as a Postman collection (v2.1, https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html): a walkthrough
that can be run from its first request to its last, and every operation to be filled in and sent."""

import json
import re

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
METHODS = ["get", "post", "put", "patch", "delete"]

# What a newcomer does first. `keep` names what later requests need: variable -> where the answer has it.
WALKTHROUGH = [
    ("Register a facilitator", "registerUser", 201, {"email": "host-{{run}}@example.com", "password": "a long enough one", "name": "Asha Rao", "role": "facilitator"}, {}),
    ("Sign in as the facilitator", "loginUser", 200, {"email": "host-{{run}}@example.com", "password": "a long enough one"}, {"token": "access_token"}),
    ("Publish an event", "createEvent", 201, {"title": "Yoga at sunrise", "start_datetime": "{{tomorrow}}", "max_participants": 10}, {"event_id": "event.id"}),
    ("Register", "registerUser", 201, {"email": "guest-{{run}}@example.com", "password": "a long enough one", "name": "Tom Weaver"}, {}),
    ("Sign in", "loginUser", 200, {"email": "guest-{{run}}@example.com", "password": "a long enough one"}, {"token": "access_token"}),
    ("See the events", "listEvents", 200, None, {}),
    ("Book one", "createBooking", 201, {"event_id": "{{event_id}}", "notes": "My first time"}, {"booking_id": "booking.id"}),
    ("See my bookings", "listBookings", 200, None, {}),
]
BEGINNING = [
    "pm.collectionVariables.set('run', Date.now() + '-' + Math.floor(Math.random() * 1e6));",
    "pm.collectionVariables.set('tomorrow', new Date(Date.now() + 86400000).toISOString());",
]


def collection(document):
    """The collection, from the document that Tithi publishes."""
    operations = {operation["operationId"]: (method, path, operation) for method, path, operation in each_operation(document)}
    folders = [{"name": "Walkthrough", "description": "Run it as a whole: it makes its own people and event.", "item": walkthrough(document, operations)}]
    for tag in document["tags"]:
        items = [request_item(document, *operation) for operation in operations.values() if operation[2]["tags"][0] == tag["name"]]
        folders.append({"name": tag["name"], "description": tag.get("description", ""), "item": items})
    return {
        "info": {"name": document["info"]["title"], "description": document["info"]["description"], "schema": SCHEMA},
        "auth": bearer("token"),
        "variable": [
            {"key": "baseUrl", "value": "http://127.0.0.1:5000"},
            {"key": "crmUrl", "value": "http://127.0.0.1:5001"},
            *({"key": key, "value": ""} for key in ["token", "refresh_token", "crm_token", "run", "tomorrow", "event_id", "booking_id"]),
        ],
        "item": [folder for folder in folders if folder["item"]],
    }


def each_operation(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if "operationId" in item.get(method, {}):
                yield method, path, {**item[method], "parameters": item.get("parameters", []) + item[method].get("parameters", [])}


def walkthrough(document, operations):
    items = []
    for name, operation, status, body, keep in WALKTHROUGH:
        item = request_item(document, *operations[operation])
        item["name"] = name
        if body is not None:
            item["request"]["body"] = json_body(body)
        tests = [f"pm.test('{name}: {status}', () => pm.response.to.have.status({status}));"]
        tests += [f"pm.collectionVariables.set('{key}', pm.response.json().{place});" for key, place in keep.items()]
        if operation == "listBookings":
            tests.append("pm.test('the booking is among them', () => pm.expect(pm.response.json().bookings.map((each) => each.id))"
                         ".to.include(Number(pm.collectionVariables.get('booking_id'))));")
        item["event"] = [script("test", tests)]
        items.append(item)
    items[0]["event"].append(script("prerequest", BEGINNING))
    return items


def script(listen, lines):
    return {"listen": listen, "script": {"type": "text/javascript", "exec": lines}}


def bearer(variable):
    return {"type": "bearer", "bearer": [{"key": "token", "value": "{{%s}}" % variable, "type": "string"}]}


def request_item(document, method, path, operation):
    request = {
        "method": method.upper(),
        "description": "\n\n".join(filter(None, [operation["summary"], operation.get("description")])),
        "header": [],
        "url": address(document, path, operation),
    }
    security = [name for choice in operation.get("security", document["security"]) for name in choice]
    if not security:
        request["auth"] = {"type": "noauth"}
    elif "bearer" not in security:
        request["auth"] = bearer({"refresh": "refresh_token", "crm": "crm_token"}[security[0]])
    body = example_body(document, operation)
    if body is not None:
        request["body"] = json_body(body)
    return {"name": operation["summary"], "request": request}


def address(document, path, operation):
    parameters = [resolve(document, parameter) for parameter in operation["parameters"]]
    base = "crmUrl" if "crm" in operation["tags"] else "baseUrl"
    parts = re.sub(r"{(\w+)}", r":\1", path).strip("/").split("/")
    query = [
        {"key": each["name"], "value": "", "description": each.get("description", ""), "disabled": not each.get("required", False)}
        for each in parameters
        if each["in"] == "query" and "by another name" not in each.get("description", "")
    ]
    known = {"event_id", "booking_id"}
    return {
        "raw": "{{%s}}/%s" % (base, "/".join(parts)),
        "host": ["{{%s}}" % base],
        "path": parts,
        "query": query,
        "variable": [
            {"key": each["name"], "value": "{{%s}}" % each["name"] if each["name"] in known else "1"} for each in parameters if each["in"] == "path"
        ],
    }


def example_body(document, operation):
    """What the contract shows, else the required fields with something of their type."""
    media = resolve(document, operation.get("requestBody", {})).get("content", {}).get("application/json")
    if media is None:
        return None
    if "example" in media:
        return media["example"]
    for example in media.get("examples", {}).values():
        return example["value"]
    schema = resolve(document, media["schema"])
    return {name: sample(document, schema["properties"][name]) for name in schema.get("required", [])}


def sample(document, schema):
    schema = resolve(document, schema)
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    if "enum" in schema:
        return schema["enum"][0]
    return {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}.get(kind, "")


def resolve(document, value):
    if "$ref" not in value:
        return value
    found = document
    for name in value["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def json_body(value):
    return {"mode": "raw", "raw": json.dumps(value, indent=2, ensure_ascii=False), "options": {"raw": {"language": "json"}}}
