"""Device > Configuration before a stand-in: revisions compared and restored, and what is warned of beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

COMMAND = "/command/configuration/"
LISTEN = {"kind": "tcp-listen", "host": "0.0.0.0", "port": 4001}
CHANNEL = {"label": "bay", "endpoints": [LISTEN, {"kind": "serial", "port": "bus"}]}


def revision(number: int, name: str = "") -> dict[str, Any]:
    return {"number": number, "name": name, "time": 0, "author": "anna", "written_by": "1.0", "services": []}


@pytest.fixture
def behind(shop: Any, api: Any) -> Any:
    """Three revisions, of which the third runs; what separates two of them."""
    standing = shop("forwarding")
    reads = ["/data/configuration-history", "/data/configuration-revision"]
    does = [f"{COMMAND}{name}" for name in ("revert", "diff", "import", "enter", "discard")]
    told = api.answers["GET", "/data/descriptions"]
    told["paths"] += [{"path": path, "title": path, "verbs": ["get"]} for path in reads]
    told["paths"] += [{"path": path, "title": path, "verbs": ["post"]} for path in does]
    changes = [{"path": ["forwarding", "channels"], "old": [], "new": [CHANNEL]}]
    taken = {"saved": True, "errors": []}
    api.answers |= {
        ("GET", reads[0]): [revision(3), revision(2, "second"), revision(1)],
        ("GET", reads[1]): lambda query: {**query, "changes": changes if query["against"] == "3" else []},
        **{("POST", path): taken for path in does},
        ("POST", f"{COMMAND}diff"): {"changes": changes},
    }
    return standing


async def test_two_revisions_are_compared_without_the_configuration_mode_and_one_is_restored(
    page: Any, api: Any, behind: Any
) -> None:
    await page.goto(f"{api.url}/device/configuration")
    await page.get_by_role("button", name="Compare revision 1").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("Addresses or ports would change in: Forwarding.").wait_for()
    await dialog.get_by_label("Compared with revision").select_option("2")
    await dialog.get_by_text("There is no difference.").wait_for()
    asked = [query for verb, path, query in api.asked if path == "/data/configuration-revision"]
    assert asked == [{"number": "1", "against": "3"}, {"number": "1", "against": "2"}]
    assert not [path for verb, path, _ in api.asked if verb == "POST"]
    await dialog.get_by_role("button", name="Restore").click()
    await page.get_by_role("dialog").get_by_text("Addresses or ports would change in: Forwarding.").wait_for()
    assert api.bodies(f"{COMMAND}revert") == [{"revision": 1}]


async def test_the_running_revision_is_compared_with_the_one_before_it_and_not_restored(
    page: Any, api: Any, behind: Any
) -> None:
    await page.goto(f"{api.url}/device/configuration")
    await page.get_by_role("button", name="Compare revision 3").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("There is no difference.").wait_for()
    assert await dialog.get_by_label("Compared with revision").input_value() == "2"
    assert await dialog.get_by_role("button", name="Restore").count() == 0
    await dialog.get_by_role("button", name="Close").click()
    assert await page.get_by_role("dialog").count() == 0


async def test_whoever_imports_passwords_is_told_that_they_are_replaced_at_once(
    page: Any, api: Any, behind: Any, tmp_path: Path
) -> None:
    file = tmp_path / "configuration.json"
    file.write_text('{"format": 1, "secrets": {"any": "thing"}}')
    await page.goto(f"{api.url}/device/configuration")
    for answer, imports in (("Cancel", 0), ("Replace", 1)):
        await page.get_by_label("File").set_input_files(file)
        form = page.locator("mh-action", has=page.get_by_label("File"))
        await form.get_by_label("Passphrase").fill("correct horse battery")
        await page.get_by_role("button", name="Import", exact=True).click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_text("certificates of the same names are replaced at once").wait_for()
        await dialog.get_by_role("button", name=answer).click()
        await dialog.get_by_text("Nothing changes on the device yet").wait_for(state="visible" if imports else "hidden")
        assert len(api.bodies(f"{COMMAND}import")) == imports
