"""The tree of paths on a whole instance: rights, arguments, sentences and events."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import json
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from meterhub_sdk import Forbidden, Invalid, MeterhubError, NotFound, Refused

from meterhub.access.errors import AccessRefused, NotLoggedIn
from meterhub.access.passwords import Hasher
from meterhub.app import Instance
from meterhub.resources import Node

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse battery"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Instance]:
    """One instance without plugins, for all tests of this module; each cleans up behind itself."""
    umask = os.umask(0o022)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("meterhub.plugins.discover", list)
        monkeypatch.setattr(Hasher, "hash", _hash)
        monkeypatch.setattr(Hasher, "verify", _verify)
        instance = Instance(tmp_path_factory.mktemp("tree") / "home")
        await instance.start()
        yield instance
        await instance.stop()
    os.umask(umask)
    gc.unfreeze()


async def _hash(_, password: str) -> str:
    return f"$quick${password}"


async def _verify(_, password: str, phc: str | None) -> bool:
    return phc == f"$quick${password}"


@pytest_asyncio.fixture(loop_scope="module")
async def hand(shared: Instance, hand_of):
    yield hand_of(shared)
    if shared.configuration.editor.draft is not None:
        await shared.configuration.cancel_other("the test")


@pytest_asyncio.fixture(loop_scope="module")
async def user(shared: Instance):
    """Logs a new user of some roles in; answers his credential."""
    names: list[str] = []
    owner = shared.access.control_principal()

    async def make(roles: str, name: str = "ursula") -> str:
        await shared.access.administration.add_user(owner, name, roles)
        await shared.access.administration.activate_user(owner, name, PASSWORD)
        names.append(name)
        answer = await ask(shared, "post", "/session/login", {"user": name, "password": PASSWORD})
        return answer["session"]

    yield make
    for name in names:
        await shared.access.administration.delete_user(owner, name)


async def ask(instance, verb, path, body=None, credential=None, **more):
    request = {"verb": verb, "path": path, "body": body, "credential": credential, "source": "10.0.0.1", **more}
    return await instance.services.interface(request)


# -- every node -------------------------------------------------------------------------------


async def test_every_node_has_a_title_and_rights_of_its_own(shared) -> None:
    nodes = shared.tree.nodes(shared.access.control_principal())
    assert len(nodes) > 50
    for node in nodes:
        assert shared.access.matrix.declares(node.path), node.path
        assert node.title or node.path.startswith("/configuration/"), node.path
        for field in node.arguments.model_json_schema().get("properties", {}).values() if node.arguments else ():
            assert field.get("title"), node.path


async def test_every_get_answers_plain_json(shared, hand) -> None:
    for node in shared.tree.nodes(hand.owner):
        if node.verb == "get" and not (node.arguments and node.arguments.model_json_schema().get("required")):
            assert json.loads(msgspec.json.encode(await hand.get(node.path))) is not None, node.path


async def test_every_command_names_an_argument_that_it_does_not_know(shared, hand) -> None:
    for node in shared.tree.nodes(hand.owner):
        if node.arguments is None:
            continue
        for body, said in (
            ({"no_such_argument": 1}, "no_such_argument is not a setting here|must be given"),
            ([], "takes an object of named arguments, not list"),
            ("text", "takes an object of named arguments, not str"),
            (5, "takes an object of named arguments, not int"),
        ):
            with pytest.raises(Refused, match=said):
                await shared.tree.request(hand.owner, node.verb, node.path, body)


HUGE = "x" * 10_000


async def test_a_text_of_ten_thousand_characters_gets_one_short_sentence(shared, hand) -> None:
    """Wherever a text is taken, which may be refused, stored or not found, but never echoed whole."""
    for node in shared.tree.nodes(hand.owner):
        if node.arguments is None or node.verb == "get":
            continue
        fields = node.arguments.model_json_schema()["properties"]
        body = dict.fromkeys(fields, HUGE)
        with pytest.raises(MeterhubError) as caught:
            await shared.tree.request(hand.owner, node.verb, node.path, body)
        assert len(str(caught.value)) < 200 * (1 + len(fields)), node.path


async def test_no_nest_is_too_deep(shared, hand) -> None:
    nest: list = []
    for _ in range(500):
        nest = [nest]
    await hand.post("configuration/enter")
    saved = await hand.post("configuration/save", service="event-log", section={"bounds": nest})
    assert saved["saved"] is False


@pytest.mark.parametrize(
    ("verb", "path", "said"),
    [
        ("get", "/status/nothing", "there is no path /status/nothing"),
        ("get", "", "there is no path "),
        ("get", "/" + "x" * 10_000, "there is no path /xxx"),
        ("get", "/status/../status/users", "there is no path"),
        ("get", "/Status/instance", "there is no path"),
        ("get", "/status/instance/", "there is no path"),
        ("post", "/status/instance", "/status/instance has no post; it has get"),
        ("brew" * 100, "/status/instance", "/status/instance has no brewbrewbr; it has get"),
        ("post", "/configuration/event-log", "/configuration/event-log has no post; it has delete and get and put"),
    ],
)
async def test_an_unknown_path_or_verb_is_told_with_one_sentence(shared, hand, verb, path, said) -> None:
    with pytest.raises(NotFound) as caught:
        await shared.tree.request(hand.owner, verb, path)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 250


# -- rights -----------------------------------------------------------------------------------


async def test_a_request_without_the_right_is_refused_recorded_and_not_done(shared, user, hand) -> None:
    credential = await user("R1")
    assert (await ask(shared, "get", "/status/instance", credential=credential))["state"] == "running"
    for verb, path, body in (
        ("post", "/command/users/add", {"name": "mallory", "roles": "RA"}),
        ("get", "/status/users", None),
        ("put", "/configuration/event-log", {}),
        ("get", "/configuration/event-log", None),
        ("delete", "/configuration/event-log", None),
        ("brew", "/configuration/event-log", None),
        ("post", "/command/configuration/enter", None),
    ):
        with pytest.raises(AccessRefused, match=r"'ursula' does not have the right to (run|read|write)"):
            await ask(shared, verb, path, body, credential)
    assert "mallory" not in [row["name"] for row in (await hand.get("/status/users"))["users"]]
    assert shared.configuration.editor.draft is None
    denied = [e for e in await hand.events("access-denied") if e.arguments["by"] == "ursula"]
    assert {(e.arguments["verb"], e.arguments["path"]) for e in denied} == {
        ("run", "/command/users/add"),
        ("read", "/status/users"),
        ("write", "/configuration/event-log"),
        ("read", "/configuration/event-log"),
        ("run", "/command/configuration/enter"),
    }


async def test_a_user_sees_only_the_nodes_that_he_may_use(shared, user) -> None:
    await user("R1", "one")
    credential = await user("R5", "five")
    five = shared.access.resolve(credential)
    paths = {node.path for node in shared.tree.nodes(five)}
    assert "/command/configuration/apply" in paths
    assert "/command/users/add" not in paths


async def test_a_section_is_saved_by_whoever_may_write_it(shared, user) -> None:
    """The right to edit as such does not reach every section."""
    credential = await user("R3")
    await ask(shared, "post", "/command/configuration/enter", None, credential)
    with pytest.raises(AccessRefused, match="does not have the right to write /configuration/event-log"):
        await ask(shared, "post", "/command/configuration/save", {"service": "event-log", "section": {}}, credential)
    with pytest.raises(AccessRefused):
        await ask(shared, "put", "/configuration/event-log", {}, credential)
    await ask(shared, "post", "/command/configuration/leave", None, credential)


async def test_what_was_done_and_what_was_turned_down_are_in_the_event_log(shared, hand) -> None:
    await hand.post("secrets/set", name="meter-password", value="hunter2")
    with pytest.raises(Refused):
        await hand.post("secrets/delete", name="never-set")
    done = (await hand.events("request-done"))[-1]
    assert done.text == f"{hand.owner.name} did post /command/secrets/set"
    refused = (await hand.events("request-refused"))[-1]
    assert "/command/secrets/delete" in refused.text
    assert refused.log == "security"
    await hand.post("secrets/delete", name="meter-password")
    assert "hunter2" not in "".join(entry.text + entry.parameters for entry in await hand.events())


async def test_reading_leaves_no_trace_in_the_event_log(hand) -> None:
    before = len(await hand.events())
    await hand.get("/status/instance")
    await hand.get("/data/points")
    await hand.post("event-log/read-entries")
    assert len(await hand.events()) == before


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "password": 1234567890123},
        {"name": "x", "password": "geheim" * 5000},
        {"name": "x", "password": ["geheim"]},
    ],
)
async def test_a_password_that_cannot_be_is_never_shown(shared, hand, body) -> None:
    with pytest.raises(Refused) as caught:
        await shared.tree.request(hand.owner, "post", "/command/users/activate", body)
    texts = str(caught.value) + "".join(entry.text + entry.parameters for entry in await hand.events())
    assert "geheim" not in texts
    assert "1234567890123" not in texts


async def test_a_disk_that_fails_is_told(shared, hand) -> None:
    async def fail(_, __) -> None:
        raise OSError(28, "No space left on device")

    shared.access.matrix.declare("/command/test/fail", "run", "R5")
    shared.tree.add(Node("/command/test/fail", "post", fail, "Fail"))
    try:
        with pytest.raises(Refused, match="/command/test/fail could not be done: No space left on device"):
            await hand.post("test/fail")
    finally:
        shared.tree.remove("/command/test/fail")
        shared.access.matrix.withdraw("/command/test/fail")
    assert (await hand.events("request-refused"))[-1].arguments["path"] == "/command/test/fail"
    with pytest.raises(NotFound):
        await hand.post("test/fail")


# -- requests of interfaces ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verb": "get"},
        {"verb": 1, "path": "/x"},
        {"verb": "get", "path": ["/x"]},
        {"verb": "get", "path": "/x", "credential": 5},
    ],
)
async def test_a_malformed_request_is_refused(shared, body) -> None:
    with pytest.raises(Refused, match="the request is malformed"):
        await shared.services.interface(body)


@pytest.mark.parametrize("credential", [None, "", "x", "mh_" + "x" * 40, "x" * 10_000, "\x00"])
async def test_without_a_session_nothing_is_answered(shared, credential) -> None:
    for verb, path in (
        ("get", "/status/instance"),
        ("get", "/nothing"),
        ("post", "/session/logout"),
        ("get", "/session"),
    ):
        with pytest.raises(NotLoggedIn):
            await ask(shared, verb, path, credential=credential)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "a login has a user and a password"),
        ({"user": "ursula"}, "a login has a user and a password"),
        ({"user": 5, "password": "x"}, "a login has a user and a password"),
        ({"user": "x" * 20_001, "password": "x"}, "the user name, the password or the code is too long"),
        ({"user": "x" * 10_000, "password": "x"}, "The user name or the password is wrong"),
        ({"user": "ursula", "password": "wrong"}, "The user name or the password is wrong"),
    ],
)
async def test_a_login_that_cannot_be_is_refused(shared, body, said) -> None:
    with pytest.raises(Refused, match=said):
        await ask(shared, "post", "/session/login", body)
    shared.access.supervision.succeeded("ursula", "10.0.0.1")
    shared.access.supervision.succeeded("x" * 10_000, "10.0.0.1")


async def test_a_session_says_who_one_is_and_ends(shared, user) -> None:
    credential = await user("R1 R4")
    assert await ask(shared, "get", "/session", credential=credential) == {
        "user": "ursula",
        "roles": ["R1", "R4"],
        "initial_password": False,
        "via": "session",
    }
    await ask(shared, "post", "/session/logout", credential=credential)
    with pytest.raises(NotLoggedIn):
        await ask(shared, "get", "/session", credential=credential)


async def test_a_session_of_a_user_of_an_identity_provider_says_so(shared) -> None:
    vouched = {"issuer": "https://login.example/realm", "subject": "1", "name": "anna", "roles": ["R4"]}
    answer = await ask(shared, "post", "/session/federated", vouched)
    who = await ask(shared, "get", "/session", credential=answer["session"])
    assert (who["user"], who["roles"], who["via"]) == ("anna@login.example", ["R4"], "provider")
    await ask(shared, "get", "/status/instance", credential=answer["session"])
    with pytest.raises(Forbidden):
        await ask(shared, "get", "/status/users", credential=answer["session"])
    await ask(shared, "post", "/session/logout", credential=answer["session"])


@pytest.mark.parametrize("change", [{"roles": ["RA"]}, {"roles": []}, {"roles": "R4"}, {"name": 5}, {"issuer": "x"}])
async def test_who_cannot_be_vouched_for_is_refused(shared, change) -> None:
    vouched = {"issuer": "https://login.example/realm", "subject": "1", "name": "anna", "roles": ["R4"]}
    with pytest.raises(Refused):
        await ask(shared, "post", "/session/federated", vouched | change)


# -- points -----------------------------------------------------------------------------------


async def test_points_are_paged_by_name(shared, hand) -> None:
    from meterhub_sdk import Point

    shared.hub.declare("paged", [Point(name=f"p{number:02}") for number in range(25)])
    try:
        found, after = [], ""
        while after is not None:
            page = await hand.get("/data/points", {"pattern": "paged/*", "after": after, "limit": 10})
            found += [row["name"] for row in page["points"]]
            assert len(page["points"]) <= 10
            after = page["next"]
        assert found == [f"paged/p{number:02}" for number in range(25)]
        row = page["points"][0]
        assert (row["value"], row["quality"], row["age"], row["type"]) == (None, 3, None, "float")
        with pytest.raises(Refused, match="pattern: 'a b'"):
            await hand.get("/data/points", {"pattern": "a b"})
    finally:
        shared.hub.withdraw("paged")
    assert (await hand.get("/data/points", {"pattern": "paged/*"}))["points"] == []


async def test_a_section_of_the_core_is_edited_like_any_other(shared, hand) -> None:
    await hand.post("configuration/enter")
    wrong = await shared.tree.request(hand.owner, "put", "/configuration/workers", {"placement": [["a"], ["a"]]})
    assert wrong["errors"][0]["path"] == ["workers", "placement"]
    assert "a stands in two rows of the placement; leave it in one" in wrong["errors"][0]["message"]
    with pytest.raises(Refused, match="the settings of workers are an object, not list"):
        await shared.tree.request(hand.owner, "put", "/configuration/workers", [])
    right = await shared.tree.request(hand.owner, "put", "/configuration/workers", {"placement": [["a", "b"]]})
    assert right == {"saved": True, "errors": []}
    assert (await hand.get("/configuration/workers")) == {
        "active": None,
        "draft": {"placement": [["a", "b"]]},
        "editing": True,
    }
    assert await shared.tree.request(hand.owner, "delete", "/configuration/workers") == {"saved": True, "errors": []}


# -- the control socket -------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="module")
async def socket(shared: Instance):
    """Opens connections to the control socket, and closes them."""
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(str(shared.home / "control.sock"))
        writers.append(writer)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            pass


def frame(message) -> bytes:
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(4, "big") + body


async def answer(reader):
    length = int.from_bytes(await reader.readexactly(4), "big")
    return msgspec.msgpack.decode(await reader.readexactly(length))


async def test_the_owner_is_access_admin_on_the_control_socket(shared, socket) -> None:
    path = shared.home / "control.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    reader, writer = await socket()
    writer.write(frame([5, 1, "tree", {"verb": "get", "path": "/status/users"}]))
    kind, number, failure, body = await answer(reader)
    assert (kind, number, failure) == (6, 1, None)
    assert body["users"]


@pytest.mark.parametrize("body", [None, 5, {}, {"verb": "get"}, {"path": "/status/users"}, ["get", "/status/users"]])
async def test_a_request_on_the_control_socket_has_a_verb_and_a_path(socket, body) -> None:
    reader, writer = await socket()
    writer.write(frame([5, 1, "tree", body]))
    assert (await answer(reader))[2:] == ["refused", "a request has a verb and a path"]


async def test_other_methods_do_not_exist_there(socket) -> None:
    reader, writer = await socket()
    writer.write(frame([5, 1, "publish", {}]))
    assert (await answer(reader))[2:] == ["refused", "'publish' is not known here"]


@pytest.mark.parametrize("data", [b"\xff" * 100, b"\x00\x00\x00\x01\xc1", (1 << 20).__add__(1).to_bytes(4, "big")])
async def test_rubbish_closes_that_connection_only_and_is_an_event(shared, socket, hand, data) -> None:
    good_reader, good_writer = await socket()
    reader, writer = await socket()
    before = len(await hand.events("bad-peer"))
    writer.write(data)
    assert await reader.read() == b""
    good_writer.write(frame([5, 1, "tree", {"verb": "get", "path": "/status/clock"}]))
    assert (await answer(good_reader))[2] is None
    assert len(await hand.events("bad-peer")) == before + 1


async def test_only_so_many_connections_are_admitted(shared, socket) -> None:
    await asyncio.sleep(0.05)
    readers = [(await socket())[0] for _ in range(17)]
    assert await asyncio.wait_for(readers[-1].read(), 5) == b""
    assert len(shared.control._connections) <= 16


async def test_only_the_owner_and_root_are_admitted(shared) -> None:
    owner = Path(shared.home).stat().st_uid
    assert shared.control.admits(owner)
    assert shared.control.admits(0)
    assert not shared.control.admits(owner + 12_345)


# -- descriptions -----------------------------------------------------------------------------


async def test_descriptions_hold_what_the_caller_may_use_and_no_more(shared, user) -> None:
    credential = await user("R1")
    answer = await ask(shared, "get", "/data/descriptions", {}, credential)
    paths = {row["path"]: row["verbs"] for row in answer["paths"]}
    assert paths["/data/points"] == ["get"]
    assert "/command/users/add" not in paths
    assert answer["core_sections"] == []
    with pytest.raises(NotFound, match="there is no path /command/users/add"):
        await ask(shared, "get", "/data/description", {"path": "/command/users/add"}, credential)
    point = await ask(shared, "get", "/data/description", {"path": "/data/points"}, credential)
    assert point["arguments"]["properties"]["pattern"]["title"] == "Names"


async def test_what_is_wrong_comes_in_the_language_of_whoever_asked(shared, user) -> None:
    credential = await user("R1")
    with pytest.raises(Invalid, match="limit: podano '0'; wartość musi być większa lub równa 1") as caught:
        await ask(shared, "get", "/data/points", {"limit": 0}, credential, language="pl")
    assert caught.value.faults[0].path == ["limit"]
    with pytest.raises(NotFound, match="nie ma ścieżki /data/nothing"):
        await ask(shared, "get", "/data/nothing", {}, credential, language="pl")
    described = await ask(
        shared, "get", "/data/description", {"path": "/data/points", "language": "pl"}, credential, language="pl"
    )
    assert described["title"] == "Punkty"


async def test_roles_are_called_what_the_language_calls_them(shared, user) -> None:
    credential = await user("R6")
    english = (await ask(shared, "get", "/status/access", None, credential))["roles"]
    polish = (await ask(shared, "get", "/status/access", None, credential, language="pl"))["roles"]
    assert list(english) == list(polish)
    assert (english["R1"], polish["R1"]) == ("Consumer", "Odbiorca")
    assert [role for role in english if english[role] == polish[role]] == []


async def test_an_api_token_is_changed_into_a_pass(shared, user, hand) -> None:
    credential = await user("R4 R5")
    made = await ask(shared, "post", "/command/tokens/create", {"label": "SCADA", "roles": "R4 R5"}, credential)
    client = {"client": made["id"], "secret": made["token"], "scope": "R4"}
    answer = await ask(shared, "post", "/session/pass", client)
    assert answer["scope"] == "R4"
    assert (await ask(shared, "get", "/session", None, answer["pass"]))["roles"] == ["R4"]
    with pytest.raises(Forbidden):
        await ask(shared, "post", "/session/pass", {**client, "scope": "R4 R6"})
    with pytest.raises(NotLoggedIn):
        await ask(shared, "post", "/session/pass", {**client, "secret": "mh_wrong"})
    with pytest.raises(Refused, match="has a client, its secret"):
        await ask(shared, "post", "/session/pass", {"client": 5})
    with pytest.raises(Refused, match="no page of acme has the file"):
        await ask(shared, "get", "/asset", {"distribution": "acme", "file": "../core.db"})
    assert await ask(shared, "get", "/assets") == {"pages": [], "files": []}


# -- downloads --------------------------------------------------------------------------------


async def fetched(shared, made, credential, until) -> bytes:
    async def state() -> str:
        answer = await ask(shared, "get", "/status/downloads", None, credential)
        return next(row["state"] for row in answer["downloads"] if row["id"] == made["id"])

    async with asyncio.timeout(20):
        while (known := await state()) == "preparing":
            await asyncio.sleep(0.01)
    assert known == "ready"
    content, offset = b"", 0
    while offset is not None:
        piece = await ask(shared, "get", "/data/download", {"id": made["id"], "offset": offset}, credential)
        content, offset = content + base64.b64decode(piece["content"]), piece["next"]
    return content


async def test_an_export_holds_what_its_owner_may_read(shared, user, until) -> None:
    credential = await user("R4")
    asked = {"path": "/data/event-log", "format": "jsonl", "arguments": {"limit": 3}}
    made = await ask(shared, "post", "/command/download/export", asked, credential)
    lines = (await fetched(shared, made, credential, until)).splitlines()
    assert len(lines) > 3
    for path in ("/command/download/cancel", "/data/nothing"):
        with pytest.raises(Refused, match="cannot be exported"):
            await ask(shared, "post", "/command/download/export", {"path": path}, credential)
    with pytest.raises(Forbidden, match="'ursula' does not have the right to read /status/users"):
        await ask(shared, "post", "/command/download/export", {"path": "/status/users"}, credential)
    await ask(shared, "post", "/command/download/cancel", {}, credential)
    assert (await ask(shared, "get", "/status/downloads", None, credential))["downloads"] == []


async def test_a_support_dump_has_no_secrets_and_only_what_its_owner_may_see(shared, user, until) -> None:
    shared.secrets.set("line-password", "hunter2-hunter2")
    for roles in ("R2 R3 R5", "R4"):
        credential = await user(roles, name=f"user-{len(roles)}")
        made = await ask(shared, "post", "/command/diagnostics/download", {}, credential)
        archive = zipfile.ZipFile(io.BytesIO(await fetched(shared, made, credential, until)))
        parts = {name: archive.read(name) for name in archive.namelist()}
        assert not any(b"hunter2" in part for part in parts.values())
        assert json.loads(parts["status/instance.json"])["state"] == "running"
        assert ("refused" in json.loads(parts["configuration.json"])) == (roles == "R4")
