"""Licences are installed whole or not at all, outlive restarts, and end on their day."""

import asyncio
import os
from datetime import date

import pytest

from meterhub.licensing import shelf
from meterhub.licensing.errors import (
    LicenceError,
    LicenceExpired,
    LicenceMalformed,
    LicenceOlder,
    NotAllowed,
    VendorUnknown,
    WrongSerial,
)

FEATURES = frozenset({"synth.losses", "iec104.server"})
LAST_DAY = date(2027, 11, 21)


@pytest.fixture
async def trusting(instance, acme):
    await instance.licences.add_vendor(acme.public, ["*"], "ra")
    instance.told()
    return instance


def files(instance):
    return sorted(path.name for path in (instance.home / "licences").iterdir())


async def test_an_installed_licence_counts_and_outlives_a_restart(trusting, acme):
    await trusting.licences.install(acme.licence(), "anna")
    for _ in range(2):
        (row,) = trusting.licences.rows()
        assert (row.state, row.licence.number, row.installed_by, row.fault) == ("valid", "2026-0042", "anna", "")
        assert trusting.licences.licensed == FEATURES
        await trusting.start()
    assert trusting.events == [
        (
            "licence-installed",
            "Licence 2026-0042 of ACME Metering for synth.losses, iec104.server was installed by anna",
        )
    ]


async def test_a_refused_licence_changes_nothing_and_is_an_event(trusting, acme, other_vendor):
    refused = [
        (LicenceMalformed, b"rubbish"),
        (VendorUnknown, other_vendor.licence()),
        (WrongSerial, acme.licence(serial="MH-000000000000")),
        (LicenceExpired, acme.licence(expires=date(2026, 11, 30))),
    ]
    for fault, document in refused:
        with pytest.raises(fault) as caught:
            await trusting.licences.install(document, "anna")
        assert trusting.events.pop() == ("licence-refused", f"A licence from anna was refused: {caught.value}")
    assert (trusting.licences.rows(), files(trusting), trusting.events) == ([], [], [])


async def test_a_vendor_licenses_only_what_its_patterns_cover(instance, acme):
    await instance.licences.add_vendor(acme.public, ["synth.*"], "ra")
    with pytest.raises(NotAllowed, match=r"iec104\.server"):
        await instance.licences.install(acme.licence(), "anna")
    await instance.licences.install(acme.licence("synth.losses"), "anna")
    assert instance.licences.licensed == {"synth.losses"}
    assert instance.told() == ["vendor-added", "licence-refused", "licence-installed"]


async def test_a_removed_licence_is_gone_for_good(trusting, acme):
    await trusting.licences.install(acme.licence(), "anna")
    (row,) = trusting.licences.rows()
    await trusting.licences.remove(row.file, "anna")
    for _ in range(2):
        assert (trusting.licences.rows(), trusting.licences.licensed, files(trusting)) == ([], frozenset(), [])
        await trusting.start()
    assert trusting.told() == ["licence-installed", "licence-removed"]
    with pytest.raises(LicenceError, match="no installed licence"):
        await trusting.licences.remove("../core.db", "anna")


async def test_a_later_licence_of_the_same_number_replaces_and_an_older_one_does_not(trusting, acme):
    first = acme.licence("a", issued=date(2026, 1, 1))
    await trusting.licences.install(first, "anna")
    await trusting.licences.install(acme.licence("b", issued=date(2026, 2, 1)), "anna")
    with pytest.raises(LicenceOlder, match="issued on 2026-01-01, but the one installed on 2026-02-01"):
        await trusting.licences.install(first, "anna")
    assert trusting.licences.licensed == {"b"}
    assert len(files(trusting)) == 1
    await trusting.licences.install(acme.licence("c", number="7"), "anna")
    assert trusting.licences.licensed == {"b", "c"}


async def test_a_licence_without_its_vendor_stays_but_does_not_count(trusting, acme):
    await trusting.licences.install(acme.licence(), "anna")
    (key,) = trusting.licences.vendors()
    await trusting.licences.remove_vendor(key.kid, "ra")
    await trusting.licences.look()
    (row,) = trusting.licences.rows()
    assert (row.state, trusting.licences.licensed) == ("unusable", frozenset())
    assert "not that of a trusted vendor" in row.fault
    await trusting.start()
    assert trusting.told() == ["licence-installed", "vendor-removed", "licence-unusable"]
    await trusting.licences.add_vendor(acme.public, ["*"], "ra")
    assert trusting.licences.licensed == FEATURES


async def test_a_licence_gives_notice_once_and_ends_on_its_day(trusting, acme):
    await trusting.licences.install(acme.licence(expires=LAST_DAY), "anna")
    days = [
        ((2027, 10, 22), "valid", []),
        ((2027, 10, 23), "soon", ["licence-expires-soon"]),
        ((2027, 11, 21, 23, 59, 59), "soon", []),
        ((2027, 11, 22), "expired", ["licence-expired"]),
        ((2028, 1, 1), "expired", []),
    ]
    trusting.told()
    for moment, state, told in days:
        trusting.at(*moment)
        for _ in range(2):
            await trusting.licences.look()
            assert [row.state for row in trusting.licences.rows()] == [state]
            assert trusting.licences.licensed == (frozenset() if state == "expired" else FEATURES)
            await trusting.start()
        assert trusting.told() == told


async def test_an_unset_clock_ends_no_licence_and_repeats_no_notice(trusting, acme):
    await trusting.licences.install(acme.licence(expires=LAST_DAY), "anna")
    trusting.at(2028, 1, 1)
    await trusting.licences.look()
    assert trusting.told() == ["licence-installed", "licence-expired"]
    trusting.at(1970, 1, 1)
    await trusting.start()
    assert trusting.licences.licensed == FEATURES
    trusting.at(2028, 1, 2)
    await trusting.licences.look()
    assert trusting.licences.licensed == frozenset()
    assert trusting.told() == []


async def test_a_clock_that_jumped_ahead_and_came_back_gives_the_licence_back(trusting, acme):
    await trusting.licences.install(acme.licence(expires=LAST_DAY), "anna")
    trusting.at(2099, 1, 1)
    await trusting.licences.look()
    assert trusting.licences.licensed == frozenset()
    trusting.at(2026, 12, 2)
    await trusting.licences.look()
    assert trusting.licences.licensed == FEATURES
    assert trusting.told() == ["licence-installed", "licence-expired"]


async def test_a_file_put_into_the_directory_counts_from_the_next_start(trusting, acme):
    directory = trusting.home / "licences"
    (directory / "site.licence").write_bytes(acme.licence())
    (directory / ".other.licence.0123456789abcdef.tmp").write_bytes(acme.licence("x", number="1"))
    (directory / ".hidden.licence").write_bytes(acme.licence("y", number="2"))
    (directory / "README").write_text("not a licence")
    for _ in range(2):
        await trusting.start()
        assert trusting.licences.licensed == FEATURES
        assert [(row.file, row.installed_by) for row in trusting.licences.rows()] == [
            ("site.licence", "the directory of licences")
        ]
    assert trusting.told() == ["licence-installed"]


async def test_damaged_and_vanished_files_are_told_once_and_stop_no_start(trusting, acme):
    for number in ("1", "2", "3"):
        await trusting.licences.install(acme.licence(f"f{number}", number=number), "anna")
    trusting.told()
    first, second, _third = (trusting.home / "licences" / name for name in files(trusting))
    first.unlink()
    second.write_bytes(second.read_bytes().replace(b"f2", b"f9"))
    os.mkfifo(trusting.home / "licences" / "pipe.licence")
    await trusting.start()
    assert sorted(trusting.told()) == ["licence-unusable"] * 3
    assert trusting.licences.licensed == {"f3"}
    await trusting.start()
    assert trusting.told() == []
    assert sorted(row.state for row in trusting.licences.rows()) == ["unusable", "unusable", "valid"]


@pytest.mark.parametrize("fails", ["file", "commit"])
async def test_a_full_disk_leaves_the_licences_as_they_were(trusting, acme, monkeypatch, fails):
    await trusting.licences.install(acme.licence("a"), "anna")
    before = {name: (trusting.home / "licences" / name).read_bytes() for name in files(trusting)}
    if fails == "file":

        def no_space(*_args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(shelf, "replace_atomically", no_space)
    else:
        await trusting.fail_commits_into("licences")
    for document in (acme.licence("b", issued=date(2026, 12, 1)), acme.licence("c", number="new")):
        with pytest.raises(LicenceError, match="stay as they were"):
            await trusting.licences.install(document, "anna")
    assert {name: (trusting.home / "licences" / name).read_bytes() for name in files(trusting)} == before
    assert trusting.licences.licensed == {"a"}


async def test_there_is_a_limit_to_installed_licences(trusting, acme, monkeypatch):
    monkeypatch.setattr("meterhub.licensing.licences.COUNT_LIMIT", 1)
    await trusting.licences.install(acme.licence(number="1"), "anna")
    await trusting.licences.install(acme.licence(number="1"), "anna")
    with pytest.raises(LicenceError, match="room for 1"):
        await trusting.licences.install(acme.licence(number="2"), "anna")


async def test_an_install_whose_caller_left_is_done_or_not_but_never_half(trusting, acme):
    asking = asyncio.create_task(trusting.licences.install(acme.licence(), "anna"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await trusting.licences.look()
    assert len(trusting.licences.rows()) == len(files(trusting)) == 1
    assert trusting.licences.licensed == FEATURES
