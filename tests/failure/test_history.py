"""A history under fire: 200 people race for the 50 places of one event after another while booking workers and brokers are
killed at random. What was acknowledged must exist, once, within capacity, and nobody may hear of the trouble."""

import asyncio
import collections
import os
import random
import signal
import time

import pytest

from crowd import crowd
from harness import start_stack, stop_stack

PEOPLE = 200
PLACES = 50
EVENTS = 150
RACE_S = 12

Outcome = collections.namedtuple("Outcome", "event_id user_id status answer")


@pytest.fixture(scope="module")
def stack():
    limits = {"RATE_LIMIT_READ": "off", "RATE_LIMIT_WRITE": "off", "RATE_LIMIT_AUTH": "off"}
    stack = start_stack(limits, ["--workers", "booking=3", "--brokers", "2"])
    yield stack
    stop_stack(stack)


async def book(person, event_id):
    status, answer = await person.post("/bookings", {"event_id": event_id})
    return Outcome(event_id, person.user_id, status, answer)


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
        outcomes += await asyncio.gather(*(book(person, event_id) for person in people))
        ahead = RACE_S * number / EVENTS - (time.monotonic() - began)
        if ahead < -RACE_S:
            break  # a slow machine has had killing enough
        await asyncio.sleep(max(0, ahead))
    stop.set()
    kills = await killer
    for person in people:
        await person.close()
    return outcomes, kills


def test_what_was_acknowledged_exists_once_and_within_capacity(stack):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    facilitator = stack.facilitator()
    events = [stack.event(facilitator, max_participants=PLACES)["id"] for _ in range(EVENTS)]
    people = crowd(stack, PEOPLE)
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
