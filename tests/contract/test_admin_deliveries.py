"""Everybody's deliveries, as administrators see them: the list and its filters, one with body and attempts, sending it again; and that nobody
else sees any of it."""

import pytest

from harness import refusal, unique, wait_until
from test_endpoints import Endpoint, with_id

ALL = "/admin/deliveries"
NOT_FOUND = (404, "delivery_not_found")


@pytest.fixture(scope="module")
def admin(stack):
    return stack.admin()


@pytest.fixture
def endpoint(stack, receiver):
    return Endpoint(stack.facilitator(), receiver.url + "/hook?key=in-the-address")


def listed(admin, **query):
    answer = admin.get(ALL, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["deliveries"]


def shown(admin, webhook_id):
    return admin.get(f"{ALL}/{webhook_id}").json()


def until(admin, webhook_id, state):
    def reached():
        found = shown(admin, webhook_id)
        return found if found["delivery"]["state"] == state else None

    return wait_until(reached, lambda: f"{state}: {shown(admin, webhook_id)}")


def put(stack, channel="webhook", state="dead", kind="booking.created", lane=0, owner=None, body="{}"):
    """A row of the outbox; its webhook-id."""
    ((webhook_id,),) = stack.rows(
        "INSERT INTO outbox (channel, lane, owner_id, type, cause, body, state, attempts, last_error, finished_at, next_attempt_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, 3, 'refused', CASE WHEN %s <> 'due' THEN now() END, now() + interval '1 day') RETURNING webhook_id",
        *(channel, lane, owner, kind, unique("cause"), body, state, state),
    )
    return webhook_id


def archive(stack, webhook_id):
    stack.rows(
        "WITH gone AS (DELETE FROM outbox WHERE webhook_id = %s RETURNING *) INSERT INTO outbox_archive SELECT * FROM gone", webhook_id
    )


class TestList:
    def test_what_is_shown(self, admin, endpoint):
        webhook_id = endpoint.test()
        until(admin, webhook_id, "delivered")
        (found,) = listed(admin, endpoint_id=endpoint.made["id"])
        expected = {"webhook_id": webhook_id, "channel": "webhook", "type": "webhook.test", "state": "delivered", "attempts": 1}
        expected |= {"endpoint_id": endpoint.made["id"], "owner_id": endpoint.owner.id, "last_status": 204, "next_attempt_at": None}
        assert expected.items() <= found.items() and found["finished_at"]
        assert "body" not in found

    def test_it_is_everybody_s_newest_first(self, stack, admin):
        first = put(stack, "webhook", lane=0)
        second = put(stack, "mail", kind="mail.booking_created", owner=admin.id)
        ids = [each["webhook_id"] for each in listed(admin)]
        assert ids.index(second) < ids.index(first)
        operator_s = next(each for each in listed(admin) if each["webhook_id"] == first)
        assert (operator_s["endpoint_id"], operator_s["owner_id"], operator_s["last_error"]) == (None, None, "refused")
        mail = next(each for each in listed(admin) if each["webhook_id"] == second)
        assert (mail["channel"], mail["endpoint_id"], mail["owner_id"]) == ("mail", None, admin.id)

    @pytest.mark.parametrize("state", ["due", "delivered", "dead"])
    def test_by_state(self, stack, admin, endpoint, state):
        lane = endpoint.made["id"]
        rows = {each: put(stack, state=each, lane=lane, owner=endpoint.owner.id) for each in ("due", "delivered", "dead")}
        assert [each["webhook_id"] for each in listed(admin, state=state, endpoint_id=lane)] == [rows[state]]
        everybody_s = listed(admin, state=state, limit=100)
        assert {each["state"] for each in everybody_s} == {state}
        assert rows[state] in [each["webhook_id"] for each in everybody_s]
        due = listed(admin, state="due", endpoint_id=lane)[0]
        assert due["next_attempt_at"] and not due["finished_at"]

    @pytest.mark.parametrize("channel", ["webhook", "mail", "account_mail", "refund"])
    def test_by_channel(self, stack, admin, channel):
        webhook_id = put(stack, channel)
        found = listed(admin, channel=channel)
        assert {each["channel"] for each in found} == {channel}
        assert found[0]["webhook_id"] == webhook_id

    def test_by_type(self, stack, admin):
        kind = unique("kind")
        webhook_id = put(stack, kind=kind)
        assert [each["webhook_id"] for each in listed(admin, type=kind)] == [webhook_id]
        assert listed(admin, type=kind, channel="mail") == listed(admin, type=kind, state="delivered") == []

    def test_pages_go_on_into_the_archive(self, stack, admin, endpoint):
        rows = [put(stack, lane=endpoint.made["id"]) for _ in range(5)]
        for webhook_id in rows[:3]:
            archive(stack, webhook_id)
        for state in ({}, {"state": "dead"}):
            found, after = [], {}
            while True:
                page = admin.get(ALL, params={"endpoint_id": endpoint.made["id"], "limit": 2, **state, **after}).json()
                found += [each["webhook_id"] for each in page["deliveries"]]
                if not page["next"]:
                    break
                after = {"after": page["next"]}
            assert found == rows[::-1]

    @pytest.mark.parametrize("query", [{"state": "lost"}, {"channel": "fax"}, {"endpoint_id": 0}, {"limit": 0}, {"after": "nonsense"}])
    def test_what_it_does_not_take(self, admin, query):
        assert admin.get(ALL, params=query).status_code == 400


class TestOne:
    def test_with_body_and_attempts(self, admin, endpoint, receiver):
        receiver.answers.put((500, {}, b"later"))
        webhook_id = endpoint.test()
        sent = receiver.wait_for(with_id(webhook_id))
        found = wait_until(lambda: (found := shown(admin, webhook_id))["attempts"] and found, "the attempt")
        assert found["body"] == sent.body.decode()
        (attempt,) = found["attempts"]
        assert (attempt["number"], attempt["status"], attempt["response"]) == (1, 500, "later")
        assert found["delivery"]["webhook_id"] == webhook_id

    def test_of_an_address_only_the_host_is_shown(self, admin, endpoint, receiver):
        answer = admin.get(f"{ALL}/{endpoint.test()}")
        assert answer.json()["host"] == receiver.url.removeprefix("http://")
        assert "in-the-address" not in answer.text

    def test_a_mail(self, stack, admin):
        found = shown(admin, put(stack, "mail", body='{"to": "somebody@example.com"}'))
        assert (found["host"], found["body"], found["attempts"]) == (None, '{"to": "somebody@example.com"}', [])

    def test_from_the_archive(self, stack, admin):
        webhook_id = put(stack)
        archive(stack, webhook_id)
        assert shown(admin, webhook_id)["delivery"]["state"] == "dead"

    def test_none_such(self, admin):
        assert refusal(admin.get(f"{ALL}/msg_nosuch")) == NOT_FOUND


class TestReplay:
    def test_it_is_sent_again_under_its_id(self, admin, endpoint, receiver):
        webhook_id = endpoint.test()
        until(admin, webhook_id, "delivered")
        receiver.wait_for(with_id(webhook_id))
        answer = admin.post(f"{ALL}/{webhook_id}/replay")
        assert (answer.status_code, answer.json()["replayed"]) == (202, 1)
        receiver.wait_for(with_id(webhook_id))
        until(admin, webhook_id, "delivered")

    def test_from_the_archive(self, stack, admin, endpoint, receiver):
        webhook_id = put(stack, lane=endpoint.made["id"], owner=endpoint.owner.id, body='{"type": "booking.created"}')
        archive(stack, webhook_id)
        assert admin.post(f"{ALL}/{webhook_id}/replay").status_code == 202
        assert receiver.wait_for(with_id(webhook_id)).json == {"type": "booking.created"}

    def test_a_mail_about_an_account(self, stack, admin):
        """Another worker sends it, and is told."""
        person = stack.user()
        assert stack.anonymous.post("/auth/password/forgot", {"email": person.email}).status_code == 202

        def sent():
            found = [each for each in listed(admin, channel="account_mail", type="account.reset") if each["owner_id"] in (person.id, None)]
            return next((each for each in found if each["state"] == "delivered"), None)

        webhook_id = wait_until(sent, "the mail")["webhook_id"]
        assert admin.post(f"{ALL}/{webhook_id}/replay").status_code == 202
        wait_until(lambda: shown(admin, webhook_id)["delivery"]["state"] != "due", "it to be sent again")

    def test_what_is_still_due(self, stack, admin, endpoint):
        webhook_id = put(stack, state="due", lane=endpoint.made["id"])
        assert refusal(admin.post(f"{ALL}/{webhook_id}/replay")) == (409, "delivery_in_progress")

    def test_an_endpoint_that_is_disabled(self, admin, endpoint):
        webhook_id = endpoint.test()
        until(admin, webhook_id, "delivered")
        endpoint.change(disabled=True)
        assert refusal(admin.post(f"{ALL}/{webhook_id}/replay")) == (409, "endpoint_disabled")

    def test_an_endpoint_that_is_gone(self, stack, admin, endpoint):
        webhook_id = put(stack, lane=endpoint.made["id"])
        assert endpoint.owner.delete(endpoint.path).status_code == 200
        again = put(stack, lane=endpoint.made["id"])
        assert refusal(admin.post(f"{ALL}/{again}/replay")) == (404, "endpoint_not_found")
        assert refusal(admin.post(f"{ALL}/{webhook_id}/replay"))[0] == 404

    def test_none_such(self, admin):
        assert refusal(admin.post(f"{ALL}/msg_nosuch/replay")) == NOT_FOUND


def test_for_administrators_only(stack, facilitator, user, endpoint):
    webhook_id = endpoint.test()
    for person in (facilitator, user, endpoint.owner):
        assert refusal(person.get(ALL)) == refusal(person.get(f"{ALL}/{webhook_id}")) == (403, "forbidden")
        assert refusal(person.post(f"{ALL}/{webhook_id}/replay")) == (403, "forbidden")
    assert refusal(stack.anonymous.get(ALL)) == (401, "invalid_token")
