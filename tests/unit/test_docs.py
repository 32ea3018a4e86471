"""Documents that would become untrue without anybody noticing: README's table of settings is held against lib/settings.def,
the diff in docs/adding-an-operation.md must apply to the code as it is, the life cycles in docs/payments.md are drawn as the
database has them, docs/rights.md and the Postman collection are what the contract prints, and what documents name by path must exist."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = r'"((?:[^"\\]|\\.)*)"'
SETTING = re.compile(rf"^SETTING\((\w+),\s*\w+,\s*\w+,\s*{TEXT},\s*\w+,\s*\w+,\s*{TEXT},\s*{TEXT}\)$", re.MULTILINE)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_settings_in_readme():
    definitions = re.sub(r"\s*\n\s+", " ", (ROOT / "lib/settings.def").read_text())
    settings = SETTING.findall(definitions)
    assert len(settings) == definitions.count("\nSETTING("), "a row of settings.def cannot be read"
    table = [line for line in (ROOT / "README.md").read_text().splitlines() if re.match(r"\| `[A-Z_]+` \|", line)]
    assert table == [
        f"| `{name}` | {f'`{default}`' if default else ''} | {users} | {text} |" for name, default, users, text in settings
    ]


@pytest.mark.parametrize("file, option", [("rights.md", ["--rights", "markdown"]), ("tithi.postman_collection.json", ["--postman"])])
def test_what_the_contract_prints(file, option):
    """A change of rights is a line of a diff that somebody has read."""
    files = [str(ROOT / "schemas" / name) for name in ("openapi.yaml", "messages.yaml", "errors.yaml")]
    printed = subprocess.run([str(ROOT / "schemas/compile.py"), *option, *files], check=True, capture_output=True, text=True).stdout
    assert (ROOT / "docs" / file).read_text() == printed, f"schemas/compile.py {' '.join(option)} … >docs/{file}"


def test_the_diff_of_adding_an_operation_applies():
    page = (ROOT / "docs/adding-an-operation.md").read_text()
    blocks = re.findall(r"```diff\n(.*?)```", page, re.DOTALL)
    assert blocks
    command = ["patch", "--dry-run", "--force", "--strip=1", f"--directory={ROOT}"]
    done = subprocess.run(command, input="".join(blocks), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_life_cycles_are_drawn_as_they_are():
    migrations = "".join(path.read_text() for path in sorted((ROOT / "schemas/migrations").glob("*.sql")))
    inserts = re.findall(r"INSERT INTO allowed_moves \(subject, old, new, meaning\) VALUES(.*?);", migrations, re.DOTALL)
    moves = re.findall(r"\('(\w+)', '(\w+)', '(\w+)', '([^']*)'\)", "".join(inserts))
    assert len(moves) == "".join(inserts).count("('"), "a row of allowed_moves cannot be read"
    page = (ROOT / "docs/payments.md").read_text()
    drawn = [
        (subject, *arrow)
        for subject, drawing in re.findall(r"```mermaid\nstateDiagram-v2\n +%% (\w+)\n(.*?)```", page, re.DOTALL)
        for arrow in re.findall(r"^ +(\w+) --> (\w+): (.+)$", drawing, re.MULTILINE)
    ]
    assert sorted(drawn) == sorted(moves)


def test_named_files_exist():
    named = re.compile(r"`((?:lib|gateway|broker|workers|schemas|deploy|tests|docs)/[\w./-]+)`|\]\(([\w./-]+)\)")
    missing = []
    for document in DOCUMENTS:
        for inside, linked in named.findall(document.read_text()):
            place = ROOT / inside if inside else document.parent / linked
            if not place.exists():
                missing.append(f"{document.name}: {inside or linked}")
    assert not missing


ITEM = re.compile(r"(\d+\.\d+)\.(\d+)(?:–\d+\.\d+\.(\d+))?")


def items_of(text):
    """ASVS items; "3.3.1–3.3.4" are four."""
    return [f"{section}.{n}" for section, first, last in ITEM.findall(text) for n in range(int(first), int(last or first) + 1)]


def test_security_covers_the_standard():
    """Each of the 70 items of level 1 and the 183 of level 2 (ASVS 5.0.0) stands there once: met, or not applicable."""
    page = (ROOT / "docs/security.md").read_text().split("## OWASP ASVS")[1]
    table, others = page.split("**Not applicable**")
    items = items_of(others)
    for row in re.findall(r"^\| (\d[^|]*)\|", table, re.MULTILINE):
        items += items_of(row)
    assert len(items) == len(set(items)) == 70 + 183


def test_security_names_tests_that_exist():
    page = (ROOT / "docs/security.md").read_text()
    missing = []
    for name, group in re.findall(r"`((?:test|fuzz)_\w+\.(?:py|c))(?:::(\w+))?`", page):
        files = list((ROOT / "tests").rglob(name))
        if len(files) != 1 or (group and f"class {group}" not in files[0].read_text()):
            missing.append(f"{name}::{group}" if group else name)
    assert not missing
