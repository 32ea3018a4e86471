#!/usr/bin/python3
"""Compiles the contract into C: compile.py --out DIR openapi.yaml messages.yaml errors.yaml

Ends with 1 and one line that names the place where the contract says something that cannot be enforced.
"""

import argparse
import os
import sys

sys.dont_write_bytecode = True

from contract import emit  # noqa: E402
from contract.build import Contract  # noqa: E402
from contract.document import ContractError, load  # noqa: E402
from contract.model import WORKER_SERVICES  # noqa: E402
from contract.schema import SchemaReader  # noqa: E402


def compile_contract(openapi, messages, errors):
    """All generated files, as {name: text}."""
    document = load(openapi)
    contract = Contract(SchemaReader(), document, load(messages, document), load(errors))
    files = {"operations.h": emit.header(contract), "operations.c": emit.tables(contract, document.value)}
    for service in WORKER_SERVICES:
        files[f"handlers_{service}.c"] = emit.handlers(contract, service)
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("openapi")
    parser.add_argument("messages")
    parser.add_argument("errors")
    options = parser.parse_args()
    try:
        files = compile_contract(options.openapi, options.messages, options.errors)
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1
    os.makedirs(options.out, exist_ok=True)
    for name, text in files.items():
        with open(os.path.join(options.out, name), "w", encoding="utf-8") as file:
            file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
