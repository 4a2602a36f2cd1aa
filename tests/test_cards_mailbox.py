"""Which ACK answers which command: every command against every ACK."""

import pytest

from hotswap.cards.mailbox import (
    BEATS_MAX,
    OWED,
    RESUMES,
    Ack,
    Command,
    Verdict,
    due,
    judge,
    standstill,
)

SAVED = [Ack.PREPARED, Ack.QUIESCED, Ack.SAVED]


@pytest.mark.parametrize("command", Command, ids=lambda command: command.name)
def test_every_command_is_owed_its_answers_in_order_and_no_others(command: Command) -> None:
    given: list[int] = []
    for wanted in OWED[command]:
        code = RESUMES.get(command, 0)
        for ack in Ack:
            verdict = judge(command, given, ack, code)
            assert (verdict is Verdict.ANSWER) == (ack is wanted), ack
            assert (verdict is Verdict.DOUBLE) == (ack in given), ack
            assert (verdict is Verdict.ERROR) == (ack is Ack.ERROR), ack
        given.append(wanted)
    assert due(command, given) is None
    for answer in given:
        assert judge(command, given, answer, 0) is Verdict.DOUBLE


@pytest.mark.parametrize(
    ("command", "given", "phase", "code", "verdict"),
    [
        (Command.SAVE, SAVED[:2], Ack.SAVED, 0, Verdict.ANSWER),
        (Command.SAVE, SAVED, Ack.SAVED, 0, Verdict.DOUBLE),
        (Command.SWITCH, SAVED, Ack.SAVED, 0, Verdict.DOUBLE),
        (Command.SWITCH, SAVED, Ack.BOOT, 0, Verdict.ANSWER),
        (Command.SWITCH, SAVED, Ack.DECODED, 0, Verdict.EARLY),
        (Command.SWITCH, [*SAVED, Ack.BOOT], Ack.DECODED, 0, Verdict.ANSWER),
        (Command.SWITCH, [*SAVED, Ack.BOOT], Ack.RESTORED, 0, Verdict.EARLY),
        (Command.QUIESCE, SAVED[:1], Ack.RESUMED, 0, Verdict.EARLY),
        (Command.COMMIT, SAVED, Ack.RESUMED, 0, Verdict.ANSWER),
        (Command.COMMIT, SAVED, Ack.RESUMED, 2, Verdict.EARLY),
        (Command.RESUME_OLD, SAVED, Ack.RESUMED, 2, Verdict.ANSWER),
        (Command.RESUME_OLD, SAVED, Ack.RESUMED, 0, Verdict.EARLY),
        (Command.NONE, SAVED, Ack.PREPARED, 0, Verdict.DOUBLE),
        (Command.PREPARE, [], 0x55, 0, Verdict.UNKNOWN),
        (Command.PREPARE, [], Ack.ERROR, 7, Verdict.ERROR),
    ],
)
def test_what_an_ack_is(
    command: Command, given: list[int], phase: int, code: int, verdict: Verdict
) -> None:
    assert judge(command, given, phase, code) is verdict


def test_progress_only_ever_grows_and_does_so_now_and_then() -> None:
    assert standstill(5, 6, 0) == ""
    assert standstill(5, 5, BEATS_MAX - 1) == ""
    assert standstill(5, 5, BEATS_MAX) == "1024 heartbeats of the guest showed no progress beyond 5"
    assert standstill(5, 4, 1) == "the guest's progress went back from 5 to 4"
