"""Live push on real gateways between clients, a real broker and a real Redis, with a crm worker that knows what the test says: what is
delivered when parts go and come back, and who is cut off. At the end a whole stack, whose processes are killed; tests/contract/test_push.py has
another."""

import base64
import concurrent.futures
import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path

import pytest
import requests

from harness import start_stack, stop_stack, wait_until
from sockets import BINARY, CLOSE, PING, PONG, TEXT, Socket, Stream, close, frame, handshake
from test_gateway import KEY, World, token, until

USER = 7
ORIGIN = "https://app.example"


class Inboxes:
    """What the crm workers know."""

    def __init__(self, world):
        self.world = world
        self.messages = {}
        self.acknowledged = {}
        self.places = {1: (1, 0)}  # event: version, taken
        self.calls = []
        self.lock = threading.Lock()
        self.answers = True
        self.bytes_per_answer = 10**9

    def answer(self, header, payload):
        self.calls.append((header["op"], payload))
        if not self.answers:
            return None
        with self.lock:
            return None, getattr(self, header["op"])(**payload)

    def readInbox(self, user_id, limit, after=None):
        have, base = self.messages.get(user_id, []), self.acknowledged.get(user_id, 0)
        found, size = [], 0
        for text in have[base if after is None else after :][:limit]:
            if size >= self.bytes_per_answer:
                break
            found.append({"seq": json.loads(text)["seq"], "text": text})
            size += len(text)
        return {"acknowledged": base, "last": len(have), "messages": found}

    def acknowledgeInbox(self, user_id, seq):
        last = len(self.messages.get(user_id, []))
        self.acknowledged[user_id] = max(self.acknowledged.get(user_id, 0), min(seq, last))
        return {"acknowledged": self.acknowledged[user_id]}

    def readPlaces(self, event_id):
        version, taken = self.places.get(event_id, (0, 0))
        return {"version": version, "text": json.dumps({"event_id": event_id, "current_participants": taken})}

    def say(self, count=1, user=USER, size=0, publish=True):
        with self.lock:
            have = self.messages.setdefault(user, [])
            for seq in range(len(have) + 1, len(have) + count + 1):
                data = {"booking_id": seq, "padding": "x" * size}
                have.append(json.dumps({"seq": seq, "type": "booking.created", "data": data, "time": "2030-01-01T10:00:00Z"}))
        if publish:
            self.world.publish(f"tithi:inbox:{user}", len(have))

    def change(self, event=1, publish=True):
        with self.lock:
            version, taken = self.places[event]
            self.places[event] = (version + 1, taken + 1)
        if publish:
            self.world.publish(f"tithi:places:{event}", version + 1)

    def count(self, operation):
        return sum(name == operation for name, _ in self.calls)


class PushWorld(World):
    def __init__(self, folder):
        super().__init__(folder)
        self.inboxes = Inboxes(self)
        self.crm = self.worker("crm", self.inboxes.answer)

    def ask_redis(self, *command):
        """One command on a connection of its own; None: Redis is away."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(5)
            try:
                link.connect(str(self.folder / "redis.sock"))
            except OSError:
                return None
            parts = [str(part).encode() for part in command]
            link.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
            return link.recv(65536)

    def publish(self, channel, number):
        self.ask_redis("PUBLISH", channel, number)

    def push_gateway(self, **environment):
        """One that has found its broker and its Redis."""
        gateway = self.gateway(CORS_ORIGINS=ORIGIN, **environment)
        until(lambda: "is there" in gateway.log, "the broker")
        return gateway


def ticket_of(gateway, user=USER, session=None, **claims):
    answer = gateway.request("POST", "/ws/ticket", Authorization=f"Bearer {token(session, sub=str(user), **claims)}")
    assert answer.status == 201, answer.text
    return json.loads(answer.text)["ticket"]


def connect(gateway, user=USER, session=None, query="", claims=None, **arguments):
    found = Socket(gateway.port, f"/ws?ticket={ticket_of(gateway, user, session, **(claims or {}))}{query}", **arguments)
    assert found.status == 101, found.refusal()
    return found


def stream(gateway, user=USER, session=None, query="", **headers):
    found = Stream(f"http://127.0.0.1:{gateway.port}/sse?ticket={ticket_of(gateway, user, session)}{query}", **headers)
    assert found.status == 200
    return found


def status(gateway, user=USER):
    answer = gateway.get("/inbox/status", Authorization=f"Bearer {token(sub=str(user))}")
    assert answer.status == 200
    return json.loads(answer.text)


def refused(gateway, path, **headers):
    with Socket(gateway.port, path, headers=handshake(**headers)) as found:
        return found.refusal()


def pushed(gateway, name):
    return gateway.metric(f"tithi_push_{name}")


def seqs(messages):
    return [message["seq"] for message in messages]


@pytest.fixture
def world():
    with tempfile.TemporaryDirectory(prefix="tithi-") as folder:
        world = PushWorld(Path(folder))
        yield world
        world.close()


@pytest.fixture(scope="module")
def shared():
    """A world that tests leave as it was, with one gateway; people are taken once."""
    with tempfile.TemporaryDirectory(prefix="tithi-") as folder:
        world = PushWorld(Path(folder))
        world.first = world.push_gateway()
        yield world
        world.close()


people = iter(range(1000, 100000))


@pytest.fixture
def user():
    return next(people)


class TestDelivery:
    def test_in_order_and_once_at_several_gateways(self, world):
        gateways = [world.push_gateway(), world.push_gateway()]
        sockets = [connect(gateways[0]), connect(gateways[0]), connect(gateways[1])]
        events = stream(gateways[1])
        for burst in (1, 1, 250, 1, 7, 40):
            world.inboxes.say(burst)
        for each in sockets:
            assert seqs(each.messages(300)) == list(range(1, 301))
        assert [events.message()["seq"] for _ in range(300)] == list(range(1, 301))
        assert sockets[0].nothing_comes() and sockets[2].nothing_comes(0.01)
        assert status(gateways[0])["connections"] == 4

    def test_what_was_missed_comes_on_return_until_it_is_acknowledged(self, shared, user):
        inboxes, gateway = shared.inboxes, shared.first
        inboxes.say(3, user)
        with connect(gateway, user) as first:
            assert seqs(first.messages(3)) == [1, 2, 3]
            first.acknowledge(2)
            until(lambda: inboxes.acknowledged.get(user) == 2, "the acknowledgement")
        inboxes.say(2, user)
        with connect(gateway, user) as second:
            assert seqs(second.messages(3)) == [3, 4, 5]
            second.acknowledge(5)  # and leaves at once
        until(lambda: inboxes.acknowledged[user] == 5, "what was told by one who has gone")
        with connect(gateway, user) as third:
            assert third.nothing_comes()

    def test_begins_where_the_client_says(self, shared, user):
        shared.inboxes.say(5, user)
        with connect(shared.first, user, query="&after=3") as found:
            assert seqs(found.messages(2)) == [4, 5]
        with connect(shared.first, user, query="&after=0") as found:
            assert seqs(found.messages(5)) == [1, 2, 3, 4, 5]
        with connect(shared.first, user, query="&after=99") as found:  # of another life
            assert found.nothing_comes()
            shared.inboxes.say(1, user)
            assert found.message()["seq"] == 6
        assert shared.inboxes.acknowledged.get(user) is None

    def test_an_acknowledgement_is_never_more_than_was_sent_nor_less_than_before(self, shared, user):
        shared.inboxes.say(3, user)
        with connect(shared.first, user) as found:
            found.messages(3)
            for seq in (10**18, 1, 0):
                found.acknowledge(seq)
            until(lambda: shared.inboxes.acknowledged.get(user) == 3, "the acknowledgement")
            shared.inboxes.say(1, user)
            assert found.message()["seq"] == 4
        with connect(shared.first, user) as found:
            assert found.message()["seq"] == 4

    def test_acknowledgements_are_told_together(self, shared, user):
        shared.inboxes.say(60, user)
        before = shared.inboxes.count("acknowledgeInbox")
        with connect(shared.first, user) as found:
            found.messages(60)
            found.send(*(frame(TEXT, json.dumps({"ack": seq}).encode()) for seq in range(1, 61)))
            until(lambda: shared.inboxes.acknowledged.get(user) == 60, "the last")
        assert shared.inboxes.count("acknowledgeInbox") - before <= 3

    def test_answers_that_are_cut_for_their_size_are_read_on(self, shared, user):
        shared.inboxes.say(40, user, size=2000)
        shared.inboxes.bytes_per_answer = 10_000
        try:
            with connect(shared.first, user) as found:
                assert seqs(found.messages(40)) == list(range(1, 41))
        finally:
            shared.inboxes.bytes_per_answer = 10**9

    def test_event_streams_resume(self, shared, user):
        shared.inboxes.say(4, user)
        with stream(shared.first, user) as events:
            assert events.message()["seq"] == 1 and events.retry_ms
            assert events.answer.headers["Content-Type"] == "text/event-stream"
            assert events.answer.headers["Cache-Control"] == "no-store" and "Content-Encoding" not in events.answer.headers
        assert shared.inboxes.acknowledged.get(user) is None
        with stream(shared.first, user, Last_Event_ID="2") as events:
            assert [events.message()["seq"] for _ in range(2)] == [3, 4]
        until(lambda: shared.inboxes.acknowledged.get(user) == 2, "what a browser's return acknowledges")
        with stream(shared.first, user, query="&after=3") as events:
            assert events.message()["seq"] == 4
        assert shared.inboxes.acknowledged[user] == 2

    def test_what_comes_together_with_the_handshake(self, shared, user):
        together = frame(PING, b"early") + frame(TEXT, b'{"ack": 1}')
        shared.inboxes.say(2, user)
        with connect(shared.first, user, together=together) as found:
            frames = [found.frame() for _ in range(2)]
            assert (PONG, b"early") in frames
        until(lambda: shared.inboxes.acknowledged.get(user) == 1, "the early acknowledgement")

    def test_other_messages_are_told_what_there_is(self, shared, user):
        with connect(shared.first, user) as found:
            for text in (b"", b"hello", b"[]", b"{}", b'{"ack": "1"}', b'{"ack": -1}', b'{"ack": 1.5}', b'{"ack": 1, "ack": 2}', b"[" * 4000):
                found.send(frame(TEXT, text))
                assert found.message()["code"] == "validation_error", text
            found.send(frame(TEXT, b'{"ack": 0, "later": "versions"}'), frame(PING, b"still here"))
            assert found.frame() == (PONG, b"still here")


class TestPartsThatGo:
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
    def test_redis(self, world, how):
        gateway = world.push_gateway()
        found = connect(gateway)
        world.inboxes.say()
        assert found.message()["seq"] == 1 and found.nothing_comes(0.1)
        world.redis.signal(how)
        world.inboxes.say(publish=False)
        assert found.message()["seq"] == 2  # asked for by the clock
        with connect(gateway, query="&after=1") as other:
            assert other.message()["seq"] == 2
        if how == signal.SIGKILL:
            (world.folder / "redis.sock").unlink(missing_ok=True)
            world.start_redis()
        else:
            world.redis.signal(signal.SIGCONT)
        until(lambda: b":1" in (world.ask_redis("PUBSUB", "NUMSUB", f"tithi:inbox:{USER}") or b""), "the subscription's return")
        begun = time.monotonic()
        world.inboxes.say()
        assert found.message()["seq"] == 3 and time.monotonic() - begun < 1

    def test_nobody_can_say_who_is_there_without_redis(self, world):
        gateway = world.push_gateway()
        world.redis.kill()
        until(lambda: status(gateway)["online"] is None, "uncertainty")

    def test_the_crm_worker(self, world):
        gateway = world.push_gateway()
        found = connect(gateway)
        world.inboxes.say()
        assert found.message()["seq"] == 1
        world.crm.stop()
        world.inboxes.say(2)
        found.acknowledge(1)
        assert found.nothing_comes()
        world.crm = world.worker("crm", world.inboxes.answer)
        assert seqs(found.messages(2)) == [2, 3]
        until(lambda: world.inboxes.acknowledged.get(USER) == 1, "the acknowledgement")

    def test_one_that_hangs(self, world):
        gateway = world.push_gateway()
        found = connect(gateway)
        until(lambda: world.inboxes.calls, "the first read")
        world.inboxes.answers = False
        world.inboxes.say()
        until(lambda: world.inboxes.count("readInbox") >= 2, "the read that hangs")
        world.inboxes.answers = True
        assert found.message()["seq"] == 1
        assert gateway.metric("tithi_gateway_waiting_calls") == 0

    def test_the_broker(self, world):
        gateway = world.push_gateway()
        found = connect(gateway)
        world.inboxes.say()
        assert found.message()["seq"] == 1
        world.brokers[0].kill()
        world.inboxes.say()
        assert found.nothing_comes()
        world.start_broker(0)
        assert found.message()["seq"] == 2

    def test_the_gateway_says_goodbye(self, world):
        gateway = world.push_gateway()
        found, events = connect(gateway), stream(gateway)
        places = Stream(f"http://127.0.0.1:{gateway.port}/events/1/places")
        assert places.event()["event"] == "places"
        other = connect(gateway, user=8)
        gateway.signal(signal.SIGTERM)
        assert found.closing() == other.closing() == (1001, "going away")
        for each in (events, places):
            assert json.loads(each.event()["data"])["code"] == 1001 and each.event() is None
            each.close()
        found.close(), other.close()
        assert gateway.ended() == 0
        assert world.ask_redis("HGETALL", f"tithi:present:{USER}") == b"*0\r\n"


class TestEnds:
    def test_with_the_token(self, shared, user):
        with connect(shared.first, user, claims={"exp": int(time.time()) + 2}) as found:
            assert found.closing() == (1008, "session ended")

    def test_with_the_session(self, shared, user):
        session, gateway = str(uuid.uuid4()), shared.first
        late = ticket_of(gateway, user, session)
        ours = [connect(gateway, user, session) for _ in range(2)]
        events, other = stream(gateway, user, session), connect(gateway, user)
        begun = time.monotonic()
        shared.ask_redis("SET", f"tithi:revoked:{session}", 1)
        assert [found.closing() for found in ours] == [(1008, "session ended")] * 2
        assert json.loads(events.event()["data"])["code"] == 1008 and events.event() is None
        assert time.monotonic() - begun < 1
        assert refused(gateway, f"/ws?ticket={late}") == (401, "ticket_invalid")
        shared.inboxes.say(1, user)
        assert other.message()["seq"] == 1
        for each in (*ours, events, other):
            each.close()

    def test_many_sessions_are_looked_at(self, shared):
        """More than Redis is asked about at once."""
        session, mine = str(uuid.uuid4()), next(people)
        crowd = [connect(shared.first, next(people)) for _ in range(510)]
        with connect(shared.first, mine, session) as found:
            shared.ask_redis("SET", f"tithi:revoked:{session}", 1)
            assert found.closing(2) == (1008, "session ended")
        for each in crowd:
            each.close()
        until(lambda: pushed(shared.first, 'connections{kind="websocket"}') == 0, "their end")

    def test_the_client_may_close(self, shared, user):
        for sent, answered in ((close(1000, b"bye"), (1000, "")), (close(4711), (4711, "")), (close(), None)):
            with connect(shared.first, user) as found:
                found.send(sent)
                assert found.closing() == answered

    def test_the_client_may_vanish(self, shared, user):
        before = pushed(shared.first, 'closed_total{code="1006"}')
        found, events = connect(shared.first, user), stream(shared.first, user)
        assert status(shared.first, user)["connections"] == 2
        found.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        found.close(), events.close()
        until(lambda: status(shared.first, user)["online"] is False, "their end")
        assert pushed(shared.first, 'closed_total{code="1006"}') == before + 2


EDGES = {
    "not masked": (frame(TEXT, b'{"ack":1}', masked=False), 1002),
    "a reserved bit": (frame(TEXT, b'{"ack":1}', reserved=4), 1002),
    "a reserved bit of a ping": (frame(PING, b"", reserved=1), 1002),
    "a reserved opcode": (frame(3, b"x"), 1002),
    "a reserved control opcode": (frame(11, b"x"), 1002),
    "a ping in fragments": (frame(PING, b"x", final=False), 1002),
    "a ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "a continuation of nothing": (frame(0, b"x"), 1002),
    "a text inside a text": (frame(TEXT, b"{", final=False) + frame(TEXT, b"}"), 1002),
    "a length without end": (b"\x81\xff" + b"\xff" * 8 + b"\0\0\0\0x", 1002),
    "half a code": (frame(CLOSE, b"\3"), 1002),
    "a code that is none": (close(999), 1002),
    "a code that is never sent": (close(1006), 1002),
    "a binary message": (frame(BINARY, b"x"), 1003),
    "no UTF-8": (frame(TEXT, b"\xc0\xaf"), 1007),
    "no UTF-8 over fragments": (frame(TEXT, b"\xe2\x82", final=False) + frame(PING, b"") + frame(0, b"\xff"), 1007),
    "UTF-8 that is cut short": (frame(TEXT, b"\xe2\x82", final=False) + frame(0, b""), 1007),
    "a reason that is no UTF-8": (close(1000, b"\xff"), 1007),
    "too long": (frame(TEXT, b" " * 4097), 1009),
    "too long over fragments": (frame(TEXT, b" " * 4000, final=False) + frame(0, b" " * 97), 1009),
    "too many fragments": (frame(TEXT, b"a", final=False) + frame(0, b"", final=False) * 64, 1009),
    "megabytes, said": (frame(TEXT, b"x", length=1 << 30), 1009),
    "megabytes, sent": (frame(TEXT, b" " * (1 << 21)), 1009),
    "too many pings": (frame(PING, b"") * 250, 1008),
}


class TestEdges:
    @pytest.mark.parametrize("name", EDGES)
    def test_close_codes(self, shared, user, name):
        sent, code = EDGES[name]
        with connect(shared.first, user) as found:
            found.send(sent)
            assert found.closing()[0] == code

    @pytest.mark.parametrize("name", [name for name, (sent, _) in EDGES.items() if len(sent) < 5000])
    def test_close_codes_byte_by_byte(self, shared, user, name):
        sent, code = EDGES[name]
        with connect(shared.first, user) as found:
            found.dribble(sent)
            assert found.closing()[0] == code

    def test_fragments_with_control_frames_in_between(self, shared, user):
        shared.inboxes.say(2, user)
        with connect(shared.first, user) as found:
            found.messages(2)
            text = [frame(TEXT, b'{"a', final=False), frame(0, b"", final=False), frame(0, b'ck": ', final=False), frame(0, b"2}")]
            for cut in (found.send, found.dribble):
                cut(*(part for piece in text for part in (frame(PING, b"?"), piece, frame(PONG, b"!"))))
                assert [found.frame() for _ in range(4)] == [(PONG, b"?")] * 4
        until(lambda: shared.inboxes.acknowledged.get(user) == 2, "the acknowledgement")

    def test_nothing_is_heard_after_the_end(self, shared, user):
        shared.inboxes.say(3, user)
        with connect(shared.first, user) as found:
            found.messages(3)
            found.send(frame(BINARY, b"x"), frame(TEXT, b'{"ack": 3}'), frame(PING, b"x" * 100) * 50)
            assert found.closing() == (1003, "")
        assert shared.inboxes.acknowledged.get(user) is None

    def test_wss(self, world):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=a", "-keyout", world.folder / "key.pem",
             "-out", world.folder / "cert.pem"], check=True, capture_output=True)  # fmt: skip
        gateway = world.gateway(TLS_CERT_FILE=str(world.folder / "cert.pem"), TLS_KEY_FILE=str(world.folder / "key.pem"))
        until(lambda: "is there" in gateway.log, "the broker")
        context = ssl._create_unverified_context()

        def secured(text):
            secure = context.wrap_socket(socket.create_connection(("127.0.0.1", gateway.port)))
            secure.sendall(text.encode())
            return secure

        bearer = f"Authorization: Bearer {token()}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        with secured(f"POST /ws/ticket HTTP/1.1\r\nHost: a\r\n{bearer}") as secure:
            ticket = json.loads(b"".join(iter(lambda: secure.recv(65536), b"")).split(b"\r\n\r\n")[1])["ticket"]
        lines = "".join(f"{name}: {value}\r\n" for name, value in handshake(Host="a", Origin="https://a").items())
        with secured(f"GET /ws?ticket={ticket} HTTP/1.1\r\n{lines}\r\n") as secure:
            found = Socket.__new__(Socket)
            found.socket, found.buffered = secure, b""
            while not found.buffered.endswith(b"\r\n\r\n"):
                found.buffered += secure.recv(1)
            assert found.buffered.startswith(b"HTTP/1.1 101")
            found.buffered = b""
            world.inboxes.say(3, size=20000)
            assert seqs(found.messages(3)) == [1, 2, 3]
            found.send(close(1000))
            assert found.closing() == (1000, "")


class TestBounds:
    def test_who_reads_too_slowly_is_cut_off(self, world):
        """The others hear all meanwhile, and what it did not take it finds on return."""
        gateway = world.push_gateway()
        slow = connect(gateway, receive_buffer=4096)
        slow_events = socket.socket()
        slow_events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow_events.connect(("127.0.0.1", gateway.port))
        slow_events.sendall(f"GET /sse?ticket={ticket_of(gateway)} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        until(lambda: status(gateway)["connections"] == 2, "both of them")
        quick = connect(gateway)
        world.inboxes.say(800, size=4000)
        assert seqs(quick.messages(800)) == list(range(1, 801))
        resident = gateway.metric("process_resident_memory_bytes")
        assert resident < 64e6
        until(lambda: status(gateway)["connections"] == 1, "the end of those that take nothing")
        assert pushed(gateway, 'closed_total{code="1013"}') == 2
        taken = []
        with pytest.raises((EOFError, ConnectionError)):
            while True:
                opcode, payload = slow.frame(2)
                if opcode == TEXT:
                    taken.append(json.loads(payload)["seq"])
        assert taken == list(range(1, len(taken) + 1)) and len(taken) < 800
        with connect(gateway, query=f"&after={taken[-1] if taken else 0}") as again:
            assert again.message()["seq"] == len(taken) + 1
        slow_events.close()

    def test_who_reads_slowly_but_steadily_gets_all(self, shared, user):
        shared.inboxes.say(300, user, size=3000)
        pongs = 0
        with connect(shared.first, user, receive_buffer=4096) as found:
            for seq in range(1, 301):
                if seq % 100 == 0:
                    time.sleep(0.3)
                if seq % 10 == 0:
                    found.send(frame(PING, b"?"))
                while (got := found.frame())[0] == PONG:
                    pongs += 1
                assert json.loads(got[1])["seq"] == seq
            while pongs < 30:
                assert found.frame() == (PONG, b"?")
                pongs += 1

    @pytest.mark.parametrize("said", [frame(PING, b"?" * 125), frame(TEXT, b"what?")], ids=["pings", "messages"])
    def test_who_asks_more_than_it_reads_is_cut_off(self, shared, user, said):
        """Answers are bounded as well, and long before nothing has moved for ten seconds."""
        before = pushed(shared.first, 'closed_total{code="1013"}')
        shared.inboxes.say(200, user, size=4000)
        with connect(shared.first, user, receive_buffer=4096) as found:
            assert found.message()["seq"] == 1
            begun = time.monotonic()
            for _ in range(3):
                found.send(said * 90)
                time.sleep(0.6)
            until(lambda: pushed(shared.first, 'closed_total{code="1013"}') == before + 1, "its end")
            assert time.monotonic() - begun < 8

    def test_connections_of_one_person(self, shared, user):
        found = [connect(shared.first, user) for _ in range(20)]
        spare = ticket_of(shared.first, user)
        assert refused(shared.first, f"/ws?ticket={spare}") == (429, "too_many_connections")
        found.pop().close()
        until(lambda: status(shared.first, user)["connections"] == 19, "its end")
        with Socket(shared.first.port, f"/ws?ticket={spare}") as last:
            assert last.status == 101
        for each in found:
            each.close()

    def test_connections_are_counted_once(self, shared, user):
        until(lambda: shared.first.metric("tithi_gateway_connections") == 1, "the end of the others")
        found, events = connect(shared.first, user), stream(shared.first, user)
        assert shared.first.metric("tithi_gateway_connections") == 3
        assert [pushed(shared.first, f'connections{{kind="{kind}"}}') for kind in ("websocket", "sse", "places")] == [1, 1, 0]
        found.close(), events.close()
        until(lambda: shared.first.metric("tithi_gateway_connections") == 1, "their end")

    @pytest.mark.slow
    def test_pings(self, shared, user):
        begun = time.monotonic()
        with connect(shared.first, user) as dead, stream(shared.first, user) as events, connect(shared.first, user) as living:
            assert living.frame(30) == (PING, b"") and 24 < time.monotonic() - begun < 27
            assert dead.frame(30) == (PING, b"")
            assert next(line for line in events.lines if line.startswith(b":")) == b": ping"
            for _ in range(3):
                living.send(frame(PONG))
                assert living.frame(30) == (PING, b"")
            assert dead.frame(1) == (PING, b"")
            with pytest.raises((EOFError, ConnectionError)):
                dead.frame(1)


class TestHandshake:
    def test_origins(self, world):
        gateway = world.gateway(CORS_ORIGINS=ORIGIN, PUBLIC_URL="https://tithi.example")
        until(lambda: "is there" in gateway.log, "the broker")
        for origin in ("https://evil.example", "null", "https://tithi.example.evil", "http://tithi.example", "http://localhost:1"):
            ticket = ticket_of(gateway)
            assert refused(gateway, f"/ws?ticket={ticket}", Origin=origin) == (403, "origin_refused"), origin
            assert refused(gateway, f"/sse?ticket={ticket}", Origin=origin) == (403, "origin_refused"), origin
        for first in (ORIGIN, "https://evil.example"):
            several = f"{first}\r\nOrigin: {ORIGIN}"
            assert refused(gateway, f"/ws?ticket={ticket_of(gateway)}", Origin=several) == (403, "origin_refused")
            assert refused(gateway, f"/sse?ticket={ticket_of(gateway)}", Origin=several) == (403, "origin_refused")
        for origin in (None, ORIGIN, "https://tithi.example", "http://localhost"):
            with Socket(gateway.port, f"/ws?ticket={ticket_of(gateway)}", headers=handshake(Origin=origin)) as found:
                assert found.status == 101, origin

    @pytest.mark.parametrize(
        "changed",
        [{"Sec_WebSocket_Version": "8"}, {"Sec_WebSocket_Version": None}, {"Sec_WebSocket_Version": "13, 8"}, {"Upgrade": None},
         {"Upgrade": "h2c"}, {"Connection": "keep-alive"}],
        ids=str,
    )  # fmt: skip
    def test_versions(self, shared, user, changed):
        ticket = ticket_of(shared.first, user)
        with Socket(shared.first.port, f"/ws?ticket={ticket}", headers=handshake(**changed)) as found:
            assert found.refusal() == (426, "upgrade_required")
            assert (found.headers["sec-websocket-version"], found.headers["upgrade"]) == ("13", "websocket")
        with Socket(shared.first.port, f"/ws?ticket={ticket}") as found:
            assert found.status == 101  # it was not used

    @pytest.mark.parametrize("key", [None, "", "c2hvcnQ=", "x" * 24, "x" * 64])
    def test_keys(self, shared, user, key):
        assert refused(shared.first, f"/ws?ticket={ticket_of(shared.first, user)}", Sec_WebSocket_Key=key) == (400, "bad_request")

    def test_names_in_any_case(self, shared, user):
        headers = handshake(Upgrade="WebSocket", Connection="keep-alive, UPGRADE")
        with Socket(shared.first.port, f"/ws/?ticket={ticket_of(shared.first, user)}", headers=headers) as found:
            assert found.status == 101

    def test_extensions_and_protocols_are_not_taken_up(self, shared, user):
        headers = handshake(Sec_WebSocket_Extensions="permessage-deflate", Sec_WebSocket_Protocol="chat")
        with Socket(shared.first.port, f"/ws?ticket={ticket_of(shared.first, user)}", headers=headers) as found:
            assert not {"sec-websocket-extensions", "sec-websocket-protocol"} & set(found.headers)

    def test_at_the_crm_port(self, shared, user):
        shared.inboxes.say(1, user)
        for port, other in ((shared.first.port, shared.first.crm_port), (shared.first.crm_port, shared.first.port)):
            shared.first.port = port
            ticket = ticket_of(shared.first, user)
            shared.first.port = other
            with Socket(other, f"/ws?ticket={ticket}") as found:
                assert found.message()["seq"] == 1
        with Socket(shared.first.crm_port, f"/sse?ticket={ticket_of(shared.first, user)}", headers={"Host": "a"}) as found:
            assert found.status == 200


def forged(user=USER, key=KEY, expires_ms=None, session_expires_s=None, purpose=b"tithi ticket\0", **changed):
    """A ticket as gateways make it (gateway/tickets.c)."""
    now = time.time()
    content = uuid.uuid4().bytes + uuid.uuid4().bytes
    content += struct.pack(">QQQ", user, session_expires_s or int(now) + 600, expires_ms or int(now * 1000) + 30000)
    signature = hmac.new(key.encode(), purpose + content, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(content + signature).rstrip(b"=").decode()


class TestTickets:
    def test_as_we_make_them(self, shared, user):
        """The others would prove nothing if this one were refused."""
        with Socket(shared.first.port, f"/ws?ticket={forged(user)}") as found:
            assert found.status == 101

    @pytest.mark.parametrize(
        "ticket",
        [forged(expires_ms=int(time.time() * 1000) - 1), forged(session_expires_s=int(time.time()) - 1), forged(key=KEY[:-1] + "x"),
         forged(purpose=b""), forged()[:-1], forged() + "A", "A" * 119, "A" * 2048, "%00", "a.b.c", "é", token()],
        ids=["expired", "of an expired token", "of another key", "for another purpose", "cut short", "too long", "of zeroes", "the longest",
             "NUL", "dots", "not ASCII", "a token"],
    )  # fmt: skip
    def test_bad_ones(self, shared, ticket):
        for path in ("/ws", "/sse"):
            code = refused(shared.first, f"{path}?ticket={ticket}")
            assert code == (401, "ticket_invalid") or (ticket in ("%00", "é") and code[0] == 400)

    def test_none(self, shared):
        for path in ("/ws", "/sse"):
            assert refused(shared.first, path) == (401, "ticket_invalid")
        assert refused(shared.first, "/ws?ticket=")[0] in (400, 401)

    def test_one_changed_character(self, shared, user):
        ticket = forged(user)
        for at in range(0, len(ticket), 7):
            changed = ticket[:at] + ("A" if ticket[at] != "A" else "B") + ticket[at + 1 :]
            assert refused(shared.first, f"/ws?ticket={changed}") == (401, "ticket_invalid")

    def test_once_at_all_gateways(self, world):
        gateways = [world.push_gateway(), world.push_gateway()]
        for used, other in (gateways, gateways[::-1]):
            ticket = ticket_of(used)
            with Socket(other.port, f"/ws?ticket={ticket}") as found:
                assert found.status == 101
                for gateway in gateways:
                    assert refused(gateway, f"/ws?ticket={ticket}") == (401, "ticket_invalid")
                    assert refused(gateway, f"/sse?ticket={ticket}") == (401, "ticket_invalid")

    def test_many_at_once_with_one(self, shared, user):
        ticket = ticket_of(shared.first, user)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: Socket(shared.first.port, f"/ws?ticket={ticket}"), range(8)))
        assert sorted(each.status for each in found) == [101] + [401] * 7
        for each in found:
            each.close()

    def test_once_without_redis(self, world):
        gateway = world.push_gateway()
        world.redis.kill()
        ticket = ticket_of(gateway)
        with Socket(gateway.port, f"/ws?ticket={ticket}") as found:
            assert found.status == 101
        assert refused(gateway, f"/ws?ticket={ticket}") == (401, "ticket_invalid")
        (world.folder / "redis.sock").unlink(missing_ok=True)
        world.start_redis()
        until(lambda: gateway.ready() != "degraded", "the return of Redis")
        assert refused(gateway, f"/ws?ticket={ticket}") == (401, "ticket_invalid")

    def test_while_keys_are_rotated(self, world):
        other = "another-key-for-tests-0123456789abcdef"
        before, after = world.push_gateway(), world.push_gateway(JWT_SECRET_KEY=other, JWT_PREVIOUS_SECRET_KEY=KEY)
        with Socket(after.port, f"/ws?ticket={ticket_of(before)}") as found:
            assert found.status == 101
        assert refused(before, f"/ws?ticket={forged(key=other)}") == (401, "ticket_invalid")

    def test_a_look_at_the_head_uses_none(self, shared, user):
        ticket = ticket_of(shared.first, user)
        answer = shared.first.request("HEAD", f"/sse?ticket={ticket}")
        assert (answer.status, answer.headers["Content-Type"], answer.text) == (200, "text/event-stream", b"")
        assert shared.first.request("HEAD", f"/ws?ticket={ticket}").status == 426
        with Stream(f"http://127.0.0.1:{shared.first.port}/sse?ticket={ticket}") as found:
            assert found.status == 200


class TestPresence:
    def test_over_several_gateways(self, world):
        gateways = [world.push_gateway(), world.push_gateway()]
        assert status(gateways[0]) == {"online": False, "connections": 0, "since": None}
        first = connect(gateways[0])
        since = status(gateways[1])["since"]
        second, third = connect(gateways[1]), stream(gateways[1])
        for gateway in gateways:
            assert status(gateway) == {"online": True, "connections": 3, "since": since}
        assert status(gateways[0], user=8)["online"] is False
        first.close()
        until(lambda: status(gateways[1])["connections"] == 2, "the end of the first")
        assert status(gateways[1])["since"] > since
        second.close(), third.close()
        until(lambda: status(gateways[0])["online"] is False, "the end of all")
        assert world.ask_redis("EXISTS", f"tithi:present:{USER}") == b":0\r\n"

    def test_what_a_killed_gateway_has_said_expires(self, shared, user):
        now = int(time.time() * 1000)
        shared.ask_redis("HSET", f"tithi:present:{user}", "gone", f"3 {now - 60000} {now - 1}")
        shared.ask_redis("HSET", f"tithi:present:{user}", "odd", "nonsense")
        assert status(shared.first, user)["connections"] == 0
        with connect(shared.first, user):
            assert status(shared.first, user)["connections"] == 1
            left_ms = int(shared.ask_redis("PTTL", f"tithi:present:{user}")[1:])
            assert 20000 < left_ms <= 30000

    def test_is_told_again_to_a_new_redis(self, world):
        gateway = world.push_gateway()
        with connect(gateway):
            world.redis.kill()
            (world.folder / "redis.sock").unlink(missing_ok=True)
            world.start_redis()
            until(lambda: status(gateway)["online"], "the repetition")


def watch(gateway, event=1, **headers):
    return Stream(f"http://127.0.0.1:{gateway.port}/events/{event}/places", **headers)


def taken_of(shown):
    return json.loads(shown["data"])["current_participants"]


@pytest.fixture
def event(shared):
    number = next(people)
    shared.inboxes.places[number] = (10, 0)
    return number


class TestPlaces:
    def test_what_is_so_and_what_changes(self, shared, event):
        with watch(shared.first, event) as first, watch(shared.first, event) as second:
            assert first.answer.headers["Content-Type"] == "text/event-stream" and first.answer.headers["Cache-Control"] == "no-store"
            for each in (first, second):
                shown = each.event()
                assert shown["event"] == "places"
                assert json.loads(shown["data"]) == {"event_id": event, "current_participants": 0}
            shared.inboxes.change(event)
            for each in (first, second):
                assert json.loads(each.event()["data"])["current_participants"] == 1

    def test_what_else_happens_to_the_event_is_not_told(self, shared, event):
        with watch(shared.first, event) as found:
            found.event()
            shared.inboxes.places[event] = (11, 0)
            shared.publish(f"tithi:places:{event}", 11)
            shared.inboxes.change(event)
            assert taken_of(found.event()) == 1

    def test_what_was_committed_is_shown_before_the_log_tells_of_it(self, shared, event):
        with watch(shared.first, event) as found:
            found.event()
            shared.inboxes.places[event] = (10, 1)
            with watch(shared.first, event) as second:
                for each in (found, second):
                    assert taken_of(each.event()) == 1
            shared.publish(f"tithi:places:{event}", 11)
            shared.inboxes.change(event)
            assert taken_of(found.event()) == 2

    def test_resumes(self, shared, event):
        with watch(shared.first, event, Last_Event_ID="9") as found:
            known = found.event()
            assert taken_of(known) == 0
        with watch(shared.first, event, Last_Event_ID=known["id"]) as found:
            shared.inboxes.change(event)
            assert taken_of(found.event()) == 1
        assert shared.first.get(f"/events/{event}/places", Last_Event_ID="no number").status == 400

    def test_rushes_are_told_at_a_bounded_rate(self, shared, event):
        with watch(shared.first, event) as found:
            found.event()
            before, begun = shared.inboxes.count("readPlaces"), time.monotonic()
            while time.monotonic() - begun < 1:
                shared.inboxes.change(event)
                time.sleep(0.002)
            last, shown = shared.inboxes.places[event][1], [taken_of(found.event())]
            while shown[-1] != last:
                shown.append(taken_of(found.event()))
            assert 3 <= len(shown) <= 12 and shared.inboxes.count("readPlaces") - before <= 12
            assert shown == sorted(shown)

    def test_a_crowd_shares_reads(self, shared, event):
        before = shared.inboxes.count("readPlaces")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            crowd = list(pool.map(lambda _: watch(shared.first, event), range(60)))
        assert {taken_of(each.event()) for each in crowd} == {0}
        assert shared.inboxes.count("readPlaces") - before < 20
        shared.inboxes.change(event)
        assert {taken_of(each.event()) for each in crowd} == {1}
        for each in crowd:
            each.close()

    def test_unknown_events(self, shared):
        answer = shared.first.get("/events/999999/places")
        assert (answer.status, json.loads(answer.text)["code"]) == (404, "event_not_found")
        assert shared.first.request("HEAD", "/events/999999/places").status == 404

    def test_events_that_vanish(self, shared, event):
        with watch(shared.first, event) as found:
            found.event()
            del shared.inboxes.places[event]
            shared.publish(f"tithi:places:{event}", 11)
            end = found.event()
            assert (end["event"], json.loads(end["data"])["code"]) == ("end", 1000) and found.event() is None

    def test_the_head(self, shared, event):
        answer = shared.first.request("HEAD", f"/events/{event}/places")
        assert (answer.status, answer.headers["Content-Type"], answer.text) == (200, "text/event-stream", b"")

    def test_other_origins(self, shared, event):
        for origin, allowed in ((ORIGIN, ORIGIN), ("https://evil.example", None)):
            with watch(shared.first, event, Origin=origin) as found:
                assert found.status == 200 and found.answer.headers.get("Access-Control-Allow-Origin") == allowed
        preflight = shared.first.request("OPTIONS", f"/events/{event}/places", Origin=ORIGIN)
        assert "Last-Event-ID" in preflight.headers["Access-Control-Allow-Headers"]

    def test_parts_that_go(self, world):
        gateway = world.push_gateway()
        with watch(gateway) as found:
            assert taken_of(found.event()) == 0
            world.redis.kill()
            world.inboxes.change(publish=False)
            assert taken_of(found.event()) == 1
            world.crm.stop()
            answer = gateway.get("/events/1/places")
            assert (answer.status, json.loads(answer.text)["code"]) == (503, "unavailable") and answer.headers["Retry-After"]
            world.inboxes.change(publish=False)
            world.crm = world.worker("crm", world.inboxes.answer)
            assert taken_of(found.event()) == 2

    def test_clients_that_left(self, shared, event):
        for each in [watch(shared.first, event) for _ in range(5)]:
            each.close()
        until(lambda: pushed(shared.first, 'connections{kind="places"}') == 0, "their end")
        assert shared.ask_redis("PUBSUB", "NUMSUB", f"tithi:places:{event}").endswith(b":0\r\n")


class Listener(threading.Thread):
    """A client as it should be: acknowledges what it has, and connects again behind it, since others of the person acknowledge too."""

    def __init__(self, stack, person):
        super().__init__(daemon=True)
        self.stack, self.person = stack, person
        self.messages, self.connections = [], 0
        self.stopping = False
        self.start()

    def run(self):
        while not self.stopping:
            with contextlib.suppress(OSError, EOFError, AssertionError):
                ticket = self.person.post("/ws/ticket").json()["ticket"]
                after = self.messages[-1]["seq"] if self.messages else 0
                with Socket(int(self.stack.base_url.rpartition(":")[2]), f"/ws?ticket={ticket}&after={after}") as found:
                    self.connections += found.status == 101
                    while not self.stopping:
                        self.take(found)

    def take(self, found):
        with contextlib.suppress(TimeoutError):
            self.messages.append(found.message(0.5))
            found.acknowledge(self.messages[-1]["seq"])


def test_bookings_arrive_in_order_and_once_whatever_dies():
    """Two gateways and two crm workers; while places are booked one of these is killed, and then each gateway, so that nobody keeps a connection."""
    dying = {30: "crm-1", 60: "gateway-1", 75: "gateway-2"}  # after so many bookings
    stack = start_stack(dict.fromkeys(("RATE_LIMIT_READ", "RATE_LIMIT_WRITE"), "off"), ["--workers", "gateway=2,crm=2"])
    try:
        owner = stack.facilitator()
        event = stack.event(owner, max_participants=1000)
        listeners = [Listener(stack, owner) for _ in range(6)]
        wait_until(lambda: owner.get("/inbox/status").json()["connections"] == 6, "all of them")
        crowd = stack.people(90)
        for number, person in enumerate(crowd):
            if number in dying:
                os.kill(stack.pid(dying[number]), signal.SIGKILL)
            wait_until(lambda: booked(stack, person, event), "the booking")
        wanted = [*range(1, len(crowd) + 2)]  # and the event's creation
        for listener in listeners:
            wait_until(lambda: len(listener.messages) >= len(wanted), lambda: f"all messages; there are {len(listener.messages)}", 30)
            assert seqs(listener.messages) == wanted
            bookings = [message["data"]["booking_id"] for message in listener.messages[1:]]
            assert len(set(bookings)) == len(crowd)
        assert min(listener.connections for listener in listeners) > 1
        for listener in listeners:
            listener.stopping = True
        for listener in listeners:
            listener.join()
        wait_until(lambda: owner.get("/inbox").json()["acknowledged"] == wanted[-1], "the acknowledgements")
    finally:
        stop_stack(stack)


def booked(stack, person, event):
    """True where the booking was made; a gateway may die with it."""
    try:
        answer = person.post("/bookings", {"event_id": event["id"]}, server_error=True)
    except requests.ConnectionError:
        return False
    return answer.status_code == 201 or answer.json()["code"] == "already_booked"
