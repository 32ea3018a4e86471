"""Plots of the results, as SVG and PNG."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from figures import median

plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "tithi", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}
plt.rcParams |= {"axes.spines.top": False, "axes.spines.right": False}
COLOURS = {"Tithi": "#0a7d4f", "h2o, fixed bytes": "#888888", "pgbench": "#336791", "Node": "#c2701c", "seed stack": "#a33b6b"}
PATHS = ("get-event", "list-events", "book-uniform", "book-hot")
SERVERS = ("Tithi", "Node", "seed stack")
TIMES = {"p50_ms": ":", "p99_ms": "--", "p999_ms": "-"}


def save(figure, folder, name):
    figure.tight_layout()
    for form in ("svg", "png"):
        figure.savefig(folder / f"{name}.{form}", dpi=110, metadata={"Date": None} if form == "svg" else None)
    plt.close(figure)


def four(found):
    """A field for each path that was measured."""
    measured = [path for path in PATHS if path in found]
    figure, fields = plt.subplots(2, 2, figsize=(9, 6.4))
    for field in fields.flat[len(measured) :]:
        field.set_visible(False)
    return figure, list(zip(measured, fields.flat))


def by_who(bench):
    found = {}
    for row in bench["rows"]:
        found.setdefault(row["who"], []).append(row)
    return {who: sorted(rows, key=lambda row: row["connections"]) for who, rows in found.items()}


def label_connections(field, rows, what="connections"):
    field.set_xscale("log", base=2)
    counts = sorted({row["connections"] for row in rows})
    field.set_xticks(counts, [str(count) for count in counts])
    field.set_xticks([], minor=True)
    field.set_xlabel(what)


def draw_rates(found, folder):
    figure, fields = four(found)
    for path, field in fields:
        for who, rows in by_who(found[path]).items():
            counts = [row["connections"] for row in rows]
            field.plot(counts, [median(row["rate"]) for row in rows], "o-", color=COLOURS[who], label=who, markersize=3)
            lowest, highest = ([extreme(row["rate"]) for row in rows] for extreme in (min, max))
            field.fill_between(counts, lowest, highest, color=COLOURS[who], alpha=0.2, linewidth=0)
        label_connections(field, found[path]["rows"], "connections (pgbench: clients)")
        field.set_title(path)
        field.set_ylabel("per second")
        field.set_ylim(bottom=0)
        field.legend(fontsize=7)
    save(figure, folder, "rates")


def draw_times(found, folder):
    figure, fields = four(found)
    for path, field in fields:
        shown = [row for row in found[path]["rows"] if row["who"] in SERVERS]
        for who, rows in by_who({"rows": shown}).items():
            counts = [row["connections"] for row in rows]
            for name, line in TIMES.items():
                label = f"{who}, {name.removesuffix('_ms').replace('999', '99.9')}"
                field.plot(counts, [median(row[name]) for row in rows], line, marker=".", color=COLOURS[who], label=label)
        label_connections(field, shown)
        field.set_yscale("log")
        field.set_title(path)
        field.set_ylabel("ms")
    fields[0][1].legend(fontsize=6)
    save(figure, folder, "latencies")


def draw_batches(found, folder):
    figure, field = plt.subplots(figsize=(6, 3.6))
    for path, line in (("book-uniform", "o-"), ("book-hot", "s--")):
        rows = by_who(found[path])["Tithi"] if path in found else ()
        if rows:
            sizes = [median(row["per_transaction"]) for row in rows]
            field.plot([row["connections"] for row in rows], sizes, line, color=COLOURS["Tithi"], label=path)
            label_connections(field, rows)
    field.set_ylabel("bookings per transaction")
    field.set_yscale("log", base=2)
    field.legend()
    save(figure, folder, "batches")


def draw_rush(found, folder):
    seconds = found["rush"]["each_second"]
    figure, (rates, times) = plt.subplots(2, 1, figsize=(7, 5), sharex=True)
    numbers, below = range(len(seconds)), [0] * len(seconds)
    for colour, what in ((COLOURS["Tithi"], "booked"), ("#bbbbbb", "refused: all are gone")):
        counts = [sum(count for status, count in second["statuses"].items() if (status == "201") == (what == "booked")) for second in seconds]
        rates.bar(numbers, counts, bottom=below, color=colour, label=what)
        below = [a + b for a, b in zip(below, counts)]
    rates.set_ylabel("answers")
    rates.legend(fontsize=7)
    for name, line in TIMES.items():
        label = name.removesuffix("_ms").replace("999", "99.9")
        times.plot(numbers, [second[name] for second in seconds], line, marker=".", color=COLOURS["Tithi"], label=label)
    times.set_ylabel("ms")
    times.set_ylim(bottom=0)
    times.xaxis.get_major_locator().set_params(integer=True)
    times.set_xlabel("second (the last one is not full)")
    times.legend(fontsize=7)
    save(figure, folder, "rush")


def draw_scaling(found, folder):
    figure, field = plt.subplots(figsize=(6, 3.6))
    for path, who in (("get-event", "h2o, fixed bytes"), ("book-uniform", "Tithi"), ("book-hot", "seed stack")):
        rows = [row for row in found["scaling"]["rows"] if row["path"] == path]
        middle = [median(row["rate"]) for row in rows]
        below = [rate - min(row["rate"]) for rate, row in zip(middle, rows)]
        above = [max(row["rate"]) - rate for rate, row in zip(middle, rows)]
        workers = [row["workers"] for row in rows]
        field.errorbar(workers, middle, yerr=[below, above], fmt="o-", capsize=3, color=COLOURS[who], label=path)
    field.set_xticks(sorted({row["workers"] for row in found["scaling"]["rows"]}))
    field.set_xlabel("workers")
    field.set_ylabel("per second")
    field.set_ylim(bottom=0)
    field.legend()
    save(figure, folder, "scaling")


def draw(found, folder):
    folder.mkdir(parents=True, exist_ok=True)
    drawings = {
        draw_rates: any(path in found for path in PATHS), draw_times: any(path in found for path in PATHS),
        draw_batches: "book-uniform" in found or "book-hot" in found, draw_rush: "rush" in found, draw_scaling: "scaling" in found,
    }  # fmt: skip
    for drawing, is_due in drawings.items():
        if is_due:
            drawing(found, folder)
