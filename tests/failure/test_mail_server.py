"""Mail handed over to a mail server of others, npm's smtp-server, in a process of its own: what it takes, puts off, refuses, and leaves
lying; how many connections that takes; logins, and STARTTLS. What no well-behaved server says: test_mail.py."""

import base64
import contextlib
import json
import pathlib
import subprocess
import tempfile
import threading

import pytest

from document import ROOT
from test_mail import Mail, crm, parsed, site, text_of  # noqa: F401, site is a fixture
from test_worker import BUILD, run, until


class MailServer:
    """node/mail_server.mjs"""

    def __init__(self, **options):
        folder = ROOT / "tests/node"
        assert (folder / "node_modules/smtp-server").is_dir(), "smtp-server is not there; tests/run installs it"
        command = ["node", folder / "mail_server.mjs", json.dumps(options)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.events = []
        threading.Thread(target=self.read, daemon=True).start()
        self.port = until(lambda: self.of("listening"), "the mail server")[0]["port"]

    def read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def of(self, event):
        return [told for told in list(self.events) if told["event"] == event]

    def count(self, event):
        return len(self.of(event))

    def plan(self, at, what):
        before = self.count("planned")
        print(json.dumps({"at": at, "do": what}), file=self.process.stdin, flush=True)
        until(lambda: self.count("planned") > before, "the plan to be known")

    def messages(self, event="taken"):
        return [parsed(base64.b64decode(told["content"])) for told in self.of(event)]

    def url(self, login="", host="127.0.0.1"):
        return f"smtp://{login}{host}:{self.port}"

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@contextlib.contextmanager
def mail_server(**options):
    with contextlib.closing(MailServer(**options)) as smtp:
        yield smtp
        assert not smtp.of("error")


class TestConnections:
    def test_one_takes_many_mails(self, site):
        with mail_server() as smtp:
            with crm(site, SMTP_URL=smtp.url()):
                for number in range(1, 4):
                    Mail(site.database).until("delivered")
                    assert (smtp.count("taken"), smtp.count("connect"), smtp.count("close")) == (number, 1, 0)
            until(lambda: smtp.count("close") == 1, "the goodbye")

    def test_many_mails_take_a_few(self, site):
        with mail_server() as smtp, crm(site, SMTP_URL=smtp.url()):
            with contextlib.closing(site.database.connect()) as connection, connection, connection.cursor() as cursor:
                cursor.execute(
                    """INSERT INTO outbox (channel, type, cause, body) SELECT 'mail', 'mail.test', n, json_build_object('to', 'a@example.com', 'template',
                       'test', 'values', json_build_object('subject', 'S' || n, 'html', '<p>x')) FROM generate_series(1, 200) AS n"""
                )
                cursor.execute("NOTIFY outbox")
            until(lambda: smtp.count("taken") == 200, lambda: f"{smtp.count('taken')} mails", 20)
            assert {message["Subject"] for message in smtp.messages()} == {f"S{number}" for number in range(1, 201)}
            assert smtp.count("connect") <= 8

    @pytest.mark.parametrize("how", ["drop", "421 4.4.2 idle for too long"])
    def test_one_that_the_server_has_closed_is_nobody_s_failure(self, site, how):
        with mail_server() as smtp, crm(site, SMTP_URL=smtp.url()):
            Mail(site.database).until("delivered")
            smtp.plan("rest", how)
            mail = Mail(site.database)
            mail.until("delivered")
            assert (mail.column("attempts"), smtp.count("taken"), smtp.count("connect")) == (1, 2, 2)

    @pytest.mark.parametrize("how", ["drop", "421 4.7.0 that was enough for one connection"])
    def test_a_server_that_has_had_enough_gets_the_mail_on_another(self, site, how):
        with mail_server() as smtp, crm(site, SMTP_URL=smtp.url()):
            Mail(site.database).until("delivered")
            smtp.plan("mail", how)
            mail = Mail(site.database)
            mail.until("delivered")
            assert (mail.column("attempts"), smtp.count("taken"), smtp.count("connect")) == (1, 2, 2)

    def test_a_new_one_is_not_tried_twice(self, site):
        with mail_server() as smtp, crm(site, SMTP_URL=smtp.url()):
            smtp.plan("mail", "421 4.7.0 too busy")
            mail = Mail(site.database)
            mail.until_tried(1)
            assert (mail.column("state"), mail.column("last_status"), smtp.count("connect")) == ("due", 421, 1)


class TestAnswers:
    def test_greylisting_is_waited_for_with_the_same_mail(self, site):
        with mail_server(greylists=True) as smtp, crm(site, SMTP_URL=smtp.url()):
            mail = Mail(site.database)
            mail.until_tried(1)
            assert (mail.column("state"), mail.column("last_error")) == ("due", "451 4.7.1 Greylisted, come again")
            assert 15 < mail.column("extract(epoch FROM next_attempt_at - now())::float") < 24.1
            mail.hurry()
            mail.until("delivered")
            assert [message["Message-ID"] for message in smtp.messages()] == [mail.message_id]
            known = Mail(site.database)
            known.until("delivered")
            assert known.column("attempts") == 1

    def test_every_attempt_sends_the_same_bytes(self, site):
        calendar = {"uid": "booking-1@example.org", "sequence": 0, "method": "REQUEST", "start_at": "2026-08-01T10:00:00Z", "summary": "Yoga"}
        with mail_server() as smtp, crm(site, SMTP_URL=smtp.url()):
            smtp.plan("data", "452 4.3.1 no room just now")
            mail = Mail(site.database, more={"calendar": calendar})
            mail.until_tried(1)
            mail.hurry()
            mail.until("delivered")
            ((refused,), (taken,)) = smtp.of("refused"), smtp.of("taken")
            assert refused["content"] == taken["content"]

    @pytest.mark.parametrize("at", ["mail", "rcpt", "data"])
    def test_a_refusal_is_final_and_nobody_else_s(self, site, at):
        with mail_server() as smtp, crm(site, SMTP_URL=smtp.url()):
            smtp.plan(at, "550 5.1.1 no such user")
            mail = Mail(site.database)
            mail.until("dead")
            assert (mail.column("attempts"), mail.column("last_error")) == (1, "550 5.1.1 no such user")
            Mail(site.database).until("delivered")
            assert smtp.count("taken") == 1

    @pytest.mark.parametrize("at", ["connect", "rcpt", "data"])
    def test_one_that_hangs_up_gets_it_later_once(self, site, at):
        with mail_server() as smtp, crm(site, SMTP_URL=smtp.url()):
            smtp.plan(at, "drop")
            mail = Mail(site.database)
            mail.until_tried(1)
            assert (mail.column("state"), mail.column("last_status")) == ("due", None)
            mail.hurry()
            mail.until("delivered")
            assert smtp.count("taken") == 1

    @pytest.mark.slow
    def test_one_that_stalls_is_given_up_and_holds_up_no_other_mail(self, site):
        with mail_server() as smtp, crm(site, SMTP_URL=smtp.url()):
            smtp.plan("data", "stall")
            mail = Mail(site.database)
            until(lambda: smtp.count("data"), "it to stall")
            Mail(site.database).until("delivered", seconds=3)
            mail.until_tried(1, seconds=18)
            assert (mail.column("state"), mail.column("last_status")) == ("due", None)


class TestLogins:
    @pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
    def test_who_asks_for_one_gets_it_once_per_connection(self, site, method):
        with mail_server(logins=[method]) as smtp, crm(site, SMTP_URL=smtp.url("user%40example.org:p%3Aw@")):
            for _ in range(2):
                Mail(site.database).until("delivered")
            ((auth),) = smtp.of("auth")
            assert (auth["method"], auth["user"], auth["password"]) == (method, "user@example.org", "p:w")
            assert {told["user"] for told in smtp.of("taken")} == {"user@example.org"}

    def test_without_one_nothing_is_taken(self, site):
        with mail_server(logins=["PLAIN"]) as smtp, crm(site, SMTP_URL=smtp.url()):
            mail = Mail(site.database)
            mail.until_tried(1)
            assert (mail.column("state"), mail.column("last_status"), smtp.count("taken")) == ("due", 530, 0)


@pytest.fixture(scope="module")
def certificate():
    """For an address that leads here, but is no loopback address: beyond the machine all is encrypted."""
    with tempfile.TemporaryDirectory(prefix="tithi-mail-certificate-") as name:
        folder = pathlib.Path(name)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=mail"]
            + ["-addext", "subjectAltName=IP:0.0.0.0", "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
            check=True,
            capture_output=True,
        )
        yield folder


@contextlib.contextmanager
def encrypted(certificate):
    texts = {name: (certificate / f"{name}.pem").read_text() for name in ("key", "certificate")}
    with mail_server(host="0.0.0.0", logins=["PLAIN"], **texts) as smtp:
        yield smtp


AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"  # whom libcurl trusts


class TestStartTls:
    def test_who_is_trusted_gets_login_and_mail_encrypted(self, site, certificate, tmp_path):
        """In a view of the file system in which the machine trusts that certificate."""
        trusting = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
        mount = f"mount --bind {certificate}/certificate.pem {AUTHORITIES}"
        if subprocess.run([*trusting, mount], capture_output=True).returncode != 0:
            pytest.skip("this machine lets nobody mount")
        wrapper = tmp_path / "tithi-crm"
        wrapper.write_text(f"#!/bin/sh\nexec {' '.join(trusting)} '{mount} && exec {BUILD}/tithi-crm \"$@\"' tithi-crm \"$@\"\n")
        wrapper.chmod(0o755)
        with encrypted(certificate) as smtp, crm(site, program=wrapper, SMTP_URL=smtp.url("u:p@", "0.0.0.0")):
            for _ in range(2):
                Mail(site.database).until("delivered")
            ((auth),) = smtp.of("auth")
            assert auth["secure"] and all(told["secure"] for told in smtp.of("taken"))

    def test_a_stranger_gets_neither(self, site, certificate):
        with encrypted(certificate) as smtp, crm(site, SMTP_URL=smtp.url("u:p@", "0.0.0.0")):
            mail = Mail(site.database)
            mail.until_tried(1)
            assert mail.column("state") == "due" and "certificate" in mail.column("last_error")
            assert not smtp.of("auth") and not smtp.of("taken")
            smtp.events[:] = [told for told in smtp.events if told["event"] != "error"]  # it says that the client hung up
