"""The published document: what the contract says in short, spelt out for programs that know OpenAPI only.

Former names, further paths, money's minor units and the refusals that any operation may meet stand in the contract as x- keywords
or not at all; a generated client or a validator sees only what is written out.
"""

import copy

METHODS = ("get", "post", "put", "delete", "patch")
OF_ONE_NAME = {"x-alias", "x-money", "default", "description", "example", "examples"}
CRM_SERVER = {
    "url": "http://{host}:{port}",
    "description": "The CRM service (CRM_PORT)",
    "variables": {"host": {"default": "localhost"}, "port": {"default": "5001"}},
}


def spell_out(document):
    """A copy of the document with all of it written out."""
    document = copy.deepcopy(document)
    say_limits_and_scopes(document)
    for item in list(document["paths"].values()):
        for method in METHODS:
            if method in item:
                complete_operation(document, item, method)
    for path, item in list(document["paths"].items()):
        for method in METHODS:
            for alias in item[method].get("x-alias", []) if method in item else []:
                document["paths"].setdefault(alias, {}).setdefault(method, same_operation(item, method))
    spell_schemas(document["paths"], False)
    spell_schemas(document.get("components", {}), False)
    spell_schemas(document.get("webhooks", {}), None)
    return document


def say_limits_and_scopes(document):
    """Which limit counts a call (x-limit), and which scope an API key needs for it (x-scope), on every face of an operation."""
    operations = [(method, item[method]) for item in document["paths"].values() for method in METHODS if method in item]
    for method, operation in operations:
        if "x-operation" not in operation:
            operation.setdefault("x-limit", "read" if method == "get" else "write")
    mains = {operation["operationId"]: operation for _, operation in operations if "x-operation" not in operation}
    for face in (operation for _, operation in operations if "x-operation" in operation):
        main = mains[face["x-operation"]]
        face.update({keyword: main[keyword] for keyword in ("x-limit", "x-scope") if keyword in main})


def complete_operation(document, item, method):
    operation = item[method]
    if "Refused" in document.get("components", {}).get("responses", {}):
        operation["responses"].setdefault("default", {"$ref": "#/components/responses/Refused"})
    if "x-raw-body" in operation:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    if "x-csv" in operation:
        operation["responses"]["200"]["content"] = {"text/csv": {"schema": {"type": "string"}}}
    if "x-redirect" in operation:
        say_redirect(operation)
    if operation.get("x-listener") in ("crm", "both"):
        others = document["servers"] if operation["x-listener"] == "both" else []
        operation["servers"] = copy.deepcopy([*others, CRM_SERVER])
    for holder in (item, operation):
        if "parameters" in holder:
            holder["parameters"] = [name for given in holder["parameters"] for name in parameter_names(document, given)]


def say_redirect(operation):
    """The reply is documented as such, what leaves is its address."""
    location = {"Location": {"description": "Where to go on", "schema": {"type": "string"}}}
    if operation["x-redirect"]["to"] == "everybody":
        del operation["responses"]["200"]
    operation["responses"]["302"] = {"description": "Go on there", "headers": location}


def parameter_names(document, given):
    """The parameter as it stands, then once more under each former name. Names in a path are the path's own affair."""
    parameter = given
    if "$ref" in given:
        parameter = document["components"]["parameters"][given["$ref"].rsplit("/", 1)[1]]
    if parameter["in"] != "query":
        return [given]
    shared = {key: value for key, value in parameter.items() if key not in OF_ONE_NAME}
    schema = {key: value for key, value in shared["schema"].items() if key != "default"}
    also = f"`{parameter['name']}` by another name"
    return [given] + [
        {**shared, "name": alias, "schema": schema, "description": also} for alias in parameter.get("x-alias", [])
    ]


def same_operation(item, method):
    """An operation's further path; operationId names one path only."""
    operation = {key: value for key, value in item[method].items() if key not in ("operationId", "x-alias")}
    parameters = item.get("parameters", []) + operation.get("parameters", [])
    return copy.deepcopy({**operation, "parameters": parameters} if parameters else operation)


def spell_schemas(value, asked):
    """Goes through all schemas. `asked`: is this a request's? None: nothing here is (webhooks are what Tithi sends)."""
    if isinstance(value, list):
        for item in value:
            spell_schemas(item, asked)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("example", "examples", "default"):
                spell_schemas(item, asked if asked is None else asked or key in ("requestBody", "requestBodies"))
        if isinstance(value.get("properties"), dict) and "type" in value:
            spell_object(value, asked)


def spell_object(schema, asked):
    names, properties = {}, {}
    for name, given in schema["properties"].items():
        if asked and given.get("x-quoted") and given["type"] == "integer":
            given.update(type=["integer", "string"], pattern="^-?[0-9]+$")
        if given.get("format") == "json":
            given.update(type="object")
            del given["format"]
        properties[name] = given
        names[name] = [name]
        plain = {key: value for key, value in given.items() if key not in OF_ONE_NAME}
        for alias in given.get("x-alias", []):
            properties[alias] = {**copy.deepcopy(plain), "description": f"`{name}` by another name"}
            names[name].append(alias)
        if "x-money" in given:
            kinds = given["type"] if isinstance(given["type"], list) else [given["type"]]
            kinds = ["integer" if kind == "number" else kind for kind in kinds]
            minor = {"type": kinds if len(kinds) > 1 else kinds[0], "format": "int64"}
            properties[f"{name}_minor"] = {**minor, "description": f"`{name}` in minor units of its currency"}
            names[name].append(f"{name}_minor")
    schema["properties"] = properties
    required = schema.get("required", [])
    if asked:
        schema["additionalProperties"] = False
        any_of = [{"anyOf": [{"required": [name]} for name in names[field]]} for field in required if len(names[field]) > 1]
        required = [field for field in required if len(names[field]) == 1]
        if any_of:
            schema["allOf"] = any_of
    else:
        required = [name for field in required for name in names[field]]
    schema.pop("required", None)
    if required:
        schema["required"] = required
