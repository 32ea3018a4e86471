#!/usr/bin/python3
"""Writes the fuzzers' first inputs, made of the contract's examples: corpus.py DIR"""

import base64
import json
import pathlib
import sys

import msgpack

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "schemas"))

from contract.build import Contract  # noqa: E402
from contract.document import load  # noqa: E402
from contract.schema import SchemaReader  # noqa: E402

ID = bytes(range(16))
HEADER = {"id": ID, "ttl_ms": 5000, "op": "createBooking", "command": ID, "request_id": "r", "trace": ""}
HEADER["caller"] = {"user_id": 7, "role": "user", "session": "", "address": "127.0.0.1"}

CARDS = b'{"notes": "4111 1111 1111 1111", "name": "\\u0033782-822463-10005", "id": 6304000000000000000, "x": 4.1e15}'


def examples_of(media):
    """The values of a media type's examples, and of its schema's."""
    values = [media.value["example"]] if "example" in media.value else []
    values += [example["value"] for example in media.value.get("examples", {}).values()]
    schema = media.get("schema").resolve() if media.get("schema") else None
    if schema and "example" in schema.value:
        values.append(schema.value["example"])
    return values


def contents(node):
    """The JSON media type of a request body or response, or nothing."""
    node = node.resolve()
    kinds = node.get("content")
    return [kinds.child("application/json")] if kinds and "application/json" in kinds.value else []


def as_message(record, value):
    """An example as its message: money in minor units, former names under their key."""
    message = {}
    for name, item in value.items():
        field = record.find(name)
        if field is None:
            continue
        if field.schema.money:
            item = round(item * 100)
        elif field.record and isinstance(item, list):
            item = [as_message(field.record, each) for each in item]
        elif field.record and isinstance(item, dict):
            item = as_message(field.record, item)
        message[field.member] = item
    return message


def frames(sender, *parts):
    return bytes([sender, len(parts)]) + b"".join(bytes([len(part)]) + part for part in parts)


def numbered(number, data):
    """Which operation or record of the contract the bytes are for, as the harnesses read it."""
    return number.to_bytes(2, "big") + data


def requests_and_messages(contract):
    requests, messages = [], []
    for index, operation in enumerate(contract.operations):
        requests.append(numbered(index, b"limit=5&type=Yoga&from=2026-08-01&active=true\n"))
        requests.append(numbered(index, b"search=4111+1111-1111+1111&from=%34\n" + CARDS))
        body = operation.node.get("requestBody")
        for media in contents(body) if body else []:
            for value in examples_of(media):
                requests.append(numbered(index, b"\n" + json.dumps(value, ensure_ascii=False).encode()))
                number = contract.records.index(operation.request)
                messages.append(numbered(number, msgpack.packb(as_message(operation.request, value))))
        responses = operation.node.get("responses")
        for status, response in responses.items() if responses else []:
            for media in contents(response) if status.startswith("2") else []:
                for value in examples_of(media):
                    number = contract.records.index(operation.reply)
                    messages.append(numbered(number, msgpack.packb(as_message(operation.reply, value))))
    return requests, messages


def broker_messages():
    header = msgpack.packb({"id": ID, "ttl_ms": 5000, "op": "ping"})
    ready = frames(0, b"MDPW02", b"\x01", b"booking", b"\x04")
    call = frames(1, b"MDPC02", b"\x01", b"booking", header, b"\x80")
    return [
        ready + call + frames(0, b"MDPW02", b"\x04", b"b", b"", header, b"\x80"),
        call + ready + frames(0, b"MDPW02", b"\x05") + frames(0, b"MDPW02", b"\x06"),
        frames(2, b"", b"MDPW02", b"\x01", b"echo") + frames(3, b"", b"MDPC02", b"\x01", b"echo", b"hello"),
        frames(1, b"MDPC02", b"\x01", b"mmi.service", b"booking") + frames(1, b"MDPC02", b"\x01", b"mmi.stats"),
    ]


def provider_events():
    """Webhooks as the providers write them; the first byte says whose."""
    money = {"amount": 50000, "currency": "INR"}
    payment = {"id": "pay_1", "status": "captured", "order_id": "order_1", "notes": [], **money}
    refund = {"id": "rfnd_1", "payment_id": "pay_1", "status": "processed", "receipt": None, **money}
    link = {"id": "plink_1", "reference_id": "tp_1", "status": "paid"}
    entities = {"payment": payment, "order": {"id": "order_1", "receipt": "tp_1"}, "payment_link": link, "refund": refund}
    payload = {name: {"entity": entity} for name, entity in entities.items()}
    razorpay = [f"payment.{what}" for what in ("authorized", "captured", "failed")]
    razorpay += ["order.paid", "payment_link.paid", "refund.created", "refund.failed"]
    session = {"id": "cs_1", "client_reference_id": "tp_1", "payment_intent": "pi_1", "payment_status": "paid", "status": "complete"}
    session |= {"amount_total": 50000, "currency": "inr", "metadata": {"receipt": "tp_1"}}
    returned = {"id": "re_1", "payment_intent": "pi_1", "status": "pending", "metadata": {"refund_id": "rfnd_1"}, **money}
    stripe = [(f"checkout.session.{what}", session) for what in ("completed", "async_payment_failed", "expired")]
    stripe += [("refund.updated", returned), ("charge.refund.updated", returned)]
    seeds = [b"\0" + json.dumps({"event": name, "payload": payload}).encode() for name in razorpay]
    seeds += [b"\1" + json.dumps({"id": "evt_1", "type": name, "data": {"object": value}}).encode() for name, value in stripe]
    return [*seeds, b"\3t=1700000000,v1=00,v0=00\n{}"]


def id_tokens():
    """Tokens that nobody has signed, header and claims that the harness signs, and sets of keys."""
    header = {"alg": "RS256", "kid": "k1", "typ": "JWT"}
    claims = {"iss": "https://issuer.example", "aud": "client-1", "sub": "1234567890", "iat": 1699999990, "exp": 1700003600}
    claims |= {"email": "jo@example.com", "email_verified": True, "name": "Jo Doe", "picture": "https://img.example/jo.png"}
    changes = [{}, {"aud": ["client-1"], "azp": "client-1"}, {"nbf": 1699999990, "nonce": "n"}, {"email_verified": "true", "name": "\x07 J\u2028"}]
    texts = [(json.dumps({**header, **more}), json.dumps(claims)) for more in ({}, {"alg": "none"}, {"crit": ["exp"]})]
    texts += [(json.dumps(header), json.dumps({**claims, **change})) for change in changes]
    seeds = [b"\2" + "\n".join(pair).encode() for pair in texts]
    seeds += [b"\0" + b".".join(base64url(part.encode()) for part in (*pair, "signature")) for pair in texts]
    key = {"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256", "e": "AQAB", "n": base64url(b"\xc5" * 256).decode()}
    return [*seeds, *(b"\1" + json.dumps({"keys": keys}).encode() for keys in ([], [key], [key, {"kty": "EC"}]))]


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def main():
    document = load(ROOT / "schemas" / "openapi.yaml")
    messages = load(ROOT / "schemas" / "messages.yaml", document)
    contract = Contract(SchemaReader(), document, messages, load(ROOT / "schemas" / "errors.yaml"))
    requests, messages = requests_and_messages(contract)
    envelopes = [msgpack.packb(HEADER), msgpack.packb({"id": ID, "refusal": "event_full"})]
    seeds = {"request": requests, "message": messages, "envelope": envelopes, "broker": broker_messages()}
    seeds |= {"provider": provider_events(), "id_token": id_tokens()}
    masked = b"\x81\x8a\0\0\0\0" + b'{"ack":17}'
    seeds["socket"] = [masked, b"\x01\x82\0\0\0\0\xe2\x82\x89\x80\1\2\3\4\x80\x81\0\0\0\0\xac" + masked, b"\x88\x85\0\0\0\0\3\xe8bye", b'{"ack":17}']
    seeds["cookies"] = [b"__Host-session=eyJ.e30.x-_", b"a=b; __Host-session=x\n__Host-refresh=y", b"https://tithi.example"]
    for name, inputs in seeds.items():
        folder = pathlib.Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for index, data in enumerate(inputs):
            (folder / f"seed-{index:03}").write_bytes(data)


if __name__ == "__main__":
    main()
