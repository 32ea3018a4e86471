"""Reports over a million payments (reports.sql), one after the other: of one facilitator, and of everybody."""

import statistics
import time

from figures import say
from load import HERE

ROUNDS = 9
REPORTS = [
    ("revenue by event", "revenue?group=event"),
    ("revenue by facilitator", "revenue?group=facilitator"),
    ("revenue by month", "revenue?group=month"),
    ("revenue by currency", "revenue?group=currency"),
    ("revenue of one month by event", "revenue?group=event&from=2026-03-01&to=2026-03-31"),
    ("figures", "figures"),
    ("people, a page of 20", "payments"),
    ("paid people, a page of 20", "payments?state=paid"),
    ("unpaid people, a page of 20", "payments?state=unpaid"),
    ("refunded people, a page of 20", "payments?state=refunded"),
    ("people, a page of 2,000 as CSV", "payments.csv"),
]


def report_times(client, path):
    """Milliseconds of each GET."""
    times = []
    for _ in range(ROUNDS):
        started = time.monotonic()
        answer = client.http.get(client.base_url + path, headers={"Authorization": f"Bearer {client.token}"})
        times.append((time.monotonic() - started) * 1000)
        assert answer.status_code == 200, answer.text
    return times


def measure(stack):
    """Cells of a table."""
    facilitator, boss = stack.facilitator(), stack.register()["email"]
    stack.operator("user", "role", boss, "admin")
    say("reports: loading a million payments")
    stack.operator("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(HERE / "reports.sql"))
    admin = stack.login(boss)
    cells = [("report", "one facilitator, ms", "slowest", "everybody, ms", "slowest")]
    for name, path in REPORTS:
        own, everybody = report_times(facilitator, f"/facilitator/{path}"), report_times(admin, f"/admin/{path}")
        cells.append((name, *(f"{value:.1f}" for times in (own, everybody) for value in (statistics.median(times), max(times)))))
        say("reports: " + " | ".join(cells[-1]))
    return cells
