"""A history under fire: 200 people race for the 50 places of one event after another while booking workers and brokers are
killed at random. What was acknowledged must exist, once, within capacity, and nobody may hear of the trouble."""

import asyncio
import collections
import json
import os
import random
import signal
import subprocess
import time
import uuid

import pytest

from document import ROOT
from harness import start_stack, stop_stack

PEOPLE = 200
PLACES = 50
EVENTS = 150
RACE_S = 12
PATIENCE_S = 20

Outcome = collections.namedtuple("Outcome", "event_id user_id status answer")


@pytest.fixture(scope="module")
def stack():
    limits = {"RATE_LIMIT_READ": "off", "RATE_LIMIT_WRITE": "off", "RATE_LIMIT_AUTH": "off"}
    stack = start_stack(limits, ["--workers", "booking=3", "--brokers", "2"])
    yield stack
    stop_stack(stack)


class Person:
    """One client with one connection, who repeats a request under its Idempotency-Key until it is answered for good."""

    def __init__(self, port, line):
        _, user_id, self.token = line.split()
        self.user_id = int(user_id)
        self.port = port
        self.streams = None
        self.server_errors = []

    async def book(self, event_id):
        body = json.dumps({"event_id": event_id}).encode()
        request = (
            f"POST /bookings HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n"
            f"Idempotency-Key: {uuid.uuid4()}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                status, answer = await asyncio.wait_for(self.exchange(request), PATIENCE_S)
            except (OSError, asyncio.IncompleteReadError):
                await self.close()
                continue
            if status >= 500:
                self.server_errors.append((status, answer))
            if status < 500 and answer.get("code") != "idempotency_in_flight":
                return Outcome(event_id, self.user_id, status, answer)
            await asyncio.sleep(0.1)
        return Outcome(event_id, self.user_id, None, self.server_errors[-1:])

    async def exchange(self, request):
        if not self.streams:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        return int(head.split()[1]), json.loads(await reader.readexactly(length))

    async def close(self):
        if self.streams:
            self.streams[1].close()
            self.streams = None


async def kill_at_random(stack, dice, stop):
    kills = collections.Counter()
    while not stop.is_set():
        await asyncio.sleep(dice.uniform(0.15, 0.45))
        name = dice.choice(["booking-1", "booking-2", "booking-3", "broker-1", "broker-2"])
        try:
            os.kill(int((stack.state / f"run/{name}.pid").read_text()), signal.SIGKILL)
            kills[name.split("-")[0]] += 1
        except (FileNotFoundError, ValueError, ProcessLookupError):
            pass  # not up again since the last time
    return kills


async def race(stack, people, events, dice):
    """Everybody books an event at the same moment, one event after another for RACE_S. Returns the outcomes and the kills."""
    stop = asyncio.Event()
    killer = asyncio.create_task(kill_at_random(stack, dice, stop))
    outcomes, began = [], time.monotonic()
    for number, event_id in enumerate(events, 1):
        outcomes += await asyncio.gather(*(person.book(event_id) for person in people))
        ahead = RACE_S * number / EVENTS - (time.monotonic() - began)
        if ahead < -RACE_S:
            break  # a slow machine has had killing enough
        await asyncio.sleep(max(0, ahead))
    stop.set()
    kills = await killer
    for person in people:
        await person.close()
    return outcomes, kills


def make_people(stack):
    tokens = stack.state / "tokens"
    command = [str(ROOT / "deploy/tithi"), "--state", str(stack.state), "user", "bulk", str(PEOPLE), "--tokens", str(tokens)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    port = int(stack.base_url.rsplit(":", 1)[1])
    return [Person(port, line) for line in tokens.read_text().splitlines()]


def test_what_was_acknowledged_exists_once_and_within_capacity(stack):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    facilitator = stack.facilitator()
    events = [stack.event(facilitator, max_participants=PLACES)["id"] for _ in range(EVENTS)]
    people = make_people(stack)
    outcomes, kills = asyncio.run(race(stack, people, events, random.Random(seed)))
    print(f"{len(outcomes)} wishes, killed {dict(kills)}")
    assert kills["booking"] >= 5 and kills["broker"] >= 3, kills

    assert [error for person in people for error in person.server_errors] == []
    strange = [o for o in outcomes if o.status != 201 and (o.status, o.answer.get("code")) != (400, "event_full")]
    assert strange == []

    raced = sorted({outcome.event_id for outcome in outcomes})
    acknowledged = {
        outcome.answer["booking"]["id"]: (outcome.event_id, outcome.user_id) for outcome in outcomes if outcome.status == 201
    }
    assert len(acknowledged) == sum(outcome.status == 201 for outcome in outcomes), "two people got one booking"
    with stack.database() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, event_id, user_id FROM bookings WHERE status = 'confirmed' AND event_id = ANY (%s)", (raced,))
        stored = {booking: (event, user) for booking, event, user in cursor.fetchall()}
        cursor.execute("SELECT id, taken FROM events WHERE id = ANY (%s)", (raced,))
        taken = dict(cursor.fetchall())
    assert stored == acknowledged
    assert len(set(stored.values())) == len(stored), "somebody got an event twice"
    assert taken == {event: PLACES for event in raced}
    assert collections.Counter(event for event, _ in stored.values()) == taken
