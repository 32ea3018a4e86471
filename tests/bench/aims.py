"""What is aimed at, on two cores, and how far it is reached: from the same figures as the tables."""

from figures import median, ratios, spread

BOOKING, HOT, ONE, PAGE = "book-uniform", "book-hot", "get-event", "list-events"


class Aims:
    def __init__(self, found):
        self.found, self.cells = found, [("aim", "reached", "of rounds", "")]

    def rows(self, bench, who):
        return {row["connections"]: row for row in self.found.get(bench, {}).get("rows", ()) if row["who"] == who}

    def rate(self, bench, who="Tithi", connections=256):
        return self.rows(bench, who).get(connections, {}).get("rate")

    def best(self, bench, *names):
        """Of any number of connections or clients."""
        rates = [row["rate"] for name in names for row in self.rows(bench, name).values()]
        return max(rates, key=median) if rates else None

    def add(self, aim, values, limit, at_most=False, form="{:.2f}"):
        if not values:
            return
        reached = median(values)
        met = reached <= limit if at_most else reached >= limit
        self.cells.append((aim, form.format(reached), spread(values, form), "yes" if met else "**no**"))

    def add_ratio(self, aim, ours, theirs, limit):
        if ours and theirs:
            self.add(aim, ratios(ours, theirs), limit)

    def add_time(self, bench, connections, name, limit):
        what = f"{bench}, {connections} connection{'s' * (connections > 1)}: {name.removesuffix('_ms')} at most {limit} ms"
        self.add(what, self.rows(bench, "Tithi").get(connections, {}).get(name), limit, at_most=True)

    def add_rates(self, bench, pgbench, peer, seed):
        ours = self.rate(bench)
        self.add_ratio(f"{bench}: at least {pgbench} × pgbench's best", ours, self.best(bench, "pgbench"), pgbench)
        self.add_ratio(f"{bench}: at least {peer} × the best peer", ours, self.best(bench, "Node", "seed stack"), peer)
        self.add_ratio(f"{bench}: at least {seed} × the seed stack", ours, self.best(bench, "seed stack"), seed)

    def add_fixed(self, bench, fixed, peer):
        ours = self.rate(bench)
        self.add_ratio(f"{bench}: at least {fixed} × h2o's fixed bytes", ours, self.rate(bench, "h2o, fixed bytes"), fixed)
        self.add_ratio(f"{bench}: at least {peer} × the best peer", ours, self.best(bench, "Node", "seed stack"), peer)

    def figures(self, bench, name):
        return self.found.get(bench, {}).get("figures", {}).get(name)


def table(found):
    aims = Aims(found)
    aims.add_rates(BOOKING, 1.4, 2.5, 25)
    aims.add_time(BOOKING, 256, "p99_ms", 20)
    aims.add_ratio(f"{BOOKING}, 64 connections: at least 0.8 of the rate with 256", aims.rate(BOOKING, connections=64), aims.rate(BOOKING), 0.8)
    aims.add_time(BOOKING, 64, "p99_ms", 7)
    aims.add_rates(HOT, 5, 6, 40)
    aims.add_ratio(f"{HOT}: never slower than {BOOKING}", aims.rate(HOT), aims.rate(BOOKING), 1)
    rush = [aims.figures("rush", name) for name in ("full_rate", "rate")]
    aims.add_ratio("rush: being refused is faster than being booked", *rush, 1)
    aims.add_fixed(ONE, 0.45, 1.8)
    aims.add_fixed(PAGE, 0.7, 8)
    aims.add_time(BOOKING, 1, "p50_ms", 0.55)
    aims.add_time(BOOKING, 1, "p99_ms", 3)
    aims.add_time(ONE, 1, "p50_ms", 0.25)
    aims.add("admission: at least 0.8 of the rate without", aims.figures("admission", "share"), 0.8)
    for cores in ("1", "2"):
        aims.add(f"login, {cores} process(es): at least 0.9 of Argon2id alone", aims.figures("login", cores), 0.9)
    aims.add("login-flood: bookings keep at least 0.5 of their rate", aims.figures("login-flood", "rate"), 0.5)
    aims.add("login-flood: p99 at most 3 times as long", aims.figures("login-flood", "p99_ms"), 3, at_most=True)
    for path in (ONE, BOOKING):
        aims.add(f"idle: {path} at least 0.8 of the rate without", aims.figures("idle", path), 0.8)
    for row in found.get("deliveries", {"tables": [[()]]})["tables"][0][1:]:
        aims.add(f"deliveries to {row[0]}: at least 20,000 per second", [float(row[1].replace(",", ""))], 20_000, form="{:,.0f}")
    idle, loaded = (aims.figures("memory", name) or {} for name in ("idle", "loaded"))
    if idle:
        aims.add("memory: every process at most 8 MiB idle", [max(idle.values())], 8, at_most=True, form="{:.1f}")
        aims.add("memory: all at most 40 MiB idle", [sum(idle.values())], 40, at_most=True, form="{:.1f}")
        aims.add("memory: all at most 80 MiB after load", [sum(loaded.values())], 80, at_most=True, form="{:.1f}")
    return aims.cells
