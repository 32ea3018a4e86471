"""Latency at a fixed pace, counted from when each request was due (steady.c): at a half and at four fifths of what closed connections reached."""

from figures import column, in_turn, median, say, with_spread
from load import steady, wrk

CONNECTIONS = 256
SHARES = (0.5, 0.8)
PATHS = ("get-event", "list-events", "book-uniform", "book-hot")


class Pace:
    def __init__(self, ground, options, results):
        self.ground, self.options, self.results = ground, options, results
        people = {False: (ground.people, ground.first_event, ground.last_event), True: (ground.crowd, ground.hot_event, ground.hot_event)}
        self.kinds = {
            "get-event": ("any", ground.first_event, ground.last_event), "list-events": ("get", "/events?limit=100"),
            "book-uniform": ("book", *people[False]), "book-hot": ("book", *people[True]),
        }  # fmt: skip

    def most(self, path):
        """Of this run's closed loops, else of a short one now."""
        rows = [row for row in self.results.get(path, {}).get("rows", ()) if row["who"] == "Tithi"]
        if rows:
            return median(max(rows, key=lambda row: row["connections"])["rate"])
        if path.startswith("book"):
            return self.ground.book(CONNECTIONS, self.options.seconds, path == "book-hot")["rate"]
        return wrk(self.ground.url, CONNECTIONS, self.options.seconds, *self.kinds[path])["rate"]

    def run(self, path, rate):
        bookings = path.startswith("book")
        load = lambda: steady(self.ground.url, CONNECTIONS, rate, self.options.seconds, *self.kinds[path], statuses=[201 if bookings else 200])
        return lambda: self.ground.swept(0, load) if bookings else load()


def measure(ground, options, results):
    pace = Pace(ground, options, results)
    competitors = {}
    for path in PATHS:
        most = pace.most(path)
        say(f"pace: {path} does {most:,.0f}/s at most")
        competitors |= {(path, share, round(share * most)): pace.run(path, share * most) for share in SHARES}
    measured = in_turn(options.rounds, competitors, "pace")
    cells = [("", "asked per second", "answered per second", "p50 ms", "p99 ms (lowest–highest)", "p99.9 ms (lowest–highest)")]
    rows = []
    for (path, share, rate), rounds in measured.items():
        times = {name: column(rounds, name) for name in ("p50_ms", "p99_ms", "p999_ms")}
        cells.append((
            f"{path}, {share:.0%} of its most", f"{rate:,}", f"{median(column(rounds, 'rate')):,.0f}", f"{median(times['p50_ms']):.2f}",
            with_spread(times["p99_ms"], "{:.2f}"), with_spread(times["p999_ms"], "{:.2f}"),
        ))  # fmt: skip
        rows.append({"path": path, "share": share, "asked": rate, "rate": column(rounds, "rate"), **times})
    return {"title": f"At a fixed pace, {CONNECTIONS} connections", "tables": [cells], "rows": rows}
