"""Writes rules about system calls as the small program that the kernel runs before each call (BPF, seccomp(2))."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from meterhub.sandbox.syscalls import X86_64, Architecture

ALLOW = 0x7FFF0000
KILL = 0x80000000
ERRNO = 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32_CALLS = 0x40000000

Instruction = tuple[int, int, int, int]  # operation, jump if true, jump if false, constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One system call is refused with `errno`: always, or depending on one 32-bit argument.

    `only`: refused unless the argument is one of these. `never`: refused if it is one of these. `without`: refused if
    it has any of these bits. At most one of the three is given; `only` may be empty.
    """

    call: str
    errno: int
    argument: int | None = None
    only: tuple[int, ...] | None = None
    never: tuple[int, ...] = ()
    without: int = 0


def program(rules: Iterable[Rule], architecture: Architecture) -> bytes:
    """The filter for one architecture; a call made in another architecture's way ends the process.

    Rules about calls that the architecture does not have are left out. Every block of a rule ends in an answer, so a
    block needs no jump over the next one and no distance grows with the number of rules.
    """
    lines: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, architecture.audit),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if architecture is X86_64:
        lines += [(_AT_LEAST, 0, 1, _X32_CALLS), (_RETURN, 0, 0, KILL)]
    for rule in rules:
        number = architecture.numbers.get(rule.call)
        if number is not None:
            block = list(_block(rule))
            lines += [(_EQUAL, 0, len(block), number), *block]
    lines.append((_RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _block(rule: Rule) -> Iterator[Instruction]:
    refuse = (_RETURN, 0, 0, ERRNO | rule.errno)
    allow = (_RETURN, 0, 0, ALLOW)
    if rule.argument is None:
        yield refuse
        return
    # All three architectures are little-endian: the low half of a 64-bit argument comes first.
    yield (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * rule.argument)
    for value in rule.only or ():
        yield from ((_EQUAL, 0, 1, value), allow)
    for value in rule.never:
        yield from ((_EQUAL, 0, 1, value), refuse)
    if rule.without:
        yield from ((_ANY_BIT, 0, 1, rule.without), refuse)
    yield refuse if rule.only is not None else allow
