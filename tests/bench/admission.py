"""What admission costs (token, session, limits): the gateway's own refusal of a booking of event 0, which it gives those who may book, against
its refusal of strangers, whom it asks Redis nothing about."""

from figures import column, in_turn, median, ratios, with_spread
from load import steady

CONNECTIONS = 256


def measure(ground, options):
    asked = lambda tokens, status: lambda: steady(ground.url, CONNECTIONS, 0, options.seconds, "book", tokens, 0, 0, statuses=[status])
    measured = in_turn(options.rounds, {"without": asked("-", 401), "with": asked(ground.people, 400)}, "admission")
    cells = [("a refusal of the gateway's own", "per second (lowest–highest)", "p50 ms", "p99 ms")]
    for who, what in (("without", "401, asks nobody"), ("with", "400, after token, session and limits")):
        times = [f"{median(column(measured[who], name)):.2f}" for name in ("p50_ms", "p99_ms")]
        cells.append((what, with_spread(column(measured[who], "rate")), *times))
    share = ratios(column(measured["with"], "rate"), column(measured["without"], "rate"))
    note = f"With admission it is {with_spread(share, '{:.2f}')} of the rate without."
    return {"title": f"Admission, {CONNECTIONS} connections", "tables": [cells], "note": note, "figures": {"share": share}}
