"""Sign-in with Google, against a certified OpenID provider for what must work and an evil one for what must not."""

import concurrent.futures
import contextlib
import json
import os
import signal
import time
import urllib.parse

import pytest
import requests

from harness import PASSWORD, Client, free_port, refusal, start_stack, stop_stack, unique, wait_until
from issuers import CLIENT_ID, CLIENT_SECRET, CertifiedIssuer, EvilIssuer, SigningKey, query_of, token_of
from mails import GOOGLE_LINKED, Mails

PATH = "/auth/google"
CALLBACK = "/auth/google/callback"
REFUSED = (401, "identity_refused")
INTERRUPTED = (400, "sign_in_interrupted")
AWAY = (503, "identity_provider_unavailable")
IDENTITIES = "/profile/identities"
COOKIE = "__Host-google"


def settings(issuer_url):
    return {
        "GOOGLE_CLIENT_ID": CLIENT_ID,
        "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
        "GOOGLE_ISSUER": issuer_url,
        "RATE_LIMIT_AUTH": "off",
    }


def facts(stack):
    """What a refused sign-in must not add to."""
    tables = ("users", "identities", "sessions", "refresh_tokens", "credentials")
    return stack.rows("SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables))


def somebody():
    name = unique("person")
    return f"sub-{name}", f"{name}@example.com"


def begin(stack):
    """Where the browser is sent, and the cookie that binds it."""
    answer = stack.anonymous.get(PATH)
    assert answer.status_code == 302 and answer.text == "", answer.text
    line = answer.headers["Set-Cookie"]
    assert line.startswith(f"{COOKIE}=") and line.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"), line
    return answer.headers["Location"], line.split(";")[0]


def come_back(stack, cookie, headers=None, **query):
    sent = {**({"Cookie": cookie} if cookie else {}), **(headers or {})}
    return stack.anonymous.get(f"{CALLBACK}?{urllib.parse.urlencode(query)}", headers=sent, server_error=True)


def post(stack, token, **more):
    return stack.anonymous.post(PATH, {"id_token": token, **more}, server_error=True)


def profile_of(stack, answer):
    profile = Client(stack.base_url, answer.json()["access_token"]).get("/profile")
    assert profile.status_code == 200, profile.text
    return profile.json()


def forget_caches(stack):
    """A fresh auth worker."""
    pid = stack.pid("auth-1")
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: stack.pid("auth-1") not in (0, pid), "the auth worker is not back")
    wait_until(lambda: requests.get(f"{stack.base_url}/readyz", timeout=10).ok, "the stack is not ready")


@contextlib.contextmanager
def nothing_left_behind(stack):
    before = facts(stack)
    yield
    assert facts(stack) == before


def assert_refused(stack, answer, field, problem):
    assert refusal(answer) == REFUSED, answer.text
    assert answer.json()["details"] == {field: problem}
    request_id = answer.json()["request_id"]
    wait_until(lambda: f"suspicious: {field} {problem}" in stack.logs(), "the log does not tell")
    events = stack.rows("SELECT event, detail FROM security_events WHERE request_id = %s", request_id)
    assert events == [("authn_login_fail", "google: identity_refused")]


class TestNotSetUp:
    def test_it_is_not_there(self, stack):
        for answer in (stack.anonymous.get(PATH), stack.anonymous.get(CALLBACK), stack.anonymous.post(PATH, {"id_token": "x"})):
            assert refusal(answer) == (404, "sign_in_not_configured")


@pytest.fixture(scope="module")
def certified_stack():
    """Its provider is not there yet."""
    port = free_port()
    stack = start_stack(settings(f"http://127.0.0.1:{port}"))
    stack.issuer_port = port
    yield stack
    stop_stack(stack)


@pytest.fixture(scope="module")
def provider(certified_stack):
    provider = CertifiedIssuer(certified_stack.issuer_port, certified_stack.base_url + CALLBACK)
    time.sleep(1.1)  # a provider that was away is asked again after a second
    yield provider
    provider.close()


class TestProviderThatIsAway:
    def test_the_rest_works_without_it(self, certified_stack):
        with nothing_left_behind(certified_stack):
            assert refusal(certified_stack.anonymous.get(PATH, server_error=True)) == AWAY
        assert certified_stack.user().get("/profile").status_code == 200

    def test_a_browser_is_told_by_the_web_app(self, certified_stack):
        answer = certified_stack.anonymous.get(PATH, headers={"Accept": "text/html"})
        assert answer.status_code == 302
        assert answer.headers["Location"].endswith("/app/login?error=identity_provider_unavailable")


class TestCertifiedProvider:
    """The whole flow, through npm's oidc-provider."""

    @pytest.fixture
    def stack(self, certified_stack, provider):
        return certified_stack

    def sign_in(self, stack, provider, claims, **headers):
        location, cookie = begin(stack)
        target = provider.walk(location, claims)
        return come_back(stack, cookie, {"Accept": "application/json", **headers}, **query_of(target))

    def claims(self, **more):
        subject, email = somebody()
        return {"sub": subject, "email": email, "email_verified": True, "name": "Jo Doe", **more}

    def test_where_people_are_sent(self, stack, provider):
        location, cookie = begin(stack)
        query = query_of(location)
        assert location.startswith(f"{provider.url}/auth?")
        assert query["response_type"] == "code" and query["client_id"] == CLIENT_ID
        assert query["redirect_uri"] == provider.redirect_uri and query["scope"] == "openid email profile"
        assert query["code_challenge_method"] == "S256"
        values = [query["state"], query["nonce"], query["code_challenge"], cookie.partition("=")[2]]
        assert len(set(values)) == 4 and all(len(value) == 43 for value in values)
        again, other_cookie = begin(stack)
        assert other_cookie != cookie and not set(values) & set(query_of(again).values())

    def test_front_ends_know_of_it(self, stack):
        assert stack.anonymous.get("/site").json()["google"] is True

    def test_a_program(self, stack, provider):
        claims = self.claims(picture="https://img.example/jo.png")
        answer = self.sign_in(stack, provider, claims)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["user"]["google_id"] == claims["sub"] and body["user"]["email"] == claims["email"]
        assert body["user"]["name"] == "Jo Doe" and body["user"]["role"] == "user"
        assert body["user"]["profile_picture"] == claims["picture"]
        assert body["next"] == f"{stack.base_url}/app/signed-in"
        profile = profile_of(stack, answer)
        assert profile["email"] == claims["email"] and profile["is_verified"]
        again = self.sign_in(stack, provider, {**claims, "email": "changed-" + claims["email"], "name": "Another"})
        assert again.json()["user"] == {**body["user"], "id": profile["id"]}
        events = stack.rows("SELECT event, detail FROM security_events WHERE user_id = %s ORDER BY id", profile["id"])
        assert [event for event, _ in events[:3]] == ["user_created", "authn_login_success", "session_created"]

    def test_a_browser(self, stack, provider):
        led_here = {"Accept": "text/html", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        answer = self.sign_in(stack, provider, self.claims(), **led_here)
        assert answer.status_code == 302 and answer.headers["Location"] == f"{stack.base_url}/app/signed-in"
        cookies = {line.split("=")[0]: line for line in answer.raw.headers.getlist("Set-Cookie")}
        assert cookies.keys() == {"__Host-session", "__Host-refresh", COOKIE} and "Max-Age=0" in cookies[COOKIE]
        session = cookies["__Host-session"].split(";")[0]
        profile = stack.anonymous.get("/profile", headers={"Cookie": session, "Sec-Fetch-Site": "same-origin"})
        assert profile.status_code == 200

    def test_under_its_other_name(self, stack, provider):
        answer = stack.anonymous.get("/api/auth/google")
        assert answer.status_code == 302 and answer.headers["Location"].startswith(provider.url)

    def test_a_callback_is_good_once(self, stack, provider):
        location, cookie = begin(stack)
        query = query_of(provider.walk(location, self.claims()))
        assert come_back(stack, cookie, **query).status_code == 200
        with nothing_left_behind(stack):
            assert refusal(come_back(stack, cookie, **query)) == INTERRUPTED

    def test_a_code_of_another_sign_in(self, stack, provider):
        """PKCE binds the code to the sign-in that it was asked by."""
        stolen = query_of(provider.walk(begin(stack)[0], self.claims()))
        location, cookie = begin(stack)
        with nothing_left_behind(stack):
            answer = come_back(stack, cookie, **{**stolen, "state": query_of(location)["state"]})
            assert_refused(stack, answer, "code", "is wrong, expired or was used already")

    def test_an_answer_of_another_provider(self, stack, provider):
        for issuer in ("https://accounts.example", ""):
            location, cookie = begin(stack)
            query = query_of(provider.walk(location, self.claims()))
            assert query["iss"] == provider.url
            with nothing_left_behind(stack):
                answer = come_back(stack, cookie, **{**query, "iss": issuer})
                assert_refused(stack, answer, "iss", "is not the provider that was asked")
        location, cookie = begin(stack)
        query = query_of(provider.walk(location, self.claims()))
        del query["iss"]
        assert refusal(come_back(stack, cookie, **query)) == REFUSED

    def test_an_address_that_is_not_verified(self, stack, provider):
        with nothing_left_behind(stack):
            answer = self.sign_in(stack, provider, self.claims(email_verified=False))
            assert_refused(stack, answer, "id_token", "holds an e-mail address that is not verified")

    def test_tokens_by_post(self, stack, provider):
        claims = self.claims()
        answer = post(stack, provider.id_token(claims, "n-1"), nonce="n-1", google_id=claims["sub"])
        assert answer.status_code == 200, answer.text
        assert profile_of(stack, answer)["email"] == claims["email"]
        by_flow = self.sign_in(stack, provider, claims)
        assert by_flow.json()["user"]["id"] == answer.json()["user"]["id"]
        other_name = stack.anonymous.post("/api/auth/google", {"credential": provider.id_token(claims)})
        assert other_name.status_code == 200

    def test_keys_that_rotate(self, stack, provider):
        claims = self.claims()
        old = provider.id_token(claims)
        assert post(stack, old).status_code == 200
        provider.rotate()
        assert self.sign_in(stack, provider, claims).status_code == 200
        with nothing_left_behind(stack):
            assert_refused(stack, post(stack, old), "id_token", "is signed by a key that is not known")


@pytest.fixture(scope="module")
def issuer():
    issuer = EvilIssuer()
    yield issuer
    issuer.close()


@pytest.fixture(scope="module")
def evil_stack(issuer):
    stack = start_stack(settings(issuer.url))
    stack.evil = issuer
    yield stack
    stop_stack(stack)


@pytest.fixture
def evil(evil_stack):
    return evil_stack


def redeemed(stack, token):
    """A whole sign-in through the browser, in which the provider hands out this token. `token`: of the nonce."""
    location, cookie = begin(stack)
    query = query_of(location)
    code = unique("code")
    stack.evil.codes[code] = token(query["nonce"])
    return come_back(stack, cookie, state=query["state"], code=code)


NOW = int(time.time())
LONG = "x" * 300

# What is wrong with the claims -> what the answer says.
WRONG_CLAIMS = {
    "iss of another": ({"iss": "https://accounts.example"}, "is of another issuer"),
    "no iss": ({"iss": None}, "is of another issuer"),
    "aud of another": ({"aud": "another.apps.example"}, "is for another client"),
    "no aud": ({"aud": None}, "is for another client"),
    "aud of several": ({"aud": [CLIENT_ID, "another.apps.example"], "azp": CLIENT_ID}, "is for another client"),
    "azp of another": ({"azp": "another.apps.example"}, "is for another client"),
    "aud of several, azp of another": ({"aud": [CLIENT_ID, "b"], "azp": "b"}, "is for another client"),
    "expired": ({"iat": NOW - 7200, "exp": NOW - 120}, "has expired"),
    "no exp": ({"exp": None}, "does not say when it is good"),
    "exp as text": ({"exp": str(NOW + 3600)}, "does not say when it is good"),
    "of the future": ({"iat": NOW + 3600, "exp": NOW + 7200}, "is not good yet"),
    "not yet": ({"nbf": NOW + 3600}, "is not good yet"),
    "no iat": ({"iat": None}, "does not say when it is good"),
    "no sub": ({"sub": None}, "does not say whom it is about"),
    "empty sub": ({"sub": ""}, "does not say whom it is about"),
    "sub of 300": ({"sub": LONG}, "does not say whom it is about"),
    "sub as number": ({"sub": 7}, "does not say whom it is about"),
    "sub with a line break": ({"sub": "a\nb"}, "does not say whom it is about"),
    "not verified": ({"email_verified": False}, "holds an e-mail address that is not verified"),
    "not verified, as text": ({"email_verified": "false"}, "holds an e-mail address that is not verified"),
    "verified is missing": ({"email_verified": None}, "holds an e-mail address that is not verified"),
    "no email": ({"email": None}, "holds no e-mail address"),
    "no address": ({"email": "somebody"}, "holds no e-mail address"),
    "two addresses": ({"email": "a@example.com,b@example.com"}, "holds no e-mail address"),
}


def signed(claims=None, **header):
    """Tokens of a good issuer with this header; `claims`: makes other text of the good ones."""
    return lambda issuer, good: token_of(issuer.key, issuer.header(**header), claims(good) if claims else good)


def cut(change):
    """What becomes of a good token."""
    return lambda issuer, good: change(token_of(issuer.key, issuer.header(), good))


# Tokens that are wrong in their form, header or signature, and what the answer says.
NOT_RS256 = "is not signed by RS256"
NO_TOKEN = "is no signed token"
UNKNOWN_KEY = "is signed by a key that is not known"
WRONG_FORMS = {
    "alg none": (signed(alg="none"), NO_TOKEN),
    "alg none, with a signature": (lambda issuer, good: token_of(issuer.key, issuer.header(alg="none"), good) + "AAAA", NOT_RS256),
    "HS256 by the public key": (signed(alg="HS256"), NOT_RS256),
    "RS512": (signed(alg="RS512"), NOT_RS256),
    "PS256": (signed(alg="PS256"), NOT_RS256),
    "ES256": (signed(alg="ES256"), NOT_RS256),
    "no alg": (signed(alg=None), NOT_RS256),
    "unknown kid": (signed(kid="unknown"), UNKNOWN_KEY),
    "kid as a path": (signed(kid="../../dev/null"), UNKNOWN_KEY),
    "no kid": (signed(kid=None), "does not name its key"),
    "crit": (signed(crit=["exp"]), "asks for an extension that is not known"),
    "an access token": (signed(typ="at+jwt"), "is of another type"),
    "a key of its own": (
        lambda issuer, good: token_of(own := SigningKey(key_id=issuer.key.id), issuer.header(jwk=own.jwk()), good),
        "has a wrong signature",
    ),
    "alg twice": (
        lambda issuer, good: token_of(issuer.key, '{"alg":"none",' + json.dumps(issuer.header())[1:], good),
        NO_TOKEN,
    ),
    "a claim twice": (signed(lambda good: '{"sub":"admin",' + json.dumps(good)[1:]), "holds no claims"),
    "no JSON": (signed(lambda good: "no"), "holds no claims"),
    "a list": (signed(lambda good: "[]"), "holds no claims"),
    "truncated": (cut(lambda token: token[:-1]), NO_TOKEN),
    "without signature": (cut(lambda token: token.rpartition(".")[0] + "."), NO_TOKEN),
    "padded": (cut(lambda token: token + "=="), NO_TOKEN),
    "four parts": (cut(lambda token: token + ".x"), NO_TOKEN),
    "dots": (cut(lambda token: ".."), NO_TOKEN),
}


class TestEvilTokens:
    @pytest.mark.parametrize("name", WRONG_CLAIMS)
    def test_wrong_claims(self, evil, name):
        change, problem = WRONG_CLAIMS[name]
        with nothing_left_behind(evil):
            assert_refused(evil, post(evil, evil.evil.token(*somebody(), **change)), "id_token", problem)

    @pytest.mark.parametrize("name", WRONG_FORMS)
    def test_wrong_forms(self, evil, name):
        make, problem = WRONG_FORMS[name]
        token = make(evil.evil, evil.evil.claims(*somebody()))
        with nothing_left_behind(evil):
            assert_refused(evil, post(evil, token), "id_token", problem)

    @pytest.mark.parametrize("name", ["iss of another", "aud of another", "azp of another", "expired", "not verified", "no sub"])
    def test_wrong_claims_through_the_browser(self, evil, name):
        change, problem = WRONG_CLAIMS[name]
        with nothing_left_behind(evil):
            answer = redeemed(evil, lambda nonce: evil.evil.token(*somebody(), **{"nonce": nonce, **change}))
            assert_refused(evil, answer, "id_token", problem)

    @pytest.mark.parametrize("name", ["alg none", "HS256 by the public key", "RS512", "a key of its own", "crit"])
    def test_wrong_forms_through_the_browser(self, evil, name):
        make, problem = WRONG_FORMS[name]
        with nothing_left_behind(evil):
            answer = redeemed(evil, lambda nonce: make(evil.evil, evil.evil.claims(*somebody(), nonce=nonce)))
            assert_refused(evil, answer, "id_token", problem)

    def test_a_nonce_of_another_sign_in(self, evil):
        other = query_of(begin(evil)[0])["nonce"]
        for nonce in (other, "", None):
            with nothing_left_behind(evil):
                answer = redeemed(evil, lambda _, nonce=nonce: evil.evil.token(*somebody(), nonce=nonce))
                assert_refused(evil, answer, "id_token", "does not hold the nonce")

    def test_a_nonce_by_post(self, evil):
        with nothing_left_behind(evil):
            for held in ("n-1", None):
                answer = post(evil, evil.evil.token(*somebody(), nonce=held), nonce="n-2")
                assert_refused(evil, answer, "id_token", "does not hold the nonce")

    def test_oversize(self, evil):
        with nothing_left_behind(evil):
            answer = post(evil, evil.evil.token(*somebody(), filler="x" * 8192))
            assert refusal(answer) == (400, "validation_error") and "id_token" in answer.json()["details"]
            by_flow = redeemed(evil, lambda nonce: evil.evil.token(*somebody(), nonce=nonce, filler="x" * 8192))
            assert_refused(evil, by_flow, "id_token", NO_TOKEN)

    def test_a_google_id_that_is_not_the_tokens(self, evil):
        subject, email = somebody()
        with nothing_left_behind(evil):
            answer = post(evil, evil.evil.token(subject, email), google_id="another")
            assert_refused(evil, answer, "google_id", "is not whom the token is about")

    def test_a_google_id_alone_proves_nothing(self, evil):
        """As document 004 has it."""
        body = {"google_id": "google_user_id", "email": "john@example.com", "name": "John Doe"}
        for path in (PATH, "/api/auth/google"):
            answer = evil.anonymous.post(path, body)
            assert refusal(answer) == (400, "validation_error") and "id_token" in answer.json()["details"]

    def test_unknown_keys_are_looked_for_within_bounds(self, evil):
        forget_caches(evil)
        before = len(evil.evil.asked(EvilIssuer.KEYS))
        assert post(evil, evil.evil.token(*somebody())).status_code == 200
        for _ in range(10):
            claims = evil.evil.claims(*somebody())
            assert refusal(post(evil, token_of(evil.evil.key, evil.evil.header(kid=unique("kid")), claims))) == REFUSED
        assert len(evil.evil.asked(EvilIssuer.KEYS)) - before == 1 + 3
        assert post(evil, evil.evil.token(*somebody())).status_code == 200


class TestBrowserBinding:
    """A callback counts in the browser that began, once."""

    def come_back_with(self, evil, cookie, state, **query):
        code = unique("code")
        evil.evil.codes[code] = evil.evil.token(*somebody())
        before = len(evil.evil.asked(EvilIssuer.TOKEN))
        with nothing_left_behind(evil):
            assert refusal(come_back(evil, cookie, **{"state": state, "code": code, **query})) == INTERRUPTED
        assert len(evil.evil.asked(EvilIssuer.TOKEN)) == before  # the code was not even tried

    def test_no_cookie(self, evil):
        self.come_back_with(evil, None, query_of(begin(evil)[0])["state"])

    def test_the_cookie_of_another_browser(self, evil):
        """Neither does the sign-in count any more in its own browser: somebody else knows of it."""
        (location, cookie), (_, other) = begin(evil), begin(evil)
        self.come_back_with(evil, other, query_of(location)["state"])
        self.come_back_with(evil, cookie, query_of(location)["state"])

    def test_a_state_that_nobody_has_begun(self, evil):
        self.come_back_with(evil, begin(evil)[1], "A" * 43)

    def test_no_state(self, evil):
        assert refusal(come_back(evil, begin(evil)[1], code="x")) == INTERRUPTED

    def test_too_late(self, evil):
        location, cookie = begin(evil)
        evil.rows("UPDATE oidc_logins SET expires_at = now() - interval '1 second'")
        self.come_back_with(evil, cookie, query_of(location)["state"])

    def test_a_replay(self, evil):
        location, cookie = begin(evil)
        state, nonce = query_of(location)["state"], query_of(location)["nonce"]
        evil.evil.codes["first"] = evil.evil.token(*somebody(), nonce=nonce)
        assert come_back(evil, cookie, state=state, code="first").status_code == 200
        self.come_back_with(evil, cookie, state)

    def test_somebody_who_did_not_want_to(self, evil):
        location, cookie = begin(evil)
        state = query_of(location)["state"]
        answer = come_back(evil, cookie, state=state, error="access_denied", error_description="No", error_uri="https://x.example")
        assert refusal(answer) == INTERRUPTED
        self.come_back_with(evil, cookie, state)

    def test_neither_code_nor_error(self, evil):
        location, cookie = begin(evil)
        assert refusal(come_back(evil, cookie, state=query_of(location)["state"])) == INTERRUPTED

    def test_a_browser_is_led_to_the_login_page(self, evil):
        answer = come_back(evil, None, {"Accept": "text/html"}, state="A" * 43, code="x")
        assert answer.status_code == 302
        assert answer.headers["Location"] == f"{evil.base_url}/app/login?error=sign_in_interrupted"

    def test_only_hashes_are_kept(self, evil):
        location, cookie = begin(evil)
        rows = str(evil.rows("SELECT state_hash::text, browser_hash::text, nonce, verifier FROM oidc_logins"))
        assert query_of(location)["state"] not in rows and cookie.partition("=")[2] not in rows


class TestAccounts:
    def test_a_new_one(self, evil):
        subject, email = somebody()
        answer = post(evil, evil.evil.token(subject, email, name="Jo Doe"), email="ignored@example.com", name="Ignored")
        assert answer.status_code == 200, answer.text
        profile = profile_of(evil, answer)
        assert (profile["email"], profile["name"], profile["role"], profile["is_verified"]) == (email, "Jo Doe", "user", True)
        assert evil.rows("SELECT issuer, subject FROM identities WHERE user_id = %s", profile["id"]) == [(evil.evil.url, subject)]
        assert refusal(evil.anonymous.post("/auth/login", {"email": email, "password": PASSWORD})) == (401, "invalid_credentials")

    def test_a_cookie_session(self, evil):
        body = {"id_token": evil.evil.token(*somebody())}
        answer = evil.anonymous.post("/session/google", body, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 200 and "access_token" not in answer.json()
        session = answer.headers["Set-Cookie"].split(";")[0]
        profile = evil.anonymous.get("/profile", headers={"Cookie": session, "Sec-Fetch-Site": "same-origin"})
        assert profile.json()["id"] == answer.json()["user"]["id"]
        with nothing_left_behind(evil):
            elsewhere = evil.anonymous.post("/session/google", body, headers={"Sec-Fetch-Site": "cross-site"})
            assert refusal(elsewhere) == (403, "csrf_refused")

    @pytest.mark.parametrize(
        ("given", "kept"),
        [("  Jo\r\nDoe\x07\x1b[31m ", "Jo Doe [31m"), ("\u2028", None), ("x" * 300, "x" * 200), (7, None), ("Jörg 😀", "Jörg 😀")],
    )
    def test_names(self, evil, given, kept):
        subject, email = somebody()
        answer = post(evil, evil.evil.token(subject, email, name=given))
        assert answer.json()["user"]["name"] == (kept or email.partition("@")[0])

    @pytest.mark.parametrize("picture", ["http://img.example/a.png", "javascript:alert(1)", "https://img.example/a b", 7])
    def test_pictures_that_are_none(self, evil, picture):
        subject, email = somebody()
        assert post(evil, evil.evil.token(subject, email, picture=picture)).status_code == 200
        assert evil.rows("SELECT picture_url FROM users WHERE email = %s", email) == [(None,)]

    def test_the_subject_counts_and_not_the_address(self, evil):
        subject, email = somebody()
        first = post(evil, evil.evil.token(subject, email))
        again = post(evil, evil.evil.token(subject, somebody()[1]))
        assert again.json()["user"] == first.json()["user"]

    def test_a_verified_account_is_linked(self, evil):
        email = evil.register()["email"]
        evil.rows("UPDATE users SET is_verified = true WHERE email = %s", email)
        person = evil.login(email)
        answer = post(evil, evil.evil.token(somebody()[0], email.upper()))
        assert answer.status_code == 200 and answer.json()["user"]["id"] == person.id
        assert person.get("/profile").status_code == 200  # nothing was taken away
        assert evil.login(email).id == person.id
        mail = Mails(evil).wait(email, GOOGLE_LINKED)
        assert "set a new password now, which unlinks it" in mail.text

    def test_unlinking(self, evil):
        subject, email = somebody()
        google = Client(evil.base_url, post(evil, evil.evil.token(subject, email)).json()["access_token"])
        (shown,) = google.get(IDENTITIES).json()["identities"]
        assert (shown["issuer"], shown["email"]) == (evil.evil.url, email) and shown["created_at"].endswith("Z")
        assert refusal(google.request("DELETE", IDENTITIES, json={})) == (409, "password_missing")
        assert google.post("/auth/password", {"new_password": PASSWORD}).status_code == 200
        person = evil.login(email)
        unproven = person.request("DELETE", IDENTITIES, json={"current_password": "wrong password"})
        assert refusal(unproven) == (401, "invalid_credentials") and google.get("/profile").status_code == 200
        assert person.request("DELETE", IDENTITIES, json={"current_password": PASSWORD}).status_code == 200
        assert person.get(IDENTITIES).json() == {"identities": []}
        assert google.get("/profile").status_code == 401 and person.get("/profile").status_code == 200
        noted = evil.rows("SELECT detail FROM security_events WHERE user_id = %s AND event = 'user_updated'", person.id)
        assert noted == [("unlinked from Google",)]

    def test_a_token_by_post_is_good_once(self, evil):
        """For a minute it leads to the same account, should the answer have been lost."""
        subject, email = somebody()
        token = evil.evil.token(subject, email)
        first, again = post(evil, token), post(evil, token)
        assert first.status_code == 200 and again.json()["user"] == first.json()["user"]
        evil.rows("UPDATE id_tokens_used SET used_at = now() - interval '61 seconds' WHERE user_id = %s", first.json()["user"]["id"])
        with nothing_left_behind(evil):
            late = post(evil, token)
            assert refusal(late) == REFUSED and late.json()["details"] == {"id_token": "has been used"}
        assert post(evil, evil.evil.token(subject, email, jti=unique("another"))).status_code == 200

    def test_a_used_token_links_nothing_again(self, evil):
        subject, email = somebody()
        token = evil.evil.token(subject, email)
        user_id = post(evil, token).json()["user"]["id"]
        evil.rows("DELETE FROM identities WHERE user_id = %s", user_id)
        with nothing_left_behind(evil):
            assert refusal(post(evil, token)) == REFUSED

    def test_an_account_that_waited_for_its_owner_is_taken_over(self, evil):
        """Whoever registered with somebody else's address keeps nothing that would let him in again."""
        email = evil.register("facilitator")["email"]
        squatter = evil.login(email)
        assert squatter.put("/profile", {"crm_webhook_url": "http://127.0.0.1:9/hook"}).status_code == 200
        made = squatter.post("/profile/keys", {"name": "k", "scopes": ["read"], "current_password": PASSWORD})
        assert made.status_code == 201, made.text
        key = Client(evil.base_url, made.json()["key"])
        assert key.get("/profile").status_code == 200
        change = squatter.post("/auth/email", {"email": somebody()[1], "current_password": PASSWORD})
        assert change.status_code < 300, change.text

        answer = post(evil, evil.evil.token(somebody()[0], email))
        assert answer.status_code == 200 and answer.json()["user"]["id"] == squatter.id
        profile = profile_of(evil, answer)
        assert profile["is_verified"] and profile["crm_webhook_url"] is None
        assert refusal(squatter.get("/profile")) == (401, "invalid_token")
        assert refusal(key.get("/profile")) == (401, "invalid_token")
        refreshed = evil.anonymous.post("/auth/refresh", headers={"Authorization": f"Bearer {squatter.refresh_token}"})
        assert refreshed.status_code == 401
        assert refusal(evil.anonymous.post("/auth/login", {"email": email, "password": PASSWORD})) == (401, "invalid_credentials")
        left = "SELECT count(*) FROM one_time_tokens WHERE user_id = %s UNION ALL SELECT count(*) FROM credentials WHERE user_id = %s"
        assert evil.rows(left, squatter.id, squatter.id) == [(0,), (0,)]
        details = evil.rows("SELECT detail FROM security_events WHERE user_id = %s AND event = 'user_updated'", squatter.id)
        assert any("are void" in detail for (detail,) in details)

    def test_the_same_address_with_another_subject(self, evil):
        subject, email = somebody()
        assert post(evil, evil.evil.token(subject, email)).status_code == 200
        with nothing_left_behind(evil):
            assert refusal(post(evil, evil.evil.token("another-" + subject, email))) == (403, "identity_conflict")

    def test_an_inactive_account(self, evil):
        subject, email = somebody()
        known = post(evil, evil.evil.token(subject, email)).json()["user"]["id"]
        waiting = evil.register()["email"]
        evil.rows("UPDATE users SET is_active = false WHERE id = %s OR email = %s", known, waiting)
        with nothing_left_behind(evil):
            for token in (evil.evil.token(subject, email), evil.evil.token(somebody()[0], waiting)):
                assert refusal(post(evil, token)) == (403, "account_inactive")

    def test_two_at_once_make_one_account(self, evil):
        subject, email = somebody()
        tokens = [evil.evil.token(subject, email)] * 8
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda token: post(evil, token), tokens))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["user"]["id"] for answer in answers}) == 1
        assert evil.rows("SELECT count(*) FROM users WHERE email = %s", email) == [(1,)]

    def test_two_subjects_at_once_with_one_address(self, evil):
        subject, email = somebody()
        tokens = [evil.evil.token(f"{number}-{subject}", email) for number in range(8)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda token: post(evil, token), tokens))
        assert sorted(answer.status_code for answer in answers) == [200] + [403] * 7
        assert evil.rows("SELECT count(*) FROM identities WHERE email = %s", email) == [(1,)]


class TestFaults:
    """Whatever the provider does, it is said in time, and everything else goes on."""

    @pytest.fixture(autouse=True)
    def good_again(self, evil):
        """It is asked again after a second, and then all is well."""
        yield
        wait_until(lambda: post(evil, evil.evil.token(*somebody())).status_code == 200, "nobody can sign in any more", 5)

    FAULTS = ["hang", "drop", "huge", "garbage", "redirect", (500, {}), (200, []), (200, {"keys": {}, "issuer": 7})]

    def assert_away(self, evil, path, fault):
        forget_caches(evil)
        started = time.monotonic()
        with evil.evil.faulty(path, fault), nothing_left_behind(evil):
            answer = evil.anonymous.get(PATH, server_error=True) if path == EvilIssuer.CONFIGURATION else None
            assert answer is None or refusal(answer) == AWAY
            assert refusal(post(evil, evil.evil.token(*somebody()))) == AWAY
        assert time.monotonic() - started < 9
        assert not evil.evil.asked("/elsewhere")

    @pytest.mark.parametrize("fault", FAULTS, ids=str)
    def test_configuration(self, evil, fault):
        self.assert_away(evil, EvilIssuer.CONFIGURATION, fault)

    @pytest.mark.parametrize("fault", FAULTS, ids=str)
    def test_keys(self, evil, fault):
        self.assert_away(evil, EvilIssuer.KEYS, fault)

    @pytest.mark.parametrize(
        "lie",
        [
            {"issuer": "https://accounts.google.com"},
            {"token_endpoint": "http://accounts.example/token"},
            {"jwks_uri": "file:///etc/passwd"},
            {"authorization_endpoint": "javascript:alert(1)"},
            {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
        ],
        ids=str,
    )
    def test_a_configuration_that_lies(self, evil, lie):
        forget_caches(evil)
        evil.evil.configuration = lie
        try:
            assert refusal(evil.anonymous.get(PATH, server_error=True)) == AWAY
        finally:
            evil.evil.configuration = {}

    def test_a_small_key(self, evil):
        small = SigningKey(1024)
        forget_caches(evil)
        evil.evil.published.append(small.jwk())
        try:
            with nothing_left_behind(evil):
                token = token_of(small, evil.evil.header(kid=small.id), evil.evil.claims(*somebody()))
                assert_refused(evil, post(evil, token), "id_token", UNKNOWN_KEY)
        finally:
            evil.evil.published.pop()

    @pytest.mark.parametrize("fault", ["hang", "drop", "huge", "garbage", "redirect", (500, {}), (401, {"error": "invalid_client"})], ids=str)
    def test_token_endpoint(self, evil, fault):
        with evil.evil.faulty(EvilIssuer.TOKEN, fault), nothing_left_behind(evil):
            started = time.monotonic()
            assert refusal(redeemed(evil, lambda nonce: evil.evil.token(*somebody(), nonce=nonce))) == AWAY
            assert time.monotonic() - started < 9

    def test_a_code_that_is_refused(self, evil):
        location, cookie = begin(evil)
        with nothing_left_behind(evil):
            answer = come_back(evil, cookie, state=query_of(location)["state"], code="unknown")
            assert_refused(evil, answer, "code", "is wrong, expired or was used already")

    def test_how_the_client_authenticates(self, evil):
        """By the header where that is allowed, else by the form."""
        for methods, in_form in ((None, False), (["client_secret_post"], True), (["client_secret_post", "client_secret_basic"], False)):
            forget_caches(evil)
            evil.evil.configuration = {"token_endpoint_auth_methods_supported": methods} if methods else {}
            try:
                assert redeemed(evil, lambda nonce: evil.evil.token(*somebody(), nonce=nonce)).status_code == 200
            finally:
                evil.evil.configuration = {}
            _, headers, form = evil.evil.asked(EvilIssuer.TOKEN)[-1]
            assert form["grant_type"] == "authorization_code" and len(form["code_verifier"]) == 43
            assert form["redirect_uri"] == evil.base_url + CALLBACK
            assert (form.get("client_secret") == CLIENT_SECRET) == in_form
            assert ("Authorization" in headers) == (not in_form)

    def test_a_flood_while_the_provider_hangs(self, evil):
        """Keeps nobody from signing in by password."""
        person = evil.user()
        forget_caches(evil)
        with evil.evil.faulty(EvilIssuer.CONFIGURATION, "hang"), concurrent.futures.ThreadPoolExecutor(40) as pool:
            asked = [pool.submit(evil.anonymous.get, PATH, server_error=True) for _ in range(40)]
            time.sleep(0.3)
            started = time.monotonic()
            assert evil.login(person.email).get("/profile").status_code == 200
            assert time.monotonic() - started < 2
            refusals = {refusal(each.result()) for each in asked}
        assert refusals <= {AWAY, (503, "overloaded")} and AWAY in refusals

    def test_a_stop_while_the_provider_hangs(self, evil):
        forget_caches(evil)
        with evil.evil.faulty(EvilIssuer.CONFIGURATION, "hang"), concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(evil.anonymous.get, PATH, server_error=True)
            wait_until(lambda: evil.evil.requests and evil.evil.requests[-1][0] == EvilIssuer.CONFIGURATION, "nobody asked")
            started = time.monotonic()
            forget_caches(evil)
            assert time.monotonic() - started < 15
            assert refusal(asked.result())[0] == 503


class TestSecondFactor:
    def test_google_does_not_stand_in_for_it(self, evil):
        subject, email = somebody()
        assert post(evil, evil.evil.token(subject, email)).status_code == 200
        evil.rows(
            "INSERT INTO second_factors (user_id, secret, confirmed_at) SELECT id, 'sealed', now() FROM users WHERE email = %s", email
        )
        answer = post(evil, evil.evil.token(subject, email))
        assert refusal(answer) == (401, "second_factor_required") and answer.json()["details"]["challenge"]
        location, cookie = begin(evil)
        query = query_of(location)
        evil.evil.codes["factor"] = evil.evil.token(subject, email, nonce=query["nonce"])
        by_browser = come_back(evil, cookie, {"Accept": "text/html"}, state=query["state"], code="factor")
        target = urllib.parse.urlsplit(by_browser.headers["Location"])
        assert target.query == "error=second_factor_required" and target.fragment.startswith("challenge=")


class TestLogs:
    def test_no_secret_is_in_them(self, evil, certified_stack):
        """After all of the above."""
        for stack in (evil, certified_stack):
            assert stack.leaks() == []
            assert CLIENT_SECRET not in stack.logs()
