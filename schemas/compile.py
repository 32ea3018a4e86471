#!/usr/bin/python3
"""Compiles the contract into C: compile.py --out DIR openapi.yaml messages.yaml errors.yaml

With --rights json (or markdown) instead of --out it prints who may call what, as the contract says; with --openapi the document
that Tithi publishes, with --postman the same as a Postman collection.

Ends with 1 and one line that names the place where the contract says something that cannot be enforced.
"""

import argparse
import json
import os
import sys

sys.dont_write_bytecode = True

from contract import emit, postman, rights  # noqa: E402
from contract.build import Contract  # noqa: E402
from contract.document import ContractError, load  # noqa: E402
from contract.model import WORKER_SERVICES  # noqa: E402
from contract.schema import SchemaReader  # noqa: E402


def read_contract(options):
    document = load(options.contract)
    return document, Contract(SchemaReader(), document, load(options.messages, document), load(options.errors))


def compile_contract(document, contract):
    """All generated files, as {name: text}."""
    files = {"operations.h": emit.header(contract), "operations.c": emit.tables(contract, document.value)}
    for service in WORKER_SERVICES:
        files[f"handlers_{service}.c"] = emit.handlers(contract, service)
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--out", metavar="DIR")
    wanted.add_argument("--rights", choices=["json", "markdown"])
    wanted.add_argument("--openapi", action="store_true")
    wanted.add_argument("--postman", action="store_true")
    parser.add_argument("contract", metavar="openapi.yaml")
    parser.add_argument("messages", metavar="messages.yaml")
    parser.add_argument("errors", metavar="errors.yaml")
    options = parser.parse_args()
    try:
        document, contract = read_contract(options)
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1
    if options.rights:
        print({"json": rights.as_json, "markdown": rights.as_markdown}[options.rights](rights.table(contract)))
        return 0
    if options.openapi:
        print(emit.published_text(document.value))
        return 0
    if options.postman:
        print(json.dumps(postman.collection(json.loads(emit.published_text(document.value))), indent=1, ensure_ascii=False))
        return 0
    os.makedirs(options.out, exist_ok=True)
    for name, text in compile_contract(document, contract).items():
        with open(os.path.join(options.out, name), "w", encoding="utf-8") as file:
            file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
