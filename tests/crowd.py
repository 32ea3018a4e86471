"""Many clients at once: each has one connection, and repeats a command under its Idempotency-Key until it is answered for good."""

import asyncio
import json
import time
import uuid

PATIENCE_S = 20


class CrowdPerson:
    def __init__(self, port, user_id, token):
        self.port, self.user_id, self.token = port, user_id, token
        self.streams = None
        self.server_errors = []

    async def post(self, path, body=None):
        return await self.request("POST", path, body)

    async def request(self, method, path, body=None):
        """Status and answer; status None: none came in PATIENCE_S, the answer is the last error then."""
        content = json.dumps(body).encode() if body is not None else b""
        request = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n"
            f"Idempotency-Key: {uuid.uuid4()}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        ).encode() + content
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                status, answer = await asyncio.wait_for(self.exchange(request), PATIENCE_S)
            except (OSError, asyncio.IncompleteReadError):
                await self.close()
                continue
            if status >= 500:
                self.server_errors.append((status, answer))
            if status < 500 and answer.get("code") != "idempotency_in_flight":
                return status, answer
            await asyncio.sleep(0.1)
        return None, self.server_errors[-1:]

    async def exchange(self, request):
        if not self.streams:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        return int(head.split()[1]), json.loads(await reader.readexactly(length))

    async def close(self):
        if self.streams:
            self.streams[1].close()
            self.streams = None


def crowd(stack, count):
    port = int(stack.base_url.rsplit(":", 1)[1])
    return [CrowdPerson(port, person.id, person.token) for person in stack.people(count)]
