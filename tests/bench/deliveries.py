"""Webhooks per second to one endpoint and to a thousand, of one crm worker and of two, and the CPU that each costs them, against a bare libcurl
loop that posts as many bytes to the same receiver. Rows lie ready in the outbox and become due at one moment."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
WEBHOOKS = 20_000
ENDPOINTS = 1000
BYTES = 1000
IN_FLIGHT = 64
LOAD = """
WITH endpoint AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM webhook_endpoints WHERE description = '{group}')
INSERT INTO outbox (channel, owner_id, lane, type, cause, body, next_attempt_at)
SELECT 'webhook', {owner}, endpoint.id, 'booking.created', 'bench:' || '{name}:' || n, rpad('{{"n":' || n || ',"x":"', {size}, 'x') || '"}}', 'infinity'
FROM generate_series(0, {count} - 1) AS n JOIN endpoint ON endpoint.number = n %% {endpoints}"""


def compile_loop(folder):
    program = folder / "curl_loop"
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-D_GNU_SOURCE", str(HERE / "curl_loop.c"), "-o", str(program), "-lcurl"], check=True)
    return program


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def make_endpoints(stack, owner, group, count, url):
    """By SQL: the API's limit per owner is for people."""
    stack.rows(
        "INSERT INTO webhook_endpoints (owner_id, url, description, secret)"
        " SELECT %s, %s || n, %s, 'whsec_' || encode(sha256(n::text::bytea), 'base64') FROM generate_series(0, %s - 1) AS n",
        owner, url, group, count,
    )


def deliver(stack, owner, group, endpoints, workers, name):
    stack.rows(LOAD.format(group=group, owner=owner, name=name, size=BYTES - 2, count=WEBHOOKS, endpoints=endpoints))
    stack.rows("ANALYZE outbox")
    pids = [stack.pid(f"crm-{number}") for number in range(1, workers + 1)]
    before, started = sum(map(cpu_seconds, pids)), time.monotonic()
    stack.rows("UPDATE outbox SET next_attempt_at = now() WHERE state = 'due' AND next_attempt_at = 'infinity'; NOTIFY outbox")
    while stack.rows("SELECT EXISTS (SELECT FROM outbox WHERE state = 'due' AND channel = 'webhook')") == [(True,)]:
        time.sleep(0.05)
    took, cpu = time.monotonic() - started, sum(map(cpu_seconds, pids)) - before
    bad = stack.rows("SELECT count(*) FROM outbox WHERE state <> 'delivered' OR attempts <> 1")[0][0]
    assert bad == 0, bad
    stack.rows("TRUNCATE outbox, delivery_attempts")
    return {"rate": WEBHOOKS / took, "cpu_us": cpu * 1e6 / WEBHOOKS}


def bare(program, url, urls):
    command = [str(program), url, str(urls), str(BYTES), str(WEBHOOKS), str(IN_FLIGHT)]
    result = json.loads(subprocess.run(command, check=True, text=True, capture_output=True).stdout)
    assert result["failed"] == 0, result
    return result


def measure(stack, sink_url, folder, rounds):
    """Rows of a table, the head first."""
    program = compile_loop(folder)
    owner = stack.facilitator().get("/profile").json()["id"]
    cells = [("webhooks to", "crm workers", "Tithi /s", "CPU µs each", "libcurl loop /s", "CPU µs each", "CPU ratio")]
    for count in (1, ENDPOINTS):
        make_endpoints(stack, owner, f"bench {count}", count, f"{sink_url}/hook/")
    for workers, count in ((1, 1), (1, ENDPOINTS), (2, 1), (2, ENDPOINTS)):
        stack.operator("scale", f"crm={workers}")
        ours, theirs = [], []
        for number in range(rounds):
            theirs.append(bare(program, f"{sink_url}/hook/", count))
            ours.append(deliver(stack, owner, f"bench {count}", count, workers, f"{workers}-{count}-{number}"))
            print(f"deliveries to {count} by {workers}, {number + 1}/{rounds}: {ours[-1]}, bare {theirs[-1]}", file=sys.stderr)
        rate, cpu, bare_rate, bare_cpu = (
            statistics.median(result[key] for result in results) for results in (ours, theirs) for key in ("rate", "cpu_us")
        )
        what = "one endpoint" if count == 1 else f"{count:,} endpoints"
        cells.append((what, str(workers), f"{rate:,.0f}", f"{cpu:.1f}", f"{bare_rate:,.0f}", f"{bare_cpu:.1f}", f"{cpu / bare_cpu:.2f}"))
    return cells
