"""Second factors: an authenticator's codes and recovery codes, what they guard, how often they are good, and roles that need one."""

import base64
import concurrent.futures
import hashlib
import hmac
import os
import re
import signal
import time
import urllib.parse

import pytest

from harness import JWT_KEY, PASSWORD, Client, Person, refusal, restart_stack, start_stack, stop_stack, unique, wait_until
from mails import RESET, Mails
from test_auth import bearer, claims_of

FACTOR = "/profile/second-factor"
NEW_KEY = "tests-only-next-key-of-the-access-tokens-0123456789abcdef"
EVENT = {"title": "Yoga Session", "event_type": "session", "start_datetime": "2030-01-01T10:00:00", "end_datetime": "2030-01-01T11:00:00"}


class App:
    """An authenticator app of this person: shows codes that were not used yet. There are three at any time."""

    def __init__(self, stack, person, secret):
        self.stack, self.person = stack, person
        self.secret = base64.b32decode(secret)
        self.used = 0

    def at(self, step):
        digest = hmac.new(self.secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
        offset = digest[-1] & 15
        return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"

    def code(self):
        now = int(time.time()) // 30
        if self.used > now:  # no test waits for the next half minute
            self.stack.rows("UPDATE second_factors SET last_step = 0 WHERE user_id = %s", self.person.id)
            self.used = 0
        self.used = max(self.used + 1, now - 1 if int(time.time()) % 30 < 25 else now)
        return self.at(self.used)


def begin_again(person):
    return person.post(FACTOR, {"current_password": PASSWORD})


def begin(person):
    answer = begin_again(person)
    assert answer.status_code == 201, answer.text
    return answer.json()


def activate(stack, person):
    """The app, and the recovery codes."""
    app = App(stack, person, begin(person)["secret"])
    answer = person.post(f"{FACTOR}/confirm", {"code": app.code()})
    assert answer.status_code == 200, answer.text
    return app, answer.json()["recovery_codes"]


def sign_in(stack, person, **fields):
    return stack.anonymous.post("/auth/login", {"email": person.email, "password": PASSWORD, **fields})


def challenge(stack, person):
    answer = sign_in(stack, person)
    assert refusal(answer) == (401, "second_factor_required")
    return answer.json()["details"]["challenge"]


def respond(stack, given, otp):
    return stack.anonymous.post("/auth/second-factor", {"challenge": given, "otp": otp})


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06}"


def deadlocks(stack):
    time.sleep(1.1)  # the statistics come late
    return stack.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


def events_of(stack, person):
    return stack.rows("SELECT event, detail FROM security_events WHERE user_id = %s ORDER BY id", person.id)


@pytest.fixture
def protected(stack, person):
    """Somebody with an active second factor; (person, app, recovery codes)."""
    return person, *activate(stack, person)


class TestEnrolment:
    def test_from_nothing_to_active(self, stack, person):
        assert person.get(FACTOR).json() == {"active": False, "required": False, "recovery_codes_left": 0}
        begun = begin(person)
        assert re.fullmatch("[A-Z2-7]{32}", begun["secret"])
        address = urllib.parse.quote(person.email, safe="")
        assert begun["otpauth_uri"] == f"otpauth://totp/Tithi:{address}?secret={begun['secret']}&issuer=Tithi&algorithm=SHA1&digits=6&period=30"
        assert person.get(FACTOR).json()["active"] is False
        assert sign_in(stack, person).status_code == 200, "it does not count yet"
        app = App(stack, person, begun["secret"])
        assert refusal(person.post(f"{FACTOR}/confirm", {"code": wrong(app.at(int(time.time()) // 30))})) == (401, "invalid_code")
        codes = person.post(f"{FACTOR}/confirm", {"code": app.code()}).json()["recovery_codes"]
        assert len(set(codes)) == 10 and all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code) for code in codes)
        state = person.get(FACTOR).json()
        assert (state["active"], state["recovery_codes_left"]) == (True, 10) and state["confirmed_at"]

    @pytest.mark.parametrize("body,wanted", [({}, (403, "reauthentication_required")), ({"current_password": "wrong"}, (401, "invalid_credentials"))])
    def test_needs_the_password(self, person, body, wanted):
        assert refusal(person.post(FACTOR, body)) == wanted
        assert refusal(person.post(f"{FACTOR}/confirm", {"code": "123456"})) == (409, "second_factor_missing")

    def test_the_last_secret_counts(self, stack, person):
        former, latter = (App(stack, person, begin(person)["secret"]) for _ in range(2))
        assert refusal(person.post(f"{FACTOR}/confirm", {"code": former.code()})) == (401, "invalid_code")
        assert person.post(f"{FACTOR}/confirm", {"code": latter.code()}).status_code == 200

    def test_only_once(self, stack, protected):
        person, app, _ = protected
        assert refusal(person.post(FACTOR, {"current_password": PASSWORD})) == (409, "second_factor_active")
        assert refusal(person.post(f"{FACTOR}/confirm", {"code": app.code()})) == (409, "second_factor_active")

    def test_nothing_to_change(self, person):
        for method, path, body in (
            ("POST", f"{FACTOR}/confirm", {"code": "123456"}),
            ("POST", f"{FACTOR}/recovery-codes", {"code": "123456"}),
            ("DELETE", FACTOR, {"code": "123456", "current_password": PASSWORD}),
        ):
            assert refusal(person.request(method, path, json=body)) == (409, "second_factor_missing")

    def test_other_sessions_end(self, stack, person):
        """What a password alone has opened must not get the rights that need the second factor."""
        other = stack.login(person.email)
        app, _ = activate(stack, person)
        assert other.get("/profile").status_code == 401
        assert person.get("/profile").status_code == 200
        other = Person(stack.base_url, person.email, sign_in(stack, person, otp=app.code()).json())
        assert person.delete(FACTOR, json={"code": app.code(), "current_password": PASSWORD}).status_code == 200
        assert other.get("/profile").status_code == person.get("/profile").status_code == 200

    def test_a_repeat_shows_the_same_secret(self, stack, person):
        key = {"Idempotency-Key": unique("factor")}
        first, second = (person.post(FACTOR, {"current_password": PASSWORD}, headers=key) for _ in range(2))
        assert first.json() == second.json()
        app = App(stack, person, first.json()["secret"])
        confirmation = {"code": app.code()}
        key = {"Idempotency-Key": unique("factor")}
        first, second = (person.post(f"{FACTOR}/confirm", confirmation, headers=key) for _ in range(2))
        assert first.status_code == second.status_code == 200 and first.json() == second.json()


class TestSignIn:
    def test_with_the_code_at_once(self, stack, protected):
        person, app, _ = protected
        code = app.code()
        assert sign_in(stack, person, otp=f"{code[:3]} {code[3:]}").status_code == 200, "as apps show it"
        assert refusal(sign_in(stack, person, otp=code)) == (401, "invalid_code"), "no code is good twice"
        assert refusal(sign_in(stack, person, otp=app.at(app.used - 1))) == (401, "invalid_code"), "nor an older one"

    def test_by_a_challenge(self, stack, protected):
        person, app, _ = protected
        given = challenge(stack, person)
        assert refusal(respond(stack, given, wrong(app.at(int(time.time()) // 30)))) == (401, "invalid_code")
        answer = respond(stack, given, app.code())
        assert answer.status_code == 200 and Person(stack.base_url, person.email, answer.json()).get("/profile").status_code == 200
        assert refusal(respond(stack, given, app.code())) == (401, "invalid_code"), "nor is the challenge"

    def test_a_code_alone_is_nothing(self, stack, protected):
        person, app, _ = protected
        answer = stack.anonymous.post("/auth/login", {"email": person.email, "password": "wrong password", "otp": app.code()})
        assert refusal(answer) == (401, "invalid_credentials")

    def test_another_persons_code(self, stack, protected):
        person, _, _ = protected
        other = stack.user()
        app, codes = activate(stack, other)
        for otp in (app.code(), codes[0]):
            assert refusal(sign_in(stack, person, otp=otp)) == (401, "invalid_code")

    @pytest.mark.parametrize("otp", ["000000000", "abcdef", "ABCDE-FGHJK", "------", "      ", "１２３４５６"])
    def test_what_is_no_code(self, stack, protected, otp):
        assert refusal(sign_in(stack, protected[0], otp=otp)) == (401, "invalid_code")


class TestRecoveryCodes:
    def test_each_is_good_once(self, stack, protected):
        person, _, codes = protected
        assert sign_in(stack, person, otp=codes[0].replace("-", "").lower()).status_code == 200
        assert refusal(sign_in(stack, person, otp=codes[0])) == (401, "invalid_code")
        assert respond(stack, challenge(stack, person), codes[1]).status_code == 200
        assert person.get(FACTOR).json()["recovery_codes_left"] == 8

    def test_new_ones(self, stack, protected):
        person, app, codes = protected
        assert refusal(person.post(f"{FACTOR}/recovery-codes", {"code": codes[0]})) == (401, "invalid_code"), "one does not become ten"
        answer = person.post(f"{FACTOR}/recovery-codes", {"code": app.code()})
        assert answer.status_code == 200 and not set(answer.json()["recovery_codes"]) & set(codes)
        assert refusal(sign_in(stack, person, otp=codes[0])) == (401, "invalid_code")
        assert sign_in(stack, person, otp=answer.json()["recovery_codes"][0]).status_code == 200


class TestRemoval:
    @pytest.mark.parametrize("by", ["app", "recovery"])
    def test_with_password_and_code(self, stack, protected, by):
        person, app, codes = protected
        good = {"code": app.code() if by == "app" else codes[3], "current_password": PASSWORD}
        for changed, wanted in (
            ({"current_password": "wrong"}, (401, "invalid_credentials")),
            ({"current_password": None}, (403, "reauthentication_required")),
            ({"code": "ABCDE-FGHJK"}, (401, "invalid_code")),
        ):
            body = {name: value for name, value in {**good, **changed}.items() if value}
            assert refusal(person.delete(FACTOR, json=body)) == wanted
        assert person.delete(FACTOR, json=good).status_code == 200
        assert person.get(FACTOR).json()["active"] is False
        assert sign_in(stack, person).status_code == 200
        assert stack.rows("SELECT FROM recovery_codes WHERE user_id = %s", person.id) == []

    def test_begun_anew(self, stack, protected):
        person, app, codes = protected
        assert person.delete(FACTOR, json={"code": codes[0], "current_password": PASSWORD}).status_code == 200
        again, _ = activate(stack, person)
        assert refusal(sign_in(stack, person, otp=codes[1])) == (401, "invalid_code")
        assert refusal(sign_in(stack, person, otp=app.code())) == (401, "invalid_code")
        assert sign_in(stack, person, otp=again.code()).status_code == 200


class TestGuessing:
    def test_wrong_codes_are_slowed_down(self, stack, protected):
        """By a count of their own, which the right password does not clear."""
        person, app, _ = protected
        body = {"current_password": PASSWORD}
        for _ in range(10):
            assert refusal(person.delete(FACTOR, json={**body, "code": "ABCDE-FGHJK"})) == (401, "invalid_code")
        answer = person.delete(FACTOR, json={**body, "code": app.code()})
        assert refusal(answer) == (429, "sign_in_delayed") and 0 < int(answer.headers["Retry-After"]) <= 2
        assert refusal(person.post(f"{FACTOR}/recovery-codes", {"code": app.code()})) == (429, "sign_in_delayed")
        time.sleep(int(answer.headers["Retry-After"]))
        assert person.delete(FACTOR, json={**body, "code": app.code()}).status_code == 200

    def test_at_sign_in_too(self, stack, protected):
        person, app, _ = protected
        answers = [refusal(sign_in(stack, person, otp=wrong(app.at(0)))) for _ in range(13)]
        assert answers[0] == (401, "invalid_code") and answers[-1] == (429, "sign_in_delayed")

    def test_neither_password_nor_mailed_link_ends_the_count(self, stack, protected):
        """Whoever reads the mails must not get ten more guesses with each."""
        person, app, _ = protected
        stack.rows("UPDATE users SET is_verified = true WHERE id = %s", person.id)  # else the link would end the factor itself
        for _ in range(10):
            assert refusal(sign_in(stack, person, otp=wrong(app.at(0)))) == (401, "invalid_code")
        assert refusal(respond(stack, challenge(stack, person), app.at(0))) == (429, "sign_in_delayed")
        assert stack.anonymous.post("/auth/password/forgot", {"email": person.email}).status_code == 202
        link = Mails(stack).wait(person.email, RESET)
        body = {"token": link.token, "new_password": PASSWORD}
        assert stack.anonymous.post("/auth/password/reset", body).status_code == 200
        stack.rows("UPDATE sign_in_throttles SET failures = 20, failed_at = now() WHERE failures = 10")  # time for a look
        assert refusal(sign_in(stack, person, otp=app.at(0))) == (429, "sign_in_delayed")

    def test_a_wrong_code_is_noted_once(self, stack, protected):
        person, app, _ = protected
        sign_in(stack, person, otp=wrong(app.at(0)))
        respond(stack, challenge(stack, person), wrong(app.at(0)))
        person.post(f"{FACTOR}/recovery-codes", {"code": wrong(app.at(0))})
        failures = [detail for event, detail in events_of(stack, person) if event == "authn_login_fail"]
        assert failures == ["password: invalid_code", "second_factor: invalid_code", "second factor"]

    def test_answers_that_come_together_are_tried_one_by_one(self, stack, protected):
        person, app, _ = protected
        challenges = [challenge(stack, person) for _ in range(5)]
        for number in range(10):
            respond(stack, challenges[number // 5], wrong(app.at(0)))
        time.sleep(1.1)
        auth = stack.pid("auth-1")
        os.kill(auth, signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(lambda given: refusal(respond(stack, given, wrong(app.at(0)))), challenges[2 + number // 4]) for number in range(12)]
            time.sleep(0.5)
            os.kill(auth, signal.SIGCONT)
            answers = [answer.result() for answer in asked]
        assert sorted(answers) == [(401, "invalid_code")] + 11 * [(429, "sign_in_delayed")]


class TestAtRest:
    def test_nothing_can_be_read(self, stack, protected):
        person, app, codes = protected
        [(secret,)] = stack.rows("SELECT secret FROM second_factors WHERE user_id = %s", person.id)
        assert app.secret not in bytes(secret) and len(bytes(secret)) > 20 + 16
        hashes = [bytes(hash) for (hash,) in stack.rows("SELECT hash FROM recovery_codes WHERE user_id = %s", person.id)]
        plain = [hashlib.sha256(code.replace("-", "").encode()).digest() for code in codes]
        assert len(hashes) == 10 and not set(hashes) & set(plain), "fifty bits behind a plain hash could be searched"
        replies = b"".join(bytes(reply) for (reply,) in stack.rows("SELECT reply FROM commands WHERE created_at > now() - interval '1 minute'"))
        secrets = [base64.b32encode(app.secret).decode(), *codes]
        assert not [secret for secret in secrets if secret.encode() in replies or secret in stack.logs()]

    def test_a_secret_is_bound_to_its_owner(self, stack, protected):
        person, _, _ = protected
        other = stack.user()
        app, _ = activate(stack, other)
        stack.rows("UPDATE second_factors SET secret = (SELECT secret FROM second_factors WHERE user_id = %s) WHERE user_id = %s", other.id, person.id)
        assert refusal(sign_in(stack, person, otp=app.code())) == (401, "invalid_code")
        assert sign_in(stack, other, otp=app.code()).status_code == 200

    def test_events(self, stack, protected):
        person, app, codes = protected
        sign_in(stack, person, otp="ABCDE-FGHJK")
        sign_in(stack, person, otp=codes[0])
        new = person.post(f"{FACTOR}/recovery-codes", {"code": app.code()}).json()["recovery_codes"]
        person.delete(FACTOR, json={"code": new[0], "current_password": PASSWORD})
        noted = events_of(stack, person)
        details = [detail for event, detail in noted if event == "user_updated"]
        assert details == [
            "second factor begun", "second factor activated", "recovery code used", "recovery codes renewed", "recovery code used", "second factor removed"
        ]  # fmt: skip
        assert [event for event, _ in noted].count("authn_login_fail") == 1
        assert not [detail for _, detail in noted if any(code in detail for code in codes + new)]

    def test_mails(self, stack, protected):
        """Whoever did not do it themselves hears of it."""
        person, app, codes = protected
        person.post(f"{FACTOR}/recovery-codes", {"code": app.code()})
        person.delete(FACTOR, json={"code": app.code(), "current_password": PASSWORD})
        person.post("/profile/keys", {"name": "import", "scopes": ["read"], "current_password": PASSWORD})
        subjects = ("A second factor protects your account", "New recovery codes for your account")
        subjects += ("The second factor of your account was removed", "A new API key for your account")
        for subject in subjects:
            mail = Mails(stack).wait(person.email, subject)
            assert not [code for code in codes if code in mail.text] and "tk_" not in mail.text


@pytest.fixture(scope="module")
def enforced():
    stack = start_stack({"SECOND_FACTOR_REQUIRED": "facilitator, admin"}, ["--workers", "auth=2"])
    yield stack
    stop_stack(stack)


def sign_in_again(stack, person, **fields):
    answer = sign_in(stack, person, **fields)
    assert answer.status_code == 200, answer.text
    return Person(stack.base_url, person.email, answer.json()), answer.json()


class TestEnforced:
    def test_a_user_until_it_is_active(self, enforced):
        email = enforced.register("facilitator")["email"]
        answer = enforced.anonymous.post("/auth/login", {"email": email, "password": PASSWORD}).json()
        person = Person(enforced.base_url, email, answer)
        assert answer["second_factor_setup_required"] is True and answer["user"]["role"] == "facilitator"
        assert claims_of(person.token)["role"] == "user"
        assert person.get(FACTOR).json()["required"] is True
        assert person.post("/events", EVENT).status_code == 403
        app, codes = activate(enforced, person)
        assert person.post("/events", EVENT).status_code == 403, "until the next token"
        answer = enforced.anonymous.post("/auth/refresh", headers=bearer(person.refresh_token)).json()
        assert "second_factor_setup_required" not in answer and claims_of(answer["access_token"])["role"] == "facilitator"
        assert Client(enforced.base_url, answer["access_token"]).post("/events", EVENT).status_code == 201
        body = {"code": codes[0], "current_password": PASSWORD}
        assert refusal(person.delete(FACTOR, json=body)) == (409, "second_factor_enforced")
        assert sign_in(enforced, person, otp=app.code()).status_code == 200

    def test_nothing_of_others_until_then(self, enforced):
        """Who made the events does not see or cancel what people have booked there."""
        owner = enforced.facilitator()
        app, _ = activate(enforced, owner)
        able, _ = sign_in_again(enforced, owner, otp=app.code())
        guest = enforced.user()
        booking = enforced.book(guest, enforced.event(able))["id"]
        for client, wanted in ((owner, (404, "booking_not_found")), (able, None)):
            for method, path in (("GET", ""), ("GET", "/refund-quote"), ("POST", "/cancel")):
                answer = client.request(method, f"/bookings/{booking}{path}")
                assert (None if answer.ok else refusal(answer)) == wanted, (method, path)

    def test_a_user_needs_none(self, enforced):
        answer = sign_in(enforced, enforced.user()).json()
        assert "second_factor_setup_required" not in answer

    def test_keys_have_no_more(self, enforced):
        person = enforced.facilitator()
        body = {"name": "import", "scopes": ["events"], "current_password": PASSWORD}
        key = Client(enforced.base_url, person.post("/profile/keys", body).json()["key"])
        assert key.post("/events", EVENT).status_code == 403
        activate(enforced, person)
        wait_until(lambda: key.get("/events").status_code == 401, "end of what a password alone has made")
        later = Client(enforced.base_url, person.post("/profile/keys", body).json()["key"])
        assert later.post("/events", EVENT).status_code == 201

    def test_administrators_take_it_away(self, enforced):
        email = enforced.register()["email"]
        enforced.operator("user", "role", email, "admin")
        admin = enforced.login(email)
        assert admin.get("/admin/users").status_code == 403
        app, _ = activate(enforced, admin)
        admin, _ = sign_in_again(enforced, admin, otp=app.code())
        person = enforced.facilitator()
        app, _ = activate(enforced, person)
        person, _ = sign_in_again(enforced, person, otp=app.code())
        body = {"name": "import", "scopes": ["events"], "current_password": PASSWORD}
        key = Client(enforced.base_url, person.post("/profile/keys", body).json()["key"])
        assert key.post("/events", EVENT).status_code == person.post("/events", EVENT).status_code == 201
        answer = admin.put(f"/admin/users/{person.id}", {"second_factor": "removed"})
        assert answer.status_code == 200 and answer.json()["user"]["second_factor"] is False
        assert person.get("/profile").status_code == key.post("/events", EVENT).status_code == 401
        person, answer = sign_in_again(enforced, person)
        assert answer["second_factor_setup_required"] is True and person.post("/events", EVENT).status_code == 403
        assert refusal(admin.put(f"/admin/users/{admin.id}", {"second_factor": "removed"})) == (409, "own_role")


def test_one_code_and_many_at_once(enforced):
    """Two auth workers do not both take it."""
    for by in ("app", "recovery"):
        person = enforced.user()
        app, codes = activate(enforced, person)
        otp = app.code() if by == "app" else codes[0]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: sign_in(enforced, person, otp=otp).status_code, range(8)))
        assert answers.count(200) == 1 and set(answers) == {200, 401}


def test_answers_while_sessions_end(enforced):
    """Both change account, challenges and sessions: in one order."""
    people = [enforced.user() for _ in range(6)]
    codes = {person.email: activate(enforced, person)[1] for person in people}
    before = deadlocks(enforced)
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        for turn in range(4):
            given = {person.email: challenge(enforced, person) for person in people}
            answers = [pool.submit(respond, enforced, given[person.email], codes[person.email][turn]) for person in people]
            ends = [pool.submit(person.delete, "/auth/sessions?keep_current=true") for person in people]
            assert {answer.result().status_code for answer in answers} <= {200, 401}
            assert {end.result().status_code for end in ends} == {200}
    assert deadlocks(enforced) == before


def test_what_is_confirmed_is_what_was_shown_last(enforced):
    for number in range(6):
        person = enforced.user()
        former = App(enforced, person, begin(person)["secret"])
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            again = pool.submit(begin_again, person)
            time.sleep(0.004 * number)
            confirmed = person.post(f"{FACTOR}/confirm", {"code": former.code()})
        if again.result().status_code == 201:
            assert refusal(confirmed) == (401, "invalid_code")
        else:
            assert confirmed.status_code == 200 and sign_in(enforced, person, otp=former.code()).status_code == 200


def test_a_new_signing_key(enforced):
    """Secrets are sealed anew by the first auth worker that has the new key, and outlive the old one."""
    person = enforced.user()
    app, codes = activate(enforced, person)
    for settings in ({"JWT_SECRET_KEY": NEW_KEY, "JWT_PREVIOUS_SECRET_KEY": JWT_KEY}, {"JWT_PREVIOUS_SECRET_KEY": None}):
        restart_stack(enforced, settings)
        assert sign_in(enforced, person, otp=app.code()).status_code == 200
        assert sign_in(enforced, person, otp=codes.pop()).status_code == 200
