"""Files of pages: what is served, cached and refreshed."""

from __future__ import annotations

import gzip
from hashlib import sha256
from typing import Any

import pytest
from meterhub_http import assets

WEB = "meterhub-web"
INDEX = "meterhub_web/static/index.html"
SCRIPT = b"export const x = 1;\n" * 50


@pytest.fixture
def web(server: Any) -> Any:
    """A server with the web interface and a page of another plugin."""
    tree = server.tree
    tree.pages[:] = [
        {"distribution": WEB, "place": "/", "file": INDEX},
        {"distribution": "acme-page", "place": "Device/Acme", "file": "acme_page/page/panel.js"},
    ]
    tree.put_file(WEB, INDEX, b"<!doctype html><title>Meterhub</title>")
    tree.put_file(WEB, "meterhub_web/static/assets/index-abc.js", SCRIPT)
    tree.put_file(WEB, "meterhub_web/static/assets/index-abc.js.gz", gzip.compress(SCRIPT))
    tree.put_file(WEB, "meterhub_web/static/icon.svg", b"<svg/>")
    tree.put_file("acme-page", "acme_page/page/panel.js", b"// panel")
    return server


@pytest.mark.parametrize("path", ["/", "/device/system/info", "/device/losses@north", "/a/b.c", "/index.html"])
async def test_every_address_that_is_nothing_else_is_the_application(web: Any, path: str) -> None:
    answer = await web("GET", path, cookies=None)
    assert (answer.status, answer.body) == (200, b"<!doctype html><title>Meterhub</title>")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/assets/index-abc.js", "text/javascript; charset=utf-8"),
        (f"/assets/{WEB}/meterhub_web/static/assets/index-abc.js", "text/javascript; charset=utf-8"),
        (f"/assets/{WEB}/meterhub_web/static/icon.svg", "image/svg+xml"),
        ("/icon.svg", "image/svg+xml"),
        ("/assets/acme-page/acme_page/page/panel.js", "text/javascript; charset=utf-8"),
    ],
)
async def test_files_have_their_kind(web: Any, path: str, kind: str) -> None:
    answer = await web("GET", path, cookies=None)
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        ("gzip, br", True),
        ("br;q=1, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("", False),
    ],
)
async def test_a_browser_that_takes_gzip_gets_the_file_that_the_build_packed(
    web: Any, accepted: str, zipped: bool
) -> None:
    path = f"/assets/{WEB}/meterhub_web/static/assets/index-abc.js".encode()
    head = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: %s\r\nConnection: close\r\n\r\n"
    headers, _, body = (await web.raw(head % (path, accepted.encode()))).partition(b"\r\n\r\n")
    assert (b"Content-Encoding: gzip" in headers) == zipped
    assert b"Vary: Accept-Encoding" in headers
    assert (gzip.decompress(body) if zipped else body) == SCRIPT


async def test_a_file_with_its_digest_in_the_name_is_kept_for_good(web: Any) -> None:
    path = f"/assets/{WEB}/meterhub_web/static/"
    for address in (path + "assets/index-abc.js", path + "icon.svg?v=1234"):
        answer = await web("GET", address, cookies=None)
        assert "immutable" in answer.headers["Cache-Control"]
    plain = await web("GET", path + "icon.svg", cookies=None)
    assert plain.headers["Cache-Control"] == "no-cache"
    again = await web("GET", path + "icon.svg", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert sha256(b"<svg/>").hexdigest().endswith(plain.headers["ETag"].strip('"'))


@pytest.mark.parametrize(
    "path",
    [
        "/assets/meterhub-web/../../etc/passwd",
        "/assets/meterhub-web/%2e%2e/%2e%2e/etc/passwd",
        "/assets/meterhub-web/meterhub_web/__init__.py",
        "/assets/meterhub-http/meterhub_http/service.py",
        "/assets/x/y",
        "/missing.js",
        "/favicon.ico",
        "/..%2f..%2fetc/hosts.txt",
    ],
)
async def test_nothing_but_the_files_of_pages_is_served(web: Any, path: str) -> None:
    answer = (await web.raw(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())).decode()
    assert answer.startswith("HTTP/1.1 404 ")
    assert "There is nothing here" in answer
    assert not web.tree.of("/asset")


async def test_a_file_is_asked_from_the_core_once_for_each_digest(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_FRESH", 0.0)
    for _ in range(3):
        assert (await web("GET", "/", cookies=None)).status == 200
    assert len(web.tree.of("/asset")) == 1
    web.tree.put_file(WEB, INDEX, b"<!doctype html><title>Newer</title>")
    answer = await web("GET", "/", cookies=None)
    assert b"Newer" in answer.body
    del web.tree.files["acme-page", "acme_page/page/panel.js"]
    assert (await web("GET", "/assets/acme-page/acme_page/page/panel.js")).status == 404


async def test_a_flood_of_wrong_addresses_asks_the_core_once(web: Any) -> None:
    for number in range(20):
        assert (await web("GET", f"/assets/x/{number}.js", cookies=None)).status == 404
    assert len(web.tree.of("/assets")) == 1


async def test_pages_of_plugins_are_listed_for_who_is_logged_in(web: Any) -> None:
    assert (await web("GET", "/api/v1/pages", cookies=None)).status == 401
    answer = await web("GET", "/api/v1/pages")
    assert [page["place"] for page in answer.json["pages"]] == ["Device/Acme"]


async def test_without_a_web_interface_a_page_says_how_to_get_one(server: Any) -> None:
    answer = await server("GET", "/", cookies=None)
    assert answer.status == 200
    assert b"meterhub plugin install meterhub-web" in answer.body


async def test_a_page_that_is_head_only_has_no_body(web: Any) -> None:
    answer = await web("HEAD", "/", cookies=None)
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0
