"""Signing in: against Argon2id alone on as many cores, and what bookings keep while it is flooded."""

import subprocess

from figures import column, in_turn, median, ratios, with_spread
from limits import argon2
from load import OUT, steady

ACCOUNTS = 40
IN_FLIGHT = 16
BOOKING_CONNECTIONS = 64


def make_accounts(ground):
    path = OUT / "accounts"
    path.write_text("".join(f"{ground.stack.register()['email']}\n" for _ in range(ACCOUNTS)))
    return path


class Logins:
    def __init__(self, ground, options):
        from harness import PASSWORD

        self.ground, self.options, self.workers = ground, options, 1
        self.kind = ("login", make_accounts(ground), PASSWORD)

    def run(self, workers):
        if self.workers != workers:
            self.ground.scale("auth", workers)
            self.workers = workers
        return steady(self.ground.url, IN_FLIGHT, 0, self.options.seconds, *self.kind, statuses=[200])

    def flooded(self):
        """Bookings while others sign in without a pause."""
        command = [OUT / "steady", self.ground.url.rsplit(":", 1)[1], IN_FLIGHT, 0, self.options.seconds + 4, *self.kind]
        flood = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
        try:
            return self.ground.book(BOOKING_CONNECTIONS, self.options.seconds)
        finally:
            flood.wait()


def measure(ground, options):
    logins, seconds = Logins(ground, options), options.seconds
    competitors = {("Argon2id alone", count): lambda count=count: argon2(count, seconds) for count in (1, 2)}
    competitors |= {("POST /auth/login", count): lambda count=count: logins.run(count) for count in (1, 2)}
    try:
        measured = in_turn(options.rounds, competitors, "login")
    finally:
        logins.run(1)
    cells = [("", "processes", "per second (lowest–highest)", "p50 ms", "p99 ms", "of Argon2id alone")]
    figures = {}
    for (who, count), rounds in measured.items():
        figures[f"{count}"] = share = ratios(column(rounds, "rate"), column(measured["Argon2id alone", count], "rate"))
        times = [f"{median(column(rounds, name)):.1f}" if name in rounds[0] else "" for name in ("p50_ms", "p99_ms")]
        compared = with_spread(share, "{:.2f}") if who != "Argon2id alone" else ""
        cells.append((who, f"{count}", with_spread(column(rounds, "rate"), "{:.0f}"), *times, compared))
    return {"title": f"Signing in, {IN_FLIGHT} at once", "tables": [cells], "figures": figures}


def measure_flood(ground, options):
    logins = Logins(ground, options)
    competitors = {"alone": lambda: ground.book(BOOKING_CONNECTIONS, options.seconds), "flooded": logins.flooded}
    measured = in_turn(options.rounds, competitors, "login-flood")
    cells = [("bookings", "per second (lowest–highest)", "p50 ms", "p99 ms (lowest–highest)")]
    for who, rounds in measured.items():
        p99 = with_spread(column(rounds, "p99_ms"), "{:.2f}")
        cells.append((who, with_spread(column(rounds, "rate")), f"{median(column(rounds, 'p50_ms')):.2f}", p99))
    figures = {name: ratios(column(measured["flooded"], name), column(measured["alone"], name)) for name in ("rate", "p99_ms")}
    note = f"The flood leaves {with_spread(figures['rate'], '{:.2f}')} of the rate; p99 is {with_spread(figures['p99_ms'], '{:.1f}')} times as long."
    title = f"Bookings, {BOOKING_CONNECTIONS} connections, while {IN_FLIGHT} sign in without a pause"
    return {"title": title, "tables": [cells], "note": note, "figures": figures}
