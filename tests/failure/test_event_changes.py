"""Several people change one event at once, by several workers: each change is made of what the one before it left, is told once, and tells of
itself alone."""

import concurrent.futures
import contextlib

import pytest

from harness import start_stack, stop_stack, wait_until

WORKERS = 3


@pytest.fixture(scope="module")
def stack():
    stack = start_stack(dict.fromkeys(("RATE_LIMIT_READ", "RATE_LIMIT_WRITE"), "off"), ["--workers", f"event={WORKERS}"])
    yield stack
    stop_stack(stack)


@pytest.fixture
def owner(stack):
    return stack.facilitator()


def told(stack, event):
    """What the log tells of changes of the event, in their order."""
    rows = stack.rows("SELECT body::json FROM log_entries WHERE event_id = %s AND type = 'event.updated' ORDER BY id", event["id"])
    return [body for (body,) in rows]


def revision(stack, event):
    ((number,),) = stack.rows("SELECT revision FROM events WHERE id = %s", event["id"])
    return number


def test_each_is_made_of_the_one_before(stack, owner):
    """None has read the event before the others have changed it."""
    event = stack.event(owner, title="Before", location="Hall", virtual_link=None)
    changes = {"title": "After", "location": "Garden", "virtual_link": "https://meet.example.com/x"}
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with contextlib.closing(stack.database()) as connection, concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM events WHERE id = %s FOR UPDATE", (event["id"],))
        answers = []
        for name, value in changes.items():
            answers.append(pool.submit(owner.put, f"/events/{event['id']}", {name: value}))
            wait_until(lambda: stack.rows(waiting) == [(len(answers),)], "another worker has that change in hand")
        connection.rollback()
        assert [answer.result().status_code for answer in answers] == [200] * WORKERS
    after = owner.get(f"/events/{event['id']}").json()
    assert changes.items() <= after.items()
    bodies = told(stack, event)
    assert sorted(body["changed"] for body in bodies) == sorted([name] for name in changes)
    so_far = {name: event[name] for name in changes}
    for body in bodies:
        (name,) = body["changed"]
        so_far[name] = changes[name]
        assert so_far.items() <= body["event"].items()
    assert revision(stack, event) == WORKERS


def test_one_entry_for_every_revision(stack, owner, receiver):
    event = stack.event(owner)
    answer = owner.post("/webhooks", {"url": receiver.url, "types": ["event.updated"]})
    assert answer.status_code == 201
    titles = [f"Title {number}" for number in range(30)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda title: owner.put(f"/events/{event['id']}", {"title": title}), titles))
    assert [answer.status_code for answer in answers] == [200] * len(titles)
    assert sorted(answer.json()["event"]["title"] for answer in answers) == sorted(titles)
    bodies = told(stack, event)
    assert revision(stack, event) == len(bodies) == len(titles)
    assert sorted(body["event"]["title"] for body in bodies) == sorted(titles) and all(body["changed"] == ["title"] for body in bodies)
    assert bodies[-1]["event"]["title"] == owner.get(f"/events/{event['id']}").json()["title"]
    heard = {receiver.wait_for(lambda _: True).json["event"]["title"] for _ in titles}
    assert heard == set(titles)
