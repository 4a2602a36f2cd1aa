"""An exit request in the middle of an instruction does not make it act twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .conftest import BarePc

ROUNDS = 1_500_000


@contextmanager
def kicks(pc: BarePc) -> Iterator[list[int]]:
    """Ask the engine for an exit, from another thread, as often as that can."""
    ended = threading.Event()
    count = [0]
    word = pc.processor.engine.core.icount_decr

    def hammer() -> None:
        while not ended.is_set():
            word.high = 0xFFFF
            count[0] += 1

    thread = threading.Thread(target=hammer)
    thread.start()
    yield count
    ended.set()
    thread.join()


@pytest.mark.parametrize(
    "code",
    [
        "ff06 49 75fb fa f4",  # L: inc dword [esi] ; dec ecx ; jnz L ; cli ; hlt
        "ba01000000 f00fc116 49 75f4 fa f4",  # L: mov edx,1 ; lock xadd [esi],edx ; ...
    ],
    ids=["inc", "lock xadd"],
)
async def test_read_modify_write_is_exact_under_kicks(pc: BarePc, code: str) -> None:
    pc.put(0x2000, code)
    pc.start(0x2000, ecx=ROUNDS, esi=0x6000)
    engine = pc.processor.engine
    with kicks(pc) as count:
        engine.run()
    assert engine.halted
    assert count[0] > 2000
    assert pc.dword(0x6000) == ROUNDS


async def test_every_insb_reads_the_device_once_though_it_interrupts(pc: BarePc) -> None:
    served = 0

    def serve(_port: int, _width: int) -> int:
        nonlocal served
        served += 1
        pc.controller.ask(0x20)
        return served % 251

    # mov edx,0E0h ; sti ; L: insb ; dec ecx ; jnz L ; cli ; hlt
    pc.put(0x2000, "bae0000000 fb 6c 49 75fc fa f4")
    pc.put(0x4000, "43 e6e1 cf")  # inc ebx ; out 0E1h,al ; iret
    pc.gate(0x20, 0x4000)
    pc.probe.on_in = serve
    pc.probe.on_out = lambda _port, _width, _value: pc.processor.sync_interrupts()
    pc.start(0x2000, ecx=3000, edi=0x10000)
    await pc.run_to_halt()
    assert served == 3000
    assert pc.processor.read_memory(0x10000, 3000) == bytes(n % 251 for n in range(1, 3001))
    assert pc.register("ebx") == len(pc.controller.acknowledged) == 3000


async def test_a_device_register_is_incremented_once_though_it_interrupts(pc: BarePc) -> None:
    log: list[str] = []
    register = 5

    def load(_address: int, _width: int) -> int:
        log.append("load")
        return register

    def store(_address: int, _width: int, value: int) -> None:
        nonlocal register
        log.append("store")
        register = value
        if value == 6:
            pc.controller.ask(0x20)

    # sti ; inc dword [0A0010h] ; jmp $+2 ; inc dword [0A0010h] ; cli ; hlt
    pc.put(0x2000, "fb ff0510000a00 eb00 ff0510000a00 fa f4")
    pc.put(0x4000, "43 cf")  # inc ebx ; iret
    pc.gate(0x20, 0x4000)
    pc.probe.on_load, pc.probe.on_store = load, store
    pc.start(0x2000)
    await pc.run_to_halt()
    assert log == ["load", "store", "load", "store"]
    assert register == 7
    assert pc.register("ebx") == 1
