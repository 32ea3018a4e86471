"""Schemas: what a value may be. Every keyword that passes here is enforced by the codec or is an annotation."""

import dataclasses
import re

ANNOTATIONS = {"title", "description", "example", "examples", "readOnly", "writeOnly", "x-alias", "x-from"}
KEYWORDS = {
    "boolean": {"default"},
    "integer": {"default", "minimum", "maximum", "format", "x-quoted"},
    "number": {"default", "minimum", "maximum", "format", "x-money"},
    "string": {"default", "enum", "minLength", "maxLength", "format", "x-in"},
    "integer or string": {"minimum", "maximum", "minLength", "maxLength", "format", "x-quoted"},
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
}
FORMATS = {
    "integer": {"int64"},
    "integer or string": {"int64"},
    "number": {"double"},
    "string": {"email", "uri", "uuid", "date-time", "date-or-time", "time-zone", "currency", "language", "line", "text", "password", "json"},
}
NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
INT64_MIN, INT64_MAX, UINT32_MAX = -(2**63), 2**63 - 1, 2**32 - 1


@dataclasses.dataclass
class Schema:
    node: object
    type: str  # a key of KEYWORDS
    nullable: bool = False
    component: str = None  # name under components/schemas
    aliases: list = dataclasses.field(default_factory=list)
    source: list = None  # x-from: where in the operation's reply it comes from
    read_only: bool = False
    write_only: bool = False
    format: str = None
    enum: list = None
    minimum: float = None
    maximum: float = None
    min_length: int = 0  # of strings in code points, of lists in items
    max_length: int = UINT32_MAX
    default: object = None
    quoted: bool = False
    money: str = None  # name of the sibling that holds the currency
    credentials: bool = False
    properties: dict = dataclasses.field(default_factory=dict)
    required: set = dataclasses.field(default_factory=set)
    open: bool = False  # an object of any fields: only in documentation
    items: object = None

    @property
    def secret(self):
        return self.write_only or self.format == "password"

    @property
    def scalar(self):
        return self.type not in ("object", "array")


class SchemaReader:
    """Reads schemas and remembers the components that it has read."""

    def __init__(self):
        self.components = {}
        self.reading = []

    def read(self, node):
        if "$ref" in node.mapping():
            return self.read_reference(node)
        type_name, nullable = self.read_type(node)
        node.only({"type"} | ANNOTATIONS | KEYWORDS[type_name])
        schema = Schema(node, type_name, nullable)
        self.read_annotations(schema, node)
        self.read_bounds(schema, node)
        if type_name == "object":
            self.read_object(schema, node)
        if type_name == "array":
            schema.items = self.read(node.need("items"))
            self.check_items(schema)
        return schema

    def read_reference(self, node):
        node.only({"$ref"} | ANNOTATIONS)
        target = node.resolve()
        if target.path[:2] != ["components", "schemas"] or len(target.path) != 3:
            node.fail("a schema's $ref must point to #/components/schemas/…")
        name = target.path[2]
        if name in self.reading:
            node.fail(f"{name} contains itself")
        if name not in self.components:
            self.reading.append(name)
            self.components[name] = self.read(target)
            self.reading.pop()
        if self.components[name].component is None:
            self.components[name].component = name
        schema = dataclasses.replace(self.components[name])
        self.read_annotations(schema, node)
        schema.node = node
        return schema

    @staticmethod
    def read_type(node):
        type_node = node.need("type")
        names = type_node.texts() if isinstance(type_node.value, list) else [type_node.text()]
        nullable = "null" in names
        names = [name for name in names if name != "null"]
        type_name = "integer or string" if sorted(names) == ["integer", "string"] else names[0] if len(names) == 1 else None
        if type_name not in KEYWORDS:
            type_node.fail(f"{type_node.value} is no type that can be enforced")
        return type_name, nullable

    @staticmethod
    def read_annotations(schema, node):
        for name in ("title", "description"):
            if node.get(name):
                node.get(name).text()
        if node.get("x-alias"):
            schema.aliases = node.get("x-alias").texts()
        if node.get("x-from"):
            schema.source = node.get("x-from").text().split(".")
        if node.get("readOnly"):
            schema.read_only = node.get("readOnly").boolean()
        if node.get("writeOnly"):
            schema.write_only = node.get("writeOnly").boolean()

    def read_bounds(self, schema, node):
        for keyword, member, read in (
            ("minimum", "minimum", lambda value: value.number()),
            ("maximum", "maximum", lambda value: value.number()),
            ("minLength", "min_length", lambda value: value.integer()),
            ("maxLength", "max_length", lambda value: value.integer()),
            ("minItems", "min_length", lambda value: value.integer()),
            ("maxItems", "max_length", lambda value: value.integer()),
            ("x-quoted", "quoted", lambda value: value.boolean()),
            ("x-money", "money", lambda value: value.text()),
            ("enum", "enum", lambda value: value.texts()),
            ("default", "default", lambda value: value.value),
        ):
            if node.get(keyword) is not None:
                setattr(schema, member, read(node.get(keyword)))
        if node.get("format"):
            schema.format = node.get("format").choice(sorted(FORMATS.get(schema.type, ())))
        if node.get("x-in"):
            schema.credentials = node.get("x-in").choice(["credentials"]) == "credentials"
        self.check_bounds(schema, node)

    @staticmethod
    def check_bounds(schema, node):
        if schema.type.startswith("integer"):
            for name in ("minimum", "maximum"):
                bound = getattr(schema, name)
                if bound is not None and (not isinstance(bound, int) or not INT64_MIN <= bound <= INT64_MAX):
                    node.fail(f"{name} must be a 64-bit integer")
        if schema.minimum is not None and schema.maximum is not None and schema.minimum > schema.maximum:
            node.fail("minimum is above maximum")
        if not 0 <= schema.min_length <= schema.max_length <= UINT32_MAX:
            node.fail("the length's lower bound is above its upper bound, or out of range")
        if schema.enum is not None and (not schema.enum or len(set(schema.enum)) != len(schema.enum)):
            node.fail("enum must name values, each once")
        if schema.default is not None and schema.nullable:
            node.fail("a value with a default cannot be null too")
        if "default" in node.value and schema.default is None:
            node.fail("null is no default: leave it out")

    def read_object(self, schema, node):
        schema.open = node.get("properties") is None
        if node.get("properties"):
            schema.properties = {name: self.read(child) for name, child in node.get("properties").items()}
        for name, child in schema.properties.items():
            if not NAME.match(name):
                child.node.fail("a field's name has letters, digits and _")
        if node.get("required"):
            schema.required = set(node.get("required").texts())
            for name in schema.required - set(schema.properties):
                node.get("required").fail(f"{name} is no property")
        extra = node.get("additionalProperties")
        if extra and extra.value is not False:
            extra.fail("only false can be enforced")

    @staticmethod
    def check_items(schema):
        items = schema.items
        if items.nullable or items.type not in ("object", "string", "integer"):
            items.node.fail("lists hold objects, strings or integers")
        if items.default is not None or items.quoted or items.aliases:
            items.node.fail("items have no default, no former names and no quotes")
