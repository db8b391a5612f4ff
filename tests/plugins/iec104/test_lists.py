"""The interoperability list and the signal list: what they say, in both forms and both languages."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from meterhub_iec104.lists import interoperability, signals
from meterhub_iec104.lists.answers import PIECE, ListArguments, Lists
from meterhub_iec104.lists.causes import assignments
from meterhub_iec104.lists.document import as_csv, as_html
from meterhub_iec104.lists.identifications import TYPE_NAMES, in_use, supported
from meterhub_iec104.lists.words import POLISH, translator
from meterhub_iec104.service import Iec104Server
from meterhub_iec104.settings import Iec104Settings
from meterhub_sdk import Refused

ROWS = [
    {"type": "M_ME_NC", "point": "m/power", "ioa": 10, "push": "deadband", "deadband": 2.5, "scaling": 0.001},
    {"type": "M_DP", "point": "m/q1-on", "second_point": "m/q1-off", "ioa": 20},
    {"type": "M_PS", "point": "m/a", "more_points": ["m/b"], "ioa": 21},
]
TOTALS = [{"type": "M_IT", "point": "m/energy", "ioa": 40}]
COMMANDS = [
    {"type": "C_DC", "point": "m/q1", "ioa": 20, "return_ioa": 20, "execution": "select"},
    {"type": "C_SE_NC", "point": "m/limit", "ioa": 50, "scaling": 0.001},
    {"type": "C_BO", "point": "m/mask", "ioa": 51},
]
CONFIG = Iec104Settings.model_validate(
    {
        "groups": [
            {"label": "bay 1".replace(" ", "-"), "interrogation_group": 3, "periodic": 60, "rows": ROWS},
            {"label": "energy", "common_address": 7, "counter_group": 2, "background": 0, "rows": TOTALS},
        ],
        "commands": {"groups": [{"label": "switching", "rows": COMMANDS}], "time_tags": "with", "maximum_age": 20},
    }
)
UNITS = {"m/power": "W", "m/limit": "W", "m/energy": "Wh"}
ENGLISH = translator("en")


def table(config=CONFIG, language="en", which="signals"):
    """The CSV form as a reader of such files sees it: a list of lines by their titles."""
    say = translator(language)
    lines = signals.csv_lines(config, UNITS, say) if which == "signals" else interoperability.csv_lines(config, say)
    text = as_csv(language, lines)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:]), delimiter=";" if language == "pl" else ","))


def test_the_signal_list_has_every_object_with_its_address_type_and_rules():
    lines = table()
    assert [(line["Direction"], line["CA"], line["IOA"], line["Type"]) for line in lines] == [
        ("monitor", "1", "10", "M_ME_NC"),
        ("monitor", "1", "20", "M_DP"),
        ("monitor", "1", "21", "M_PS"),
        ("monitor", "7", "40", "M_IT"),
        ("control", "1", "20", "C_DC"),
        ("control", "1", "50", "C_SE_NC"),
        ("control", "1", "51", "C_BO"),
    ]
    power, breaker, packed, energy, switching, limit, mask = lines
    assert (power["Unit"], power["Scaling"], power["Deadband"], power["Push mode"]) == ("W", "0.001", "2.5", "deadband")
    assert (power["TI"], power["Event TI"]) == ("13", "36")
    assert (power["Interrogation group"], power["Periodic (s)"], packed["Periodic (s)"]) == ("3", "60", "")
    assert (breaker["More points"], breaker["Scaling"], packed["Event TI"]) == (
        "m/q1-off",
        "",
        "20",
    )
    assert (energy["Push mode"], energy["Event TI"], energy["Counter group"]) == ("never", "", "2")
    assert (switching["TI"], switching["Execution"]) == ("59", "select")
    assert (switching["Return IOA"], switching["Qualifiers"]) == ("20", "none, persistent")
    assert (limit["Unit"], limit["Execution"], mask["Execution"]) == ("W", "either", "direct")


def test_polish_files_have_semicolons_and_commas_in_numbers():
    power = table(language="pl")[0]
    assert (power["Kierunek"], power["Mnożnik"], power["Strefa nieczułości"]) == ("monitorowanie", "0,001", "2,5")


def test_the_interoperability_list_follows_the_configuration():
    said = {(line["Section"], line["Parameter"]): line for line in table(which="interoperability")}

    def used(section, parameter):
        return said[section, parameter]["In use"]

    monitor, control = "Process information in monitor direction", "Process information in control direction"
    assert (used(monitor, "<13> M_ME_NC_1"), used(monitor, "<36> M_ME_TF_1"), used(monitor, "<1> M_SP_NA_1")) == (
        "X",
        "X",
        "",
    )
    assert (used(monitor, "<37> M_IT_TB_1"), used(monitor, "<38> M_EP_TD_1")) == ("", "")
    assert said[monitor, "<38> M_EP_TD_1"]["Supported"] == ""
    assert (used(control, "<46> C_DC_NA_1"), used(control, "<59> C_DC_TA_1")) == ("", "X")
    assert (used("Interrogation", "Global"), used("Interrogation", "Group 3"), used("Interrogation", "Group 4")) == (
        "X",
        "X",
        "",
    )
    assert (used("Integrated totals", "Request counter group 2"), used("Integrated totals", "Counter reset")) == (
        "X",
        "",
    )
    assert (used("Network and transport", "Port number"), used("Application layer", "Number of common addresses")) == (
        "2404",
        "2",
    )
    assert used("Commands", "Maximum age of a command (s)") == "20"
    assert used("Time-outs and windows", "T1: time-out of sent or test APDUs (s)") == "15"
    causes = "Type identifications and causes of transmission"
    assert used(causes, "<13> M_ME_NC_1") == "1, 5, 20"
    assert used(causes, "<3> M_DP_NA_1") == "5, 11, 20"
    assert used(causes, "<36> M_ME_TF_1") == "3"
    assert used(causes, "<59> C_DC_TA_1") == "6, 7, 8, 9, 10, 45, 46, 47"


def test_a_tls_configuration_says_so():
    config = CONFIG.model_copy(update={"tls_certificate": "chain", "tls_key": "key", "tls_authority": "authority"})
    said = {line["Parameter"]: line["In use"] for line in table(config, which="interoperability")}
    assert said["TLS after IEC 62351-3, versions 1.2 and 1.3"] == said["Certificates of the masters are checked"] == "X"


def test_every_type_in_use_is_supported_and_known_by_name():
    assert in_use(CONFIG) <= {number for number in TYPE_NAMES if supported(number)}
    assert all(causes for causes in assignments(CONFIG).values())


def spoken(make):
    """Every text that a list gives for translation."""
    said: set[str] = set()

    def say(text: str) -> str:
        said.add(text)
        return text

    make(say)
    return said


def test_every_text_has_its_polish_one():
    empty = Iec104Settings()
    said = set()
    for config in (CONFIG, empty):
        said |= spoken(lambda say, config=config: interoperability.document(config, [], say, "pl"))
        said |= spoken(lambda say, config=config: list(interoperability.csv_lines(config, say)))
        said |= spoken(lambda say, config=config: signals.document(config, UNITS, [], say, "pl"))
        said |= spoken(lambda say, config=config: list(signals.csv_lines(config, UNITS, say)))
    technical = re.compile(r"<\d+> [A-Z_0-9]+|[\d .,-]+|UTC")
    assert {text for text in said if text not in POLISH and not technical.fullmatch(text)} == set()


class Checked(HTMLParser):
    """Sees that every element ends, and what the page asks of others."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)
        self.outside += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("language", ["en", "pl"])
def test_pages_are_whole_and_need_nothing_else(language):
    say = translator(language)
    hostile = CONFIG.model_copy(
        update={"groups": [CONFIG.groups[0].model_copy(update={"label": "<script>alert(1)</script>"})]}
    )
    for page in (
        as_html(interoperability.document(CONFIG, [("Service", "iec104-server")], say, language)),
        as_html(signals.document(hostile, UNITS, [("<b>", "a & b")], say, language)),
    ):
        checked = Checked()
        checked.feed(page)
        checked.close()
        assert (checked.open, checked.outside) == ([], [])
        assert f'lang="{language}"' in page
        assert "<script" not in page
    assert "<script>alert(1)</script>" in checked.texts


def test_no_text_of_a_file_is_taken_for_a_formula():
    lines = [["=1+1", "@x", "-a", -5, "+b", "plain", None, True, False]]
    assert as_csv("en", lines) == "\ufeff'=1+1,'@x,'-a,-5,'+b,plain,,X,\r\n"


async def test_a_list_is_a_file_and_an_answer(fake_hub, monkeypatch):
    monkeypatch.setattr("meterhub_iec104.lists.answers._UNITS_TIMEOUT", 60.0)
    service = Iec104Server(fake_hub, CONFIG)
    fake_hub.give("m/power", 5.0, unit="W")
    piece = await service.signal_list(ListArguments(language="pl", format="csv"))
    assert (piece.name, piece.media_type, piece.next) == (
        "under-test-signal-list-pl.csv",
        "text/csv; charset=utf-8",
        None,
    )
    assert ";W;" in piece.text
    assert (fake_hub.directory / "lists" / piece.name).read_bytes().decode() == piece.text
    page = await service.interoperability_list(ListArguments())
    assert page.text.startswith("<!doctype html>")
    assert {"signal-list", "interoperability-list"} <= set(Iec104Server.commands())


async def test_a_long_list_comes_in_pieces(fake_hub):
    rows = [{"type": "M_ME_NC", "point": f"modbus-client/a-long-name/{n}", "ioa": n + 1} for n in range(20_000)]
    lists = Lists(fake_hub, Iec104Settings.model_validate({"groups": [{"label": "many", "rows": rows}]}))
    piece = await lists.piece("signal-list", ListArguments())
    texts = [piece.text]
    while piece.next is not None:
        piece = await lists.piece("signal-list", ListArguments(offset=piece.next))
        texts.append(piece.text)
    assert len(texts) > 5
    assert max(map(len, texts)) <= PIECE
    whole = "".join(texts)
    assert len(whole) == piece.characters
    assert whole.count("<tr>") == 20_001
    assert whole.endswith("</html>\n")


@pytest.mark.parametrize(("first", "words"), [(False, "no such list yet"), (True, "characters; begin with offset 0")])
async def test_an_offset_into_nothing_is_refused(fake_hub, first, words):
    lists = Lists(fake_hub, CONFIG)
    if first:
        await lists.piece("interoperability-list", ListArguments())
    with pytest.raises(Refused, match=words):
        await lists.piece("interoperability-list", ListArguments(offset=10_000_000))


async def test_units_that_the_hub_does_not_say_in_time_are_left_out(fake_hub, monkeypatch):
    monkeypatch.setattr("meterhub_iec104.lists.answers._UNITS_TIMEOUT", 0.01)
    piece = await Lists(fake_hub, CONFIG).piece("signal-list", ListArguments(format="csv"))
    assert "m/power" in piece.text
