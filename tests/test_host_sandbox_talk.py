"""A question to a card's process, and how long anybody waits for the answer."""

from __future__ import annotations

import mmap
import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from hotswap.host.sandbox import SandboxError
from hotswap.host.sandbox.talk import Child, Talk
from hotswap.host.sandbox.wire import ANSWER, ANSWER_AT, ANSWERED, SIZE, WORDS, Answer, Ask

SECOND = 1_000_000_000


@pytest.fixture
def child() -> Iterator[Child]:
    """A process that takes no notice of anything."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        flags = os.EFD_CLOEXEC | os.EFD_NONBLOCK
        yield Child(
            mmap.mmap(-1, SIZE),
            os.eventfd(0, flags),
            os.eventfd(0, flags),
            os.pidfd_open(process.pid),
        )
        process.kill()


def answer(child: Child, number: int) -> None:
    """As if the process had answered question `number`."""
    ANSWER.pack_into(child.memory, ANSWER_AT, Answer.DONE, 0, 7, 2, *WORDS)
    child.memory[ANSWERED : ANSWERED + 4] = number.to_bytes(4, "little")


def test_an_answer_that_is_there_is_taken(child: Child) -> None:
    talk = Talk(child)
    answer(child, 1)
    assert talk.ask(time.monotonic_ns() + SECOND, SECOND, Ask.HOST_CALL)[:4] == (1, 0, 7, 2)
    talk.close()


def test_nobody_is_asked_when_the_time_is_over(child: Child) -> None:
    """A process that asks for one host call after the other answers each at once."""
    talk = Talk(child)
    answer(child, 1)
    with pytest.raises(SandboxError, match="no answer within 3 ms"):
        talk.ask(time.monotonic_ns() - 1, 3_000_000, Ask.RETURN)
    assert talk.lost == "no answer within 3 ms"
    talk.close()


def test_an_answer_to_another_question_is_none(child: Child) -> None:
    talk = Talk(child)
    answer(child, 2)
    with pytest.raises(SandboxError, match="no answer within 2 ms"):
        talk.ask(time.monotonic_ns() + 2_000_000, 2_000_000, Ask.HOST_CALL)
    with pytest.raises(SandboxError, match="no answer within 2 ms"):
        talk.ask(time.monotonic_ns() + SECOND, SECOND, Ask.HOST_CALL)
    talk.close()
