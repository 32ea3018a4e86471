"""The page that mailed links lead to: served by the gateway itself, in production too, under a policy that lets it run nothing else; it takes
the token from the fragment, which no server sees, and changes nothing before somebody presses a button."""

import re

import pytest

from harness import start_stack, stop_stack
from test_sandbox_page import Page

PARTS = {
    "/account": "text/html; charset=utf-8",
    "/account/page.js": "text/javascript; charset=utf-8",
    "/account/page.css": "text/css; charset=utf-8",
}


@pytest.fixture(scope="module")
def page(stack):
    return Page(stack.anonymous.get("/account").text)


@pytest.fixture(scope="module")
def script(stack):
    return stack.anonymous.get("/account/page.js").text


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
    assert stack.anonymous.post(path, {}).status_code == 405


def test_the_page_needs_nothing_that_its_policy_forbids(stack, page, script):
    assert page.inline == []
    assert sorted(page.loaded) == ["/account/page.css", "/account/page.js"]
    assert not re.search(r"innerHTML|eval\(|https?:|import|localStorage|sessionStorage|cookie\b", script)
    assert not re.search(r"url\(|@import", stack.anonymous.get("/account/page.css").text)
    assert "This page needs JavaScript." in page.texts["p"]


def test_the_script_knows_the_pages_parts(page, script):
    used = set(re.findall(r"part\('(\w+)'\)", script)) | set(re.findall(r"form: '(\w+)'", script))
    assert used and used <= page.ids


def test_every_field_has_a_label_and_a_place_for_what_is_wrong(stack):
    text = stack.anonymous.get("/account").text
    for field in re.findall(r'<input id="(\w+)"', text):
        assert f'<label for="{field}">' in text and f'id="{field}_problem"' in text and f"{field}_problem" in text


def test_password_managers_and_pasting_are_welcome(stack, script):
    fields = re.findall(r'<input id="(?:password|repeated)"[^>]*>', stack.anonymous.get("/account").text)
    assert len(fields) == 2 and all('type="password" autocomplete="new-password"' in field for field in fields)
    assert "paste" not in script


def test_what_it_asks_for_exists(stack, script):
    for path in re.findall(r"ask\('([^']+)'", script):
        assert stack.anonymous.post(path, {}).status_code == 400, path


def test_the_token_leaves_the_address(script):
    assert "history.replaceState(null, '', location.pathname)" in script
    assert "credentials: 'omit'" in script


def test_production_has_it():
    stack = start_stack({"TITHI_ENV": "production", "CRM_WEBHOOK_URL": ""})
    try:
        assert [stack.anonymous.get(path).status_code for path in PARTS] == [200, 200, 200]
    finally:
        stop_stack(stack)
