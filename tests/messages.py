"""What gateways say to workers and what workers tell gateways, for tests that look at it directly: messages through a stack's broker
(docs/protocol.md), what is published in its Redis, and entries of the log that nothing has happened for."""

import socket
import uuid

import msgpack
import zmq

from harness import unique


def ask(stack, service, operation, **request):
    """The reply to a message of schemas/messages.yaml."""
    identity = uuid.uuid4().bytes
    header = {"id": identity, "op": operation, "ttl_ms": 10000}
    with zmq.Context() as context, context.socket(zmq.DEALER) as link:
        link.linger = 0
        link.connect(f"ipc://{stack.state}/run/broker-1.sock")
        link.send_multipart([b"MDPC02", b"\x01", service.encode(), msgpack.packb(header), msgpack.packb(request)])
        assert link.poll(15000), f"no answer to {operation}"
        frames = link.recv_multipart()
    answer = msgpack.unpackb(frames[3])
    assert answer["id"] == identity and "refusal" not in answer, answer
    return msgpack.unpackb(frames[4])


def log_entries(stack, owner, count, body="{}"):
    """Puts so many into the log, about something of the owner's."""
    stack.rows(
        "INSERT INTO log_entries (type, cause, owner_id, body) SELECT 'booking.created', %s || number, %s, %s FROM generate_series(1, %s) AS number",
        *(unique("entry") + ":", owner.id, body, count),
    )
    stack.rows("NOTIFY outbox")


class Listener:
    """Hears what is published in a stack's Redis on channels of that pattern."""

    def __init__(self, stack, pattern):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(stack.state / "run/redis.sock"))
        self.stream = self.socket.makefile("rb")
        self.socket.sendall(f"PSUBSCRIBE {pattern}\r\n".encode())
        assert self.read() == ["psubscribe", pattern, 1]

    def read(self):
        """One value of Redis's protocol."""
        kind, text = (line := self.stream.readline().decode().rstrip())[:1], line[1:]
        if kind == "*":
            return [self.read() for _ in range(int(text))]
        return self.stream.read(int(text) + 2)[:-2].decode() if kind == "$" else int(text)

    def wait_for(self, channel):
        """The next message there, as a number."""
        while True:
            _, _, heard, message = self.read()
            if heard == channel:
                return int(message)

    def close(self):
        self.stream.close()
        self.socket.close()
