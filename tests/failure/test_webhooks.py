"""Webhooks when things go wrong: endpoints that fail, redirect, hang, are gone or ask for patience, addresses that are not to be
reached, workers that are killed in the middle. Rows are put into the outbox directly, so that each test has an endpoint of its own."""

import collections
import json
import os
import signal
import socket
import threading
import time

import pytest

from harness import CRM_TOKEN, WEBHOOK_SECRET, Receiver, start_stack, stop_stack, unique


State = collections.namedtuple("State", "state attempts status error wait_s finished")


class Message:
    """One row of the outbox."""

    def __init__(self, stack, owner, cause=None):
        self.stack = stack
        cause = cause or unique("cause")
        self.body = json.dumps({"type": "booking.created", "cause": cause, "title": "श्वास ✓"}, ensure_ascii=False)
        ((self.id,),) = stack.rows(
            "INSERT INTO outbox (channel, owner_id, lane, type, cause, body, trace)"
            " VALUES ('webhook', %s, %s, 'booking.created', %s, %s, %s) RETURNING webhook_id",
            *(owner and owner.id, owner.lane if owner else 0, cause, self.body),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        stack.rows("NOTIFY outbox")

    def is_in(self, delivery):
        return delivery.headers["webhook-id"] == self.id

    def now(self):
        ((*values,),) = self.stack.rows(
            "SELECT state, attempts, last_status, last_error, extract(epoch FROM next_attempt_at - now())::float, finished_at"
            " FROM outbox WHERE webhook_id = %s",
            self.id,
        )
        return State(*values)

    def until(self, condition, seconds=15):
        deadline = time.monotonic() + seconds
        while not condition(now := self.now()):
            assert time.monotonic() < deadline, f"waited in vain: {now}"
            time.sleep(0.05)
        return now


def ended(now):
    return now.state != "due"


def tried(now):
    return now.attempts > 0


@pytest.fixture
def owner(stack, receiver):
    """A facilitator with an address of their own; `secret` signs what is sent there."""
    return with_address(stack, receiver.url + "/own")


def with_address(stack, url):
    facilitator = stack.facilitator()
    answer = facilitator.put("/profile", {"crm_webhook_url": url})
    assert answer.status_code == 200, answer.text
    facilitator.secret = answer.json()["crm_webhook_secret"]
    ((facilitator.lane,),) = stack.rows("SELECT id FROM webhook_endpoints WHERE owner_id = %s", facilitator.id)
    return facilitator


class TestDelivered:
    def test_to_the_operator(self, stack, crm_receiver):
        message = Message(stack, None)
        delivery = crm_receiver.wait_for(message.is_in)
        assert delivery.is_signed_by(WEBHOOK_SECRET)
        assert delivery.headers["Authorization"] == f"Bearer {CRM_TOKEN}"
        assert message.until(ended).state == "delivered"

    def test_to_a_facilitator(self, stack, receiver, owner):
        message = Message(stack, owner)
        delivery = receiver.wait_for(message.is_in)
        assert delivery.path == "/own"
        assert delivery.body == message.body.encode()
        assert delivery.is_signed_by(owner.secret)
        assert "Authorization" not in delivery.headers  # the operator's token is nobody else's business
        assert delivery.headers["Content-Type"] == "application/json"
        assert delivery.headers["User-Agent"].startswith("tithi/")
        assert abs(int(delivery.headers["webhook-timestamp"]) - time.time()) < 30
        version, trace, parent, flags = delivery.headers["traceparent"].split("-")
        assert (version, trace, flags) == ("00", "4bf92f3577b34da6a3ce929d0e0e4736", "01")
        assert parent != "00f067aa0ba902b7"
        now = message.until(ended)
        assert (now.state, now.attempts, now.status, now.error) == ("delivered", 1, 204, None)
        assert now.finished is not None

    def test_a_booking_tells_both(self, stack, crm_receiver, receiver, owner):
        booking = stack.book(stack.user(), stack.event(owner))
        for where, secret in ((crm_receiver, WEBHOOK_SECRET), (receiver, owner.secret)):
            delivery = where.wait_for(lambda delivery: delivery.json.get("booking_id") == booking["id"])
            assert delivery.is_signed_by(secret)

    def test_at_once(self, stack, receiver, owner):
        """By the notification, not by polling."""
        fastest = 10
        for _ in range(5):
            start = time.monotonic()
            receiver.wait_for(Message(stack, owner).is_in)
            fastest = min(fastest, time.monotonic() - start)
        assert fastest < 0.5

    def test_without_a_notification(self, stack, receiver, owner):
        message = Message(stack, owner)
        receiver.wait_for(message.is_in)
        stack.rows("UPDATE outbox SET state = 'due', finished_at = NULL, next_attempt_at = now() WHERE webhook_id = %s", message.id)
        receiver.wait_for(message.is_in, timeout=5)


class TestFailing:
    @pytest.mark.parametrize("status", [500, 404, 301, 302, 307, 308])
    def test_again_by_the_schedule(self, stack, receiver, owner, status):
        receiver.answers.put((status, {"Location": f"{receiver.url}/elsewhere"}))
        message = Message(stack, owner)
        now = message.until(tried)
        assert (now.state, now.attempts, now.status) == ("due", 1, status)
        assert str(status) in now.error
        assert 3 < now.wait_s <= 6
        receiver.wait_for(message.is_in)
        assert receiver.deliveries.empty()  # redirects are not followed

    def test_the_same_message_again(self, stack, receiver, owner):
        receiver.answers.put((503, {}))
        message = Message(stack, owner)
        first, start = receiver.wait_for(message.is_in), time.monotonic()
        again = receiver.wait_for(message.is_in)
        assert 3.9 < time.monotonic() - start < 8  # 5 s ± 20 %, and a second of polling
        assert again.body == first.body
        assert int(again.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
        assert again.is_signed_by(owner.secret)
        now = message.until(ended)
        assert (now.state, now.attempts, now.error) == ("delivered", 2, None)

    def test_later_attempts_wait_longer(self, stack, receiver, owner):
        for attempts, wait_s in ((1, 300), (4, 18000), (8, 86400)):
            receiver.answers.put((500, {}))
            message = self.after(stack, owner, attempts)
            now = message.until(lambda now: now.attempts == attempts + 1)
            assert wait_s * 0.79 < now.wait_s < wait_s * 1.21

    def test_the_tenth_is_the_last(self, stack, receiver, owner):
        receiver.answers.put((500, {}))
        now = self.after(stack, owner, 9).until(ended)
        assert (now.state, now.attempts, now.status) == ("dead", 10, 500)
        assert now.finished is not None and now.error

    @staticmethod
    def after(stack, owner, attempts):
        """A message with a history."""
        ((webhook_id,),) = stack.rows(
            "INSERT INTO outbox (channel, owner_id, lane, type, cause, body, attempts)"
            " VALUES ('webhook', %s, %s, 'booking.created', %s, '{}', %s) RETURNING webhook_id",
            *(owner.id, owner.lane, unique("cause"), attempts),
        )
        message = Message.__new__(Message)
        message.stack, message.id = stack, webhook_id
        return message

    def test_gone_ends_it(self, stack, receiver, owner):
        receiver.answers.put((410, {"Retry-After": "1"}))
        now = Message(stack, owner).until(ended)
        assert (now.state, now.attempts, now.status) == ("dead", 1, 410)

    @pytest.mark.parametrize(
        "header, least, most",
        [
            (lambda: "120", 110, 121),
            (lambda: time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 120)), 110, 121),
            (lambda: "999999", 86300, 86401),
            (lambda: "1", 3, 6),
            (lambda: "soon", 3, 6),
        ],
        ids=["seconds", "date", "too-long", "sooner-than-the-schedule", "nonsense"],
    )
    def test_patience_is_kept(self, stack, receiver, owner, header, least, most):
        receiver.answers.put((503, {"Retry-After": header()}))
        assert least < Message(stack, owner).until(tried).wait_s < most

    def test_nobody_there(self, stack):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            owner = with_address(stack, f"http://127.0.0.1:{probe.getsockname()[1]}/")
        now = Message(stack, owner).until(tried)
        assert (now.state, now.status) == ("due", None)
        assert now.error


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "http://10.0.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://0.0.0.0:{port}/",
            "http://0:{port}/",
            "http://[::ffff:127.0.0.1]:{port}/",
            "http://[64:ff9b::7f00:1]:{port}/",
            "http://[64:ff9b:1::7f00:1]:{port}/",
            "http://[2002:7f00:1::]:{port}/",
            "http://192.168.1.1/",
            "http://100.64.0.1/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
        ],
    )
    def test_private_ones_are_not_reached(self, stack, receiver, owner, url):
        """Also where one got in without having been looked at."""
        change = "UPDATE users SET crm_webhook_url = %s WHERE id = %s"
        stack.rows(change, url.format(port=receiver.url.rpartition(":")[2]), owner.id)
        now = Message(stack, owner).until(tried)
        assert (now.state, now.status, now.error) == ("due", None, "the address is not allowed")
        assert receiver.deliveries.empty()

    @pytest.mark.parametrize("spelling", ["127.1", "0x7f.1", "0x7f000001", "0177.0.0.1", "2130706433", "localhost"])
    def test_what_is_allowed_is_judged_by_its_address(self, stack, receiver, spelling):
        """The tests' stack allows loopback, however it is written."""
        owner = with_address(stack, receiver.url.replace("127.0.0.1", spelling))
        assert receiver.wait_for(Message(stack, owner).is_in)

    def test_an_address_that_was_taken_back(self, stack, owner):
        owner.put("/profile", {"crm_webhook_url": None})
        now = Message(stack, owner).until(ended)
        assert (now.state, now.attempts) == ("dead", 0)
        assert "not there any more" in now.error

    def test_the_operator_s_address_was_taken_back(self):
        """In development a stack without one announces to its own CRM service."""
        quiet = start_stack({"TITHI_ENV": "production", "CRM_WEBHOOK_URL": ""})
        try:
            now = Message(quiet, None).until(ended)
            assert (now.state, now.attempts) == ("dead", 0)
            assert "CRM_WEBHOOK_URL" in now.error
        finally:
            stop_stack(quiet)


class Hanging(Receiver):
    """Takes requests and answers none until let go."""

    def __init__(self):
        super().__init__()
        self.released = threading.Event()
        self.waiting = 0
        handler, take = self.server.RequestHandlerClass, self.server.RequestHandlerClass.do_POST

        def wait_and_take(request):
            self.waiting += 1
            self.released.wait()
            try:
                take(request)
            except OSError:
                pass  # the worker is gone

        handler.do_POST = wait_and_take

    def until_waiting(self, count, seconds=15):
        deadline = time.monotonic() + seconds
        while self.waiting < count:
            assert time.monotonic() < deadline, f"{self.waiting} of {count} came"
            time.sleep(0.02)


@pytest.fixture
def hanging():
    receiver = Hanging()
    yield receiver
    receiver.released.set()
    receiver.close()


class TestHanging:
    def test_one_does_not_hold_up_others(self, stack, receiver, owner, hanging):
        slow = with_address(stack, hanging.url)
        waiting = [Message(stack, slow) for _ in range(40)]
        hanging.until_waiting(16)
        start = time.monotonic()
        receiver.wait_for(Message(stack, owner).is_in)
        assert time.monotonic() - start < 2
        assert hanging.waiting <= 16 * crm_workers(stack)
        hanging.released.set()
        for message in waiting:
            assert message.until(ended).state == "delivered"

    def test_many_are_in_flight(self, stack, hanging):
        """Endpoints that take their time cost no throughput."""
        owners = [with_address(stack, f"{hanging.url}/{number}") for number in range(8)]
        for owner in owners:
            for _ in range(16):
                Message(stack, owner)
        hanging.until_waiting(128)

    def test_an_attempt_has_its_time_out(self, stack, hanging):
        message = Message(stack, with_address(stack, hanging.url))
        start = time.monotonic()
        now = message.until(tried, seconds=25)
        assert 14 < time.monotonic() - start < 18
        assert (now.state, now.status) == ("due", None)

    def test_a_killed_worker_s_message_is_sent_again(self, stack, hanging):
        message = Message(stack, with_address(stack, hanging.url))
        hanging.until_waiting(1)
        for pid in crm_pids(stack):
            os.kill(pid, signal.SIGKILL)
        hanging.released.set()
        hanging.until_waiting(2, seconds=25)  # the lease of 15 s has to run out
        deliveries = [hanging.wait_for(message.is_in) for _ in range(2)]
        assert len({delivery.headers["webhook-id"] for delivery in deliveries}) == 1
        assert message.until(ended).state == "delivered"

    def test_who_lost_the_lease_settles_nothing(self, stack, hanging):
        """As after a worker was held up for so long that another one took the row."""
        message = Message(stack, with_address(stack, hanging.url))
        hanging.until_waiting(1)
        stack.rows("UPDATE outbox SET leased_until = now() + interval '1 hour' WHERE webhook_id = %s", message.id)
        hanging.released.set()
        hanging.wait_for(message.is_in)
        time.sleep(1.5)
        now = message.now()
        assert (now.state, now.attempts) == ("due", 0)
        stack.rows("UPDATE outbox SET leased_until = NULL WHERE webhook_id = %s", message.id)
        now = message.until(ended)
        assert (now.state, now.attempts) == ("delivered", 1)

    def test_a_stopped_worker_finishes_what_it_has_in_hand(self, stack, hanging):
        message = Message(stack, with_address(stack, hanging.url))
        hanging.until_waiting(1)
        for pid in crm_pids(stack):
            os.kill(pid, signal.SIGTERM)
        time.sleep(1)
        hanging.released.set()
        now = message.until(ended)
        assert (now.state, now.attempts) == ("delivered", 1)
        time.sleep(1)
        assert hanging.waiting == 1


def crm_pids(stack):
    return [int(file.read_text()) for file in stack.state.glob("run/crm-*.pid")]


def crm_workers(stack):
    return len(crm_pids(stack))
