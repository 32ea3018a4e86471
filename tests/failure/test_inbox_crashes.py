"""Inboxes when things go wrong: crm workers that are killed while people book, and a Redis that hangs or is gone."""

import concurrent.futures
import contextlib
import os
import signal
import subprocess
import threading
import time

import pytest

from harness import start_stack, stop_stack, wait_until
from messages import Listener, log_entries

CRM = ("crm-1", "crm-2")
UNSPREAD = "SELECT count(*) FROM log_entries WHERE position IS NULL"


@pytest.fixture(scope="module")
def stack():
    unlimited = dict.fromkeys(("RATE_LIMIT_READ", "RATE_LIMIT_WRITE", "RATE_LIMIT_AUTH"), "off")
    stack = start_stack(unlimited, ["--workers", f"crm={len(CRM)}"])
    yield stack
    stop_stack(stack)


def said(stack, what):
    return sum((stack.state / "log" / name / "current").read_text().count(what) for name in CRM)


def supervise(stack, command):
    subprocess.run(["sv", "-w", "10", command, str(stack.state / "service/redis")], check=True, stdout=subprocess.DEVNULL)


class Inbox:
    """Of a facilitator about whom one thing after the other goes into the log."""

    def __init__(self, stack):
        self.stack, self.owner, self.count = stack, stack.facilitator(), 0
        self.channel = f"tithi:inbox:{self.owner.id}"

    def fill(self):
        """Seconds until the next message has arrived."""
        started = time.monotonic()
        log_entries(self.stack, self.owner, 1)
        self.count += 1
        wait_until(lambda: self.stack.rows("SELECT max(seq) FROM inbox_messages WHERE user_id = %s", self.owner.id) == [(self.count,)], "a message")
        return time.monotonic() - started


class TestRedis:
    """Without it inboxes are filled as ever, and what gateways should have heard meanwhile they hear afterwards."""

    def test_hanging(self, stack):
        inbox, pid, warned = Inbox(stack), stack.pid("redis"), said(stack, "redis is away")
        listener = Listener(stack, "tithi:inbox:*")
        inbox.fill()
        assert listener.wait_for(inbox.channel) == 1
        os.kill(pid, signal.SIGSTOP)
        try:
            assert sum(inbox.fill() for _ in range(10)) < 5
        finally:
            os.kill(pid, signal.SIGCONT)
        assert 1 <= said(stack, "redis is away") - warned <= len(CRM)
        while listener.wait_for(inbox.channel) != inbox.count:
            pass
        listener.close()

    def test_gone(self, stack):
        inbox, warned, back = Inbox(stack), said(stack, "redis is away"), said(stack, "redis is back")
        supervise(stack, "down")
        try:
            assert sum(inbox.fill() for _ in range(10)) < 5
            warned = said(stack, "redis is away") - warned
            assert 1 <= warned <= len(CRM)
        finally:
            supervise(stack, "up")
        wait_until(lambda: said(stack, "redis is back") - back == warned, "all to find it again")
        listener = Listener(stack, "tithi:inbox:*")
        inbox.fill()
        assert listener.wait_for(inbox.channel) == inbox.count
        listener.close()


@contextlib.contextmanager
def killing(stack):
    """kill -9 of a crm worker five times a second."""
    ended = threading.Event()

    def kill():
        number = 0
        while not ended.wait(0.2):
            with contextlib.suppress(ProcessLookupError):
                if pid := stack.pid(CRM[number % len(CRM)]):
                    os.kill(pid, signal.SIGKILL)
            number += 1

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        ended.set()
        killer.join()


def test_numbers_stay_dense(stack):
    owners = [stack.facilitator() for _ in range(5)]
    events = [stack.event(owner, max_participants=100) for owner in owners]
    people = stack.people(100)

    def book(person):
        return [person.post("/bookings", {"event_id": event["id"]}).status_code for event in events]

    with killing(stack), concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert {status for statuses in pool.map(book, people) for status in statuses} == {201}
    wait_until(lambda: stack.rows(UNSPREAD) == [(0,)], "the log to be spread", 30)
    for owner in owners:
        messages = stack.rows("SELECT seq, entry_id FROM inbox_messages WHERE user_id = %s ORDER BY seq", owner.id)
        entries = stack.rows("SELECT id FROM log_entries WHERE owner_id = %s ORDER BY position", owner.id)
        assert len(entries) >= 101  # the event and its bookings
        assert messages == [(seq, entry) for seq, (entry,) in enumerate(entries, 1)], "each entry once, in the order of the log"
        assert stack.rows("SELECT last_seq FROM inboxes WHERE user_id = %s", owner.id) == [(len(messages),)]
