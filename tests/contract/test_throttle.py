"""Guessing passwords becomes slow, for the account, from the address and over all, and never locks anybody out for good."""

import concurrent.futures
import hashlib
import os
import signal
import time

import pytest

from harness import PASSWORD, Client, refusal, start_stack, stop_stack, unique

FREE = 10  # failures that delay nothing
WRONG = (401, "invalid_credentials")
DELAYED = (429, "sign_in_delayed")


@pytest.fixture(scope="module")
def house():
    """Whose clients come from where they say."""
    stack = start_stack({"TRUSTED_PROXIES": "127.0.0.1"})
    yield stack
    stop_stack(stack)


_addresses = iter(f"198.51.{third}.{fourth}" for third in range(256) for fourth in range(1, 255))


@pytest.fixture
def here():
    """An address that nobody has used."""
    return next(_addresses)


there = here


def log_in(stack, email, password, address):
    body = {"email": email, "password": password}
    return stack.anonymous.post("/auth/login", body, headers={"X-Forwarded-For": address})


def guess(stack, email, address, times=1):
    """The last of so many wrong ones."""
    for number in range(times):
        answer = log_in(stack, email, f"guess {number}", address)
    return answer


def account_key(email):
    return "account:" + hashlib.sha256(email.lower().encode()).hexdigest()


def set_failures(stack, key, failures, seconds_ago=0):
    stack.rows(
        "INSERT INTO sign_in_throttles VALUES (%s, %s, now() - make_interval(secs => %s))"
        " ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, failed_at = excluded.failed_at",
        *(key, failures, seconds_ago),
    )


def failures_of(stack, key):
    rows = stack.rows("SELECT failures FROM sign_in_throttles WHERE key = %s", key)
    return rows[0][0] if rows else 0


def events_of(stack, user_id, event):
    return stack.rows("SELECT detail, address, request_id FROM security_events WHERE user_id = %s AND event = %s ORDER BY id", user_id, event)


@pytest.fixture
def account(house):
    """Somebody who has not signed in from anywhere yet."""
    body = house.register()
    ((body["id"],),) = house.rows("SELECT id FROM users WHERE email = %s", body["email"])
    return body


@pytest.fixture(params=["known", "unknown"])
def email(request, house):
    return house.register()["email"] if request.param == "known" else f"{unique('nobody')}@example.com"


class TestAccount:
    def test_after_ten_failures_each_attempt_waits_twice_as_long(self, house, email, here):
        """Told alike whether there is an account or not."""
        for _ in range(FREE):
            assert refusal(guess(house, email, here)) == WRONG
        answer = guess(house, email, here)
        assert refusal(answer) == DELAYED and answer.headers["Retry-After"] == "1"
        assert answer.json()["error"] == "Too many failed attempts; try again later"
        for wait in (1, 2):
            time.sleep(wait)
            assert refusal(guess(house, email, here)) == WRONG
            answer = guess(house, email, here)
            assert refusal(answer) == DELAYED and int(answer.headers["Retry-After"]) == 2 * wait

    def test_refused_attempts_do_not_count(self, house, email, here):
        guess(house, email, here, FREE + 5)
        assert failures_of(house, account_key(email)) == FREE

    @pytest.mark.parametrize("failures", [20, 35, 1e6])
    def test_never_more_than_a_quarter_of_an_hour(self, house, email, here, failures):
        set_failures(house, account_key(email), failures)
        answer = guess(house, email, here)
        assert refusal(answer) == DELAYED and 890 <= int(answer.headers["Retry-After"]) <= 900

    def test_it_ends_by_itself_and_by_a_success(self, house, account, here):
        set_failures(house, account_key(account["email"]), 30, seconds_ago=901)
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200
        assert failures_of(house, account_key(account["email"])) == 0

    def test_a_success_counts_among_failures_of_the_same_moment(self, house, account, here):
        """What waited for an auth worker is answered together."""
        set_failures(house, account_key(account["email"]), 5)
        auth = house.pid("auth-1")
        os.kill(auth, signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            passwords = ["wrong", "wrong", PASSWORD, "wrong"]
            asked = [pool.submit(log_in, house, account["email"], password, here) for password in passwords]
            time.sleep(0.5)
            os.kill(auth, signal.SIGCONT)
            assert [answer.result().status_code for answer in asked] == [401, 401, 200, 401]
        assert failures_of(house, account_key(account["email"])) <= 3  # those behind the success

    def test_the_right_password_waits_as_well(self, house, account, here):
        guess(house, account["email"], here, FREE)
        assert refusal(log_in(house, account["email"], PASSWORD, here)) == DELAYED
        time.sleep(1)
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200
        assert refusal(guess(house, account["email"], here, FREE - 1)) == WRONG

    def test_after_an_hour_it_is_forgotten(self, house, account, here):
        set_failures(house, account_key(account["email"]), 50, seconds_ago=3601)
        assert refusal(guess(house, account["email"], here, 2)) == WRONG
        assert failures_of(house, account_key(account["email"])) == 2

    def test_case_and_aliases_make_no_difference(self, house, account, here, there):
        guess(house, account["email"], here, FREE)
        assert refusal(guess(house, account["email"].upper(), there)) == DELAYED
        body = {"email": account["email"], "password": PASSWORD}
        for path in ("/api/auth/login", "/session"):
            headers = {"X-Forwarded-For": there, "Sec-Fetch-Site": "same-origin"}
            assert refusal(house.anonymous.post(path, body, headers=headers)) == DELAYED

    def test_other_accounts_are_not_concerned(self, house, account, here):
        guess(house, account["email"], here, FREE + 1)
        other = house.register()
        assert log_in(house, other["email"], PASSWORD, here).status_code == 200

    def test_many_at_once_are_made_one_by_one(self, house, account, here):
        guess(house, account["email"], here, FREE)
        time.sleep(1)
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: refusal(log_in(_client(house), account["email"], "wrong!", here)), range(24)))
        assert set(answers) == {WRONG, DELAYED} and answers.count(WRONG) <= 3

    def test_it_is_noted_once_per_failure(self, house, account, here):
        guess(house, account["email"], here, FREE + 5)
        (noted,) = events_of(house, account["id"], "authn_login_lock")
        assert noted[:2] == ("no attempt for the account for 1 s", here) and noted[2]
        assert len(events_of(house, account["id"], "authn_login_fail")) == FREE


def _client(stack):
    """With connections of its own."""

    class Own:
        anonymous = Client(stack.base_url)

    return Own


class TestKnownAddress:
    def test_others_do_not_delay_it(self, house, account, here, there):
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200
        guess(house, account["email"], there, FREE + 1)
        assert refusal(log_in(house, account["email"], PASSWORD, there)) == DELAYED
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200

    def test_it_has_a_count_of_its_own(self, house, account, here, there):
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200
        assert refusal(guess(house, account["email"], here, FREE + 1)) == DELAYED
        assert refusal(guess(house, account["email"], there)) == WRONG
        assert failures_of(house, f"{account_key(account['email'])}@{here}") == FREE
        assert failures_of(house, account_key(account["email"])) == 1

    def test_its_success_ends_its_own_count_only(self, house, account, here, there):
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200
        guess(house, account["email"], there, 4)
        guess(house, account["email"], here, 3)
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200
        assert failures_of(house, f"{account_key(account['email'])}@{here}") == 0
        assert failures_of(house, account_key(account["email"])) == 4

    def test_for_thirty_days(self, house, account, here, there):
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200
        house.rows("UPDATE sessions SET created_at = now() - interval '31 days' WHERE user_id = %s", account["id"])
        guess(house, account["email"], there, FREE + 1)
        assert refusal(log_in(house, account["email"], PASSWORD, here)) == DELAYED

    def test_of_ipv6_the_network_counts(self, house, account, here):
        assert log_in(house, account["email"], PASSWORD, "2001:db8:5:6::1").status_code == 200
        guess(house, account["email"], here, FREE + 1)
        assert log_in(house, account["email"], PASSWORD, "2001:db8:5:6:ffff::2").status_code == 200
        guess(house, account["email"], here, FREE + 1)
        assert refusal(log_in(house, account["email"], PASSWORD, "2001:db8:5:7::1")) == DELAYED


class TestAddress:
    def test_too_many_accounts_from_one_address(self, house, account, here, there):
        set_failures(house, f"address:{here}", 603)
        answer = guess(house, f"{unique('nobody')}@example.com", here)
        assert refusal(answer) == DELAYED and int(answer.headers["Retry-After"]) in (7, 8)
        assert refusal(log_in(house, account["email"], PASSWORD, here)) == DELAYED
        assert log_in(house, account["email"], PASSWORD, there).status_code == 200

    def test_who_is_known_there_gets_in(self, house, account, here):
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200
        set_failures(house, f"address:{here}", 610)
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200

    def test_failures_are_forgotten_evenly(self, house, here):
        set_failures(house, f"address:{here}", 300, seconds_ago=600)
        guess(house, f"{unique('nobody')}@example.com", here)
        assert 200 <= failures_of(house, f"address:{here}") <= 202  # 600 in an hour are 100 in ten minutes

    def test_ipv6_by_network(self, house):
        guess(house, f"{unique('nobody')}@example.com", "2001:db8:77:1::1")
        guess(house, f"{unique('nobody')}@example.com", "2001:db8:77:1:2:3:4:5")
        assert 1.9 < failures_of(house, "address:2001:db8:77:1::") <= 2


class TestEverybody:
    @pytest.fixture
    def flood(self, house):
        set_failures(house, "everybody", 12004)
        yield
        house.rows("DELETE FROM sign_in_throttles WHERE key = 'everybody'")

    def test_who_is_not_known_waits_half_a_minute_at_most(self, house, account, here, flood):
        answer = log_in(house, account["email"], PASSWORD, here)
        assert refusal(answer) == DELAYED and 14 <= int(answer.headers["Retry-After"]) <= 16
        set_failures(house, "everybody", 1e6)
        assert 28 <= int(log_in(house, account["email"], PASSWORD, here).headers["Retry-After"]) <= 30

    def test_who_is_known_does_not_wait(self, house, account, here, there):
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200
        set_failures(house, "everybody", 1e6)
        assert log_in(house, account["email"], PASSWORD, here).status_code == 200
        assert refusal(log_in(house, account["email"], PASSWORD, there)) == DELAYED
        house.rows("DELETE FROM sign_in_throttles WHERE key = 'everybody'")


class TestSetting:
    @pytest.fixture(scope="class")
    def open_house(self):
        stack = start_stack({"RATE_LIMIT_AUTH": "off"})
        yield stack
        stop_stack(stack)

    def test_off(self, open_house):
        body = open_house.register()
        for number in range(3 * FREE):
            wrong = {"email": body["email"], "password": f"guess {number}"}
            assert refusal(open_house.anonymous.post("/auth/login", wrong)) == WRONG
        assert not open_house.rows("SELECT * FROM sign_in_throttles")

    def test_registrations_do_not_fail_by_it(self, house, here):
        """Names that are taken are no failures of a sign-in."""
        body = house.register()
        for _ in range(FREE + 5):
            answer = house.anonymous.post("/auth/register", body, headers={"X-Forwarded-For": here})
            assert refusal(answer) == (400, "email_taken")


def test_nothing_in_it_names_anybody(house, account, here):
    guess(house, account["email"], here)
    keys = [key for (key,) in house.rows("SELECT key FROM sign_in_throttles")]
    assert keys and not any("example.com" in key for key in keys)
