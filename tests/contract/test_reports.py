"""The facilitators' and administrators' reports: known payments are made in the database, through the same triggers as the
workers', and every sum, filter, page and byte of CSV is held against them."""

import datetime
import types

import pytest

from harness import assert_ledger_is_balanced, unique

UTC = datetime.timezone.utc
REVENUE, PEOPLE, FIGURES = "/facilitator/revenue", "/facilitator/payments", "/facilitator/figures"
REPORTS = ("revenue", "revenue.csv", "payments", "payments.csv", "figures")
FORMULA = '=HYPERLINK("http://evil.example","Click, please")'


def moment(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)


class Books:
    """Writes what the payment worker would write, at times of its own."""

    def __init__(self, stack):
        self.connection = stack.database()
        self.connection.autocommit = True

    def ask(self, statement, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone()[0] if cursor.description else None

    def transaction(self, *steps):
        """Each (statement, *values)."""
        self.connection.autocommit = False
        with self.connection, self.connection.cursor() as cursor:
            for statement, *values in steps:
                cursor.execute(statement, values)
        self.connection.autocommit = True

    def hold(self, event, person):
        """A pending booking with its order."""
        self.transaction(
            ("UPDATE events SET taken = taken + 1 WHERE id = %s", event["id"]),
            (
                "INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency, hold_expires_at)"
                " SELECT %s, id, %s, 'pending', 'pending', price_minor, currency, now() + interval '1 day' FROM events WHERE id = %s",
                unique("BK"), person.id, event["id"],
            ),
            (
                "INSERT INTO payments (booking_id, user_id, event_id, facilitator_id, provider, order_id, amount_minor, currency)"
                " SELECT b.id, b.user_id, b.event_id, e.facilitator_id, 'sandbox', 'order_' || b.reference, b.price_minor, b.currency"
                " FROM bookings b JOIN events e ON e.id = b.event_id WHERE b.user_id = %s AND b.event_id = %s",
                person.id, event["id"],
            ),
        )
        return self.ask("SELECT id FROM bookings WHERE user_id = %s AND event_id = %s", person.id, event["id"])

    def enter_at(self, booking, kind, at):
        """The ledger is append-only: only a replica's session may move its rows in time."""
        self.transaction(
            ("SET LOCAL session_replication_role = replica",),
            ("UPDATE ledger SET entered_at = %s WHERE booking_id = %s AND kind = %s", moment(at), booking, kind),
        )

    def pay(self, event, person, at):
        booking = self.hold(event, person)
        self.transaction(
            (
                "UPDATE payments SET status = 'captured', status_reason = 'paid', captured_minor = amount_minor, captured_at = %s"
                " WHERE booking_id = %s", moment(at), booking,
            ),
            (
                "UPDATE bookings SET status = 'confirmed', status_reason = 'paid', payment_status = 'completed', hold_expires_at = NULL"
                " WHERE id = %s", booking,
            ),
        )
        self.enter_at(booking, "captured", at)
        return booking

    def refund(self, booking, amount_minor, at):
        """Owed, and taken on by the provider."""
        self.transaction((
            "INSERT INTO refunds (payment_id, booking_id, amount_minor, currency, cause, status)"
            " SELECT id, booking_id, %s, currency, 'manual', 'pending' FROM payments WHERE booking_id = %s", amount_minor, booking,
        ))
        self.enter_at(booking, "owed", at)

    def pay_back(self, booking):
        """All that is owed; the booking is cancelled."""
        self.transaction(
            ("UPDATE refunds SET status = 'processed', status_reason = 'paid back' WHERE booking_id = %s", booking),
            ("UPDATE payments SET status = 'refunded', status_reason = 'paid back' WHERE booking_id = %s", booking),
            ("UPDATE events SET taken = taken - 1 WHERE id = (SELECT event_id FROM bookings WHERE id = %s)", booking),
            (
                "UPDATE bookings SET status = 'cancelled', status_reason = 'cancelled', payment_status = 'refunded', cancelled_at = now()"
                " WHERE id = %s", booking,
            ),
        )


@pytest.fixture(scope="module")
def admin(stack):
    return stack.admin()


@pytest.fixture(scope="module")
def world(stack):
    """Two facilitators, three events, five people; see the sums below."""
    books = Books(stack)
    asha, bela = stack.facilitator(name="Asha"), stack.facilitator(name="Bela")
    yoga = stack.event(asha, title="Yoga, slowly", price=25.00, currency="INR")
    gong = stack.event(asha, title="Gong", price=3000, currency="JPY")
    retreat = stack.event(bela, title="Retreat", price=100.00, currency="EUR")
    people = [stack.user(name=name) for name in (FORMULA, "Bo", "Cy", "Di", "Ed")]
    bookings = types.SimpleNamespace()
    bookings.stays = books.pay(yoga, people[0], "2026-01-10T08:00:00")
    bookings.left = books.pay(yoga, people[1], "2026-01-20T08:00:00")
    bookings.owed = books.pay(yoga, people[2], "2026-02-03T08:00:00")
    bookings.held = books.hold(yoga, people[3])
    bookings.gong = books.pay(gong, people[0], "2026-02-04T08:00:00")
    bookings.before_midnight = books.pay(retreat, people[0], "2026-01-31T23:59:59.999999")
    bookings.at_midnight = books.pay(retreat, people[1], "2026-02-01T00:00:00")
    books.refund(bookings.left, 2500, "2026-02-05T08:00:00")
    books.pay_back(bookings.left)
    books.refund(bookings.owed, 500, "2026-02-06T08:00:00")
    yield types.SimpleNamespace(books=books, asha=asha, bela=bela, yoga=yoga, gong=gong, retreat=retreat, people=people, bookings=bookings)
    books.connection.close()


def fetch(client, path, **query):
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def sums(row):
    return [row["currency"], row["payments"], row["captured_minor"], row["refunds"], row["refunded_minor"], row["net_minor"]]


def revenue(client, path=REVENUE, **query):
    """[key, currency, payments, captured, refunds, refunded, net] of each row, and the same without a key of each currency."""
    body = fetch(client, path, **query)
    key = {"event": "event_title", "facilitator": "facilitator_name", "month": "month"}.get(query.get("group", "event"))
    return [[row[key] if key else None, *sums(row)] for row in body["rows"]], [sums(row) for row in body["currencies"]]


INR = ["INR", 3, 7500, 2, 3000, 4500]
JPY = ["JPY", 1, 3000, 0, 0, 3000]
EUR = ["EUR", 2, 20000, 0, 0, 20000]


class TestRevenue:
    def test_by_event(self, world):
        assert revenue(world.asha) == ([["Yoga, slowly", *INR], ["Gong", *JPY]], [INR, JPY])

    def test_a_row_names_its_group_and_no_other(self, world):
        row = fetch(world.asha, REVENUE)["rows"][0]
        assert (row["event_id"], row["facilitator_id"], row["facilitator_name"], row["month"]) == (world.yoga["id"], world.asha.id, "Asha", None)
        assert (row["captured"], row["refunded"], row["net"]) == (75, 30, 45)
        month = fetch(world.asha, REVENUE, group="month")["rows"][0]
        assert [month[name] for name in ("event_id", "event_title", "facilitator_id", "facilitator_name")] == [None] * 4

    def test_by_month_the_latest_first(self, world):
        rows, currencies = revenue(world.asha, group="month")
        assert rows == [
            ["2026-02", *JPY], ["2026-02", "INR", 1, 2500, 2, 3000, -500], ["2026-01", "INR", 2, 5000, 0, 0, 5000],
        ]
        assert currencies == [INR, JPY]

    def test_months_begin_at_midnight_of_utc(self, world):
        assert revenue(world.bela, group="month")[0] == [["2026-02", "EUR", 1, 10000, 0, 0, 10000], ["2026-01", "EUR", 1, 10000, 0, 0, 10000]]

    def test_by_facilitator_and_by_currency(self, world):
        assert revenue(world.asha, group="facilitator")[0] == [["Asha", *INR], ["Asha", *JPY]]
        assert revenue(world.asha, group="currency") == ([[None, *INR], [None, *JPY]], [INR, JPY])

    @pytest.mark.parametrize(("bounds", "captured"), [
        ({"from": "2026-02-01"}, 10000),
        ({"to": "2026-01-31"}, 10000),
        ({"from": "2026-01-31", "to": "2026-02-01"}, 20000),
        ({"from": "2026-02-01T00:00:00Z"}, 10000),
        ({"to": "2026-02-01T00:00:00Z"}, 10000),
        ({"to": "2026-02-01T00:00:00.000001Z"}, 20000),
        ({"from": "2026-02-01T05:30:00+05:30"}, 10000),
        ({"from": "2026-02-02"}, 0),
    ])
    def test_bounds(self, world, bounds, captured):
        assert sum(row["captured_minor"] for row in fetch(world.bela, REVENUE, **bounds)["rows"]) == captured

    def test_one_event(self, world):
        assert revenue(world.asha, event_id=world.gong["id"]) == ([["Gong", *JPY]], [JPY])
        assert revenue(world.asha, session_id=world.gong["id"]) == ([["Gong", *JPY]], [JPY])

    def test_others_see_nothing_of_it(self, world):
        assert revenue(world.bela) == ([["Retreat", *EUR]], [EUR])
        for event in (world.yoga["id"], 999999999):
            assert fetch(world.bela, REVENUE, event_id=event) == {"rows": [], "currencies": [], "next": None}

    def test_an_administrator_sees_all(self, stack, world, admin):
        assert revenue(admin, "/admin/revenue", facilitator_id=world.asha.id) == revenue(world.asha)
        assert revenue(admin, "/admin/revenue", event_id=world.retreat["id"]) == revenue(world.bela)
        assert revenue(admin, "/admin/revenue", event_id=world.retreat["id"], facilitator_id=world.asha.id) == ([], [])
        for group, own in (("event", 3), ("facilitator", 3), ("month", 0), ("currency", 0)):
            rows, currencies = revenue(admin, "/admin/revenue", group=group)
            assert sum(row[0] in ("Yoga, slowly", "Gong", "Retreat", "Asha", "Bela") for row in rows) == own
            kept = "SELECT currency, -sum(amount_minor)::bigint FROM ledger WHERE account = 'earnings' GROUP BY currency"
            assert {row[0]: row[5] for row in currencies} == dict(stack.rows(kept))
            assert sum(row[6] for row in rows) == sum(row[5] for row in currencies)

    def test_nothing_earned(self, stack):
        nobody = stack.facilitator()
        for group in ("event", "facilitator", "month", "currency"):
            assert fetch(nobody, REVENUE, group=group) == {"rows": [], "currencies": [], "next": None}

    @pytest.mark.parametrize("query", ["group=week", "from=yesterday", "to=2026-02-30", "event_id=0", "facilitator_id=1", "after=bmV4dA"])
    def test_bad_input(self, world, query):
        answer = world.asha.get(f"{REVENUE}?{query}")
        assert (answer.status_code, list(answer.json()["details"])) == (400, [query.split("=")[0]])


class TestPeople:
    def seen(self, client, path=PEOPLE, **query):
        return [row["booking_id"] for row in fetch(client, path, **query)["people"]]

    def test_states(self, world):
        b = world.bookings
        assert self.seen(world.asha) == [b.gong, b.held, b.owed, b.left, b.stays]
        assert self.seen(world.asha, state="paid") == [b.gong, b.owed, b.stays]
        assert self.seen(world.asha, state="unpaid") == [b.held]
        assert self.seen(world.asha, state="refunded") == [b.owed, b.left]

    def test_of_one_event(self, world):
        b, yoga = world.bookings, world.yoga["id"]
        assert self.seen(world.asha, event_id=yoga) == [b.held, b.owed, b.left, b.stays]
        assert self.seen(world.asha, event_id=yoga, state="paid") == [b.owed, b.stays]
        assert self.seen(world.asha, event_id=yoga, state="unpaid") == [b.held]
        assert self.seen(world.asha, event_id=yoga, state="refunded") == [b.owed, b.left]
        assert self.seen(world.bela, event_id=yoga) == []

    def test_a_row(self, world):
        people = fetch(world.asha, PEOPLE)["people"]
        stays, left, held = people[4], people[3], people[1]
        assert (stays["user_id"], stays["name"], stays["email"]) == (world.people[0].id, FORMULA, world.people[0].email)
        assert (stays["event_id"], stays["event_title"], stays["status"], stays["payment_status"]) == (
            world.yoga["id"], "Yoga, slowly", "confirmed", "completed",
        )
        assert (stays["price"], stays["currency"], stays["paid_amount"], stays["refunded_amount"]) == (25, "INR", 25, 0)
        assert (stays["paid_at"], stays["hold_expires_at"]) == ("2026-01-10T08:00:00Z", None)
        assert (left["status"], left["paid_amount_minor"], left["refunded_amount_minor"]) == ("cancelled", 2500, 2500)
        assert (held["status"], held["paid_amount_minor"], held["paid_at"]) == ("pending", 0, None)
        assert held["hold_expires_at"]

    def test_an_administrator_sees_all(self, world, admin):
        b = world.bookings
        for state in (None, "paid", "unpaid", "refunded"):
            query = {"state": state} if state else {}
            assert self.seen(admin, "/admin/payments", facilitator_id=world.asha.id, **query) == self.seen(world.asha, **query)
        everybody = self.seen(admin, "/admin/payments", all="true")
        assert everybody == sorted(everybody, reverse=True) and {b.stays, b.at_midnight, b.held} <= set(everybody)
        assert b.held in self.seen(admin, "/admin/payments", state="unpaid", all="true")
        refunded = self.seen(admin, "/admin/payments", state="refunded", all="true")
        assert {b.owed, b.left} <= set(refunded) and b.stays not in refunded

    @pytest.mark.parametrize("state", [None, "paid", "refunded"])
    def test_pages(self, world, state):
        query = {"state": state, "limit": 1} if state else {"limit": 2}
        found, after, pages = [], {}, 0
        while True:
            answer = world.asha.get(PEOPLE, params={**query, **after})
            body = answer.json()
            found += [row["booking_id"] for row in body["people"]]
            pages += 1
            assert ('rel="next"' in answer.headers.get("Link", "")) == (body["next"] is not None)
            if body["next"] is None:
                break
            after = {"after": body["next"]}
        assert found == self.seen(world.asha, **({"state": state} if state else {}))
        assert pages == (3 if state in (None, "paid") else 2)

    def test_nobody(self, stack):
        nobody = stack.facilitator()
        for state in ({}, {"state": "paid"}, {"state": "unpaid"}, {"state": "refunded"}):
            assert fetch(nobody, PEOPLE, **state) == {"people": [], "next": None}

    def test_a_free_booking_is_not_listed(self, stack, person):
        free = stack.facilitator()
        stack.book(person, stack.event(free))
        assert self.seen(free) == []
        assert fetch(free, FIGURES)["paid_people"] == 0

    @pytest.mark.parametrize("query", ["state=late", "limit=0", "limit=101", "after=bmV4dA", "all=perhaps"])
    def test_bad_input(self, world, query):
        answer = world.asha.get(f"{PEOPLE}?{query}")
        assert (answer.status_code, list(answer.json()["details"])) == (400, [query.split("=")[0]])


class TestFigures:
    HELD = {"currency": "INR", "held_minor": 2500, "captured_minor": 7500, "refunded_minor": 3000, "refunds_owed_minor": 500, "net_minor": 4500}
    YEN = {"currency": "JPY", "held_minor": 0, "captured_minor": 3000, "refunded_minor": 0, "refunds_owed_minor": 0, "net_minor": 3000}

    def figures(self, client, path=FIGURES, **query):
        body = fetch(client, path, **query)
        for row in body["currencies"]:
            for name in ("held", "captured", "refunded", "refunds_owed", "net"):
                del row[name]
        return [body["paid_people"], body["unpaid_people"], body["holds"]], body["currencies"]

    def test_of_a_facilitator(self, world):
        assert self.figures(world.asha) == ([2, 1, 1], [self.HELD, self.YEN])

    def test_of_an_event(self, world):
        assert self.figures(world.asha, event_id=world.yoga["id"]) == ([2, 1, 1], [self.HELD])
        assert self.figures(world.asha, event_id=world.gong["id"]) == ([1, 0, 0], [self.YEN])
        assert self.figures(world.bela, event_id=world.yoga["id"]) == ([0, 0, 0], [])

    def test_an_administrator_sees_all(self, stack, world, admin):
        assert self.figures(admin, "/admin/figures", facilitator_id=world.asha.id) == self.figures(world.asha)
        assert self.figures(admin, "/admin/figures", event_id=world.gong["id"]) == ([1, 0, 0], [self.YEN])
        (paid, unpaid, holds), currencies = self.figures(admin, "/admin/figures")
        standing = "SELECT count(DISTINCT user_id) FROM bookings WHERE price_minor > 0 AND status IN ('confirmed', 'completed')"
        assert paid == stack.rows(standing)[0][0] and unpaid >= 1 and holds >= 1
        owed = "SELECT currency, -sum(amount_minor)::bigint FROM ledger WHERE account = 'refunds_owed' GROUP BY currency"
        owing = dict(stack.rows(owed))
        assert {row["currency"]: row["refunds_owed_minor"] for row in currencies} == {
            row["currency"]: owing.get(row["currency"], 0) for row in currencies
        }

    def test_of_nobody(self, stack):
        assert fetch(stack.facilitator(), FIGURES) == {"paid_people": 0, "unpaid_people": 0, "holds": 0, "currencies": []}


class TestRights:
    @pytest.mark.parametrize("report", REPORTS)
    def test_who_may_not(self, stack, world, person, report):
        for path in (f"/facilitator/{report}", f"/admin/{report}"):
            assert stack.anonymous.get(path).status_code == 401
            assert person.get(path).status_code == 403
        assert world.asha.get(f"/admin/{report}").status_code == 403

    def test_an_administrator_has_no_events_of_their_own(self, world, admin):
        assert fetch(admin, REVENUE) == {"rows": [], "currencies": [], "next": None}


class TestCsv:
    def test_revenue(self, world):
        answer = world.asha.get("/facilitator/revenue.csv")
        assert answer.headers["Content-Type"].startswith("text/csv")
        asha, yoga, gong = world.asha.id, world.yoga["id"], world.gong["id"]
        assert answer.content.decode() == (
            "event_id,event_title,facilitator_id,facilitator_name,month,currency,payments,captured,refunds,refunded,net\r\n"
            f'{yoga},"Yoga, slowly",{asha},Asha,,INR,3,75.00,2,30.00,45.00\r\n'
            f"{gong},Gong,{asha},Asha,,JPY,1,3000,0,0,3000\r\n"
        )

    def test_revenue_by_month_of_one_facilitator(self, world, admin):
        answer = admin.get("/admin/revenue.csv", params={"group": "month", "facilitator_id": world.bela.id, "to": "2026-01-31"})
        assert answer.content.decode().split("\r\n")[1:] == [",,,,2026-01,EUR,1,100.00,0,0.00,100.00", ""]

    def test_people(self, world, admin):
        own = world.asha.get("/facilitator/payments.csv", params={"state": "paid", "event_id": world.yoga["id"]})
        lines = own.content.decode().split("\r\n")
        assert lines[0] == (
            "booking_id,booking_reference,user_id,name,email,event_id,event_title,status,payment_status,price,currency,paid_amount,"
            "refunded_amount,hold_expires_at,paid_at"
        )
        assert len(lines) == 4 and lines[3] == ""
        assert lines[1].endswith("confirmed,completed,25.00,INR,25.00,5.00,,2026-02-03T08:00:00Z")
        assert ',"\'=HYPERLINK(""http://evil.example"",""Click, please"")",' in lines[2], "a spreadsheet would run it"
        same = admin.get("/admin/payments.csv", params={"state": "paid", "event_id": world.yoga["id"]})
        assert same.content == own.content

    def test_nothing(self, stack):
        nobody = stack.facilitator()
        for report in ("revenue", "payments"):
            text = nobody.get(f"/facilitator/{report}.csv").content.decode()
            assert text.count("\r\n") == 1 and text.endswith("\r\n")


class TestMany:
    """More than fits into one page, or into one message: 1 MiB."""

    EVENTS = 2100

    @pytest.fixture(scope="class")
    def busy(self, stack, world):
        facilitator = stack.facilitator(name="Ω" * 200)
        rows = (facilitator.id, world.people[4].id)
        world.books.transaction(
            (
                "INSERT INTO events (facilitator_id, title, event_type, start_at, price_minor, taken)"
                " SELECT %s, repeat('Ω', 195) || n, 'session', now() + interval '9 days', n, 1 FROM generate_series(1, %s) n",
                facilitator.id, self.EVENTS,
            ),
            (
                "INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency)"
                " SELECT 'BKM' || id, id, %s, 'confirmed', 'completed', price_minor, currency FROM events WHERE facilitator_id = %s ORDER BY id",
                rows[1], rows[0],
            ),
            (
                "INSERT INTO payments (booking_id, user_id, event_id, facilitator_id, provider, status, amount_minor, captured_minor, currency, captured_at)"
                " SELECT b.id, b.user_id, b.event_id, e.facilitator_id, 'sandbox', 'captured', b.price_minor, b.price_minor, b.currency, now()"
                " FROM bookings b JOIN events e ON e.id = b.event_id WHERE e.facilitator_id = %s", rows[0],
            ),
        )
        return facilitator

    def test_every_person_once(self, busy):
        found, after = [], {}
        while True:
            body = fetch(busy, PEOPLE, all="true", **after)
            assert 0 < len(body["people"]) <= 2000
            found += [row["booking_id"] for row in body["people"]]
            if body["next"] is None:
                break
            after = {"after": body["next"]}
        assert len(found) == len(set(found)) == self.EVENTS and found == sorted(found, reverse=True)

    def test_every_event_once(self, busy):
        net, after = [], {}
        while True:
            body = fetch(busy, REVENUE, **after)
            assert 0 < len(body["rows"]) <= 2000
            assert [sums(row)[1:3] for row in body["currencies"]] == [[self.EVENTS, self.EVENTS * (self.EVENTS + 1) // 2]]
            net += [row["net_minor"] for row in body["rows"]]
            if body["next"] is None:
                break
            after = {"after": body["next"]}
        assert net == list(range(self.EVENTS, 0, -1))

    def test_csv_names_the_next_page(self, busy):
        answer = busy.get("/facilitator/payments.csv")
        assert 'rel="next"' in answer.headers["Link"] and answer.content.count(b"\r\n") <= 2001

    def test_what_was_made_here_is_what_workers_make(self, stack, busy):
        assert_ledger_is_balanced(stack)
