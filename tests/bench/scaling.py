"""More workers of a kind: what it brings, or costs."""

from figures import column, in_turn, median, ratios, with_spread
from load import wrk

CONNECTIONS = 256
SECONDS = 2
PATHS = {"book-uniform": "booking", "book-hot": "booking", "get-event": "event"}


class Scaling:
    def __init__(self, ground, options):
        self.ground, self.seconds, self.counts = ground, min(SECONDS, options.seconds), {"booking": 1, "event": 1}

    def run(self, path, count):
        kind = PATHS[path]
        if self.counts[kind] != count:
            self.ground.scale(kind, count)
            self.counts[kind] = count
        if kind == "booking":
            return self.ground.book(CONNECTIONS, self.seconds, path == "book-hot")
        return wrk(self.ground.url, CONNECTIONS, self.seconds, "any", self.ground.first_event, self.ground.last_event)

    def end(self):
        for kind in self.counts:
            self.ground.scale(kind, 1)


def measure(ground, options):
    scaling, most = Scaling(ground, options), 2 if options.quick else 4
    orders = [(path, count) for count in range(1, most + 1) for path in PATHS]
    try:
        measured = in_turn(options.rounds, {order: lambda order=order: scaling.run(*order) for order in orders}, "scaling")
    finally:
        scaling.end()
    cells = [("", "workers", "per second (lowest–highest)", "p50 ms", "p99 ms", "of one worker's")]
    rows = []
    for path, count in sorted(orders, key=lambda order: list(PATHS).index(order[0])):
        rounds = measured[path, count]
        share = ratios(column(rounds, "rate"), column(measured[path, 1], "rate"))
        times = [f"{median(column(rounds, name)):.2f}" for name in ("p50_ms", "p99_ms")]
        compared = with_spread(share, "{:.2f}") if count > 1 else ""
        cells.append((path, f"{count} {PATHS[path]}", with_spread(column(rounds, "rate")), *times, compared))
        rows.append({"path": path, "workers": count, **{name: column(rounds, name) for name in ("rate", "p50_ms", "p99_ms")}})
    return {"title": f"More workers, {CONNECTIONS} connections", "tables": [cells], "rows": rows}
