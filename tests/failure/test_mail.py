"""Mail on its way out: as files in a folder, and to a mail server that takes it, wants patience, refuses it, hangs, or is not to be
trusted with it. Rows are put into the outbox directly; a crm worker runs on a database of its own (see test_worker.py)."""

import base64
import contextlib
import email
import email.policy
import html
import json
import os
import pathlib
import re
import socket
import socketserver
import ssl
import subprocess
import threading
import time
import uuid

import icalendar
import pytest

from harness import ROOT, Receiver
from test_worker import BUILD, Program, site_with_database, run, until

VALUES = {
    "event_title": 'Yoga für Anfänger: श्वास, "tief" & weit = <b>gut</b>, an einem sehr langen Abend im Spätsommer, mit Klängen',
    "amount_minor": 1250,
    "currency": "EUR",
    "booking_reference": "BK-7",
    "refund_id": "rfnd_123",
    "cause": "full",
}

HEADERS = ["Date", "From", "To", "Subject", "Message-ID", "Content-Language", "Auto-Submitted", "MIME-Version", "Content-Type"]


@pytest.fixture(scope="module")
def site():
    with site_with_database("mail") as site:
        yield site


class Mail:
    """A row of the outbox."""

    def __init__(self, database, to="a@example.com", name="A", template="late_refund", more=None, **values):
        body = {"to": to, "name": name, "template": template, "values": {**VALUES, **values}, **(more or {})}
        self.database = database
        self.id = f"msg_{uuid.uuid4().hex}"
        self.insert(json.dumps(body, ensure_ascii=False))

    def insert(self, body):
        connection = self.database.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO outbox (webhook_id, channel, owner_id, type, cause, body)"
                " VALUES (%s, 'mail', 7, 'mail.late_refund', %s, %s)",
                (self.id, self.id, body),
            )
            cursor.execute("NOTIFY outbox")
        connection.close()

    def column(self, name):
        return self.database.value(f"SELECT {name} FROM outbox WHERE webhook_id = %s", self.id)

    def until(self, state, seconds=15):
        until(lambda: self.column("state") == state, f"{state}, {self.column('last_error')}", seconds)

    def until_tried(self, attempts, seconds=15):
        until(lambda: self.column("attempts") == attempts, f"attempt {attempts}", seconds)

    def hurry(self):
        run(self.database, f"UPDATE outbox SET next_attempt_at = now() WHERE webhook_id = '{self.id}'; NOTIFY outbox")

    @property
    def message_id(self):
        return f"<{self.id}@example.org>"


@contextlib.contextmanager
def crm(site, program="tithi-crm", **settings):
    """A crm worker; it must stop cleanly, whatever happened."""
    defaults = {"MAIL_FROM": "Tithi, Ⅰ <tithi@example.org>", "SMTP_URL": "", "MAIL_FOLDER": "", "TITHI_ENV": "development"}
    worker = Program(site, program, "crm", **{**defaults, **settings})
    try:
        yield worker
        assert worker.stop() == 0
    finally:
        worker.process.kill()
        worker.process.wait()
        run(site.database, "DELETE FROM outbox")


def refuses_to_start(**settings):
    """Its one sentence."""
    environment = {**os.environ, "DATABASE_URL": "postgresql:///none", "BROKER_URLS": "ipc:///tmp/none", "SEAL_KEY": "k" * 32, **settings}
    ended = subprocess.run([BUILD / "tithi-crm"], env=environment, capture_output=True, text=True, timeout=10)
    assert ended.returncode == 78, ended
    return ended.stderr


def parsed(content):
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert not message.defects and not any(header.defects for header in message.values())
    assert max(map(len, content.split(b"\r\n"))) <= 78
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|[^\x00-\x7f]", content)
    assert not any(part.defects for part in message.walk())
    return message


def text_of(message, kind="plain"):
    return message.get_body((kind,)).get_content().replace("\r\n", "\n")


class TestFolder:
    @pytest.fixture
    def folder(self, site, tmp_path):
        with crm(site, MAIL_FOLDER=str(tmp_path), PUBLIC_URL="https://tithi.example/"):
            yield tmp_path

    @staticmethod
    def file_of(folder, mail):
        (file,) = folder.glob(f"*-{mail.id}.eml")
        return file

    @pytest.mark.parametrize("name", ["A", "Jürgen Größe", "अनन्या शर्मा", 'Dr. "Q", B\\C', "", "x" * 200, "=?utf-8?q?a?="])
    def test_a_mail_is_a_file_that_can_be_read(self, site, folder, name):
        mail = Mail(site.database, name=name)
        mail.until("delivered")
        file = self.file_of(folder, mail)
        assert file.stat().st_mode & 0o777 == 0o600
        assert re.fullmatch(r"\d{8}T\d{6}Z-msg_\w+\.eml", file.name)
        message = parsed(file.read_bytes())
        (to,) = message["To"].addresses
        (sender,) = message["From"].addresses
        # Python leaves blanks between the words of a display name; RFC 2047 does not.
        assert (to.display_name.replace("x x", "xx"), to.addr_spec) == (name, "a@example.com")
        assert (sender.display_name, sender.addr_spec) == ("Tithi, Ⅰ", "tithi@example.org")
        assert message["Subject"] == f"Your payment for {VALUES['event_title']} is on its way back"
        assert message["Message-ID"] == mail.message_id
        assert message["MIME-Version"] == "1.0"
        assert abs(message["Date"].datetime.timestamp() - time.time()) < 60
        assert message["Content-Language"] == "en"
        assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
        text, words = text_of(message), [VALUES["event_title"], "€12.50", "BK-7", "rfnd_123", "the event is full."]
        page = text_of(message, "html")
        assert all(word in text and html.escape(word) in page for word in words)
        assert text.startswith(f"Hello {name or 'a@example.com'},\n\n") and "<b>gut" not in page
        assert list(folder.iterdir()) == [file]  # nothing half-written beside it

    @pytest.mark.parametrize(
        "evil", ["x\r\nBcc: b@example.com", "x\nBcc: b@example.com", "x\r\n\r\n<b>", "\r\r\n.\r\n", "a\x01b"]
    )
    def test_no_value_begins_a_header(self, site, folder, evil):
        mail = Mail(site.database, name=evil, event_title=evil, refund_id=evil)
        mail.until("delivered")
        message = parsed(self.file_of(folder, mail).read_bytes())
        assert sorted(message.keys()) == sorted(HEADERS)
        blank = re.sub(r"[\x00-\x1f]", " ", evil)
        assert blank in message["Subject"]
        assert [address.addr_spec for address in message["To"].addresses] == ["a@example.com"]

    @pytest.mark.parametrize(
        "to", ["", "nobody", "a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com", "<a@example.com>"]
    )
    def test_what_is_no_address_gets_nothing(self, site, folder, to):
        mail = Mail(site.database, to=to)
        mail.until("dead")
        assert mail.column("attempts") == 0 and "nobody" in mail.column("last_error")
        assert not list(folder.iterdir())

    def test_what_no_template_fits_is_told(self, site, folder):
        for mail, error in [
            (Mail(site.database, template="none"), "there is no template none"),
            (Mail(site.database, template=""), "there is no template "),
            (Mail(site.database, refund_id=None), "the template's value refund_id is missing"),
            (Mail(site.database, amount_minor="much"), "the value amount_minor is no amount of money"),
            (Mail(site.database, more={"calendar": {"uid": "u", "method": "PUBLISH"}}), "the body's calendar lacks its uid, start_at or method"),
            (Mail(site.database, more={"unsubscribe": "x>\r\nBcc: b@example.com"}), "the body's token to unsubscribe is none"),
        ]:
            mail.until("dead")
            assert mail.column("last_error") == error
        for body in ["", "[]", "{", '{"to": "a@example.com", "values": 7}']:
            mail = Mail.__new__(Mail)
            mail.database, mail.id = site.database, f"msg_{uuid.uuid4().hex}"
            mail.insert(body)
            mail.until("dead")
            assert mail.column("last_error")

    def test_the_same_mail_twice_is_one_file(self, site, folder):
        """As after a crash between the file and the note that it is there, or a replay: it is written anew."""
        mail = Mail(site.database)
        mail.until("delivered")
        file = self.file_of(folder, mail)
        before, content = file.stat().st_mtime_ns, file.read_bytes()
        run(site.database, f"UPDATE outbox SET state = 'due', attempts = 0, next_attempt_at = now() WHERE webhook_id = '{mail.id}'")
        mail.until("delivered")
        assert list(folder.iterdir()) == [file]
        assert file.stat().st_mtime_ns > before and file.read_bytes() == content

    def test_many(self, site, folder):
        mails = [Mail(site.database) for _ in range(60)]
        for mail in mails:
            mail.until("delivered")
        assert len(list(folder.iterdir())) == 60

    def test_a_folder_that_is_not_there_is_waited_for(self, site, tmp_path):
        folder = tmp_path / "later"
        with crm(site, MAIL_FOLDER=str(folder)):
            mail = Mail(site.database)
            mail.until_tried(1)
            assert mail.column("state") == "due" and "MAIL_FOLDER" in mail.column("last_error")
            assert 15 < mail.column("extract(epoch FROM next_attempt_at - now())::float") < 24.1
            folder.mkdir()
            mail.hurry()
            mail.until("delivered")


TEMPLATES = ROOT / "workers/mail/templates"
EVERYTHING = {
    **VALUES,
    "start_at": "2026-08-01T10:00:00Z",
    "end_at": "2026-08-01T11:30:00+00:00",
    "hold_expires_at": "2026-07-01T10:00:00.123456Z",
    "time_at": "2026-07-01T10:00:00Z",
    "since_at": "2026-07-01T10:00:00Z",
    "offer_ends_at": "2026-07-01T14:00:00Z",
    "former_start_at": "2026-08-01T09:00:00Z",
    "today_on": "2026-08-01",
    "refund_minor": "1250",
    "validity_s": 3600,
    "events": [{"event_title": "E", "start_at": "2026-08-01T10:00:00Z", "taken": 3, "capacity": None}],
    "bookings": [{"event_title": "E", "start_at": "2026-08-01T10:00:00Z", "person": "P"}],
    "cancellations": [],
    "reason": "gone",
    "booking_id": 17,
    **{name: name for name in ("location", "facilitator", "former_title", "former_location", "payment_id", "url", "action", "person", "person_email")},
    **{name: f"https://tithi.example/{name}" for name in ("virtual_link", "page", "link")},
}


def calendar_of(**changes):
    return {"uid": "booking-7@tithi.example", "sequence": 3, "method": "REQUEST", "start_at": "2026-08-01T10:00:00+02:00",
            "end_at": "2026-08-01T11:30:00+02:00", "summary": VALUES["event_title"], "location": "Straße 1; Hof, 2. Stock",
            "url": "https://tithi.example/app/bookings/7", "description": "Matte mitbringen,\n\nbitte; C:\\x", **changes}  # fmt: skip


PROPERTIES = {"UID", "DTSTAMP", "SEQUENCE", "DTSTART", "DTEND", "STATUS", "SUMMARY", "LOCATION", "DESCRIPTION", "URL", "ORGANIZER", "ATTENDEE"}


def invitation(message):
    """The calendar that the mail holds, as an independent parser reads it: both as a part and as a file."""
    (part,) = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    (attached,) = message.iter_attachments()
    content = attached.get_content()
    assert part.get_payload(decode=True) == content and attached.get_filename() == "invite.ics"
    assert max(map(len, content.split(b"\r\n"))) <= 75 and content.decode().count("\n") == content.decode().count("\r\n")
    calendar = icalendar.Calendar.from_ical(content)
    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", part.get_param("method"))
    (event,) = calendar.walk("VEVENT")
    assert not event.errors
    return calendar, event


class TestContent:
    @pytest.fixture(scope="class")
    def folder(self, site, tmp_path_factory):
        path = tmp_path_factory.mktemp("mail")
        with crm(site, MAIL_FOLDER=str(path), PUBLIC_URL="https://tithi.example/"):
            yield path

    def sent(self, site, folder, template, values, **more):
        mail = Mail(site.database, template=template, more=more, **values)
        mail.until("delivered")
        return email.message_from_bytes(TestFolder.file_of(folder, mail).read_bytes(), policy=email.policy.default)

    @pytest.mark.parametrize("language", ["en", "hi", "es", "de", "fr"])
    def test_every_template_can_be_sent(self, site, folder, language):
        names = {path.stem for path in (TEMPLATES / language).glob("*.txt")} - {"footer"}
        assert len(names) > 20
        mails = {name: Mail(site.database, template=name, more={"language": language, "zone": "Asia/Kolkata"}, **EVERYTHING) for name in names}
        for name, mail in mails.items():
            mail.until("delivered")
            message = parsed(TestFolder.file_of(folder, mail).read_bytes())
            text, page = text_of(message), text_of(message, "html")
            assert message["Content-Language"] == language and f'<html lang="{language}">' in page, name
            assert message["Subject"] and not re.search(r"[{}\x00-\x09\x0b-\x1f]", text) and "{{" not in page, name

    def test_times_and_money_are_the_place_s_and_the_person_s(self, site, folder):
        message = self.sent(site, folder, "booking_held", EVERYTHING, language="de", zone="Asia/Kolkata")
        text = text_of(message).replace("\N{NO-BREAK SPACE}", " ")
        assert "- Wann: Samstag, 1. August 2026, 15:30–17:00 Uhr (Indische Normalzeit)\n" in text
        assert "bis Mittwoch, 1. Juli 2026 um 15:30 (Indische Normalzeit)" in text and "- Preis: 12,50 €\n" in text
        assert "Jetzt bezahlen:\nhttps://tithi.example/page\n" in text
        assert '<a href="https://tithi.example/page">Jetzt bezahlen</a>' in text_of(message, "html")

    def test_another_language_is_english(self, site, folder):
        assert self.sent(site, folder, "reminder", EVERYTHING, language="nl")["Content-Language"] == "en"

    def test_what_may_be_refused_says_how(self, site, folder):
        message = self.sent(site, folder, "reminder", EVERYTHING, unsubscribe="7.reminder.0123abc")
        link = "https://tithi.example/mail/unsubscribe?token=7.reminder.0123abc"
        assert (message["List-Unsubscribe"], message["List-Unsubscribe-Post"]) == (f"<{link}>", "List-Unsubscribe=One-Click")
        assert f"Unsubscribe:\n{link}\n" in text_of(message) and f'<a href="{link}">Unsubscribe</a>' in text_of(message, "html")
        message = self.sent(site, folder, "reminder", EVERYTHING)
        assert message["List-Unsubscribe"] is None and "nsubscribe" not in message.as_string()

    def test_an_invitation_and_its_end_can_be_read(self, site, folder):
        message = self.sent(site, folder, "booking_confirmed", EVERYTHING, calendar=calendar_of())
        assert [part.get_content_type() for part in message.walk()] == [
            "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar", "application/ics"]  # fmt: skip
        calendar, event = invitation(message)
        told = calendar_of()
        assert [event[name] for name in ("UID", "SUMMARY", "LOCATION", "URL", "DESCRIPTION", "SEQUENCE", "STATUS")] == [
            *[told[name.lower()] for name in ("UID", "SUMMARY", "LOCATION", "URL", "DESCRIPTION")], 3, "CONFIRMED"]  # fmt: skip
        assert (event["DTSTART"].to_ical(), event["DTEND"].to_ical()) == (b"20260801T080000Z", b"20260801T093000Z")
        assert abs(event["DTSTAMP"].dt.timestamp() - time.time()) < 60
        assert (event["ORGANIZER"], event["ORGANIZER"].params["CN"]) == ("mailto:tithi@example.org", "Tithi, Ⅰ")
        assert (event["ATTENDEE"], event["ATTENDEE"].params["CN"], calendar["METHOD"]) == ("mailto:a@example.com", "A", "REQUEST")
        end = calendar_of(sequence=4, method="CANCEL", end_at=None, location=None, url=None, description=None)
        calendar, event = invitation(self.sent(site, folder, "booking_cancelled", {**EVERYTHING, "reason": "by_person"}, calendar=end))
        assert (calendar["METHOD"], event["UID"], event["SEQUENCE"], event["STATUS"]) == ("CANCEL", told["uid"], 4, "CANCELLED")
        assert not {"DTEND", "LOCATION", "URL", "DESCRIPTION"} & set(event)

    @pytest.mark.parametrize("evil", ["x\r\nATTENDEE:mailto:b@example.com", "x\nEND:VEVENT\nEND:VCALENDAR", '";X=1:y', "\x01\x7f"])
    def test_no_value_ends_a_property(self, site, folder, evil):
        texts = {name: evil for name in ("uid", "summary", "location", "url", "description")}
        _, event = invitation(self.sent(site, folder, "booking_confirmed", EVERYTHING, name=evil, calendar=calendar_of(**texts)))
        assert event["ATTENDEE"] == "mailto:a@example.com" and event["DESCRIPTION"].count("\n") == evil.count("\n")
        assert set(event) == PROPERTIES

    def test_the_operator_s_own_mail_is_as_it_is(self, site, folder):
        page = "<h1>Test Größe</h1>\n<p>This is a <b>test</b> &amp; more.</p><script>x</script>"
        message = self.sent(site, folder, "test", {"subject": "Test\r\nBcc: b@example.com", "html": page})
        assert text_of(message, "html").rstrip("\n") == page
        assert text_of(message) == "Test Größe\nThis is a test & more.\n"
        assert message["Subject"] == "Test  Bcc: b@example.com" and not message["Bcc"]


class TestNowhere:
    def test_development_without_anything(self, site):
        with crm(site):
            mail = Mail(site.database)
            mail.until("dead")
            assert mail.column("last_error") == "neither SMTP_URL nor MAIL_FOLDER is set"

    def test_production_does_not_fall_back_to_the_folder(self, site, tmp_path):
        with crm(site, TITHI_ENV="production", MAIL_FOLDER=str(tmp_path)):
            mail = Mail(site.database)
            mail.until("dead")
            assert (mail.column("last_error"), mail.column("attempts")) == ("SMTP_URL is not set", 0)
            assert not list(tmp_path.iterdir())


SILENCE = object()


class Server(socketserver.ThreadingTCPServer):
    """SMTP, as far as mail gets here. `replies`: per verb (DATA: the end of the text) what is said instead of 250, once each; None: hangs
    up; SILENCE: says nothing more."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, extensions=(), address="127.0.0.1"):
        super().__init__((address, 0), None)
        self.extensions, self.taken, self.logins, self.seen, self.replies = extensions, [], [], [], {}
        self.connections = self.most_connections = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, user="", host="127.0.0.1"):
        return f"smtp://{user}{host}:{self.server_address[1]}"

    def finish_request(self, request, _):
        self.connections += 1
        self.most_connections = max(self.connections, self.most_connections)
        with contextlib.suppress(ConnectionError, ValueError):
            self.talk(request.makefile("rwb"))
        self.connections -= 1

    def talk(self, stream):
        def say(*lines):
            stream.write("".join(f"{line}\r\n" for line in lines).encode())
            stream.flush()

        def next_reply(verb, default=None):
            """What the test wants said, else the default."""
            reply = self.replies[verb].pop(0) if self.replies.get(verb) else default
            if reply is SILENCE:
                threading.Event().wait()
            if reply is None:
                raise ConnectionError
            return reply

        sender = recipients = None
        say(next_reply("greeting", "220 ready"))
        while line := stream.readline().decode().rstrip("\r\n"):
            verb, _, rest = line.partition(" ")
            self.seen.append(verb)
            if verb != "DATA" and self.replies.get(verb):
                say(next_reply(verb))
            elif verb == "EHLO":
                say(*(f"250-{extension}" for extension in self.extensions), "250 HELP")
            elif verb == "AUTH":
                say("334 ")
                self.logins.append(base64.b64decode(stream.readline()).decode())
                say("235 welcome")
            elif verb == "MAIL":
                sender, recipients = rest, []
                say("250 ok")
            elif verb == "RCPT":
                recipients.append(rest)
                say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                lines = []
                while (line := stream.readline()) != b".\r\n":
                    lines.append(line[1:] if line.startswith(b".") else line)
                reply = next_reply(verb, "250 taken")
                if reply.startswith("250"):
                    self.taken.append((sender, recipients, b"".join(lines)))
                say(reply)
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


@contextlib.contextmanager
def server(*extensions, **arguments):
    smtp = Server(extensions, **arguments)
    try:
        yield smtp
    finally:
        smtp.shutdown()
        smtp.server_close()


class TestServer:
    def test_a_mail_is_handed_over_once(self, site, tmp_path):
        with server() as smtp, crm(site, SMTP_URL=smtp.url(), MAIL_FOLDER=str(tmp_path)):
            mail = Mail(site.database, name="अनन्या")
            mail.until("delivered")
            assert (mail.column("last_status"), mail.column("last_error"), mail.column("attempts")) == (250, None, 1)
            time.sleep(1.5)
            ((sender, recipients, content),) = smtp.taken
            assert sender.startswith("FROM:<tithi@example.org>") and recipients == ["TO:<a@example.com>"]
            message = parsed(content)
            assert message["Message-ID"] == mail.message_id and "the event is full." in text_of(message)
            assert not list(tmp_path.iterdir())
            assert not smtp.logins

    def test_lines_that_begin_with_a_dot_arrive(self, site):
        with server() as smtp, crm(site, SMTP_URL=smtp.url()):
            Mail(site.database, refund_id="." * 200).until("delivered")
            assert "." * 200 in text_of(parsed(smtp.taken[0][2]))

    @pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
    def test_not_now_is_tried_again_as_the_same_mail(self, site, verb):
        with server() as smtp, crm(site, SMTP_URL=smtp.url()):
            smtp.replies[verb] = ["451 4.7.1 come again"]
            mail = Mail(site.database)
            mail.until_tried(1)
            assert (mail.column("state"), mail.column("last_status")) == ("due", 451)
            assert mail.column("last_error") == "451 4.7.1 come again"
            assert 15 < mail.column("extract(epoch FROM next_attempt_at - now())::float") < 24.1
            mail.hurry()
            mail.until("delivered")
            assert mail.column("attempts") == 2
            assert [parsed(content)["Message-ID"] for _, _, content in smtp.taken] == [mail.message_id]

    @pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
    def test_no_is_no(self, site, verb):
        with server() as smtp, crm(site, SMTP_URL=smtp.url()):
            smtp.replies[verb] = ["550 5.1.1 no such user"]
            mail = Mail(site.database)
            mail.until("dead")
            assert (mail.column("attempts"), mail.column("last_status")) == (1, 550)
            assert mail.column("last_error") == "550 5.1.1 no such user"
            another = Mail(site.database)
            another.until("delivered")

    @pytest.mark.parametrize(
        "verb, reply",
        [
            ("greeting", "554 go away"),
            ("EHLO", "554 go away"),
            ("AUTH", "535 5.7.8 who are you"),
            ("MAIL", "530 5.7.0 log in first"),
            ("MAIL", None),
            ("DATA", None),
        ],
    )
    def test_trouble_with_the_server_is_not_the_mail_s_fault(self, site, verb, reply):
        with server("AUTH PLAIN") as smtp, crm(site, SMTP_URL=smtp.url("u:p@")):
            smtp.replies[verb] = smtp.replies["HELO"] = [reply, reply]  # a closed connection may be followed by another
            mail = Mail(site.database)
            mail.until_tried(1)
            assert mail.column("state") == "due" and mail.column("last_error")
            smtp.replies.clear()
            mail.hurry()
            mail.until("delivered")
            assert len(smtp.taken) == 1

    def test_nobody_there(self, site):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            with crm(site, SMTP_URL=f"smtp://127.0.0.1:{probe.getsockname()[1]}"):
                mail = Mail(site.database)
                mail.until_tried(1)
                assert (mail.column("state"), mail.column("last_status")) == ("due", None)

    def test_a_login_is_percent_encoded_and_in_no_log(self, site):
        with server("AUTH PLAIN") as smtp, crm(site, SMTP_URL=smtp.url("user%40example.org:p%3Aw%2F%40s3cret@")) as worker:
            Mail(site.database).until("delivered")
            assert smtp.logins == ["\0user@example.org\0p:w/@s3cret"]
            assert "s3cret" not in worker.log.read_text()

    def test_beyond_the_machine_nothing_goes_unencrypted(self, site):
        """0.0.0.0 leads here, but is no loopback address."""
        with server("AUTH PLAIN", address="0.0.0.0") as smtp, crm(site, SMTP_URL=smtp.url("u:p@", "0.0.0.0")):
            mail = Mail(site.database)
            mail.until_tried(1)
            assert mail.column("state") == "due" and "SSL" in mail.column("last_error")
            assert not smtp.logins and not smtp.taken and not {"AUTH", "MAIL"} & set(smtp.seen)

    def test_many_go_a_few_at_a_time(self, site):
        with server() as smtp, crm(site, SMTP_URL=smtp.url()):
            mails = [Mail(site.database) for _ in range(50)]
            for mail in mails:
                mail.until("delivered")
            assert sorted(parsed(content)["Message-ID"] for _, _, content in smtp.taken) == sorted(mail.message_id for mail in mails)
            assert 1 <= smtp.most_connections <= 8

    @pytest.mark.parametrize(
        "verb, reply",
        [("DATA", "250-ok\r\n250 ok"), ("RCPT", "550 no"), ("AUTH", "535 no"), ("greeting", "554-no\r\n554 no"), ("EHLO", "502 no")],
    )
    def test_goodbyes_are_said_and_not_waited_for(self, site, verb, reply):
        with server("AUTH PLAIN") as smtp, crm(site, SMTP_URL=smtp.url("u:p@")):
            smtp.replies[verb] = [reply]
            smtp.replies["QUIT"] = [SILENCE] * 4
            Mail(site.database).until_tried(1, seconds=3)
            Mail(site.database).until("delivered", seconds=3)
        until(lambda: smtp.seen[-1] == "QUIT", "the goodbye")  # at the latest when the worker stops

    @pytest.mark.slow
    @pytest.mark.parametrize("verb", ["EHLO", "DATA"])
    def test_a_slow_server_holds_up_no_webhook(self, site, verb):
        """libcurl's own way of sending mail would."""
        with contextlib.closing(Receiver()) as receiver, server() as smtp:
            with crm(site, SMTP_URL=smtp.url(), CRM_WEBHOOK_URL=receiver.url, WEBHOOK_ALLOW_NETS="127.0.0.0/8"):
                smtp.replies[verb] = [SILENCE]
                slow = Mail(site.database)
                until(lambda: smtp.connections, "the mail to be on its way")
                time.sleep(0.3)
                started = time.monotonic()
                webhook = f"INSERT INTO outbox (channel, type, cause, body) VALUES ('webhook', 't', '{slow.id}', '{{}}')"
                run(site.database, webhook, "NOTIFY outbox")
                receiver.wait_for(lambda delivery: True)
                assert time.monotonic() - started < 1

    @pytest.mark.slow
    def test_a_stop_in_the_middle_of_a_mail_hands_it_back_in_time(self, site):
        with server() as smtp, crm(site, SMTP_URL=smtp.url()):
            smtp.replies["DATA"] = [SILENCE]
            mail = Mail(site.database)
            until(lambda: "DATA" in smtp.seen, "the mail to be on its way")
            started = time.monotonic()
        assert time.monotonic() - started < 23

    def test_a_server_that_nobody_vouches_for_gets_nothing(self, site, tmp_path):
        key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
            + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
            check=True,
            capture_output=True,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with server("AUTH PLAIN") as smtp:
            smtp.socket = context.wrap_socket(smtp.socket, server_side=True)
            with crm(site, SMTP_URL=smtp.url("u:p@").replace("smtp:", "smtps:")):
                mail = Mail(site.database)
                mail.until_tried(1)
                assert mail.column("state") == "due" and "certificate" in mail.column("last_error")
                assert not smtp.seen

    @pytest.mark.slow
    def test_a_server_that_says_no_word_is_given_up(self, site):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(8)
            with crm(site, SMTP_URL=f"smtp://127.0.0.1:{silent.getsockname()[1]}"):
                mail = Mail(site.database)
                mail.until_tried(1, seconds=18)
                assert (mail.column("state"), mail.column("last_status")) == ("due", None)


class TestSettings:
    @pytest.mark.parametrize(
        "url",
        ["mail.example.org", "http://mail.example.org", "smtp://", "smtp://h:99999", "smtp://h:port"]
        + ["smtp://u@h", "smtp://h/path", "smtp://h?q", "smtp://u:s3cret@h/x"],
    )
    def test_a_malformed_smtp_url_stops_the_start(self, url):
        sentence = refuses_to_start(SMTP_URL=url)
        assert "SMTP_URL" in sentence and "s3cret" not in sentence
        assert len(sentence.strip().splitlines()) == 1

    @pytest.mark.parametrize("sender", ["Tithi", "a@", "Tithi <a@b", "x\n<a@example.org>"])
    def test_a_malformed_sender_stops_the_start(self, sender):
        assert "MAIL_FROM" in refuses_to_start(MAIL_FROM=sender)


class StackDatabase:
    def __init__(self, stack):
        self.connect = stack.database

    def value(self, sql, *arguments):
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return cursor.fetchone()[0]


class TestStack:
    def test_mail_lies_in_the_state_folder(self, stack):
        mail = Mail(StackDatabase(stack))
        mail.until("delivered")
        (file,) = (stack.state / "mail").glob(f"*-{mail.id}.eml")
        assert parsed(file.read_bytes())["To"].addresses[0].addr_spec == "a@example.com"

    def test_the_operator_reads_it(self, stack):
        """`tithi mail`, newest first, as people read it."""
        address = f"{uuid.uuid4().hex}@example.com"
        for number, name in enumerate(["अनन्या शर्मा", "Jürgen Größe", "A"]):
            Mail(StackDatabase(stack), to=address, name=name, refund_id=f"rfnd_{number}", more={"language": "de"}).until("delivered")
        mails = json.loads(stack.operator("--json", "mail", "--to", address.upper(), "2"))
        assert [re.search(r"rfnd_\d", mail["text"])[0] for mail in mails] == ["rfnd_2", "rfnd_1"]
        assert mails[1]["to"] == address and mails[1]["text"].startswith("Guten Tag Jürgen Größe,\n\n")
        assert mails[1]["subject"] == f"Ihre Zahlung für {VALUES['event_title']} ist auf dem Weg zurück zu Ihnen"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", mails[1]["time"])
        message = parsed(pathlib.Path(mails[1]["file"]).read_bytes())
        assert text_of(message) == mails[1]["text"]
        printed = stack.operator("mail", "--to", address)
        assert printed.startswith(f"{mails[0]['time']}  {address}\n{mails[0]['subject']}\n\n    Guten Tag A,\n\n")
        assert printed.count(address) == 3 and "अनन्या शर्मा" in printed
        assert json.loads(stack.operator("--json", "mail", "--to", "nobody@example.com")) == []
        assert len(json.loads(stack.operator("--json", "mail", "1"))) == 1

    def test_the_operator_sees_it_and_has_it_sent_again(self, stack):
        def tithi(*arguments, code=0):
            ended = subprocess.run([BUILD / "tithi", "--state", stack.state, "--json", *arguments], capture_output=True, text=True)
            assert ended.returncode == code, ended
            return code == 0 and json.loads(ended.stdout)

        mail = Mail(StackDatabase(stack), template="none")
        mail.until("dead")
        (row,) = [row for row in tithi("deliveries", "dead", "--channel", "mail") if row["webhook_id"] == mail.id]
        assert (row["channel"], row["last_error"]) == ("mail", "there is no template none")
        assert mail.id in [row["webhook_id"] for row in tithi("deliveries")]
        assert mail.id not in [row["webhook_id"] for row in tithi("deliveries", "--channel", "webhook")]
        tithi("deliveries", "--channel", "pigeon", code=64)
        finished = mail.column("finished_at")
        (again,) = tithi("replay", mail.id)
        assert (again["channel"], again["state"]) == ("mail", "due")
        until(lambda: mail.column("finished_at") not in (None, finished), "it to be tried again")
