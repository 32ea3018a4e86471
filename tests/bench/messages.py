"""The bare way between gateway and worker: how many requests pass, one per message or bundled."""

from figures import column, in_turn, median, with_spread
from limits import zmq_path

FORMS = [(1, 1), (64, 1), (64, 16), (256, 1), (256, 64)]  # in flight, per message
SIZE = 200
SECONDS = 2


def measure(options):
    seconds = min(SECONDS, options.seconds)
    results = in_turn(options.rounds, {form: lambda form=form: zmq_path(*form, SIZE, seconds) for form in FORMS}, "messages")
    cells = [("in flight", "per message", "per second (lowest–highest)", "p50 ms", "p99 ms")]
    for (in_flight, per_message), rounds in results.items():
        times = [f"{median(column(rounds, name)):.2f}" for name in ("p50_ms", "p99_ms")]
        cells.append((f"{in_flight}", f"{per_message}", with_spread(column(rounds, "rate")), *times))
    rows = [{"in_flight": form[0], "per_message": form[1], "rate": column(rounds, "rate")} for form, rounds in results.items()]
    return {"title": f"ZeroMQ alone: requests of {SIZE} bytes over ipc, ROUTER/ROUTER, echoed", "tables": [cells], "rows": rows}
