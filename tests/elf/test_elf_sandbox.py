"""The same card in a process of its own: nothing about it is different."""

from pathlib import Path

import pytest

from hotswap.bus import Backplane, HotswapError
from hotswap.bus.errors import CodeError
from hotswap.cpu import CodePool
from hotswap.host.elf_cards import elf_card
from hotswap.host.pytest_plugin import Ports, VirtualClock
from hotswap.host.sandbox import SandboxPool, missing

CARDS = Path(__file__).parent
LONG = 1_000_000_000  # ns: a busy host is no hostile card


@pytest.mark.skipif(bool(missing()), reason=f"NOT TESTED: the kernel lacks {missing()}")
async def test_state_work_and_faults_of_a_card_in_a_process(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    with SandboxPool(deadline=LONG) as pool:
        await pool.prepare(4)
        card = elf_card(CARDS / "ledger.o", {}, pool, sandbox="process")
        await backplane.insert(card)
        ports.write(0x300, 3)
        ports.write(0x300, 5)
        saved = card.save()
        ports.write(0x300, 9)
        card.load(saved)
        assert card.save() == saved
        await backplane.replace(0, elf_card(CARDS / "ledger_2.o", {}, pool, sandbox="process"))
        assert ports.read(0x300) == 8
        await backplane.remove(0)
        await backplane.insert(elf_card(CARDS / "counter.o", {}, pool, sandbox="process"))
        ports.write(0x303, ord("x"))
        await virtual_clock.advance(1_000_000)
        assert backplane.find(0).output.take() == b"did x\n"
        await backplane.remove(0)
        await backplane.insert(elf_card(CARDS / "faults.o", {}, pool, sandbox="process"))
        with pytest.raises(CodeError, match=r"in store \(faults.c:\d+\)"):
            ports.write(0x300, ord("p"))


async def test_a_process_is_not_to_be_had_from_a_pool_of_engines(pool: CodePool) -> None:
    with pytest.raises(HotswapError, match="needs an engine of a SandboxPool"):
        elf_card(CARDS / "ledger.o", {}, pool, sandbox="process")
