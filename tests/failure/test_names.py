"""Names that lead to addresses which are not everybody's: a crm worker in a network of its own (named_net.py), where the name server is the
test's. That numbers are refused, test_webhooks.py shows."""

import json
import subprocess
import sys

import pytest

from document import ROOT
from named_net import EVERYWHERE, LOOPBACK_ONLY, PUBLIC
from test_deliveries import endpoint, rows, send
from test_worker import BUILD, Program, site_with_database, until

ALONE = ["unshare", "--user", "--map-root-user", "--net", "--mount"]


@pytest.fixture(scope="module")
def site():
    may = subprocess.run([*ALONE, "sh", "-c", "mount --bind /etc/hosts /etc/resolv.conf"], capture_output=True)
    if may.returncode != 0:
        pytest.skip("this machine lets nobody have a network of his own")
    with site_with_database("names") as site:
        yield site


@pytest.fixture
def net(site, tmp_path):
    yield Net(site, tmp_path)
    rows(site, "TRUNCATE outbox, lanes, delivery_attempts, webhook_endpoints CASCADE")


class Net:
    def __init__(self, site, folder):
        self.site, self.folder = site, folder
        self.program = folder / "tithi-crm"
        become = [*ALONE, sys.executable, ROOT / "tests/failure/named_net.py", folder, BUILD / "tithi-crm"]
        self.program.write_text(f"#!/bin/sh\nexec {' '.join(map(str, become))} \"$@\"\n")
        self.program.chmod(0o755)

    def lead(self, **names):
        (self.folder / "names").write_text(json.dumps({f"{name}.test": answers for name, answers in names.items()}))

    def told(self, what):
        file = self.folder / "told"
        told = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [each for each in told if what in each]

    def deliver(self, name, port=EVERYWHERE):
        """Has a new worker try a message; returns its id and what came of it: state, status and error."""
        (webhook_id,) = send(self.site, endpoint(self.site, f"http://{name}.test:{port}/"))
        settings = {"WEBHOOK_ALLOW_NETS": "", "CRM_WEBHOOK_URL": "", "REDIS_URL": "", "MAIL_FOLDER": str(self.site.folder)}
        worker = Program(self.site, self.program, "crm-1", **settings)
        try:
            ended = "SELECT state, last_status, last_error FROM outbox WHERE webhook_id = %s AND attempts > 0"
            (outcome,) = until(lambda: rows(self.site, ended, webhook_id), "an attempt", 20)
            assert worker.stop() == 0
        finally:
            worker.process.kill()
            worker.process.wait()
        return webhook_id, outcome

    def arrived(self):
        return [(each["arrived"], each["at"]) for each in self.told("arrived")]


REFUSED = ("due", None, "the address is not allowed")


def test_a_public_address_is_reached(net):
    net.lead(public=[[PUBLIC]])
    webhook_id, outcome = net.deliver("public")
    assert outcome == ("delivered", 204, None) and net.arrived() == [(webhook_id, PUBLIC)]


@pytest.mark.parametrize("port", [EVERYWHERE, LOOPBACK_ONLY])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_another_is_not(net, address, port):
    net.lead(private=[[address]])
    _, outcome = net.deliver("private", port)
    assert net.told("asked") and outcome[:2] == REFUSED[:2] and net.arrived() == []
    if address == "127.0.0.1":  # there may be no IPv6 here
        assert outcome == REFUSED


def test_a_name_that_changes_its_address(net):
    """Public when it is looked up for the first time, loopback from then on."""
    net.lead(rebinding=[[PUBLIC], ["127.0.0.1"]])
    first, outcome = net.deliver("rebinding")
    assert outcome[0] == "delivered"
    _, outcome = net.deliver("rebinding")
    assert outcome == REFUSED
    assert [each["addresses"] for each in net.told("asked") if each["kind"] == 1] == [[PUBLIC], ["127.0.0.1"]]
    assert net.arrived() == [(first, PUBLIC)]


@pytest.mark.parametrize("addresses", [[PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC]], ids=["public-first", "loopback-first"])
def test_a_name_with_both_leads_to_the_public_one_only(net, addresses):
    net.lead(both=[addresses])
    webhook_id, _ = net.deliver("both")
    assert set(net.arrived()) <= {(webhook_id, PUBLIC)}
    _, outcome = net.deliver("both", LOOPBACK_ONLY)  # where the public one has nobody
    assert outcome[:2] == REFUSED[:2] and {at for _, at in net.arrived()} <= {PUBLIC}
