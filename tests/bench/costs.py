"""What bounds a path: the CPU that each process spends on a request under load, which noise moves little, and how much of the machine that is."""

import contextlib
import os
import pathlib
import resource

from figures import column, in_turn, median, with_spread
from load import wrk

CONNECTIONS = 256
KINDS = ("gateway", "broker", "event", "booking", "PostgreSQL", "Redis", "wrk")
TICKS = os.sysconf("SC_CLK_TCK")


def stat_of(pid):
    """Its parent, and the CPU seconds that it has had."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS


def family_seconds(pid):
    """Of a process and its children."""
    seconds = 0
    for other in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parent, own = stat_of(other)
            seconds += own if pid in (other, parent) else 0
    return seconds


class Costs:
    def __init__(self, ground, options):
        self.ground, self.options = ground, options

    def spent(self):
        found = {kind: 0.0 for kind in KINDS}
        for name, pid in self.ground.pids().items():
            kind = name.split("-")[0]
            if kind in found:
                found[kind] += stat_of(pid)[1]
        found["PostgreSQL"] = family_seconds(self.ground.stack.pid("postgres"))
        found["Redis"] = stat_of(self.ground.stack.pid("redis"))[1]
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        found["wrk"] = used.ru_utime + used.ru_stime
        return found

    def run(self, *kind):
        before = self.spent()
        result = wrk(self.ground.url, CONNECTIONS, self.options.seconds, *kind)
        after = self.spent()
        costs = {name: (after[name] - before[name]) * 1e6 / result["requests"] for name in KINDS}
        busy = sum(costs.values()) * result["rate"] / 1e6 / os.cpu_count()
        return {**result, **costs, "all": sum(costs.values()), "busy": busy}


def measure(ground, options):
    costs = Costs(ground, options)
    booking = lambda people, first, last: lambda: ground.swept(CONNECTIONS, lambda: costs.run("book", people, first, last))
    paths = {
        "get-event": lambda: costs.run("any", ground.first_event, ground.last_event),
        "list-events": lambda: costs.run("get", "/events?limit=100"),
        "book-uniform": booking(ground.people, ground.first_event, ground.last_event),
        "book-hot": booking(ground.crowd, ground.hot_event, ground.hot_event),
    }
    measured = in_turn(options.rounds, paths, "costs")
    cells = [("µs of CPU per request", *KINDS, "all (lowest–highest)", "of the machine")]
    for path, rounds in measured.items():
        each = [f"{median(column(rounds, kind)):.1f}" for kind in KINDS]
        busy = f"{median(column(rounds, 'busy')):.0%}"
        cells.append((path, *each, with_spread(column(rounds, "all"), "{:.1f}"), busy))
    rows = [{"path": path, **{kind: column(rounds, kind) for kind in (*KINDS, "all", "busy")}} for path, rounds in measured.items()]
    note = "What wrk costs includes reading the tokens of 200,000 people before book-hot begins, so of that path the sum and the share are too high."
    return {"title": f"What a request costs, {CONNECTIONS} connections", "tables": [cells], "note": note, "rows": rows}
