"""What the host writes to code takes effect: DMA, a kernel that is loaded, a patch."""

from __future__ import annotations

import pytest

from .conftest import BarePc, OpenPc


@pytest.mark.parametrize("fast_stores", [True, False])
async def test_two_blocks_chained_to_each_other_may_be_replaced_at_once(
    open_pc: OpenPc, fast_stores: bool
) -> None:
    """The one that asks for the DMA still runs, and must not go on to what the other was."""
    async with open_pc(fast_stores=fast_stores) as pc:
        # L: inc ecx ; mov eax,ecx ; out 0E0h,eax ; jmp M ; M: inc ebx ; cmp ecx,1000 ; jne L
        first = "41 89c8 e7e0 eb00"
        code = bytes.fromhex(first + "43 81f9e8030000 75f0 fa f4")
        patched = bytes.fromhex(first + "42 81f9e8030000 75f0 fa f4")  # inc edx

        def dma(_port: int, _width: int, value: int) -> None:
            if value == 500:
                pc.put(0x2000, patched)

        pc.put(0x2000, code)
        pc.probe.on_out = dma
        pc.start(0x2000 + len(bytes.fromhex(first)))  # so that M is the older of the two
        await pc.run_to_halt()
        assert (pc.register("ecx"), pc.register("ebx"), pc.register("edx")) == (1000, 500, 501)


async def test_a_kernel_loaded_over_the_one_that_ran(pc: BarePc) -> None:
    size = 0x8000
    for n in (1, 2, 3):
        # n times inc ebx, then jumps over the whole area
        body = b"\x43" * n + b"\xeb\x00" * ((size - n - 2) // 2)
        pc.put(0x100000, body.ljust(size - 2, b"\x90") + b"\xfa\xf4")
        pc.start(0x100000)
        await pc.run_to_halt()
        assert pc.register("ebx") == n


async def test_a_patch_of_the_instruction_that_comes_next(pc: BarePc) -> None:
    """One byte of an instruction behind the OUT, in the same block: the next round has it."""
    # mov ecx,3 ; L: out 0E0h,al ; add ebx,1 ; dec ecx ; jnz L ; cli ; hlt
    pc.put(0x2000, "b903000000 e6e0 83c301 49 75f8 fa f4")
    pc.probe.on_out = lambda _port, _width, _value: pc.put(0x2009, b"\x64")
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("ebx") in (1 + 2 * 100, 3 * 100)  # the first round may be the old one
