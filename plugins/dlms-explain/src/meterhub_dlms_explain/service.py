# SPDX-License-Identifier: GPL-2.0-only
"""The service ``dlms-explain``: commands for people who look at DLMS/COSEM frames and object lists."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from meterhub_sdk import Feature, Refused, Service, command
from pydantic import BaseModel, Field

from meterhub_dlms_explain import catalogue, outline
from meterhub_dlms_explain.budget import Budget
from meterhub_dlms_explain.conversation import Conversation, Explained
from meterhub_dlms_explain.layers import Frame, Splitter
from meterhub_dlms_explain.octets import read_blocks
from meterhub_dlms_explain.protection import Keys
from meterhub_dlms_explain.settings import CodeArguments, CodesArguments, ExplainConfig, FrameArguments

SECONDS = 3.0
"""Processor time that one command may spend in gurux-dlms."""
MOST_FRAMES = 500
MOST_XML = 512 * 1024
_KEY_LENGTHS = (16, 32)


class FrameLine(BaseModel):
    """One frame in a few words."""

    number: int = Field(title="Number")
    layer: str = Field(title="Layer", description="HDLC, wrapper or APDU, and the kind of HDLC frame.")
    destination: str = Field(title="Destination")
    source: str = Field(title="Source")
    service: str = Field(title="Service")
    invoke_id: int | None = Field(title="Invoke-id")
    objects: list[str] = Field(title="Objects")
    notes: list[str] = Field(title="Notes", description="What is wrong with the frame, or could not be shown.")


class Explanation(BaseModel):
    """What some octets mean."""

    frames: list[FrameLine] = Field(title="Frames")
    xml: str = Field(title="XML")


class ObjectName(BaseModel):
    """What an OBIS code means."""

    code: str = Field(title="OBIS code")
    name: str = Field(title="Name", description="Empty when the catalogue does not know the code.")
    unit: str = Field(title="Usual unit", description="Before the meter's scaler; the meter has the last word.")
    classes: list[int] = Field(title="Classes", description="COSEM interface classes that such an object may have.")
    class_names: list[str] = Field(title="Names of the classes")


class ObjectNames(BaseModel):
    """What OBIS codes mean, in the order of the question."""

    objects: list[ObjectName] = Field(title="Objects")


class ExplainStatus(BaseModel):
    """Which library explains, and how often it was asked."""

    library: str = Field(title="Library")
    explained: int = Field(title="Frames explained since the start")
    with_notes: int = Field(title="Of these, frames with something wrong or hidden")


class DlmsExplain(Service[ExplainConfig]):
    """Turns DLMS/COSEM frames into readable XML and names OBIS codes, with the help of gurux-dlms."""

    name = "dlms-explain"
    title = "DLMS/COSEM explained"
    feature = Feature("dlms.explain", "DLMS/COSEM frames explained", built_in=True)
    single = True
    menu = "Protocol conversion/Info"
    status_type = ExplainStatus

    _explained = _with_notes = 0

    async def run(self) -> None:
        """Wait for commands; gurux-dlms is imported at the first."""
        await asyncio.Event().wait()

    def status(self) -> ExplainStatus:
        """Library and counts."""
        return ExplainStatus(
            library=f"gurux-dlms {version('gurux-dlms')}", explained=self._explained, with_notes=self._with_notes
        )

    @command(title="Explain frames")
    async def frame(self, arguments: FrameArguments) -> Explanation:
        """HDLC frames, wrapper frames or APDUs in hexadecimal as XML, and each in a line.
        Frames of one conversation are best given together: segments and blocks are put together, and system titles
        learned. Ciphered ones are opened with keys from the settings, and shown only when their tag is right.
        Passwords and keys within are not shown.
        """
        try:
            blocks = read_blocks(arguments.hex)
        except ValueError as error:
            raise Refused(str(error)) from None
        titles = [bytes.fromhex(arguments.system_title)] if arguments.system_title else []
        keys, known = await self._keys(arguments.keys) if arguments.keys else (None, [])
        conversation = Conversation(Budget(SECONDS), keys, [*titles, *known])
        splitter, lines, document = Splitter(), list[FrameLine](), Element("Frames")
        for frame in (frame for block in blocks for frame in splitter.frames(block)):
            if len(lines) >= MOST_FRAMES:
                raise Refused(f"there are more than {MOST_FRAMES} frames; give fewer of them at once")
            lines.append(self._add(document, frame, len(lines) + 1, conversation))
            await asyncio.sleep(0)
        return Explanation(frames=lines, xml=_text(document))

    def _add(self, document: Element, frame: Frame, number: int, conversation: Conversation) -> FrameLine:
        octets = frame.apdu or frame.parameters
        explained = conversation.explain(octets) if octets else Explained(Element("Apdu"))
        notes = ([frame.fault] if frame.fault else []) + explained.notes
        shown = SubElement(document, "Frame", Number=str(number), Layer=frame.layer)
        told = {"Kind": frame.description, "Destination": frame.destination, "Source": frame.source}
        shown.attrib.update({name: text for name, text in told.items() if text})
        shown.extend(explained.apdu)
        for note in notes:
            SubElement(shown, "Note").text = note
        self._explained += 1
        self._with_notes += bool(notes)
        return FrameLine(
            number=number,
            layer=f"{frame.layer} {frame.description}".strip(),
            destination=frame.destination,
            source=frame.source,
            service=outline.service(explained.apdu) if frame.apdu else "",
            invoke_id=outline.invoke_id(explained.apdu),
            objects=outline.objects(explained.apdu),
            notes=notes,
        )

    async def _keys(self, label: str) -> tuple[Keys, list[bytes]]:
        row = next((row for row in self.config.keys if row.label == label), None)
        if row is None:
            raise Refused(
                f"the settings of {self.hub.name} have no keys called {label!r}; keys are given by their label"
            )
        keys = [_key(name, await self.hub.secret(name)) for name in (row.encryption_key, row.authentication_key)]
        return Keys(*keys), [bytes.fromhex(title) for title in row.system_titles if title]

    @command(title="Name an OBIS code", rights="R2 R3 R5")
    async def object_name(self, arguments: CodeArguments) -> ObjectName:
        """What an OBIS code means: name, usual unit, classes."""
        return _named(arguments)

    @command(title="Name many OBIS codes", rights="R2 R3 R5")
    async def objects(self, arguments: CodesArguments) -> ObjectNames:
        """What each of many OBIS codes means, such as those of a meter's object list."""
        named = []
        for one in arguments.codes:
            named.append(_named(one))
            await asyncio.sleep(0)  # the first question about a code takes milliseconds
        return ObjectNames(objects=named)


def _named(asked: CodeArguments) -> ObjectName:
    meaning = catalogue.look_up(catalogue.parse_code(asked.code), asked.class_id)
    names = catalogue.class_names()
    return ObjectName(
        code=meaning.code,
        name=meaning.name,
        unit=meaning.unit,
        classes=list(meaning.classes),
        class_names=[names.get(number, f"class {number}") for number in meaning.classes],
    )


def _key(name: str, secret: str) -> bytes:
    try:
        key = bytes.fromhex(secret)
    except ValueError:
        key = b""
    if len(key) not in _KEY_LENGTHS:
        raise Refused(f"the secret {name} is not a key; set it to 32 hexadecimal digits (64 in suite 2)")
    return key


def _text(document: Element) -> str:
    try:
        ElementTree.indent(document)
        text = ElementTree.tostring(document, encoding="unicode")
    except RecursionError:
        raise Refused("the data of a frame are nested too deep") from None
    if len(text) > MOST_XML:
        raise Refused(f"the XML would be longer than {MOST_XML >> 10} KiB; give fewer frames at once")
    return text
