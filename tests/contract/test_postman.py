"""The Postman collection's walkthrough, run by Postman's own runner."""

import json
import subprocess

from harness import ROOT

COLLECTION = ROOT / "docs/tithi.postman_collection.json"


def newman(stack, tmp_path, *arguments):
    report = tmp_path / "report.json"
    command = ["node_modules/.bin/newman", "run", str(COLLECTION), "--env-var", f"baseUrl={stack.base_url}", "--env-var", f"crmUrl={stack.crm_url}"]
    command += ["--reporters", "json", "--reporter-json-export", str(report), *arguments]
    done = subprocess.run(command, cwd=ROOT / "tests/node", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert report.exists(), done.stdout
    return done, json.loads(report.read_text())["run"]


def test_walkthrough(stack, tmp_path):
    """Register, sign in, see the events, book, see one's bookings: from nothing, and again."""
    for _ in range(2):
        done, run = newman(stack, tmp_path, "--folder", "Walkthrough")
        assert done.returncode == 0 and run["failures"] == [], done.stdout
        assert run["stats"]["requests"] == {"total": 8, "pending": 0, "failed": 0}
        assert run["stats"]["assertions"] == {"total": 9, "pending": 0, "failed": 0}


def test_every_request_can_be_sent(stack, tmp_path):
    """Without credentials, and with what stands in the examples: an answer in the contract's words to each, and never a failure of ours."""
    _, run = newman(stack, tmp_path, "--timeout-request", "5000")
    folders = json.loads(COLLECTION.read_text())["item"]
    assert run["stats"]["requests"]["total"] == sum(len(folder["item"]) for folder in folders)
    answered = [execution for execution in run["executions"] if "response" in execution]  # streams have none until they end
    assert len(answered) > 100
    for execution in answered:
        code = execution["response"]["code"]
        assert code < 500 and code != 405, f'{execution["item"]["name"]}: {code}'
