"""What deploy/up does about the web app: builds it where something has changed, fetches what it is made with only where that has changed, and
does without where it cannot. Here with an app that depends on nothing, so that no registry is asked."""

import json
import os
import shutil
import subprocess

import pytest

from document import ROOT

PACKAGE = {
    "name": "small",
    "version": "1.0.0",
    "scripts": {"build": "mkdir -p ../../build/web && cp index.html ../../build/web/ && echo built >> ../../build/log && echo made > made.txt"},
}
LOCK = {"name": "small", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "small", "version": "1.0.0"}}}


class Tree:
    """A copy of what deploy/lib needs, with a small web app."""

    def __init__(self, folder):
        self.folder, self.app, self.state = folder, folder / "web/app", folder / "state"
        for name in ("deploy/lib", "schemas"):
            shutil.copytree(ROOT / name, folder / name)
        (self.state / "log").mkdir(parents=True)
        self.app.mkdir(parents=True)
        self.write("package.json", json.dumps(PACKAGE))
        self.write("package-lock.json", json.dumps(LOCK))
        self.write("index.html", "first")

    def write(self, name, text):
        (self.app / name).write_text(text)

    def build(self, **environment):
        """What deploy/up says."""
        parts = " ".join(f'. "{self.folder}/deploy/lib/{name}.sh";' for name in ("common", "packages", "environment", "web"))
        command = ["bash", "-c", f'{parts} STATE="{self.state}"; build_web; echo went on']
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout.endswith("went on\n"), done.stderr
        return done.stdout.removesuffix("went on\n")

    @property
    def builds(self):
        log = self.folder / "build/log"
        return len(log.read_text().splitlines()) if log.exists() else 0

    @property
    def built(self):
        return (self.folder / "build/web/index.html").read_text()


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_it_is_built_where_something_has_changed(tree):
    assert tree.build() == "Building the web app\n"
    assert (tree.builds, tree.built) == (1, "first")
    assert (tree.build(), tree.builds) == ("", 1)
    tree.write("index.html", "second")
    tree.build()
    assert (tree.builds, tree.built) == (2, "second")
    (tree.app / "node_modules").mkdir(exist_ok=True)
    tree.write("node_modules/something.js", "of no account")
    assert (tree.build(), tree.builds) == ("", 2)
    with (tree.folder / "schemas/errors.yaml").open("a") as errors:
        errors.write("# more\n")
    tree.build()
    assert tree.builds == 3
    shutil.rmtree(tree.folder / "build/web")
    tree.build()
    assert (tree.builds, tree.built) == (4, "second")


def test_what_it_is_made_with_is_fetched_where_that_has_changed(tree):
    tree.build()
    sign = tree.app / "node_modules/sign"
    sign.touch()  # npm ci begins with an empty folder
    tree.write("index.html", "second")
    tree.build()
    assert sign.exists()
    tree.write("package-lock.json", json.dumps({**LOCK, "requires": True}))
    tree.build()
    assert not sign.exists() and tree.builds == 3


def test_a_build_that_fails_is_a_sentence(tree):
    tree.build()
    tree.write("package.json", json.dumps({**PACKAGE, "scripts": {"build": "echo what went wrong; exit 1"}}))
    for _ in range(2):  # it is tried again
        said = tree.build()
        assert "The web app could not be built" in said and f"{tree.state}/log/web.log" in said
    assert "what went wrong" in (tree.state / "log/web.log").read_text()
    assert tree.built == "first"


def test_the_build_sees_no_secrets(tree):
    tree.write("package.json", json.dumps({**PACKAGE, "scripts": {"build": "env > ../../build/env"}}))
    tree.build(JWT_SECRET_KEY="tell nobody this key", DATABASE_URL="tell nobody this address")
    assert "tell nobody" not in (tree.folder / "build/env").read_text()


@pytest.fixture
def programs(tmp_path):
    """A PATH with what the script needs, and a Node.js of the test's."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("bash", "cat", "cut", "dirname", "mkdir", "npm", "sed", "env"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


@pytest.mark.parametrize("version", [None, "v16.20.2"])
def test_without_a_node_that_will_do(tree, programs, version):
    if version:
        node = programs / "node"
        node.write_text(f"#!/bin/bash\necho {version}\n")
        node.chmod(0o755)
    assert tree.build(PATH=str(programs)) == "The web app is not built: that takes Node.js 18 or newer, and npm.\n"
    assert tree.builds == 0


def test_where_there_is_no_web_app(tree):
    shutil.rmtree(tree.app)
    assert tree.build() == ""
