"""What is due by the clock, with three crm workers: reminders before events and facilitators' digests. Nothing here waits for a clock: rows are
made due as if time had passed."""

import contextlib
import datetime
import os
import signal

import pytest

from harness import days_from_now, start_stack, stop_stack, wait_until

WORKERS = ["crm-1", "crm-2", "crm-3"]


@pytest.fixture(scope="module")
def stack():
    stack = start_stack(arguments=["--workers", "crm=3"])
    yield stack
    stop_stack(stack)


@pytest.fixture(scope="module")
def facilitator(stack):
    return stack.facilitator()


@pytest.fixture(scope="module")
def crowd(stack):
    return stack.people(20)


def reminders(stack, event):
    """{minutes before the start: is it done}"""
    return dict(
        stack.rows("SELECT minutes, done_at IS NOT NULL FROM event_mails WHERE event_id = %s AND template = 'reminder'", event["id"])
    )


def make_due(stack, event, minutes, ago="1 second"):
    """As if time had passed."""
    stack.rows(
        "UPDATE event_mails SET due_at = now() - %s::interval WHERE event_id = %s AND template = 'reminder' AND minutes = ANY (%s)",
        ago, event["id"], minutes,
    )


def wait_until_done(stack, event, *minutes):
    wait_until(lambda: all(reminders(stack, event)[each] for each in minutes), lambda: reminders(stack, event))


def reminded(stack, *events):
    """The people who were, as often as they were."""
    titles = [event["title"] for event in events]
    rows = stack.rows(
        "SELECT owner_id FROM deliveries WHERE type = 'mail.reminder' AND body::json #>> '{values,event_title}' = ANY (%s) ORDER BY 1", titles
    )
    return [owner for (owner,) in rows]


def kill(stack, worker):
    pid = stack.pid(worker)
    if pid:  # 0 would be this very process, and its group
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def event_named(stack, facilitator, title, **fields):
    return stack.event(facilitator, title=f"{title} {facilitator.id}", **fields)


@contextlib.contextmanager
def refused(stack, person_id, kind):
    """The database takes no mail of this kind to this person."""
    stack.rows(
        "CREATE FUNCTION refuse_mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'that cannot be' USING ERRCODE = '22000'; END $$"
    )
    stack.rows(
        f"CREATE TRIGGER refusing BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.owner_id = {person_id} AND NEW.type = '{kind}')"
        " EXECUTE FUNCTION refuse_mail()"
    )
    try:
        yield
    finally:
        stack.rows("DROP FUNCTION refuse_mail CASCADE")


class TestReminders:
    def test_they_follow_the_event(self, stack, facilitator):
        event = stack.event(facilitator)
        assert reminders(stack, event) == {1440: False, 60: False}
        event = stack.event(facilitator, reminder_minutes=[30, 30, 2880])
        assert reminders(stack, event) == {30: False, 2880: False}
        path = f"/events/{event['id']}"
        assert facilitator.put(path, {"reminder_minutes": [10]}).json()["event"]["reminder_minutes"] == [10]
        assert reminders(stack, event) == {10: False}
        due = "SELECT start_at - due_at FROM event_mails JOIN events ON id = event_id WHERE event_id = %s AND template = 'reminder'"
        assert facilitator.put(path, {"start_datetime": days_from_now(40), "end_datetime": days_from_now(41)}).ok
        assert stack.rows(due, event["id"]) == [(datetime.timedelta(minutes=10),)]
        assert facilitator.put(path, {"reminder_minutes": []}).ok and reminders(stack, event) == {}
        assert facilitator.put(path, {"reminder_minutes": [20, 40]}).ok and len(reminders(stack, event)) == 2
        assert facilitator.post(f"/facilitator{path}/cancel").ok and reminders(stack, event) == {}

    def test_what_is_past_already_is_left_out(self, stack, facilitator):
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=90)
        event = stack.event(facilitator, start_datetime=soon.isoformat(timespec="seconds"), end_datetime=None)
        assert reminders(stack, event) == {60: False}
        assert reminders(stack, stack.event(facilitator, start_datetime=days_from_now(-3), end_datetime=None)) == {}

    def test_a_moved_event_reminds_anew(self, stack, facilitator):
        event = stack.event(facilitator)
        make_due(stack, event, [1440])
        wait_until_done(stack, event, 1440)
        assert facilitator.put(f"/events/{event['id']}", {"start_datetime": days_from_now(50), "end_datetime": days_from_now(51)}).ok
        assert reminders(stack, event) == {1440: False, 60: False}

    def test_a_span_is_a_span_whatever_clocks_do(self, stack, facilitator):
        """A day before 9 in the morning after clocks were set back is 10 in the morning."""
        event = stack.event(facilitator, start_datetime="2090-10-29T09:00:00", end_datetime=None, time_zone="Europe/Berlin")
        local = "SELECT (due_at AT TIME ZONE 'Europe/Berlin')::text FROM event_mails WHERE event_id = %s AND minutes = 1440"
        assert stack.rows(local, event["id"]) == [("2090-10-28 10:00:00",)]

    def test_everybody_who_has_a_place_is_reminded_once(self, stack, facilitator):
        event = event_named(stack, facilitator, "Once")
        here, gone, refuses = stack.user(), stack.user(), stack.user()
        bookings = [stack.book(person, event) for person in (here, gone, refuses)]
        gone.post(f"/bookings/{bookings[1]['id']}/cancel")
        stack.rows("INSERT INTO mail_refusals (user_id, kind) VALUES (%s, 'reminder')", refuses.id)
        make_due(stack, event, [1440])
        wait_until_done(stack, event, 1440)
        assert reminded(stack, event) == [here.id]
        make_due(stack, event, [60])
        wait_until_done(stack, event, 60)
        assert reminded(stack, event) == [here.id, here.id]

    def test_who_has_not_paid_is_not(self, stack, facilitator):
        event = stack.priced_event(facilitator, title=f"Unpaid {facilitator.id}")
        assert stack.user().post("/bookings", {"event_id": event["id"]}).status_code == 201
        make_due(stack, event, [60])
        wait_until_done(stack, event, 60)
        assert reminded(stack, event) == []

    def test_too_late_is_not_at_all(self, stack, facilitator, crowd):
        """An event that has begun; and of two that are due at once, because nobody worked for a while, only the last."""
        begun, late = event_named(stack, facilitator, "Begun"), event_named(stack, facilitator, "Late")
        for event in (begun, late):
            assert crowd[0].post("/bookings", {"event_id": event["id"]}).status_code == 201
        stack.rows("ALTER TABLE events DISABLE TRIGGER events_reschedule_reminders")
        stack.rows("UPDATE events SET start_at = now() - interval '1 minute', end_at = NULL WHERE id = %s", begun["id"])
        stack.rows("ALTER TABLE events ENABLE TRIGGER events_reschedule_reminders")
        make_due(stack, begun, [60], "61 minutes")
        make_due(stack, late, [1440, 60])
        wait_until_done(stack, begun, 60)
        wait_until_done(stack, late, 1440, 60)
        assert reminded(stack, begun) == [] and reminded(stack, late) == [crowd[0].id]

    def test_a_clock_that_was_set_back_reminds_nobody_twice(self, stack, facilitator, crowd):
        event = event_named(stack, facilitator, "Clock")
        assert crowd[0].post("/bookings", {"event_id": event["id"]}).status_code == 201
        make_due(stack, event, [60])
        wait_until_done(stack, event, 60)
        make_due(stack, event, [60])  # comes for the second time
        marker = event_named(stack, facilitator, "Marker")
        make_due(stack, marker, [60])
        wait_until_done(stack, marker, 60)
        assert reminded(stack, event) == [crowd[0].id]

    def test_too_many_at_once_go_in_smaller_portions(self, stack, facilitator, crowd):
        """As if there were not the time for more than two events' people."""
        events = [event_named(stack, facilitator, f"Slow {number}", max_participants=None) for number in range(4)]
        stack.rows(
            "INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency)"
            " SELECT 'BKSLOW' || event_id || 'P' || user_id, event_id, user_id, 'confirmed', 'not_required', 0, 'INR'"
            " FROM unnest(%s) AS events(event_id), unnest(%s) AS people(user_id)",
            [event["id"] for event in events], [person.id for person in crowd],
        )
        stack.rows("UPDATE events SET taken = 20 WHERE id = ANY (%s)", [event["id"] for event in events])
        stack.rows(
            "CREATE FUNCTION take_too_long() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF (SELECT count(*) FROM fresh) > 50 THEN RAISE 'canceling statement due to statement timeout' USING ERRCODE = '57014'; END IF;"
            " RETURN NULL; END $$"
        )
        stack.rows("CREATE TRIGGER slow AFTER INSERT ON outbox REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION take_too_long()")
        stack.rows(
            "UPDATE event_mails SET due_at = now() WHERE event_id = ANY (%s) AND template = 'reminder' AND minutes = 60",
            [event["id"] for event in events],
        )
        for event in events:
            wait_until_done(stack, event, 60)
        stack.rows("DROP FUNCTION take_too_long CASCADE")
        assert reminded(stack, *events) == sorted([person.id for person in crowd] * len(events))
        assert "statement mail_events failed: 57014" in stack.logs()

    def test_one_who_cannot_be_written_to_stands_in_nobody_s_way(self, stack, facilitator, crowd):
        """Whose mail the database refuses, whatever is wrong with it: the others are written to, and of other events, too."""
        events = [event_named(stack, facilitator, f"Refused {number}", max_participants=None) for number in range(3)]
        for event in events:
            for person in crowd[:6]:
                assert person.post("/bookings", {"event_id": event["id"]}).status_code == 201
        with refused(stack, crowd[2].id, "mail.reminder"):
            for minutes_ago, event in enumerate(events):
                make_due(stack, event, [60], f"{9 - minutes_ago} minutes")
            for event in events:
                wait_until_done(stack, event, 60)
        others = [person.id for number, person in enumerate(crowd[:6]) if number != 2]
        assert reminded(stack, *events) == sorted(others * 3)
        assert stack.logs().count("mail.reminder of booking") == 3

    def test_what_nobody_can_be_sent_waits(self, stack, facilitator, crowd):
        """The statement fails whoever it is for: as after a migration that takes a right away."""
        event = event_named(stack, facilitator, "Waits")
        assert crowd[0].post("/bookings", {"event_id": event["id"]}).status_code == 201
        wait_until(lambda: stack.rows("SELECT count(*) FROM log_entries WHERE position IS NULL") == [(0,)], "everything to be spread")
        left_out = stack.logs().count("mail.reminder of booking")
        stack.rows("REVOKE SELECT ON mail_refusals FROM tithi_crm")
        failed = stack.logs().count("statement mail_events failed")
        make_due(stack, event, [60])
        wait_until(lambda: stack.logs().count("statement mail_events failed") > failed + 3 * 15, "every worker to try everything")
        assert reminders(stack, event)[60] is False and stack.logs().count("mail.reminder of booking") == left_out
        stack.rows("GRANT SELECT ON mail_refusals TO tithi_crm")
        wait_until_done(stack, event, 60)
        assert reminded(stack, event) == [crowd[0].id]

    def test_workers_that_die_remind_nobody_twice_and_nobody_never(self, stack, facilitator, crowd):
        events = [event_named(stack, facilitator, f"Event {number}", max_participants=None) for number in range(60)]
        stack.rows(
            "INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency)"
            " SELECT 'BKDIE' || event_id || 'P' || user_id, event_id, user_id, 'confirmed', 'not_required', 0, 'INR'"
            " FROM unnest(%s) AS events(event_id), unnest(%s) AS people(user_id)",
            [event["id"] for event in events], [person.id for person in crowd],
        )
        stack.rows("UPDATE events SET taken = 20 WHERE id = ANY (%s)", [event["id"] for event in events])
        for number, event in enumerate(events):
            make_due(stack, event, [60])
            if number % 6 == 0:
                kill(stack, WORKERS[number // 6 % 3])
        for event in events:
            wait_until_done(stack, event, 60)
        assert reminded(stack, *events) == sorted([person.id for person in crowd] * len(events))


MORNINGS = [
    # zone, after, the next 7 o'clock there
    ("UTC", "2026-01-01T06:59:59Z", "2026-01-01T07:00:00Z"),
    ("UTC", "2026-01-01T07:00:00Z", "2026-01-02T07:00:00Z"),
    ("Europe/Berlin", "2026-03-28T06:00:00Z", "2026-03-29T05:00:00Z"),  # 23 hours
    ("Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T05:00:00Z"),  # clocks are about to be set
    ("Europe/Berlin", "2026-10-24T05:00:00Z", "2026-10-25T06:00:00Z"),  # 25 hours
    ("Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T06:00:00Z"),  # half past two, for the first time
    ("Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T06:00:00Z"),  # and for the second
    ("America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T11:00:00Z"),
    ("America/New_York", "2026-10-31T11:00:00Z", "2026-11-01T12:00:00Z"),
    ("Asia/Kolkata", "2026-03-29T01:29:59Z", "2026-03-29T01:30:00Z"),
    ("Asia/Kolkata", "2026-03-29T01:30:00Z", "2026-03-30T01:30:00Z"),
    ("Pacific/Kiritimati", "2026-01-01T17:00:00Z", "2026-01-02T17:00:00Z"),
    ("Pacific/Apia", "2011-12-29T17:00:00Z", "2011-12-30T17:00:00Z"),  # there was no 30th of December
    ("Australia/Lord_Howe", "2026-10-03T20:30:00Z", "2026-10-04T20:00:00Z"),  # half an hour
    ("Nowhere/Atall", "2026-01-01T07:00:00Z", "2026-01-02T07:00:00Z"),
]


class TestMornings:
    @pytest.mark.parametrize("zone, after, expected", MORNINGS)
    def test_the_next_one(self, stack, zone, after, expected):
        assert stack.rows("SELECT next_digest_at(%s, %s) = %s::timestamptz", zone, after, expected) == [(True,)]

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/Santiago", "Africa/Cairo", "Asia/Gaza"])
    def test_each_follows_the_one_before_on_the_next_day(self, stack, zone):
        """Five years of them."""
        wrong = stack.rows(
            "WITH RECURSIVE mornings(zone, at, number) AS (SELECT %s, next_digest_at(%s, '2024-01-01Z'), 1"
            " UNION ALL SELECT zone, next_digest_at(zone, at), number + 1 FROM mornings WHERE number < 1826),"
            " local AS (SELECT at AT TIME ZONE zone AS at, number FROM mornings)"
            " SELECT at FROM local WHERE at::time <> '07:00' OR at::date - number + 1 <> (SELECT at::date FROM local WHERE number = 1)",
            zone, zone,
        )
        assert wrong == []


class TestDigests:
    def row(self, stack, person):
        """Is the next one at 7 in the morning there, within a day or so?"""
        ((local, ahead),) = stack.rows(
            "SELECT (next_at AT TIME ZONE time_zone)::time::text, next_at > now() AND next_at < now() + interval '25 hours 1 second'"
            " FROM digests JOIN users ON id = user_id WHERE user_id = %s", person.id,
        )
        return local, ahead

    def make_due(self, stack, person):
        """And waits until it is done."""
        stack.rows("UPDATE digests SET next_at = now() WHERE user_id = %s", person.id)
        wait_until(lambda: self.row(stack, person)[1], "the digest to be done")

    def digests(self, stack, person):
        rows = stack.rows("SELECT body::json FROM deliveries WHERE type = 'mail.digest' AND owner_id = %s ORDER BY id", person.id)
        return [body for (body,) in rows]

    def begun(self, stack, person):
        wait_until(lambda: stack.rows("SELECT 1 FROM digests WHERE user_id = %s", person.id), "a first digest to be planned")
        wait_until(lambda: stack.rows("SELECT count(*) FROM log_entries WHERE position IS NULL") == [(0,)], "everything to be spread")

    def test_what_is_new_and_what_is_today(self, stack):
        facilitator, guest, gone = stack.facilitator(), stack.user(name="Gast"), stack.user(name="Fort")
        event = stack.event(facilitator, title="Soon", max_participants=7)
        stack.book(guest, event)
        gone.post(f"/bookings/{stack.book(gone, event)['id']}/cancel")
        stack.user().post("/bookings", {"event_id": stack.priced_event(facilitator)["id"]})  # is not paid
        self.begun(stack, facilitator)
        assert self.row(stack, facilitator) == ("07:00:00", True)
        today = stack.event(facilitator, title="Today", location="Hall 1")
        stack.rows("UPDATE events SET start_at = date_trunc('day', now()) + interval '8 hours', end_at = NULL WHERE id = %s", today["id"])
        self.make_due(stack, facilitator)
        (digest,) = self.digests(stack, facilitator)
        values = digest["values"]
        assert (digest["to"], digest["zone"], digest["kind"]) == (facilitator.email, "UTC", "digest")
        assert values["today_on"] == str(datetime.datetime.now(datetime.timezone.utc).date())
        assert [(item["event_title"], item["person"]) for item in values["bookings"]] == [("Soon", "Gast"), ("Soon", "Fort")]
        assert [(item["event_title"], item["person"]) for item in values["cancellations"]] == [("Soon", "Fort")]
        (item,) = values["events"]
        assert (item["event_title"], item["location"], item["taken"], item["capacity"]) == ("Today", "Hall 1", 0, 10)
        assert self.row(stack, facilitator) == ("07:00:00", True)
        state = "SELECT state FROM deliveries WHERE type = 'mail.digest' AND owner_id = %s"
        wait_until(lambda: stack.rows(state, facilitator.id) == [("delivered",)], "the digest to leave")

    @pytest.mark.parametrize("zone, elsewhere", [("Asia/Kolkata", "America/New_York"), ("America/New_York", "Asia/Kolkata")])
    def test_a_day_is_one_where_its_person_lives(self, stack, zone, elsewhere):
        """From midnight to midnight there, whatever day it is elsewhere; each event is at the time of its own place."""
        facilitator = stack.facilitator()
        stack.rows("UPDATE users SET time_zone = %s WHERE id = %s", zone, facilitator.id)
        hours = {"before": "-1 minute", "first": "1 minute", "early": "3 hours", "late": "21 hours", "last": "23 hours 59 minutes", "after": "1 day"}
        for title, after in hours.items():
            event = stack.event(facilitator, title=title)
            stack.rows(
                "UPDATE events SET start_at = (date_trunc('day', now() AT TIME ZONE %s) + %s::interval) AT TIME ZONE %s, end_at = NULL,"
                " time_zone = %s WHERE id = %s",
                *(zone, after, zone, elsewhere, event["id"]),
            )
        self.begun(stack, facilitator)
        self.make_due(stack, facilitator)
        (digest,) = self.digests(stack, facilitator)
        assert digest["zone"] == zone
        assert digest["values"]["today_on"] == stack.rows("SELECT (now() AT TIME ZONE %s)::date::text", zone)[0][0]
        items = [(item["event_title"], item["zone"]) for item in digest["values"]["events"]]
        assert items == [(title, elsewhere) for title in ("first", "early", "late", "last")]

    def test_nothing_is_told_twice_and_nothing_is_no_digest(self, stack):
        facilitator, guest = stack.facilitator(), stack.user()
        event = stack.event(facilitator)
        self.begun(stack, facilitator)
        self.make_due(stack, facilitator)  # an event was published: its facilitator knows
        assert self.digests(stack, facilitator) == []
        stack.book(guest, event)
        self.begun(stack, facilitator)
        for _ in range(3):
            self.make_due(stack, facilitator)
        assert [len(digest["values"]["bookings"]) for digest in self.digests(stack, facilitator)] == [1]

    def test_long_lists_are_cut(self, stack, crowd):
        facilitator = stack.facilitator()
        event = stack.event(facilitator, max_participants=None)
        for person in [*crowd, stack.user(), stack.user()]:
            stack.book(person, event)
        self.begun(stack, facilitator)
        self.make_due(stack, facilitator)
        (values,) = [digest["values"] for digest in self.digests(stack, facilitator)]
        assert (len(values["bookings"]), values["more_bookings"]) == (20, 2) and "more_cancellations" not in values

    def test_who_refuses_gets_none(self, stack):
        facilitator = stack.facilitator()
        stack.rows("INSERT INTO mail_refusals (user_id, kind) VALUES (%s, 'digest')", facilitator.id)
        stack.book(stack.user(), stack.event(facilitator))
        self.begun(stack, facilitator)
        self.make_due(stack, facilitator)
        assert self.digests(stack, facilitator) == []

    def test_one_that_is_refused_stands_in_nobody_s_way(self, stack):
        """Its queue has it first; it is tried again an hour later."""
        facilitators = [stack.facilitator() for _ in range(5)]
        for facilitator in facilitators:
            stack.book(stack.user(), stack.event(facilitator))
            self.begun(stack, facilitator)
        bad, *others = facilitators
        with refused(stack, bad.id, "mail.digest"):
            stack.rows("UPDATE digests SET next_at = now() - interval '1 minute' WHERE user_id = %s", bad.id)
            for facilitator in others:
                self.make_due(stack, facilitator)
            put_off = "SELECT next_at - now() BETWEEN interval '59 minutes' AND interval '1 hour' FROM digests WHERE user_id = %s"
            wait_until(lambda: stack.rows(put_off, bad.id) == [(True,)], "the bad one to be put off")
        assert all(len(self.digests(stack, facilitator)) == 1 for facilitator in others) and self.digests(stack, bad) == []
        assert f"the digest of facilitator {bad.id} is refused" in stack.logs()
        self.make_due(stack, bad)
        assert [item["event_title"] for item in self.digests(stack, bad)[0]["values"]["bookings"]] == ["Yoga Session"]

    @pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "Pacific/Kiritimati"])
    def test_it_follows_its_person_to_another_zone(self, stack, zone):
        facilitator = stack.facilitator()
        stack.event(facilitator)
        self.begun(stack, facilitator)
        stack.rows("UPDATE users SET time_zone = %s WHERE id = %s", zone, facilitator.id)
        assert self.row(stack, facilitator) == ("07:00:00", True)

    def test_a_clock_that_ran_ahead_for_a_while(self, stack):
        facilitator = stack.facilitator()
        stack.event(facilitator)
        self.begun(stack, facilitator)
        stack.rows("UPDATE digests SET next_at = now() + interval '1 year' WHERE user_id = %s", facilitator.id)
        wait_until(lambda: self.row(stack, facilitator) == ("07:00:00", True), "the digest to be put right")
