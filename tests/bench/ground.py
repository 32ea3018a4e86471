"""What most benches stand on: a running stack with 10,000 events, people enough with their tokens, and the database."""

import time

import psycopg2

from figures import Violation
from load import OUT, wrk
from sweep import sweep

EVENTS = 10_000
PEOPLE = 20_000
CROWD = 200_000  # for one hot event nobody may come twice


class Ground:
    def __init__(self, stack, with_deliveries=False):
        self.stack = stack
        self.url = stack.base_url
        self.database = psycopg2.connect(host=str(self.socket_folder), dbname="tithi")
        self.database.autocommit = True
        self.people, self.crowd = self.make_people("people", PEOPLE), self.make_people("crowd", CROWD)
        self.first_event = self.make_events(EVENTS)
        self.last_event = self.first_event + EVENTS - 1
        self.hot_event = self.make_events(1)
        self.rows("CREATE SEQUENCE bench_person")
        self.rows("VACUUM ANALYZE")
        if not with_deliveries:  # what is booked here is announced to nobody: that is another measurement
            stack.operator("drain", "crm-1")

    @property
    def socket_folder(self):
        return self.stack.state / "run/postgres"

    def rows(self, statement, *values):
        with self.database.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def make_people(self, name, count):
        path = OUT / name
        self.stack.operator("user", "bulk", str(count), "--tokens", str(path))
        return path

    def make_events(self, count, capacity=None):
        """The first one's id; the others follow."""
        return self.rows(
            "WITH made AS (INSERT INTO events (facilitator_id, title, description, event_type, start_at, end_at, time_zone, location, capacity)"
            " SELECT (SELECT min(id) FROM users), 'Meditation ' || n, repeat('Breathe in, breathe out. ', 12), 'session',"
            " now() + n * interval '1 hour' + interval '1 day', now() + n * interval '1 hour' + interval '25 hours', 'Asia/Kolkata', 'Studio A', %s"
            " FROM generate_series(1, %s) AS n RETURNING id) SELECT min(id) FROM made",
            capacity, count,
        )[0][0]  # fmt: skip

    def settle(self):
        """What a load generator left in flight has time to end."""
        busy = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()"
        deadline, quiet = time.monotonic() + 15, 0
        while quiet < 4:
            time.sleep(0.05)
            quiet = quiet + 1 if self.rows(busy) == [(0,)] else 0
            if time.monotonic() > deadline:
                raise Violation("the database is still busy 15 s after the load ended")

    def forget_bookings(self):
        """Equal beginnings: empty tables, no checkpoint pending."""
        self.rows("SET session_replication_role = replica")  # some tables are append-only to everybody else
        self.rows("SET client_min_messages = warning")
        self.rows("TRUNCATE bookings, commands, outbox, log_entries, state_changes CASCADE")
        self.rows("UPDATE events SET taken = 0 WHERE taken > 0")
        self.rows("SET session_replication_role = origin")
        self.rows("VACUUM ANALYZE events")
        self.rows("CHECKPOINT")

    def swept(self, connections, measure):
        """What measure() found, if all is as it must be afterwards; its requests that were 201 are acknowledged bookings."""
        self.forget_bookings()
        result = measure()
        self.settle()
        sweep(self.rows, result.get("acknowledged", result.get("requests", 0)), connections)
        result |= self.transactions()
        return result

    def transactions(self):
        """How many bookings had a transaction in common; its number stands in every row."""
        sizes = "SELECT count(*) AS size FROM bookings GROUP BY xmin::text"
        mean, middle, most = self.rows(
            f"SELECT avg(size)::float, percentile_disc(0.5) WITHIN GROUP (ORDER BY size), max(size) FROM ({sizes}) AS transactions"
        )[0]
        return {"per_transaction": mean or 0, "per_transaction_p50": middle or 0, "per_transaction_max": most or 0}

    def get(self, connections, seconds, *kind, url=None):
        return wrk(url or self.url, connections, seconds, *kind)

    def book(self, connections, seconds, hot=False, url=None):
        people, first, last = (self.crowd, self.hot_event, self.hot_event) if hot else (self.people, self.first_event, self.last_event)
        return self.swept(connections, lambda: wrk(url or self.url, connections, seconds, "book", people, first, last))

    def scale(self, kind, count):
        self.stack.operator("scale", f"{kind}={count}")

    def pids(self):
        """{name: pid} of Tithi's own processes."""
        names = sorted(path.name for path in (self.stack.state / "service").iterdir() if "-" in path.name and not path.name.startswith("."))
        return {name: pid for name in names if (pid := self.stack.pid(name))}
