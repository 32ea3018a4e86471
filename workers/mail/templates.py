#!/usr/bin/env python3
"""Makes C of the texts of mails: templates.py TARGET.c. What templates/README.md describes is checked here, so that no mail fails for a
template's sake: every language has every template, with the same tags. Marks of the layout become control characters, which no value holds
(layout.h)."""

import json
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parent / "templates"
LANGUAGES = ["en", "hi", "es", "de", "fr"]
TAG = re.compile(r"\{\{(?:#[a-z_]+(?:=[a-z_]+)?|[\^/]?[a-z_]+)\}\}")
MARKS = [
    (re.compile(r"^\[([^]{}]+)\]\((\{\{[a-z_]+\}\})\)$", re.M), "\1\\1\2\\2\3"),
    (re.compile(r"^- ([^:{}]+:) ", re.M), "\4\\1\5"),
    (re.compile(r"^- ", re.M), "\4"),
    (re.compile(r"^## ", re.M), "\6"),
    (re.compile(r"^(\{\{[#^/][^}]+\}\})\n", re.M), "\\1"),  # a tag alone leaves no line behind
]


def fail(path, problem):
    sys.exit(f"{path}: {problem}")


def check(path, text):
    """The tags of it, by kind."""
    if re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text):
        fail(path, "holds control characters")
    if re.search(r"[{}]", TAG.sub("", text)):
        fail(path, "holds a tag that is none")
    tags, opened = TAG.findall(text), []
    for tag in tags:
        name = re.match(r"\w+", tag[3:])[0]
        if tag[2] in "#^":
            opened.append(name)
        elif tag[2] == "/" and (not opened or opened.pop() != name):
            fail(path, f"{tag} closes nothing")
    if opened:
        fail(path, f"{opened[-1]} is not closed")
    return set(tags)


def read(path):
    subject, empty, text = path.read_text().partition("\n\n")
    if not subject or "\n" in subject or not empty:
        fail(path, "begins with a subject and an empty line")
    tags = check(path, subject) | check(path, text)
    for mark, replacement in MARKS:
        text = mark.sub(replacement, text)
    return subject, text, tags


def read_all():
    """{name: {language: (subject, text, tags)}}"""
    names = sorted({path.stem for path in FOLDER.glob("*/*.txt")})
    templates = {name: {language: read(FOLDER / language / f"{name}.txt") for language in LANGUAGES} for name in names}
    for name, translations in templates.items():
        for language, (_, _, tags) in translations.items():
            if different := tags ^ translations["en"][2]:
                fail(FOLDER / language / f"{name}.txt", f"differs from en in {', '.join(sorted(different))}")
    return templates


def literal(text):
    """A C string; octal escapes end where they should."""
    return '"' + "".join(f"\\{byte:03o}" if byte < 32 or byte > 126 or byte in b'"\\' else chr(byte) for byte in text.encode()) + '"'


def main(target):
    page = (FOLDER / "layout.html").read_text()
    rows = [
        f'    {{"{name}", {json.dumps(language)}, {literal(subject)}, {literal(text)}}},'
        for name, translations in read_all().items()
        for language, (subject, text, _) in translations.items()
    ]
    lines = ['#include "layout.h"', '#include "templates.h"', "", "const struct template templates[] = {", *rows, "};", ""]
    lines += ["const size_t template_count = sizeof templates / sizeof *templates;", "", f"const char layout_page[] = {literal(page)};", ""]
    pathlib.Path(target).write_text("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
