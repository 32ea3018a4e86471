"""Places under pressure: people race for the last ones, repeat themselves, cancel, let holds run out, and facilitators change or cancel
the event under them, with three booking workers at once. Afterwards the books must balance."""

import collections
import concurrent.futures
import random
import subprocess
import time

import psycopg2
import pytest

from document import ROOT
from harness import Client

PEOPLE = 60


def operator(stack, *arguments):
    command = [str(ROOT / "deploy/tithi"), "--state", str(stack.state), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module", autouse=True)
def workers(stack):
    """Three booking workers, so that transactions meet in the database; and no deadlock among them."""
    operator(stack, "scale", "booking=3")
    yield
    operator(stack, "scale", "booking=1")
    assert query(stack, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]


@pytest.fixture(scope="module")
def people(stack):
    tokens = stack.state / "tokens-of-places"
    operator(stack, "user", "bulk", str(PEOPLE), "--tokens", str(tokens))
    found = []
    for line in tokens.read_text().splitlines():
        _, user_id, token = line.split()
        found.append(Client(stack.base_url, token))
        found[-1].id = int(user_id)
    return found


def query(stack, sql, arguments=()):
    connection = stack.database()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def at_once(function, items):
    with concurrent.futures.ThreadPoolExecutor(max_workers=32) as pool:
        return list(pool.map(function, items))


def book(person, event):
    return person.post("/bookings", {"event_id": event["id"]})


def outcome(answer):
    return answer.status_code if answer.ok else (answer.status_code, answer.json()["code"])


def outcomes(answers):
    return collections.Counter(outcome(answer) for answer in answers)


def assert_balanced(stack, *events):
    """What an event counts is what is booked, within its capacity, and nobody has two places."""
    ids = [event["id"] for event in events]
    rows = query(
        stack,
        "SELECT e.id, e.taken, e.capacity, count(b.id), count(DISTINCT b.user_id) FROM events e LEFT JOIN bookings b"
        " ON b.event_id = e.id AND b.status IN ('pending', 'confirmed') WHERE e.id = ANY (%s) GROUP BY e.id",
        (ids,),
    )
    assert len(rows) == len(ids)
    for _, taken, capacity, booked, persons in rows:
        assert taken == booked == persons
        assert capacity is None or taken <= capacity


def taken(stack, event):
    return stack.anonymous.get(f"/events/{event['id']}").json()["current_participants"]


def end_hold(stack, booking):
    query(
        stack,
        "UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = %s AND status = 'pending'",
        (booking["id"],),
    )


def announced(stack, action, event):
    """How often the log tells of it."""
    rows = query(stack, "SELECT count(*) FROM log_entries WHERE type = %s AND event_id = %s", (f"booking.{action}", event["id"]))
    return rows[0][0]


def wait_for_status(person, booking, status):
    for _ in range(100):
        found = person.get(f"/bookings/{booking['id']}").json()
        if found["status"] == status:
            return found
        time.sleep(0.05)
    raise AssertionError(f"booking {booking['id']} is still {found['status']}")


def test_the_last_place_is_sold_once(stack, facilitator, people):
    events = [stack.event(facilitator, max_participants=1) for _ in range(5)]
    for event in events:
        assert outcomes(at_once(lambda person: book(person, event), people[:20])) == {201: 1, (400, "event_full"): 19}
    assert_balanced(stack, *events)


def test_a_rush_fills_the_event_and_no_more(stack, facilitator, people):
    event = stack.event(facilitator, max_participants=25)
    found = outcomes(at_once(lambda person: book(person, event), people))
    assert found == {201: 25, (400, "event_full"): PEOPLE - 25}
    assert taken(stack, event) == 25
    assert_balanced(stack, event)


def test_first_come_first_served_one_by_one(stack, facilitator, people):
    event = stack.event(facilitator, max_participants=2)
    assert [outcome(book(person, event)) for person in people[:4]] == [201, 201, (400, "event_full"), (400, "event_full")]
    assert outcome(book(people[0], event)) == (409, "already_booked")


def test_an_event_without_a_limit_takes_all(stack, facilitator, people):
    event = stack.event(facilitator, max_participants=None)
    assert outcomes(at_once(lambda person: book(person, event), people)) == {201: PEOPLE}
    assert_balanced(stack, event)


def test_one_person_many_times_gets_one_place(stack, facilitator, people):
    event = stack.event(facilitator, max_participants=40)
    answers = at_once(lambda person: book(person, event), [person for person in people[:8] for _ in range(6)])
    assert outcomes(answers) == {201: 8, (409, "already_booked"): 40}
    assert_balanced(stack, event)


def test_duplicates_of_the_refused_hear_that_it_is_full(stack, facilitator, people):
    event = stack.event(facilitator, max_participants=1)
    assert outcome(book(people[0], event)) == 201
    answers = at_once(lambda _: book(people[1], event), range(12))
    assert outcomes(answers) == {(400, "event_full"): 12}


def test_a_repeated_key_is_one_booking(stack, facilitator, people):
    event = stack.event(facilitator)

    def repeat(_):
        return people[0].post("/bookings", {"event_id": event["id"]}, headers={"Idempotency-Key": "of-places-1"})

    answers = at_once(repeat, range(12))
    assert set(outcomes(answers)) <= {201, (409, "idempotency_in_flight")}
    assert len({answer.json()["booking"]["id"] for answer in answers if answer.ok}) == 1
    assert repeat(None).status_code == 201
    assert taken(stack, event) == 1


def test_a_cancelled_place_goes_to_the_next(stack, facilitator, people):
    first, second = people[:2]
    event = stack.event(facilitator, max_participants=1)
    booking = stack.book(first, event)
    assert outcome(book(second, event)) == (400, "event_full")
    answer = first.post(f"/bookings/{booking['id']}/cancel")
    assert answer.status_code == 200 and answer.json()["refund"] is None
    assert answer.json()["booking"]["status"] == "cancelled" and answer.json()["booking"]["cancelled_at"]
    assert taken(stack, event) == 0
    stack.book(second, event)
    assert outcome(book(first, event)) == (400, "event_full")
    assert_balanced(stack, event)


def test_a_place_is_freed_once(stack, facilitator, people):
    event = stack.event(facilitator, max_participants=5)
    booking = stack.book(people[0], event)
    stack.book(people[1], event)
    answers = at_once(lambda _: people[0].post(f"/bookings/{booking['id']}/cancel"), range(12))
    assert outcomes(answers) == {200: 1, (409, "booking_not_cancellable"): 11}
    assert taken(stack, event) == 1
    stack.book(people[0], event)
    assert_balanced(stack, event)


def test_no_stranger_cancels(stack, facilitator, people):
    event = stack.event(facilitator)
    booking = stack.book(people[0], event)
    assert outcome(people[1].post(f"/bookings/{booking['id']}/cancel")) == (404, "booking_not_found")
    assert facilitator.get(f"/bookings/{booking['id']}").json()["user"]["id"] == people[0].id
    assert outcome(people[1].get(f"/bookings/{booking['id']}")) == (404, "booking_not_found")
    assert taken(stack, event) == 1


def test_a_hold_that_nobody_pays_runs_out(stack, facilitator, people):
    event = stack.event(facilitator, max_participants=1, price=25.5)
    booking = stack.book(people[0], event)
    assert (booking["status"], booking["payment_status"]) == ("pending", "pending")
    assert booking["hold_expires_at"] > booking["created_at"]
    assert outcome(book(people[1], event)) == (400, "event_full")
    end_hold(stack, booking)
    expired = wait_for_status(people[0], booking, "expired")
    assert (expired["payment_status"], expired["hold_expires_at"]) == ("failed", None)
    stack.book(people[1], event)
    assert_balanced(stack, event)
    assert outcome(people[0].post(f"/bookings/{booking['id']}/cancel")) == (409, "booking_not_cancellable")
    assert (announced(stack, "created", event), announced(stack, "expired", event)) == (2, 1)


def test_capacity_never_falls_below_what_is_taken(stack, facilitator, people):
    event = stack.event(facilitator, max_participants=40)
    sizes = [30, 20, 10, 5, 3, 2]
    calls = [lambda person=person: book(person, event) for person in people[:30]]
    calls += [lambda size=size: facilitator.put(f"/events/{event['id']}", {"max_participants": size}) for size in sizes]
    random.Random(7).shuffle(calls)
    found = outcomes(at_once(lambda call: call(), calls))
    assert set(found) <= {200, 201, (400, "event_full"), (409, "capacity_below_taken")}
    assert_balanced(stack, event)


def test_cancelling_an_event_cancels_every_booking_and_tells_each(stack, facilitator, people):
    event = stack.event(facilitator, max_participants=100)
    at_once(lambda person: book(person, event), people[:20])
    answers = at_once(lambda _: facilitator.post(f"/facilitator/events/{event['id']}/cancel"), range(4))
    assert outcomes(answers) == {200: 1, (409, "event_already_cancelled"): 3}
    cancelled = next(answer.json() for answer in answers if answer.ok)
    assert cancelled["bookings_cancelled"] == 20
    assert (cancelled["refunds_processed"], cancelled["total_refund_amount"]) == (0, 0)
    assert outcome(book(people[30], event)) == (409, "event_cancelled")
    assert announced(stack, "cancelled", event) == 20
    shown = stack.anonymous.get(f"/events/{event['id']}").json()
    assert (shown["status"], shown["is_active"], shown["current_participants"]) == ("cancelled", False, 0)
    assert_balanced(stack, event)


def test_nobody_books_an_event_while_it_is_cancelled(stack, facilitator, people):
    event = stack.event(facilitator, max_participants=100)
    calls = [lambda person=person: book(person, event) for person in people]
    calls.insert(15, lambda: facilitator.post(f"/facilitator/events/{event['id']}/cancel"))
    found = outcomes(at_once(lambda call: call(), calls))
    assert set(found) <= {200, 201, (409, "event_cancelled")}
    assert query(stack, "SELECT status FROM bookings WHERE event_id = %s AND status <> 'cancelled'", (event["id"],)) == []
    assert_balanced(stack, event)


def test_a_removed_event_has_no_bookings(stack, facilitator, people):
    event = stack.event(facilitator, max_participants=20)
    calls = [lambda: facilitator.delete(f"/events/{event['id']}"), *(lambda p=p: book(p, event) for p in people[:12])]
    random.Random(3).shuffle(calls)
    found = outcomes(at_once(lambda call: call(), calls))
    removed = found[200] == 1
    assert found == ({200: 1, (404, "event_not_found"): 12} if removed else {(409, "event_has_bookings"): 1, 201: 12})
    assert_balanced(stack, event)


@pytest.mark.parametrize("missing", ["event_id", "user_id"])
def test_no_booking_names_what_does_not_exist(stack, facilitator, people, missing):
    named = {"event_id": stack.event(facilitator)["id"], "user_id": people[0].id, missing: 10**15}
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        query(
            stack,
            "INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency)"
            " VALUES ('nobody', %(event_id)s, %(user_id)s, 'confirmed', 'not_required', 0, 'INR')",
            named,
        )


@pytest.mark.parametrize("table, column", [("events", "event_id"), ("users", "user_id")])
def test_what_a_booking_names_stays(stack, facilitator, people, table, column):
    booking = book(people[0], stack.event(facilitator)).json()["booking"]
    named = query(stack, f"SELECT {column} FROM bookings WHERE id = %s", (booking["id"],))
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        query(stack, f"DELETE FROM {table} WHERE id = %s", named)


def test_everything_at_once_balances(stack, facilitator, people):
    """Bookings, cancellations, holds that end and changes of many events in one stir."""
    dice = random.Random(11)
    events = [stack.event(facilitator, max_participants=6, price=10 if number % 2 else 0) for number in range(10)]

    def live(person):
        done = []
        for event in dice.sample(events, 6):
            answer = book(person, event)
            done.append(outcome(answer))
            if answer.ok and dice.random() < 0.4:
                done.append(outcome(person.post(f"/bookings/{answer.json()['booking']['id']}/cancel")))
            elif answer.ok and dice.random() < 0.4:
                end_hold(stack, answer.json()["booking"])
            if dice.random() < 0.1:
                done.append(outcome(facilitator.put(f"/events/{event['id']}", {"description": f"{dice.random()}"})))
        return done

    found = collections.Counter(result for results in at_once(live, people) for result in results)
    assert set(found) <= {200, 201, (400, "event_full"), (409, "booking_not_cancellable")}, found
    assert_balanced(stack, *events)
