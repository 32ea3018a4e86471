#!/usr/bin/python3
"""README's table of settings says what lib/settings.def says: one row per setting, with its default, its users and what it is."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = r'"((?:[^"\\]|\\.)*)"'
SETTING = re.compile(rf"^SETTING\((\w+),\s*\w+,\s*\w+,\s*{TEXT},\s*\w+,\s*\w+,\s*{TEXT},\s*{TEXT}\)$", re.MULTILINE)


def rows():
    definitions = re.sub(r"\s*\n\s+", " ", (ROOT / "lib/settings.def").read_text())
    found = SETTING.findall(definitions)
    assert len(found) == definitions.count("\nSETTING("), "a row of settings.def cannot be read"
    return [f"| `{name}` | {f'`{default}`' if default else ''} | {users} | {text} |" for name, default, users, text in found]


def main():
    table = [line for line in (ROOT / "README.md").read_text().splitlines() if re.match(r"\| `[A-Z_]+` \|", line)]
    wanted = rows()
    for line in wanted:
        if line not in table:
            print(f"README.md lacks: {line}")
    for line in table:
        if line not in wanted:
            print(f"README.md has, unlike lib/settings.def: {line}")
    return 0 if table == wanted else 1


sys.exit(main())
