"""Live push: real bookings, cancellations and payments reach whoever is connected, as WebSocket messages (also to `ws` from npm) and as
Server-Sent Events; who may connect, and when a connection ends. tests/failure/test_push_failures.py has what needs parts that fail."""

import json
import queue
import subprocess
import threading
import time
import urllib.parse

import pytest

from document import ROOT, parse_time
from harness import ORIGIN, PASSWORD, Client, refusal, wait_until
from sockets import CLOSE, PATIENCE_S, PING, PONG, TEXT, Socket, Stream, close, frame, handshake


def ticket_of(client, **arguments):
    answer = client.post("/ws/ticket", **arguments)
    assert answer.status_code == 201 and answer.json()["expires_in"] == 30, answer.text
    return answer.json()["ticket"]


def port_of(url):
    return urllib.parse.urlsplit(url).port


def connect(client, query="", url=None, ticket=None, headers=None):
    url = url or client.base_url
    found = Socket(port_of(url), f"/ws?ticket={ticket or ticket_of(client)}{query}", headers=headers)
    assert found.status == 101, found.refusal()
    return found


def stream(client, query="", **headers):
    found = Stream(f"{client.base_url}/sse?ticket={ticket_of(client)}{query}", **headers)
    assert found.status == 200
    return found


@pytest.fixture
def owner(stack):
    """A facilitator whose inbox is empty: her events were published before."""
    return stack.facilitator()


@pytest.fixture
def course(stack, owner):
    """Her event; what its creation told her is acknowledged."""
    event = stack.event(owner, max_participants=50)
    with connect(owner) as found:
        message = found.message()
        assert (message["type"], message["data"]["event_id"]) == ("event.created", event["id"])
        found.acknowledge(message["seq"])
        wait_until(lambda: owner.get("/inbox").json()["acknowledged"] == message["seq"], "the acknowledgement")
    return event


class NodeSocket:
    """`ws` in a process of its own."""

    def __init__(self, url, *origin):
        folder = ROOT / "tests/node"
        assert (folder / "node_modules/ws").is_dir(), "the client library is not there; tests/run installs it"
        command = ["node", "socket.js", url, *origin]
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.said.put(json.loads(line))

    def next(self):
        return self.said.get(timeout=PATIENCE_S)

    def message(self):
        return json.loads(self.next()["message"])

    def tell(self, **action):
        self.process.stdin.write(json.dumps(action) + "\n")
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class TestWhatArrives:
    def test_bookings_and_cancellations(self, stack, owner, course, person):
        with connect(owner) as found, stream(owner) as events:
            booking = stack.book(person, course)
            created = found.message()
            assert set(created) == {"seq", "type", "data", "time"} and abs(parse_time(created["time"]).timestamp() - time.time()) < 60
            assert (created["type"], created["data"]["booking_id"]) == ("booking.created", booking["id"])
            assert person.post(f"/bookings/{booking['id']}/cancel").status_code == 200
            cancelled = found.message()
            assert (cancelled["type"], cancelled["data"]["booking_id"]) == ("booking.cancelled", booking["id"])
            assert cancelled["seq"] == created["seq"] + 1
            assert [events.message() for _ in range(2)] == [created, cancelled]

    def test_payments(self, stack, owner, person):
        event = stack.priced_event(owner)
        with connect(owner) as found:
            assert found.message()["type"] == "event.created"
            booking = stack.paid_booking(person, event)
            messages = found.messages(3)
            assert {message["type"] for message in messages} == {"booking.created", "booking.confirmed", "payment.captured"}
            assert {message["data"]["booking_id"] for message in messages} == {booking["id"]}

    def test_promptly(self, stack, owner, course):
        """Within 100 ms of the answer, unless something else holds this machine up: so the best of some."""
        took = []
        with connect(owner) as found:
            for person in stack.people(5):
                stack.book(person, course)
                begun = time.monotonic()
                found.message()
                took.append(time.monotonic() - begun)
        assert min(took) < 0.1, took

    def test_only_what_is_ones_own(self, stack, owner, course, person, facilitator):
        with connect(person) as theirs, connect(owner) as found:
            stack.book(person, course)
            found.message()
            assert theirs.nothing_comes()

    def test_once_in_order_until_acknowledged(self, stack, owner, course):
        people = stack.people(20)
        with connect(owner) as found:
            for person in people[:10]:
                stack.book(person, course)
            first = found.messages(10)
            found.acknowledge(first[4]["seq"])
            wait_until(lambda: owner.get("/inbox").json()["acknowledged"] == first[4]["seq"], "the acknowledgement")
        for person in people[10:]:
            stack.book(person, course)
        with connect(owner) as found:
            again = found.messages(15)
            assert again[:5] == first[5:]
            assert [message["seq"] for message in again] == list(range(first[5]["seq"], first[5]["seq"] + 15))
            assert len({message["data"]["booking_id"] for message in first + again}) == 20
            assert found.nothing_comes()
        with stream(owner, Last_Event_ID=str(again[12]["seq"])) as events:
            assert [events.message() for _ in range(2)] == again[13:]

    def test_to_the_clients_of_others(self, stack, owner, course, person):
        """`ws`, which is strict about what it is sent."""
        url = owner.base_url.replace("http", "ws")
        with NodeSocket(f"{url}/ws?ticket={ticket_of(owner)}", ORIGIN) as found:
            assert found.next() == {"open": ""}
            stack.book(person, course)
            message = found.message()
            assert message["type"] == "booking.created"
            found.tell(ping="are you there?")
            assert found.next() == {"pong": "are you there?"}
            found.tell(send=json.dumps({"ack": message["seq"]}))
            wait_until(lambda: owner.get("/inbox").json()["acknowledged"] == message["seq"], "the acknowledgement")
            found.tell(close=[4000, "bye"])
            assert found.next() == {"close": [4000, ""]}
        with NodeSocket(f"{url}/ws?ticket={ticket_of(owner)}") as found:
            assert found.next() == {"open": ""}
            assert owner.post("/auth/logout").status_code == 200
            assert found.next() == {"close": [1008, "session ended"]}
        with NodeSocket(f"{url}/ws?ticket=used") as found:
            status, body = found.next()["refused"]
            assert (status, json.loads(body)["code"]) == (401, "ticket_invalid")


class TestWhoMay:
    def test_a_ticket_takes_somebody_who_is_signed_in(self, stack, person):
        assert refusal(stack.anonymous.post("/ws/ticket")) == (401, "invalid_token")
        assert refusal(Client(stack.base_url, "nonsense").post("/ws/ticket")) == (401, "invalid_token")
        assert ticket_of(person) != ticket_of(person)
        assert person.post("/api/ws/ticket").status_code == 201

    def test_tickets_are_good_once(self, person):
        ticket = ticket_of(person)
        with connect(person, ticket=ticket):
            for path in ("/ws", "/sse"):
                with Socket(port_of(person.base_url), f"{path}?ticket={ticket}") as found:
                    assert found.refusal() == (401, "ticket_invalid")

    def test_browsers_take_one_by_their_cookie(self, stack, person):
        cookie = {"Cookie": f"__Host-session={person.token}", "Authorization": ""}
        own = {"Sec-Fetch-Site": "same-origin"}
        anonymous = stack.anonymous
        headers = {"Cookie": cookie["Cookie"]}
        assert refusal(anonymous.post("/ws/ticket", headers={**headers, "Sec-Fetch-Site": "cross-site"})) == (403, "csrf_refused")
        with connect(anonymous, ticket=ticket_of(anonymous, headers={**headers, **own})) as found:
            found.send(frame(PING, b"x"))
            assert found.frame() == (PONG, b"x")

    def test_machines_take_one_by_their_key(self, stack, owner, course, person):
        asked = {"name": "machine", "current_password": PASSWORD}
        made = owner.post("/profile/keys", {**asked, "scopes": ["read"]}).json()
        other = owner.post("/profile/keys", {**asked, "name": "other", "scopes": ["book"]}).json()
        assert refusal(Client(stack.base_url, other["key"]).post("/ws/ticket")) == (403, "scope_missing")
        with connect(Client(stack.base_url, made["key"])) as found:
            stack.book(person, course)
            assert found.message()["type"] == "booking.created"
            assert owner.delete(f"/profile/keys/{made['api_key']['id']}").ok
            assert found.closing(2)[0] == 1008

    def test_at_the_crm_port_too(self, stack, owner, course, person):
        crm = Client(stack.crm_url, owner.token, "crm")
        with connect(owner, url=stack.crm_url) as found, connect(crm, url=stack.base_url) as other:
            stack.book(person, course)
            assert found.message() == other.message()

    def test_pages_of_others_may_not(self, person):
        for path in ("/ws", "/sse"):
            with Socket(port_of(person.base_url), f"{path}?ticket={ticket_of(person)}", headers=handshake(Origin="https://evil.example")) as found:
                assert found.refusal() == (403, "origin_refused")
        with connect(person, headers=handshake(Origin=ORIGIN)):
            pass

    def test_other_versions(self, person):
        assert refusal(person.get("/ws", params={"ticket": ticket_of(person)})) == (426, "upgrade_required")
        with Socket(port_of(person.base_url), f"/ws?ticket={ticket_of(person)}", headers=handshake(Sec_WebSocket_Version="12")) as found:
            assert found.refusal() == (426, "upgrade_required") and found.headers["sec-websocket-version"] == "13"


def log_out(stack, person):
    assert person.post("/auth/logout").status_code == 200


def change_password(stack, person):
    other = stack.login(person.email)
    assert other.post("/auth/password", {"current_password": PASSWORD, "new_password": "another good Password 1"}).ok


def end_by_administrator(stack, person):
    assert stack.admin().delete(f"/admin/users/{person.id}/sessions").ok


def erase(stack, person):
    assert person.delete("/profile", json={"current_password": PASSWORD}).ok


class TestEnds:
    @pytest.mark.parametrize("end", [log_out, change_password, end_by_administrator, erase], ids=lambda end: end.__name__)
    def test_within_a_second_of_the_session(self, stack, person, end):
        late = ticket_of(person)
        with connect(person) as found, stream(person) as events:
            end(stack, person)
            begun = time.monotonic()
            assert found.closing() == (1008, "session ended")
            assert json.loads(events.event()["data"])["code"] == 1008 and events.event() is None
            assert time.monotonic() - begun < 1
        with Socket(port_of(person.base_url), f"/ws?ticket={late}") as other:
            assert other.refusal() == (401, "ticket_invalid")

    def test_other_sessions_stay(self, stack, person):
        other = stack.login(person.email)
        with connect(other) as found:
            log_out(stack, person)
            assert found.nothing_comes(0.7)

    @pytest.mark.parametrize(
        "sent, code",
        [(frame(TEXT, b"{}", masked=False), 1002), (frame(TEXT, b"{}", reserved=2), 1002), (frame(5), 1002), (frame(0, b"x"), 1002),
         (frame(CLOSE, b"\3\xe8", final=False), 1002), (close(1005), 1002), (frame(TEXT, b"\xed\xa0\x80"), 1007),
         (frame(TEXT, b"\xf0\x9f", final=False) + frame(0, b"\x98\x20"), 1007), (close(1000, b"\xc3"), 1007),
         (frame(TEXT, b" " * 5000), 1009), (close(1000, b"bye"), 1000)],
        ids=["bare", "reserved bit", "reserved opcode", "lone continuation", "control in fragments", "close code", "text", "text over fragments",
             "close reason", "size", "bye"],
    )  # fmt: skip
    def test_by_the_protocol(self, user, sent, code):
        with connect(user) as found:
            found.send(sent)
            assert found.closing()[0] == code


class TestStatus:
    def test_is_shown(self, owner):
        away = {"online": False, "connections": 0, "since": None}
        assert owner.get("/inbox/status").json() == away
        with connect(owner), stream(owner):
            shown = owner.get("/inbox/status").json()
            assert (shown["online"], shown["connections"]) == (True, 2)
            assert abs(parse_time(shown["since"]).timestamp() - time.time()) < 10
        wait_until(lambda: owner.get("/inbox/status").json() == away, "the end of both")


class TestPlaces:
    def test_bookings_show(self, stack, facilitator, person):
        event = stack.event(facilitator, max_participants=2)
        with Stream(f"{stack.base_url}/events/{event['id']}/places", Origin=ORIGIN) as found:
            assert found.answer.headers["Access-Control-Allow-Origin"] == ORIGIN
            shown = found.event()
            state = {"event_id": event["id"], "max_participants": 2, "current_participants": 0, "available_spots": 2, "status": "active"}
            assert (shown["event"], json.loads(shown["data"])) == ("places", state)
            booking = stack.book(person, event)
            shown = found.event()
            assert json.loads(shown["data"]) == {**state, "current_participants": 1, "available_spots": 1}
            with Stream(f"{stack.base_url}/events/{event['id']}/places", Last_Event_ID=shown["id"]) as resumed:
                assert person.post(f"/bookings/{booking['id']}/cancel").status_code == 200
                for each in (found, resumed):
                    assert json.loads(each.event()["data"]) == state
                assert facilitator.post(f"/facilitator/events/{event['id']}/cancel").ok
                assert json.loads(found.event()["data"])["status"] == "cancelled"

    def test_unknown_events(self, stack):
        assert refusal(stack.anonymous.get("/events/999999999/places")) == (404, "event_not_found")
        assert refusal(stack.anonymous.get("/events/x/places"))[0] in (400, 404)
