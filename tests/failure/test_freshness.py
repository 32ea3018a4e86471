"""Nobody reads what was before: while many hammer a list, through several gateways and workers, every read that begins after a change was
acknowledged shows it."""

import concurrent.futures
import itertools
import json
import subprocess
import sys

import pytest

from harness import Client, days_from_now, start_stack, stop_stack, unique

ROUNDS = 25
READERS = 6  # each on a connection of its own, which the kernel gives to one of the gateways


@pytest.fixture(scope="module")
def stack():
    unlimited = dict.fromkeys(("RATE_LIMIT_READ", "RATE_LIMIT_WRITE", "RATE_LIMIT_AUTH"), "off")
    stack = start_stack(unlimited, ["--workers", "gateway=2,event=2,booking=2", "--brokers", "2"])
    yield stack
    stop_stack(stack)


@pytest.fixture
def hammer():
    """Starts wrk on a URL; the fixture's end stops it."""
    started = []

    def start(url):
        started.append(subprocess.Popen(["wrk", "-t1", "-c48", "-d120s", url], stdout=subprocess.DEVNULL, stderr=sys.stderr))

    yield start
    for process in started:
        process.terminate()
        process.wait()


class Readers:
    def __init__(self, stack, pool):
        self.stack, self.pool = stack, pool

    def shown(self, path):
        """What each of several new connections reads, all at once."""
        def read(_):
            answer = Client(self.stack.base_url).get(path)
            return json.dumps(answer.json() if answer.status_code == 200 else answer.status_code, sort_keys=True)

        return [json.loads(text) for text in self.pool.map(read, range(READERS))]

    def listed(self, path, event_id):
        return [next((event for event in page["events"] if event["id"] == event_id), None) for page in self.shown(path)]


@pytest.fixture
def readers(stack):
    with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
        yield Readers(stack, pool)


def test_every_acknowledged_change_is_read(stack, hammer, readers):
    facilitator, person = stack.facilitator(), stack.user()
    path = f"/events?facilitator_id={facilitator.id}&limit=100"
    others = [stack.event(facilitator, title=unique("Filler")) for _ in range(60)]
    hammer(stack.base_url + path)
    hammer(stack.base_url + f"/events/{others[0]['id']}")
    for number in range(ROUNDS):
        event = stack.event(facilitator, title=f"Created {number}", start_datetime=days_from_now(2 + number))
        assert [found and found["title"] for found in readers.listed(path, event["id"])] == [f"Created {number}"] * READERS

        facilitator.put(f"/events/{event['id']}", {"title": f"Changed {number}"}).raise_for_status()
        assert [found["title"] for found in readers.listed(path, event["id"])] == [f"Changed {number}"] * READERS
        assert {found["title"] for found in readers.shown(f"/events/{event['id']}")} == {f"Changed {number}"}

        booked = stack.book(person, event)
        assert [found["current_participants"] for found in readers.listed(path, event["id"])] == [1] * READERS
        person.post(f"/bookings/{booked['id']}/cancel").raise_for_status()
        assert [found["current_participants"] for found in readers.listed(path, event["id"])] == [0] * READERS

        facilitator.delete(f"/events/{event['id']}").raise_for_status()
        assert readers.listed(path, event["id"]) == [None] * READERS


def test_a_name_of_somebody_else_is_read_at_once(stack, hammer, readers):
    """What a list shows of its facilitators is not of the events' rows."""
    facilitator = stack.facilitator()
    event = stack.event(facilitator)
    path = f"/events?facilitator_id={facilitator.id}"
    hammer(stack.base_url + path)
    for name in itertools.islice((f"Facilitator {number}" for number in itertools.count()), ROUNDS):
        facilitator.put("/profile", {"name": name}).raise_for_status()
        assert {found["facilitator"]["name"] for found in readers.listed(path, event["id"])} == {name}


def test_pages_end_where_they_end_now(stack, hammer, readers):
    """A change behind a page may make or end it: the mark of the next page is of the answer, too."""
    facilitator = stack.facilitator()
    path = f"/events?facilitator_id={facilitator.id}&limit=2"
    for _ in range(2):
        stack.event(facilitator)
    hammer(stack.base_url + path)
    for _ in range(ROUNDS):
        event = stack.event(facilitator, start_datetime=days_from_now(300), end_datetime=days_from_now(300, 12))
        assert all("next" in page and page["next"] for page in readers.shown(path))
        facilitator.delete(f"/events/{event['id']}").raise_for_status()
        assert not any(page.get("next") for page in readers.shown(path))
