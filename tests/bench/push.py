"""Live push: milliseconds from the commit of a booking (PostgreSQL's own commit timestamp) to the frame in its facilitator's hands, while a
thousand facilitators are connected; and what an idle connection costs the gateway."""

import asyncio
import base64
import json
import os
import pathlib
import random
import signal
import statistics
import sys
import time

CONNECTED = 1000
BOOKINGS = 600
PER_SECOND = 100


def rss_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("Pss:"))


async def connect(port, token):
    """A WebSocket of somebody; the reader is behind the handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /ws/ticket HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    ticket = json.loads(await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0])))["ticket"]
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /ws?ticket={ticket} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101"), head
    return reader, writer


async def listen(reader, writer, heard):
    """Notes when each booking's frame came, and answers pings."""
    while True:
        first, second = await reader.readexactly(2)
        length = second & 127
        if length == 126:
            length = int.from_bytes(await reader.readexactly(2), "big")
        payload = await reader.readexactly(length)
        now = time.time()
        if first & 15 == 9:
            mask = os.urandom(4)
            writer.write(bytes([0x8A, 0x80 | length]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))
        elif first & 15 == 1:
            heard[json.loads(payload)["data"]["booking_id"]] = now


async def run(stack, port, owners, events, people):
    before = rss_kib(stack.pid("gateway-1"))
    connections = []
    for start in range(0, len(owners), 50):
        connections += await asyncio.gather(*(connect(port, owner.token) for owner in owners[start : start + 50]))
    await asyncio.sleep(2)
    memory_kib = (rss_kib(stack.pid("gateway-1")) - before) / len(connections)
    heard = {}
    tasks = [asyncio.create_task(listen(reader, writer, heard)) for reader, writer in connections]
    made = [asyncio.create_task(book(port, people[number], events[number % len(events)], number / PER_SECOND)) for number in range(BOOKINGS)]
    booked = [await task for task in made]
    await asyncio.sleep(1)
    for task in tasks:
        task.cancel()
    for _, writer in connections:
        writer.close()
    return heard, booked, memory_kib


async def book(port, person, event_id, after_s):
    await asyncio.sleep(after_s)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"event_id": event_id})
    writer.write(
        f"POST /bookings HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {person.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    answer = json.loads(await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0])))
    writer.close()
    return answer["booking"]["id"]


def keep_commit_timestamps(stack):
    from harness import wait_until

    stack.operator("psql", "-X", "-q", "-c", "ALTER SYSTEM SET track_commit_timestamp = on")
    os.kill(stack.pid("postgres"), signal.SIGINT)
    time.sleep(1)
    wait_until(lambda: stack.anonymous.http.get(stack.base_url + "/readyz").status_code == 200, "the stack is not ready again", 30)


def measure(stack):
    """Rows of a table, the head first; and KiB per connection."""
    keep_commit_timestamps(stack)
    owners, people = stack.people(CONNECTED), stack.people(BOOKINGS)
    ids = [owner.id for owner in owners]
    stack.rows("UPDATE users SET role = 'facilitator' WHERE id = ANY (%s)", ids)
    events = [row[0] for row in stack.rows(
        "INSERT INTO events (facilitator_id, title, event_type, start_at) SELECT id, 'Meditation', 'session', now() + interval '30 days'"
        " FROM unnest(%s::bigint[]) AS id RETURNING id", ids)]
    random.shuffle(events)
    port = int(stack.base_url.rsplit(":", 1)[1])
    heard, booked, memory_kib = asyncio.run(run(stack, port, owners, events, people))
    committed = dict(stack.rows("SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM bookings WHERE id = ANY (%s)", booked))
    assert set(booked) <= set(heard), f"{len(set(booked) - set(heard))} were not pushed"
    times = sorted(1000 * (heard[booking] - float(committed[booking])) for booking in booked)
    print(f"push: {len(times)} bookings, {memory_kib:.1f} KiB per connection", file=sys.stderr)
    quantile = lambda q: f"{times[min(len(times) - 1, int(q * len(times)))]:.1f}"
    cells = [("commit to frame", "p50 ms", "p99 ms", "slowest ms"), (f"{CONNECTED:,} connected, {PER_SECOND} bookings/s", quantile(0.5), quantile(0.99), f"{times[-1]:.1f}")]
    return cells, memory_kib
