"""One-time links by mail: verifying an address, resetting a password, changing the address; what a link is good for and when no more, who
is told what, and that nothing but the mail holds a token. How mails leave: failure/test_account_mail.py."""

import concurrent.futures
import json

import pytest

from harness import PASSWORD, refusal, start_stack, stop_stack, unique, wait_until
from mails import ABOUT_TO_CHANGE, CHANGE, CHANGED, PASSWORD_CHANGED, RESET, TAKEN, VERIFY, Mails
from test_api_keys import machine
from test_second_factor import activate, challenge, respond

NEW_PASSWORD = "another password for tests"
INVALID = (400, "link_invalid")


@pytest.fixture(scope="module")
def mails(stack):
    return Mails(stack)


def another_minute(stack):
    """As if what was asked for had been asked for in another minute."""
    stack.rows("UPDATE outbox SET cause = webhook_id WHERE channel = 'account_mail'")


def nothing_waits(stack):
    wait_until(lambda: stack.rows("SELECT count(*) FROM outbox WHERE channel = 'account_mail' AND state = 'due'") == [(0,)], "mails to leave")


def verify(stack, token):
    return stack.anonymous.post("/auth/email/verify", {"token": token})


def forgot(stack, address):
    answer = stack.anonymous.post("/auth/password/forgot", {"email": address})
    assert answer.status_code == 202, answer.text
    return answer


def reset(stack, token, password=NEW_PASSWORD):
    return stack.anonymous.post("/auth/password/reset", {"token": token, "new_password": password})


def is_verified(person):
    return person.get("/profile").json()["is_verified"]


class TestVerification:
    def test_registering_mails_a_link_that_verifies_once(self, stack, mails):
        person = stack.user()
        assert not is_verified(person)
        mail = mails.wait(person.email, VERIFY)
        assert (mail.site, mail.task) == (stack.base_url, "verify")
        assert "good for 24 hours, once" in mail.text
        assert verify(stack, mail.token).status_code == 200
        assert is_verified(person)
        assert refusal(verify(stack, mail.token)) == INVALID

    def test_a_stranger_s_name_is_in_no_mail(self, stack, mails):
        """Whoever registers an address that is not theirs sends mail to somebody who does not know them."""
        person = stack.user(name="Win a prize at evil.example")
        mail = mails.wait(person.email, VERIFY)
        assert mail.text.startswith(f"Hello {person.email},\n")
        assert "prize" not in str(mail.message)

    def test_it_can_be_asked_for_again_once_a_minute(self, stack, mails):
        person = stack.user()
        first = mails.wait(person.email, VERIFY)
        answers = [person.post("/auth/email/verification") for _ in range(3)]
        assert {answer.status_code for answer in answers} == {202}
        nothing_waits(stack)
        assert len(mails.to(person.email)) <= 2  # a minute may have begun meanwhile
        another_minute(stack)
        count = len(mails.to(person.email))
        person.post("/auth/email/verification")
        again = mails.wait(person.email, VERIFY, count + 1)
        assert again.token != first.token
        assert verify(stack, first.token).status_code == verify(stack, again.token).status_code == 200

    def test_what_is_verified_is_not_mailed_again(self, stack, mails):
        person = stack.user()
        pending = person.post("/auth/email/verification").json()
        assert verify(stack, mails.wait(person.email, VERIFY).token).status_code == 200
        another_minute(stack)
        count = len(mails.to(person.email))
        assert person.post("/auth/email/verification").json() == pending
        nothing_waits(stack)
        assert len(mails.to(person.email)) == count

    def test_nobody_signed_in_asks_for_nothing(self, stack):
        assert refusal(stack.anonymous.post("/auth/email/verification"))[0] == 401

    @pytest.mark.parametrize("token", ["x", "A" * 43, "../../etc/passwd", "'; DROP TABLE users; --", "ü" * 100])
    def test_what_is_no_token_is_refused(self, stack, token):
        assert refusal(verify(stack, token)) == refusal(reset(stack, token)) == INVALID

    def test_a_link_is_good_for_its_purpose_only(self, stack, mails):
        person = stack.user()
        forgot(stack, person.email)
        to_verify, to_reset = mails.wait(person.email, VERIFY), mails.wait(person.email, RESET)
        assert refusal(reset(stack, to_verify.token)) == refusal(verify(stack, to_reset.token)) == INVALID
        assert not is_verified(person)
        assert verify(stack, to_verify.token).status_code == reset(stack, to_reset.token).status_code == 200

    def test_an_inactive_account_s_links_are_void(self, stack, mails):
        person = stack.user()
        forgot(stack, person.email)
        tokens = mails.wait(person.email, VERIFY).token, mails.wait(person.email, RESET).token
        stack.rows("UPDATE users SET is_active = false WHERE id = %s", person.id)
        assert refusal(verify(stack, tokens[0])) == refusal(reset(stack, tokens[1])) == INVALID


class TestReset:
    def test_it_sets_the_password_and_ends_what_was_open(self, stack, mails):
        person = stack.user()
        elsewhere = stack.login(person.email)
        forgot(stack, person.email.upper())
        mail = mails.wait(person.email, RESET)
        assert mail.task == "reset" and "good for 1 hour, once" in mail.text
        assert stack.login(person.email)  # the old password is good until it is replaced
        assert reset(stack, mail.token).status_code == 200
        for session in (person, elsewhere):
            assert session.get("/profile").status_code == 401
            assert stack.anonymous.post("/auth/refresh", {"refresh_token": session.refresh_token}).status_code == 401
        old = stack.anonymous.post("/auth/login", {"email": person.email, "password": PASSWORD})
        assert refusal(old) == (401, "invalid_credentials")
        assert is_verified(stack.login(person.email, NEW_PASSWORD))  # the mail has come, so the address is theirs
        assert mails.wait(person.email, PASSWORD_CHANGED).text.startswith("Hello Test user,\n")
        assert refusal(reset(stack, mail.token)) == INVALID
        events = stack.rows("SELECT event FROM security_events WHERE user_id = %s", person.id)
        assert {("authn_password_change",), ("authn_token_created",)} <= set(events)

    def test_a_second_factor_stays_and_what_waits_for_it_ends(self, stack, mails):
        person = stack.user()
        assert verify(stack, mails.wait(person.email, VERIFY).token).status_code == 200
        app, _ = activate(stack, person)
        given = challenge(stack, person)
        forgot(stack, person.email)
        assert reset(stack, mails.wait(person.email, RESET).token).status_code == 200
        assert refusal(respond(stack, given, app.code())) == (401, "invalid_code")
        credentials = {"email": person.email, "password": NEW_PASSWORD}
        assert refusal(stack.anonymous.post("/auth/login", credentials)) == (401, "second_factor_required")
        assert stack.anonymous.post("/auth/login", {**credentials, "otp": app.code()}).status_code == 200

    def test_keys_end_where_nobody_had_verified_the_address(self, stack, mails):
        """Else whoever registers somebody's address goes on acting for them once they have taken the account."""
        stranger, owner = stack.user(), stack.user()
        assert verify(stack, mails.wait(owner.email, VERIFY).token).status_code == 200
        machines = [machine(person) for person in (stranger, owner)]
        for person in (stranger, owner):
            forgot(stack, person.email)
            assert reset(stack, mails.wait(person.email, RESET).token).status_code == 200
        assert [machine.get("/bookings").status_code for machine in machines] == [401, 200]

    def test_nothing_stays_of_who_registered_another_s_address(self, stack, mails):
        """The owner comes in with the new password alone, and bookings are announced to nobody."""
        stranger = stack.facilitator()
        activate(stack, stranger)
        assert stranger.put("/profile", {"crm_webhook_url": "http://127.0.0.1:9/hook"}).status_code == 200
        assert stranger.post("/webhooks", {"url": "http://127.0.0.1:9/hook"}).status_code == 201
        assert stranger.post("/auth/email", {"email": f"{unique('new')}@example.com", "current_password": PASSWORD}).status_code == 202
        forgot(stack, stranger.email)
        assert reset(stack, mails.wait(stranger.email, RESET).token).status_code == 200
        owner = stack.login(stranger.email, NEW_PASSWORD)
        profile = owner.get("/profile").json()
        assert owner.id == stranger.id and profile["is_verified"] and profile["crm_webhook_url"] is None
        assert stranger.get("/profile").status_code == 401
        assert owner.get("/webhooks").json() == {"endpoints": []}
        for table in ("second_factors", "recovery_codes", "one_time_tokens"):
            assert not stack.rows(f"SELECT * FROM {table} WHERE user_id = %s", owner.id)
        assert mails.wait(owner.email, PASSWORD_CHANGED)

    def test_outside_identities_are_unlinked(self, stack, mails):
        person = stack.user()
        assert verify(stack, mails.wait(person.email, VERIFY).token).status_code == 200
        stack.rows("INSERT INTO identities (issuer, subject, user_id, email) VALUES ('https://id.example', %s, %s, '')", person.email, person.id)
        forgot(stack, person.email)
        assert reset(stack, mails.wait(person.email, RESET).token).status_code == 200
        assert not stack.rows("SELECT * FROM identities WHERE user_id = %s", person.id)
        noted = stack.rows("SELECT detail FROM security_events WHERE user_id = %s AND event = 'user_updated'", person.id)
        assert ("unlinked from Google",) in noted

    def test_the_log_says_who_asked_for_a_link(self, stack, mails):
        person, request_id = stack.user(), unique("asked")
        answer = stack.anonymous.post("/auth/password/forgot", {"email": person.email}, headers={"X-Request-Id": request_id})
        assert answer.status_code == 202
        mails.wait(person.email, RESET)
        noted = stack.rows("SELECT event, user_id, address FROM security_events WHERE request_id = %s", request_id)
        assert noted == [("authn_token_created", person.id, "127.0.0.1")]

    def test_it_ends_the_delays_of_failed_sign_ins(self, stack, mails):
        person = stack.user()
        guesses = [stack.anonymous.post("/auth/login", {"email": person.email, "password": f"guess {number}"}) for number in range(13)]
        assert refusal(guesses[-1]) == (429, "sign_in_delayed")
        forgot(stack, person.email)
        assert reset(stack, mails.wait(person.email, RESET).token).status_code == 200
        assert stack.login(person.email, NEW_PASSWORD)

    def test_the_first_of_two_links_voids_the_second(self, stack, mails):
        person = stack.user()
        forgot(stack, person.email)
        first = mails.wait(person.email, RESET)
        another_minute(stack)
        forgot(stack, person.email)
        second = mails.wait(person.email, RESET, 2)
        assert reset(stack, first.token).status_code == 200
        assert refusal(reset(stack, second.token, PASSWORD)) == INVALID
        another_minute(stack)
        forgot(stack, person.email)
        assert reset(stack, mails.wait(person.email, RESET, 3).token).status_code == 200

    def test_a_changed_password_voids_it(self, stack, mails):
        person = stack.user()
        forgot(stack, person.email)
        mail = mails.wait(person.email, RESET)
        changed = person.post("/auth/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
        assert changed.status_code == 200, changed.text
        assert refusal(reset(stack, mail.token)) == INVALID
        mails.wait(person.email, PASSWORD_CHANGED)

    def test_a_refused_password_does_not_cost_the_link(self, stack, mails):
        person = stack.user()
        forgot(stack, person.email)
        mail = mails.wait(person.email, RESET)
        assert refusal(reset(stack, mail.token, "short")) == (400, "validation_error")
        assert reset(stack, mail.token).status_code == 200

    def test_somebody_unknown_gets_the_same_answer_and_no_mail(self, stack, mails):
        person, nobody = stack.user(), f"{unique('nobody')}@example.com"
        inactive = stack.user()
        stack.rows("UPDATE users SET is_active = false WHERE id = %s", inactive.id)
        answers = [forgot(stack, address) for address in (person.email, nobody, inactive.email)]
        assert len({answer.text for answer in answers}) == 1
        varying = {"Date", "X-Request-Id", "RateLimit"}
        assert len({tuple(sorted((k, v) for k, v in answer.headers.items() if k not in varying)) for answer in answers}) == 1
        mails.wait(person.email, RESET)
        nothing_waits(stack)
        assert not mails.to(nobody)
        assert RESET not in [mail.subject for mail in mails.to(inactive.email)]
        rows = stack.rows(
            "SELECT state, attempts, last_error, owner_id FROM outbox WHERE type = 'account.reset' AND body::json ->> 'email' = ANY (%s)",
            [person.email, nobody, inactive.email],
        )
        assert len(rows) == 3 and len(set(rows)) == 1

    def test_one_mail_a_minute(self, stack, mails):
        person = stack.user()
        for address in (person.email, person.email.upper(), person.email):
            forgot(stack, address)
        mails.wait(person.email, RESET)
        nothing_waits(stack)
        assert len([mail for mail in mails.to(person.email) if mail.subject == RESET]) <= 2  # a minute may have begun


class TestChange:
    @staticmethod
    def ask(person, address, password=PASSWORD):
        return person.post("/auth/email", {"email": address, "current_password": password})

    def test_the_new_address_counts_once_its_link_is_followed(self, stack, mails):
        person, new = stack.user(), f"{unique('new')}@example.com"
        old = person.email
        assert self.ask(person, new).status_code == 202
        mail = mails.wait(new, CHANGE)
        assert mail.task == "email" and old not in str(mail.message) and person.name not in str(mail.message)
        assert new not in mails.wait(old, ABOUT_TO_CHANGE).text
        assert person.get("/profile").json()["email"] == old
        assert verify(stack, mail.token).status_code == 200
        profile = person.get("/profile").json()
        assert (profile["email"], profile["is_verified"]) == (new, True)
        assert new not in mails.wait(old, CHANGED).text
        assert stack.login(new)
        assert refusal(stack.anonymous.post("/auth/login", {"email": old, "password": PASSWORD})) == (401, "invalid_credentials")
        assert refusal(verify(stack, mail.token)) == INVALID
        assert refusal(verify(stack, mails.wait(old, VERIFY).token)) == INVALID  # proves the former address only
        assert ("user_updated", "address changed") in stack.rows("SELECT event, detail FROM security_events WHERE user_id = %s", person.id)

    def test_it_takes_the_password(self, stack, mails):
        person, new = stack.user(), f"{unique('new')}@example.com"
        assert refusal(self.ask(person, new, "wrong password")) == (401, "invalid_credentials")
        nothing_waits(stack)
        assert not mails.to(new)

    def test_whoever_has_the_address_is_told_and_nobody_else(self, stack, mails):
        person, holder, free = stack.user(), stack.user(), f"{unique('free')}@example.com"
        taken = self.ask(person, holder.email.upper())
        mail = mails.wait(holder.email, TAKEN)  # before another wish makes it void
        another_minute(stack)
        assert (taken.status_code, taken.text) == (202, self.ask(person, free).text)
        assert mail.token is None and person.email not in str(mail.message) and person.name not in mail.text
        nothing_waits(stack)
        assert CHANGE not in [mail.subject for mail in mails.to(holder.email)]
        assert person.get("/profile").json()["email"] == person.email

    def test_the_last_one_asked_for_counts(self, stack, mails):
        """Within a minute, too: whoever mistyped an address must be able to keep its owner out."""
        person, wrong, right = stack.user(), f"{unique('wrong')}@example.com", f"{unique('right')}@example.com"
        assert self.ask(person, wrong).status_code == 202
        void = mails.wait(wrong, CHANGE)
        assert self.ask(person, right).status_code == 202
        good = mails.wait(right, CHANGE)
        assert refusal(verify(stack, void.token)) == INVALID
        assert self.ask(person, right.upper()).status_code == 202  # asked for again: the link that is there stays good
        assert verify(stack, good.token).status_code == 200
        assert person.get("/profile").json()["email"] == right
        noted = stack.rows("SELECT count(*) FROM security_events WHERE user_id = %s AND detail = 'change of address asked for'", person.id)
        assert noted == [(3,)]

    def test_one_s_own_address_changes_nothing(self, stack, mails):
        person = stack.user()
        assert self.ask(person, person.email.upper()).status_code == 202
        nothing_waits(stack)
        assert [mail.subject for mail in mails.to(person.email)] == [VERIFY]

    def test_who_was_faster_keeps_it(self, stack, mails):
        person, new = stack.user(), f"{unique('new')}@example.com"
        self.ask(person, new)
        mail = mails.wait(new, CHANGE)
        other = stack.login(stack.register(email=new.upper())["email"])
        assert refusal(verify(stack, mail.token)) == INVALID
        assert person.get("/profile").json()["email"] == person.email
        assert other.get("/profile").json()["email"] == new.upper()

    def test_a_changed_password_voids_it(self, stack, mails):
        """Whoever asked knew the old one."""
        person, new = stack.user(), f"{unique('new')}@example.com"
        self.ask(person, new)
        mail = mails.wait(new, CHANGE)
        forgot(stack, person.email)
        assert reset(stack, mails.wait(person.email, RESET).token).status_code == 200
        assert refusal(verify(stack, mail.token)) == INVALID

    def test_what_waits_when_the_password_changes_is_not_mailed(self, stack, mails):
        person, new = stack.user(), f"{unique('new')}@example.com"
        nothing_waits(stack)
        connection = stack.database()
        connection.cursor().execute("LOCK TABLE one_time_tokens IN SHARE MODE")  # the sender waits for its token
        body = json.dumps({"kind": "email_change", "user_id": person.id, "email": new})
        asked = "INSERT INTO outbox (channel, owner_id, type, cause, body) VALUES ('account_mail', %s, 'account.email_change', %s, %s)"
        stack.rows(asked, person.id, unique("cause"), body)
        stack.rows("UPDATE credentials SET changed_at = clock_timestamp() WHERE user_id = %s", person.id)
        connection.close()
        nothing_waits(stack)
        for mail in mails.to(new):  # it may have been judged before
            assert refusal(verify(stack, mail.token)) == INVALID


class TestAtOnce:
    """Several auth workers meet at the same rows."""

    @pytest.fixture(scope="class")
    def stack(self):
        stack = start_stack({"CRM_WEBHOOK_URL": ""}, ["--workers", "auth=3"])
        yield stack
        stop_stack(stack)

    @pytest.fixture(scope="class")
    def mails(self, stack):
        return Mails(stack)

    def test_of_twelve_at_once_one_is_served(self, stack, mails):
        person = stack.user()
        forgot(stack, person.email)
        token = mails.wait(person.email, RESET).token
        passwords = [f"{NEW_PASSWORD} {number}" for number in range(12)]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda password: reset(stack, token, password), passwords))
        (number,) = [number for number, answer in enumerate(answers) if answer.status_code == 200]
        assert {refusal(answer) for answer in answers if answer is not answers[number]} == {INVALID}
        assert stack.login(person.email, passwords[number])

    def test_of_several_links_at_once_one_is_served(self, stack, mails):
        """They are of one account, and the first that is used voids the others."""
        person = stack.user()
        for number in range(1, 5):
            forgot(stack, person.email)
            mails.wait(person.email, RESET, number)
            another_minute(stack)
        tokens = [mail.token for mail in mails.to(person.email) if mail.subject == RESET]
        assert len(set(tokens)) == 4
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda token: reset(stack, token), tokens))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]

    def test_an_address_goes_to_one_of_those_who_want_it(self, stack, mails):
        people, new = [stack.user() for _ in range(6)], f"{unique('new')}@example.com"
        for number, person in enumerate(people, 1):
            TestChange.ask(person, new)
            mails.wait(new, CHANGE, number)
        tokens = [mail.token for mail in mails.to(new)]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda token: verify(stack, token), tokens))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 5
        assert [person.get("/profile").json()["email"] for person in people].count(new) == 1


def test_tokens_stand_in_the_mail_only(stack, mails):
    person, new = stack.user(), f"{unique('new')}@example.com"
    forgot(stack, person.email)
    TestChange.ask(person, new)
    tokens = [mails.wait(person.email, VERIFY).token, mails.wait(person.email, RESET).token, mails.wait(new, CHANGE).token]
    nothing_waits(stack)
    connection = stack.database()
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT format('SELECT t::text FROM %I t', relname) FROM pg_class"
                       " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")  # fmt: skip
        everything = ""
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)
            everything += "\n".join(row for (row,) in cursor.fetchall())
        cursor.execute("SELECT count(*) FROM one_time_tokens WHERE hash = ANY (SELECT sha256(t::bytea) FROM unnest(%s) t)", [tokens])
        assert cursor.fetchone() == (3,)
    connection.close()
    assert person.email in everything
    logs = stack.logs()
    assert verify(stack, tokens[0]).status_code == 200
    logs += stack.logs()
    for token in tokens:
        assert token not in everything and token not in logs
        assert token.encode().hex() not in everything
