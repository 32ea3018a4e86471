"""Faces: further routes to an operation, under former names, and the views in which they show its reply."""

from . import examples
from .model import Route, View, ViewField, default_text

FACE_KEYWORDS = {
    "operationId", "summary", "description", "tags", "parameters", "requestBody", "responses", "security",
    "x-alias", "x-operation", "x-set", "x-csv", "x-listener", "x-set-cookies", "x-clear-cookies", "deprecated",
}  # fmt: skip
# What of a schema the codec enforces by the operation's own field.
ENFORCED = ("type", "nullable", "format", "enum", "minimum", "maximum", "min_length", "max_length", "quoted")


class FaceReader:
    """Reads one face into the contract's routes and views."""

    def __init__(self, contract, method, path, node, shared_parameters):
        self.contract, self.method, self.path, self.node = contract, method, path, node
        self.shared_parameters = shared_parameters
        self.operation, self.fixed = None, []

    def read(self):
        node, contract = self.node.only(FACE_KEYWORDS), self.contract
        self.operation = self.find_operation(node.get("x-operation"))
        if contract.read_access(node) != self.operation.access:
            node.fail(f"security differs from that of {self.operation.name}")
        self.fixed = self.read_fixed(node.get("x-set")) if node.get("x-set") else []
        self.check_request()
        status, schema = contract.read_reply(node)
        csv = self.csv_list(node.get("x-csv"), status, schema) if node.get("x-csv") else None
        view = None if csv else self.root_view(schema)
        cookies = contract.read_cookies(node, self.operation, view)
        contract.add_routes(node, self.method, self.path, Route("", "", "", self.operation, status, view, self.fixed, csv, cookies))

    def find_operation(self, place):
        for operation in self.contract.operations:
            if operation.name == place.text():
                return operation
        return place.fail(f"there is no operation {place.value}")

    def read_fixed(self, node):
        fixed = []
        for name, value in node.items():
            field = self.operation.request.find(name) or value.fail("is no field of the operation's request")
            if not field.schema.scalar:
                value.fail("only plain values can be set")
            examples.check_value(field.schema, value)
            fixed.append((field, default_text(value.value)))
        return fixed

    def check_request(self):
        contract, operation = self.contract, self.operation
        before = len(contract.records)
        fields = contract.request_fields(self.node, f"{operation.c_name}_face", self.shared_parameters)
        del contract.records[before:]  # the face's names are the operation's: no structs of its own
        for field in fields:
            self.check_field(field)
        given = [operation.request.find(field.name) for field in fields] + [field for field, _ in self.fixed]
        for own in operation.request.fields:
            if own.required and own.location != "IN_CREDENTIALS" and own not in given:
                self.node.fail(f"{operation.name} requires {own.name}: this face neither takes nor sets it")

    def check_field(self, field):
        """Names, places and bounds must be those of the operation's field: only these are enforced."""
        operation, node = self.operation, field.schema.node
        own = operation.request.find(field.name)
        if own is None:
            node.fail(f"{field.name} is no name of a request field of {operation.name}")
        for alias in field.aliases:
            if operation.request.find(alias) is not own:
                node.fail(f"{alias} is no former name of {own.name} in {operation.name}")
        if field.location != own.location:
            node.fail(f"{operation.name} takes {own.name} from elsewhere ({own.location})")
        if field.rest != own.rest:
            node.fail(f"x-rest differs from {own.name} in {operation.name}")
        for name in ENFORCED:
            if getattr(field.schema, name) != getattr(own.schema, name):
                node.fail(f"its {name} differs from {own.name} in {operation.name}")
        if field.schema.default not in (None, own.schema.default):
            node.fail(f"its default differs from {own.name} in {operation.name}")
        if field.required != own.required and own not in [each for each, _ in self.fixed]:
            node.fail(f"{own.name} is {'' if own.required else 'not '}required in {operation.name}")

    def csv_list(self, place, status, schema):
        """The list of the reply whose records are the lines."""
        field = self.operation.reply.find(place.text())
        if status != 200 or schema is not None or self.method != "get":
            place.fail("CSV is the answer of a GET whose 200 response has no JSON content")
        names = [self.path] + (self.node.get("x-alias").texts() if self.node.get("x-alias") else [])
        if any("{" in name.rsplit("/", 1)[1] for name in names):
            place.fail("the path's last name is the file's: it cannot be a parameter")
        if field is None or field.schema.type != "array" or field.record is None:
            place.fail(f"is no list of objects in the reply of {self.operation.name}")
        for column in field.record.fields:
            if not column.schema.scalar:
                place.fail(f"{column.name} is {column.schema.type}: a cell holds one plain value")
        return field

    def root_view(self, schema):
        """The view that the response's schema means; None where it is the operation's own reply."""
        reply = self.operation.reply
        if schema is None:
            if reply.fields:
                self.node.fail(f"its response has no body, but {self.operation.name} has a reply")
            return None
        if schema.source is None and schema.type == "array":
            schema.node.fail("a bare array needs x-from: the reply's list")
        root = None
        if schema.source:
            root = self.find_source(schema, reply, schema.source)[-1][1]
            if len(schema.source) != 1 or root.schema.type != schema.type or root.record is None:
                schema.node.fail(f"x-from: {schema.source[0]} is no such {schema.type} of the reply")
        shape = schema.items if schema.type == "array" else schema
        record = root.record if root else reply
        fields = self.view_fields(shape, record)
        if root is None and fields is None:
            return None
        return self.add_view(View(root, record, fields))

    def add_view(self, view):
        self.contract.views.append(view)
        return view

    def view_fields(self, schema, record):
        """Rows of a shape over a record; None where the shape is the record itself."""
        if schema.component and self.contract.shared.get(schema.component, (None,))[0] is record:
            return None
        rows, taken = [], {}
        for name, child in schema.properties.items():
            path = self.find_source(child, record, child.source or [name])
            field = path[-1][1]
            if child.type != field.schema.type or bool(child.money) != bool(field.schema.money):
                child.node.fail(f"is {child.type}, but {'.'.join(child.source or [name])} is {field.schema.type}")
            for each in [name] + child.aliases + ([f"{name}_minor"] if child.money else []):
                if each in taken:
                    child.node.fail(f"{each} names both {taken[each]} and {name}")
                taken[each] = name
            rows.append(ViewField(name, child.aliases, path, self.nested_view(child, field), name in schema.required))
        return rows

    def nested_view(self, schema, field):
        shape = schema.items if schema.type == "array" else schema
        if field.record is None:
            if shape.type != (field.schema.items if field.schema.type == "array" else field.schema).type:
                schema.node.fail("its items are of another type")
            return None
        fields = self.view_fields(shape, field.record)
        return None if fields is None else self.add_view(View(None, field.record, fields))

    @staticmethod
    def find_source(schema, record, names):
        path = []
        for index, name in enumerate(names):
            field = record.find(name) if record else None
            last = index == len(names) - 1
            if field is None or not (last or field.schema.type == "object"):
                schema.node.fail(f"{'.'.join(names)} leads nowhere in the operation's reply ({record.name if record else '-'})")
            path.append((record, field))
            record = field.record
        return path
