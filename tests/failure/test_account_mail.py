"""Mails about accounts on their way out: to a mail server that takes them, wants patience or refuses, from workers that die in the middle of
it, in production without a server, and from rows that make no sense. What their links do: contract/test_account_links.py."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import pytest

from harness import ROOT, refusal, restart_stack, start_stack, stop_stack, wait_until
from mails import PASSWORD_CHANGED, RESET, VERIFY, Mail, wait_for
from test_mail import SILENCE, parsed, server
from test_worker import BUILD, Program, Site, until

NEW_PASSWORD = "another password for tests"
INVALID = (400, "link_invalid")


def verify(stack, token):
    return stack.anonymous.post("/auth/email/verify", {"token": token})


def reset(stack, token, password):
    return stack.anonymous.post("/auth/password/reset", {"token": token, "new_password": password})


def forgot(stack, address):
    assert stack.anonymous.post("/auth/password/forgot", {"email": address}).status_code == 202


def operator(stack, *arguments):
    return json.loads(stack.operator("--json", *arguments))


class TestServer:
    """SMTP, and links that are over soon."""

    @pytest.fixture(scope="class")
    def smtp(self):
        with server() as smtp:
            yield smtp

    @pytest.fixture(scope="class")
    def site(self, smtp):
        stack = start_stack({"SMTP_URL": smtp.url(), "EMAIL_LINK_TTL": "90m", "RESET_LINK_TTL": "3s", "CRM_WEBHOOK_URL": ""})
        yield stack
        stop_stack(stack)

    @pytest.fixture(autouse=True)
    def clean(self, smtp):
        smtp.replies.clear()

    @staticmethod
    def wait(smtp, address, subject, number=1, seconds=15):
        mails = lambda: [mail for mail in (Mail(content) for _, _, content in list(smtp.taken)) if mail.to == address]
        return wait_for(mails, subject, number, seconds)

    @staticmethod
    def row(stack, person, kind):
        ((row,),) = stack.rows("SELECT to_json(o) FROM outbox o WHERE channel = 'account_mail' AND type = %s AND"
                               " (owner_id = %s OR body::json ->> 'email' = %s)", f"account.{kind}", person.id, person.email)  # fmt: skip
        return row

    @staticmethod
    def tokens(stack, person, purpose):
        return stack.rows("SELECT expires_at > now() FROM one_time_tokens WHERE user_id = %s AND purpose = %s", person.id, purpose)

    def test_a_mail_is_handed_over_once(self, site, smtp):
        person = site.user()
        mail = self.wait(smtp, person.email, VERIFY)
        wait_until(lambda: self.row(site, person, "verify")["state"] == "delivered", "the end of the delivery")
        row = self.row(site, person, "verify")
        assert (row["attempts"], row["last_status"]) == (1, 250)
        assert mail.message["Message-ID"] == f"<{row['webhook_id']}@localhost>"
        body = json.loads(row["body"])
        assert body.pop("request_id") and body == {"kind": "verify", "user_id": person.id, "asked_from": "127.0.0.1"}
        time.sleep(1.5)
        assert len([content for _, recipients, content in smtp.taken if recipients == [f"TO:<{person.email}>"]]) == 1
        assert not list((site.state / "mail").glob("*"))

    def test_links_are_over_after_a_while(self, site, smtp):
        person = site.user()
        to_verify = self.wait(smtp, person.email, VERIFY)
        assert "good for 90 minutes" in to_verify.text
        ((left_s,),) = site.rows("SELECT extract(epoch FROM expires_at - now()) FROM one_time_tokens WHERE user_id = %s", person.id)
        assert 5340 < left_s < 5400
        site.rows("UPDATE one_time_tokens SET expires_at = now() WHERE user_id = %s", person.id)
        assert refusal(verify(site, to_verify.token)) == INVALID
        forgot(site, person.email)
        to_reset = self.wait(smtp, person.email, RESET)
        assert "good for 3 seconds" in to_reset.text
        wait_until(lambda: self.tokens(site, person, "reset") == [(False,)], "the end")
        assert refusal(reset(site, to_reset.token, NEW_PASSWORD)) == INVALID

    def test_not_now_is_tried_again_with_a_token_of_its_own(self, site, smtp):
        smtp.replies["DATA"] = ["451 4.7.1 come again"]
        person = site.user()
        wait_until(lambda: self.row(site, person, "verify")["attempts"] == 1, "the first attempt")
        assert (self.row(site, person, "verify")["state"], len(self.tokens(site, person, "verify"))) == ("due", 1)
        site.rows("UPDATE outbox SET next_attempt_at = now() WHERE owner_id = %s", person.id)
        mail = self.wait(smtp, person.email, VERIFY)
        assert len(self.tokens(site, person, "verify")) == 2
        assert verify(site, mail.token).status_code == 200

    def test_no_is_no(self, site, smtp):
        smtp.replies["RCPT"] = ["550 5.1.1 no such user"]
        person = site.user()
        wait_until(lambda: self.row(site, person, "verify")["state"] == "dead", "the refusal")
        assert self.row(site, person, "verify")["last_error"] == "550 5.1.1 no such user"

    @pytest.mark.slow
    def test_a_worker_that_dies_while_mails_wait(self, site, smtp):
        """Once its token is made, and once before."""
        smtp.replies["DATA"] = [SILENCE]
        first = site.user()
        wait_until(lambda: self.tokens(site, first, "verify") and "DATA" in smtp.seen, "the mail to be on its way")
        connection = site.database()
        connection.cursor().execute("LOCK TABLE one_time_tokens IN SHARE MODE")
        second = site.user()
        time.sleep(0.5)
        os.kill(site.pid("auth-1"), signal.SIGKILL)
        connection.close()
        for person in (first, second):
            mail = self.wait(smtp, person.email, VERIFY, seconds=60)
            assert verify(site, mail.token).status_code == 200


class TestProduction:
    def test_mails_wait_for_a_server_and_are_replayed(self):
        stack = start_stack({"TITHI_ENV": "production", "CRM_WEBHOOK_URL": ""})
        try:
            person = stack.login(stack.register(password=NEW_PASSWORD)["email"], NEW_PASSWORD)
            forgot(stack, person.email)
            dead = wait_until(lambda: len(rows := operator(stack, "deliveries", "dead", "--channel", "account_mail")) == 2 and rows, "dead mails")
            assert {(row["last_error"], row["attempts"]) for row in dead} == {("SMTP_URL is not set", 0)}
            assert stack.rows("SELECT count(*) FROM one_time_tokens") == [(0,)]
            assert not list((stack.state / "mail").glob("*"))
            with server() as smtp:
                restart_stack(stack, {"SMTP_URL": smtp.url()})
                stack.operator("replay", *[row["webhook_id"] for row in dead])
                to_reset = TestServer.wait(smtp, person.email, RESET)
                assert verify(stack, TestServer.wait(smtp, person.email, VERIFY).token).status_code == 200
                weak = reset(stack, to_reset.token, "password1234")
                assert (refusal(weak), list(weak.json()["details"])) == ((400, "password_too_weak"), ["new_password"])
                assert reset(stack, to_reset.token, "a better one for tests").status_code == 200
                TestServer.wait(smtp, person.email, PASSWORD_CHANGED)
        finally:
            stop_stack(stack)

    def test_nothing_starts_without_the_address_that_links_lead_to(self):
        environment = {"DATABASE_URL": "postgresql:///none", "BROKER_URLS": "ipc:///tmp/none", "JWT_SECRET_KEY": "k" * 32,
                       "TITHI_ENV": "production", "REDIS_URL": "redis://localhost", "PUBLIC_URL": "", "SMTP_URL": ""}  # fmt: skip
        ended = subprocess.run([BUILD / "tithi-auth"], env={**os.environ, **environment}, capture_output=True, text=True, timeout=10)
        assert (ended.returncode, "PUBLIC_URL" in ended.stderr) == (78, True), ended


class TestRows:
    """A worker on a database of its own, and what stands in its outbox."""

    @pytest.fixture(scope="class")
    def site(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="tithi-account-mail-"))
        folder.chmod(0o755)
        site = Site(folder)
        site.database.create()
        with contextlib.closing(site.database.connect()) as connection, connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO users (id, email, name, is_verified) VALUES (7, 'a@example.com', E'A\r\nBcc: b@example.com', true)")
        try:
            yield site
        finally:
            codes = site.close()
        assert set(codes) <= {0}

    @contextlib.contextmanager
    def auth(self, site, **settings):
        defaults = {"JWT_SECRET_KEY": "k" * 32, "REDIS_URL": f"unix://{site.folder}/none", "PUBLIC_URL": "http://tithi.example/", "SMTP_URL": "",
                    "MAIL_FOLDER": str(site.folder)}  # fmt: skip
        worker = Program(site, "tithi-auth", "auth", **{**defaults, **settings})
        try:
            yield
            assert worker.stop() == 0
        finally:
            worker.process.kill()
            worker.process.wait()

    @staticmethod
    def ended(site, body, state="delivered"):
        """The row's mail (or what is wrong), once it has come to that."""
        connection = site.database.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO outbox (channel, owner_id, type, cause, body) VALUES"
                           " ('account_mail', 7, 'account.test', gen_random_uuid(), %s) RETURNING webhook_id", [body])  # fmt: skip
            (row,) = cursor.fetchone()
            cursor.execute("NOTIFY account_mail")
        connection.close()
        until(lambda: site.database.value("SELECT state FROM outbox WHERE webhook_id = %s", row) == state, state)
        error = site.database.value("SELECT last_error FROM outbox WHERE webhook_id = %s", row)
        files = list(site.folder.glob(f"*-{row}.eml"))
        for file in files:
            parsed(file.read_bytes())  # strictly
        return error or (Mail(files[0].read_bytes()) if files else None)

    def test_what_is_no_row_is_told(self, site):
        with self.auth(site):
            for body in ["", "[]", "{", "7", '{"kind": 7}', '{"kind": "none", "user_id": 7}', '{"kind": "email_taken", "user_id": 7}']:
                assert self.ended(site, body, "dead") == "the body names no kind of mail"
            for kind in ("reset", "email_change", "email_changed"):
                assert self.ended(site, json.dumps({"kind": kind, "user_id": 7}), "dead") == "the body names nobody to send it to"
            for evil in ("a@example.com\r\nBcc: b@example.com", "nobody", ""):
                body = json.dumps({"kind": "email_changed", "user_id": 7, "email": evil})
                assert self.ended(site, body, "dead") == "the body names nobody to send it to"

    def test_every_kind_can_be_sent(self, site):
        kinds = re.findall(r'^    \{"(\w+)", TO_', (ROOT / "workers/auth/mail_channel.c").read_text(), re.M)
        assert len(kinds) > 10
        with self.auth(site):
            for kind in set(kinds) - {"verify"}:
                body = {"kind": kind, "user_id": 7, "email": "c@example.com" if kind == "email_change" else "a@example.com"}
                mail = self.ended(site, json.dumps(body))
                assert "{" not in mail.text and ("http://tithi.example/account#" in mail.text) == (kind in ("reset", "email_change"))
                assert not mail.message["Bcc"]
            assert self.ended(site, json.dumps({"kind": "verify", "user_id": 7})) is None  # is verified already
            assert self.ended(site, json.dumps({"kind": "password_changed", "user_id": 8})) is None  # nobody

    def test_without_the_address_of_this_tithi(self, site):
        with self.auth(site, PUBLIC_URL=""):
            assert self.ended(site, json.dumps({"kind": "verify", "user_id": 7}), "dead") == "PUBLIC_URL is not set"
