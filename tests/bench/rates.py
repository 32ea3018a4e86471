"""As much as connections can do, at 1 to 256 of them: reads and bookings, each in the same rounds as its limit and its peers."""

from figures import column, in_turn, median, ratios, with_spread
from limits import Fixed, pgbench, PGBENCH_CLIENTS
from load import wrk
from peers import CONNECTIONS as PEER_CONNECTIONS

PATHS = {
    "get-event": "GET one of 10,000 events, at random",
    "list-events": "GET a page of 100 events",
    "list-events-gzip": "GET a page of 100 events, compressed",
    "book-uniform": "POST bookings spread over 10,000 events",
    "book-hot": "POST bookings of one event",
}


class Rates:
    """`name` is one of PATHS; a competitor is (who, connections)."""

    def __init__(self, name, ground, peers, options, free_port):
        self.name, self.ground, self.peers, self.options, self.free_port = name, ground, peers, options, free_port
        self.hot = name == "book-hot"

    def kind(self):
        page = "/events?limit=100"
        kinds = {"list-events": ("get", page), "list-events-gzip": ("gzip", page)}
        return kinds.get(self.name, ("any", self.ground.first_event, self.ground.last_event))

    def load(self, connections, url=None):
        if self.name.startswith("book"):
            return lambda: self.ground.book(connections, self.options.seconds, self.hot, url)
        return lambda: wrk(url or self.ground.url, connections, self.options.seconds, *self.kind())

    def answer_size(self):
        path = f"/events/{self.ground.first_event}" if self.name == "get-event" else "/events?limit=100"
        headers = {"Accept-Encoding": "gzip" if self.name.endswith("gzip") else "identity"}
        answer = self.ground.stack.anonymous.http.get(self.ground.url + path, headers=headers, stream=True)
        return len(answer.raw.read())

    def competitors(self, fixed):
        found = {}
        if fixed:
            found |= {("h2o, fixed bytes", count): self.load(count, fixed.url) for count in self.options.connections}
        else:
            for clients in PGBENCH_CLIENTS[self.hot]:
                found["pgbench", clients] = lambda clients=clients: pgbench(self.ground, self.hot, clients, self.options.seconds)
        for who in PEER_CONNECTIONS if not self.name.endswith("gzip") else ():
            url = self.peers["Node, hot" if self.hot and who == "Node" else who].url
            found |= {(who, count): self.load(count, url) for count in PEER_CONNECTIONS[who] if count in self.options.connections}
        return found | {("Tithi", count): self.load(count) for count in self.options.connections}

    def measure(self):
        if self.name.startswith("book"):
            return in_turn(self.options.rounds, self.competitors(None), self.name)
        with Fixed(self.answer_size(), self.free_port()) as fixed:
            return in_turn(self.options.rounds, self.competitors(fixed), self.name)


def tithi_beside(results, who, connections):
    """Tithi's rounds that those are held against: with as many connections, or pgbench's with the most."""
    counts = [count for name, count in results if name == "Tithi"]
    return results["Tithi", connections if who != "pgbench" and connections in counts else max(counts)]


def table(results):
    cells = [("", "connections", "per second (lowest–highest)", "p50 ms", "p99 ms", "p99.9 ms", "bookings per transaction", "Tithi is … of it")]
    for (who, connections), rounds in results.items():
        cell = lambda name, form="{:,.2f}": form.format(median(column(rounds, name))) if name in rounds[0] else ""
        compared = ""
        if who != "Tithi":
            values = ratios(column(tithi_beside(results, who, connections), "rate"), column(rounds, "rate"))
            compared = with_spread(values, "{:.2f}")
        batch = cell("per_transaction", "{:,.1f}") if who == "Tithi" else ""
        who = f"**{who}**" if who == "Tithi" else who
        cells.append((who, f"{connections}", with_spread(column(rounds, "rate")), cell("p50_ms"), cell("p99_ms"), cell("p999_ms"), batch, compared))
    if not any(row[6] for row in cells[1:]):
        cells = [row[:6] + row[7:] for row in cells]
    return cells


def flat(results):
    """As JSON has it: each competitor with the figures of each round."""
    return [
        {"who": who, "connections": connections, **{name: column(rounds, name) for name in rounds[0]}}
        for (who, connections), rounds in results.items()
    ]


def measure(name, ground, peers, options, free_port):
    rates = Rates(name, ground, peers, options, free_port)
    results = rates.measure()
    title = PATHS[name] if name.startswith("book") else f"{PATHS[name]}: {rates.answer_size():,} bytes"
    return {"title": title, "tables": [table(results)], "rows": flat(results)}
