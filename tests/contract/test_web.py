"""The built web app as the gateway serves it: files by path, the app itself at its own pages, forms by Accept-Encoding, what caches may keep,
the policy that it runs under; what is no file of it is never reached; and without one, a page that says so."""

import gzip
import http.client
import os
import signal
import socket
import urllib.parse

import pytest

from harness import ORIGIN, start_stack, stop_stack, wait_until

POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data: blob:", "font-src": "'self'",
    "connect-src": "'self'", "manifest-src": "'self'", "worker-src": "'self'", "media-src": "'self'", "frame-ancestors": "'none'",
    "base-uri": "'none'", "form-action": "'self'",
}  # fmt: skip
HTML = "text/html; charset=utf-8"
SCRIPT = b"export const answer = 42;\n" * 100
STYLE = b"body { color: teal }\n" * 100
FILES = {  # path: (content, media type)
    "index.html": (b"<!doctype html><title>app</title>\n", HTML),
    "docs.html": (b"<!doctype html><title>docs</title>\n", HTML),
    "assets/app-0a1b2c3d.js": (SCRIPT, "text/javascript; charset=utf-8"),
    "assets/app-4e5f6a7b.css": (STYLE, "text/css; charset=utf-8"),
    "assets/deep/er/logo-00000000.svg": (b"<svg/>", "image/svg+xml"),
    "assets/text-8c9d0e1f.woff2": (b"wOF2", "font/woff2"),
    "manifest.webmanifest": (b"{}", "application/manifest+json"),
    "data.json": (b"[]", "application/json"),
    "favicon.ico": (b"ico", "image/x-icon"),
    "icon.png": (b"\x89PNG", "image/png"),
    "robots.txt": (b"User-agent: *\n", "text/plain; charset=utf-8"),
    "beep.mp3": (b"ID3", "audio/mpeg"),
    "beep.wav": (b"RIFF", "audio/wav"),
    "empty.txt": (b"", "text/plain; charset=utf-8"),
    "with space.txt": (b"space", "text/plain; charset=utf-8"),
    "unknown.xyz": (b"?", "application/octet-stream"),
}
IMMUTABLE = "public, max-age=31536000, immutable"
BIG = 16_000_000  # more than sockets hold


def write(folder, path, content):
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    for path, (content, _) in FILES.items():
        write(folder, path, content)
    write(folder, "assets/app-0a1b2c3d.js.br", b"as brotli")  # nobody unpacks it here
    write(folder, "assets/app-0a1b2c3d.js.gz", gzip.compress(SCRIPT))
    write(folder, "assets/app-4e5f6a7b.css.gz", gzip.compress(STYLE))
    write(folder, "lonely.br", b"of nothing")
    write(folder, ".hidden", b"hidden")
    write(folder, ".git/config", b"hidden")
    (folder.parent / "outside.txt").write_text("outside")
    (folder / "link.txt").symlink_to(folder.parent / "outside.txt")
    (folder / "etc").symlink_to("/etc")
    write(folder, "assets/big-11111111.js", b"a" * BIG)
    return folder


@pytest.fixture(scope="module")
def web(site):
    current = site.parent / "current"
    current.symlink_to(site)  # as those do it who keep several
    stack = start_stack({"WEB_ROOT": f"{current}/", "CRM_WEBHOOK_URL": ""})
    yield stack
    stop_stack(stack)


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()


def fetch(stack, path, method="GET", **headers):
    """Exactly that path, and the bytes as they come."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(stack.base_url).netloc, timeout=20)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        return Answer(connection.getresponse())
    finally:
        connection.close()


def is_app(answer):
    return (answer.status, answer.headers["Content-Type"], answer.body) == (200, HTML, FILES["index.html"][0])


def check_headers(answer):
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Permissions-Policy"] == "camera=(self)"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert "Set-Cookie" not in answer.headers
    assert dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")) == POLICY


@pytest.mark.parametrize("path", FILES)
def test_files(web, path):
    content, media_type = FILES[path]
    answer = fetch(web, f"/app/{urllib.parse.quote(path)}")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, media_type, content)
    assert answer.headers["Cache-Control"] == (IMMUTABLE if path.startswith("assets/") else "no-cache")
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Content-Length"] == str(len(content))
    check_headers(answer)


@pytest.mark.parametrize(
    "path",
    ["/app", "/app/", "/app?error=denied", "/dashboard", "/dashboard/", "/app/login?error=access_denied&after=%2Fapp%2F", "/app/events/17",
     "/app/admin/users/", "/app/a/b/c/d/e", "/app/etc/passwd", "/app/.git/config", "/app/%C3%BCber"],
)  # fmt: skip
def test_pages_of_the_app(web, path):
    answer = fetch(web, path)
    assert is_app(answer), (answer.status, answer.body)
    assert answer.headers["Cache-Control"] == "no-cache"
    check_headers(answer)


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs?x=1", "/app/docs.html"])
def test_the_documentation(web, path):
    answer = fetch(web, path)
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, HTML, FILES["docs.html"][0])
    check_headers(answer)


def test_browsers_are_led_to_it(web):
    answer = fetch(web, "/", Accept="text/html")
    assert (answer.status, answer.headers["Location"]) == (302, "/app/")
    answer = fetch(web, "/account")  # where mails lead
    assert (answer.status, answer.body) == (200, FILES["index.html"][0])


@pytest.mark.parametrize(
    "path",
    ["/app/assets/app-ffffffff.js", "/app/assets/none", "/app/nosuch.txt", "/app/events/nosuch.png", "/app/lonely.js",
     "/app/assets/app-0a1b2c3d.js.br", "/app/assets/app-0a1b2c3d.js.gz", "/app/.hidden", "/app/link.txt", "/app/INDEX.HTML"],
)  # fmt: skip
def test_what_is_not_there(web, path):
    answer = fetch(web, path)
    assert answer.status == 404, (path, answer.status, answer.body)
    assert b'"not_found"' in answer.body


@pytest.mark.parametrize(
    "path",
    ["/app/../outside.txt", "/app/%2e%2e/outside.txt", "/app/assets/../../outside.txt", "/app/..%2foutside.txt", "/app/.%2e/outside.txt",
     "/app/assets%2fapp-0a1b2c3d.js", "/app/assets%5capp-0a1b2c3d.js", "/app//etc/passwd", "/app/./index.html", "/app/%2e/index.html",
     "/app/index.html%00", "/app/%00", "/app/index.html%00.js", "/app/%", "/app/%zz", "/app/..", "/app/%2e%2e", "/app/../../../../etc/passwd",
     "/app/%252e%252e/outside.txt", "/app/....//outside.txt", "/app/etc/ssl/openssl.cnf", "/app/%c0%ae%c0%ae/outside.txt"],
)  # fmt: skip
def test_nothing_else_is_reached(web, path):
    answer = fetch(web, path)
    assert answer.status in (400, 404), (path, answer.status, answer.body)
    assert answer.body.startswith(b'{"error"')


def test_other_methods(web):
    for path in ("/app", "/app/index.html", "/dashboard", "/docs"):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            answer = fetch(web, path, method, Content_Length="0")
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
        assert fetch(web, path, "OPTIONS").status == 204


@pytest.mark.parametrize("path", ["/app/", "/app/assets/app-0a1b2c3d.js", "/docs"])
def test_head(web, path):
    full, head = fetch(web, path, Accept_Encoding="gzip"), fetch(web, path, "HEAD", Accept_Encoding="gzip")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "Content-Encoding", "ETag", "Cache-Control"):
        assert head.headers[name] == full.headers[name]


FORMS = {"br": b"as brotli", "gzip": gzip.compress(SCRIPT), None: SCRIPT}


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("br", "br"), ("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0.1, gzip;q=0.9", "gzip"), ("br;q=0, gzip;q=0", None), ("*", "br"),
     ("identity", None), ("", None), ("zstd", None), ("identity;q=0", None), ("gzip;q=0.5, *;q=0", "gzip")],
)  # fmt: skip
def test_forms(web, accepted, encoding):
    answer = fetch(web, "/app/assets/app-0a1b2c3d.js", Accept_Encoding=accepted)
    assert (answer.status, answer.headers["Content-Encoding"]) == (200, encoding)
    body = gzip.decompress(answer.body) if encoding == "gzip" else answer.body
    assert body == (FORMS[encoding] if encoding != "gzip" else SCRIPT)
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Vary"].split(", ")[0] == "Accept-Encoding"


def test_a_form_that_is_not_there(web):
    answer = fetch(web, "/app/assets/app-4e5f6a7b.css", Accept_Encoding="br, gzip;q=0.5")
    assert answer.headers["Content-Encoding"] == "gzip" and gzip.decompress(answer.body) == STYLE
    assert "Content-Encoding" not in fetch(web, "/app/index.html", Accept_Encoding="br, gzip").headers


def test_tags(web):
    tags = {}
    for encoding in ("br", "gzip", "identity"):
        answer = fetch(web, "/app/assets/app-0a1b2c3d.js", Accept_Encoding=encoding)
        tags[encoding] = answer.headers["ETag"]
        assert tags[encoding].startswith('"') and tags[encoding].endswith('"')
        known = fetch(web, "/app/assets/app-0a1b2c3d.js", Accept_Encoding=encoding, If_None_Match=f'"other", {tags[encoding]}')
        assert (known.status, known.body, known.headers["ETag"]) == (304, b"", tags[encoding])
        assert known.headers["Cache-Control"] == IMMUTABLE and "Accept-Encoding" in known.headers["Vary"]
    assert len(set(tags.values())) == 3
    assert fetch(web, "/app/assets/app-0a1b2c3d.js", Accept_Encoding="br", If_None_Match=tags["gzip"]).status == 200
    page = fetch(web, "/app/events").headers["ETag"]
    assert fetch(web, "/dashboard", If_None_Match=f"W/{page}").status == 304
    assert fetch(web, "/app/", If_None_Match="*").status == 304
    assert fetch(web, "/app/", If_None_Match='"other"').status == 200


def test_a_signed_in_browser_is_asked_nothing(web):
    """A stale cookie hinders nobody from reaching the page that signs in anew, and no limit counts here."""
    answer = fetch(web, "/app/login", Cookie="__Host-session=stale; __Host-refresh=stale")
    assert is_app(answer) and "RateLimit" not in answer.headers
    assert is_app(fetch(web, "/app/", Authorization="Bearer stale"))


def test_other_origins(web):
    answer = fetch(web, "/app/", Origin=ORIGIN)
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Origin" in answer.headers["Vary"]


def test_they_are_counted(web):
    fetch(web, "/app/favicon.ico")
    assert 'tithi_http_requests_total{operation="webAppFile",status="200"}' in web.anonymous.get("/metrics").text


def reload(stack, said):
    """After which the gateway has said so once more."""
    before = stack.logs().count(said)
    os.kill(stack.pid("gateway-1"), signal.SIGHUP)
    wait_until(lambda: stack.logs().count(said) > before, said)


def test_it_is_read_anew(web, site):
    write(site, "new.txt", b"first")
    assert fetch(web, "/app/new.txt").status == 404
    reload(web, "web app: ")
    first = fetch(web, "/app/new.txt")
    write(site, "new.txt", b"second")
    assert fetch(web, "/app/new.txt").body == b"first"
    reload(web, "web app: ")
    second = fetch(web, "/app/new.txt", If_None_Match=first.headers["ETag"])
    assert (second.status, second.body) == (200, b"second")
    (site / "new.txt").unlink()
    reload(web, "web app: ")
    assert fetch(web, "/app/new.txt").status == 404


def test_what_is_being_sent_is_sent_to_its_end(web, site):
    """A reload takes away nothing that a slow client is still getting."""
    address = urllib.parse.urlsplit(web.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as slow:
        slow.sendall(b"GET /app/assets/big-11111111.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = slow.recv(4096)
        write(site, "assets/big-11111111.js", b"b" * BIG)
        for _ in range(3):
            reload(web, "web app: ")
        while more := slow.recv(65536):
            received += more
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and body == b"a" * BIG
    assert fetch(web, "/app/assets/big-11111111.js").body == b"b" * BIG


def test_what_cannot_be_read_replaces_nothing(web, site):
    (site / "index.html").rename(site / "index.away")
    try:
        reload(web, "there is no index.html")
        assert is_app(fetch(web, "/app/"))
    finally:
        (site / "index.away").rename(site / "index.html")
    huge = site / "assets/huge-22222222.js"
    with huge.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    try:
        reload(web, "huge-22222222.js: File too large")
        assert is_app(fetch(web, "/app/"))
    finally:
        huge.unlink()
    reload(web, "web app: ")


@pytest.mark.parametrize("path", ["/app", "/app/", "/app/login", "/dashboard", "/docs"])
def test_without_a_web_app(stack, path):
    answer = fetch(stack, path)
    assert (answer.status, answer.headers["Content-Type"]) == (404, HTML)
    assert b"The web app was not built" in answer.body
    assert fetch(stack, path, "HEAD").body == b""
    check_headers(answer)


def test_files_without_a_web_app(stack):
    answer = fetch(stack, "/app/assets/app-0a1b2c3d.js")
    assert answer.status == 404 and b'"not_found"' in answer.body


def test_a_folder_that_is_not_there(tmp_path):
    """As before the first build."""
    stack = start_stack({"WEB_ROOT": str(tmp_path / "nosuch"), "CRM_WEBHOOK_URL": ""})
    try:
        assert fetch(stack, "/app/").status == 404
        for path, (content, _) in FILES.items():
            write(tmp_path / "nosuch", path, content)
        reload(stack, "web app: ")
        assert is_app(fetch(stack, "/app/"))
    finally:
        stop_stack(stack)
