# SPDX-License-Identifier: GPL-2.0-only
"""One plain APDU as XML, by gurux-dlms, behind guards.

gurux-dlms prints, is slow, recurses on nested data, and leaves out what it could not read without saying so; what it
wrote is therefore counted again. It never gets a key or a ciphered APDU.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from meterhub_dlms_explain.budget import Budget, Spent

_DATA_ITEMS = ("Array", "Structure")
_LONGEST_REASON = 100


class Untranslatable(Exception):
    """gurux-dlms cannot read it; the text is a sentence."""


def translate(apdu: bytes, budget: Budget) -> Element:
    """The APDU (or the parameters of SNRM and UA) below an element ``Apdu``; :class:`Untranslatable` says why not."""
    import gurux_dlms  # noqa: F401 before the budget is asked: an import must not be interrupted

    try:
        with redirect_stdout(io.StringIO()), budget.spending():
            text, unread = _by_gurux(apdu)
            apdu_element = ElementTree.fromstring(f"<Apdu>{text}</Apdu>")  # noqa: S314 its strings are all hexadecimal
    except Spent:
        raise Untranslatable(f"it takes gurux-dlms more than {budget.seconds:g} s; give fewer frames") from None
    except ElementTree.ParseError:
        raise Untranslatable(f"{apdu[0]:02x} is not the first octet of an APDU that gurux-dlms knows") from None
    except RecursionError:
        raise Untranslatable("its data are nested too deep") from None
    except Exception as error:  # whatever a library raises on anybody's octets
        reason = " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
        raise Untranslatable(f"gurux-dlms cannot read it: {reason}") from None
    for element in apdu_element.iter():
        element.text = None  # between the tags gurux-dlms writes white space alone
    if unread:
        apdu_element.set("unread", str(unread))
    return apdu_element


def _by_gurux(apdu: bytes) -> tuple[str, int]:
    from gurux_dlms.GXByteBuffer import GXByteBuffer
    from gurux_dlms.GXDLMSTranslator import GXDLMSTranslator

    translator = GXDLMSTranslator()
    translator.showStringAsHex, translator.hex, translator.comments = True, False, False
    buffer = GXByteBuffer(bytearray(apdu))
    text = translator.pduToXml(buffer)
    return text, max(0, len(buffer) - buffer.position)


def omissions(apdu: Element) -> Iterator[str]:
    """A sentence for each thing that the APDU holds and its translation does not."""
    if unread := apdu.get("unread"):
        yield f"octets at the end that gurux-dlms left unread: {unread}; the APDU is cut off or too long"
    for element in apdu.iter():
        told = element.get("Qty")
        if told is not None and int(told) != len(element):
            yield _missing(element, int(told))
        elif element.tag == "Data" and not len(element) and not element.attrib:
            yield "a value is cut off"


def _missing(element: Element, told: int) -> str:
    if element.tag in _DATA_ITEMS:
        return f"the {element.tag.lower()} of {told} elements is cut off after {len(element)}"
    return f"gurux-dlms shows {len(element)} of {told} items of {element.tag}; it leaves out results that are errors"
