"""Typing: what text, key names and escape sequences become, and typing into a running machine."""

from __future__ import annotations

import string

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from hotswap.cards.ps2_keyboard import Keyboard, set_1
from hotswap.cards.scancodes import KEYS, break_code
from hotswap.host.board import Board
from hotswap.host.control import Request
from hotswap.host.keys import KeysError, TerminalKeys, character, chord, key, text
from hotswap.host.operator import answer_for

TYPED = string.ascii_letters + string.digits + string.punctuation + " \t\n"


def names(codes: bytes) -> list[str]:
    """Press and release of keys by name, `+a` and `-a`, from make and break codes."""
    by_code = {key.make: f"+{name}" for name, key in KEYS.items()}
    by_code |= {break_code(key): f"-{name}" for name, key in KEYS.items()}
    found, start = list[str](), 0
    for end in range(1, len(codes) + 1):
        if (code := codes[start:end]) in by_code:
            found.append(by_code[code])
            start = end
    assert start == len(codes)
    return found


# -- text and names ---------------------------------------------------------------------------


def test_text_is_pressed_and_let_go() -> None:
    assert names(text("a1")) == ["+a", "-a", "+1", "-1"]


def test_capitals_and_signs_are_typed_with_shift() -> None:
    assert names(text("A?")) == [
        *("+shift", "+a", "-a", "-shift"),
        *("+shift", "+/", "-/", "-shift"),
    ]


def test_every_printable_character_of_ascii_has_its_own_strokes() -> None:
    strokes = {character(char) for char in TYPED}
    assert len(strokes) == len(TYPED)


@pytest.mark.parametrize(
    ("typed", "pressed"),
    [
        ("<enter>", ["enter"]),
        ("<F1>", ["f1"]),
        ("<del>", ["delete"]),
        ("<ctrl-alt-del>", ["ctrl", "alt", "delete"]),
        ("<ctrl-->", ["ctrl", "-"]),
        ("<page-up>", ["page-up"]),
        ("<right-ctrl-x>", ["right-ctrl", "x"]),
        ("<right-ctrl>", ["right-ctrl"]),
        ("<shift>", ["shift"]),
        ("<alt-!>", ["alt", "shift", "1"]),
        ("<lt>", ["shift", ","]),
        ("<ctrl-lt>", ["ctrl", "shift", ","]),
        ("<102nd>", ["<"]),
        ("\n", ["enter"]),
    ],
)
def test_names_in_angle_brackets_are_keys_and_chords(typed: str, pressed: list[str]) -> None:
    released = [f"-{name}" for name in reversed(pressed)]
    assert names(text(typed)) == [f"+{name}" for name in pressed] + released


def test_names_stand_among_text() -> None:
    assert names(text("x<tab>>")) == [
        *("+x", "-x"),
        *("+tab", "-tab"),
        *("+shift", "+.", "-.", "-shift"),
    ]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("<entre>", "there is no key <entre>; did you mean <enter>?"),
        ("<>", "'<>' names no key: end it with >"),
        ("a<b", "'<b' names no key: end it with >, or write <lt> for <"),
        ("für", "a US keyboard has no key for 'ü'; leave it out"),
        ("<ctrl-ü>", "there is no key <ctrl-ü>"),
    ],
)
def test_what_cannot_be_typed_is_refused(typed: str, said: str) -> None:
    with pytest.raises(KeysError) as refusal:
        text(typed)
    assert said in str(refusal.value)


@given(st.text(st.sampled_from(TYPED.replace("<", ""))))
def test_no_key_is_left_pressed(typed: str) -> None:
    pressed = set[str]()
    for stroke in names(text(typed)):
        if stroke[0] == "+":
            pressed.add(stroke[1:])
        else:
            pressed.remove(stroke[1:])
    assert not pressed


@given(st.text(st.sampled_from(TYPED.replace("<", ""))))
def test_the_keyboard_passes_on_what_is_typed(typed: str) -> None:
    keyboard, sent = Keyboard(code_set=1), bytearray()
    for byte in text(typed):
        keyboard.key(byte, 0)
        while keyboard.ready:
            sent.append(keyboard.send())
    assert bytes(sent) == set_1(text(typed))


# -- terminals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "pressed"),
    [
        (b"a", ["a"]),
        (b"A", ["shift", "a"]),
        (b"<", ["shift", ","]),
        (b"\r", ["enter"]),
        (b"\t", ["tab"]),
        (b"\x7f", ["backspace"]),
        (b"\x1b", ["esc"]),
        (b"\x03", ["ctrl", "c"]),
        (b"\x00", ["ctrl", "space"]),
        (b"\x1c", ["ctrl", "\\"]),
        (b"\x1f", ["ctrl", "shift", "-"]),
        (b"\x1bx", ["alt", "x"]),
        (b"\x1bX", ["alt", "shift", "x"]),
        (b"\x1b\x03", ["ctrl", "alt", "c"]),
        (b"\x1b\x1b", ["alt", "esc"]),
        (b"\x1b[A", ["up"]),
        (b"\x1bOA", ["up"]),
        (b"\x1bOP", ["f1"]),
        (b"\x1b[[C", ["f3"]),
        (b"\x1b[15~", ["f5"]),
        (b"\x1b[24~", ["f12"]),
        (b"\x1b[3~", ["delete"]),
        (b"\x1b[3;5~", ["ctrl", "delete"]),
        (b"\x1b[1;8D", ["shift", "alt", "ctrl", "left"]),
        (b"\x1b[Z", ["shift", "tab"]),
        (b"\x1b[99~", []),
        (b"\x1b[200;1u", []),
        ("ü".encode(), []),
    ],
)
def test_what_a_terminal_sends_becomes_keys(received: bytes, pressed: list[str]) -> None:
    assert TerminalKeys().feed(received) == chord(*pressed)


@pytest.mark.parametrize("cut", range(2, 6))
def test_a_sequence_cut_in_two_is_one_key(cut: int) -> None:
    keys = TerminalKeys()
    sequence = b"\x1b[1;5A"
    assert keys.feed(sequence[:cut]) == b""
    assert keys.feed(sequence[cut:] + b"b") == chord("ctrl", "up") + chord("b")


@given(st.binary())
def test_nothing_a_terminal_sends_upsets_it(received: bytes) -> None:
    names(TerminalKeys().feed(received))


# -- typing into a running machine ------------------------------------------------------------


async def test_an_operator_types_into_the_machine(board: Board) -> None:
    slot = await board.plug_in("kbc")
    await board.backplane.quiesce(each=1, total=1)
    reply = await answer_for(board)(Request("keys", text="a<f1>"), lambda event: None)
    assert reply.ok
    assert slot.input.read(100) == key("a") + key("f1")


async def test_without_a_keyboard_nobody_can_type(board: Board) -> None:
    with pytest.raises(Exception, match="no card called kbc is plugged in"):
        await answer_for(board)(Request("keys", text="a"), lambda event: None)


async def test_what_cannot_be_typed_is_not_typed_in_part(board: Board) -> None:
    slot = await board.plug_in("kbc")
    with pytest.raises(KeysError):
        await answer_for(board)(Request("keys", text="root<entre>"), lambda event: None)
    await trio.testing.wait_all_tasks_blocked()
    assert not slot.input
