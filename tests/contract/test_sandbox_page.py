"""The sandbox's payment page: served with its script and style by the gateway itself, under a policy that lets it run nothing
else, marked as what it is, absent in production; and what its buttons do, by the requests that its script makes."""

import html.parser
import re

import pytest

from harness import start_stack, stop_stack, wait_until

PARTS = {
    "/sandbox/pay/order_1": "text/html; charset=utf-8",
    "/sandbox/page.js": "text/javascript; charset=utf-8",
    "/sandbox/page.css": "text/css; charset=utf-8",
}


class Page(html.parser.HTMLParser):
    """What the page loads, what stands in elements and attributes where a policy would forbid it, ids and texts."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.inline, self.ids, self.texts, self.within = [], [], set(), {}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.within.append(tag)
        self.ids.add(attributes.get("id"))
        self.loaded += [attributes[name] for name in ("src", "href", "action") if name in attributes]
        self.inline += [name for name in attributes if name == "style" or name.startswith("on")]

    def handle_data(self, data):
        tag, text = self.within[-1] if self.within else "", data.strip()
        if text:
            self.texts.setdefault(tag, []).append(text)
        if text and tag in ("script", "style"):
            self.inline.append(tag)

    def handle_endtag(self, tag):
        while self.within and self.within.pop() != tag:
            pass


@pytest.fixture(scope="module")
def page(stack):
    answer = stack.anonymous.get("/sandbox/pay/order_1")
    assert answer.status_code == 200
    return Page(answer.text)


@pytest.mark.parametrize(("path", "media_type"), PARTS.items())
def test_headers(stack, path, media_type):
    answer = stack.anonymous.get(path)
    assert (answer.status_code, answer.headers["Content-Type"], answer.headers["Cache-Control"]) == (200, media_type, "no-store")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'",
        "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
    }


def test_the_page_needs_nothing_that_its_policy_forbids(stack, page):
    assert page.inline == []
    assert sorted(page.loaded) == ["/sandbox/page.css", "/sandbox/page.js"]
    script, style = (stack.anonymous.get(f"/sandbox/page.{name}").text for name in ("js", "css"))
    assert not re.search(r"innerHTML|eval\(|https?:|import", script)
    assert not re.search(r"url\(|@import", style)


def test_the_page_says_what_it_is(page):
    assert "Sandbox: no real money." in page.texts["strong"]
    assert page.texts["button"] == ["Pay", "Decline", "Pay after the hold has run out", "Close the window"]
    assert "This page needs JavaScript." in page.texts["p"]


def test_the_script_knows_the_pages_parts(stack, page):
    used = set(re.findall(r"part\('(\w+)'\)", stack.anonymous.get("/sandbox/page.js").text))
    assert used and used <= page.ids


def test_any_order_has_the_page(stack):
    """It is the script that asks for the order, and says so when there is none."""
    assert stack.anonymous.get("/sandbox/pay/no-such-order").text == stack.anonymous.get("/sandbox/pay/order_1/").text
    assert stack.anonymous.get("/sandbox/orders/no-such-order").status_code == 404


def test_head_and_other_methods(stack):
    answer = stack.anonymous.request("HEAD", "/sandbox/pay/order_1")
    assert (answer.status_code, answer.content) == (200, b"") and int(answer.headers["Content-Length"]) > 500
    assert stack.anonymous.post("/sandbox/pay/order_1", {}).status_code == 405


class TestButtons:
    @pytest.fixture
    def order(self, stack, facilitator, person):
        """Of a place that is held now."""
        event = stack.priced_event(facilitator, title="Silent Retreat")
        answer = person.post("/bookings", {"event_id": event["id"]})
        assert answer.status_code == 201, answer.text
        booked = answer.json()
        assert booked["payment_url"] == f"{stack.base_url}/sandbox/pay/{booked['order_id']}"
        return f"/sandbox/orders/{booked['order_id']}", booked["booking"]["booking_reference"]

    def test_what_is_shown(self, stack, order):
        path, reference = order
        shown = stack.anonymous.get(path).json()
        assert (shown["amount"], shown["currency"], shown["event_title"]) == (2500, "INR", "Silent Retreat")
        assert (shown["booking_reference"], shown["state"], shown["booking_status"]) == (reference, "open", "pending")
        assert shown["hold_expires_at"]

    def test_pay(self, stack, order):
        path, _ = order
        assert stack.anonymous.post(path, {"action": "pay"}).json()["state"] == "paid"
        wait_until(lambda: stack.anonymous.get(path).json()["booking_status"] == "confirmed", "the booking to be confirmed")
        again = stack.anonymous.post(path, {"action": "pay"})
        assert (again.status_code, again.json()["code"]) == (409, "sandbox_order_closed")

    def test_decline_and_pay_after_all(self, stack, order):
        path, _ = order
        declined = stack.anonymous.post(path, {"action": "decline"}).json()
        assert (declined["state"], declined["booking_status"]) == ("declined", "pending")
        stack.anonymous.post(path, {"action": "pay"})
        wait_until(lambda: stack.anonymous.get(path).json()["booking_status"] == "confirmed", "the booking to be confirmed")


def test_pay_after_the_hold_has_run_out():
    stack = start_stack({"HOLD_TTL": "2s", "CRM_WEBHOOK_URL": ""})
    try:
        event = stack.priced_event(stack.facilitator())
        path = f"/sandbox/orders/{stack.user().post('/bookings', {'event_id': event['id']}).json()['order_id']}"
        assert stack.anonymous.post(path, {"action": "pay_late"}).status_code == 200
        wait_until(lambda: stack.anonymous.get(path).json()["booking_status"] == "confirmed", "the place that was still free", 20)
    finally:
        stop_stack(stack)


def test_production_has_no_such_page():
    stack = start_stack({"TITHI_ENV": "production", "CRM_WEBHOOK_URL": ""})
    try:
        for path in PARTS:
            answer = stack.anonymous.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    finally:
        stop_stack(stack)
