"""Latches in a running guest: no card is called for them, and none can tell."""

from __future__ import annotations

import pytest

from hotswap.bus import Card, MemoryRange, PortRange, Resources, State

from .conftest import BarePc

CODE, PORT, WINDOW = 0x100000, 0xF0, 0xC0001000


class TwoState(State):
    value: int = 1
    other: int = 2


class Two(Card[TwoState]):
    """Two latches, a port that gives the first one backwards, a window whose stores set it."""

    name = "two"
    state_type = TwoState

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []

    def resources(self) -> Resources:
        return Resources(
            ports=(PortRange(PORT, 3),),
            windows=(MemoryRange(WINDOW, 0x1000),),
            latches={PORT: "value", PORT + 1: "other"},
        )

    def read(self, port: int, width: int) -> int:
        self.calls.append(("read", port - PORT))
        values = (self.state.value, self.state.other, self.state.value ^ 0xFF)
        return values[port - PORT]

    def write(self, port: int, width: int, value: int) -> None:
        self.calls.append(("write", port - PORT))
        if port == PORT:
            self.state.value = value

    def memory_write(self, address: int, width: int, value: int) -> None:
        self.state.value = value


async def run(pc: BarePc, code: str) -> Two:
    card = Two()
    await pc.backplane.insert(card)
    pc.put(CODE, f"baf0000000 {code} fa f4")  # mov edx,0F0h ; ... ; cli ; hlt
    pc.start(CODE)
    await pc.run_to_halt()
    return card


async def test_repeated_reads_ask_the_card_once(pc: BarePc) -> None:
    # mov ecx,100 ; xor ebx,ebx ; xor eax,eax ; l: in al,dx ; add ebx,eax ; loop l
    card = await run(pc, "b964000000 31db 31c0 ec 01c3 e2fb")
    assert pc.register("ebx") == 100
    assert card.calls.count(("read", 0)) < 10  # one for each slice


async def test_what_is_written_reads_back_and_the_card_has_it_in_the_end(pc: BarePc) -> None:
    # mov al,55h ; out dx,al ; mov al,66h ; out dx,al ; inc edx ; mov al,77h ; out dx,al ;
    # dec edx ; in al,dx ; mov ebx,eax
    card = await run(pc, "b055 ee b066 ee 42 b077 ee 4a 31c0 ec 89c3")
    assert pc.register("ebx") == 0x66
    assert (card.state.value, card.state.other) == (0x66, 0x77)
    assert card.calls == []


async def test_the_card_has_what_was_written_when_another_port_is_read(pc: BarePc) -> None:
    # mov al,0F0h ; out dx,al ; add edx,2 ; in al,dx ; movzx ebx,al
    card = await run(pc, "b0f0 ee 83c202 ec 0fb6d8")
    assert pc.register("ebx") == 0x0F
    assert card.calls == [("read", 2)]


@pytest.mark.parametrize(
    "change",
    [
        "c605001000c0aa",  # mov byte [WINDOW],0AAh
        "ef",  # out dx,eax: four cycles, the first of them to the latch
    ],
    ids=["a window cycle", "a wide cycle"],
)
async def test_a_byte_that_was_read_is_forgotten_at_any_other_cycle(
    pc: BarePc, change: str
) -> None:
    # in al,dx ; mov eax,0AAh ; ... ; in al,dx ; movzx ebx,al
    await run(pc, f"ec b8aa000000 {change} ec 0fb6d8")
    assert pc.register("ebx") == 0xAA


class Wide(Two):
    """A VLB card whose first register is a latch of 32 bits and the second gives it backwards."""

    cycle_width = 4

    def resources(self) -> Resources:
        return Resources(ports=(PortRange(PORT, 8),), cycle_width=4, latches={PORT: "value"})

    def read(self, port: int, width: int) -> int:
        self.calls.append(("read", port - PORT))
        return self.state.value ^ (0xFFFFFFFF if port > PORT else 0)

    def write(self, port: int, width: int, value: int) -> None:
        self.calls.append(("write", width))


async def test_a_latch_of_a_vlb_card_holds_32_bits(pc: BarePc) -> None:
    card = Wide()
    await pc.backplane.insert(card)
    # mov edx,0F0h ; mov eax,80000001h ; out dx,eax ; mov eax,89ABCDEFh ; out dx,eax ; xor eax,eax ;
    # in eax,dx ; mov ebx,eax ; add edx,4 ; in eax,dx ; mov ecx,eax ; sub edx,4 ; out dx,al ;
    # in al,dx
    stores = "baf0000000 b801000080 ef b8efcdab89 ef"
    loads = "31c0 ed 89c3 83c204 ed 89c1 83ea04 ee ec"
    pc.put(CODE, f"{stores} {loads} fa f4")
    pc.start(CODE)
    await pc.run_to_halt()
    assert (pc.register("ebx"), pc.register("ecx")) == (0x89ABCDEF, 0x76543210)
    assert card.state.value == 0x89ABCDEF
    assert card.calls == [("read", 4), ("write", 1), ("read", 0)]  # bytes are the card's business
