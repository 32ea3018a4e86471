"""Ten thousand connections that are kept alive and ask nothing, beside the load."""

import contextlib
import resource
import socket

from figures import Violation, column, in_turn, median, ratios, with_spread
from load import wrk

CONNECTIONS = 256
IDLE = 10_000
IDLE_QUICK = 1_000
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextlib.contextmanager
def idling(url, count):
    """Each has had an answer; whichever is gone at the end was none that idled."""
    address = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 2000), hard))
    with contextlib.ExitStack() as ends:
        sockets = []
        for _ in range(count):
            sockets.append(ends.enter_context(socket.create_connection(address)))
            sockets[-1].send(REQUEST)
        for connection in sockets:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        yield
        gone = 0
        for connection in sockets:
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                gone += connection.recv(1) == b""
        if gone:
            raise Violation(f"{gone} of {count} idle connections were closed meanwhile")


def measure(ground, options):
    count = IDLE_QUICK if options.quick else IDLE
    paths = {
        "get-event": lambda: wrk(ground.url, CONNECTIONS, options.seconds, "any", ground.first_event, ground.last_event),
        "book-uniform": lambda: ground.book(CONNECTIONS, options.seconds),
    }

    def beside(load):
        with idling(ground.url, count):
            return load()

    competitors = {(path, idle): (lambda load=load: beside(load)) if idle else load for path, load in paths.items() for idle in (0, count)}
    measured = in_turn(options.rounds, competitors, "idle")
    cells = [("", "idle connections", "per second (lowest–highest)", "p99 ms", "of the rate without")]
    figures = {}
    for (path, idle), rounds in measured.items():
        share = ratios(column(rounds, "rate"), column(measured[path, 0], "rate"))
        figures[path] = share
        p99 = f"{median(column(rounds, 'p99_ms')):.2f}"
        cells.append((path, f"{idle:,}", with_spread(column(rounds, "rate")), p99, with_spread(share, "{:.2f}") if idle else ""))
    return {"title": f"Idle connections beside {CONNECTIONS} busy ones", "tables": [cells], "figures": figures}
