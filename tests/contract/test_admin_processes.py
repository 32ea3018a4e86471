"""How brokers, services, workers and the gateway are doing, as administrators see it; also while a broker does not answer."""

import concurrent.futures
import os
import signal
import urllib.parse

import pytest

from harness import refusal, start_stack, stop_stack, wait_until
from sockets import Socket

PATH = "/admin/processes"
SERVICES = {"auth", "event", "booking", "payment", "crm"}


@pytest.fixture(scope="module")
def busy():
    """A stack with two brokers and two booking workers."""
    stack = start_stack({"CRM_WEBHOOK_URL": ""}, ("--brokers", "2", "--workers", "booking=2"))
    yield stack
    stop_stack(stack)


@pytest.fixture(scope="module")
def admin(busy):
    return busy.admin()


def processes(admin):
    answer = admin.get(PATH)
    assert answer.status_code == 200, answer.text
    return answer.json()


def service(shown, name):
    (found,) = [each for each in shown["services"] if each["service"] == name]
    return found


def states(shown):
    return [each["state"] for each in shown["brokers"]]


def test_who_is_there(admin):
    shown = wait_until(lambda: (shown := processes(admin))["workers"] and len(shown["workers"]) == 12 and shown, lambda: processes(admin))
    assert states(shown) == ["ok", "ok"]
    addresses = [each["broker"] for each in shown["brokers"]]
    assert len(set(addresses)) == 2 and all(each["version"] and each["uptime_ms"] >= 0 and each["poisoned"] == [] for each in shown["brokers"])
    assert {each["service"] for each in shown["services"]} == SERVICES
    assert {each["service"]: each["workers"] for each in shown["services"]} == {**dict.fromkeys(SERVICES, 1), "booking": 2}
    for each in shown["workers"]:
        assert each["broker"] in addresses and each["service"] in SERVICES and each["credit"] > 0 and not each["draining"]
    assert sum(each["credit"] for each in shown["workers"] if each["service"] == "booking") == service(shown, "booking")["credit"]


def test_what_they_have_done(busy, admin):
    before = service(processes(admin), "event")
    event = busy.event(busy.facilitator())
    for _ in range(20):
        assert busy.anonymous.get(f"/events/{event['id']}").status_code == 200
    after = service(processes(admin), "event")
    assert after["answered"] >= before["answered"] + 21 and after["received"] >= after["answered"]
    assert 0 < after["p50_ms"] <= after["p99_ms"]
    assert (after["queued"], after["oldest_ms"], after["refused"]) == (0, 0, 0)


def test_the_gateway_itself(busy, admin):
    shown = processes(admin)["gateway"]
    assert shown["name"] == "gateway-1" and shown["version"] and shown["redis"] is True
    assert shown["connections"] >= 1 and shown["uptime_ms"] >= 0
    ticket = busy.user().post("/ws/ticket").json()["ticket"]
    connected = Socket(urllib.parse.urlsplit(busy.base_url).port, f"/ws?ticket={ticket}")
    assert connected.status == 101
    wait_until(lambda: processes(admin)["gateway"]["sockets"] == shown["sockets"] + 1, "the socket is counted")
    connected.socket.close()
    wait_until(lambda: processes(admin)["gateway"]["sockets"] == shown["sockets"], "nor is it any more")


def test_a_broker_that_does_not_answer(busy, admin):
    broker = busy.pid("broker-2")
    os.kill(broker, signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            asked = [pool.submit(admin.get, PATH) for _ in range(3)]
            alive = [busy.anonymous.get("/healthz").status_code for _ in range(10)]
            answers = [each.result().json() for each in asked]
        assert alive == [200] * 10
        for shown in answers:
            assert states(shown) == ["ok", "away"]
            away = shown["brokers"][1]
            assert (away["version"], away["uptime_ms"], away["poisoned"]) == (None, None, [])
            assert {each["broker"] for each in shown["workers"]} == {shown["brokers"][0]["broker"]}
            assert service(shown, "booking")["workers"] == 2
    finally:
        os.kill(broker, signal.SIGCONT)
    wait_until(lambda: states(processes(admin)) == ["ok", "ok"], "the broker is back")


def test_without_any_broker(busy, admin):
    brokers = [busy.pid(f"broker-{n}") for n in (1, 2)]
    for broker in brokers:
        os.kill(broker, signal.SIGSTOP)
    try:
        shown = processes(admin)
        assert states(shown) == ["away", "away"]
        assert shown["services"] == shown["workers"] == [] and shown["gateway"]["connections"] >= 1
    finally:
        for broker in brokers:
            os.kill(broker, signal.SIGCONT)
    wait_until(lambda: states(processes(admin)) == ["ok", "ok"], "the brokers are back")


def test_for_administrators_only(stack, facilitator, user):
    assert refusal(facilitator.get(PATH)) == refusal(user.get(PATH)) == (403, "forbidden")
    assert refusal(stack.anonymous.get(PATH)) == (401, "invalid_token")
