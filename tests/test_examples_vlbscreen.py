"""The frame buffer in C: a guest draws into it at the speed of RAM, the monitor shows it."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trio
from PIL import Image

from hotswap.bus import BusError, PixelScreen, Space
from hotswap.bus.trace import CycleRecord
from hotswap.cpu import CodePool
from hotswap.host.board import Board
from hotswap.host.elf_cards import elf_card
from hotswap.host.loader import Loaded
from hotswap.host.pytest_plugin import Ports
from hotswap.host.screen import save_png
from hotswap.host.sdk.workbench import Workbench, open_workbench

CARD = Path(__file__).parents[1] / "examples" / "vlbscreen" / "vlbscreen.o"
VIDEO, VIDEO_SIZE = 0xE000_0000, 2 << 20
ID, SIZE, CONTROL, START = 0x2C0, 0x2C4, 0x2C8, 0x2CC
LIT = 0x8000_0000
# mov dx,2C4h ; mov eax,320|200<<16 ; out dx,eax ; mov dx,2C8h ; mov eax,80000020h ; out dx,eax ;
# mov edi,E0000000h ; xor eax,eax ; mov ecx,64000 ;
# next: mov [edi],eax ; add edi,4 ; add eax,010307h ; dec ecx ; jnz next ;
# mov dx,0F4h ; xor eax,eax ; out dx,al ; hlt
DRAWS = bytes.fromhex(
    "66bac402 b84001c800 ef 66bac802 b820000080 ef bf000000e0 31c0 b900fa0000"
    "8907 83c704 0507030100 49 75f3 66baf400 31c0 ee f4"
)
COLOURS = [number * 0x010307 & 0xFFFFFF for number in range(320 * 200)]


class Drawing:
    """The card at the bench."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self._ports = Ports(bench.backplane)

    def set(self, port: int, value: int) -> None:
        self._ports.write(port, value, 4)

    def get(self, port: int) -> int:
        return self._ports.read(port, 4)

    @property
    def video(self) -> memoryview:
        memory = self.bench.slot.mapped[VIDEO]
        assert isinstance(memory, memoryview)
        return memory

    def shown(self) -> PixelScreen:
        screen = self.bench.backplane.screen()
        assert isinstance(screen, PixelScreen)
        return screen


@pytest.fixture
async def drawing(engines: CodePool) -> AsyncIterator[Drawing]:
    async with open_workbench() as bench:
        await bench.insert(elf_card(CARD, {}, engines))
        yield Drawing(bench)
        assert bench.fault is None


async def test_what_a_guest_draws_is_what_the_monitor_shows(
    board: Board, engines: CodePool, tmp_path: Path
) -> None:
    slot = await board.backplane.insert(elf_card(CARD, {}, engines))
    board.backplane.io.trace(True)
    board.start(Loaded(((0x100000, DRAWS),), 0x100000, 0x7000, {}))
    with trio.fail_after(60):
        await board.ended()
    save_png(tmp_path / "shot.png", board.backplane.screen())
    with Image.open(tmp_path / "shot.png") as shot:
        assert shot.size == (320, 200)
        pixels = list(shot.convert("RGB").tobytes())
    assert pixels == [byte for colour in COLOURS for byte in colour.to_bytes(3, "big")]
    assert slot.fault is None
    cycles = [each for each in board.backplane.trace.records if isinstance(each, CycleRecord)]
    assert [each.address for each in cycles] == [SIZE, CONTROL, 0xF4]  # stores are no cycles
    assert {each.space for each in cycles} == {Space.PORT}


async def test_its_registers_are_32_bits_wide(drawing: Drawing) -> None:
    assert drawing.get(ID).to_bytes(4, "little") == b"HSFB"
    assert drawing.get(SIZE) == 640 | 480 << 16
    drawing.set(START, 4096)
    assert drawing.get(START) == 4096
    assert Ports(drawing.bench.backplane).read(START) == 0xFF


@pytest.mark.parametrize(
    ("bits", "pixel", "rgb"),
    [
        (8, "e3", "ff00ff"),
        (15, "e003", "00ff00"),
        (16, "00f8", "ff0000"),
        (32, "332211ff", "112233"),
    ],
)
async def test_pixel_formats(drawing: Drawing, bits: int, pixel: str, rgb: str) -> None:
    drawing.set(SIZE, 2 | 1 << 16)
    drawing.set(CONTROL, LIT | bits)
    drawing.video[: len(pixel) // 2] = bytes.fromhex(pixel)
    assert drawing.shown() == PixelScreen(2, 1, bytes.fromhex(rgb) + bytes(3))


async def test_what_does_not_fit_is_ignored(drawing: Drawing) -> None:
    drawing.set(CONTROL, LIT | 32)
    drawing.set(SIZE, 1024 | 1024 << 16)
    assert drawing.get(SIZE) == 640 | 480 << 16
    drawing.set(START, VIDEO_SIZE - 640 * 480 * 4 + 1)
    assert drawing.get(START) == 0
    drawing.set(START, 0xFFFF_FFFF)
    assert drawing.get(START) == 0
    drawing.set(CONTROL, 24)
    assert drawing.get(CONTROL) == LIT | 32
    drawing.set(START, VIDEO_SIZE - 640 * 480 * 4)
    drawing.video[-4:] = b"\x01\x02\x03\0"
    assert drawing.shown().rgb[-3:] == b"\x03\x02\x01"


async def test_a_dark_screen_shows_nothing(drawing: Drawing) -> None:
    with pytest.raises(BusError, match="has not said what its monitor shows"):
        drawing.bench.backplane.screen()
    drawing.set(CONTROL, LIT | 8)
    drawing.shown()
    drawing.set(CONTROL, 8)
    with pytest.raises(BusError, match="has not said what its monitor shows"):
        drawing.bench.backplane.screen()


async def test_a_saved_picture_is_put_back(drawing: Drawing) -> None:
    drawing.set(SIZE, 16 | 16 << 16)
    drawing.set(CONTROL, LIT | 8)
    drawing.video[:256] = bytes(range(256))
    saved, picture = drawing.bench.slot.card.save(), drawing.shown()
    fields = msgspec.msgpack.decode(saved.fields)
    assert (fields["size"], fields["control"], fields["start"]) == (16 | 16 << 16, LIT | 8, 0)
    drawing.video[:256] = bytes(256)
    drawing.set(CONTROL, 8)
    drawing.bench.slot.card.load(saved)
    assert drawing.shown() == picture


async def test_another_build_shows_the_same(drawing: Drawing, engines: CodePool) -> None:
    drawing.set(SIZE, 16 | 16 << 16)
    drawing.set(CONTROL, LIT | 8)
    drawing.video[:256] = bytes(range(256))
    picture = drawing.shown()
    await drawing.bench.backplane.replace(drawing.bench.slot.number, elf_card(CARD, {}, engines))
    assert drawing.shown() == picture
    drawing.video[0] = 0xFF
    assert drawing.shown().rgb[:3] == b"\xff\xff\xff"


async def test_a_second_one_has_a_window_of_its_own(drawing: Drawing, engines: CodePool) -> None:
    slot = await drawing.bench.backplane.insert(elf_card(CARD, {}, engines))
    assert slot.resources.ports[0].start == 0x2D0
    assert slot.resources.windows[0].start == 0xEC00_0000
