"""Overlays against a dictionary, with the power failing after every write."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotswap.bus import SECTOR, MediaError
from hotswap.host.media import open_medium
from hotswap.host.media_file import ImageFile
from hotswap.host.media_overlay import Overlay, create_overlay
from hotswap.host.media_raw import RawImage

SECTORS = 67  # the last block is not whole


class LossyFile(ImageFile):
    """Knows what a power failure may leave: any of the sectors written since the last sync."""

    def __init__(self, path: Path, after_write: Callable[[], None]) -> None:
        super().__init__(path)
        self.durable = bytearray(path.read_bytes())
        self.pending: list[tuple[int, bytes]] = []
        self._after_write = after_write

    def write(self, at: int, content: bytes) -> None:
        super().write(at, content)
        while content:
            size = min(len(content), SECTOR - at % SECTOR)
            self.pending.append((at, content[:size]))
            at, content = at + size, content[size:]
        self._after_write()

    def sync(self) -> None:
        super().sync()
        for at, piece in self.pending:
            self._apply(self.durable, at, piece)
        self.pending.clear()
        self._after_write()

    @staticmethod
    def _apply(content: bytearray, at: int, piece: bytes) -> None:
        content.extend(bytes(max(0, at + len(piece) - len(content))))
        content[at : at + len(piece)] = piece

    def after_power_failure(self, chance: random.Random) -> bytes:
        content = bytearray(self.durable)
        for at, piece in self.pending:
            if chance.random() < 0.5:
                self._apply(content, at, piece)
        return bytes(content)


def filled(value: int) -> bytes:
    return value.to_bytes(2, "little") * (SECTOR // 2)


writes = st.tuples(st.integers(0, SECTORS - 1), st.integers(1, 20))
actions = st.lists(st.one_of(writes, st.just("flush"), st.just("reopen")), max_size=12)


@given(actions, st.randoms(use_true_random=False))
def test_after_a_power_failure_every_sector_is_as_flushed_or_newer(
    script: list[tuple[int, int] | str], chance: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        image, path, broken = (Path(folder, name) for name in ("image", "overlay", "broken"))
        image.write_bytes(b"".join(filled(n) for n in range(SECTORS)))
        base = RawImage(ImageFile(image, read_only=True))
        create_overlay(path, base)
        possible = [{n} for n in range(SECTORS)]
        current = list(range(SECTORS))

        def fail() -> None:
            broken.write_bytes(files[-1].after_power_failure(chance))
            with open_medium(image, overlay=broken) as found:
                for lba in range(SECTORS):
                    content = found.read(lba, 1)
                    value = int.from_bytes(content[:2], "little")
                    assert content == filled(value)
                    assert value in possible[lba]

        def reopen() -> Overlay:
            files.append(LossyFile(path, fail))
            return Overlay(files[-1], RawImage(ImageFile(image, read_only=True)))

        files: list[LossyFile] = []
        overlay = reopen()
        for number, action in enumerate(script, 1000):
            if isinstance(action, tuple):
                lba, count = action[0], min(action[1], SECTORS - action[0])
                for n in range(lba, lba + count):
                    possible[n].add(number)
                    current[n] = number
                overlay.write(lba, filled(number) * count)
            else:
                if action == "flush":
                    overlay.flush()
                else:
                    overlay.close()
                    overlay = reopen()
                possible = [{value} for value in current]
            fail()
            assert overlay.read(0, SECTORS) == b"".join(map(filled, current))
        overlay.close()
        base.close()
        assert image.read_bytes() == b"".join(filled(n) for n in range(SECTORS))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(b"".join(filled(n) for n in range(SECTORS)))
    return path


@pytest.fixture
def overlay(image: Path, tmp_path: Path) -> Path:
    """An overlay with one sector of its own, 20."""
    path = tmp_path / "overlay"
    with open_medium(image, overlay=path) as medium:
        medium.write(20, filled(7777))
    return path


def test_an_overlay_keeps_what_was_written_and_leaves_the_image_alone(
    image: Path, overlay: Path
) -> None:
    with open_medium(image, overlay=overlay) as medium:
        assert medium.read(19, 3) == filled(19) + filled(7777) + filled(21)
    with open_medium(image) as medium:
        assert medium.read(20, 1) == filled(20)


def test_two_machines_share_an_image_under_their_own_overlays(image: Path, tmp_path: Path) -> None:
    with (
        open_medium(image, overlay=tmp_path / "1") as one,
        open_medium(image, overlay=tmp_path / "2") as two,
    ):
        one.write(5, filled(1))
        two.write(5, filled(2))
        assert (one.read(5, 1), two.read(5, 1)) == (filled(1), filled(2))
        with pytest.raises(MediaError, match="in use by another machine"):
            open_medium(image, overlay=tmp_path / "1")


def test_a_read_only_overlay_is_read_and_is_not_made(
    image: Path, overlay: Path, tmp_path: Path
) -> None:
    with open_medium(image, overlay=overlay, read_only=True) as medium:
        assert medium.read_only
        assert medium.read(20, 1) == filled(7777)
    with pytest.raises(MediaError, match="No such file"):
        open_medium(image, overlay=tmp_path / "new", read_only=True)


def test_the_identity_follows_every_write(image: Path, overlay: Path, tmp_path: Path) -> None:
    shutil.copy(overlay, tmp_path / "copy")
    with (
        open_medium(image, overlay=overlay) as one,
        open_medium(image, overlay=tmp_path / "copy") as two,
    ):
        assert one.identity == two.identity
        two.write(3, filled(1))
        assert one.identity != two.identity


def test_an_image_that_was_only_touched_is_the_same_image(image: Path, overlay: Path) -> None:
    os.utime(image)
    open_medium(image, overlay=overlay).close()


def test_an_overlay_is_made_whole_or_not_at_all(image: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="nowhere/overlay: the overlay cannot be made: No such"):
        open_medium(image, overlay=tmp_path / "nowhere" / "overlay")
    open_medium(image, overlay=tmp_path / "made").close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk.img", "made"]


def changed(path: Path, at: int, new: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(new)


def test_an_overlay_of_another_content_is_refused(image: Path, overlay: Path) -> None:
    changed(image, 0, b"other")
    with pytest.raises(MediaError, match=r"with other content than .*disk\.img has now"):
        open_medium(image, overlay=overlay)


def test_an_overlay_of_another_size_is_refused(image: Path, overlay: Path) -> None:
    os.truncate(image, 70 * SECTOR)
    with pytest.raises(MediaError, match=r"an image of 67 sectors, and .* has 70"):
        open_medium(image, overlay=overlay)


def test_a_file_that_is_no_overlay_is_refused_and_left_alone(image: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter"
    letter.write_bytes(b"Dear Sir,")
    with pytest.raises(MediaError, match="is no overlay"):
        open_medium(image, overlay=letter)
    assert letter.read_bytes() == b"Dear Sir,"


def test_a_newer_overlay_is_refused(image: Path, overlay: Path) -> None:
    changed(overlay, 8, b"\2")
    with pytest.raises(MediaError, match="has version 2, and 1 is the newest"):
        open_medium(image, overlay=overlay)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (100, "cut short within its header"),
        (4096, "cut short within its table"),
        (8192 + 4095, "cut short: block 2 should end at byte 12288 of 12287"),
    ],
)
def test_a_cut_overlay_is_refused(image: Path, overlay: Path, size: int, message: str) -> None:
    os.truncate(overlay, size)
    with pytest.raises(MediaError, match=message):
        open_medium(image, overlay=overlay)


def test_every_damaged_byte_of_header_and_table_is_noticed(image: Path, overlay: Path) -> None:
    whole = overlay.read_bytes()
    for at in [*range(100), 1000, 4095, *range(4096, 4096 + 9 * 8)]:
        changed(overlay, at, bytes((whole[at] ^ 0x10,)))
        with pytest.raises(MediaError, match="overlay"):
            open_medium(image, overlay=overlay)
        changed(overlay, at, whole[at : at + 1])
    open_medium(image, overlay=overlay).close()
