"""Last words are kept in memory of a fixed size, whatever else a process has said."""

import os

import msgspec
import pytest

from hotswap.host.daemon.order import WORDS_MAX, LastWords, last_words, words_file

WORDS = LastWords(4, "triple fault")


def test_last_words_are_the_last_line() -> None:
    file = words_file()
    os.write(file, b"a warning\n\n" + msgspec.json.encode(WORDS) + b"\n")
    assert last_words(file) == WORDS
    os.close(file)


@pytest.mark.parametrize(
    ("said", "found"),
    [(b"", ""), (b"Traceback\nValueError: x\n", "ValueError: x"), (b'{"type": 3}', '{"type": 3}'),
     (b"\xff\n", "\ufffd")],
)  # fmt: skip
def test_without_last_words_it_is_the_last_line(said: bytes, found: str) -> None:
    file = words_file()
    os.write(file, said)
    assert last_words(file) == found
    os.close(file)


def test_what_is_too_much_has_no_room() -> None:
    file = words_file()
    assert os.write(file, b"x" * (2 * WORDS_MAX)) == WORDS_MAX
    with pytest.raises(OSError, match="not permitted"):
        os.write(file, b"x")
    assert last_words(file) == "x" * WORDS_MAX
    os.close(file)
