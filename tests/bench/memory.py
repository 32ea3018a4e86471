"""What the processes of a default stack hold, as PSS (what is shared counts in parts): idle, and after load."""

import pathlib
import time

from load import wrk

CONNECTIONS = 256
LOAD_S = 20


def pss_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def measure(ground, options):
    time.sleep(2)
    pids = ground.pids()
    idle = {name: pss_mib(pid) for name, pid in pids.items()}
    seconds = options.seconds if options.quick else LOAD_S
    wrk(ground.url, CONNECTIONS, seconds, "any", ground.first_event, ground.last_event)
    wrk(ground.url, CONNECTIONS, seconds, "get", "/events?limit=100")
    for hot in (False, True):
        ground.book(CONNECTIONS, min(seconds, 4) if hot else seconds, hot)
    loaded = {name: pss_mib(pid) for name, pid in pids.items()}
    cells = [("process", "PSS idle, MiB", "after load, MiB")]
    cells += [(name, f"{idle[name]:.1f}", f"{loaded[name]:.1f}") for name in pids]
    cells.append(("all", f"{sum(idle.values()):.1f}", f"{sum(loaded.values()):.1f}"))
    note = f"Load: {seconds} s each of single events, lists and bookings, then one hot event, over {CONNECTIONS} connections."
    title = "Memory of a default stack, without PostgreSQL and Redis"
    return {"title": title, "tables": [cells], "note": note, "figures": {"idle": idle, "loaded": loaded}}
