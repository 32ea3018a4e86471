"""No secret stands in a log: stop_stack() looks for all that tests have used. Here: that it would find one."""

import json

import pytest

from harness import JWT_KEY, PASSWORD, SECRETS, WEBHOOK_SECRET
from leaks import Secrets

TOKEN = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjNlYjFiZDQzIn0.eyJleHAiOjE3MDAwMDM2MDAsInN1YiI6IjcifQ.q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"
HEADER, CLAIMS, SIGNATURE = TOKEN.split(".")


def leaks(folder, secret, line):
    secrets = Secrets()
    secrets.add(secret)
    log = folder / "gateway-1/current"
    log.parent.mkdir()
    log.write_text(f"a line before\n{line}\na line behind\n")
    return len(secrets.find(folder))


@pytest.mark.parametrize(
    "secret,line",
    [
        (TOKEN, f'{{"message":"Authorization: Bearer {TOKEN}"}}'),
        (TOKEN, f"claims {CLAIMS}"),
        (TOKEN, f"cut short: {TOKEN[:-10]}"),
        (TOKEN, f"signature={SIGNATURE}"),
        ("tk_0123456789abcdefghijklmnopqrstuvwxyz01234567890", "key tk_0123456789abcdefghijklmnopqrstuvwxyz01234567890x"),
        (PASSWORD, f"prefix{PASSWORD}suffix"),
        ('my "odd" pass\\word', json.dumps({"message": 'my "odd" pass\\word'})),
        ("Straße nach Süden", json.dumps({"message": "Straße nach Süden"}, ensure_ascii=False)),
        ("a+b/c=d and more of it", "GET /x?token=a%2Bb%2Fc%3Dd%20and%20more%20of%20it"),
        ("a+b/c=d and more of it", "token=a%2Bb%2Fc%3Dd+and+more+of+it"),
        ("Straße nach Süden", "password=Stra%C3%9Fe%20nach%20S%C3%BCden"),
        ("secret", '{"message":"password=secret"}'),
        ("secret", r'{"message":"{\"new_password\": \"secret\"}"}'),
        ("123456", '{"message":"wrong code 123456"}'),
        ("123456", '{"otp":"123456"}'),
        ("a secret\nof two lines, the second long", "of two lines, the second long"),
    ],
)
def test_what_is_found(tmp_path, secret, line):
    assert leaks(tmp_path, secret, line) == 1


@pytest.mark.parametrize(
    "secret,line",
    [
        (TOKEN, f"somebody else's token: {HEADER}.eyJleHAiOjE3MDAwMDM2MDEsInN1YiI6IjgifQ.c2lnbmF0dXJl"),
        ("secret", '{"message":"JWT_SECRET_KEY is not set: no secret, no tokens"}'),
        ("123456", '{"message":"123456 calls in 123456 us","pid":123456}'),
        ("token", '{"message":"the token is expired"}'),
        ("abc", "password=abc"),
        ("", "anything"),
        ("\n", "anything"),
    ],
)
def test_what_is_no_leak(tmp_path, secret, line):
    assert leaks(tmp_path, secret, line) == 0


def test_what_passes_through_clients_is_remembered(stack):
    person = stack.facilitator()
    answer = person.put("/profile", {"crm_webhook_url": "http://127.0.0.1:9/hook"})
    assert answer.status_code == 200
    for secret in (PASSWORD, person.refresh_token, answer.json()["crm_webhook_secret"], JWT_KEY, WEBHOOK_SECRET):
        assert secret[:48] in SECRETS.telling
    for part in person.token.split(".")[1:]:
        assert part[:48] in SECRETS.telling
    stack.anonymous.post("/auth/login", {"email": person.email, "password": "a slip of the hand"})
    assert "a slip of the hand" in SECRETS.telling


def test_a_secret_in_a_stacks_log_is_found(stack, person):
    planted = stack.state / "log/planted"
    planted.mkdir()
    (planted / "current").write_text(f'{{"message":"refreshed with {person.refresh_token}"}}\n')
    try:
        (line,) = stack.leaks()
        assert "log/planted/current" in line and person.refresh_token in line
    finally:
        (planted / "current").unlink()
        planted.rmdir()
    assert not stack.leaks()
