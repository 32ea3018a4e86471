"""The model: records, operations, routes and views, as the C tables will hold them. Only data; build.py and faces.py make it."""

import dataclasses
import re

from .schema import Schema

WORKER_SERVICES = ["auth", "event", "booking", "payment", "crm"]


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().replace("-", "_")


def default_text(value):
    """A value as it would stand in a query string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@dataclasses.dataclass
class Field:
    name: str
    schema: Schema
    required: bool
    location: str = "IN_BODY"
    header: str = None
    record: object = None  # of objects, and of a list's items
    aliases: list = None
    rest: bool = False  # of a path: all that is left of it, slashes included

    @property
    def member(self):
        return f"{self.name}_minor" if self.schema.money else self.name

    @property
    def present_always(self):
        return self.schema.default is not None or (self.required and not self.schema.nullable)

    @property
    def names(self):
        return [self.name] + self.aliases + ([self.member] if self.schema.money else [])


@dataclasses.dataclass
class Record:
    name: str
    fields: list
    node: object

    def find(self, name):
        """The field of that name or former name, or None."""
        return next((field for field in self.fields if name in field.names), None)

    def index(self, field):
        return self.fields.index(field)


@dataclasses.dataclass
class ViewField:
    name: str
    aliases: list
    path: list  # of (record, field)
    view: object
    always: bool


@dataclasses.dataclass
class View:
    root: Field  # the reply's field that is the whole answer, or None
    record: Record  # of what is shown
    fields: list  # None: the record as it is

    def shows(self, field):
        """That field of the reply?"""
        return self.root is None and any(row.path[0][1] is field for row in self.fields)


@dataclasses.dataclass
class Ownership:
    relations: list  # one of them suffices
    roles: list = dataclasses.field(default_factory=list)  # who may besides
    refusal: str = None  # what others hear
    known_to: list = dataclasses.field(default_factory=list)  # relations: who knows of the row and hears `forbidden`


@dataclasses.dataclass
class Operation:
    name: str
    node: object
    service: str
    kind: str
    access: str
    request: Record
    reply: Record
    roles: list = dataclasses.field(default_factory=list)
    role_refusal: str = None
    limit: str = "LIMIT_NONE"
    deadline_ms: int = 10000
    coalesce: bool = False
    secret_reply: bool = False
    raw_body: bool = False
    owner: Ownership = None  # whose rows it touches
    scope: str = None  # that an API key needs; None: no key may
    redirect: str = None  # who is sent on by redirect_field: "everybody" or "browsers"
    redirect_field: Field = None
    hashes: bool = False  # a password: few at once per gateway
    open_query: bool = False  # a page's own affair: no part of the request
    tells_missing: bool = False  # fields that are required and were not given have a refusal of their own
    page: str = None
    continuation: object = None  # the operation that gets this one's reply and answers in its place
    continuation_field: Field = None  # of the reply: where it is true

    @property
    def c_name(self):
        return snake(self.name)


@dataclasses.dataclass
class Route:
    method: str
    path: str
    listener: str
    operation: Operation
    status: int
    view: View = None
    fixed: list = dataclasses.field(default_factory=list)  # of (field, text)
    csv: Field = None  # the reply's list that is shown as CSV
    cookies: list = dataclasses.field(default_factory=list)  # of (name, reply field; None: cleared)

    @property
    def rest(self):
        """Does its last parameter take the rest of the path?"""
        return self.path.endswith("}") and self.operation.request.find(self.path.rsplit("{", 1)[1][:-1]).rest


@dataclasses.dataclass
class Refusal:
    code: str
    status: int
    message: str
    retry_after: int = 0
