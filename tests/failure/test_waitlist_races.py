"""Waiting lists under fire: a crowd books, cancels, joins, leaves and lets offers lapse at a few full events, facilitators change how many places
there are, and booking workers are killed at random meanwhile. No place is given twice, who waits is served in the order of joining, and nobody
waits while a place is free."""

import asyncio
import collections
import os
import random
import signal
import time

import pytest

from crowd import crowd
from harness import assert_ledger_is_balanced, start_stack, stop_stack, wait_until

PEOPLE = 40
EVENTS = 4
WORKERS = ["booking-1", "booking-2", "booking-3"]
OFFER_TTL_S = 2

pytestmark = pytest.mark.slow

# What must be so at any moment, as one snapshot shows it.
WRONG = {
    "more places than there are": (
        "SELECT e.id, e.capacity, e.taken, e.offered, b.live, w.offered FROM events e"
        " LEFT JOIN LATERAL (SELECT count(*) AS live FROM bookings WHERE event_id = e.id AND status IN ('pending', 'confirmed')) b ON true"
        " LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'offered') AS offered, count(*) FILTER (WHERE state = 'waiting') AS waiting"
        "  FROM waitlist_entries WHERE event_id = e.id) w ON true"
        " WHERE b.live + w.offered > e.capacity OR b.live <> e.taken OR w.offered <> e.offered OR w.waiting <> e.waiting"
    ),
    "somebody has a place and waits for one": (
        "SELECT w.id FROM waitlist_entries w JOIN bookings b USING (user_id, event_id)"
        " WHERE w.state IN ('waiting', 'offered') AND b.status IN ('pending', 'confirmed')"
    ),
    "an offer was made out of turn": (  # entries are numbered as people join, the log as offers are made
        "SELECT * FROM (SELECT event_id, id, split_part(cause, ':', 2)::bigint AS entry, max(split_part(cause, ':', 2)::bigint)"
        "  OVER (PARTITION BY event_id ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before"
        " FROM log_entries WHERE type = 'waitlist.offered') o WHERE entry < before"
    ),
    "somebody was passed over": (
        "SELECT w.id FROM waitlist_entries w WHERE w.state = 'waiting'"
        " AND EXISTS (SELECT FROM waitlist_entries o WHERE o.event_id = w.event_id AND o.id > w.id AND o.offered_at IS NOT NULL)"
    ),
    "an offer and its entry in the log do not belong together": (
        "SELECT w.id, l.cause FROM (SELECT id FROM waitlist_entries WHERE offered_at IS NOT NULL) w FULL JOIN"
        " (SELECT cause FROM log_entries WHERE type = 'waitlist.offered') l ON l.cause = 'waitlist:' || w.id WHERE w.id IS NULL OR l.cause IS NULL"
    ),
    "a place was booked past the line": (  # while somebody had waited for long and went on to, and not by an offer
        "SELECT b.id FROM bookings b JOIN waitlist_entries w ON w.event_id = b.event_id AND w.user_id <> b.user_id"
        " AND w.joined_at < b.created_at - interval '10 seconds'"
        " AND coalesce(w.offered_at, w.ended_at, 'infinity') > b.created_at + interval '10 seconds'"
        " WHERE NOT EXISTS (SELECT FROM waitlist_entries o WHERE o.user_id = b.user_id AND o.event_id = b.event_id AND o.state = 'booked'"
        "  AND o.ended_at = b.created_at)"
    ),
}


def assert_nothing_is_wrong(stack):
    connection = stack.database()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for what, statement in WRONG.items():
                cursor.execute(statement)
                wrong = cursor.fetchall()
                assert not wrong, f"{what}: {wrong[:5]}"
    finally:
        connection.close()


@pytest.fixture(scope="module")
def stack():
    limits = dict.fromkeys(("RATE_LIMIT_READ", "RATE_LIMIT_WRITE", "RATE_LIMIT_AUTH"), "off")
    stack = start_stack({**limits, "WAITLIST_OFFER_TTL": f"{OFFER_TTL_S}s", "HOLD_TTL": "1s"}, ["--workers", f"booking={len(WORKERS)}"])
    yield stack
    stop_stack(stack)


EXPECTED = {
    "book": {201, (400, "event_full"), (409, "already_booked")},
    "join": {200, (409, "places_free"), (409, "already_booked")},
    "leave": {200, (404, "not_waiting")},
    "cancel": {200, (409, "booking_not_cancellable")},
}


async def ask(person, what, method, path, done, body=None):
    """Whatever it comes to, it is one of EXPECTED; None: no answer."""
    status, answer = await person.request(method, path, body)
    if status is None:
        done["unanswered"] += 1
        return None
    outcome = status if status < 400 else (status, answer["code"])
    assert outcome in EXPECTED[what], (what, outcome, answer)
    done[what, outcome] += 1
    return answer if status < 400 else None


async def live(person, events, dice, until, done):
    """Wants a place now and then, waits for one, gives some back, and forgets some offers."""
    booked = {}
    while time.monotonic() < until:
        event = dice.choice(events)
        waitlist = f"/events/{event}/waitlist"
        if event in booked:
            if await ask(person, "cancel", "POST", f"/bookings/{booked.pop(event)}/cancel", done):
                await asyncio.sleep(dice.uniform(0, 0.2))
        elif answer := await ask(person, "book", "POST", "/bookings", done, {"event_id": event}):
            booked[event] = answer["booking"]["id"]
        elif dice.random() < 0.8:
            await ask(person, "join", "POST", waitlist, done)
        else:
            await ask(person, "leave", "DELETE", waitlist, done)
        await asyncio.sleep(dice.uniform(0, 0.3))
    await person.close()


async def fire(stack, facilitator, events, dice, until, done):
    """Kills booking workers, and makes events larger and smaller."""
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(0.2, 0.8))
        try:
            os.kill(int((stack.state / f"run/{dice.choice(WORKERS)}.pid").read_text()), signal.SIGKILL)
            done["killed"] += 1
        except (FileNotFoundError, ValueError, ProcessLookupError):
            pass  # not up again since the last time
        change = {"max_participants": dice.randint(3, 6)}
        answer = await asyncio.to_thread(facilitator.put, f"/events/{dice.choice(events)}", change)
        assert answer.ok or answer.json()["code"] == "capacity_below_taken", answer.text
        assert_nothing_is_wrong(stack)


async def burn(stack, facilitator, people, events, dice, seconds):
    until = time.monotonic() + seconds
    done = collections.Counter()
    lives = [live(person, events, dice, until, done) for person in people]
    await asyncio.gather(fire(stack, facilitator, events, dice, until, done), *lives)
    return done


def test_nobody_is_passed_over_and_no_place_is_given_twice(stack):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    facilitator = stack.facilitator()
    events = [stack.event(facilitator, max_participants=4, price=10 if number % 2 else 0)["id"] for number in range(EVENTS)]
    people = crowd(stack, PEOPLE)
    done = asyncio.run(burn(stack, facilitator, people, events, random.Random(seed), 30))
    print(dict(done))
    assert done["killed"] >= 15 and done["join", 200] > 100 and done["book", 201] > 100 and done["cancel", 200] > 30
    codes = {answer["code"] for person in people for _, answer in person.server_errors}
    assert codes <= {"unavailable", "poisoned_call"}  # of workers that die; each was repeated

    # Offers and holds run out one after the other, until nobody waits or all places are taken.
    restless = (
        "SELECT count(*) FROM events e WHERE e.waiting > 0 AND e.taken + e.offered < e.capacity OR EXISTS (SELECT FROM waitlist_entries w"
        " WHERE w.event_id = e.id AND w.state = 'offered') OR EXISTS (SELECT FROM bookings b WHERE b.event_id = e.id AND b.status = 'pending')"
    )
    wait_until(lambda: stack.rows(restless) == [(0,)], lambda: stack.rows("SELECT id, capacity, taken, offered, waiting FROM events"), 90)
    assert_nothing_is_wrong(stack)
    offers = dict(stack.rows("SELECT state, count(*) FROM waitlist_entries WHERE offered_at IS NOT NULL GROUP BY state"))
    print(offers)
    assert offers["booked"] > 20 and offers["lapsed"] > 5
    told = "SELECT count(*) FROM log_entries l JOIN waitlist_entries w ON l.cause = 'waitlist:' || w.id WHERE l.type = 'waitlist.lapsed'"
    assert stack.rows(told)[0][0] == offers["lapsed"] + offers.get("left", 0)
    assert_ledger_is_balanced(stack)
    deadlocks = stack.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == [(0,)]


def test_a_stampede_for_one_freed_place(stack):
    """Everybody who does not wait wants it at once."""
    facilitator = stack.facilitator()
    holder, first, *others = stack.people(20)
    event = stack.event(facilitator, max_participants=1)
    for _ in range(5):
        booking = holder.post("/bookings", {"event_id": event["id"]}).json()["booking"]
        assert first.post(f"/events/{event['id']}/waitlist").status_code == 200

        async def rush():
            calls = [asyncio.to_thread(holder.post, f"/bookings/{booking['id']}/cancel")]
            calls += [asyncio.to_thread(other.post, "/bookings", {"event_id": event["id"]}) for other in others]
            return await asyncio.gather(*calls)

        cancelled, *refused = asyncio.run(rush())
        assert cancelled.status_code == 200 and {answer.json().get("code") for answer in refused} == {"event_full"}
        wait_until(lambda: first.post("/bookings", {"event_id": event["id"]}).status_code == 201, "the place", OFFER_TTL_S)
        kept = first.get("/bookings", params={"status": "confirmed"}).json()["bookings"][0]
        assert first.post(f"/bookings/{kept['id']}/cancel").status_code == 200
    assert_nothing_is_wrong(stack)
