"""A network of its own for one program, in which a name server answers what a test wants and one public address is this machine's:

    unshare --user --map-root-user --net --mount python3 named_net.py FOLDER PROGRAM ARGUMENT…

becomes the program. What was asked, and where requests arrived, is appended to FOLDER/told, a JSON object per line. Names end in ".test"; what
each leads to stands in FOLDER/names: {name: [[addresses of the first answer], [of the second], …]}, of which the last stays."""

import fcntl
import http.server
import ipaddress
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time

PUBLIC = "93.184.215.14"
EVERYWHERE, LOOPBACK_ONLY = 8081, 8082  # where one listens, on all addresses and on 127.0.0.1
SIOCSIFADDR, SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x8913, 0x8914, 1
TYPES = {1: 4, 28: 6}  # A, AAAA


def bring_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = struct.unpack("16xH", fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))[:18])[0]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(PUBLIC))
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16s16s", b"lo:1", address))


class Net:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.lock = threading.Lock()

    def tell(self, **what):
        with self.lock, (self.folder / "told").open("a") as file:
            file.write(json.dumps(what) + "\n")

    def asked_before(self, name, kind):
        file = self.folder / "told"
        told = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return sum(each.get("asked") == name and each["kind"] == kind for each in told)

    def answer(self, question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        name, (kind,) = ".".join(labels), struct.unpack(">H", question[at + 1 : at + 3])
        answers = json.loads((self.folder / "names").read_text()).get(name)
        found = []
        if answers:
            turn = answers[min(self.asked_before(name, kind), len(answers) - 1)]
            found = [address for address in map(ipaddress.ip_address, turn) if address.version == TYPES.get(kind)]
        self.tell(asked=name, kind=kind, addresses=[str(address) for address in found])
        head = question[:2] + struct.pack(">HHHHH", 0x8580 if answers else 0x8583, 1, len(found), 0, 0)
        records = (b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(each.packed)) + each.packed for each in found)
        return head + question[12 : at + 5] + b"".join(records)

    def serve_names(self):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))

        def serve():
            while True:
                question, client = server.recvfrom(512)
                server.sendto(self.answer(question), client)

        threading.Thread(target=serve, daemon=True).start()

    def receive(self, host, port):
        net = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                net.tell(arrived=self.headers["webhook-id"], at=self.connection.getsockname()[0])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer((host, port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    folder, program = sys.argv[1], sys.argv[2]
    bring_up()
    (pathlib.Path(folder) / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", f"{folder}/resolv.conf", "/etc/resolv.conf"], check=True)
    ready, is_ready = os.pipe()
    parent = os.getpid()
    if os.fork() == 0:
        net = Net(folder)
        net.serve_names()
        net.receive("0.0.0.0", EVERYWHERE)
        net.receive("127.0.0.1", LOOPBACK_ONLY)
        os.write(is_ready, b".")
        os.close(2)  # or who reads the program's log waits for us
        while os.getppid() == parent:
            time.sleep(0.1)
        os._exit(0)
    os.read(ready, 1)
    os.execv(program, sys.argv[2:])


if __name__ == "__main__":
    main()
