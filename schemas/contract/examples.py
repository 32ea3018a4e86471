"""Examples and defaults are held against their schemas, so that the document never shows what the gateway would refuse."""

import datetime
import re
import uuid

PATTERNS = {
    "email": r"[^@\s]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*",
    "uri": r"https?://[!-~]+",
    "time-zone": r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*",
    "currency": r"[A-Z]{3}",
    "language": r"[a-z]{2,3}",
    "line": r"[^\x00-\x1f\x7f]*",
    "text": r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?",
    "date-or-time": r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?",
}


def check_schema(schema, node=None):
    """Checks the examples and defaults that stand in a schema and below it."""
    node = node or schema.node
    if node.get("example"):
        check_value(schema, node.get("example"))
    for example in node.get("examples").elements() if node.get("examples") else []:
        check_value(schema, example)
    if node.get("default") is not None:
        check_value(schema, node.get("default"))
    for child in schema.properties.values():
        check_schema(child)
    if schema.items:
        check_schema(schema.items)


def check_media(schema, media):
    """Checks the examples of a media type."""
    if media.get("example"):
        check_value(schema, media.get("example"))
    for _, example in media.get("examples").items() if media.get("examples") else []:
        example.only({"summary", "description", "value"})
        check_value(schema, example.need("value"))


def check_value(schema, node):
    value = node.value
    if value is None:
        if not schema.nullable:
            node.fail("cannot be null")
        return
    {
        "boolean": check_boolean,
        "integer": check_integer,
        "number": check_number,
        "string": check_string,
        "integer or string": check_integer_or_string,
        "object": check_object,
        "array": check_array,
    }[schema.type](schema, node)


def check_boolean(_, node):
    node.boolean()


def check_integer(schema, node):
    if schema.quoted and isinstance(node.value, str) and re.fullmatch(r"-?\d+", node.value):
        check_range(schema, node, int(node.value))
        return
    check_range(schema, node, node.integer())


def check_number(schema, node):
    check_range(schema, node, node.number())


def check_range(schema, node, value):
    if schema.minimum is not None and value < schema.minimum:
        node.fail(f"is below the minimum {schema.minimum}")
    if schema.maximum is not None and value > schema.maximum:
        node.fail(f"is above the maximum {schema.maximum}")


def check_integer_or_string(schema, node):
    (check_string if isinstance(node.value, str) else check_integer)(schema, node)


def check_string(schema, node):
    value = node.text()
    if not schema.min_length <= len(value) <= schema.max_length:
        node.fail("is too short or too long")
    if schema.enum is not None and value not in schema.enum:
        node.fail(f"must be one of {', '.join(schema.enum)}")
    if not format_holds(schema.format, value):
        node.fail(f"is no {schema.format}")


def format_holds(name, value):
    if name == "uuid":
        return re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value) is not None and bool(uuid.UUID(value))
    if name in PATTERNS and not re.fullmatch(PATTERNS[name], value):
        return False
    if name in ("date-time", "date-or-time"):
        try:
            datetime.date.fromisoformat(value[:10])
        except ValueError:
            return False
    return True


def check_array(schema, node):
    elements = node.elements()
    if not schema.min_length <= len(elements) <= schema.max_length:
        node.fail("has too few or too many items")
    for element in elements:
        check_value(schema.items, element)


def check_object(schema, node):
    names = {}
    for name, child in schema.properties.items():
        for each in [name] + child.aliases:
            names[each] = name
        if child.money:
            names[f"{name}_minor"] = name
    given = set()
    for key, child in node.items():
        if key not in names:
            if not schema.open:
                child.fail("is no field of the schema")
            continue
        given.add(names[key])
        if key.endswith("_minor") and key not in schema.properties and schema.properties[names[key]].money:
            child.integer()
        else:
            check_value(schema.properties[names[key]], child)
    for name in sorted(schema.required - given):
        node.fail(f"lacks the required field {name}")
