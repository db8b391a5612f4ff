"""One engineer's way through the pages: from the first password to values in a control centre, and back from a mistake.

The stations follow each other in one instance and in one browser, as they would on a working day. Nothing is done
behind the pages' back; registers and information objects are read by other people's eyes.
"""

from __future__ import annotations

import asyncio
import csv
import datetime
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from meterhub_sdk.testing import free_port

from meterhub.licensing.vendor import issue, new_vendor

OBJECTS = ("1-0:1.8.0", "1-0:2.8.0", "1-0:16.7.0", "1-0:32.7.0", "1-0:14.7.0")
POINTS = [f"dlms-client/main/{name}" for name in OBJECTS]
VOLTAGE = POINTS.index("dlms-client/main/1-0:32.7.0")
PASSWORD = "A long enough password 7"
MASTER = Path(__file__).parents[2] / "interop" / "peers" / "c104_master.py"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_an_engineer_goes_from_the_first_password_to_values_in_a_control_centre(
    starter: Any, until: Any, visitor: Any, line: Path, bought: Any, tmp_path: Path
) -> None:
    if shutil.which("mbpoll") is None:
        pytest.skip("mbpoll is not installed")
    pytest.importorskip("c104", reason="c104 is not installed")
    web, modbus, iec104 = free_port(), free_port(), free_port()
    instance = await starter.run(starter.home("site", {"http": {"https_port": web}})).serving()
    password = re.search(r"[0-9a-z]{4}(-[0-9a-z]{4}){4}", instance.said)
    assert password is not None
    anna = await visitor(f"https://127.0.0.1:{web}")
    await begin(anna, password[0])
    await add_a_meter(anna, line)
    await browse_and_map(anna)
    await read_before_it_counts(anna)
    await map_to_registers(anna, modbus)
    await map_to_information_objects(anna, iec104)
    await anna.apply("everything")
    await anna.keep()
    await see_live_values(anna)
    assert 200 < await until(lambda: register_of(modbus, VOLTAGE)) < 260
    assert 200 < (await interrogated(iec104))[100 + VOLTAGE] < 260

    await upload_a_synthesizer(anna, bought)
    await install_a_licence(anna, tmp_path)
    await add_a_user(anna)
    await see_less(await visitor(anna.url))
    await mistake_a_key_for_a_certificate(anna)
    await query_a_day(anna)
    await import_a_configuration(anna, tmp_path)
    await come_back_from_a_lock_out(anna)


async def begin(anna: Any, password: str) -> None:
    """The password that was shown once is replaced, the installation named, and the first of the paths taken."""
    await anna.log_in("access_admin", password)
    await anna.field("New password").fill(PASSWORD)
    await anna.field("The new one again").fill(PASSWORD)
    await anna.field("Name").fill("Substation North")
    await anna.button("Save and go on").click()
    await anna.page.get_by_role("button", name="Connect a meter").click()
    await anna.page.get_by_role("heading", name="DLMS/COSEM client", level=1).wait_for()


async def add_a_meter(anna: Any, line: Path) -> None:
    """A serial port, a meter on it and its password, applied and kept."""
    await anna.settings("Serial ports")
    await anna.add("Ports")
    await anna.cell("Label", 1).fill("rs485")
    await anna.cell("Device", 1).fill(str(line))
    await anna.cell("Speed", 1).select_option("115200")
    await anna.save()

    await anna.settings("DLMS/COSEM client")
    await anna.add("Meters")
    await anna.field("Label").fill("main")
    await anna.page.get_by_role("radio", name="serial", exact=True).check()
    await anna.pick(anna.field("Serial port"), "rs485")
    await anna.field("Physical address").fill("17")
    await anna.field("Client address").fill("32")
    await anna.field("Authentication").select_option("password")
    await give_the_password(anna)
    await anna.save()
    await log_everything(anna)
    await anna.apply("a meter")
    await anna.keep()
    await anna.open("DLMS/COSEM client")
    await anna.sees("MHBSIM00017")


async def give_the_password(anna: Any) -> None:
    """It goes to the box of secrets without leaving the page."""
    await anna.field("Password").click()
    await anna.page.get_by_role("option", name="New secret").click()
    await anna.dialog.get_by_label("Name", exact=True).fill("main-password")
    await anna.dialog.get_by_label("Password, key or certificate").fill("12345678")
    await anna.button("Keep the secret", anna.dialog).click()
    await anna.dialog.wait_for(state="detached")


async def log_everything(anna: Any) -> None:
    """Each reading of the meter, those of its load profile too."""
    await anna.settings("Data logging")
    await anna.add("Sources")
    await anna.field("Label").fill("meter")
    await anna.page.get_by_label("Points").first.fill("dlms-client/main/**")
    await anna.page.get_by_role("radio", name="reading").check()
    await anna.save()


async def browse_and_map(anna: Any) -> None:
    """Five of the meter's own objects become rows, and its load profile is read from now on."""
    await anna.edit()
    await anna.settings("DLMS/COSEM client")
    await anna.page.get_by_role("button", name="main", expanded=False).click()
    await anna.page.get_by_role("button", name="Browse the meter").click()
    await anna.sees("26 objects", anna.dialog)
    for name in OBJECTS:
        await anna.dialog.get_by_role("checkbox", name=f"{name}*255", exact=True).check()
    await anna.button("Read with values", anna.dialog).click()
    await anna.dialog.get_by_role("cell", name=re.compile(r"^2\d\d[\d.]* V$")).first.wait_for()
    await anna.sees("26 objects", anna.dialog)
    await anna.button("Add 5 rows", anna.dialog).click()
    await anna.add("Load profiles")
    await anna.field("Label", anna.part("Load profiles")).fill("profile")
    await anna.save()


async def read_before_it_counts(anna: Any) -> None:
    """A mapping of the draft is tried, and what the bus will have to carry is told."""
    await anna.tab("Commands")
    await anna.button("Test reading").click()
    await anna.page.get_by_label("Draft meter").select_option("main")
    await anna.page.get_by_role("combobox", name="Mapping").select_option("main / 1-0:32.7.0")
    await anna.button("Run").click()
    await anna.page.get_by_text(re.compile(r"^2\d\d[\d.]*( V)?$")).first.wait_for()
    await anna.button("Test reading").click()
    await anna.button("Predict the load of the buses").click()
    await anna.field("Speed of serial ports").fill("115200")
    await anna.button("Run").click()
    await anna.page.get_by_role("rowheader", name="serial port rs485").first.wait_for()


async def map_to_registers(anna: Any, port: int) -> None:
    """Points that are not active yet are picked as any other."""
    await anna.settings("Modbus server")
    await anna.field("TCP port").fill(str(port))
    await anna.add("Groups")
    await anna.field("Label").fill("meter")
    for number, point in enumerate(POINTS, 1):
        await anna.add("Rows")
        await anna.pick(anna.cell("Data point", number), point)
        await anna.cell("Bank", number).select_option("holding")
        await anna.cell("Address", number).fill(str(2 * (number - 1)))
        await anna.cell("Format", number).fill("f32")
    await anna.save()


async def map_to_information_objects(anna: Any, port: int) -> None:
    """A block of a spreadsheet becomes the rows."""
    await anna.settings("IEC 60870-5-104 server")
    await anna.field("TCP port").fill(str(port))
    await anna.add("Groups")
    await anna.field("Label", anna.part("Groups")).fill("meter")
    await anna.add("Mappings")
    await anna.cell("Type", 1).focus()
    lines = [f"M_ME_NC\t{point}\t\t\t{100 + number}" for number, point in enumerate(POINTS)]
    await anna.page.evaluate("text => navigator.clipboard.writeText(text)", "\n".join(lines))
    await anna.page.keyboard.press("Control+V")
    await anna.save()


async def see_live_values(anna: Any) -> None:
    """The page of points shows them as they come."""
    await anna.open("Points")
    await anna.page.get_by_label("Search").fill("1-0:32.7.0")
    await anna.page.get_by_text(re.compile(r"^2\d\d[\d.]*( V)?$")).first.wait_for()


async def upload_a_synthesizer(anna: Any, bought: Any) -> None:
    """Its maker is trusted first; without a licence it is there and not in the menu."""
    await anna.open("Plugins")
    await anna.button("Trust a publisher").click()
    await anna.dialog.get_by_label("Public key").fill(bought.key)
    await anna.dialog.get_by_label("Names it may sign").fill("acme-*")
    await anna.button("Trust", anna.dialog).click()
    await anna.sees("The publisher is trusted.")
    await anna.open("Manage synthesizers")
    await anna.page.get_by_label("File").set_input_files(bought.wheel)
    await anna.button("Upload").click()
    await anna.sees("was checked and installed")
    await anna.page.get_by_role("cell", name="acme-losses", exact=True).first.wait_for()


async def install_a_licence(anna: Any, directory: Path) -> None:
    """For the serial number that the page tells; the new entry stands in the menu at once."""
    await anna.open("Features")
    told = await anna.page.get_by_text("A licence is issued for the serial number").inner_text()
    vendor = new_vendor("ACME Metering", directory)
    (serial,) = re.findall(r"MH-\w+", told)
    feature = await anna.page.get_by_text(re.compile(r"^acme\.\w+$")).inner_text()
    licence = directory / "acme.licence"
    licence.write_text(issue(vendor, serial=serial, number="7", features=[feature], issued=datetime.date(2026, 1, 2)))
    await anna.button("Trust a vendor").click()
    await anna.dialog.get_by_label("Public key").fill(vendor.public.read_text())
    await anna.button("Trust", anna.dialog).click()
    await anna.dialog.wait_for(state="detached")
    assert await anna.menu.get_by_role("link", name="Acme losses").count() == 0
    await anna.page.get_by_label("Licence file").set_input_files(licence)
    await anna.button("Install").click()
    await anna.sees("New entries are in the menu now.")
    await anna.menu.get_by_role("link", name="Acme losses").wait_for()


async def add_a_user(anna: Any) -> None:
    """With the role R4 and a first password."""
    await anna.open("Manage users")
    await anna.button("Add a user").click()
    await anna.dialog.get_by_label("User name").fill("bert")
    await anna.dialog.get_by_label("R4 Operations").check()
    await anna.button("Add", anna.dialog).click()
    await anna.button("Activate: bert").click()
    await anna.dialog.get_by_label("First password").fill(PASSWORD)
    await anna.dialog.get_by_label("The same again").fill(PASSWORD)
    await anna.button("Activate", anna.dialog).click()
    await anna.sees("bert is active.")


async def see_less(bert: Any) -> None:
    """He reads what he may, cannot configure, and an address that he was told shows nothing."""
    await bert.log_in("bert", PASSWORD)
    await bert.open("Points")
    await bert.sees(POINTS[VOLTAGE])
    entries = set(await bert.menu.get_by_role("link").all_inner_texts())
    assert {"Event log", "Logged data"} <= entries
    assert not {"Manage users", "Access control", "Passwords and keys"} & entries
    assert await bert.button("Enter configuration mode").count() == 0
    await bert.page.goto(f"{bert.url}/user/manage")
    await bert.page.get_by_role("heading", name="There is nothing here").wait_for()
    await bert.button("Log out").click()
    await bert.button("Log in").wait_for()


async def mistake_a_key_for_a_certificate(anna: Any) -> None:
    """What was pasted is named where it was pasted, in the language of the page."""
    await anna.open("TLS certificates")
    await anna.page.get_by_label("Language").select_option("polski")
    await anna.page.get_by_role("button", name="Prześlij certyfikat", exact=True).click()
    await anna.field("Łańcuch certyfikatów").fill("-----BEGIN PUBLIC KEY-----")
    with anna.bearing(r"422 POST \S+/certificate-upload"):
        await anna.button("Wykonaj").click()
        await anna.sees("a to jest klucz publiczny")
    await anna.page.get_by_label("Język").select_option("English")


async def query_a_day(anna: Any) -> None:
    """The load profile of the meter fills the day before the first login."""
    await anna.open("Logged data")
    await anna.page.get_by_label("Search points").fill("profile")
    await anna.page.get_by_role("checkbox", name="dlms-client/main/profile/").first.check()
    await anna.button("Show").click()
    await anna.page.locator("mh-chart canvas").wait_for()
    lines = (await anna.downloads("Download CSV")).splitlines()
    begun = [datetime.datetime.fromisoformat(row["start"]) for row in csv.DictReader(lines)]
    assert len(begun) >= 95
    assert max(begun) - min(begun) >= datetime.timedelta(hours=23)


async def import_a_configuration(anna: Any, directory: Path) -> None:
    """The export of this one, with another interval in it; what would change is shown before."""
    await anna.open("Configuration")
    document = json.loads(await anna.downloads("Export"))
    document["services"]["dlms-client"]["normal"] = 5
    file = directory / "changed.json"
    file.write_text(json.dumps(document))
    await anna.page.get_by_label("File").set_input_files(file)
    await anna.button("Import").click()
    await anna.sees("Normal interval", anna.dialog)
    await anna.button("Keep in the draft", anna.dialog).click()
    await anna.apply("imported")
    await anna.keep()
    await anna.page.get_by_role("cell", name="imported").wait_for()


async def come_back_from_a_lock_out(anna: Any) -> None:
    """The pages move away to another port, and nobody can confirm that there."""
    await anna.edit()
    await anna.settings("HTTP and REST")
    await anna.field("HTTPS port").fill(str(free_port()))
    await anna.save()
    with anna.bearing(r"net::ERR_\w+ "):
        await anna.apply("elsewhere", confirm_within=5)
        await anna.sees("The device does not answer at this address any more.")
        await anna.sees("The new configuration was not kept: the old one is back.")
    await anna.open("Points")
    await anna.sees(POINTS[VOLTAGE])


async def register_of(port: int, number: int) -> float | None:
    """What mbpoll reads from the pair of registers of a row; nothing before the server listens."""
    line = f"mbpoll -m tcp -a 1 -t 4:float -B -0 -r {2 * number} -1 -q -p {port} 127.0.0.1".split()
    process = await asyncio.create_subprocess_exec(*line, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    told = re.search(r"\]:\s+([\d.]+)", output.decode())
    return None if told is None else float(told[1])


async def interrogated(port: int) -> dict[int, float]:
    """What a general interrogation of c104 brings, by the information object addresses."""
    addresses = [str(100 + number) for number, _ in enumerate(POINTS)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, MASTER, str(port), "M_ME_NC_1", *addresses,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    found: dict[int, float] = {}
    async with asyncio.timeout(60):
        while len(found) < len(addresses):
            told = json.loads(await process.stdout.readline())
            if "ioa" in told:
                found[told["ioa"]] = told["value"]
        process.stdin.close()
        await process.communicate()
    return found
