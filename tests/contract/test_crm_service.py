"""The CRM service where its documents end: whom a notification is mailed to, what the list tells of that mail, what is missing in a request,
and mails that try out whether mail works. The documented requests as they are: test_seeds.py."""

import concurrent.futures

import pytest

from harness import CRM_TOKEN, Client, refusal, unique, wait_until
from mails import Mails

PERSON = {"name": "John Doe", "email": "john@example.com"}


def number():
    """Of a booking that nobody has told of."""
    number.last += 1
    return number.last


number.last = 10**9


def notify(stack, booking=None, action="created", **fields):
    body = {"booking_id": booking or number(), "user": PERSON, "action": action, **fields}
    answer = stack.crm.post("/notify", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def listed(stack, notification_id):
    found = stack.crm.get("/notifications?limit=100").json()["notifications"]
    return next((item for item in found if item["id"] == notification_id), None)


def mailed_to(stack, told):
    """Whom the notification's mail is for, by its row."""
    rows = stack.rows(
        "SELECT body::json ->> 'to' FROM booking_notifications n JOIN deliveries d ON d.webhook_id = n.mail_id WHERE n.id = %s",
        told["notification_id"],
    )
    return rows[0][0] if rows else None


class TestNotify:
    def test_the_facilitator_gets_a_mail(self, stack):
        host = stack.facilitator(name="Asha", language="de")
        event = {"title": "Yoga\r\nBcc: all@example.com", "facilitator_id": host.id}
        told = notify(stack, event=event, user={"name": "Größe <b>\n", "email": "john@example.com"}, action="payment_completed")
        assert told["email_sent"] is True
        shown = wait_until(lambda: (item := listed(stack, told["notification_id"])) and item["status"] == "sent" and item, "the mail")
        assert shown["response"] == f"Email sent successfully to {host.email}"
        assert (shown["action"], shown["sent_at"] is not None) == ("payment_completed", True)
        (mail,) = [mail for mail in Mails(stack).to(host.email) if "Größe <b>" in mail.text]
        assert "john@example.com" in mail.text and "Yoga" in mail.text
        assert mail.message["Bcc"] is None and "Größe <b>" not in mail.message.get_body(("html",)).get_content()

    def test_by_number_or_code(self, stack):
        code = unique("FAC")
        host = stack.facilitator(facilitator_crm_id=code)
        for former in ("role = 'user'", "is_active = false"):  # whose claim counts no more
            stack.rows(f"UPDATE users SET {former} WHERE id = %s", stack.facilitator(facilitator_crm_id=code).id)
        event = stack.event(stack.facilitator(), facilitator_id=unique("EV"))
        owner = event["facilitator"]["email"]
        for fields, address in [
            ({"facilitator_id": host.id}, host.email),
            ({"facilitator_id": code}, host.email),
            ({"facilitator_crm_id": code}, host.email),
            ({"event": {"facilitator_id": code}}, host.email),
            ({"event": {"id": event["id"], "facilitator_id": event["facilitator_id"]}}, owner),
            ({"event_id": event["id"]}, owner),
            ({"event_id": event["id"], "facilitator_id": host.id}, host.email),
        ]:
            told = notify(stack, **fields)
            assert told["email_sent"] is True and mailed_to(stack, told) == address, fields

    def test_nobody_else_gets_one(self, stack, user):
        doubled = unique("FAC")
        stack.facilitator(facilitator_crm_id=doubled), stack.facilitator(facilitator_crm_id=doubled)
        gone = stack.facilitator()
        stack.rows("UPDATE users SET is_active = false WHERE id = %s", gone.id)
        event = stack.event(stack.facilitator(), facilitator_id=unique("EV"))
        for fields in [
            {},
            {"facilitator_id": user.id},
            {"facilitator_id": gone.id},
            {"facilitator_id": 10**11},
            {"facilitator_id": unique("nobody")},
            {"facilitator_id": doubled},
            {"facilitator_id": event["facilitator_id"]},  # the code of an event that is not named
            {"event": {"id": event["id"], "facilitator_id": unique("other")}},
            {"event_id": 10**11},
        ]:
            told = notify(stack, **fields)
            assert told["email_sent"] is False, fields
            shown = listed(stack, told["notification_id"])
            assert (shown["status"], shown["sent_at"], shown["response"]) == ("received", None, None)

    def test_twice_is_once(self, stack):
        host, booking = stack.facilitator(), number()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            crm = [Client(stack.crm_url, CRM_TOKEN, "crm") for _ in range(6)]
            body = {"booking_id": booking, "user": PERSON, "action": "created", "facilitator_id": host.id}
            answers = [answer.json() for answer in pool.map(lambda client: client.post("/notify", body), crm)]
        assert len({told["notification_id"] for told in answers}) == 1 and all(told["email_sent"] for told in answers)
        assert notify(stack, booking, "cancelled", facilitator_id=host.id)["notification_id"] != answers[0]["notification_id"]
        wait_until(lambda: len(Mails(stack).to(host.email)) == 3, "two mails, and the one of the registration")

    def test_what_was_only_noted_is_mailed_when_asked_for(self, stack):
        host, booking = stack.facilitator(), number()
        noted = {"booking_id": booking, "user": PERSON, "action": "created", "facilitator_id": host.id}
        first = stack.crm.post("/api/booking-notification", noted).json()
        assert listed(stack, first["notification_id"])["status"] == "received"
        told = notify(stack, booking)
        assert (told["notification_id"], told["email_sent"]) == (first["notification_id"], True)
        assert mailed_to(stack, told) == host.email

    def test_what_failed_is_told(self, stack):
        host = stack.facilitator()
        told = notify(stack, facilitator_id=host.id)
        wait_until(lambda: listed(stack, told["notification_id"])["status"] == "sent", "the mail")
        state = "UPDATE outbox SET state = %s, last_error = '550 no such user', finished_at = %s FROM booking_notifications n"
        state += " WHERE webhook_id = n.mail_id AND n.id = %s"
        stack.rows(state, "dead", "2024-02-10", told["notification_id"])
        shown = listed(stack, told["notification_id"])
        assert (shown["status"], shown["sent_at"], shown["response"]) == ("failed", None, "550 no such user")
        booking = shown["booking_id"]
        assert notify(stack, booking, facilitator_id=host.id)["email_sent"] is False

    def test_what_is_missing_is_named(self, stack):
        for body, missing in [
            ({}, ["booking_id", "user"]),
            ({"user": {"name": "John"}}, ["booking_id", "user.email"]),
            ({"booking_id": "many", "action": "created"}, ["user"]),
        ]:
            answer = stack.crm.post("/notify", body)
            told = answer.json()
            assert refusal(answer) == (400, "missing_fields") and told["error"] == "Missing required fields"
            assert told["missing_fields"] == missing
            assert all(told["details"][name] == "is required" for name in missing)
        assert "booking_id" in told["details"]  # what else is wrong
        answer = stack.crm.post("/notify", {"booking_id": 0, "user": PERSON})
        assert refusal(answer) == (400, "validation_error") and "missing_fields" not in answer.json()
        problem = stack.crm.post("/notify", {}, headers={"Accept": "application/problem+json"}).json()
        assert (problem["title"], problem["missing_fields"]) == ("Missing required fields", ["booking_id", "user"])

    @pytest.mark.parametrize("email", ["john", "john@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com", "<a@example.com>"])
    def test_what_is_no_address(self, stack, email):
        answer = stack.crm.post("/notify", {"booking_id": number(), "user": {"name": "x", "email": email}})
        assert refusal(answer) == (400, "validation_error") and list(answer.json()["details"]) == ["user.email"]


class TestNotifications:
    def test_pages(self, stack):
        ids = [notify(stack)["notification_id"] for _ in range(3)]
        first = stack.crm.get("/notifications?limit=2")
        assert [item["id"] for item in first.json()["notifications"]] == ids[:0:-1]
        assert 'rel="next"' in first.headers["Link"]
        second = stack.crm.get(f"/notifications?limit=1&after={first.json()['next']}").json()
        assert [item["id"] for item in second["notifications"]] == ids[:1]
        assert refusal(stack.crm.get("/notifications?after=x")) == (400, "bad_cursor")

    def test_deleted_is_gone(self, stack):
        kept, gone = (notify(stack)["notification_id"] for _ in range(2))
        assert stack.crm.delete(f"/notifications/{gone}").status_code == 200
        assert refusal(stack.crm.delete(f"/notifications/{gone}")) == (404, "notification_not_found")
        assert listed(stack, gone) is None and listed(stack, kept)
        assert gone not in [item["id"] for item in stack.crm.get("/api/notifications?limit=100").json()["notifications"]]

    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "/notify"), ("GET", "/notifications"), ("DELETE", "/notifications/1"), ("DELETE", "/notifications/clear")]
        + [("POST", "/test-email"), ("GET", "/test-gmail-auth")],
    )
    def test_only_with_the_token_and_on_its_port(self, stack, user, method, path):
        for token in ("", CRM_TOKEN[:-1], CRM_TOKEN + "x", user.token):
            assert refusal(stack.crm.request(method, path, headers={"Authorization": f"Bearer {token}"})) == (401, "invalid_token")
        assert Client(stack.base_url, CRM_TOKEN).request(method, path).status_code == 404


class TestMail:
    def test_a_mail_as_it_is_asked_for(self, stack):
        address = f"{unique('me')}@example.org"
        content = "<h1>Größe</h1><p>.\n.\r\nनमस्ते &amp; good <a href='https://example.com/'>day</a></p>"
        answer = stack.crm.post("/test-email", {"to_email": address, "subject": "Prüfung", "html_content": content})
        assert answer.status_code == 200 and answer.json()["email_sent"] is True
        (mail,) = Mails(stack).to(address)  # there already
        assert mail.subject == "Prüfung"
        assert mail.message.get_body(("html",)).get_content().split() == content.split()
        assert "Größe" in mail.text and "<h1>" not in mail.text

    def test_what_nobody_says_has_a_default(self, stack):
        address = f"{unique('me')}@example.org"
        assert stack.crm.post("/test-email", {"to_email": address}).status_code == 200
        assert Mails(stack).to(address)[0].subject == "Test Email"

    @pytest.mark.parametrize(
        "fields",
        [
            {"to_email": "a@example.com\r\nBcc: b@example.com"},
            {"to_email": "a@example.com,b@example.com"},
            {"to_email": ["a@example.com", "b@example.com"]},
            {"to_email": "a@example.com", "subject": "Hello\r\nBcc: b@example.com"},
            {"to_email": "a@example.com", "subject": "Hello\nthere"},
            {"to_email": "a@example.com", "bcc": "b@example.com"},
            {"to_email": "a@example.com", "html_content": "x" * 20001},
        ],
    )
    def test_one_recipient_and_no_headers(self, stack, fields):
        before = len(Mails(stack).to("a@example.com"))
        assert refusal(stack.crm.post("/test-email", fields))[0] == 400
        assert len(Mails(stack).to("a@example.com")) == before and not Mails(stack).to("b@example.com")

    def test_without_a_server_nobody_is_authenticated(self, stack):
        shown = stack.crm.get("/test-gmail-auth").json()
        assert (shown["authenticated"], shown["gmail_user"]) == (False, None) and "SMTP_URL" in shown["message"]
