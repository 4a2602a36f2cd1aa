"""The PS/2 mouse at its plug: commands, packets, modes, the wheel."""

from __future__ import annotations

import msgspec
import pytest

from hotswap.cards.ps2_mouse import Mouse, Moved

ACK, RESEND, ERROR = 0xFA, 0xFE, 0xFC
LEFT, RIGHT, MIDDLE, FOURTH, FIFTH = 1, 2, 4, 8, 16
WHEEL, FIVE_BUTTONS = (200, 100, 80), (200, 200, 80)
MS = 1_000_000


def ask(mouse: Mouse, *values: int) -> list[int]:
    """Send bytes to it, return what comes back of each."""
    answers = []
    for value in values:
        mouse.receive(value)
        answers += sent(mouse)
    return answers


def sent(mouse: Mouse) -> list[int]:
    """All it has to send."""
    found = []
    while mouse.ready:
        found.append(mouse.send())
    return found


def knock(mouse: Mouse, rates: tuple[int, ...]) -> int:
    """Set sample rates in a row; the identity after that."""
    for rate in rates:
        assert ask(mouse, 0xF3, rate) == [ACK, ACK]
    return ask(mouse, 0xF2)[1]


def packet(mouse: Mouse, now: int = 10_000 * MS) -> list[int]:
    mouse.report(now)
    return sent(mouse)


@pytest.fixture
def mouse() -> Mouse:
    """One that reports."""
    found = Mouse()
    ask(found, 0xF4)
    return found


# -- commands ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "answers"),
    [
        ((0xFF,), [ACK, 0xAA, 0]),
        ((0xF2,), [ACK, 0]),
        ((0xF3, 40), [ACK, ACK]),
        ((0xE8, 3), [ACK, ACK]),
        ((0xE9,), [ACK, 0x00, 2, 100]),
        ((0xEB,), [ACK, 0x08, 0, 0]),
        ((0xE6,), [ACK]),
        ((0xE7,), [ACK]),
        ((0xEA,), [ACK]),
        ((0xF0,), [ACK]),
        ((0xF4,), [ACK]),
        ((0xF5,), [ACK]),
        ((0xF6,), [ACK]),
        ((0x12,), [RESEND]),
    ],
)
def test_commands_are_answered(values: tuple[int, ...], answers: list[int]) -> None:
    assert ask(Mouse(), *values) == answers


def test_a_wrong_byte_is_asked_for_again_and_then_is_an_error() -> None:
    assert ask(Mouse(), 0x12, 0x12, 0x12) == [RESEND, ERROR, RESEND]
    assert ask(Mouse(), 0xF3, 41, 40) == [ACK, RESEND, ACK]
    assert ask(Mouse(), 0xE8, 4, 4, 0xF2) == [ACK, RESEND, ERROR, ACK, 0]


def test_the_status_shows_settings_and_buttons(mouse: Mouse) -> None:
    mouse.move(Moved(0, 0, LEFT | MIDDLE))
    ask(mouse, 0xE7, 0xE8, 0, 0xF3, 200)
    assert ask(mouse, 0xE9) == [ACK, 0x20 | 0x10 | 0x04 | 0x02, 0, 200]
    ask(mouse, 0xF0, 0xF5, 0xE6)
    assert ask(mouse, 0xE9) == [ACK, 0x40 | 0x04 | 0x02, 0, 200]


def test_defaults_are_put_back(mouse: Mouse) -> None:
    ask(mouse, 0xE7, 0xE8, 0, 0xF3, 200, 0xF0, 0xF6)
    assert ask(mouse, 0xE9) == [ACK, 0, 2, 100]


def test_resend_sends_the_whole_answer_or_packet_again(mouse: Mouse) -> None:
    ask(mouse, 0xF2)
    assert ask(mouse, 0xFE) == [ACK, 0]
    mouse.move(Moved(1, 2, 0))
    assert packet(mouse) == [0x08, 1, 2]
    assert ask(mouse, 0xFE, 0xFE) == 2 * [0x08, 1, 2]


def test_in_wrap_mode_it_says_what_it_hears(mouse: Mouse) -> None:
    assert ask(mouse, 0xEE, 0xF2, 0x12, 0xE9) == [ACK, 0xF2, 0x12, 0xE9]
    mouse.move(Moved(1, 1, 0))
    assert packet(mouse) == []
    assert ask(mouse, 0xEC, 0xF2) == [ACK, ACK, 0]
    assert ask(mouse, 0xEE, 0xFF) == [ACK, ACK, 0xAA, 0]
    assert ask(mouse, 0xF2) == [ACK, 0]


# -- packets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("motion", "bytes_sent"),
    [
        (Moved(1, 2, 0), [0x08, 1, 2]),
        (Moved(-1, 0, 0), [0x18, 0xFF, 0]),
        (Moved(0, -2, 0), [0x28, 0, 0xFE]),
        (Moved(255, -255, 0), [0x28, 0xFF, 0x01]),
        (Moved(0, 0, LEFT), [0x09, 0, 0]),
        (Moved(0, 0, RIGHT | MIDDLE), [0x0E, 0, 0]),
    ],
)
def test_a_packet_has_buttons_signs_and_counts(motion: Moved, bytes_sent: list[int]) -> None:
    mouse = Mouse(enabled=True)
    mouse.move(motion)
    assert packet(mouse) == bytes_sent


def test_what_happens_before_it_is_to_report_is_read_or_forgotten() -> None:
    mouse = Mouse()
    mouse.move(Moved(1, 1, LEFT))
    assert packet(mouse) == []
    assert ask(mouse, 0xEB) == [ACK, 0x09, 1, 1]
    mouse.move(Moved(1, 1, LEFT))
    ask(mouse, 0xF4)
    assert packet(mouse) == []
    assert ask(mouse, 0xE9)[1] == 0x20 | 0x04


def test_motion_adds_up_between_two_packets_of_the_sample_rate(mouse: Mouse) -> None:
    ask(mouse, 0xF3, 20)
    mouse.move(Moved(1, 0, 0))
    assert packet(mouse, now=0) == [0x08, 1, 0]
    mouse.move(Moved(1, 0, 0))
    mouse.move(Moved(2, 5, 0))
    assert mouse.due == 50 * MS
    assert packet(mouse, now=50 * MS - 1) == []
    assert packet(mouse, now=50 * MS) == [0x08, 3, 5]
    assert mouse.due is None


def test_counts_beyond_a_packet_go_into_the_next(mouse: Mouse) -> None:
    mouse.move(Moved(300, -300, 0))
    assert packet(mouse) == [0x28, 255, 1]
    assert packet(mouse, now=20_000 * MS) == [0x28, 45, 256 - 45]
    assert packet(mouse, now=30_000 * MS) == []


def test_scaling_doubles_fast_motion_of_the_stream_only(mouse: Mouse) -> None:
    ask(mouse, 0xE7)
    for now, (counts, scaled) in enumerate(zip(range(1, 8), (1, 1, 3, 6, 9, 12, 14), strict=True)):
        mouse.move(Moved(counts, -counts, 0))
        assert packet(mouse, now=now * 1000 * MS) == [0x28, scaled, 256 - scaled]
    mouse.move(Moved(7, 0, 0))
    assert ask(mouse, 0xEB) == [ACK, 0x08, 7, 0]
    mouse.move(Moved(200, 0, 0))
    assert packet(mouse, now=10_000 * MS) == [0x08, 254, 0]
    assert packet(mouse, now=20_000 * MS) == [0x08, 146, 0]


def test_in_remote_mode_it_reports_when_asked(mouse: Mouse) -> None:
    ask(mouse, 0xF0)
    mouse.move(Moved(3, 4, LEFT))
    assert packet(mouse) == []
    assert ask(mouse, 0xEB, 0xEB) == [ACK, 0x09, 3, 4, ACK, 0x09, 0, 0]
    ask(mouse, 0xEA)
    mouse.move(Moved(1, 0, 0))
    assert packet(mouse) == [0x08, 1, 0]


def test_a_command_breaks_a_packet_off(mouse: Mouse) -> None:
    mouse.move(Moved(1, 2, 0))
    mouse.report(0)
    mouse.send()
    assert ask(mouse, 0xF2) == [ACK, 0]


# -- the wheel --------------------------------------------------------------------------------


def test_a_knock_makes_packets_of_four_bytes(mouse: Mouse) -> None:
    assert knock(mouse, WHEEL) == 3
    mouse.move(Moved(1, 2, 0, wheel=-1))
    assert packet(mouse) == [0x08, 1, 2, 0xFF]


def test_another_knock_brings_two_more_buttons(mouse: Mouse) -> None:
    knock(mouse, WHEEL)
    assert knock(mouse, FIVE_BUTTONS) == 4
    mouse.move(Moved(0, 0, LEFT | FOURTH, wheel=1))
    assert packet(mouse) == [0x09, 0, 0, 0x11]
    mouse.move(Moved(0, 0, FIFTH, wheel=-1))
    assert packet(mouse, now=20_000 * MS) == [0x08, 0, 0, 0x2F]


def test_other_rates_are_no_knock(mouse: Mouse) -> None:
    assert knock(mouse, (200, 100, 100, 80)) == 0


def test_without_a_wheel_its_turns_are_lost(mouse: Mouse) -> None:
    mouse.move(Moved(0, 0, 0, wheel=50))
    packet(mouse)
    knock(mouse, WHEEL)
    assert packet(mouse, now=20_000 * MS) == []


def test_reset_forgets_the_wheel(mouse: Mouse) -> None:
    knock(mouse, WHEEL)
    assert ask(mouse, 0xFF, 0xF2) == [ACK, 0xAA, 0, ACK, 0]


def test_its_state_is_plain_data(mouse: Mouse) -> None:
    knock(mouse, WHEEL)
    mouse.move(Moved(1, 2, 3))
    mouse.report(0)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(mouse), type=Mouse) == mouse
