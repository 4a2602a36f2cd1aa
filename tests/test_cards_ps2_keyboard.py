"""The PS/2 keyboard at its plug: commands, the three code sets, typematic, the buffer."""

from __future__ import annotations

import msgspec
import pytest

from hotswap.cards.ps2_keyboard import BUFFER, Keyboard
from hotswap.cards.scancodes import KEYS, SET_1, break_code

ACK, RESEND = 0xFA, 0xFE
MS = 1_000_000


def ask(keyboard: Keyboard, *values: int) -> list[int]:
    """Send bytes to it, return what comes back of each."""
    answers = []
    for value in values:
        keyboard.receive(value)
        answers += sent(keyboard)
    return answers


def sent(keyboard: Keyboard) -> list[int]:
    """All it has to send."""
    found = []
    while keyboard.ready:
        found.append(keyboard.send())
    return found


def press(keyboard: Keyboard, codes: bytes, now: int = 0) -> list[int]:
    """Codes of set 2 from the keys, and what is sent for them."""
    for code in codes:
        keyboard.key(code, now)
    return sent(keyboard)


def stroke(keyboard: Keyboard, name: str) -> bytes:
    """Press a key and let it go."""
    key = KEYS[name]
    return bytes(press(keyboard, key.make) + press(keyboard, break_code(key)))


# -- commands ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "answers"),
    [
        ((0xEE,), [0xEE]),
        ((0xF2,), [ACK, 0xAB, 0x83]),
        ((0xED, 0x07), [ACK, ACK]),
        ((0xF3, 0x7F), [ACK, ACK]),
        ((0xF0, 0x00), [ACK, ACK, 2]),
        ((0xF0, 0x04), [ACK, RESEND]),
        ((0xF4,), [ACK]),
        ((0xF5,), [ACK]),
        ((0xF6,), [ACK]),
        ((0xFF,), [ACK, 0xAA]),
        ((0xEF,), [RESEND]),
        ((0x12,), [RESEND]),
    ],
)
def test_commands_are_answered(values: tuple[int, ...], answers: list[int]) -> None:
    assert ask(Keyboard(), *values) == answers


def test_a_command_in_place_of_an_argument_is_obeyed() -> None:
    keyboard = Keyboard()
    assert ask(keyboard, 0xED, 0xF2) == [ACK, ACK, 0xAB, 0x83]
    assert keyboard.leds == 0


def test_the_leds_are_set() -> None:
    keyboard = Keyboard()
    ask(keyboard, 0xED, 0x05)
    assert keyboard.leds == 5


def test_resend_sends_the_last_byte_again() -> None:
    keyboard = Keyboard()
    press(keyboard, b"\x1c")
    assert ask(keyboard, 0xFE, 0xFE) == [0x1C, 0x1C]


def test_a_command_breaks_off_the_answer_to_the_one_before() -> None:
    keyboard = Keyboard()
    keyboard.receive(0xF2)
    assert keyboard.send() == ACK
    assert ask(keyboard, 0xEE) == [0xEE]


def test_an_answer_goes_before_the_codes_that_wait() -> None:
    keyboard = Keyboard()
    for code in b"\x1c\xf0\x1c":
        keyboard.key(code, 0)
    assert ask(keyboard, 0xEE) == [0xEE, 0x1C, 0xF0, 0x1C]


def test_a_disabled_keyboard_ignores_its_keys() -> None:
    keyboard = Keyboard()
    ask(keyboard, 0xF5)
    assert press(keyboard, b"\x1c\xf0\x1c") == []
    ask(keyboard, 0xF4)
    assert press(keyboard, b"\x1c") == [0x1C]


@pytest.mark.parametrize("command", [0xF4, 0xF5, 0xF6, 0xFF])
def test_enabling_and_defaults_clear_the_buffer(command: int) -> None:
    keyboard = Keyboard()
    keyboard.key(0x1C, 0)
    assert 0x1C not in ask(keyboard, command)


def test_reset_takes_everything_back() -> None:
    keyboard = Keyboard()
    ask(keyboard, 0xED, 7, 0xF3, 0x7F, 0xF0, 3, 0xF9, 0xF5, 0xFF)
    fresh = Keyboard(last=0xAA)
    assert keyboard == fresh


# -- the three sets ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "set_1", "set_2", "set_3"),
    [
        ("a", "1e9e", "1cf01c", "1c"),
        ("f7", "41c1", "83f083", "37"),
        ("up", "e048e0c8", "e075e0f075", "63"),
        ("right-ctrl", "e01de09d", "e014e0f014", "58"),
        ("keypad-enter", "e01ce09c", "e05ae0f05a", "79"),
        ("\\", "2bab", "5df05d", "5c"),
        ("shift", "2aaa", "12f012", "12f012"),
        ("capslock", "3aba", "58f058", "14f014"),
        ("print", "e02ae037e0b7e0aa", "e012e07ce0f07ce0f012", "57"),
        ("pause", "e11d45e19dc5", "e11477e1f014f077", "62"),
    ],
)
def test_a_key_in_each_set(name: str, set_1: str, set_2: str, set_3: str) -> None:
    for number, codes in enumerate((set_1, set_2, set_3), 1):
        keyboard = Keyboard()
        assert ask(keyboard, 0xF0, number) == [ACK, ACK]
        assert ask(keyboard, 0xF0, 0) == [ACK, ACK, number]
        assert stroke(keyboard, name).hex() == codes


def test_no_two_keys_have_the_same_code() -> None:
    assert len({key.make for key in KEYS.values()}) == len(KEYS)
    assert len({key.set_3 for key in KEYS.values()}) == len(KEYS)


def test_the_translation_loses_no_code() -> None:
    assert len(set(SET_1[1:0x80])) == 0x7F
    assert max(SET_1[1:0x80]) == 0x7F


def test_the_shifts_set_2_puts_around_a_key_are_none_in_set_3() -> None:
    keyboard = Keyboard()
    ask(keyboard, 0xF0, 3)
    assert press(keyboard, b"\xe0\xf0\x12\xe0\x70\xe0\xf0\x70\xe0\x12") == [0x67]


# -- key types of set 3 -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "codes", "repeats"),
    [(0xF7, "1c", True), (0xF8, "1cf01c", False), (0xF9, "1c", False), (0xFA, "1cf01c", True)],
)
def test_the_type_of_all_keys(command: int, codes: str, repeats: bool) -> None:
    keyboard = Keyboard()
    ask(keyboard, 0xF0, 3, command)
    assert stroke(keyboard, "a").hex() == codes
    press(keyboard, KEYS["a"].make)
    assert (keyboard.repeat_at is not None) == repeats


@pytest.mark.parametrize(("command", "codes"), [(0xFB, "1c"), (0xFC, "1cf01c"), (0xFD, "1c")])
def test_the_type_of_some_keys(command: int, codes: str) -> None:
    keyboard = Keyboard()
    assert ask(keyboard, 0xF0, 3, command, 0x1C, 0x32) == 5 * [ACK]
    assert stroke(keyboard, "a") == b""
    assert ask(keyboard, 0xF4) == [ACK]
    assert stroke(keyboard, "a").hex() == codes
    assert stroke(keyboard, "c").hex() == "21"


def test_types_matter_in_set_3_only() -> None:
    keyboard = Keyboard()
    ask(keyboard, 0xF9)
    assert stroke(keyboard, "a").hex() == "1cf01c"


# -- typematic --------------------------------------------------------------------------------


def test_a_held_key_repeats_after_the_delay_at_the_rate() -> None:
    keyboard = Keyboard()
    press(keyboard, b"\xe0\x75", now=0)
    keyboard.repeat(500 * MS - 1)
    assert sent(keyboard) == []
    keyboard.repeat(500 * MS)
    assert sent(keyboard) == [0xE0, 0x75]
    assert keyboard.repeat_at == 500 * MS + 91_740_000  # 10.9 a second


@pytest.mark.parametrize(
    ("rate", "delay", "a_second"), [(0x00, 250, 30.0), (0x7F, 1000, 2.0), (0x24, 500, 20.0)]
)
def test_rate_and_delay_are_set(rate: int, delay: int, a_second: float) -> None:
    keyboard = Keyboard()
    ask(keyboard, 0xF3, rate)
    assert keyboard.delay == delay * MS
    assert keyboard.period == pytest.approx(1e9 / a_second, rel=0.01)


def test_only_the_key_pressed_last_repeats_until_it_is_let_go() -> None:
    keyboard = Keyboard()
    press(keyboard, b"\x1c\x32")
    press(keyboard, b"\xf0\x1c")
    keyboard.repeat(500 * MS)
    assert sent(keyboard) == [0x32]
    press(keyboard, b"\xf0\x32")
    keyboard.repeat(5000 * MS)
    assert sent(keyboard) == []


def test_pause_does_not_repeat() -> None:
    keyboard = Keyboard()
    press(keyboard, KEYS["pause"].make)
    assert keyboard.repeat_at is None


def test_repetitions_that_were_missed_are_not_made_up_for() -> None:
    keyboard = Keyboard()
    press(keyboard, b"\x1c")
    keyboard.repeat(60_000 * MS)
    assert sent(keyboard) == [0x1C]
    assert keyboard.repeat_at is not None
    assert 60_000 * MS < keyboard.repeat_at <= 60_000 * MS + keyboard.period


# -- the buffer -------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(1, 0xFF), (2, 0x00)])
def test_what_does_not_fit_is_one_overrun_code(number: int, code: int) -> None:
    keyboard = Keyboard()
    ask(keyboard, 0xF0, number)
    for _ in range(2 * BUFFER):
        keyboard.key(0x1C, 0)
    found = sent(keyboard)
    assert found == BUFFER * found[:1] + [code]
    assert len(press(keyboard, b"\x1c")) == 1


def test_a_key_is_never_stored_in_part() -> None:
    keyboard = Keyboard()
    for code in 15 * b"\x1c" + b"\xe0\x75":
        keyboard.key(code, 0)
    assert sent(keyboard) == 15 * [0x1C] + [0x00]


def test_there_is_room_while_the_longest_key_fits() -> None:
    keyboard = Keyboard()
    while keyboard.room:
        keyboard.key(0x1C, 0)
    assert BUFFER - len(keyboard.codes) < len(KEYS["pause"].make)
    ask(keyboard, 0xF5)
    assert keyboard.room


def test_its_state_is_plain_data() -> None:
    keyboard = Keyboard()
    ask(keyboard, 0xF0, 3, 0xFB, 0x1C, 0xF4)
    keyboard.key(0x1C, 7)
    keyboard.key(0xE0, 8)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(keyboard), type=Keyboard) == keyboard
