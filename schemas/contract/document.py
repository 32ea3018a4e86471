"""YAML documents whose every value knows where it stands, so that each complaint names its place.

Nothing here knows what the contract means: it only reads, follows references and refuses keywords that a caller does not list.
"""

import os
import re

import yaml


class ContractError(Exception):
    """One line for the person who edits the contract."""


class StrictLoader(yaml.SafeLoader):
    """YAML as in its JSON schema: dates stay text, only true and false are booleans, a key may stand once."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                mark = key_node.start_mark
                raise ContractError(f"{os.path.basename(mark.name)}: line {mark.line + 1}: the key {key} stands twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


class Node:
    """A value, the file it stands in, its place there, and the document that its references point into."""

    def __init__(self, value, file, path, root):
        self.value, self.file, self.path, self.root = value, file, path, root

    @property
    def place(self):
        return f"{self.file}: {'.'.join(self.path) or 'document'}"

    def fail(self, message):
        raise ContractError(f"{self.place}: {message}")

    def child(self, key):
        return Node(self.value[key], self.file, self.path + [str(key)], self.root)

    def get(self, key):
        return self.child(key) if key in self.mapping() else None

    def need(self, key):
        return self.get(key) or self.fail(f"{key} is missing")

    def items(self):
        """The children of a mapping, as (key, node)."""
        return [(str(key), self.child(key)) for key in self.mapping()]

    def elements(self):
        """The children of a list."""
        return [self.child(index) for index in range(len(self.sequence()))]

    def only(self, allowed):
        """Refuses every keyword that the caller does not know."""
        for key in self.mapping():
            if key not in allowed:
                self.child(key).fail("this keyword is not enforced here")
        return self

    def mapping(self):
        return self.value if isinstance(self.value, dict) else self.fail("must be a mapping")

    def sequence(self):
        return self.value if isinstance(self.value, list) else self.fail("must be a list")

    def text(self):
        return self.value if isinstance(self.value, str) else self.fail("must be a string")

    def texts(self):
        return [element.text() for element in self.elements()]

    def boolean(self):
        return self.value if isinstance(self.value, bool) else self.fail("must be true or false")

    def integer(self):
        good = isinstance(self.value, int) and not isinstance(self.value, bool)
        return self.value if good else self.fail("must be an integer")

    def number(self):
        good = isinstance(self.value, (int, float)) and not isinstance(self.value, bool)
        return self.value if good else self.fail("must be a number")

    def choice(self, choices):
        return self.value if self.value in choices else self.fail(f"must be one of {', '.join(map(str, choices))}")

    def resolve(self):
        """The node that a $ref points to, or this one."""
        if not isinstance(self.value, dict) or "$ref" not in self.value:
            return self
        reference = self.child("$ref")
        target = self.root
        if not reference.text().startswith("#/"):
            reference.fail("must start with #/")
        for part in reference.value[2:].split("/"):
            if not isinstance(target.value, dict) or part not in target.value:
                reference.fail(f"{reference.value} leads nowhere")
            target = target.child(part)
        return target


def load(path, root=None):
    """Reads a file. References inside it point into `root`, or into itself."""
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8") as file:
            value = yaml.load(file, StrictLoader)
    except (OSError, yaml.YAMLError) as error:
        raise ContractError(f"{name}: {' '.join(str(error).split())}") from None
    node = Node(value, name, [], root)
    node.root = root or node
    return node
