"""Changing a password: who may, who is signed out by it, what is noted, and what production refuses."""

import concurrent.futures

import pytest

from harness import PASSWORD, Client, Person, refusal, start_stack, stop_stack, unique
from test_second_factor import deadlocks
from test_sessions import events_of, is_out, session_of, sessions, sign_in

NEW = "another password 7"


def change(person, current=PASSWORD, new=NEW, **arguments):
    body = {"new_password": new, **({"current_password": current} if current is not None else {})}
    return person.post("/auth/password", body, **arguments)


def log_in(stack, email, password):
    return stack.anonymous.post("/auth/login", {"email": email, "password": password})


class TestChange:
    def test_the_new_one_counts_and_the_old_one_no_more(self, stack, person):
        assert change(person).json()["message"] == "Password changed"
        assert log_in(stack, person.email, NEW).status_code == 200
        assert refusal(log_in(stack, person.email, PASSWORD)) == (401, "invalid_credentials")
        assert "authn_password_change" in events_of(stack, person)

    def test_all_other_sessions_end_at_once(self, stack, person):
        others = [sign_in(stack, person.email) for _ in range(2)]
        assert change(person).status_code == 200
        assert all(is_out(other) for other in others)
        assert [session["id"] for session in sessions(person)] == [session_of(person)]
        reasons = stack.rows("SELECT DISTINCT revoked_for, published FROM sessions WHERE user_id = %s AND revoked_at IS NOT NULL", person.id)
        assert reasons == [("password", True)]

    def test_the_same_again_is_fine(self, stack, person):
        assert change(person, new=PASSWORD).status_code == 200
        assert log_in(stack, person.email, PASSWORD).status_code == 200

    def test_only_with_the_present_one(self, stack, person):
        other = sign_in(stack, person.email)
        assert refusal(change(person, current="wrong!")) == (401, "invalid_credentials")
        assert refusal(change(person, current=None)) == (403, "reauthentication_required")
        assert other.get("/profile").status_code == person.get("/profile").status_code == 200
        assert log_in(stack, person.email, PASSWORD).status_code == 200
        assert events_of(stack, person).count("authn_password_change_fail") == 2

    def test_too_short(self, person):
        answer = change(person, new="12345")
        assert answer.status_code == 400 and "new_password" in answer.json()["details"]

    def test_a_repeat_gets_the_same_answer(self, person):
        key = {"Idempotency-Key": unique("change")}
        first, again = (change(person, headers=key) for _ in range(2))
        assert (first.status_code, first.json()) == (again.status_code, again.json()) == (200, first.json())

    def test_guesses_are_slowed_down(self, stack, person):
        answers = [refusal(change(person, current=f"guess-{number}")) for number in range(12)]
        assert answers[:10] == 10 * [(401, "invalid_credentials")]
        assert (429, "sign_in_delayed") in answers[10:]

    def test_of_two_at_once_one_wins(self, stack, person):
        people = [person, sign_in(stack, person.email)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda one: change(one, new=f"{NEW} {one.token[-5:]}"), people))
        won = [one for one, answer in zip(people, answers) if answer.status_code == 200]
        assert len(won) == 1
        assert log_in(stack, person.email, f"{NEW} {won[0].token[-5:]}").status_code == 200

    def test_sign_ins_meanwhile_do_not_survive(self, stack, person):
        """Whoever gives the old password while it is changed is refused, or signed out by the change."""

        def try_old(_):
            answer = Client(stack.base_url).post("/auth/login", {"email": person.email, "password": PASSWORD})
            return Person(stack.base_url, person.email, answer.json()) if answer.status_code == 200 else None

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            attempts = [pool.submit(try_old, number) for number in range(8)]
            changed = pool.submit(change, person)
            attempts += [pool.submit(try_old, number) for number in range(8)]
            assert changed.result().status_code == 200
            came_in = [attempt.result() for attempt in attempts if attempt.result()]
        assert all(is_out(other) for other in came_in)
        assert [session["id"] for session in sessions(person)] == [session_of(person)]


def test_many_wrong_ones_at_once():
    """Two auth workers count for the same people, address and everybody, and do not wait for each other in a circle."""
    stack = start_stack(arguments=["--workers", "auth=2"])
    people = [stack.user() for _ in range(12)]
    before = deadlocks(stack)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda person: refusal(change(person, current="wrong!")), people * 4))
    assert set(answers) == {(401, "invalid_credentials")} and deadlocks(stack) == before
    assert stack.rows("SELECT sum(failures) FROM sign_in_throttles WHERE key LIKE 'account:%%'") == [(48,)]
    stop_stack(stack)


class TestFirst:
    """An account that came from an identity provider has none."""

    @pytest.fixture
    def passwordless(self, stack, person):
        stack.rows("DELETE FROM credentials WHERE user_id = %s", person.id)
        return person

    def test_it_gets_one(self, stack, passwordless):
        assert change(passwordless, current=None).status_code == 200
        assert log_in(stack, passwordless.email, NEW).status_code == 200

    def test_only_soon_after_a_sign_in(self, stack, passwordless):
        stack.rows("UPDATE sessions SET created_at = now() - interval '11 minutes' WHERE id = %s", session_of(passwordless))
        assert refusal(change(passwordless, current=None)) == (403, "reauthentication_required")
        assert refusal(change(passwordless, current="anything")) == (403, "reauthentication_required")

    def test_no_password_signs_it_in(self, stack, passwordless):
        assert refusal(log_in(stack, passwordless.email, PASSWORD)) == (401, "invalid_credentials")


class TestProduction:
    @pytest.fixture(scope="class")
    def production(self):
        stack = start_stack({"TITHI_ENV": "production", "CRM_WEBHOOK_URL": ""})
        yield stack
        stop_stack(stack)

    def test_what_is_guessed_first_is_refused(self, production):
        person = production.login(production.register(password="correct horse")["email"], "correct horse")
        for weak in ("secret", "1234567", "PassWord123", "qwertyuiop"):
            answer = change(person, current="correct horse", new=weak)
            assert refusal(answer) == (400, "password_too_weak") and "new_password" in answer.json()["details"]
        assert change(person, current="correct horse", new=NEW).status_code == 200
