"""What must be so after every bench, whoever has booked: a figure of bookings that break it is no figure."""

from figures import Violation

LIVE = "status IN ('pending', 'confirmed', 'completed')"
CHECKS = {
    "events count other places than are booked": (
        f"SELECT e.id, e.taken, b.live FROM events e LEFT JOIN (SELECT event_id, count(*) AS live FROM bookings WHERE {LIVE} GROUP BY 1) b"
        " ON b.event_id = e.id WHERE e.taken <> coalesce(b.live, 0)"
    ),
    "events are overbooked": "SELECT id, taken, offered, capacity FROM events WHERE taken + offered > capacity",
    "people have two places at one event": f"SELECT user_id, event_id, count(*) FROM bookings WHERE {LIVE} GROUP BY 1, 2 HAVING count(*) > 1",
    "bookings are announced not at all or twice": (
        "SELECT b.id, count(l.id) FROM bookings b LEFT JOIN log_entries l ON l.booking_id = b.id AND l.type = 'booking.created'"
        " GROUP BY 1 HAVING count(l.id) <> 1"
    ),
    "what was announced is not booked": (
        "SELECT l.id, l.cause FROM log_entries l LEFT JOIN bookings b ON b.id = l.booking_id WHERE l.type = 'booking.created' AND b.id IS NULL"
    ),
}


def sweep(rows, acknowledged=0, cut_off=None):
    """`rows` asks the database. So many bookings were acknowledged, of which none may be lost; `cut_off`: more than so many may not be stored
    without, as a load generator that ends does not wait for the last answers."""
    rows("ANALYZE bookings, log_entries")  # else joins of what was empty when it was looked at last
    for what, statement in CHECKS.items():
        wrong = rows(statement)  # LIMIT would have the planner look for the first one, where there is none
        if wrong:
            raise Violation(f"{what}: {wrong[:5]}")
    stored = rows("SELECT count(*) FROM bookings")[0][0]
    if stored < acknowledged:
        raise Violation(f"{acknowledged - stored} acknowledged bookings of {acknowledged} are lost")
    if cut_off is not None and stored > acknowledged + cut_off:
        raise Violation(f"{stored} bookings are stored, {acknowledged} were acknowledged")
