"""Makes bad input out of good: conversations that somebody's client really had, changed at random.

::

    seed = seed_of_this_run()
    mutations = Mutations(random.Random(seed), recorded, broken=0.2)
    for conversation in mutations.conversations(Mbap, 20_000):
        await send(conversation.frames)

The messages are mutated and then sealed (:mod:`rig.wires`), so that they pass the frame check and reach the parts
behind it; the share ``broken`` is mutated after sealing. ``METERHUB_FUZZ_SEED`` in the environment repeats a run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rig.wires import Wire

_EXTREMES = (0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFE, 0xFF)


def seed_of_this_run() -> int:
    """The one in ``METERHUB_FUZZ_SEED``, or a new one; it is printed either way."""
    given = os.environ.get("METERHUB_FUZZ_SEED")
    seed = int(given) if given else random.SystemRandom().randrange(1 << 32)
    print(f"repeat with METERHUB_FUZZ_SEED={seed}")
    return seed


@dataclass
class Conversation:
    """What one client says from its first octet to its last."""

    wire: Wire
    beginning: list[bytes]
    """Messages of a recorded conversation, as they were."""
    messages: list[bytes]
    """Mutated ones, to be sealed."""
    last: list[bytes]
    """Messages whose frames are to be broken."""
    spoil: Callable[[bytes], bytes]
    """Breaks a frame."""

    @property
    def broken(self) -> list[bytes]:
        """Frames mutated after they were sealed. Many a server rightly ends a conversation at the first of them."""
        return [self.spoil(self.wire.seal(message)) for message in self.last]

    @property
    def mutated(self) -> int:
        """How many frames are mutated."""
        return len(self.messages) + len(self.last)

    @property
    def frames(self) -> list[bytes]:
        """All of it, for protocols in which nobody needs to wait for an answer."""
        sealed = [self.wire.seal(message) for message in (*self.beginning, *self.messages)]
        return [*self.wire.opening, *sealed, *self.broken]


class Mutations:
    """Draws mutated conversations from recorded ones, each a list of messages."""

    def __init__(
        self, chance: random.Random, recorded: Sequence[Sequence[bytes]], *, broken: float = 0.2, longest: int = 40
    ) -> None:
        self.chance = chance
        self._longest = longest
        self._recorded = recorded
        self._messages = [message for messages in recorded for message in messages]
        self._broken = broken

    def conversations(self, wire: Callable[[], Wire], frames: int) -> Iterator[Conversation]:
        """Conversations with so many mutated frames in all."""
        while frames > 0:
            conversation = self.conversation(wire(), min(frames, self.chance.randint(1, self._longest)))
            frames -= conversation.mutated
            yield conversation

    def conversation(self, wire: Wire, frames: int) -> Conversation:
        """The beginning of a recorded conversation, then mutated messages, at the end frames that are broken."""
        recorded = self.chance.choice(self._recorded)
        broken = sum(self.chance.random() < self._broken for _ in range(frames))
        return Conversation(
            wire,
            list(recorded[: self.chance.choice((1, 2, len(recorded)))]),
            [self.mutated(self.chance.choice(self._messages)) for _ in range(frames - broken)],
            [self.chance.choice(self._messages) for _ in range(broken)],
            partial(self.mutated, at_least=1),
        )

    def mutated(self, whole: bytes, at_least: int = 0) -> bytes:
        """A message with up to four changes, and at least one octet."""
        octets = bytearray(whole or b"\0")
        for _ in range(self.chance.randint(at_least, 4)):
            self._change(octets)
            octets = octets or bytearray(1)
        return bytes(octets)

    def _change(self, octets: bytearray) -> None:
        chance, at = self.chance, self.chance.randrange(len(octets))
        match chance.randrange(8):
            case 0:
                octets[at] ^= 1 << chance.randrange(8)
            case 1:
                octets[at] = chance.randrange(256)
            case 2:
                octets[at] = chance.choice(_EXTREMES)
            case 3:
                del octets[at : at + chance.randint(1, 4)]
            case 4:
                octets[at:at] = octets[at : at + chance.randint(1, 20)]
            case 5:
                del octets[at:]
            case 6:
                other = chance.choice(self._messages)
                octets[at:] = other[chance.randrange(len(other) + 1) :]
            case _:
                octets[at : at + 2] = chance.choice((0, 1, len(octets), 0x7FFF, 0x8000, 0xFFFF)).to_bytes(2, "big")
