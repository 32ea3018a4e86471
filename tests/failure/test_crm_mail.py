"""The CRM service with a real mail server behind it: whom it writes to, what it says when the server does not take a mail, and what goes on
meanwhile; the whole circle of a booking, as a stack that is told nothing else runs it; and production, where nothing is a sandbox."""

import concurrent.futures
import threading

import pytest

from harness import CRM_TOKEN, PRODUCTION_CRM_TOKEN, Client, refusal, start_stack, stop_stack, wait_until
from test_mail import parsed, server

ALLOWED = ["friend@example.com", "FRIEND@example.com", "anybody@example.org", "a.b+c@EXAMPLE.org", "admin@example.net", "tithi@tithi.example"]
REFUSED = ["other@example.com", "friend@example.com.evil.example", "a@sub.example.org", "a@notexample.org", "friend@example.co", "x@example.net"]


@pytest.fixture(scope="module")
def world():
    with server("AUTH PLAIN") as smtp:
        settings = {
            "SMTP_URL": smtp.url("crm%40example.org:s3cret@"),
            "CRM_MAIL_ALLOW": "friend@example.com, @example.org",
            "ADMIN_EMAIL": "admin@example.net",
            "ADMIN_PASSWORD": "a password of tests only",
            "MAIL_FROM": "Tithi <tithi@tithi.example>",
        }
        stack = start_stack(settings)
        stack.smtp = smtp
        yield stack
        stop_stack(stack)


@pytest.fixture
def smtp(world):
    yield world.smtp
    world.smtp.replies.clear()


def try_out(world, address="friend@example.com", **fields):
    return world.crm.post("/test-email", {"to_email": address, **fields}, server_error=True)


class TestServer:
    @pytest.mark.parametrize("address", ALLOWED)
    def test_goes_to_who_is_allowed(self, world, smtp, address):
        assert try_out(world, address, subject=f"For {address}").json()["email_sent"] is True
        (taken,) = [taken for taken in smtp.taken if parsed(taken[2])["Subject"] == f"For {address}"]
        assert taken[0].startswith("FROM:<tithi@tithi.example>") and taken[1] == [f"TO:<{address}>"]

    @pytest.mark.parametrize("address", REFUSED)
    def test_is_nobody_s_relay(self, world, smtp, address):
        before = len(smtp.taken)
        answer = try_out(world, address)
        assert refusal(answer) == (403, "mail_address_refused") and "to_email" in answer.json()["details"]
        assert len(smtp.taken) == before

    @pytest.mark.parametrize(
        ("verb", "reply"),
        [("RCPT", "550 5.1.1 no such user"), ("RCPT", "451 4.7.1 come again"), ("DATA", "554 spam"), ("MAIL", None)],
    )
    def test_what_was_not_taken_is_told(self, world, smtp, verb, reply):
        smtp.replies[verb] = [reply, reply]
        answer = try_out(world)
        assert refusal(answer) == (503, "mail_not_sent") and answer.headers["Retry-After"]
        told = answer.json()["details"]["server"]
        assert told == reply or reply is None
        smtp.replies.clear()
        assert try_out(world).json()["email_sent"] is True  # it was not tried again by itself, nor is it now

    def test_a_login(self, world, smtp):
        before = len(smtp.seen)
        shown = world.crm.get("/test-gmail-auth").json()
        assert shown == {**shown, "message": "Gmail authentication successful", "authenticated": True, "gmail_user": "crm@example.org"}
        wait_until(lambda: "QUIT" in smtp.seen[before:], "the goodbye")
        assert "AUTH" in smtp.seen[before:] and "MAIL" not in smtp.seen[before:]
        smtp.replies["AUTH"] = ["535 5.7.8 who are you", "535 5.7.8 who are you"]
        shown = world.crm.get("/test-gmail-auth").json()
        assert (shown["authenticated"], shown["gmail_user"]) == (False, "crm@example.org")
        assert shown["message"].startswith("Gmail authentication failed: ") and "s3cret" not in shown["message"]

    def test_a_server_that_hangs_holds_up_nobody_else(self, world, smtp):
        """A few wait for it, more are refused, and bookings are noted meanwhile."""
        go_on = threading.Event()

        class Held(list):
            def pop(self, *_):
                go_on.wait()
                return "250 taken"

        smtp.replies["DATA"] = Held(["held"])
        before = smtp.seen.count("DATA")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            clients = [Client(world.crm_url, CRM_TOKEN, "crm") for _ in range(4)]
            waiting = [pool.submit(client.post, "/test-email", {"to_email": "friend@example.com"}) for client in clients]
            wait_until(lambda: smtp.seen.count("DATA") == before + 4, "all to hang")
            assert refusal(try_out(world)) == (503, "overloaded")
            person = {"name": "John", "email": "john@example.com"}
            assert world.crm.post("/api/booking-notification", {"booking_id": 5, "user": person}).status_code == 201
            go_on.set()
            assert [each.result().json()["email_sent"] for each in waiting] == [True] * 4
        smtp.replies.clear()
        assert try_out(world).status_code == 200

    def test_the_facilitator_s_mail_is_tried_again(self, world, smtp):
        """Unlike one that tries out, it waits for a server that wants patience."""
        host = world.facilitator()
        wait_until(lambda: any(host.email in taken[1][0] for taken in smtp.taken), "the mail of the registration")
        smtp.replies["RCPT"] = ["451 4.7.1 come again"]
        body = {"booking_id": 77, "user": {"name": "John", "email": "john@example.com"}, "facilitator_id": host.id}
        told = world.crm.post("/notify", body).json()
        assert told["email_sent"] is True

        def shown():
            return next(item for item in world.crm.get("/notifications").json()["notifications"] if item["id"] == told["notification_id"])

        wait_until(lambda: shown()["response"] == "451 4.7.1 come again", shown)
        assert (shown()["status"], shown()["sent_at"]) == ("pending", None)
        world.rows("UPDATE outbox SET next_attempt_at = now() WHERE channel = 'mail' AND state = 'due'")
        world.rows("NOTIFY outbox")
        wait_until(lambda: shown()["status"] == "sent", shown)


def test_the_whole_circle():
    """A booking's webhook comes to this stack's own CRM service, by the token of the documents, and so does what follows from it."""
    stack = start_stack({"CRM_BEARER_TOKEN": None})
    try:
        host, person = stack.facilitator(facilitator_crm_id="crm_002"), stack.user(name="Vaishnav")
        booked = stack.book(person, stack.event(host, title="Breathwork Intensive"))
        paid = stack.paid_booking(person, stack.priced_event(host))
        stack.event(host)
        for booking in (booked, paid):
            assert person.post(f"/bookings/{booking['id']}/cancel").status_code == 200

        def noted():
            items = stack.crm.get("/api/notifications?limit=100").json()["notifications"]
            return {(item["booking_id"], item["action"]): item for item in items}

        wanted = {(booked["id"], "created"), (booked["id"], "cancelled"), (paid["id"], "confirmed"), (paid["id"], "cancelled")}
        wait_until(lambda: wanted <= set(noted()), noted)
        shown = noted()[booked["id"], "created"]
        assert shown["user"] == {"id": person.id, "name": "Vaishnav", "email": person.email}
        assert (shown["event"]["title"], shown["facilitator_crm_id"]) == ("Breathwork Intensive", "crm_002")
        due = "SELECT type, state, last_status, last_error FROM outbox WHERE channel = 'webhook'"
        wait_until(lambda: {row[1:] for row in stack.rows(due)} == {("delivered", 201, None)}, lambda: stack.rows(due))
        processed = stack.crm.put(f"/api/notifications/{shown['id']}/process").json()
        assert processed["notification"]["processed"] is True
    finally:
        stop_stack(stack)


def test_production_has_no_sandbox():
    stack = start_stack({"TITHI_ENV": "production", "CRM_WEBHOOK_URL": "", "CRM_MAIL_ALLOW": "me@example.com"})
    try:
        stack.crm = Client(stack.crm_url, PRODUCTION_CRM_TOKEN, "crm")
        assert refusal(try_out(stack, "other@example.com")) == (403, "mail_address_refused")
        answer = try_out(stack, "me@example.com")
        assert refusal(answer) == (503, "mail_not_sent") and answer.json()["details"] == {"server": "SMTP_URL is not set"}
        assert stack.crm.get("/test-gmail-auth").json()["authenticated"] is False
        assert Client(stack.crm_url, CRM_TOKEN, "crm").get("/notifications").status_code == 401
        host = stack.login(stack.register("facilitator", password="correct horse 1")["email"], "correct horse 1")
        body = {"booking_id": 1, "user": {"name": "John", "email": "john@example.com"}, "facilitator_id": host.id}
        assert stack.crm.post("/notify", body).json()["email_sent"] is False
    finally:
        stop_stack(stack)
