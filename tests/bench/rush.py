"""A rush: everybody wants one of an event's places at once, and goes on asking after the last is gone. Second by second."""

from figures import Violation, column, in_turn, median, ratios, with_spread
from load import steady

CONNECTIONS = 256
PLACES = 80_000
PLACES_QUICK = 8_000
LONGEST_S = 300
TIMES = ("p50_ms", "p99_ms", "p999_ms")
FULL = 400  # event_full; the documents answer so


def rush(ground, tokens, places):
    event = ground.make_events(1, places)
    result = steady(ground.url, CONNECTIONS, 0, LONGEST_S, "book", tokens, event, event, statuses=[201, FULL])
    booked, refused = (result["of_status"].get(status, {"requests": 0}) for status in ("201", f"{FULL}"))
    if booked["requests"] != places:
        raise Violation(f"{booked['requests']} were booked of {places} places")
    # A second belongs to both in the shares of its answers.
    lengths = [min(1.0, result["seconds"] - number) for number in range(len(result["each_second"]))]
    shares = [second["statuses"].get("201", 0) / max(1, second["requests"]) for second in result["each_second"]]
    before_s = sum(length * share for length, share in zip(lengths, shares))
    return {
        "acknowledged": places, "rate": places / before_s, "full_rate": refused["requests"] / max(0.001, result["seconds"] - before_s),
        **{name: booked[name] for name in TIMES}, **{f"full_{name}": refused[name] for name in TIMES},
        "each_second": result["each_second"],
    }  # fmt: skip


def measure(ground, options):
    tokens, places = (ground.people, PLACES_QUICK) if options.quick else (ground.crowd, PLACES)
    rounds = in_turn(options.rounds, {"Tithi": lambda: ground.swept(0, lambda: rush(ground, tokens, places))}, "rush")["Tithi"]
    cells = [("", "per second (lowest–highest)", "p50 ms", "p99 ms (lowest–highest)", "p99.9 ms")]
    for what, prefix in ((f"201: one of {places:,} places", ""), (f"{FULL}: all are gone", "full_")):
        times = {name: column(rounds, f"{prefix}{name}") for name in TIMES}
        cells.append((
            what, with_spread(column(rounds, f"{prefix}rate")), f"{median(times['p50_ms']):.2f}", with_spread(times["p99_ms"], "{:.2f}"),
            f"{median(times['p999_ms']):.2f}",
        ))  # fmt: skip
    faster = ratios(column(rounds, "full_rate"), column(rounds, "rate"))
    note = f"Being refused is {with_spread(faster, '{:.2f}')} times as fast as being booked."
    figures = {name: column(rounds, name) for name in rounds[0] if name not in ("each_second", "acknowledged")}
    title = f"A rush for one event's last places, {CONNECTIONS} connections"
    return {"title": title, "tables": [cells], "note": note, "figures": figures, "each_second": rounds[-1]["each_second"]}
