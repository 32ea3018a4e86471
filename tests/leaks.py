"""What must not stand in any log: remembers the secrets that tests use, and looks for them in a stack's logs."""

import email
import json
import pathlib
import re
import subprocess
import urllib.parse

from document import ROOT

PIECE = 48  # of a long secret: a log that cuts lines short must not hide it
NAMED = r"(?i)(pass|pwd|token|secret|key|code|otp|bearer|challenge|credential)\w*[\\\"'=:\s]{1,6}"
SECRET_SETTINGS = re.findall(r"^SETTING\(([A-Z_]+), \w+, SECRET", (ROOT / "lib/settings.def").read_text(), re.MULTILINE)


def pieces(secret):
    """By what a secret is known: claims and signature of a JWT, whose header is everybody's; else its beginning."""
    parts = secret.split(".")
    is_token = len(parts) == 3 and all(len(part) > 16 for part in parts)
    return [part[:PIECE] for part in (parts[1:] if is_token else [secret])]


def forms(text):
    """How a log would show it: as a JSON string has it, and as addresses and forms have it."""
    return {json.dumps(text, ensure_ascii=False)[1:-1], urllib.parse.quote(text, safe=""), urllib.parse.quote_plus(text)}


def is_telling(text):
    """Too long or too mixed to stand in a log by chance; one letter many times is no secret."""
    return len(set(text)) > 3 and (len(text) >= 16 or (len(text) >= 8 and not text.isalpha() and not text.isdigit()))


def passwords_of(url):
    password = urllib.parse.urlsplit(url).password
    return [password, urllib.parse.unquote(password)] if password else []


class Secrets:
    """A secret that is a plain word or short counts as found only behind a name like password or code."""

    def __init__(self):
        self.telling, self.short = set(), set()

    def add(self, secret):
        """Line ends would be pattern ends."""
        for line in str(secret).splitlines():
            for form in forms(line):
                for piece in pieces(form):
                    if is_telling(piece):
                        self.telling.add(piece)
                    elif len(piece) >= 4:
                        self.short.add(piece)

    def add_setting(self, name, value):
        if name.removesuffix("_FILE") not in SECRET_SETTINGS:
            return
        if name.endswith("_FILE"):
            value = pathlib.Path(value).read_text(encoding="utf-8").strip()
        if value:
            for each in passwords_of(value) if "://" in value else value.split(","):
                self.add(each)

    def add_folder(self, folder):
        """Secrets that a stack made itself, a file each."""
        for file in folder.glob("*"):
            if file.is_file():
                self.add(file.read_text(errors="replace").strip())

    def add_mails(self, folder):
        """The links in mails: what stands behind the # is as good as a password."""
        for file in folder.glob("*.eml"):
            for part in email.message_from_bytes(file.read_bytes()).walk():
                text = (part.get_payload(decode=True) or b"").decode(errors="replace")
                for token in re.findall(r"/account#\w+=([\w-]+)", text):
                    self.add(token)

    def find(self, folder):
        """The lines in this folder's files that hold a secret."""
        named = [re.compile(NAMED + re.escape(secret) + r"(?![\w-])") for secret in self.short]
        suspects = matching_lines(self.short, folder)
        return matching_lines(self.telling, folder) + [line for line in suspects if any(each.search(line) for each in named)]


def matching_lines(texts, folder):
    """Whatever the logs weigh, one pass: grep looks for all texts at once."""
    if not texts:
        return []
    command = ["grep", "--recursive", "--fixed-strings", "--text", "--file=-", "--", str(folder)]
    found = subprocess.run(command, input="\n".join(sorted(texts)).encode(), stdout=subprocess.PIPE, check=False)
    assert found.returncode < 2, "grep failed"
    return found.stdout.decode(errors="replace").splitlines()
