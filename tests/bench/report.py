"""results.md, section by section as docs/performance.md has them, and the plots."""

import aims
import plots
from figures import format_table
from load import OUT

PLOTS = OUT / "plots"


BUSY = 0.5  # processes that wanted to run before the benches began


def conditions(bench):
    busy = f" Others were busy, too (load {bench['load_before']:.1f} before it began)." if bench["load_before"] > BUSY else ""
    return f"{bench['date']}, {bench['machine']}; rounds: {bench['rounds']} of {bench['seconds']} s.{busy}"


def section(bench):
    parts = [f"**{bench['title']}.** {conditions(bench)}", *(format_table(cells) for cells in bench["tables"])]
    return "\n\n".join([*parts, *filter(None, [bench.get("note")])])


def sections(found):
    """{name: Markdown}"""
    texts = {name: section(bench) for name, bench in found.items()}
    reached = aims.table(found)
    if len(reached) > 1:
        fewest = min(bench["rounds"] for bench in found.values())
        text = f"Rounds: {fewest}{' or more' * (fewest < max(bench['rounds'] for bench in found.values()))}."
        if any(bench["load_before"] > BUSY for bench in found.values()):
            text += " Others were busy, too, while some of it was measured."
        texts = {"aims": f"{text}\n\n{format_table(reached)}"} | texts
    return texts


def write(found):
    text = "\n\n".join(f"<!-- {name} -->\n{text}" for name, text in sections(found).items())
    (OUT / "results.md").write_text(text + "\n")
    plots.draw(found, PLOTS)
    return text
