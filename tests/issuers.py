"""OpenID providers for tests of sign-in with Google: a certified one (node/issuer.mjs), with a browser to walk through it, and an evil
one that signs and answers whatever it is told to."""

import base64
import contextlib
import hashlib
import hmac
import html.parser
import http.server
import json
import queue
import secrets
import subprocess
import threading
import time
import urllib.parse

import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from document import ROOT

CLIENT_ID = "tithi-tests.apps.example"
CLIENT_SECRET = "s3cr:t/+%= &x"  # to be encoded before it is joined


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def query_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


class Form(html.parser.HTMLParser):
    """The first form of a page."""

    def __init__(self, page):
        super().__init__()
        self.action = None
        self.fields = {}
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None:
            self.action = attributes["action"]
        elif tag == "input" and "name" in attributes:
            self.fields[attributes["name"]] = attributes.get("value", "")


class CertifiedIssuer:
    """npm's oidc-provider in a process of its own."""

    def __init__(self, port, redirect_uri):
        folder = ROOT / "tests/node"
        assert (folder / "node_modules/oidc-provider").is_dir(), "oidc-provider is not there; tests/run installs it"
        client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uris": [redirect_uri]}
        self.url = f"http://127.0.0.1:{port}"
        self.redirect_uri = redirect_uri
        self.process = subprocess.Popen(
            ["node", "issuer.mjs", json.dumps({"port": port, "client": client})],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.wait_for("ready")

    def wait_for(self, word):
        """It has other things to say, too."""
        assert word in (line.strip() for line in self.process.stdout), f"the provider did not say {word!r}"

    def rotate(self):
        """Replaces the key; nothing remains of the old one."""
        self.process.stdin.write("rotate\n")
        self.process.stdin.flush()
        self.wait_for("rotated")

    def walk(self, authorization_url, claims):
        """Signs in there as somebody with these claims, consents, and returns where the provider sends the browser back to."""
        browser = requests.Session()
        answer = browser.get(authorization_url, allow_redirects=False, timeout=10)
        for _ in range(20):
            if answer.is_redirect:
                target = urllib.parse.urljoin(answer.url, answer.headers["Location"])
                if target.startswith(self.redirect_uri):
                    return target
                answer = browser.get(target, allow_redirects=False, timeout=10)
                continue
            assert answer.status_code == 200, answer.text
            form = Form(answer.text)
            fields = {**form.fields, **({"login": json.dumps(claims), "password": "any"} if "login" in form.fields else {})}
            target = urllib.parse.urljoin(answer.url, form.action)
            answer = browser.post(target, data=fields, allow_redirects=False, timeout=10)
        raise AssertionError("the provider does not send the browser back")

    def id_token(self, claims, nonce=None):
        """What a program gets that goes through the flow by itself."""
        verifier = secrets.token_urlsafe(32)
        asked = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": self.redirect_uri,
            "scope": "openid email profile",
            "code_challenge": base64url(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
            **({"nonce": nonce} if nonce else {}),
        }
        came_back = self.walk(f"{self.url}/auth?{urllib.parse.urlencode(asked)}", claims)
        form = {
            "grant_type": "authorization_code",
            "code": query_of(came_back)["code"],
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        credentials = (urllib.parse.quote(CLIENT_ID, safe=""), urllib.parse.quote(CLIENT_SECRET, safe=""))
        answer = requests.post(f"{self.url}/token", data=form, auth=credentials, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()["id_token"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


class SigningKey:
    def __init__(self, bits=2048, key_id=None):
        self.id = key_id or secrets.token_hex(8)
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def jwk(self, **more):
        numbers = self.private.public_key().public_numbers()
        modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        return {"kty": "RSA", "kid": self.id, "use": "sig", "alg": "RS256", "e": "AQAB", "n": base64url(modulus), **more}

    def public_pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def signature(algorithm, key, signed):
    """By the algorithm that is named; HS256 by the public key, for those who mix the two up."""
    sha = hashes.SHA512() if algorithm.endswith("512") else hashes.SHA256()
    if algorithm.startswith("RS"):
        return key.private.sign(signed, padding.PKCS1v15(), sha)
    if algorithm.startswith("PS"):
        return key.private.sign(signed, padding.PSS(padding.MGF1(sha), sha.digest_size), sha)
    if algorithm.startswith("ES"):
        return ec.generate_private_key(ec.SECP256R1()).sign(signed, ec.ECDSA(sha))
    if algorithm.startswith("HS"):
        return hmac.new(key.public_pem(), signed, "sha256").digest()
    return b""


def token_of(key, header, claims):
    """Header and claims as dicts, or as the text that is to be signed."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    signed = ".".join(base64url(part.encode()) for part in parts)
    algorithm = header.get("alg", "RS256") if isinstance(header, dict) else "RS256"
    return f"{signed}.{base64url(signature(str(algorithm), key, signed.encode()))}"


class EvilIssuer:
    """A provider whose key is good and whose word is not. `faults` maps a path to what goes wrong there: "hang", "drop", "huge", "garbage",
    "redirect", or (status, body)."""

    CONFIGURATION, KEYS, TOKEN = "/.well-known/openid-configuration", "/keys", "/token"

    def __init__(self, port=0):
        self.key = SigningKey()
        self.published = [self.key.jwk()]
        self.configuration = {}  # what differs from what is right
        self.faults = {}
        self.codes = {}  # code -> id_token
        self.requests = []  # (path, headers, form)
        self.hanging = queue.Queue()
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                issuer.answer(self, "")

            def do_POST(self):
                issuer.answer(self, self.rfile.read(int(self.headers["Content-Length"])).decode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    # What it answers

    def good_answer(self, path, form):
        if path == self.CONFIGURATION:
            endpoints = {"authorization_endpoint": "/auth", "token_endpoint": self.TOKEN, "jwks_uri": self.KEYS}
            return 200, {"issuer": self.url, **{name: self.url + at for name, at in endpoints.items()}, **self.configuration}
        if path == self.KEYS:
            return 200, {"keys": self.published}
        if path == self.TOKEN and form.get("code") in self.codes:
            return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.codes.pop(form["code"])}
        return 400, {"error": "invalid_grant"}

    def answer(self, handler, body):
        form = dict(urllib.parse.parse_qsl(body))
        self.requests.append((handler.path, handler.headers, form))
        fault = self.faults.get(handler.path)
        if fault == "hang":
            with contextlib.suppress(queue.Empty):
                self.hanging.get(timeout=30)
        if fault in ("hang", "drop"):
            handler.close_connection = True
            return
        status, answer = self.good_answer(handler.path, form)
        headers = {"Content-Type": "application/json"}
        if fault == "huge":
            answer = {**answer, "filler": "x" * 200_000}
        elif fault == "garbage":
            answer = "<html>no"
        elif fault == "redirect":
            status, headers["Location"] = 302, f"{self.url}/elsewhere"
        elif fault:
            status, answer = fault
        data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(data)

    @contextlib.contextmanager
    def faulty(self, path, fault):
        self.faults[path] = fault
        try:
            yield
        finally:
            self.faults.clear()
            for _ in range(100):
                self.hanging.put(None)
            time.sleep(0.05)
            with contextlib.suppress(queue.Empty):
                while True:
                    self.hanging.get_nowait()

    def asked(self, path):
        return [request for request in self.requests if request[0] == path]

    # What it signs

    def claims(self, subject, email, /, **more):
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "sub": subject, "email": email, "email_verified": True, "iat": now, "exp": now + 3600}
        return {name: value for name, value in {**claims, **more}.items() if value is not None}

    def header(self, **more):
        header = {"alg": "RS256", "kid": self.key.id, "typ": "JWT", **more}
        return {name: value for name, value in header.items() if value is not None}

    def token(self, subject, email, /, **more):
        """A good one, but for what is given; None takes a claim away."""
        return token_of(self.key, self.header(), self.claims(subject, email, **more))

    def close(self):
        self.server.shutdown()
        self.server.server_close()
