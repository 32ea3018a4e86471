"""What tests know of live push: a WebSocket spoken byte by byte, so that it can also be spoken wrongly, and a reader of event streams."""

import base64
import contextlib
import hashlib
import json
import os
import socket
import struct

import requests

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
PATIENCE_S = 15


def frame(opcode, payload=b"", final=True, masked=True, reserved=0, length=None):
    """One frame; `length` says another one than the payload has."""
    length = len(payload) if length is None else length
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    bit = 0x80 if masked else 0
    if length < 126:
        head += bytes([bit | length])
    elif length < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", length)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", length)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def close(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


def handshake(**changed):
    """The headers of a handshake; None: without that one."""
    headers = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    return {name: value for name, value in headers.items() if value is not None}


class Socket:
    """A WebSocket. Nothing is read before somebody asks."""

    def __init__(self, port, path, together=b"", receive_buffer=None, headers=None):
        headers = headers or handshake()
        self.buffered = b""
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode() + together)
        while b"\r\n\r\n" not in self.buffered:
            received = self.socket.recv(65536)
            assert received, "closed before an answer"
            self.buffered += received
        head, _, self.buffered = self.buffered.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = dict((name.lower(), value) for name, value in (line.split(": ", 1) for line in rest))
        if self.status == 101:
            digest = hashlib.sha1(headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
            assert self.headers["sec-websocket-accept"] == base64.b64encode(digest).decode()

    def refusal(self):
        while len(self.buffered) < int(self.headers["content-length"]):
            self.buffered += self.socket.recv(65536)
        return self.status, json.loads(self.buffered)["code"]

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def dribble(self, *frames):
        """Byte by byte."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for byte in b"".join(frames):
                self.socket.sendall(bytes([byte]))

    def acknowledge(self, seq):
        self.send(frame(TEXT, json.dumps({"ack": seq}).encode()))

    def take(self, length):
        while len(self.buffered) < length:
            received = self.socket.recv(65536)
            if not received:
                raise EOFError
            self.buffered += received
        taken, self.buffered = self.buffered[:length], self.buffered[length:]
        return taken

    def frame(self, timeout=PATIENCE_S):
        """The next one: opcode and payload. EOFError: there is none any more."""
        self.socket.settimeout(timeout)
        first, second = self.take(2)
        assert first & 0xF0 == 0x80 and second < 0x80, "a server's frames are whole and bare"
        length = second
        if length == 126:
            length = int.from_bytes(self.take(2), "big")
        elif length == 127:
            length = int.from_bytes(self.take(8), "big")
        return first & 15, self.take(length)

    def message(self, timeout=PATIENCE_S):
        """The next message; pings are answered."""
        while True:
            opcode, payload = self.frame(timeout)
            if opcode == PING:
                self.send(frame(PONG, payload))
                continue
            assert opcode == TEXT, (opcode, payload)
            return json.loads(payload)

    def messages(self, count, timeout=PATIENCE_S):
        return [self.message(timeout) for _ in range(count)]

    def nothing_comes(self, seconds=0.4):
        try:
            found = self.frame(seconds)
        except (TimeoutError, socket.timeout):
            return True
        raise AssertionError(f"{found} came")

    def closing(self, timeout=PATIENCE_S):
        """Code and reason of the close that comes at last, and then the end; None: it had no code."""
        while True:
            opcode, payload = self.frame(timeout)
            if opcode == CLOSE:
                break
        try:
            found = self.frame(timeout)
            raise AssertionError(f"{found} after the close")
        except EOFError:
            pass
        return (struct.unpack(">H", payload[:2])[0], payload[2:].decode()) if payload else None

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Stream:
    """Server-Sent Events (HTML Standard §9.2), as a browser reads them."""

    def __init__(self, url, **headers):
        headers = {"Accept": "text/event-stream", **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.answer = requests.get(url, headers=headers, stream=True, timeout=PATIENCE_S)
        self.status = self.answer.status_code
        self.lines = self.answer.iter_lines(chunk_size=1)
        self.retry_ms = None
        self.comments = 0

    def event(self):
        """The next one, as a dictionary; None: the stream has ended."""
        found = {}
        for line in self.lines:
            name, _, value = line.decode().partition(": ")
            if not line:
                if found:
                    return found
            elif not name:
                self.comments += 1
            elif name == "retry":
                self.retry_ms = int(value)
            else:
                found[name] = value
        return None

    def message(self):
        event = self.event()
        message = json.loads(event["data"])
        assert (event["id"], event["event"]) == (str(message["seq"]), message["type"])
        return message

    def close(self):
        self.answer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
