"""Mails about accounts, as people get them: where their links lead, and what lies in a stack's folder."""

import email
import email.policy
import re

from harness import wait_until

LINK = re.compile(r"(\S+)/account#(verify|reset|email)=([A-Za-z0-9_-]{43})\s")

VERIFY, RESET, CHANGE = "Verify your e-mail address", "Set a new password", "Confirm your new e-mail address"
ABOUT_TO_CHANGE, CHANGED = "Your e-mail address is about to be changed", "Your e-mail address was changed"
TAKEN, PASSWORD_CHANGED = "Somebody wanted to use your e-mail address", "Your password was changed"
GOOGLE_LINKED = "Your account can be signed in to with Google"
APPROVED, DECLINED = "You may publish events now", "Your request to publish events"


class Mail:
    def __init__(self, content):
        self.message = email.message_from_bytes(content, policy=email.policy.default)
        assert not self.message.defects
        self.to = self.message["To"].addresses[0].addr_spec
        self.subject = self.message["Subject"]
        self.text = self.message.get_body(("plain",)).get_content().replace("\r\n", "\n")
        found = LINK.search(self.text)
        self.site, self.task, self.token = found.groups() if found else (None, None, None)


def wait_for(mails, subject, number, seconds=15):
    """The newest with that subject, once mails() has so many."""

    def found():
        chosen = [mail for mail in mails() if mail.subject == subject]
        return chosen[-1] if len(chosen) >= number else None

    return wait_until(found, lambda: f"{number} × {subject!r}; there are {[mail.subject for mail in mails()]}", seconds)


class Mails:
    """What lies in a stack's folder."""

    def __init__(self, stack):
        self.folder = stack.state / "mail"

    def to(self, address):
        files = sorted(self.folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        return [mail for mail in map(Mail, [file.read_bytes() for file in files]) if mail.to == address]

    def wait(self, address, subject, number=1):
        return wait_for(lambda: self.to(address), subject, number)
