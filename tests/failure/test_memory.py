"""How much memory the processes of a default stack hold: while nothing is asked of them, and what they give back after a rush. Counted by
the kernel (PSS: what a process shares is divided among all who do)."""

import concurrent.futures
import os
import pathlib
import time

import pytest

from document import ROOT
from harness import start_stack, stop_stack, wait_until

pytestmark = pytest.mark.skipif(os.environ.get("TITHI_BUILD", "release") != "release", reason="sanitizers hold memory of their own")

KINDS = ("gateway", "broker", "auth", "event", "booking", "payment", "crm")
EACH_MB, ALL_MB, LOADED_ALL_MB = 8, 40, 80
ARGON2_MB = 19


@pytest.fixture(scope="module")
def default_stack():
    built = ROOT / "build/web"
    web_root = built if (built / "index.html").exists() else ROOT / "tests/site"
    stack = start_stack({"WEB_ROOT": str(web_root), "RATE_LIMIT_AUTH": "off", "RATE_LIMIT_READ": "off"})
    yield stack
    stop_stack(stack)


def megabytes(stack):
    """kind -> PSS."""
    found = {}
    for kind in KINDS:
        lines = pathlib.Path(f"/proc/{stack.pid(f'{kind}-1')}/smaps_rollup").read_text().splitlines()
        found[kind] = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return found


def test_a_stack_that_nothing_is_asked_of_is_small(default_stack):
    time.sleep(1)
    held = megabytes(default_stack)
    assert max(held.values()) <= EACH_MB and sum(held.values()) <= ALL_MB, held


def test_a_web_app_that_nobody_asks_for_takes_no_memory(default_stack):
    before = megabytes(default_stack)["gateway"]
    for _ in range(3):
        os.kill(default_stack.pid("gateway-1"), 1)  # SIGHUP: it is read again
        time.sleep(0.3)
    assert default_stack.anonymous.get("/app/").ok
    assert megabytes(default_stack)["gateway"] < before + 2


def test_what_a_rush_took_is_given_back(default_stack):
    stack = default_stack
    facilitator = stack.facilitator()
    events = [stack.event(facilitator, max_participants=1000) for _ in range(20)]
    people = stack.people(400)

    def visit(number):
        person = people[number]
        for _ in range(5):
            assert person.get("/events?limit=100").ok
        stack.book(person, events[number % len(events)])
        person.http.close()

    def sign_in():
        for _ in range(10):
            stack.login(facilitator.email).http.close()

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        rush = [pool.submit(sign_in), *(pool.submit(visit, number) for number in range(len(people)))]
        while not all(one.done() for one in rush):
            held = megabytes(stack)
            assert sum(held.values()) <= LOADED_ALL_MB, held
            time.sleep(0.2)
        for one in rush:
            one.result()
    wait_until(lambda: max(megabytes(stack).values()) < ARGON2_MB - 4 and sum(megabytes(stack).values()) < LOADED_ALL_MB - ARGON2_MB,
               lambda: megabytes(stack), seconds=20)
