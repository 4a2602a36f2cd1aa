"""What host and process say to each other in the memory they share: where it lies, in what shape.

Strictly in turn: the host asks under a number, the process answers under the same number, and a
host call is an answer, too: "first do this for me". The process may be in the hands of a hostile
card, so the host copies an answer once, and believes nothing in it that it has not checked.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from hotswap.bus import HotswapError

PAYLOAD = 64 << 10
"""Most bytes that come with one question or answer."""
ASKED, ANSWERED, AWAKE = 0, 4, 8
"""Offsets of words: the number of the last question, of the last answer, and 1 while the process
looks for questions by itself."""
QUESTION = struct.Struct("<5I8I")
"""Ask, three numbers, bytes of payload; words."""
ANSWER = struct.Struct("<IIQQ8I")
"""Answer, bytes of payload, value, instructions; words."""
QUESTION_AT, ANSWER_AT = 64, 192
QUESTION_PAYLOAD = 4096
ANSWER_PAYLOAD = QUESTION_PAYLOAD + PAYLOAD
SIZE = ANSWER_PAYLOAD + PAYLOAD
"""Bytes they share."""
WORDS = (0,) * 8
HOST_CALLS = 128
"""Host calls a card can have: made before the process is confined, which may make none later."""
FAILED = b"D"
"""Said instead of a pidfd by the process cards' are forked from: the new one has ended already."""


class Ask(IntEnum):
    """What the host asks for."""

    CALL = 1  # entry, budget, number of arguments; the arguments
    RETURN = 2  # of a host call: low and high half of its value
    FAIL = 3  # of a host call; payload: why
    MAP = 4  # address, size, 1 writable + 2 executable
    READ = 5  # address, size
    WRITE = 6  # address; payload: what
    HOST_CALL = 7  # make one


class Answer(IntEnum):
    """What the process answers."""

    DONE = 1  # value, instructions; payload: what was read
    FAULT = 2  # instructions; payload: a CodeFault
    REFUSED = 3  # payload: why
    HOST_CALL = 4  # value: which; words


class SandboxError(HotswapError):
    """A card's process cannot be started, has ended, or does not answer as it should."""
