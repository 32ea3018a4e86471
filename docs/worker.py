#!/usr/bin/python3
"""A Tithi worker in Python: serves getEvent from a table, by docs/protocol.md alone (python3-zmq, python3-msgpack).
BROKER_URLS names the brokers; for tcp:// BROKER_CURVE_DIR holds broker.key and event.key_secret."""
import contextlib, os, signal, time
import msgpack, zmq, zmq.auth

READY, REQUEST, FINAL, HEARTBEAT, DISCONNECT = (bytes([n]) for n in (1, 2, 4, 5, 6))
SERVICE, CREDIT = b"event", 32

EVENT = {"title": "Yoga at sunrise", "event_type": "session", "start_datetime": "2031-05-01T06:00:00Z", "time_zone": "UTC",
         "max_participants": 10, "current_participants": 0, "available_spots": 10, "price_minor": 0, "currency": "INR",
         "is_active": True, "status": "active", "facilitator": {"id": 1, "name": "Asha", "email": "asha@example.com"},
         "facilitator_id": 1, "created_at": "2031-01-01T00:00:00Z", "updated_at": "2031-01-01T00:00:00Z"}
EVENTS = {n: {"id": n, **EVENT} for n in range(1, 101)}

def get_event(request):
    event = EVENTS.get(request.get("event_id"))
    return (None, event) if event else ("event_not_found", {"details": {}})

OPERATIONS = {"getEvent": get_event}
def answer(header, payload):
    header = msgpack.unpackb(header)
    try:
        refusal, reply = OPERATIONS[header["op"]](msgpack.unpackb(payload))
    except Exception:
        refusal, reply = "internal_error", {"details": {}}
    return [msgpack.packb({"id": header["id"], **({"refusal": refusal} if refusal else {})}), msgpack.packb(reply)]

def connect(context, address):
    socket = context.socket(zmq.DEALER)
    socket.immediate = True  # nothing waits for a broker that is away
    if address.startswith("tcp://"):
        folder = os.environ["BROKER_CURVE_DIR"]
        socket.curve_serverkey = zmq.auth.load_certificate(f"{folder}/broker.key")[0]
        socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(f"{folder}/event.key_secret")
    socket.connect(address)
    return socket

def say(socket, *frames):
    with contextlib.suppress(zmq.Again):  # a broker that is away gives its calls to others
        socket.send_multipart([b"MDPW02", *frames], zmq.NOBLOCK)

stop, beat = [], 0
signal.signal(signal.SIGTERM, lambda *_: stop.append(time.monotonic() + 1))
sockets = [connect(zmq.Context.instance(), url.strip()) for url in os.environ["BROKER_URLS"].split(",")]
while not stop or time.monotonic() < stop[0]:  # after SIGTERM a second for what is on its way
    if stop or time.monotonic() >= beat:
        for socket in sockets:
            say(socket, DISCONNECT if stop else HEARTBEAT)
        beat = time.monotonic() + 1
    for socket in zmq.select(sockets, [], [], 0.2)[0]:
        _, command, *rest = socket.recv_multipart()
        if command == REQUEST:
            client, _, *pairs = rest
            frames = [frame for i in range(0, len(pairs), 2) for frame in answer(pairs[i], pairs[i + 1])]
            say(socket, FINAL, client, b"", *frames)
        elif command == DISCONNECT and not stop:  # "I do not know you": the answer to the first heartbeat
            say(socket, READY, SERVICE, msgpack.packb(CREDIT))
