"""The VLB graphics card: the display interface of the Bochs VBE and its linear frame buffer."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane, BusError, PixelScreen, TextScreen
from hotswap.cards.framebuffer import MIB, FrameBuffer, FrameBufferSettings
from hotswap.cards.vga import Vga
from hotswap.cards.vga_registers import VgaState
from hotswap.cpu import InstructionTime, Processor, Ram
from hotswap.host.pytest_plugin import Ports

from .screenful import Screenful

ID, XRES, YRES, BPP, ENABLE, BANK, VIRT_WIDTH, VIRT_HEIGHT, X, Y, MEMORY = range(11)
ON, CAPS, DAC_8, LFB, KEEP = 0x01, 0x02, 0x20, 0x40, 0x80
BASE = 0xE0000000


class Svga(Screenful):
    """A guest of the card that uses its ports as a video BIOS does."""

    card: FrameBuffer

    def dispi(self, index: int, value: int | None = None) -> int:
        """Write a register, if there is a value for it; read it."""
        self.ports.write(0x1CE, index, 2)
        if value is not None:
            self.ports.write(0x1CF, value, 2)
        return self.ports.read(0x1CF, 2)

    def set(self, width: int, height: int, bpp: int, enable: int = ON | LFB) -> None:
        self.dispi(ENABLE, 0)
        self.dispi(XRES, width)
        self.dispi(YRES, height)
        self.dispi(BPP, bpp)
        self.dispi(ENABLE, enable)

    def row(self, y: int) -> bytes:
        shown = self.pixels()
        return shown.rgb[3 * shown.width * y : 3 * shown.width * (y + 1)]


@pytest.fixture
async def processor(backplane: Backplane) -> Processor:
    return Processor(Ram(MIB), backplane, InstructionTime(1_000_000))


@pytest.fixture
async def svga(backplane: Backplane, ports: Ports, processor: Processor) -> Svga:
    card = FrameBuffer(FrameBufferSettings(memory=4))
    await backplane.insert(card)
    return Svga(backplane, ports, card)


async def test_it_is_known_by_its_id(svga: Svga) -> None:
    assert svga.dispi(ID) == 0xB0C5
    assert svga.dispi(ID, 0xB0C0) == 0xB0C0
    assert svga.dispi(ID, 0xB0C6) == 0xB0C0
    assert svga.ports.read(0x1CE, 2) == ID
    assert svga.dispi(MEMORY) == 64


async def test_it_is_a_vga_until_a_mode_is_on(svga: Svga) -> None:
    svga.store(0xB8000, 0x1F41, 2)
    assert svga.text().cells[:2] == b"A\x1f"
    svga.set(640, 480, 32)
    assert svga.pixels() == PixelScreen(640, 480, bytes(640 * 480 * 3))
    svga.dispi(ENABLE, 0)
    assert svga.text().cells[:2] == b"A\x1f"


@pytest.mark.parametrize(
    ("bpp", "pixels", "rgb"),
    [
        (8, b"\x01\x02", "040810fffffb"),
        (15, b"\x00\x7c\xe0\x03\x1f\x00\x10\x42", "ff0000 00ff00 0000ff 848484"),
        (16, b"\x00\xf8\xe0\x07\x1f\x00\x10\x84", "ff0000 00ff00 0000ff 848284"),
        (24, b"\x01\x02\x03\x04\x05\x06", "030201 060504"),
        (32, b"\x01\x02\x03\xff\x04\x05\x06\x00", "030201 060504"),
    ],
)
async def test_pixel_formats(svga: Svga, bpp: int, pixels: bytes, rgb: str) -> None:
    svga.dac(1, 0x01, 0x02, 0x04)
    svga.dac(2, 0x3F, 0x3F, 0x3E)
    svga.set(320, 200, bpp)
    pitch = 320 * ((bpp + 7) // 8)
    svga.card.video[199 * pitch : 199 * pitch + len(pixels)] = pixels
    expected = bytes.fromhex(rgb)
    assert svga.row(199) == expected.ljust(960, b"\0")
    assert not any(svga.row(198))


async def test_the_dac_can_have_8_bits(svga: Svga) -> None:
    svga.set(320, 200, 8, ON | DAC_8)
    svga.dac(1, 0x81, 0xFF, 0x01)
    svga.card.video[0] = 1
    assert svga.row(0)[:3] == b"\x81\xff\x01"


async def test_enabling_clears_the_memory_unless_told_not_to(svga: Svga) -> None:
    svga.card.video[12345] = 1
    svga.set(640, 480, 8, ON | KEEP)
    assert svga.card.video[12345] == 1
    svga.set(640, 480, 8)
    assert svga.card.video[12345] == 0


async def test_the_resolution_stands_while_a_mode_is_on(svga: Svga) -> None:
    svga.set(640, 480, 16)
    assert [svga.dispi(XRES, 800), svga.dispi(YRES, 600), svga.dispi(BPP, 8)] == [640, 480, 16]
    svga.dispi(ENABLE, 0)
    assert [svga.dispi(XRES, 3000), svga.dispi(YRES, 2000), svga.dispi(BPP, 7)] == [640, 480, 16]
    svga.dispi(ENABLE, CAPS)
    assert [svga.dispi(XRES), svga.dispi(YRES), svga.dispi(BPP)] == [2560, 1600, 32]


async def test_a_mode_beyond_the_memory_is_not_enabled(svga: Svga) -> None:
    svga.set(1280, 1024, 32)  # 5 MiB
    assert svga.dispi(ENABLE) == 0
    assert isinstance(svga.text(), TextScreen)


async def test_the_virtual_screen_is_panned(svga: Svga) -> None:
    svga.set(640, 480, 32)
    assert [svga.dispi(VIRT_WIDTH, 1024), svga.dispi(VIRT_HEIGHT)] == [1024, 1024]
    svga.card.video[(3 * 1024 + 5) * 4] = 0xFF
    assert [svga.dispi(X, 5), svga.dispi(Y, 3)] == [5, 3]
    assert svga.row(0)[:6] == b"\x00\x00\xff\x00\x00\x00"
    assert [svga.dispi(X, 385), svga.dispi(Y, 545)] == [5, 3]  # beyond line and memory
    assert svga.dispi(VIRT_WIDTH, 600) == 1024


async def test_a_bank_is_seen_at_a0000(svga: Svga) -> None:
    svga.set(1024, 768, 8, ON)
    svga.dispi(BANK, 5)
    svga.store(0xA0004, 0x04030201, 4)
    assert bytes(svga.card.video[0x50004:0x50008]) == b"\1\2\3\4"
    assert svga.load(0xA0006, 2) == 0x0403
    assert svga.load(0xB0000) == 0xFF
    assert svga.dispi(BANK, 64) == 5


async def test_with_4_bits_a_pixel_the_planes_are_shown(svga: Svga) -> None:
    svga.mode("12")
    svga.set(640, 480, 4)
    svga.store(0xA0000, 0x80)
    assert svga.greys()[0][:2] == bytes((15, 0))


async def test_a_mode_beyond_the_planes_is_not_enabled(svga: Svga) -> None:
    svga.set(800, 600, 4)
    assert [svga.dispi(ENABLE), svga.dispi(VIRT_HEIGHT)] == [ON | LFB, 655]
    svga.set(1024, 768, 4)  # 384 KiB
    assert svga.dispi(ENABLE) == 0


async def test_the_guest_stores_to_the_frame_buffer(
    svga: Svga, processor: Processor, backplane: Backplane
) -> None:
    svga.set(320, 200, 32)
    # mov dword [E0000004h],00C0FFEEh ; cli ; hlt
    processor.write_memory(0x2000, bytes.fromhex("c705040000e0eeffc000 fa f4"))
    processor.flat32(0x2000, 0x8000)
    async with processor.paused():
        await processor.step(1)
    assert svga.row(0)[:6] == b"\0\0\0\xc0\xff\xee"


async def test_a_saved_card_has_its_frame_buffer(svga: Svga) -> None:
    svga.set(640, 480, 32)
    svga.card.video[4 * MIB - 1] = 0x77
    svga.card.video[0] = 0x11
    saved = svga.card.save()
    assert len(saved.fields) < 300_000
    picture = svga.pixels()
    svga.card.video[0x8000] = 0x22
    svga.card.video[0] = 0x33
    svga.set(320, 200, 8, ON | KEEP)
    svga.card.load(saved)
    assert svga.pixels() == picture
    assert (svga.card.video[0x8000], svga.card.video[4 * MIB - 1]) == (0, 0x77)
    assert svga.card.save() == saved


async def test_reset_keeps_the_memory_and_shows_text(svga: Svga) -> None:
    svga.set(640, 480, 32)
    svga.card.video[5] = 9
    svga.card.slot.cold_reset()
    assert svga.text().columns == 80
    assert svga.card.video[5] == 9


async def test_it_takes_the_vgas_place(svga: Svga, backplane: Backplane) -> None:
    with pytest.raises(BusError, match="taken by card framebuffer"):
        await backplane.insert(Vga[VgaState]())
