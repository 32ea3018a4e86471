"""The commands that people use: deploy/up and down, `tithi`, and what they promise when things go wrong."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests

from document import ROOT
from harness import JWT_KEY, CRM_TOKEN, WEBHOOK_SECRET, free_port, start_stack, stop_stack

UNLIMITED = {"RATE_LIMIT_READ": "off", "RATE_LIMIT_WRITE": "off", "RATE_LIMIT_AUTH": "off"}
PROCESSES = ["gateway-1", "broker-1", "auth-1", "event-1", "booking-1", "payment-1", "crm-1", "postgres", "redis"]


@pytest.fixture(scope="module")
def stack():
    stack = start_stack(UNLIMITED)
    yield stack
    stop_stack(stack)


@pytest.fixture
def event(stack):
    return stack.event(stack.facilitator(), max_participants=None)


def run(*command, **arguments):
    """A command of the clone; its output and errors together."""
    command = [str(ROOT / command[0]), *map(str, command[1:])]
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **arguments)


def tithi(stack, *arguments, **more):
    done = run("deploy/tithi", "--state", stack.state, *arguments, **more)
    assert done.returncode == 0, done.stdout
    return done.stdout


def status(stack):
    return json.loads(tithi(stack, "status", "--json"))


def pid_of(stack, name):
    return int((stack.state / f"run/{name}.pid").read_text())


def wait_for(condition, what, timeout=20):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what} within {timeout} s"
        time.sleep(0.05)


def is_ready(stack):
    try:
        answer = requests.get(stack.base_url + "/readyz", timeout=5)
    except requests.RequestException:
        return False
    return answer.status_code == 200 and answer.json()["status"] == "ok"


def command_lines(state):
    """Of all processes that belong to a state folder."""
    lines = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(state) in line:
            lines.append(line)
    return lines


def up(state, port, crm_port, *arguments, **more):
    ports = ["--port", port, "--crm-port", crm_port]
    return run("deploy/up", "--detach", "--no-web", "--state", state, *ports, *arguments, **more)


def ports_of(stack):
    return stack.base_url.rsplit(":", 1)[1], stack.crm_url.rsplit(":", 1)[1]


class Load:
    """Somebody who asks all the time, and what was not answered well."""

    def __init__(self, stack, person, event):
        self.failures, self.count, self.stop = [], 0, threading.Event()
        self.thread = threading.Thread(target=self.run, args=(stack, person, event))

    def run(self, stack, person, event):
        while not self.stop.is_set():
            try:
                session = requests.Session()  # a new connection each time: it may meet any gateway
                session.headers["Authorization"] = f"Bearer {person.token}"
                answers = [
                    session.get(f"{stack.base_url}/events/{event['id']}", timeout=30),
                    session.get(f"{stack.base_url}/bookings", timeout=30),
                    session.post(f"{stack.base_url}/bookings", json={"event_id": event["id"]}, timeout=30),
                ]
                self.failures += [answer.text for answer in answers if answer.status_code not in (200, 201, 409)]
                session.close()
            except requests.RequestException as failure:
                self.failures.append(repr(failure))
            self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def test_up_says_that_a_stack_runs_already(stack):
    done = up(stack.state, *ports_of(stack))
    assert done.returncode == 0 and "running already" in done.stdout


def test_status_names_all_processes_and_services(stack):
    wait_for(lambda: is_ready(stack), "ready")
    report = status(stack)
    processes = {process["name"]: process for process in report["processes"]}
    assert set(processes) == set(PROCESSES)
    assert all(process["state"] == "run" and process["pid"] for process in processes.values())
    services = {service["service"]: service for service in report["brokers"][0]["services"]}
    for name in ("auth", "event", "booking", "payment", "crm"):
        assert services[name]["queue_depth"] == 0
        assert [worker["credit"] >= 1 for worker in services[name]["workers"]] == [True]
    text = tithi(stack, "status")
    assert "booking-1" in text and "CREDIT" in text


@pytest.mark.parametrize("name", PROCESSES)
def test_a_killed_process_comes_back(stack, name):
    killed = pid_of(stack, name)
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: (stack.state / f"run/{name}.pid").exists() and pid_of(stack, name) != killed, f"{name} again")
    wait_for(lambda: is_ready(stack), "ready again")


def test_scaling_fails_no_request(stack, event, person):
    with Load(stack, person, event) as load:
        tithi(stack, "scale", "booking=4", "event=2", "gateway=2")
        wait_for(lambda: worker_count(stack, "booking") == 4, "four booking workers")
        time.sleep(0.5)
        tithi(stack, "scale", "booking=1", "event=1", "gateway=1")
        wait_for(lambda: worker_count(stack, "booking") == 1, "one booking worker")
    assert load.count > 10 and load.failures == []
    names = {process["name"] for process in status(stack)["processes"]}
    assert names == set(PROCESSES)


def worker_count(stack, service):
    services = {row["service"]: row for row in status(stack)["brokers"][0]["services"]}
    return len(services[service]["workers"])


def test_drain_stops_one_process_until_the_next_scale(stack, event, person):
    tithi(stack, "scale", "event=2")
    with Load(stack, person, event) as load:
        tithi(stack, "drain", "event-1")
    assert load.failures == []
    states = {process["name"]: process["state"] for process in status(stack)["processes"]}
    assert states["event-1"].startswith("down") and states["event-2"] == "run"
    tithi(stack, "scale", "event=1")
    states = {process["name"]: process["state"] for process in status(stack)["processes"]}
    assert states["event-1"] == "run" and "event-2" not in states


def test_scale_refuses_what_it_does_not_know(stack):
    for word in ("cooking=2", "booking", "booking=x", "broker=2"):
        done = run("deploy/tithi", "--state", stack.state, "scale", word)
        assert done.returncode != 0 and word in done.stdout
    assert run("deploy/tithi", "--state", stack.state, "drain", "booking-9").returncode != 0


def test_accounts_by_the_operator(stack, tmp_path):
    email = f"operator-{os.getpid()}-{time.time_ns()}@example.com"
    tithi(stack, "user", "add", email, "--role", "facilitator", "--name", "Op", input="password123\n")
    assert run("deploy/tithi", "--state", stack.state, "user", "add", email, input="password123\n").returncode != 0
    person = stack.login(email)
    assert person.get("/profile").json()["role"] == "facilitator"
    tithi(stack, "user", "role", email, "admin")
    wait_for(lambda: person.get("/profile").status_code == 401, "the old session ends", 5)
    assert stack.login(email).get("/profile").json()["role"] == "admin"

    tokens = tmp_path / "tokens"
    tithi(stack, "user", "bulk", "20", "--tokens", tokens)
    lines = [line.split() for line in tokens.read_text().splitlines()]
    assert len(lines) == 20
    answer = requests.get(stack.base_url + "/profile", headers={"Authorization": f"Bearer {lines[7][2]}"}, timeout=10)
    assert answer.json()["email"] == lines[7][0] and answer.json()["id"] == int(lines[7][1])


def test_secrets_stand_in_no_log_and_no_command_line(stack):
    secrets = [JWT_KEY, CRM_TOKEN, WEBHOOK_SECRET]
    secrets += [path.read_text().strip() for path in (stack.state / "secrets").iterdir()]
    texts = command_lines(stack.state)
    texts += [path.read_text(errors="replace") for path in (stack.state / "log").rglob("*") if path.is_file()]
    for text in texts:
        assert not any(secret in text for secret in secrets)
    for path in (stack.state / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == 0


def environment_of(pid):
    pairs = (pair.partition("=") for pair in pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0"))
    return {name: value for name, _, value in pairs}


def family(pid):
    """A process and all that come from it."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(pid), *(each for child in children for each in family(child))]


def test_each_process_has_its_own_secrets_only(stack):
    """And whoever runs on behalf of all, as supervisor, log or store, has none."""
    wait_for(lambda: is_ready(stack), "ready")
    readers = (ROOT / "deploy/lib/environment.sh").read_text().partition("SECRET_READERS=(")[2].partition("\n)")[0]
    readers = dict(re.findall(r'^    \[(\w+)\]="(.*) operator"$', readers, re.MULTILINE))
    readers = {name: kinds.replace("${WORKER_KINDS[*]}", "auth event booking payment crm").split() for name, kinds in readers.items()}
    assert len(readers) >= 13 and readers["JWT_SECRET_KEY"] == ["gateway", "auth"]
    values = {JWT_KEY, CRM_TOKEN, WEBHOOK_SECRET, *((path.read_text().strip() for path in (stack.state / "secrets").iterdir()))}
    seen = set()
    for pid in family((stack.state / "run/supervisor.pid").read_text().strip()):
        program = pathlib.Path(f"/proc/{pid}/exe").resolve().name
        environment, kind = environment_of(pid), program.removeprefix("tithi-")
        seen.add(program)
        for name, kinds in readers.items():
            assert kind in kinds or not {name, f"{name}_FILE"} & environment.keys(), (program, name)
        assert program.startswith("tithi-") or not any(value in text for value in values for text in environment.values()), program
    assert seen >= {"runsvdir", "runsv", "svlogd", "postgres", *(f"tithi-{name.removesuffix('-1')}" for name in PROCESSES[:7])}
    assert any(program.startswith("redis") for program in seen)
    assert environment_of(pid_of(stack, "gateway-1"))["JWT_SECRET_KEY"] == JWT_KEY


def start_again(stack):
    """How many seconds that takes."""
    assert run("deploy/down", "--state", stack.state).returncode == 0
    assert command_lines(stack.state) == []
    assert run("deploy/down", "--state", stack.state).returncode == 0, "stopping twice is no error"
    began = time.monotonic()
    keys = {"JWT_SECRET_KEY": JWT_KEY, "CRM_BEARER_TOKEN": CRM_TOKEN, "CRM_WEBHOOK_SECRET": WEBHOOK_SECRET}
    done = up(stack.state, *ports_of(stack), env={**os.environ, **UNLIMITED, **keys})
    assert done.returncode == 0, done.stdout
    return time.monotonic() - began


def test_second_start_is_quick_and_keeps_the_data(stack):
    """At best, since other tests may be at work beside it; the sanitizers make no claim to be quick."""
    person = stack.user()
    limit_s = 15 if os.environ.get("TITHI_BUILD") == "asan" else 5
    assert any(start_again(stack) < limit_s for _ in range(3))
    assert person.get("/profile").json()["email"] == person.email


def test_a_port_in_use_is_one_sentence(stack, tmp_path):
    done = up(tmp_path / "other", ports_of(stack)[0], free_port())
    assert done.returncode != 0
    assert f"port {ports_of(stack)[0]} is in use" in done.stdout
    assert command_lines(tmp_path / "other") == []


@pytest.mark.parametrize(
    "name, value",
    [("JWT_SECRET_KEY", "short"), ("HOLD_TTL", "soon"), ("RATE_LIMIT_READ", "many"), ("TITHI_ENV", "test"), ("PUBLIC_URL", "ftp://x")],
)
def test_a_malformed_setting_is_named_and_nothing_starts(tmp_path, name, value):
    done = up(tmp_path / "state", free_port(), free_port(), env={**os.environ, name: value})
    assert done.returncode != 0
    assert name in done.stdout.splitlines()[-1]
    assert command_lines(tmp_path / "state") == []


@pytest.mark.parametrize(
    "arguments",
    [["--workers", "cook=1"], ["--workers", "booking=many"], ["--brokers", "0"], ["--port", "0"], ["--env", "/nowhere"], ["--nonsense"]],
)
def test_a_wrong_option_starts_nothing(tmp_path, arguments):
    done = run("deploy/up", "--detach", "--state", tmp_path / "state", *arguments)
    assert done.returncode != 0 and len(done.stdout.splitlines()) == 1
    assert command_lines(tmp_path / "state") == []


def test_foreground_side_by_side_with_an_env_file(stack, tmp_path):
    """Ctrl-C stops all of it; the other stack does not notice."""
    state, port, crm_port = tmp_path / "s", free_port(), free_port()
    settings = tmp_path / "settings"
    settings.write_text(f"# ours\nHTTP_PORT={port}\nexport CRM_PORT='{crm_port}'\nFACILITATOR_SIGNUP=\"closed\"  # later\nHOLD_TTL=1h\n")
    command = [str(ROOT / "deploy/up"), "--state", str(state), "--env", str(settings)]
    environment = {**os.environ, "HOLD_TTL": "2h"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    try:
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
        config = run("deploy/tithi", "--state", state, "check-config").stdout
        assert "FACILITATOR_SIGNUP=closed\n" in config and "HOLD_TTL=7200s\n" in config
    finally:
        os.killpg(process.pid, signal.SIGINT)
    assert process.wait(40) == 0
    assert command_lines(state / "service") == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert is_ready(stack)


def test_the_sample_catalogue(tmp_path):
    """It loads quickly, and looks as if people had made it: events and bookings in the order of their creation."""
    state, port = tmp_path / "s", free_port()
    began = time.monotonic()
    done = up(state, port, free_port(), "--demo", env={**os.environ, **UNLIMITED})
    try:
        assert done.returncode == 0, done.stdout
        assert time.monotonic() - began < 60, "the catalogue alone takes less than 30"
        for sort in ("created", "-created"):
            events = requests.get(f"http://127.0.0.1:{port}/events?limit=100&sort={sort}", timeout=10).json()["events"]
            times = [event["created_at"] for event in events]
            assert len(times) == 100 and times == sorted(times, reverse=sort.startswith("-"))
        today = time.strftime("%Y-%m-%d", time.gmtime())
        ahead = requests.get(f"http://127.0.0.1:{port}/events?limit=20&from={today}", timeout=10).json()["events"]
        assert len({event["language"] for event in ahead}) > 5 and len({event["currency"] for event in ahead}) > 2
        best = requests.get(f"http://127.0.0.1:{port}/events?sort=-rating&limit=100", timeout=10).json()["events"]
        reviewed = next(event for event in best if event["review_count"])
        shown = requests.get(f"http://127.0.0.1:{port}/events/{reviewed['id']}/reviews", timeout=10).json()
        assert (shown["count"], shown["rating"]) == (reviewed["review_count"], reviewed["rating"])
    finally:
        assert run("deploy/down", "--state", state).returncode == 0


def test_two_brokers_over_curve(tmp_path):
    """As between machines: every process, and `tithi`, proves by a key of its kind who it is."""
    build = ROOT / "build" / os.environ.get("TITHI_BUILD", "release")
    keys = tmp_path / "keys"
    subprocess.run([build / "tithi-broker", "--make-keys", keys], check=True, capture_output=True)
    addresses = ",".join(f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    stack = start_stack({"BROKER_URLS": addresses, "BROKER_CURVE_DIR": str(keys)})
    try:
        facilitator, person = stack.facilitator(), stack.user()
        assert stack.book(person, stack.event(facilitator))["status"] == "confirmed"
        workers = [len(row["workers"]) for broker in status(stack)["brokers"] for row in broker["services"]]
        assert workers == [1] * 10
    finally:
        stop_stack(stack)
