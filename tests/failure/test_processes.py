"""What every program does alike before it runs: --help, --version, --check-config, and one sentence for a malformed setting."""

import os
import subprocess

import pytest

from document import ROOT
from harness import CRM_TOKEN, JWT_KEY, PRODUCTION_CRM_TOKEN, WEBHOOK_SECRET

BUILD = ROOT / "build" / os.environ.get("TITHI_BUILD", "release")
PROGRAMS = ["gateway", "broker", "auth", "event", "booking", "payment", "crm"]
GOOD = {
    "DATABASE_URL": "postgresql://someone:database-secret@/tithi",
    "REDIS_URL": "redis://:redis-secret@localhost:6379",
    "JWT_SECRET_KEY": JWT_KEY,
    "CRM_BEARER_TOKEN": PRODUCTION_CRM_TOKEN,
    "CRM_WEBHOOK_URL": "http://127.0.0.1:1/hook",
    "CRM_WEBHOOK_SECRET": WEBHOOK_SECRET,
    "BROKER_URLS": "ipc:///tmp/tithi-test-of-settings.sock",
}
SECRETS = ["http://127.0.0.1:1/hook", "database-secret", "redis-secret", JWT_KEY, PRODUCTION_CRM_TOKEN, WEBHOOK_SECRET]
MALFORMED = [
    (["gateway", "auth"], "JWT_SECRET_KEY", "too short"),
    (["gateway", "auth", "crm"], "REDIS_URL", "http://localhost"),
    (["gateway"], "HTTP_PORT", "65536"),
    (["gateway"], "CRM_PORT", "5000"),
    (["gateway"], "METRICS_PORT", "5001"),
    (["gateway"], "RATE_LIMIT_READ", "many"),
    (["gateway"], "TRUSTED_PROXIES", "10.0.0.0/33"),
    (["gateway"], "CORS_ORIGINS", "*"),
    (["gateway"], "CORS_ORIGINS", "https://a.example,https://b.example/"),
    (["gateway"], "CORS_ORIGINS", "a.example"),
    (["gateway"], "TLS_CERT_FILE", "/no/such.pem"),
    (["booking"], "HOLD_TTL", "soon"),
    (["auth", "crm"], "WEBHOOK_ALLOW_NETS", "localhost"),
    (["crm"], "CRM_WEBHOOK_SECRET", "whsec_short"),
    (["crm"], "CRM_MAIL_ALLOW", "friend@example.com;@example.org"),
    (["crm"], "CRM_MAIL_ALLOW", "example.org"),
    (["auth"], "FACILITATOR_SIGNUP", "perhaps"),
    (["auth"], "ACCESS_TOKEN_TTL", "-1h"),
    (["auth"], "GOOGLE_CLIENT_ID", "without its secret"),
    (["auth"], "GOOGLE_CLIENT_SECRET", "without its id"),
    (["auth"], "SECOND_FACTOR_REQUIRED", "admin,user"),
    (["auth"], "SECOND_FACTOR_REQUIRED", "facilitator;admin"),
    (PROGRAMS, "TITHI_ENV", "staging"),
    (PROGRAMS, "BROKER_URLS", "127.0.0.1:5999"),
    (PROGRAMS, "BROKER_URLS", "ipc:///tmp/a.sock,http://127.0.0.1:5999"),
    (["crm"], "CRM_WEBHOOK_URL", "example.com/hook"),
    (PROGRAMS, "LOG_LEVEL", "chatty"),
]


def run(program, *arguments, **settings):
    environment = {"PATH": os.environ["PATH"], **GOOD, **settings}
    return subprocess.run(
        [BUILD / f"tithi-{program}", *arguments], env=environment, capture_output=True, text=True, timeout=20
    )


@pytest.mark.parametrize("program", PROGRAMS)
class TestEveryProgram:
    def test_help_lists_the_settings(self, program):
        done = run(program, "--help")
        assert done.returncode == 0 and not done.stderr
        for name in ("BROKER_URLS", "HOLD_TTL", "WEBHOOK_ALLOW_NETS", "--check-config", "--pid-file"):
            assert name in done.stdout

    def test_version(self, program):
        done = run(program, "--version")
        assert done.returncode == 0 and done.stdout.startswith(f"tithi-{program} 0.")

    @pytest.mark.parametrize("argument", ["--nonsense", "nonsense", "--name"])
    def test_bad_command_line(self, program, argument):
        done = run(program, argument)
        assert done.returncode == 64 and done.stderr and not done.stdout

    def test_check_config_masks_secrets(self, program):
        done = run(program, "--check-config")
        assert done.returncode == 0, done.stderr
        assert "JWT_SECRET_KEY=***" in done.stdout and "HOLD_TTL=900s" in done.stdout
        assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr]


@pytest.mark.parametrize(
    ("program", "name", "value"), [(program, name, value) for programs, name, value in MALFORMED for program in programs]
)
@pytest.mark.parametrize("arguments", [[], ["--check-config"]])
def test_a_malformed_setting_stops_the_start(program, name, value, arguments):
    done = run(program, *arguments, **{name: value})
    assert done.returncode == 78 and not done.stdout
    assert name in done.stderr and done.stderr.count("\n") == 1
    assert not [secret for secret in SECRETS if secret in done.stderr]


@pytest.mark.parametrize(
    ("issuer", "good", "good_in_production"),
    [
        ("https://accounts.example", True, True),
        ("https://accounts.example/tenant/", True, True),
        ("http://127.0.0.1:9", True, False),
        ("http://accounts.example", False, False),
        ("http://127.0.0.1.accounts.example", False, False),
        ("https://somebody@accounts.example", False, False),
        ("https://accounts.example/?tenant=1", False, False),
    ],
)
def test_an_openid_issuer(issuer, good, good_in_production):
    google = {"GOOGLE_CLIENT_ID": "id", "GOOGLE_CLIENT_SECRET": "secret of the client", "GOOGLE_ISSUER": issuer}
    for environment, expected in (("development", good), ("production", good_in_production)):
        done = run("auth", "--check-config", TITHI_ENV=environment, PUBLIC_URL="https://tithi.example", **google)
        assert done.returncode == (0 if expected else 78), done.stderr
        assert expected or "GOOGLE_ISSUER" in done.stderr


@pytest.mark.parametrize("program", ["gateway", "crm"])
def test_the_sample_token_is_for_the_sandbox(program):
    assert run(program, "--check-config", CRM_BEARER_TOKEN=CRM_TOKEN).returncode == 0
    for token in (CRM_TOKEN, "x" * 31):
        done = run(program, "--check-config", TITHI_ENV="production", CRM_BEARER_TOKEN=token, PUBLIC_URL="https://tithi.example")
        assert done.returncode == 78 and "CRM_BEARER_TOKEN" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("program", ["gateway", "auth"])
def test_a_secret_from_a_file(program, tmp_path):
    (tmp_path / "key").write_text(JWT_KEY + "\n")
    done = run(program, "--check-config", JWT_SECRET_KEY="", JWT_SECRET_KEY_FILE=str(tmp_path / "key"))
    assert done.returncode == 0 and "JWT_SECRET_KEY=***" in done.stdout
