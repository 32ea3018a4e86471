"""Webhook endpoints in trouble: those that are gone or fail for days are disabled, and their owners hear of it once; receivers that drop,
stall, ask for patience or send too much; and addresses that lead into the inner network, whatever they are called."""

import socket
import threading
import time

import pytest

from harness import Receiver, refusal, start_stack, stop_stack, unique, wait_until
from mails import Mails

DISABLED = "Your webhook endpoint has been disabled"


def make(owner, url, **fields):
    answer = owner.post("/webhooks", {"url": url, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()["endpoint"]["id"]


def shown(owner, endpoint):
    return owner.get(f"/webhooks/{endpoint}").json()


def send_test(owner, endpoint):
    answer = owner.post(f"/webhooks/{endpoint}/test")
    assert answer.status_code == 202, answer.text
    return answer.json()["webhook_id"]


def delivery(owner, endpoint, webhook_id):
    return owner.get(f"/webhooks/{endpoint}/deliveries/{webhook_id}").json()


def until(owner, endpoint, webhook_id, condition, seconds=15):
    def reached():
        found = delivery(owner, endpoint, webhook_id)
        return found if condition(found["delivery"]) else None

    return wait_until(reached, lambda: delivery(owner, endpoint, webhook_id), seconds)


def tried(now):
    return now["attempts"] > 0


def ended(now):
    return now["state"] != "due"


def until_disabled(owner, endpoint, reason):
    wait_until(lambda: shown(owner, endpoint)["status"] == "disabled", lambda: shown(owner, endpoint))
    assert shown(owner, endpoint)["disabled_reason"] == reason


def days_of_failure(stack, endpoint, since):
    """As if its attempts had failed since then."""
    stack.rows(
        "INSERT INTO lanes (channel, lane, failures, failing_since) VALUES ('webhook', %s, 7, now() - %s::interval)"
        " ON CONFLICT (channel, lane) DO UPDATE SET failing_since = excluded.failing_since",
        *(endpoint, since),
    )


def queue(stack, owner, endpoint, wait="1 hour"):
    """A row that will be due then; the webhook-id."""
    ((webhook_id,),) = stack.rows(
        "INSERT INTO outbox (channel, lane, owner_id, type, cause, body, next_attempt_at)"
        " VALUES ('webhook', %s, %s, 'booking.created', %s, '{}', now() + %s::interval) RETURNING webhook_id",
        *(endpoint, owner.id, unique("cause"), wait),
    )
    return webhook_id


def hurry(stack, webhook_id):
    stack.rows("UPDATE outbox SET next_attempt_at = now() WHERE webhook_id = %s", webhook_id)
    stack.rows("NOTIFY outbox")


@pytest.fixture
def owner(stack):
    return stack.facilitator(name="Asha")


class TestDisabled:
    def test_gone(self, stack, owner, receiver):
        endpoint = make(owner, receiver.url)
        waiting = queue(stack, owner, endpoint)
        receiver.answers.put((410, {}))
        first = send_test(owner, endpoint)
        until_disabled(owner, endpoint, "gone")
        found = until(owner, endpoint, first, ended)
        assert (found["delivery"]["state"], found["delivery"]["last_status"], len(found["attempts"])) == ("dead", 410, 1)
        mail = Mails(stack).wait(owner.email, DISABLED)
        assert receiver.url in mail.text and "410" in mail.text and f"/app/webhooks/{endpoint}" in mail.text
        hurry(stack, waiting)
        found = until(owner, endpoint, waiting, ended)
        assert (found["delivery"]["state"], found["delivery"]["attempts"], found["attempts"]) == ("dead", 0, [])
        assert "disabled" in found["delivery"]["last_error"]
        assert owner.put(f"/webhooks/{endpoint}", {"disabled": False}).json()["endpoint"]["status"] == "active"
        before = receiver.deliveries.qsize()
        assert owner.post(f"/webhooks/{endpoint}/deliveries/{waiting}/replay").status_code == 202
        assert until(owner, endpoint, waiting, ended)["delivery"]["state"] == "delivered"
        assert receiver.deliveries.qsize() == before + 1 and len(Mails(stack).to(owner.email)) == 1 + verification(stack, owner)

    def test_another_address_is_not_gone(self, stack, owner, receiver):
        """The answer came from where the endpoint was before."""
        endpoint = make(owner, receiver.url)
        release = threading.Event()
        handler = receiver.server.RequestHandlerClass
        take = handler.do_POST

        def wait_and_take(request):
            release.wait(10)
            take(request)

        handler.do_POST = wait_and_take
        receiver.answers.put((410, {}))
        webhook_id = send_test(owner, endpoint)
        wait_until(lambda: stack.rows("SELECT 1 FROM outbox WHERE webhook_id = %s AND leased_until > now()", webhook_id), "it is begun")
        owner.put(f"/webhooks/{endpoint}", {"url": receiver.url + "/other"})
        release.set()
        assert until(owner, endpoint, webhook_id, ended)["delivery"]["state"] == "dead"
        again = send_test(owner, endpoint)
        assert until(owner, endpoint, again, ended)["delivery"]["state"] == "delivered"
        assert shown(owner, endpoint)["status"] == "active"

    def test_failing_for_five_days(self, stack, owner, receiver):
        endpoint = make(owner, receiver.url)
        receiver.answers.put((500, {}))
        webhook_id = send_test(owner, endpoint)
        until(owner, endpoint, webhook_id, tried)
        assert shown(owner, endpoint)["status"] == "failing"
        days_of_failure(stack, endpoint, "5 days 1 minute")
        until_disabled(owner, endpoint, "failing")
        assert receiver.url in Mails(stack).wait(owner.email, DISABLED).text
        enabled = owner.put(f"/webhooks/{endpoint}", {"disabled": False}).json()["endpoint"]
        assert (enabled["status"], enabled["failures"], enabled["failing_since"]) == ("active", 0, None)

    def test_not_before(self, stack, owner, receiver):
        endpoint = make(owner, receiver.url)
        days_of_failure(stack, endpoint, "4 days 23 hours")
        other = make(owner, receiver.url)
        days_of_failure(stack, other, "6 days")
        until_disabled(owner, other, "failing")  # so both were looked at
        assert shown(owner, endpoint)["status"] == "failing"
        assert until(owner, endpoint, send_test(owner, endpoint), ended)["delivery"]["state"] == "delivered"
        wait_until(lambda: shown(owner, endpoint)["status"] == "active", lambda: shown(owner, endpoint))

    def test_in_one_s_language(self, stack, owner):
        stack.rows("UPDATE users SET language = 'de' WHERE id = %s", owner.id)
        endpoint = make(owner, "https://crm.example.com/hook")
        days_of_failure(stack, endpoint, "6 days")
        until_disabled(owner, endpoint, "failing")
        mail = wait_until(lambda: [mail for mail in Mails(stack).to(owner.email) if "https://crm.example.com/hook" in mail.text], "the mail")[0]
        assert mail.subject != DISABLED and "Asha" in mail.text


def verification(stack, person):
    """How many mails everybody gets."""
    return len([mail for mail in Mails(stack).to(person.email) if mail.subject != DISABLED])


class Rude:
    """A receiver on a bare socket, which reads a request and then does as `answer` says with the connection."""

    def __init__(self, answer):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"
        self.requests = []
        self.answer = answer
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.take, args=(connection,), daemon=True).start()

    def take(self, connection):
        with connection:
            self.requests.append(connection.recv(65536))
            try:
                self.answer(connection)
            except OSError:
                pass  # we were hung up on

    def ids(self):
        return {line for request in self.requests for line in request.decode().splitlines() if line.startswith("webhook-id")}


def hang_up(_):
    pass


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def stall(connection):
    connection.recv(1)  # until we are hung up on


def half_an_answer(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")


def nonsense(connection):
    connection.sendall(b"220 smtp.example.com ESMTP\r\n" * 3)


def without_end(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


@pytest.fixture
def rude(request):
    receiver = Rude(request.param)
    yield receiver
    receiver.socket.close()


class TestRude:
    @pytest.mark.parametrize("rude", [hang_up, reset, stall, half_an_answer, nonsense], indirect=True)
    def test_it_is_tried_again(self, owner, rude):
        endpoint = make(owner, rude.url, timeout_s=1)
        start = time.monotonic()
        webhook_id = send_test(owner, endpoint)
        found = until(owner, endpoint, webhook_id, tried)
        assert time.monotonic() - start < 10
        assert (found["delivery"]["state"], found["delivery"]["last_status"]) == ("due", None) and found["delivery"]["last_error"]
        (attempt,) = found["attempts"]
        assert attempt["error"] == found["delivery"]["last_error"] and attempt["status"] is attempt["response"] is None
        assert (attempt["duration_ms"] > 900) == (rude.answer is stall)
        assert rude.ids() == {f"webhook-id: {webhook_id}"}

    @pytest.mark.parametrize("rude", [without_end], indirect=True)
    def test_who_answers_without_end_is_cut_off(self, owner, rude):
        endpoint = make(owner, rude.url)
        found = until(owner, endpoint, send_test(owner, endpoint), ended, seconds=5)
        assert found["delivery"]["state"] == "delivered" and 2000 < len(found["attempts"][0]["response"]) <= 2048

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("header", [lambda: "120", lambda: time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 120))])
    def test_patience_is_kept(self, stack, owner, receiver, status, header):
        endpoint = make(owner, receiver.url)
        receiver.answers.put((status, {"Retry-After": header()}))
        webhook_id = send_test(owner, endpoint)
        assert until(owner, endpoint, webhook_id, tried)["delivery"]["last_status"] == status
        wait = "SELECT extract(epoch FROM next_attempt_at - now())::float FROM outbox WHERE webhook_id = %s"
        assert 110 < stack.rows(wait, webhook_id)[0][0] < 121

    def test_who_redirects_inwards_is_not_followed(self, stack, owner, receiver):
        endpoint = make(owner, receiver.url)
        inner = Receiver()
        receiver.answers.put((307, {"Location": inner.url}))
        found = until(owner, endpoint, send_test(owner, endpoint), tried)
        assert found["delivery"]["last_status"] == 307 and inner.deliveries.empty()
        inner.close()


@pytest.fixture(scope="module")
def guarded():
    """A stack that lets no webhook into the machine, and has several crm workers."""
    stack = start_stack({"WEBHOOK_ALLOW_NETS": ""}, ["--workers", "crm=3"])
    yield stack
    stop_stack(stack)


class TestGuarded:
    def test_names_of_inner_addresses(self, guarded, receiver):
        """Names are judged by what they resolve to, at the moment of connecting."""
        owner, port = guarded.facilitator(), receiver.url.rpartition(":")[2]
        refused = "the address is not allowed"
        for host, errors in (("localhost", [refused]), ("LocalHost", [refused]), ("localhost.", [refused, "Couldn't resolve host name"])):
            endpoint = make(owner, f"http://{host}:{port}/")
            found = until(owner, endpoint, send_test(owner, endpoint), tried)
            assert found["delivery"]["state"] == "due" and found["delivery"]["last_error"] in errors, host
        assert receiver.deliveries.empty()

    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "127.1", "127.0.0.1.", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.01", "0", "%31%32%37.0.0.1",
                 "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]",
                 "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:7f00:1::1]", "100.64.0.1", "192.168.0.1", "172.31.255.255",
                 "198.18.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[2001:db8::1]", "[2001::1]"]
    )  # fmt: skip
    def test_inner_addresses_by_number(self, guarded, facilitator_of_guarded, host):
        answer = facilitator_of_guarded.post("/webhooks", {"url": f"http://{host}/"})
        assert refusal(answer) in ((400, "address_refused"), (400, "validation_error")), answer.text

    @pytest.fixture(scope="class")
    def facilitator_of_guarded(self, guarded):
        return guarded.facilitator()

    def test_one_mail_however_many_workers(self, guarded):
        owners = [guarded.facilitator() for _ in range(8)]
        endpoints = [make(owner, f"https://crm.example.com/{unique('hook')}") for owner in owners]
        guarded.rows(
            "INSERT INTO lanes (channel, lane, failures, failing_since)"
            " SELECT 'webhook', lane, 50, now() - interval '6 days' FROM unnest(%s) AS lane",
            endpoints,
        )
        for owner, endpoint in zip(owners, endpoints):
            until_disabled(owner, endpoint, "failing")
        told = "SELECT count(*) FROM outbox WHERE type = 'mail.endpoint_disabled' AND state = 'delivered'"
        wait_until(lambda: guarded.rows(told) == [(8,)], lambda: guarded.rows(told))
        time.sleep(2.5)  # every worker looks again
        assert guarded.rows(told.partition(" AND state")[0]) == [(8,)]
        for owner in owners:
            assert [mail.subject for mail in Mails(guarded).to(owner.email)].count(DISABLED) == 1
