"""The example cards by every compiler that is here: the same cycles, the same answers."""

from pathlib import Path
from typing import Any

import pytest

from hotswap.bus import Card
from hotswap.cpu import CodePool
from hotswap.host.elf_cards import elf_card
from hotswap.host.sdk.build import build, sources_of
from hotswap.host.sdk.events import Event
from hotswap.host.sdk.project import new_project
from hotswap.host.sdk.steps import parse
from hotswap.host.sdk.toolchain import Compiler
from hotswap.host.sdk.workbench import open_workbench

EXAMPLES = Path(__file__).parents[1] / "examples"
STEPS = {
    "uart16550": """
        out 0x3fb 0x83
        out 0x3f8 3
        out 0x3fb 0x1f
        out 0x3fa 0xc1
        out 0x3fc 0x0b
        out 0x3f9 0x0f
        input twenty bytes, no less
        in 0x3fa
        wait 1ms
        in 0x3f8
        in 0x3f8
        in 0x3fd
        in 0x3f8
        wait 100
        in 0x3fa
        out 0x3f8 0x41
        out 0x3fc 0x1b
        out 0x3f8 0x42
        in 0x3fe
        in 0x3fd
        wait 1s
    """,
    "soundblaster": """
        out 0x226 1
        out 0x226 0
        wait 50us
        in 0x22a
        out 0x22c 0xe1
        in 0x22a
        in 0x22a
        out 0x22c 0x40
        out 0x22c 0x83
        out 0x22c 0x80
        out 0x22c 99
        out 0x22c 0
        wait 12.4ms
        irq
        wait 0.1ms
        in 0x22e
        out 0x22c 0x77
        out 0x22c 0xd1
        out 0x22c 0x14
        out 0x22c 255
        out 0x22c 3
        wait 10
    """,
    "vlbscreen": """
        in 0x2c0 4
        out 0x2c4 0x00020002 4
        out 0x2c8 0x80000010 4
        out 0x2cc 0x200000 4
        out 0x2cc 4 4
        in 0x2c4 4
        in 0x2c8 4
        in 0x2cc 4
        write 0xe0000000 0x12345678 4
        read 0xe0000002 2
    """,
}


async def happened(card: Card[Any], steps: str) -> list[Event]:
    """All that comes of `steps`."""
    async with open_workbench() as bench:
        await bench.insert(card)
        for line in steps.splitlines():
            if (step := parse(line)) is not None:
                await bench.do(step)
        assert bench.fault is None
        return bench.events


@pytest.mark.parametrize("name", STEPS)
async def test_a_card_does_the_same_whoever_has_compiled_it(
    compiler: Compiler, name: str, engines: CodePool, tmp_path: Path
) -> None:
    sources, root, usual = sources_of([EXAMPLES / name])
    built = build(sources, tmp_path / usual.name, compiler, root)
    assert built.warnings == ""
    wanted = await happened(elf_card(usual, {}, engines), STEPS[name])
    assert len(wanted) >= 10
    assert await happened(elf_card(built.file, {}, engines), STEPS[name]) == wanted


async def test_the_templates_in_c_and_assembly_do_the_same(
    compiler: Compiler, engines: CodePool, tmp_path: Path
) -> None:
    steps = "in 0x2a0\nout 0x2a1=3\nwait 10\nirq\nin 0x2a0\nin 0x2a1\nout 0x2a1=0\nwait 10"
    found = []
    for language in ("c", "asm"):
        (tmp_path / language).mkdir()
        sources, root, output = sources_of([new_project("bell", language, tmp_path / language)])
        build(sources, output, compiler, root)
        found.append(await happened(elf_card(output, {"first": 250}, engines), steps))
    assert found[0] == found[1]
    assert [event.value for event in found[0] if event.what == "in"] == [250, 253, 3]
