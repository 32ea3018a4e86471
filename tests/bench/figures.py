"""What benches have in common: rounds in which everybody has a turn, what a row of rounds comes to, tables, and the end of a bench whose
figures are worth nothing."""

import statistics
import sys


class Violation(Exception):
    """Something was promised and not kept while it was measured: there is no figure."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def in_turn(rounds, competitors, what):
    """{who: [result of each round]} of {who: function}: in each round everybody has a turn, so that a slow minute of the machine meets all."""
    results = {who: [] for who in competitors}
    for number in range(rounds):
        for who, measure in competitors.items():
            results[who].append(measure())
            say(f"{what} {number + 1}/{rounds}: {who}: {brief(results[who][-1])}")
    return results


def brief(result):
    return ", ".join(f"{name} {result[name]:,.2f}" for name in ("rate", "p50_ms", "p99_ms", "p999_ms") if name in result)


def column(results, name):
    return [result[name] for result in results]


def median(values):
    return statistics.median(values)


def ratios(ours, theirs):
    """Round by round."""
    return [our / their for our, their in zip(ours, theirs, strict=True)]


def spread(values, form="{:,.0f}"):
    """Lowest to highest."""
    return f"{form.format(min(values))}–{form.format(max(values))}"


def with_spread(values, form="{:,.0f}"):
    return form.format(values[0]) if len(values) == 1 else f"{form.format(median(values))} ({spread(values, form)})"


def format_table(cells):
    """Markdown; the first row is the head."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
