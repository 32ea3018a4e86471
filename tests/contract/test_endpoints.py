"""Webhook endpoints by API: made, changed, tried out, their secrets, what they get, the log of deliveries, sending again."""

import base64
import concurrent.futures
import contextlib
import datetime
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness import refusal, start_stack, stop_stack, unique, vendor_calls, wait_until
from mails import Mails
from test_personal_data import erase
from test_security_events import all_events, own

ENDPOINTS = "/webhooks"
ELSEWHERE = "https://crm.example.com/hook"
NOT_FOUND = (404, "endpoint_not_found")
INNER_HOSTS = ["10.0.0.1", "0.0.0.0", "0", "0xa.1", "167772161", "012.0.0.1", "10.0.0.1.", "169.254.169.254", "100.64.0.1", "[::ffff:127.0.0.1]",
               "[::ffff:8.8.8.8]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[fe80::1]", "[fd00::1]"]  # fmt: skip
ADDED, CHANGED = "A new webhook endpoint for your account", "The address of your webhook endpoint was changed"


class Endpoint:
    """One of somebody's, as it was made."""

    def __init__(self, owner, url, **fields):
        answer = owner.post(ENDPOINTS, {"url": url, **fields})
        assert answer.status_code == 201, answer.text
        self.owner, self.secret, self.made = owner, answer.json()["secret"], answer.json()["endpoint"]
        self.path = f"{ENDPOINTS}/{self.made['id']}"

    def shown(self):
        return self.owner.get(self.path).json()

    def change(self, **fields):
        return self.owner.put(self.path, fields)

    def rotate(self, **fields):
        answer = self.owner.post(f"{self.path}/secret", fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def test(self):
        """The webhook-id."""
        answer = self.owner.post(f"{self.path}/test")
        assert answer.status_code == 202, answer.text
        return answer.json()["webhook_id"]

    def deliveries(self, **query):
        return self.owner.get(f"{self.path}/deliveries", params=query).json()["deliveries"]

    def delivery(self, webhook_id):
        return self.owner.get(f"{self.path}/deliveries/{webhook_id}").json()

    def until(self, webhook_id, state):
        def shown():
            found = self.delivery(webhook_id)
            return found if found["delivery"]["state"] == state and (state != "due" or found["attempts"]) else None

        return wait_until(shown, lambda: f"{state}: {self.delivery(webhook_id)}")

    def replay(self, webhook_id):
        return self.owner.post(f"{self.path}/deliveries/{webhook_id}/replay")

    def replay_span(self, **fields):
        return self.owner.post(f"{self.path}/replay", {"from": moment(-1), **fields})


def moment(hours):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)).isoformat()


def with_id(webhook_id):
    return lambda delivery: delivery.headers["webhook-id"] == webhook_id


@pytest.fixture
def owner(stack):
    return stack.facilitator()


@pytest.fixture(scope="module")
def admin(stack):
    return stack.admin()


@pytest.fixture
def endpoint(owner, receiver):
    return Endpoint(owner, receiver.url + "/hook")


class TestManaging:
    def test_made_and_shown(self, owner):
        made = Endpoint(owner, ELSEWHERE, description="Our CRM", types=["booking.created", "event.updated"], timeout_s=5)
        assert made.secret.startswith("whsec_") and len(base64.b64decode(made.secret[6:])) == 32
        expected = {
            **{"url": ELSEWHERE, "description": "Our CRM", "types": ["booking.created", "event.updated"], "everything": False},
            **{"signature": "hmac", "public_key": None, "timeout_s": 5, "from_profile": False, "status": "active", "disabled_reason": None},
            **{"failing_since": None, "failures": 0, "former_until": None},
        }
        assert expected.items() <= made.made.items()
        assert made.shown() == made.made and owner.get(ENDPOINTS).json() == {"endpoints": [made.made]}

    def test_what_is_not_said(self, owner):
        made = Endpoint(owner, ELSEWHERE).made
        assert (made["description"], made["types"], made["signature"], made["timeout_s"]) == (None, [], "hmac", 15)

    def test_the_secret_is_shown_once(self, owner):
        made = Endpoint(owner, ELSEWHERE, signature="both")
        for answer in (owner.get(made.path), owner.get(ENDPOINTS), made.change(description="x")):
            assert made.secret not in answer.text and "whsec_" not in answer.text and "whsk_" not in answer.text

    @pytest.mark.parametrize(
        "change",
        [
            {"url": "https://other.example.com/"},
            {"description": "Other"},
            {"description": None},
            {"types": ["payment.refunded"]},
            {"types": []},
            {"signature": "ed25519"},
            {"timeout_s": 30},
            {},
        ],
        ids=repr,
    )
    def test_changed_in_what_is_given(self, owner, change):
        before = Endpoint(owner, ELSEWHERE, description="Our CRM", types=["booking.created"])
        answer = before.change(**change)
        assert answer.status_code == 200, answer.text
        after = answer.json()["endpoint"]
        differ = {name for name in after if after[name] != before.made[name]}
        assert change.items() <= after.items() and differ <= set(change) | {"updated_at", "public_key"}
        assert before.shown() == after

    def test_types_are_kept_once(self, owner):
        made = Endpoint(owner, ELSEWHERE, types=["event.updated", "booking.created", "event.updated"])
        assert made.made["types"] == ["event.updated", "booking.created"]
        assert made.change(types=["event.created", "event.created"]).json()["endpoint"]["types"] == ["event.created"]

    @pytest.mark.parametrize("port", ["0", "65536"])
    def test_ports_that_are_none(self, owner, port):
        answer = owner.post(ENDPOINTS, {"url": f"https://crm.example.com:{port}/"})
        assert refusal(answer) == (400, "validation_error") and "port" in str(answer.json()["details"]["url"])

    def test_disabled_and_enabled(self, endpoint):
        shown = endpoint.change(disabled=True).json()["endpoint"]
        assert (shown["status"], shown["disabled_reason"]) == ("disabled", "owner")
        assert refusal(endpoint.owner.post(f"{endpoint.path}/test")) == (409, "endpoint_disabled")
        assert refusal(endpoint.replay_span()) == (409, "endpoint_disabled")
        shown = endpoint.change(disabled=False).json()["endpoint"]
        assert (shown["status"], shown["disabled_reason"]) == ("active", None)
        assert endpoint.owner.post(f"{endpoint.path}/test").status_code == 202

    def test_removed(self, endpoint):
        assert endpoint.owner.delete(endpoint.path).status_code == 200
        assert refusal(endpoint.owner.get(endpoint.path)) == refusal(endpoint.owner.delete(endpoint.path)) == NOT_FOUND
        assert endpoint.owner.get(ENDPOINTS).json() == {"endpoints": []}

    def test_not_too_many(self, owner):
        made = [Endpoint(owner, f"{ELSEWHERE}/{number}") for number in range(15)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: owner.post(ENDPOINTS, {"url": ELSEWHERE}), range(4)))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
        assert refusal(owner.post(ENDPOINTS, {"url": ELSEWHERE})) == (409, "too_many_endpoints")
        assert owner.delete(made[7].path).status_code == 200
        Endpoint(owner, ELSEWHERE)
        shown = owner.get(ENDPOINTS).json()["endpoints"]
        assert len(shown) == 16 and [each["id"] for each in shown] == sorted(each["id"] for each in shown)

    def test_others_have_none_of_it(self, stack, endpoint, admin):
        webhook_id = endpoint.test()
        for stranger in (stack.facilitator(), admin):
            for method, path, body in (
                ("GET", "", None), ("PUT", "", {"description": "x"}), ("DELETE", "", None), ("POST", "/secret", {}), ("POST", "/test", None),
                ("GET", "/deliveries", None), ("POST", "/replay", {"from": moment(-1)}),
            ):  # fmt: skip
                answer = stranger.request(method, endpoint.path + path, **({} if body is None else {"json": body}))
                assert refusal(answer) == NOT_FOUND, (method, path)
            for method, path in (("GET", ""), ("POST", "/replay")):
                answer = stranger.request(method, f"{endpoint.path}/deliveries/{webhook_id}{path}")
                assert refusal(answer) == (404, "delivery_not_found"), (method, path)
            assert stranger.get(ENDPOINTS).json() == {"endpoints": []}
        other = Endpoint(endpoint.owner, ELSEWHERE)
        answer = endpoint.owner.get(f"{other.path}/deliveries/{webhook_id}")
        assert refusal(answer) == (404, "delivery_not_found"), "it went to another endpoint"
        assert {**endpoint.shown(), "status": ""} == {**endpoint.made, "status": ""}

    def test_for_facilitators_only(self, person):
        assert refusal(person.get(ENDPOINTS)) == refusal(person.post(ENDPOINTS, {"url": ELSEWHERE})) == (403, "forbidden")

    def test_everything_is_for_administrators(self, owner, admin):
        made = Endpoint(owner, ELSEWHERE)
        for answer in (owner.post(ENDPOINTS, {"url": ELSEWHERE, "everything": True}), made.change(everything=True)):
            assert refusal(answer) == (403, "forbidden")
        made = Endpoint(admin, ELSEWHERE, everything=True)
        assert made.made["everything"] is True and made.change(everything=False).json()["endpoint"]["everything"] is False
        admin.delete(made.path)

    @pytest.mark.parametrize(
        "url", ["crm", "ftp://crm.example.com/", "https://me:pw@crm.example.com/", "https://me@crm.example.com/", "https://crm.example.com/#a", ""]
    )
    def test_no_address_of_a_webhook(self, owner, url):
        made = Endpoint(owner, ELSEWHERE)
        for answer in (owner.post(ENDPOINTS, {"url": url}), made.change(url=url)):
            assert refusal(answer) == (400, "validation_error") and "url" in answer.json()["details"]

    @pytest.mark.parametrize("host", INNER_HOSTS)
    def test_addresses_that_are_not_everybodys(self, owner, host):
        made = Endpoint(owner, ELSEWHERE)
        for answer in (owner.post(ENDPOINTS, {"url": f"https://{host}/hook"}), made.change(url=f"https://{host}/hook")):
            assert refusal(answer) == (400, "address_refused")
        assert made.shown()["url"] == ELSEWHERE

    @pytest.mark.parametrize(
        "fields", [{"types": ["booking.deleted"]}, {"types": "booking.created"}, {"signature": "rsa"}, {"timeout_s": 0}, {"timeout_s": 31},
                   {"description": "two\nlines"}, {"secret": "whsec_x"}]
    )  # fmt: skip
    def test_bad_fields(self, owner, fields):
        answer = owner.post(ENDPOINTS, {"url": ELSEWHERE, **fields})
        assert refusal(answer) == (400, "validation_error") and next(iter(fields)) in str(answer.json()["details"])

    def test_a_repeat_makes_no_second(self, owner):
        headers = {"Idempotency-Key": unique("key")}
        first, again = (owner.post(ENDPOINTS, {"url": ELSEWHERE}, headers=headers) for _ in range(2))
        assert first.status_code == again.status_code == 201
        assert first.json() == again.json() and first.json()["secret"].startswith("whsec_")
        assert len(owner.get(ENDPOINTS).json()["endpoints"]) == 1


class TestTold:
    """What becomes of an endpoint stands in the log of security events, and its owner hears by mail where things go."""

    @pytest.fixture
    def verified(self, stack, owner):
        stack.rows("UPDATE users SET is_verified = true WHERE id = %s", owner.id)
        return owner

    def noted(self, person):
        """Oldest first."""
        return [(event["event"], event["detail"]) for event in reversed(own(person, limit=100)) if "webhook" in event["detail"]]

    def test_a_life_of_one(self, stack, owner, admin):
        made = Endpoint(owner, ELSEWHERE, types=["booking.created"])
        for change in ({"url": f"{ELSEWHERE}/2", "types": []}, {"signature": "both"}, {"disabled": True}, {"disabled": False}):
            assert made.change(**change).status_code == 200
        made.rotate()
        assert owner.delete(made.path).status_code == 200
        called = f"webhook endpoint {made.made['id']}: "
        updates = ["address, types", "signature", "disabled", "enabled", "new secret"]
        expected = [("sensitive_create", "made"), *(("sensitive_update", what) for what in updates), ("sensitive_delete", "removed")]
        assert self.noted(owner) == [(event, called + what) for event, what in expected]
        events = all_events(admin, user_id=owner.id)
        assert events == own(owner)
        (removed,) = [event for event in events if event["event"] == "sensitive_delete"]
        assert removed["address"] == "127.0.0.1" and removed["request_id"] and removed["session_id"] and "actor_id" not in removed
        assert self.noted(stack.facilitator()) == []

    def test_what_changes_nothing_is_not_noted(self, owner):
        made = Endpoint(owner, ELSEWHERE, types=["booking.created"])
        as_it_is = {"url": ELSEWHERE, "types": ["booking.created"], "signature": "hmac", "disabled": False}
        for change in ({}, {"description": "x", "timeout_s": 20}, as_it_is):
            assert made.change(**change).status_code == 200
        assert [event for event, _ in self.noted(owner)] == ["sensitive_create"]

    def test_what_is_refused_is_not_noted(self, owner, admin):
        made = Endpoint(owner, ELSEWHERE)
        assert refusal(owner.post(ENDPOINTS, {"url": "https://10.0.0.1/"})) == (400, "address_refused")
        for answer in (made.change(url="ftp://x/"), made.change(everything=True)):
            assert not answer.ok
        for stranger in (admin.delete(made.path), admin.post(f"{made.path}/secret", {}), admin.put(made.path, {"disabled": True})):
            assert refusal(stranger) == NOT_FOUND
        assert [event for event, _ in self.noted(owner)] == ["sensitive_create"]
        assert not [event for event in own(admin, limit=100) if event["detail"].startswith(f"webhook endpoint {made.made['id']}:")]

    def test_a_repeat_is_noted_once(self, owner):
        headers = {"Idempotency-Key": unique("key")}
        for _ in range(2):
            assert owner.post(ENDPOINTS, {"url": ELSEWHERE}, headers=headers).status_code == 201
        assert len(self.noted(owner)) == 1

    def test_removed_by_two_at_once(self, owner):
        made = Endpoint(owner, ELSEWHERE)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: owner.delete(made.path), range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]
        assert [event for event, _ in self.noted(owner)] == ["sensitive_create", "sensitive_delete"]

    def test_its_owner_gets_a_mail(self, stack, verified):
        made = Endpoint(verified, f"{ELSEWHERE}/first")
        mail = Mails(stack).wait(verified.email, ADDED)
        assert f"{ELSEWHERE}/first" in mail.text and f"Hello {verified.name}," in mail.text and "UTC" not in mail.subject
        assert made.change(types=["booking.created"]).ok and made.change(url=f"{ELSEWHERE}/second").ok
        mail = Mails(stack).wait(verified.email, CHANGED)
        assert f"{ELSEWHERE}/second" in mail.text and f"{ELSEWHERE}/first" not in mail.text and "/account" in mail.text
        made.rotate()
        verified.delete(made.path)
        sent = [mail.subject for mail in Mails(stack).to(verified.email)]
        assert sent.count(ADDED) == sent.count(CHANGED) == 1

    def test_not_with_a_strangers_words(self, stack, owner):
        """Who has not shown that the address is theirs has no words of theirs mailed to it."""
        Endpoint(owner, f"{ELSEWHERE}/buy-this")
        mail = Mails(stack).wait(owner.email, ADDED)
        assert "buy-this" not in mail.text and owner.name not in mail.text

    @pytest.mark.parametrize(
        ("language", "subjects"),
        [
            ("hi", ["आपके खाते के लिए नया वेबहुक एंडपॉइंट", "आपके वेबहुक एंडपॉइंट का पता बदल दिया गया"]),
            ("es", ["Un nuevo destino de webhooks para su cuenta", "La dirección de su destino de webhooks ha cambiado"]),
            ("de", ["Ein neuer Webhook-Endpunkt für Ihr Konto", "Die Adresse Ihres Webhook-Endpunkts wurde geändert"]),
            ("fr", ["Une nouvelle destination de webhooks pour votre compte", "L’adresse de votre destination de webhooks a été modifiée"]),
        ],
    )
    def test_in_the_owner_s_language(self, stack, verified, language, subjects):
        assert verified.put("/profile/mail", {"language": language, "time_zone": "Asia/Kolkata"}).ok
        assert Endpoint(verified, f"{ELSEWHERE}/1").change(url=f"{ELSEWHERE}/2").ok
        for subject, url in zip(subjects, (f"{ELSEWHERE}/1", f"{ELSEWHERE}/2")):
            assert url in Mails(stack).wait(verified.email, subject).text

    def test_the_profiles(self, stack, verified):
        """It is told in the profile's own words; by mail, whenever it leads somewhere else."""
        for url in (f"{ELSEWHERE}/1", f"{ELSEWHERE}/1", f"{ELSEWHERE}/2", None):
            assert verified.put("/profile", {"crm_webhook_url": url}).ok
        assert self.noted(verified) == [("user_updated", "address of the webhook changed")] * 3
        for subject, url in ((ADDED, f"{ELSEWHERE}/1"), (CHANGED, f"{ELSEWHERE}/2")):
            assert url in Mails(stack).wait(verified.email, subject).text
        sent = [mail.subject for mail in Mails(stack).to(verified.email)]
        assert sent.count(ADDED) == sent.count(CHANGED) == 1


class TestLimits:
    """What has webhooks sent at will has a class of its own."""

    @pytest.fixture(scope="class")
    def tight(self):
        stack = start_stack({"RATE_LIMIT_SEND": "3/3600"})
        yield stack
        stop_stack(stack)

    def refused(self, answer):
        assert refusal(answer) == (429, "rate_limited"), answer.text
        assert 1 <= int(answer.headers["Retry-After"]) <= 1200
        assert answer.headers["RateLimit-Policy"] == '"send";q=3;w=3600' and answer.headers["RateLimit"].startswith('"send";r=0;t=')

    def test_tests_and_replays_of_one_person_together(self, tight, receiver):
        endpoint = Endpoint(tight.facilitator(), receiver.url)
        webhook_id = endpoint.test()
        endpoint.until(webhook_id, "delivered")
        assert endpoint.replay(webhook_id).status_code == 202
        answer = endpoint.replay_span()
        assert answer.status_code == 202 and answer.headers["RateLimit"].startswith('"send";r=0;')
        for answer in (endpoint.owner.post(f"{endpoint.path}/test"), endpoint.replay(webhook_id), endpoint.replay_span()):
            self.refused(answer)
        assert endpoint.change(description="x").ok and endpoint.shown()["description"] == "x"
        assert Endpoint(tight.facilitator(), receiver.url).test()

    def test_whatever_shows_who_it_is(self, tight, receiver):
        """Another session of the same person, or another endpoint, has no count of its own."""
        owner = tight.facilitator()
        endpoints = [Endpoint(owner, receiver.url), Endpoint(tight.login(owner.email), receiver.url)]
        for endpoint in (*endpoints, endpoints[0]):
            endpoint.test()
        for endpoint in endpoints:
            self.refused(endpoint.owner.post(f"{endpoint.path}/test"))

    def test_in_the_contract(self, stack):
        paths = stack.anonymous.get("/openapi.json").json()["paths"]
        limited = {path for path, item in paths.items() if item.get("post", {}).get("x-limit") == "send"}
        plain = {f"{ENDPOINTS}/{{endpoint_id}}/{what}" for what in ("test", "replay", "deliveries/{webhook_id}/replay")}
        assert limited == plain | {f"/api{path}" for path in plain} | {"/admin/deliveries/{webhook_id}/replay"}


class TestProfile:
    """The profile's crm_webhook_url is one of the endpoints."""

    @pytest.fixture
    def profile(self, owner, receiver):
        answer = owner.put("/profile", {"crm_webhook_url": receiver.url})
        (made,) = owner.get(ENDPOINTS).json()["endpoints"]
        endpoint = Endpoint.__new__(Endpoint)
        endpoint.owner, endpoint.secret, endpoint.made = owner, answer.json()["crm_webhook_secret"], made
        endpoint.path = f"{ENDPOINTS}/{made['id']}"
        return endpoint

    @pytest.mark.parametrize("host", INNER_HOSTS)
    def test_no_address_that_is_not_everybodys(self, owner, host):
        """As where an endpoint is made."""
        for scheme in ("http", "https"):
            for path in ("/profile", "/profile/webhook"):
                answer = owner.put(path, {"crm_webhook_url": f"{scheme}://{host}/hook"})
                assert refusal(answer) == (400, "address_refused") and list(answer.json()["details"]) == ["crm_webhook_url"]
        assert owner.get("/profile").json()["crm_webhook_url"] is None and owner.get(ENDPOINTS).json() == {"endpoints": []}

    @pytest.mark.parametrize("url", ["http://localhost:9/hook", "http://127.0.0.1:9/hook", "https://8.8.8.8/", "http://crm.example.com/"])
    def test_what_may_be_reached(self, owner, url):
        """The stack's WEBHOOK_ALLOW_NETS names the loopback; names are judged when they are resolved."""
        assert owner.put("/profile", {"crm_webhook_url": url}).json()["user"]["crm_webhook_url"] == url

    def test_one_that_is_there_stays(self, stack, owner):
        """A profile may be sent as it was shown."""
        url = "http://10.0.0.1/hook"
        stack.rows("UPDATE users SET crm_webhook_url = %s, crm_webhook_secret = 'whsec_AAAA' WHERE id = %s", url, owner.id)
        assert owner.put("/profile", {"crm_webhook_url": url, "bio": "Yoga"}).json()["user"]["crm_webhook_url"] == url
        assert refusal(owner.put("/profile", {"crm_webhook_url": url + "s"})) == (400, "address_refused")

    def test_comes_and_goes_with_it(self, owner, profile, receiver):
        assert (profile.made["url"], profile.made["from_profile"]) == (receiver.url, True)
        webhook_id = profile.test()
        assert receiver.wait_for(with_id(webhook_id)).is_signed_by(profile.secret)
        assert owner.put("/profile/webhook", {"crm_webhook_url": ELSEWHERE}).status_code == 200
        assert profile.shown()["url"] == ELSEWHERE
        assert owner.put("/profile", {"crm_webhook_url": None}).status_code == 200
        assert owner.get(ENDPOINTS).json() == {"endpoints": []}

    def test_its_address_is_the_profiles(self, profile, receiver):
        expected = (409, "endpoint_of_profile")
        assert refusal(profile.change(url=ELSEWHERE)) == refusal(profile.owner.delete(profile.path)) == expected
        shown = profile.change(url=receiver.url, types=["booking.created"], description="Mine").json()["endpoint"]
        assert (shown["types"], shown["description"]) == (["booking.created"], "Mine")

    def test_its_secret_is_replaced(self, profile, receiver):
        new = profile.rotate()["secret"]
        delivery = receiver.wait_for(with_id(profile.test()))
        assert delivery.is_signed_by(profile.secret) and delivery.is_signed_by(new)

    def test_another_address_is_a_new_beginning(self, stack, owner, profile):
        stack.rows("INSERT INTO lanes (channel, lane, failures) VALUES ('webhook', %s, 7)", profile.made["id"])
        assert (profile.shown()["status"], profile.shown()["failures"]) == ("failing", 7)
        profile.change(disabled=True)
        owner.put("/profile", {"crm_webhook_url": ELSEWHERE})
        assert (profile.shown()["status"], profile.shown()["failures"]) == ("active", 0)


def checked(delivery, secret, **headers):
    """What npm's standardwebhooks says."""
    given = {name: delivery.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    (result,) = vendor_calls("standardwebhooks", None, None, secret, ["verify", delivery.body.decode(), {**given, **headers}])
    return result.get("value") or result["error"]["message"]


def key_verifies(delivery, public_key):
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    signed = b".".join([delivery.headers["webhook-id"].encode(), delivery.headers["webhook-timestamp"].encode(), delivery.body])
    found = [each.partition(",")[2] for each in delivery.headers["webhook-signature"].split(" ") if each.startswith("v1a,")]
    for signature in found:
        try:
            key.verify(base64.b64decode(signature), signed)
            return True
        except InvalidSignature:
            continue
    return False


def schemes(delivery):
    return [each.partition(",")[0] for each in delivery.headers["webhook-signature"].split(" ")]


class TestSigning:
    def test_npm_verifies(self, endpoint, receiver):
        delivery = receiver.wait_for(with_id(endpoint.test()))
        said = checked(delivery, endpoint.secret)
        assert said == delivery.json and (said["type"], said["endpoint_id"]) == ("webhook.test", endpoint.made["id"])
        other = base64.b64encode(b"other" * 6).decode()
        assert checked(delivery, other) == checked(delivery, endpoint.secret, **{"webhook-id": "msg_x"}) == "No matching signature found"
        for seconds, what in ((-400, "old"), (400, "new")):
            headers = {"webhook-timestamp": str(int(time.time()) + seconds)}
            assert checked(delivery, endpoint.secret, **headers) == f"Message timestamp too {what}"

    def test_a_key_signs(self, owner, receiver):
        made = Endpoint(owner, receiver.url, signature="ed25519")
        assert made.secret is None and made.made["public_key"].startswith("whpk_")
        delivery = receiver.wait_for(with_id(made.test()))
        assert schemes(delivery) == ["v1a"] and key_verifies(delivery, made.made["public_key"])
        delivery.body += b" "
        assert not key_verifies(delivery, made.made["public_key"])

    def test_both_sign(self, owner, receiver):
        made = Endpoint(owner, receiver.url, signature="both")
        delivery = receiver.wait_for(with_id(made.test()))
        assert schemes(delivery) == ["v1", "v1a"]
        assert delivery.is_signed_by(made.secret) and key_verifies(delivery, made.made["public_key"])
        assert checked(delivery, made.secret) == delivery.json

    def test_a_key_is_asked_for_later(self, endpoint, receiver):
        public_key = endpoint.change(signature="both").json()["endpoint"]["public_key"]
        delivery = receiver.wait_for(with_id(endpoint.test()))
        assert delivery.is_signed_by(endpoint.secret) and key_verifies(delivery, public_key)
        assert endpoint.change(signature="hmac").json()["endpoint"]["public_key"] is None
        assert schemes(receiver.wait_for(with_id(endpoint.test()))) == ["v1"]

    def test_a_secret_is_replaced(self, stack, endpoint, receiver):
        answer = endpoint.rotate(former_hours=2)
        new = answer["secret"]
        left = datetime.datetime.fromisoformat(answer["endpoint"]["former_until"]) - datetime.datetime.now(datetime.timezone.utc)
        assert 7190 < left.total_seconds() <= 7200 and endpoint.shown()["former_until"] == answer["endpoint"]["former_until"]
        delivery = receiver.wait_for(with_id(endpoint.test()))
        assert schemes(delivery) == ["v1", "v1"]
        assert checked(delivery, endpoint.secret) == checked(delivery, new) == delivery.json
        stack.rows("UPDATE webhook_endpoints SET former_until = now() WHERE id = %s", endpoint.made["id"])
        delivery = receiver.wait_for(with_id(endpoint.test()))
        assert schemes(delivery) == ["v1"] and delivery.is_signed_by(new)
        assert endpoint.shown()["former_until"] is None

    def test_keys_are_replaced_too(self, owner, receiver):
        made = Endpoint(owner, receiver.url, signature="both")
        answer = made.rotate()
        delivery = receiver.wait_for(with_id(made.test()))
        assert schemes(delivery) == ["v1", "v1", "v1a", "v1a"]
        assert delivery.is_signed_by(made.secret) and delivery.is_signed_by(answer["secret"])
        former, new = made.made["public_key"], answer["endpoint"]["public_key"]
        assert former != new and key_verifies(delivery, former) and key_verifies(delivery, new)

    def test_a_secret_that_leaked_is_void_at_once(self, endpoint, receiver):
        answer = endpoint.rotate(former_hours=0)
        assert answer["endpoint"]["former_until"] is None
        delivery = receiver.wait_for(with_id(endpoint.test()))
        assert delivery.is_signed_by(answer["secret"]) and not delivery.is_signed_by(endpoint.secret)


class TestWhatIsSent:
    def test_types_are_chosen(self, stack, person, owner, receiver):
        made = {name: Endpoint(owner, f"{receiver.url}/{name}", types=types) for name, types in
                (("all", []), ("cancelled", ["booking.cancelled"]), ("events", ["event.created", "event.cancelled"]))}  # fmt: skip
        event = stack.event(owner)
        booking = stack.book(person, event)
        assert person.post(f"/bookings/{booking['id']}/cancel").status_code == 200
        receiver.wait_for(lambda delivery: (delivery.path, delivery.json["type"]) == ("/cancelled", "booking.cancelled"))

        def types(name):
            return {each["type"] for each in made[name].deliveries(state="delivered")}

        wait_until(lambda: types("all") >= {"booking.cancelled", "booking.created", "event.created"}, lambda: types("all"))
        assert types("cancelled") == {"booking.cancelled"} and types("events") == {"event.created"}

    def test_each_endpoint_has_its_own_secret(self, stack, person, owner, receiver):
        made = [Endpoint(owner, f"{receiver.url}/{number}", types=["booking.created"]) for number in range(3)]
        booking = stack.book(person, stack.event(owner))
        ids = set()
        for _ in made:
            delivery = receiver.wait_for(lambda each: each.json.get("booking_id") == booking["id"])
            number = int(delivery.path[1:])
            assert [delivery.is_signed_by(each.secret) for each in made] == [each == number for each in range(3)]
            ids.add(delivery.headers["webhook-id"])
        assert len(ids) == 3

    def test_administrators_may_hear_everything(self, stack, person, owner, admin, receiver):
        own = Endpoint(admin, f"{receiver.url}/own", types=["booking.created"])
        everything = Endpoint(admin, f"{receiver.url}/everything", types=["booking.created"], everything=True)
        booking = stack.book(person, stack.event(owner))
        delivery = receiver.wait_for(lambda each: each.json.get("booking_id") == booking["id"])
        assert delivery.path == "/everything" and delivery.is_signed_by(everything.secret)
        assert own.deliveries() == []
        stack.rows("UPDATE users SET role = 'facilitator' WHERE id = %s", admin.id)
        booking = stack.book(person, stack.event(owner))
        wait_until(lambda: stack.rows("SELECT position FROM log_entries WHERE booking_id = %s AND type = 'booking.created'", booking["id"])[0][0],
                   "the booking is spread")  # fmt: skip
        stack.rows("UPDATE users SET role = 'admin' WHERE id = %s", admin.id)
        assert [each["state"] for each in everything.deliveries()] in (["delivered"], ["dead", "delivered"])
        for each in (own, everything):
            admin.delete(each.path)

    def test_who_is_no_administrator_any_more(self, stack, person, owner, receiver):
        """Neither hears nor sees nor repeats what is others', also where the endpoint is an ordinary one by now."""
        admin = stack.admin()
        endpoint = Endpoint(admin, f"{receiver.url}/former", types=["booking.created"], everything=True)
        theirs = stack.book(person, stack.event(owner))
        webhook_id = receiver.wait_for(lambda each: each.path == "/former" and each.json["booking_id"] == theirs["id"]).headers["webhook-id"]
        endpoint.until(webhook_id, "delivered")
        stack.rows("UPDATE users SET role = 'facilitator' WHERE id = %s", admin.id)
        for everything in (True, False):
            stack.rows("UPDATE webhook_endpoints SET everything = %s WHERE id = %s", everything, endpoint.made["id"])
            assert endpoint.deliveries() == []
            assert refusal(admin.get(f"{endpoint.path}/deliveries/{webhook_id}")) == (404, "delivery_not_found")
            assert refusal(endpoint.replay(webhook_id)) == (404, "delivery_not_found")
            assert endpoint.replay_span(state="all").json()["replayed"] == 0
            again = "UPDATE outbox SET state = 'due', attempts = 0, finished_at = NULL, next_attempt_at = now() WHERE webhook_id = %s"
            stack.rows(again, webhook_id)
            stack.rows("NOTIFY outbox")
            state = "SELECT state, last_error FROM outbox WHERE webhook_id = %s"
            wait_until(lambda: stack.rows(state, webhook_id)[0][0] == "dead", lambda: stack.rows(state, webhook_id))
            assert "may not hear" in stack.rows(state, webhook_id)[0][1]
        stack.rows("UPDATE webhook_endpoints SET everything = true WHERE id = %s", endpoint.made["id"])
        stack.rows(
            "INSERT INTO log_entries (type, cause, owner_id, body) VALUES ('booking.created', %s, %s, '{\"booking_id\": 0}')", unique("own"), admin.id
        )
        stack.rows("NOTIFY outbox")
        assert receiver.wait_for(lambda each: each.path == "/former").json == {"booking_id": 0}
        wait_until(lambda: [each["state"] for each in endpoint.deliveries()] == ["delivered"], endpoint.deliveries)
        admin.delete(endpoint.path)

    def test_who_is_no_facilitator_any_more(self, stack, endpoint, receiver):
        stack.rows("UPDATE users SET role = 'user' WHERE id = %s", endpoint.owner.id)
        lane = endpoint.made["id"]
        ((queued,),) = stack.rows(
            "INSERT INTO outbox (channel, lane, owner_id, type, cause, body) VALUES ('webhook', %s, %s, 'booking.created', %s, '{}') RETURNING webhook_id",
            *(lane, endpoint.owner.id, unique("cause")),
        )
        ((entry,),) = stack.rows(
            "INSERT INTO log_entries (type, cause, owner_id, body) VALUES ('booking.created', %s, %s, '{}') RETURNING id", unique("cause"), endpoint.owner.id
        )
        stack.rows("NOTIFY outbox")
        spread = "SELECT position FROM log_entries WHERE id = %s"
        wait_until(lambda: stack.rows(spread, entry)[0][0], "the entry is spread")
        rows = "SELECT webhook_id, state, attempts FROM outbox WHERE channel = 'webhook' AND lane = %s"
        wait_until(lambda: stack.rows(rows, lane) == [(queued, "dead", 0)], lambda: stack.rows(rows, lane))
        assert not stack.rows("SELECT 1 FROM inboxes WHERE user_id = %s", endpoint.owner.id)

    def test_an_endpoints_row_never_goes_to_the_operator(self, stack, owner):
        ((queued,),) = stack.rows(
            "INSERT INTO outbox (channel, lane, owner_id, type, cause, body) VALUES ('webhook', 0, %s, 'booking.created', %s, '{}') RETURNING webhook_id",
            *(owner.id, unique("cause")),
        )
        stack.rows("NOTIFY outbox")
        row = "SELECT state, attempts FROM outbox WHERE webhook_id = %s"
        wait_until(lambda: stack.rows(row, queued) == [("dead", 0)], lambda: stack.rows(row, queued))


class TestDeliveries:
    def test_one_with_its_attempt(self, endpoint, receiver):
        receiver.answers.put((201, {}, "Danke ✓".encode()))
        webhook_id = endpoint.test()
        sent = receiver.wait_for(with_id(webhook_id))
        found = endpoint.until(webhook_id, "delivered")
        assert (found["url"], found["body"].encode()) == (receiver.url + "/hook", sent.body)
        expected = {"webhook_id": webhook_id, "type": "webhook.test", "state": "delivered", "attempts": 1, "last_status": 201}
        assert expected.items() <= found["delivery"].items()
        assert found["delivery"]["finished_at"] and found["delivery"]["next_attempt_at"] is found["delivery"]["last_error"] is None
        (attempt,) = found["attempts"]
        assert (attempt["number"], attempt["status"], attempt["response"], attempt["error"]) == (1, 201, "Danke ✓", None)
        assert 0 <= attempt["duration_ms"] < 15000 and attempt["started_at"] >= found["delivery"]["created_at"][:19]

    def test_one_that_fails(self, endpoint, receiver):
        receiver.answers.put((500, {}, b"\xff\xfe no, " + b"x" * 100000))
        webhook_id = endpoint.test()
        found = endpoint.until(webhook_id, "due")
        assert (found["delivery"]["attempts"], found["delivery"]["last_status"]) == (1, 500) and found["delivery"]["next_attempt_at"]
        (attempt,) = found["attempts"]
        assert attempt["error"] == "answered 500" and "no, xxx" in attempt["response"] and len(attempt["response"].encode()) <= 2048
        assert (endpoint.shown()["status"], endpoint.shown()["failures"]) == ("failing", 1) and endpoint.shown()["failing_since"]
        assert refusal(endpoint.replay(webhook_id)) == (409, "delivery_in_progress")
        found = endpoint.until(webhook_id, "delivered")
        assert [(each["number"], each["status"]) for each in found["attempts"]] == [(1, 500), (2, 204)]
        assert (endpoint.shown()["status"], endpoint.shown()["failing_since"]) == ("active", None)

    def test_the_list(self, stack, endpoint, receiver):
        sent = [endpoint.test() for _ in range(5)]
        for webhook_id in sent:
            endpoint.until(webhook_id, "delivered")
        stack.rows("UPDATE outbox SET state = 'dead' WHERE webhook_id = %s", sent[1])
        assert [each["webhook_id"] for each in endpoint.deliveries()] == sent[::-1]
        assert [each["webhook_id"] for each in endpoint.deliveries(state="dead")] == [sent[1]]
        assert endpoint.deliveries(type="booking.created") == [] and len(endpoint.deliveries(type="webhook.test")) == 5
        path, found = f"{endpoint.path}/deliveries?limit=2", []
        for _ in range(3):
            page = endpoint.owner.get(path).json()
            found += [each["webhook_id"] for each in page["deliveries"]]
            path = f"{endpoint.path}/deliveries?limit=2&after={page['next']}"
        assert found == sent[::-1] and page["next"] is None
        assert refusal(endpoint.owner.get(f"{endpoint.path}/deliveries?after=x")) == (400, "bad_cursor")

    @pytest.mark.parametrize("webhook_id", ["msg_x", "%27", "a" * 64])
    def test_an_unknown_one(self, endpoint, webhook_id):
        path = f"{endpoint.path}/deliveries/{webhook_id}"
        for answer in (endpoint.owner.get(path), endpoint.owner.post(f"{path}/replay")):
            assert refusal(answer) == (404, "delivery_not_found")


def archive(stack, webhook_id):
    """As the sweeps do an hour after the end."""
    stack.rows("WITH gone AS (DELETE FROM outbox WHERE webhook_id = %s RETURNING *) INSERT INTO outbox_archive SELECT * FROM gone", webhook_id)


class TestReplay:
    @pytest.mark.parametrize("archived", [False, True])
    def test_one(self, stack, endpoint, receiver, archived):
        webhook_id = endpoint.test()
        first = receiver.wait_for(with_id(webhook_id))
        endpoint.until(webhook_id, "delivered")
        if archived:
            archive(stack, webhook_id)
            assert endpoint.delivery(webhook_id)["delivery"]["state"] == "delivered"
        answer = endpoint.replay(webhook_id)
        assert (answer.status_code, answer.json()["replayed"]) == (202, 1)
        again = receiver.wait_for(with_id(webhook_id))
        assert again.body == first.body and again.is_signed_by(endpoint.secret)
        found = wait_until(lambda: (found := endpoint.until(webhook_id, "delivered")) and len(found["attempts"]) == 2 and found, "two attempts")
        assert found["delivery"]["attempts"] == 1
        assert stack.rows("SELECT archived FROM deliveries WHERE webhook_id = %s", webhook_id) == [(False,)]

    def test_who_is_erased_meanwhile_does_not_come_back(self, stack, person, endpoint, receiver):
        """The replay has taken the archived row, and has not committed yet, while the erasure goes through outbox and archive."""
        booking = stack.book(person, stack.event(endpoint.owner))
        delivery = receiver.wait_for(lambda each: each.json["type"] == "booking.created")
        webhook_id = delivery.headers["webhook-id"]
        assert delivery.json["user"]["email"] == person.email
        endpoint.until(webhook_id, "delivered")
        assert person.post(f"/bookings/{booking['id']}/cancel").ok
        archive(stack, webhook_id)
        endpoint.until(webhook_id, "delivered")
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        with contextlib.closing(stack.database()) as connection, concurrent.futures.ThreadPoolExecutor(2) as pool:
            with connection.cursor() as cursor:  # the replay waits for whether this row is there
                same = "INSERT INTO outbox (webhook_id, channel, lane, type, cause, body) VALUES (%s, 'webhook', 0, 'x', 'x', '{}')"
                cursor.execute(same, (webhook_id,))
            replay = pool.submit(endpoint.replay, webhook_id)
            wait_until(lambda: stack.rows(waiting) == [(1,)], "the replay waits")
            erasure = pool.submit(erase, person)
            wait_until(lambda: stack.rows(waiting) == [(2,)], "the erasure waits for the replay")
            connection.rollback()
            assert replay.result().status_code == 202 and erasure.result().status_code == 200
        ((body, archived),) = stack.rows("SELECT body::json, archived FROM deliveries WHERE webhook_id = %s", webhook_id)
        assert body["user"] == {"id": person.id, "name": "Erased", "email": f"erased-{person.id}@erased.invalid"} and not archived

    def test_a_repeat_replays_once(self, endpoint, receiver):
        webhook_id = endpoint.test()
        endpoint.until(webhook_id, "delivered")
        headers = {"Idempotency-Key": unique("key")}
        path = f"{endpoint.path}/deliveries/{webhook_id}/replay"
        answers = [endpoint.owner.post(path, headers=headers).status_code for _ in range(2)]
        assert answers == [202, 202]
        wait_until(lambda: len(endpoint.delivery(webhook_id)["attempts"]) == 2, "the second attempt")
        assert endpoint.until(webhook_id, "delivered") and len(endpoint.delivery(webhook_id)["attempts"]) == 2

    def test_those_of_a_time(self, stack, endpoint, receiver):
        sent = [endpoint.test() for _ in range(6)]
        for webhook_id in sent:
            endpoint.until(webhook_id, "delivered")
        assert {receiver.wait_for(lambda _: True).headers["webhook-id"] for _ in sent} == set(sent)
        for number, webhook_id in enumerate(sent):
            change = "UPDATE outbox SET type = 'booking.created', created_at = now() - %s * interval '1 hour', state = %s WHERE webhook_id = %s"
            stack.rows(change, 6 - number, "dead" if number % 2 else "delivered", webhook_id)
        archive(stack, sent[1])
        assert endpoint.replay_span(**{"from": moment(-5.5), "to": moment(-2.5)}).json()["replayed"] == 2
        came = {receiver.wait_for(lambda _: True).headers["webhook-id"] for _ in range(2)}
        assert came == {sent[1], sent[3]}
        for webhook_id in came:
            endpoint.until(webhook_id, "delivered")
        assert endpoint.replay_span(**{"from": moment(-7)}).json()["replayed"] == 1, "dead ones, unless others are asked for"
        assert receiver.wait_for(lambda _: True).headers["webhook-id"] == sent[5]
        endpoint.until(sent[5], "delivered")
        assert endpoint.replay_span(**{"from": moment(-7)}, state="all").json()["replayed"] == 6
        assert {receiver.wait_for(lambda _: True).headers["webhook-id"] for _ in range(6)} == set(sent)
        assert endpoint.replay_span(**{"from": moment(1)}, state="all").json()["replayed"] == 0

    def test_no_tests_and_nothing_backwards(self, endpoint):
        endpoint.until(endpoint.test(), "delivered")
        assert endpoint.replay_span(state="all").json()["replayed"] == 0
        answer = endpoint.replay_span(to=moment(-2))
        assert refusal(answer) == (400, "validation_error") and "to" in answer.json()["details"]

    def test_what_happened_while_it_was_disabled(self, stack, owner, receiver):
        missed, kept_off = (Endpoint(owner, f"{receiver.url}/{number}", types=["event.created"]) for number in range(2))
        for each in (missed, kept_off):
            each.change(disabled=True)
        stack.rows("UPDATE webhook_endpoints SET disabled_at = now() - interval '31 days' WHERE id = %s", kept_off.made["id"])
        event = stack.event(owner)
        (row,) = wait_until(missed.deliveries, "the delivery is noted")
        assert (row["state"], row["attempts"], row["last_error"]) == ("dead", 0, "the endpoint was disabled") and row["finished_at"]
        assert kept_off.deliveries() == []
        missed.change(disabled=False)
        assert missed.replay_span().json()["replayed"] == 1
        delivery = receiver.wait_for(with_id(row["webhook_id"]))
        assert (delivery.path, delivery.json["event_id"]) == ("/0", event["id"]) and delivery.is_signed_by(missed.secret)

    def test_so_many_at_a_time(self, stack, endpoint):
        stack.rows(
            "INSERT INTO outbox (channel, lane, owner_id, type, cause, body, state, finished_at)"
            " SELECT 'webhook', %s, %s, 'booking.created', 'many:' || number, '{}', 'dead', now() FROM generate_series(1, 10010) AS number",
            *(endpoint.made["id"], endpoint.owner.id),
        )
        endpoint.change(disabled=True)
        stack.rows("UPDATE webhook_endpoints SET url = 'http://127.0.0.1:9/', disabled_at = NULL, disabled_reason = NULL WHERE id = %s", endpoint.made["id"])
        replayed = [endpoint.replay_span().json()["replayed"] for _ in range(2)]
        endpoint.owner.delete(endpoint.path)
        stack.rows("DELETE FROM outbox WHERE lane = %s AND channel = 'webhook'", endpoint.made["id"])
        assert replayed[0] == 10000 and replayed[1] >= 10


def test_a_test_is_heard_at_once(endpoint, receiver):
    fastest = 10
    for _ in range(3):
        start = time.monotonic()
        webhook_id = endpoint.test()
        receiver.wait_for(with_id(webhook_id))
        fastest = min(fastest, time.monotonic() - start)
    assert fastest < 0.5
