"""A minute under fire: people book and cancel while crm workers are killed at random and PostgreSQL is restarted. Whatever was acknowledged
is told to every listener: by webhook, in the log, in the facilitator's inbox and by mail; what is told twice has one id and one body."""

import asyncio
import collections
import http.server
import os
import random
import signal
import threading
import time

import pytest

from crowd import crowd
from harness import start_stack, stop_stack, wait_until

PEOPLE = 24
FIRE_S = 60
WORKERS = ["crm-1", "crm-2", "crm-3"]
PAUSE_S = 0.25  # of a person between two commands

pytestmark = pytest.mark.slow


class Listener:
    """Takes webhooks, and notes every copy. The first copy of one message in ten is refused, or answered by hanging up."""

    def __init__(self):
        self.copies = collections.defaultdict(list)  # webhook-id -> bodies
        listener, lock = self, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                name = self.headers["webhook-id"]
                with lock:
                    listener.copies[name].append(body)
                    number = len(listener.copies[name])
                luck = int(name[-2:], 16) % 20 if number == 1 else None
                if luck == 0:
                    self.close_connection = True
                    return
                self.send_response(503 if luck == 1 else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request, client_address):
                pass  # who is killed hangs up

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def listeners():
    found = {name: Listener() for name in ("operator", "profile", "own")}
    yield found
    for listener in found.values():
        listener.close()


@pytest.fixture(scope="module")
def stack(listeners):
    limits = {"RATE_LIMIT_READ": "off", "RATE_LIMIT_WRITE": "off", "RATE_LIMIT_AUTH": "off"}
    settings = {**limits, "CRM_WEBHOOK_URL": listeners["operator"].url, "WEBHOOK_ALLOW_NETS": "127.0.0.0/8"}
    stack = start_stack(settings, ["--workers", f"crm={len(WORKERS)}"])
    yield stack
    stop_stack(stack)


async def live(person, events, dice, until, done):
    """Books one event after another, and cancels every other booking."""
    for event_id in events:
        if time.monotonic() > until:
            break
        status, answer = await person.post("/bookings", {"event_id": event_id})
        if status is None:
            done["unanswered"].append(answer)
            continue
        assert status == 201, answer
        booking_id = answer["booking"]["id"]
        done["created"].add(booking_id)
        await asyncio.sleep(PAUSE_S * dice.uniform(0.5, 1.5))
        if dice.random() < 0.5:
            status, answer = await person.post(f"/bookings/{booking_id}/cancel")
            if status is None:
                done["unanswered"].append(answer)
            else:
                assert status == 200, answer
                done["cancelled"].add(booking_id)
    await person.close()


async def fire(stack, dice, until, kills):
    """Kills crm workers, and restarts PostgreSQL twice."""
    restarts = [until - FIRE_S * 2 / 3, until - FIRE_S / 3]
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(0.3, 1.2))
        if restarts and time.monotonic() > restarts[0]:
            restarts.pop(0)
            os.kill(stack.pid("postgres"), signal.SIGINT)
            kills["postgres"] += 1
            continue
        try:
            os.kill(int((stack.state / f"run/{dice.choice(WORKERS)}.pid").read_text()), signal.SIGKILL)
            kills["crm"] += 1
        except (FileNotFoundError, ValueError, ProcessLookupError):
            pass  # not up again since the last time


async def burn(stack, people, events, dice):
    until = time.monotonic() + FIRE_S
    done, kills = {"created": set(), "cancelled": set(), "unanswered": []}, collections.Counter()
    lives = [live(person, dice.sample(events, len(events)), dice, until, done) for person in people]
    await asyncio.gather(fire(stack, dice, until, kills), *lives)
    return done, kills


def test_nothing_is_lost_and_repeats_are_repeats(stack, listeners):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    facilitator = stack.facilitator()
    assert facilitator.put("/profile/webhook", {"crm_webhook_url": listeners["profile"].url}).ok
    assert facilitator.post("/webhooks", {"url": listeners["own"].url, "types": ["booking.created", "booking.cancelled"]}).ok
    events = [stack.event(facilitator, max_participants=PEOPLE)["id"] for _ in range(FIRE_S * 4)]
    people = crowd(stack, PEOPLE)
    done, kills = asyncio.run(burn(stack, people, events, random.Random(seed)))
    print(f"{len(done['created'])} booked, {len(done['cancelled'])} cancelled, {len(done['unanswered'])} unanswered, killed {dict(kills)}")
    assert kills["crm"] >= 20 and kills["postgres"] == 2, kills

    # Those without an answer may have happened or not; what happened stands in the database.
    facts = {row for row in stack.rows("SELECT id, 'booking.created' FROM bookings UNION ALL SELECT id, 'booking.cancelled' FROM bookings WHERE status = 'cancelled'")}
    for kind in ("created", "cancelled"):
        assert {(booking, f"booking.{kind}") for booking in done[kind]} <= facts
    wait_until(lambda: stack.rows("SELECT count(*) FROM log_entries WHERE position IS NULL") == [(0,)], "entries are not spread")
    entries = stack.rows("SELECT booking_id, type, id FROM log_entries WHERE booking_id IS NOT NULL ORDER BY position")
    assert len(entries) == len(facts) and {(booking, kind) for booking, kind, _ in entries} == facts
    for booking in done["cancelled"]:
        kinds = [kind for of, kind, _ in entries if of == booking]
        assert kinds == ["booking.created", "booking.cancelled"]

    # A dead worker's lease ends within 15 s, and what was refused is due again after 5 s. What had worse luck would wait for minutes.
    def all_delivered():
        stack.rows("UPDATE outbox SET next_attempt_at = now() WHERE state = 'due' AND next_attempt_at > now() + interval '10 seconds'")
        return stack.rows("SELECT count(*) FROM deliveries WHERE state <> 'delivered'") == [(0,)]

    wait_until(all_delivered, lambda: stack.rows("SELECT channel, state, attempts, last_status, last_error, count(*) FROM deliveries"
                                                 " WHERE state <> 'delivered' GROUP BY 1, 2, 3, 4, 5"), 60)

    everything = {entry for _, _, entry in entries} | {entry for (entry,) in stack.rows("SELECT id FROM log_entries")}
    lanes = {"operator": "lane = 0", "profile": "lane = (SELECT id FROM webhook_endpoints WHERE from_profile)",
             "own": "lane = (SELECT id FROM webhook_endpoints WHERE NOT from_profile)"}
    for name, lane in lanes.items():
        queued = dict(stack.rows(f"SELECT webhook_id, entry_id FROM deliveries WHERE channel = 'webhook' AND {lane}"))
        wanted = {entry for _, _, entry in entries}
        assert len(set(queued.values())) == len(queued) and set(queued.values()) == wanted, name
        copies = listeners[name].copies
        assert set(copies) == set(queued), name
        assert all(len(set(bodies)) == 1 for bodies in copies.values()), "a repeat had another body"

    owner = facilitator.get("/profile").json()["id"]
    seqs = [seq for (seq,) in stack.rows("SELECT seq FROM inbox_messages WHERE user_id = %s ORDER BY seq", owner)]
    assert seqs == list(range(1, len(everything) + 1))
    mails = stack.rows("SELECT count(*), count(DISTINCT type || cause) FROM deliveries WHERE channel = 'mail' AND type LIKE 'mail.booking_%%'")
    assert mails == [(len(facts), len(facts))]
    assert len(list((stack.state / "mail").glob("*.eml"))) >= len(facts)
