#!/usr/bin/python3
"""Access tokens that are good, and many that are wrong in one way each, put together and signed by hand: one table for the unit test of
lib/token.c and for the contract test against a running gateway.

`tokens.py NOW CURRENT_KEY OTHER_KEY` prints a line per token: the answer it deserves, its bytes in hex, its name.
"""

import base64
import hashlib
import hmac
import json
import sys
from typing import NamedTuple

STRANGERS_KEY = "a key that nobody here has ever seen, 0123456789"
SESSION = "0190a6e2-7c4b-7d3e-8f00-0123456789ab"
ID = "0190a6e2-7c4b-7d3e-8f00-0123456789ac"
GOOD, MALFORMED, FORGED, EXPIRED = "good", "malformed", "forged", "expired"
LENGTH_LIMIT = 2048


class Vector(NamedTuple):
    answer: str
    name: str
    token: bytes


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def as_bytes(value):
    """A part before it is encoded: bytes and texts as they are, anything else as JSON."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))).encode()


def sign(header, claims, key, digest="sha256"):
    text = base64url(as_bytes(header)) + b"." + base64url(as_bytes(claims))
    return text + b"." + base64url(hmac.new(key.encode(), text, digest).digest())


def parts_of(token):
    """Header and claims of a token."""
    return [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in token.split(".")[:2]]


def key_id(key):
    return hashlib.sha256(key.encode()).hexdigest()[:8]


class Table:
    """`subject`: of the good tokens."""

    def __init__(self, now, current, other, subject="7"):
        self.now, self.current, self.other = now, current, other
        self.header = {"alg": "HS256", "typ": "JWT", "kid": key_id(current)}
        self.claims = {
            **{"sub": subject, "iat": now - 10, "exp": now + 3600, "jti": ID, "sid": SESSION},
            **{"use": "access", "role": "user", "verified": True},
        }
        self.token = sign(self.header, self.claims, current)
        self.parts = self.token.split(b".")
        self.rows = []
        for add in (self.good, self.algorithms, self.headers, self.key_ids, self.signatures, self.structure, self.payloads):
            add()
        for add in (self.times, self.subjects, self.other_claims, self.sizes):
            add()
        assert len({row.name for row in self.rows}) == len(self.rows)

    def add(self, answer, name, token):
        self.rows.append(Vector(answer, name, token))

    def add_header(self, answer, name, header, key=None, digest="sha256"):
        self.add(answer, name, sign(header, self.claims, self.current if key is None else key, digest))

    def add_claims(self, answer, name, claims):
        """`claims`: a whole payload, or what differs from a good one; None: the claim is left out."""
        if isinstance(claims, dict):
            merged = {**self.claims, **claims}
            claims = {name: value for name, value in merged.items() if value is not None}
        self.add(answer, name, sign(self.header, claims, self.current))

    def claims_text(self, name, value):
        """A payload in which that claim is spelt in a way that json.dumps does not know."""
        return json.dumps({**self.claims, name: "\0"}).replace('"\\u0000"', value)

    def good(self):
        other = {**self.header, "kid": key_id(self.other)}
        plain = {"alg": "HS256"}
        self.add(GOOD, "as it is issued", self.token)
        self.add_header(GOOD, "of the other key", other, self.other)
        self.add_header(GOOD, "without kid, of the current key", plain)
        self.add_header(GOOD, "without kid, of the other key", plain, self.other)
        self.add_header(GOOD, "with spaces in its header", '{ "typ" : "JWT" ,\n "alg" : "HS256" }')
        self.add_claims(GOOD, "address not verified", {"verified": False})
        self.add_claims(GOOD, "says nothing of the address", {"verified": None})
        self.add_claims(GOOD, "an unknown claim", {"colour": {"deep": [1, None]}})
        self.add_claims(GOOD, "an old nbf", {"nbf": self.now - 10})
        self.add_claims(GOOD, "from a clock slightly ahead", {"iat": self.now + 20, "nbf": self.now + 20})
        self.add_claims(GOOD, "with spaces in its claims", json.dumps(self.claims, indent=2))

    def algorithms(self):
        for name in ("none", "None", "NONE", "nOnE"):
            header = {"alg": name, "typ": "JWT"}
            unsigned = base64url(as_bytes(header)) + b"." + self.parts[1] + b"."
            self.add(FORGED, f"alg {name}, no signature", unsigned)
            self.add_header(FORGED, f"alg {name}, signed all the same", header)
        for name, digest in (("HS384", "sha384"), ("HS512", "sha512"), ("HS1", "sha1")):
            self.add_header(FORGED, f"alg {name}, rightly signed by it", {"alg": name, "typ": "JWT"}, digest=digest)
            self.add_header(FORGED, f"alg HS256, signed with {name}", self.header, digest=digest)
        for name in ("RS256", "ES256", "PS256", "EdDSA", "dir", "hs256", "Hs256", "HS256 ", " HS256", "HS256,none", ""):
            self.add_header(FORGED, f"alg {name!r}, signed with HMAC", {"alg": name, "typ": "JWT"})
        for value in (None, 256, ["HS256"], {"HS256": 1}, True):
            self.add_header(FORGED, f"alg {value!r}", {"alg": value, "typ": "JWT"})
        self.add_header(FORGED, "no alg", {"typ": "JWT"})
        self.add_header(FORGED, "ALG in capitals", {"ALG": "HS256", "typ": "JWT"})
        self.add_header(FORGED, "alg twice, none first", '{"alg":"none","alg":"HS256"}')
        self.add_header(FORGED, "alg twice, none last", '{"alg":"HS256","alg":"none"}')
        self.add_header(FORGED, "alg twice, the same", '{"alg":"HS256","alg":"HS256"}')
        self.add_header(FORGED, "alg once more, escaped", '{"alg":"HS256","\\u0061lg":"none"}')
        self.add_header(FORGED, "alg with a NUL", '{"alg":"HS256\\u0000"}')

    def headers(self):
        plain = {"alg": "HS256"}
        for value in ("at+jwt", "jwt", "JWS", "application/jwt", "", None, 1, ["JWT"]):
            self.add_header(FORGED, f"typ {value!r}", {**plain, "typ": value})
        for name, value in (
            *(("crit", []), ("crit", ["exp"]), ("crit", ["nosuch"]), ("crit", None), ("b64", False), ("b64", True)),
            *(("jku", "https://evil.example/keys"), ("x5u", "https://evil.example/x5u"), ("x5c", ["MIIB"]), ("x5t", "abc")),
            *(("jwk", {"kty": "oct", "k": "c2VjcmV0"}), ("zip", "DEF"), ("cty", "JWT"), ("enc", "A256GCM"), ("epk", {}), ("Kid", "a")),
        ):
            self.add_header(FORGED, f"header {name} {value!r}", {**plain, name: value})
        self.add_header(FORGED, "crit b64 with b64 false", {**plain, "b64": False, "crit": ["b64"]})
        for name, text in (
            *(("is a list", '["HS256"]'), ("is null", "null"), ("is empty", ""), ("has no members", "{}"), ("is a text", '"HS256"')),
            *(("goes on after its end", '{"alg":"HS256"}{}'), ("is cut", '{"alg":"HS256"'), ("has a byte order mark", '\ufeff{"alg":"HS256"}')),
            *(("is no UTF-8", b'{"alg":"HS256","kid":"\xff"}'), ("has single quotes", "{'alg':'HS256'}"), ("is a claim set", self.claims)),
        ):
            self.add_header(FORGED, f"header {name}", text)

    def key_ids(self):
        header = {"alg": "HS256", "typ": "JWT"}
        for name, value in (
            *(("unknown", "00000000"), ("empty", ""), ("in capitals", key_id(self.current).upper()), ("cut", key_id(self.current)[:7])),
            *(("longer", hashlib.sha256(self.current.encode()).hexdigest()), ("the key itself", self.current)),
            *(("of a stranger's key", key_id(STRANGERS_KEY)), ("a path", "../../../../dev/null"), ("a URL", "https://evil.example/key")),
            *(("SQL", "' UNION SELECT 'key' --"), ("a command", "| cat /etc/passwd"), ("long", "a" * 500), ("with a NUL", key_id(self.current) + "\0")),
            *(("a number", 1), ("null", None), ("true", True), ("a list", [key_id(self.current)]), ("an object", {})),
        ):
            self.add_header(FORGED, f"kid {name}", {**header, "kid": value})
        other = {**header, "kid": key_id(self.other)}
        self.add_header(FORGED, "kid of the other key, signed by the current one", other)
        self.add_header(FORGED, "kid of the current key, signed by the other one", self.header, self.other)
        self.add_header(FORGED, "kid twice", json.dumps(self.header)[:-1] + f', "kid": "{key_id(self.current)}"}}')
        self.add_header(FORGED, "kid and key of a stranger", {**header, "kid": key_id(STRANGERS_KEY)}, STRANGERS_KEY)

    def signatures(self):
        first, second, third = self.parts
        signed = first + b"." + second + b"."
        alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        spare_bits = bytes([alphabet[alphabet.index(third[-1]) ^ 1]])  # the last character carries two bits that mean nothing
        richer = base64url(as_bytes({**self.claims, "role": "admin"}))
        self.add_header(FORGED, "of a stranger's key", {"alg": "HS256"}, STRANGERS_KEY)
        self.add_header(FORGED, "of an empty key", {"alg": "HS256"}, "")
        self.add(FORGED, "no signature", signed)
        self.add(FORGED, "signature of other claims", first + b"." + richer + b"." + third)
        self.add(FORGED, "signature of a bare hash", signed + base64url(hashlib.sha256(signed[:-1]).digest()))
        self.add(FORGED, "signature without its last character", signed + third[:-1])
        self.add(FORGED, "signature of half the length", signed + third[: len(third) // 2])
        self.add(FORGED, "signature with one more character", signed + third + b"A")
        self.add(FORGED, "signature with a whole byte more", signed + base64url(base64.urlsafe_b64decode(third + b"=") + b"\0"))
        self.add(FORGED, "signature with other spare bits", signed + third[:-1] + spare_bits)
        self.add(FORGED, "signature with padding", signed + third + b"=")
        self.add(FORGED, "signature with one bit changed", signed + (b"B" if third[:1] == b"A" else b"A") + third[1:])
        self.add(FORGED, "signature all zero", signed + base64url(bytes(32)))
        self.add(FORGED, "signature in hex", signed + base64.urlsafe_b64decode(third + b"=").hex().encode())
        self.add(FORGED, "signature with a space", signed + third[:20] + b" " + third[20:])
        self.add(FORGED, "signature twice", signed + third + third)

    def structure(self):
        first, second, third = self.parts
        for name, token in (
            *(("nothing", b""), ("a dot", b"."), ("two dots", b".."), ("three dots", b"..."), ("a word", b"token"), ("null", b"null")),
            *(("undefined", b"undefined"), ("two parts", first + b"." + second), ("four parts", self.token + b"." + third)),
            *(("five parts", b".".join([first, b"", second, third, third])), ("a dot before", b"." + self.token), ("a dot behind", self.token + b".")),
            *(("no claims", first + b".." + third), ("twice, separated by a comma", self.token + b"," + self.token)),
            *(("in JSON", json.dumps({"protected": first.decode(), "payload": second.decode(), "signature": third.decode()}).encode()),),
            *(("in base64 once more", base64url(self.token)),),
            *(("with its dots escaped", self.token.replace(b".", b"%2E")), ("padding after the claims", first + b"." + second + b"==." + third)),
            *(("a space in its claims", first + b"." + second[:9] + b" " + second[9:] + b"." + third),),
            *(("a slash in its claims", first + b"." + second[:9] + b"/" + second[9:] + b"." + third),),
            *(("no ASCII in its claims", first + b"." + second[:8] + b"\xc3\xa9" + second[8:] + b"." + third), ("an API key's prefix before", b"tk." + self.token)),
            *(("a tab before the signature", first + b"." + second + b".\t" + third),),
            *(("a NUL in its claims", first + b"." + second[:8] + b"\0" + second[8:] + b"." + third), ("a NUL behind", self.token + b"\0")),
            *(("a line feed behind", self.token + b"\n"),),
        ):
            answer = FORGED if name in ("a tab before the signature", "a line feed behind") else MALFORMED
            self.add(answer, name, token)
        self.add(FORGED, "padding after the header", first + b"=." + second + b"." + third)
        self.add(FORGED, "in quotation marks", b'"' + self.token + b'"')
        self.add(FORGED, "no header", b"." + second + b"." + third)
        self.add(FORGED, "a Bearer too many", b"Bearer " + self.token)

    def payloads(self):
        whole = json.dumps(self.claims)
        for name, payload in (
            *(("empty", ""), ("null", "null"), ("a number", "7"), ("a text", json.dumps(whole)), ("a list", f"[{whole}]"), ("cut", whole[:-1])),
            *(("going on after their end", whole + whole), ("with a comma too many", whole[:-1] + ",}"), ("with a comment", whole[:-1] + "/**/}")),
            *(("with single quotes", whole.replace('"', "'")), ("with NaN", self.claims_text("exp", "NaN")), ("in UTF-16", whole.encode("utf-16"))),
            *(("with a byte order mark", "\ufeff" + whole), ("that are no UTF-8", whole[:-1].encode() + b',"a":"\xc3("}')),
            *(("with an overlong slash", whole[:-1].encode() + b',"a":"\xc0\xaf"}'), ("with half a surrogate", whole[:-1] + ',"a":"\\ud800"}')),
            *(("with a NUL in a text", whole[:-1] + ',"a":"\\u0000"}'), ("with a NUL in a name", whole[:-1] + ',"sub\\u0000":"1"}')),
            *(("with sub twice", whole[:-1] + ',"sub":"1"}'), ("with sub twice, escaped", whole[:-1] + ',"\\u0073ub":"1"}')),
            *(("with exp twice", whole[:-1] + f',"exp":{self.now + 9999}}}'), ("with role twice", whole[:-1] + ',"role":"admin"}')),
            *(("with a name twice further down", whole[:-1] + ',"a":{"b":1,"b":2}}'), ("in a list in a list …", "[" * 1000 + "]" * 1000)),
        ):
            self.add_claims(MALFORMED, f"claims {name}", payload)
        self.add(MALFORMED, "claims one level down", sign(self.header, {"claims": self.claims, "sub": "7"}, self.current))
        # libjwt finds no subject in these, which counts as a bad signature
        self.add(FORGED, "no claim at all", sign(self.header, {}, self.current))
        self.add(FORGED, "claims one level down only", sign(self.header, {"claims": self.claims}, self.current))
        self.add(FORGED, "claims in a token within the token", sign(self.header, {"jwt": self.token.decode()}, self.current))

    def times(self):
        now = self.now
        for name, value in (("now", now), ("a second ago", now - 1), ("long ago", 1), ("at the beginning of time", 0)):
            self.add_claims(EXPIRED, f"expires {name}", {"exp": value})
        for claim in ("exp", "iat", "nbf"):
            for name, value in (
                *(("negative", -1), ("most negative", -(2**63)), ("a text", str(now + 60)), ("a fraction", now + 60.5), ("true", True)),
                *(("a list", [now + 60]), ("after the year 9999", 253402300800), ("the largest integer", 2**63 - 1)),
            ):
                self.add_claims(MALFORMED, f"{claim} {name}", {claim: value})
            for name, text in (("null", "null"), ("1e10", "1e10"), ("1e400", "1e400"), ("too many digits", "9" * 30), ("hexadecimal", "0x7fffffff")):
                self.add_claims(MALFORMED, f"{claim} {name}", self.claims_text(claim, text))
        self.add_claims(FORGED, "issued in the future", {"iat": now + 300})
        self.add_claims(FORGED, "not valid yet", {"nbf": now + 300})
        self.add_claims(MALFORMED, "no exp", {"exp": None})
        self.add_claims(MALFORMED, "no iat", {"iat": None})

    def subjects(self):
        for value in (
            *("0", "-1", "01", " 7", "7 ", "+7", "7.0", "7e0", "0x7", "", "seven", "7;8", "7'--", "\u0667", "\uff17", "7\n"),
            *("9223372036854775808", "18446744073709551623", "9" * 19, "9" * 20, "9" * 300),
        ):
            self.add_claims(MALFORMED, f"sub {value!r}"[:60], {"sub": value})
        for name, text in (("a number", "7"), ("null", "null"), ("true", "true"), ("a list", '["7"]'), ("an object", '{"id":"7"}')):
            self.add_claims(FORGED, f"sub {name}", self.claims_text("sub", text))
        self.add_claims(FORGED, "no sub", {"sub": None})
        self.add_claims(FORGED, "Sub with a capital", {"sub": None, "Sub": "7"})
        self.add_claims(FORGED, "SUB in capitals", {"sub": None, "SUB": "7"})

    def other_claims(self):
        for claim in ("jti", "sid", "use", "role"):
            self.add_claims(MALFORMED, f"no {claim}", {claim: None})
            self.add_claims(MALFORMED, f"{claim.upper()} in capitals", {claim: None, claim.upper(): self.claims[claim]})
            for name, value in (("empty", ""), ("a number", 1), ("a list", [self.claims[claim]]), ("true", True)):
                self.add_claims(MALFORMED, f"{claim} {name}", {claim: value})
        for claim in ("exp", "iat"):
            self.add_claims(MALFORMED, f"{claim.upper()} in capitals", {claim: None, claim.upper(): self.claims[claim]})
        for claim in ("jti", "sid"):
            self.add_claims(MALFORMED, f"{claim} no UUID", {claim: "session"})
            self.add_claims(MALFORMED, f"{claim} longer than a UUID", {claim: SESSION + "0"})
            self.add_claims(MALFORMED, f"{claim} in capitals", {claim: self.claims[claim].upper()})
            self.add_claims(MALFORMED, f"{claim} a pattern", {claim: "*"})
        for value in ("root", "Admin", "admin ", "user,admin", "a" * 40):
            self.add_claims(MALFORMED, f"role {value!r}", {"role": value})
        for value in ("refresh", "Access", "access ", "id", "reset"):
            self.add_claims(FORGED, f"use {value!r}", {"use": value})
        for value in ("true", 1, 0, [], "null"):
            self.add_claims(MALFORMED, f"verified {value!r}", {"verified": value})
        self.add_claims(MALFORMED, "verified null", self.claims_text("verified", "null"))
        for name, value in (("iss", "https://accounts.example"), ("iss", ""), ("aud", "tithi"), ("aud", ["tithi", "other"]), ("aud", [])):
            self.add_claims(FORGED, f"{name} {value!r}", {name: value})

    def sizes(self):
        def of_length(length):
            """A token with a claim that makes it so long; base64 cannot have every length."""
            for filling in range(length):
                token = sign(self.header, {**self.claims, "x": "a" * filling}, self.current)
                if len(token) >= length:
                    return token
            raise AssertionError(length)

        self.add(GOOD, "as long as allowed, nearly", of_length(LENGTH_LIMIT - 3))
        self.add(MALFORMED, "too long", of_length(LENGTH_LIMIT + 1))
        self.add(MALFORMED, "much too long", of_length(5000))


def table(*arguments):
    return Table(*arguments).rows


if __name__ == "__main__":
    for row in table(int(sys.argv[1]), sys.argv[2], sys.argv[3]):
        print(row.answer, row.token.hex() or "-", row.name)
