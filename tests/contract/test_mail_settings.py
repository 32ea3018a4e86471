"""Which mails somebody gets, in which language: chosen by themselves, or ended by a mail's link; the page where that link leads."""

import json
import re
import subprocess

import pytest

from document import ROOT
from harness import refusal
from test_sandbox_page import Page

KINDS = ["booking", "payment", "change", "reminder", "digest"]
LANGUAGES = ["en", "hi", "es", "de", "fr"]
ALL = {"language": "en", "time_zone": "UTC", **dict.fromkeys(KINDS, True)}


def token_for(stack, person, kind):
    ((token,),) = stack.rows("SELECT unsubscribe_token(%s, %s)", person.id, kind)
    return token


def unsubscribe(stack, token, data=b"List-Unsubscribe=One-Click", kind="application/x-www-form-urlencoded"):
    return stack.anonymous.post("/mail/unsubscribe", params={"token": token}, data=data, headers={"Content-Type": kind})


def press(stack, token, *languages):
    """What the page shows before and after its button is pressed."""
    command = ["node", ROOT / "tests/node/unsubscribe.mjs", stack.base_url, token, *languages]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


class TestSettings:
    def test_everything_unless_said_otherwise(self, person):
        assert person.get("/profile/mail").json() == ALL

    def test_what_is_given_changes(self, person):
        changed = {**ALL, "language": "hi", "time_zone": "Asia/Kolkata", "reminder": False, "digest": False}
        asked = {"language": "hi", "time_zone": "Asia/Kolkata", "reminder": False, "digest": False, "booking": True}
        assert person.put("/profile/mail", asked).json() == changed
        assert person.put("/profile/mail", {"digest": True}).json() == {**changed, "digest": True}
        assert person.put("/api/profile/mail/", {}).json() == person.get("/profile/mail").json() == {**changed, "digest": True}
        profile = person.get("/profile").json()
        assert (profile["language"], profile["time_zone"]) == ("hi", "Asia/Kolkata")

    @pytest.mark.parametrize("change", [{"language": "tlh"}, {"time_zone": "Mars/Olympus"}, {"time_zone": "../UTC"}, {"security": False}])
    def test_what_there_is_not(self, person, change):
        answer = person.put("/profile/mail", change)
        assert refusal(answer) == (400, "validation_error") and list(answer.json()["details"]) == list(change)
        assert person.get("/profile/mail").json() == ALL

    def test_one_s_own_only(self, stack, person):
        other = stack.user()
        person.put("/profile/mail", dict.fromkeys(KINDS, False))
        assert other.get("/profile/mail").json() == ALL
        assert stack.anonymous.get("/profile/mail").status_code == 401


class TestProfile:
    def test_language_and_time_zone(self, person):
        user = person.put("/profile", {"language": "fr", "time_zone": "Europe/Paris"}).json()["user"]
        assert (user["language"], user["time_zone"]) == ("fr", "Europe/Paris")
        user = person.put("/profile", {"name": "Other"}).json()["user"]
        assert (user["language"], user["time_zone"]) == ("fr", "Europe/Paris")
        assert person.get("/profile/mail").json() == {**ALL, "language": "fr", "time_zone": "Europe/Paris"}

    @pytest.mark.parametrize("change", [{"language": None}, {"language": "xx"}, {"time_zone": "Nowhere"}, {"time_zone": None}])
    def test_they_are_one_that_there_is(self, person, change):
        assert refusal(person.put("/profile", change)) == (400, "validation_error")

    @pytest.mark.parametrize(
        ("said", "header", "language"),
        [
            ({}, None, "en"),
            ({}, "hi-IN,hi;q=0.9,en;q=0.8", "hi"),
            ({}, "ta;q=1, es;q=0.4, de;q=0.5", "de"),
            ({}, "\xff\xfe", "en"),
            ({"language": "fr"}, "de", "fr"),
        ],
    )
    def test_who_registers_is_asked_by_the_browser(self, stack, said, header, language):
        headers = {"Accept-Language": header} if header else {}
        body = {"email": f"language-{stack.user().id}@example.com", "password": "password123", "name": "New", **said}
        answer = stack.anonymous.post("/api/auth/register", body, headers=headers)
        assert answer.status_code == 201
        mine = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert stack.anonymous.get("/profile", headers=mine).json()["language"] == language


class TestUnsubscribing:
    @pytest.mark.parametrize("kind", KINDS)
    def test_one_click_ends_one_kind(self, stack, person, kind):
        answer = unsubscribe(stack, token_for(stack, person, kind))
        assert answer.status_code == 200 and answer.json()["message"].startswith("You will get no more ")
        assert person.get("/profile/mail").json() == {**ALL, kind: False}
        assert unsubscribe(stack, token_for(stack, person, kind)).json() == answer.json()
        assert person.put("/profile/mail", {kind: True}).json() == ALL

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b"", "text/plain"),
            (b"List-Unsubscribe=One-Click", "multipart/form-data; boundary=x"),
            (b"\x00", "application/json"),
            ("न".encode(), "text/plain; charset=utf-8"),
        ],
    )
    def test_whatever_the_body(self, stack, person, data, kind):
        answer = unsubscribe(stack, token_for(stack, person, "digest"), data, kind)
        assert answer.status_code == (400 if b"\x00" in data else 200)  # no text at all
        assert person.get("/profile/mail").json()["digest"] is (b"\x00" in data)

    def test_from_wherever_and_whoever(self, stack, person):
        """As a mail program does it, or its proxy: no sign-in, a foreign origin, whatever cookies there may be."""
        headers = {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site", "Cookie": "__Host-session=x", "Authorization": "Bearer x"}
        params = {"token": token_for(stack, person, "change")}
        answer = stack.anonymous.post("/mail/unsubscribe", params=params, data=b"x", headers=headers)
        assert answer.status_code == 200 and person.get("/profile/mail").json()["change"] is False

    def test_what_is_not_our_link(self, stack, person):
        token = token_for(stack, person, "reminder")
        user_id, kind, proof = token.split(".")
        other = token_for(stack, stack.user(), "reminder").split(".")[2]
        assert re.fullmatch("[a-p]{32}", proof)
        for wrong in [
            f"{user_id}.booking.{proof}", f"{user_id}.{kind}.{other}", f"{int(user_id) + 1}.{kind}.{proof}", f"{user_id}.{kind}.{proof[:-1]}",
            token + "a", token[:-1] + ("a" if token[-1] != "a" else "b"), f"-{token}", f" {token}", f"{user_id}.{kind}", user_id, ".", "x",
            f"{user_id}.secrets.{proof}", f"99999999999999999999.{kind}.{proof}", f"{user_id}.{kind}.{proof.upper()}",
        ]:  # fmt: skip
            assert refusal(unsubscribe(stack, wrong)) == (400, "unsubscribe_link_invalid"), wrong
        for token in ["", "x" * 201]:
            assert refusal(unsubscribe(stack, token)) == (400, "validation_error")
        assert refusal(stack.anonymous.post("/mail/unsubscribe", data=b"x")) == (400, "validation_error")
        assert person.get("/profile/mail").json() == ALL

    def test_opening_the_link_changes_nothing(self, stack, person):
        for kind in KINDS:
            answer = stack.anonymous.get("/mail/unsubscribe", params={"token": token_for(stack, person, kind)})
            assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert person.get("/profile/mail").json() == ALL

    def test_a_link_outlives_its_mail_but_not_its_account(self, stack, person):
        token = token_for(stack, person, "digest")
        stack.rows("DELETE FROM mail_keys WHERE user_id = %s", person.id)
        assert refusal(unsubscribe(stack, token)) == (400, "unsubscribe_link_invalid")


class TestPage:
    @pytest.fixture(scope="class")
    def page(self, stack):
        return Page(stack.anonymous.get("/mail/unsubscribe").text)

    @pytest.fixture(scope="class")
    def script(self, stack):
        return stack.anonymous.get("/mail/unsubscribe/page.js").text

    @pytest.fixture(scope="class")
    def texts(self, script):
        """As the script has them."""
        (table,) = re.findall(r"^const TEXTS = ({.*?^});", script, re.DOTALL | re.MULTILINE)
        said = subprocess.run(["node", "-p", f"JSON.stringify({table})"], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(said.stdout)

    @pytest.mark.parametrize(
        ("path", "kind"), [("/mail/unsubscribe", "text/html"), ("/mail/unsubscribe/?token=x", "text/html"), ("/mail/unsubscribe/page.js", "text/javascript")]
    )
    def test_headers(self, stack, path, kind):
        answer = stack.anonymous.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
        assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';")

    def test_it_needs_nothing_that_its_policy_forbids(self, page, script):
        assert page.inline == []
        assert sorted(page.loaded) == ["/account/page.css", "/mail/unsubscribe/page.js"]
        assert not re.search(r"innerHTML|eval\(|https?:|import|localStorage|sessionStorage|cookie\b", script)
        assert "This page needs JavaScript." in page.texts["p"]
        assert "credentials: 'omit'" in script

    def test_the_script_knows_the_pages_parts(self, page, script):
        used = set(re.findall(r"part\('(\w+)'\)", script))
        assert used and used <= page.ids

    def test_every_language_says_everything(self, texts):
        """Also about what stays to be filled in."""

        def shape(value):
            return {name: shape(each) for name, each in value.items()} if isinstance(value, dict) else sorted(re.findall(r"{\w+}", value))

        assert list(texts) == LANGUAGES and list(texts["en"]["kinds"]) == KINDS
        assert all(shape(each) == shape(texts["en"]) for each in texts.values())
        flat = [text for each in texts.values() for text in (*each["kinds"].values(), each["ask"], each["done"], each["wrong"])]
        assert len(set(flat)) == len(flat), "one was not translated"

    def test_without_a_script_it_says_so_in_every_language(self, stack):
        document = stack.anonymous.get("/mail/unsubscribe").text
        without = document[document.index("<noscript>") : document.index("</noscript>")]
        assert without.count("JavaScript") == len(LANGUAGES) and re.findall(r'lang="(\w+)"', without) == LANGUAGES[1:]

    @pytest.mark.parametrize(
        ("wanted", "language"),
        [(["hi-IN", "en"], "hi"), (["tlh", "fr-CA", "de"], "fr"), (["DE"], "de"), (["tlh"], "en"), (["__proto__", "es"], "es"), ([], "en")],
    )
    def test_it_asks_in_a_language_of_the_browser_s(self, stack, person, texts, wanted, language):
        seen = press(stack, token_for(stack, person, "reminder"), *wanted)["before"]
        said = texts[language]
        assert (seen["lang"], seen["title"], seen["button"], seen["result"]) == (language, [said["title"]] * 2, said["button"], None)
        assert seen["intro"] == said["ask"].format(kind=said["kinds"]["reminder"])

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_it_goes_on_in_the_person_s(self, stack, person, texts, language):
        assert person.put("/profile/mail", {"language": language}).status_code == 200
        for kind in KINDS:
            seen, said = press(stack, token_for(stack, person, kind), "es", "en")["after"], texts[language]
            assert (seen["lang"], seen["title"], seen["button"], seen["intro"]) == (language, [said["title"]] * 2, None, "")
            assert seen["result"] == said["done"].format(kind=said["kinds"][kind])
        assert person.get("/profile/mail").json() == {**ALL, "language": language, **dict.fromkeys(KINDS, False)}

    def test_links_that_are_none(self, stack, person, texts):
        good = token_for(stack, person, "digest")
        for token in ("", "x", "1.__proto__.a", good[:-1]):
            seen = press(stack, token, "fr")["after"]
            assert (seen["lang"], seen["result"], seen["button"]) == ("fr", texts["fr"]["wrong"], None)
        assert person.get("/profile/mail").json() == ALL

    def test_what_it_says_is_what_is_answered(self, stack, person, texts):
        for kind in KINDS:
            answer = unsubscribe(stack, token_for(stack, person, kind)).json()
            assert answer["message"] == f"You will get no more {texts['en']['kinds'][kind]}" and answer["language"] == "en"
