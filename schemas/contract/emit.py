"""Writes the model as C: operations.h (structs, prototypes), operations.c (tables), handlers_SERVICE.c (dispatch)."""

import json

from .model import WORKER_SERVICES, default_text
from .publish import spell_out
from .schema import INT64_MAX, INT64_MIN, UINT32_MAX

BANNER = "/* Made by schemas/compile.py from the contract; not to be edited. */\n"
MEMBER_TYPES = {
    "boolean": "bool ",
    "integer": "int64_t ",
    "number": "double ",
    "string": "const char *",
    "integer or string": "struct integer_or_string ",
}
FIELD_TYPES = {
    "boolean": "FIELD_BOOLEAN",
    "integer": "FIELD_INTEGER",
    "number": "FIELD_NUMBER",
    "string": "FIELD_STRING",
    "integer or string": "FIELD_INTEGER_OR_STRING",
    "object": "FIELD_OBJECT",
    "array": "FIELD_LIST",
}
FORMATS = {
    "email": "FORMAT_EMAIL",
    "uri": "FORMAT_URI",
    "uuid": "FORMAT_UUID",
    "date-time": "FORMAT_DATE_TIME",
    "date-or-time": "FORMAT_DATE_OR_TIME",
    "time-zone": "FORMAT_TIME_ZONE",
    "currency": "FORMAT_CURRENCY",
    "language": "FORMAT_LANGUAGE",
    "line": "FORMAT_LINE",
    "text": "FORMAT_TEXT",
    "json": "FORMAT_JSON",
}
INTERNAL_KEYWORDS = {
    "x-service", "x-roles", "x-role-refusal", "x-deadline-ms", "x-kind", "x-coalesce", "x-secret-reply", "x-listener",
    "x-page", "x-raw-body", "x-operation", "x-set", "x-csv", "x-from", "x-in", "x-redirect", "x-set-cookies",
    "x-clear-cookies", "x-hashes", "x-owner", "x-missing", "x-open-query", "x-rest", "writeOnly",
}  # fmt: skip


def quote(text):
    """A C string literal."""
    out = ""
    for byte in text.encode("utf-8"):
        character = chr(byte)
        out += f"\\{character}" if character in '"\\' else character if 32 <= byte < 127 else f"\\{byte:03o}"
    return f'"{out}"'


def texts(values):
    """A constant NULL-terminated array of strings."""
    return f"(const char *const[]){{{', '.join(quote(value) for value in values)}{', ' if values else ''}NULL}}"


def initializer(rows):
    return ", ".join(f".{name} = {value}" for name, value in rows if value is not None)


# --- operations.h


def header(contract):
    parts = [
        BANNER,
        "#ifndef TITHI_OPERATIONS_H\n#define TITHI_OPERATIONS_H\n\n",
        '#include "call.h"\n#include "contract.h"\n\nstruct worker;\n\n',
        "/* Records: what travels. Nested ones come first. */\n\n",
    ]
    parts += [struct_definition(record) for record in contract.records]
    parts.append("\n/* Operations: their calls and their handlers. */\n")
    for index, operation in enumerate(contract.operations):
        parts.append(operation_declaration(index, operation))
    parts.append("\n/* Refusals. */\n\n")
    for index, refusal in enumerate(contract.refusals):
        parts.append(f"#define refusal_{refusal.code} refusals[{index}] /* {refusal.status} */\n")
    parts.append("\n#endif\n")
    return "".join(parts)


def struct_definition(record):
    lines = [f"struct {record.name} {{\n"]
    for field in record.fields:
        lines.append(f"    {member_declaration(field)};\n")
        if not field.present_always:
            lines.append(f"    enum presence has_{field.member};\n")
    return "".join(lines) + f"}};\nextern const struct record record_{record.name};\n\n"


def member_declaration(field):
    if field.schema.money:
        return f"int64_t {field.member}"
    if field.schema.type == "object":
        return f"struct {field.record.name} {field.member}"
    if field.schema.type == "array":
        return f"struct {{ {item_type(field)}*items; size_t count; }} {field.member}"
    return f"{MEMBER_TYPES[field.schema.type]}{field.member}"


def item_type(field):
    return f"struct {field.record.name} " if field.record else MEMBER_TYPES[field.schema.items.type]


def operation_declaration(index, operation):
    name = operation.c_name
    text = f"\nstruct {name}_call {{\n    struct call call;\n    struct {operation.request.name} request;\n"
    text += f"    struct {operation.reply.name} reply;\n}};\n#define operation_{name} operations[{index}]\n"
    if operation.service in WORKER_SERVICES:
        text += f"int {name}(struct worker *worker, struct {name}_call *calls, size_t count);\n"
    return text


# --- operations.c


def tables(contract, document):
    parts = [BANNER, '#include <float.h>\n#include <stddef.h>\n\n#include "operations.h"\n\n']
    parts += [record_table(record) for record in contract.records]
    parts.append("const struct record *const all_records[] = {\n")
    parts += [f"    &record_{record.name},\n" for record in contract.records]
    parts.append("    NULL,\n};\n\nconst struct refusal refusals[] = {\n")
    for refusal in contract.refusals:
        parts.append(f"    {{{quote(refusal.code)}, {refusal.status}, {refusal.retry_after}, {quote(refusal.message)}}},\n")
    parts.append("};\nconst size_t refusal_count = sizeof refusals / sizeof refusals[0];\n\nconst struct operation operations[] = {\n")
    parts += [operation_row(operation) for operation in contract.operations]
    parts.append("};\nconst size_t operation_count = sizeof operations / sizeof operations[0];\n\n")
    parts += [view_table(contract, index, view) for index, view in enumerate(contract.views)]
    parts.append("const struct route routes[] = {\n")
    parts += [route_row(contract, route) for route in contract.routes]
    parts.append("};\nconst size_t route_count = sizeof routes / sizeof routes[0];\n\n")
    parts.append(f"const char *const service_names[] = {{{', '.join(quote(name) for name in WORKER_SERVICES)}, NULL}};\n\n")
    parts.append(published(document))
    return "".join(parts)


def record_table(record):
    name = record.name
    if not record.fields:
        return f'const struct record record_{name} = {{.name = "{name}", .size = sizeof(struct {name})}};\n\n'
    rows = "".join(f"    {{{field_row(record, field)}}},\n" for field in record.fields)
    return (
        f"static const struct field fields_{name}[] = {{\n{rows}}};\n"
        f"_Static_assert({len(record.fields)} <= RECORD_FIELD_LIMIT, \"{name} has too many fields\");\n"
        f"const struct record record_{name} = {{\n"
        f'    .name = "{name}", .fields = fields_{name}, .field_count = {len(record.fields)}, .size = sizeof(struct {name})}};\n\n'
    )


def field_row(record, field):
    schema, struct = field.schema, f"struct {record.name}"
    rows = [("name", quote(field.name)), ("name_length", len(field.name)), ("key", quote(field.member)), ("key_length", len(field.member))]
    rows += [("aliases", texts(field.aliases))]
    rows += value_rows(schema, field.record if schema.type == "object" else None)
    rows += [
        ("location", field.location if field.location != "IN_BODY" else None),
        ("header", quote(field.header) if field.header else None),
        ("required", "true" if field.required else None),
        ("nullable", "true" if schema.nullable else None),
        ("secret", "true" if schema.secret else None),
    ]
    if schema.money:
        currency = next(index for index, other in enumerate(record.fields) if other.name == schema.money)
        rows.append(("currency", f"&fields_{record.name}[{currency}]"))
    if schema.default is not None:
        rows.append(("default_text", quote(default_text(schema.default))))
    if schema.type == "array":
        rows.append(("item", f"&(const struct field){{{initializer(item_rows(schema.items, field.record))}}}"))
        rows.append(("item_size", f"sizeof *(({struct} *)NULL)->{field.member}.items"))
    rows.append(("offset", f"offsetof({struct}, {field.member})"))
    rows.append(("presence_offset", "SIZE_MAX" if field.present_always else f"offsetof({struct}, has_{field.member})"))
    return initializer(rows)


def item_rows(schema, record):
    return [("name", '""'), ("key", '""'), ("aliases", texts([])), ("required", "true"), ("presence_offset", "SIZE_MAX")] + value_rows(schema, record)


def value_rows(schema, record):
    """What a value may be: the same for fields and for items of lists."""
    rows = [("type", "FIELD_MONEY" if schema.money else FIELD_TYPES[schema.type])]
    if schema.format in FORMATS:
        rows.append(("format", FORMATS[schema.format]))
    if schema.type == "number":
        rows.append(("number_minimum", number(schema.minimum, "-DBL_MAX")))
        rows.append(("number_maximum", number(schema.maximum, "DBL_MAX")))
    else:
        rows.append(("minimum", integer(schema.minimum, INT64_MIN)))
        rows.append(("maximum", integer(schema.maximum, INT64_MAX)))
    rows.append(("length_minimum", schema.min_length or None))
    rows.append(("length_maximum", "UINT32_MAX" if schema.max_length == UINT32_MAX else schema.max_length))
    rows.append(("quoted", "true" if schema.quoted else None))
    rows.append(("values", texts(schema.enum) if schema.enum else None))
    rows.append(("record", f"&record_{record.name}" if record else None))
    return rows


def number(value, absent):
    return absent if value is None else repr(float(value))


def integer(value, absent):
    value = absent if value is None else value
    return {INT64_MIN: "INT64_MIN", INT64_MAX: "INT64_MAX"}.get(value, f"INT64_C({value})")


def operation_row(operation):
    name = operation.c_name
    rows = [
        ("name", quote(operation.name)),
        ("service", quote(operation.service)),
        ("kind", f"OPERATION_{operation.kind.upper()}"),
        ("access", operation.access),
        ("roles", " | ".join(f"ROLE_{role.upper()}" for role in operation.roles) or None),
        ("role_refusal", f"&refusal_{operation.role_refusal}" if operation.role_refusal else None),
        ("limit", operation.limit),
        ("deadline_ms", operation.deadline_ms),
        ("coalesce", "true" if operation.coalesce else None),
        ("secret_reply", "true" if operation.secret_reply else None),
        ("request", f"&record_{operation.request.name}"),
        ("reply", f"&record_{operation.reply.name}"),
        ("call_size", f"sizeof(struct {name}_call)"),
        ("request_offset", f"offsetof(struct {name}_call, request)"),
        ("reply_offset", f"offsetof(struct {name}_call, reply)"),
        ("page_field", quote(operation.page) if operation.page else None),
        ("raw_body", "true" if operation.raw_body else None),
        ("owner", ownership(operation.owner) if operation.owner else None),
        ("scope", f"SCOPE_{operation.scope.upper()}" if operation.scope else None),
        ("redirect", f"REDIRECT_{operation.redirect.upper()}" if operation.redirect else None),
        ("redirect_field", field_pointer(operation.reply, operation.redirect_field) if operation.redirect else None),
        ("hashes", "true" if operation.hashes else None),
        ("tells_missing", "true" if operation.tells_missing else None),
        ("open_query", "true" if operation.open_query else None),
    ]
    if operation.continuation:
        rows += [
            ("continuation", f"&operation_{operation.continuation.c_name}"),
            ("continuation_field", field_pointer(operation.reply, operation.continuation_field)),
        ]
    return f"    {{{initializer(rows)}}},\n"


def ownership(owner):
    def mask(relations):
        return " | ".join(dict.fromkeys(f"RELATION_{relation.split('.')[-1].upper()}" for relation in relations))

    rows = [
        ("relations", mask(owner.relations)),
        ("roles", " | ".join(f"ROLE_{role.upper()}" for role in owner.roles) or None),
        ("refusal", f"&refusal_{owner.refusal}" if owner.refusal else None),
        ("known_to", mask(owner.known_to) or None),
    ]
    return f"{{{initializer(rows)}}}"


def field_pointer(record, field):
    return f"&fields_{record.name}[{record.index(field)}]"


def view_table(contract, index, view):
    rows = []
    for row in view.fields or []:
        path = ", ".join(field_pointer(record, field) for record, field in row.path)
        members = [
            ("name", quote(row.name)),
            ("name_length", len(row.name)),
            ("aliases", texts(row.aliases)),
            ("path", f"(const struct field *const[]){{{path}, NULL}}"),
            ("view", f"&view_{view_index(contract, row.view)}" if row.view else None),
            ("always", "true" if row.always else None),
        ]
        rows.append(f"    {{{initializer(members)}}},\n")
    text = f"static const struct view_field view_{index}_fields[] = {{\n{''.join(rows)}}};\n" if rows else ""
    owner = next((r for r in contract.records if view.root in r.fields), None) if view.root else None
    members = [
        ("root", field_pointer(owner, view.root) if view.root else None),
        ("fields", f"view_{index}_fields" if rows else None),
        ("field_count", len(rows) or None),
        ("record", f"&record_{view.record.name}"),
    ]
    return text + f"static const struct view view_{index} = {{{initializer(members)}}};\n\n"


def view_index(contract, view):
    return next(index for index, other in enumerate(contract.views) if other is view)


def route_row(contract, route):
    request = route.operation.request
    fixed = "".join(f"{{{field_pointer(request, field)}, {quote(text)}}}, " for field, text in route.fixed)
    reply = route.operation.reply
    cookies = "".join(f"{{{quote(name)}, {field_pointer(reply, field) if field else 'NULL'}}}, " for name, field in route.cookies)
    rows = [
        ("method", quote(route.method)),
        ("path", quote(route.path)),
        ("listener", route.listener),
        ("rest", "true" if route.rest else None),
        ("operation", f"&operation_{route.operation.c_name}"),
        ("view", f"&view_{view_index(contract, route.view)}" if route.view else None),
        ("fixed", f"(const struct fixed_value[]){{{fixed}{{NULL, NULL}}}}" if fixed else None),
        ("csv", field_pointer(route.operation.reply, route.csv) if route.csv else None),
        ("cookies", f"(const struct cookie[]){{{cookies}{{NULL, NULL}}}}" if cookies else None),
        ("status", route.status),
    ]
    return f"    {{{initializer(rows)}}},\n"


# --- the published document


def published_text(document):
    return json.dumps(strip(spell_out(document)), ensure_ascii=False, separators=(",", ":"))


def published(document):
    text = published_text(document)
    lines = "".join(f"    {quote(text[at:at + 100])}\n" for at in range(0, len(text), 100))
    return f"const char openapi_json[] =\n{lines.rstrip()};\nconst size_t openapi_json_length = sizeof openapi_json - 1;\n"


def strip(value):
    """The document without what concerns only Tithi's inside. What comes from the Authorization header is the scheme's affair;
    writeOnly marks secrets, in replies too, where the word would mislead."""
    if isinstance(value, list):
        return [strip(item) for item in value if not from_credentials(item)]
    if isinstance(value, dict):
        return {str(key): strip(item) for key, item in value.items() if key not in INTERNAL_KEYWORDS and not from_credentials(item)}
    return value


def from_credentials(value):
    schema = value.get("schema", value) if isinstance(value, dict) else None
    return isinstance(schema, dict) and "x-in" in schema


# --- handlers_SERVICE.c


def handlers(contract, service):
    operations = [operation for operation in contract.operations if operation.service == service]
    parts = [BANNER, '#include "operations.h"\n#include "worker.h"\n\n']
    parts.append(f"extern const struct handler handlers_{service}[];\nextern const size_t handlers_{service}_count;\n\n")
    for operation in operations:
        name = operation.c_name
        parts.append(f"static int run_{name}(struct worker *worker, void *calls, size_t count)\n{{\n")
        parts.append(f"    return {name}(worker, calls, count);\n}}\n\n")
    rows = "".join(f"    {{&operation_{operation.c_name}, run_{operation.c_name}}},\n" for operation in operations)
    parts.append(f"const struct handler handlers_{service}[] = {{\n{rows or '    {NULL, NULL},' + chr(10)}}};\n")
    parts.append(f"const size_t handlers_{service}_count = {len(operations)};\n")
    return "".join(parts)
