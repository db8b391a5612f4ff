"""Export, import, migration, and plugins that come, go and change."""

from __future__ import annotations

import msgspec
import pytest

from meterhub.config.document import read_exported

SECTIONS = {"meter": {"offers": ["x"]}, "server": {"needs": ["meter/x"], "port": 502}}


async def test_what_was_exported_can_be_imported_elsewhere(bench) -> None:
    await bench.apply(SECTIONS)
    exported = read_exported(msgspec.json.encode(bench.configuration.export()))
    assert exported.product == "meterhub"
    assert exported.written_by == "0.1.0"
    assert exported.versions == {"meter": 1, "server": 1}
    await bench.apply({})
    await bench.configuration.enter("anna")
    assert await bench.configuration.replace("anna", exported.services, exported.versions) == []
    await bench.configuration.apply("anna", confirm_within=0)
    assert bench.machine.services == SECTIONS


async def test_settings_of_an_older_version_are_migrated_on_import(bench) -> None:
    bench.plugins.version = 3
    await bench.configuration.enter("anna")
    assert await bench.configuration.replace("anna", {"meter": {"offers": ["x"]}}, {"meter": 2}) == []
    draft = bench.configuration.editor.draft
    assert draft.services == {"meter": {"offers": ["x"], "migrated": 2}}
    assert draft.versions == {"meter": 3}


async def test_an_import_with_errors_names_them_all_and_changes_nothing(bench) -> None:
    await bench.configuration.enter("anna")
    await bench.configuration.save("anna", "meter", {"a": 1})
    faults = await bench.configuration.replace("anna", {"meter": {"wrong": ["a", "b"]}, "nobody": {}, "server": {}}, {})
    assert [fault.path for fault in faults] == [["meter", "a"], ["meter", "b"], ["nobody"]]
    assert bench.configuration.editor.draft.services == {"meter": {"a": 1}}


async def test_an_older_revision_comes_back_as_a_draft(bench) -> None:
    await bench.apply({"meter": {"a": 1}})
    await bench.apply({"meter": {"a": 2}})
    await bench.configuration.enter("anna")
    assert await bench.configuration.revert("anna", 1) == []
    assert [(c.path, c.old, c.new) for c in bench.configuration.diff()] == [(["meter", "a"], 2, 1)]
    assert bench.machine.services == {"meter": {"a": 2}}
    await bench.configuration.apply("anna", confirm_within=0)
    assert bench.configuration.active.number == 3


async def test_the_section_of_an_absent_plugin_is_kept(bench) -> None:
    await bench.apply(SECTIONS)
    del bench.plugins.digests["meter"]
    await bench.configuration.plugins_changed()
    assert bench.machine.services == SECTIONS  # the machine marks it: it has no worker for it
    await bench.configuration.enter("anna")
    assert await bench.configuration.save("anna", "meter", SECTIONS["meter"]) == []
    assert await bench.configuration.replace("anna", SECTIONS, {}) == []
    assert bench.configuration.check() == []  # what it offers is still known
    await bench.configuration.apply("anna", confirm_within=0)
    assert bench.configuration.active.claims["meter"].points[0].name == "x"
    assert bench.configuration.active.versions["meter"] == 1
    await bench.restart()
    assert bench.machine.services == SECTIONS
    (fault,) = await _edit(bench, "meter", {"offers": ["y"]})
    assert fault.message == "no installed plugin offers the service 'meter'"


async def _edit(bench, service, section):
    await bench.configuration.enter("anna")
    return await bench.configuration.save("anna", service, section)


async def test_a_changed_plugin_checks_its_settings_again(bench) -> None:
    await bench.apply(SECTIONS)
    asked = len(bench.plugins.asked)
    bench.plugins.digests["meter"], bench.plugins.version = "2", 2
    await bench.configuration.plugins_changed()
    assert bench.plugins.asked[asked:] == ["meter"]
    assert bench.machine.services["meter"] == {"offers": ["x"], "migrated": 1}
    assert bench.configuration.active.claims["meter"].digest == "2"
    await bench.configuration.plugins_changed()
    assert len(bench.plugins.asked) == asked + 1


async def test_one_broken_plugin_keeps_no_other_from_running(bench) -> None:
    await bench.apply(SECTIONS)
    bench.plugins.digests["meter"] = "2"
    bench.plugins.failing.add("meter")
    await bench.restart()
    assert bench.machine.services == SECTIONS


async def test_a_start_with_the_same_plugins_imports_nothing(bench) -> None:
    await bench.apply(SECTIONS)
    bench.plugins.asked.clear()
    await bench.restart()
    assert bench.plugins.asked == []


async def test_a_draft_checked_by_an_older_plugin_is_checked_again_when_it_is_applied(bench) -> None:
    await bench.configuration.enter("anna")
    await bench.configuration.replace("anna", {"meter": {"offers": ["x"]}}, {})
    bench.plugins.digests["meter"] = "2"
    await bench.configuration.apply("anna", confirm_within=0)
    assert bench.configuration.active.claims["meter"].digest == "2"


@pytest.mark.parametrize("services", [{}, SECTIONS])
async def test_defaults_are_an_empty_document(bench, services) -> None:
    await bench.apply(services)
    await bench.apply({})
    assert bench.machine.services == {}
