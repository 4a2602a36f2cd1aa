"""Segments, rings, tasks and gates for tests in machine code: a GDT with everything in it."""

from __future__ import annotations

import struct
from typing import NamedTuple

from .conftest import GDT, IDT, STACK, BarePc

CODE_0, DATA_0, CODE_3, DATA_3 = 0x10, 0x18, 0x23, 0x2B
TASK, OTHER_TASK, LOCAL, SPARE = 0x30, 0x38, 0x40, 0x48
"""Selectors: two TSSs, the LDT, and the first of those a test may define."""
ENTRY, PROGRAM, CATCHERS, TSS, OTHER_TSS, CAUGHT = 0x1000, 0x2000, 0x3000, 0x5000, 0x5100, 0x6000
USER_STACK, FRAME = 0x7C00, 0x7F00
LDT = 0xB000
TSS_32 = 0x89
"""Access byte of an available TSS; +2 makes it busy."""
CALL_GATE, TASK_GATE, INTERRUPT_GATE, TRAP_GATE = 0x8C, 0x85, 0x8E, 0x8F
IF, IOPL_3, NT, RF, VM, AC, ID = 1 << 9, 3 << 12, 1 << 14, 1 << 16, 1 << 17, 1 << 18, 1 << 21
WITH_ERROR = frozenset((8, 10, 11, 12, 13, 14, 17))

# mov eax,30h ; ltr ax ; mov eax,2Bh ; mov ds,eax ; mov es,eax ; mov esp,7F00h ; iret
LEAVE_RING_0 = "b830000000 0f00d8 b82b000000 8ed8 8ec0 bc007f0000 cf"


class Fault(NamedTuple):
    """What arrived at a gate, and what it found on the stack."""

    vector: int
    error: int | None
    eip: int
    cs: int
    eflags: int


def descriptor(base: int, limit: int, access: int, flags: int = 0) -> bytes:
    """Of a segment. `flags`: 8 granularity of pages, 4 default size 32."""
    return struct.pack(
        "<HHBBBB",
        limit & 0xFFFF,
        base & 0xFFFF,
        base >> 16 & 0xFF,
        access,
        limit >> 16 & 0xF | flags << 4,
        base >> 24 & 0xFF,
    )


def gate(selector: int, offset: int, kind: int, parameters: int = 0) -> bytes:
    """Of a call, task, interrupt or trap gate; `kind` is its access byte."""
    return struct.pack("<HHBBH", offset & 0xFFFF, selector, parameters, kind, offset >> 16 & 0xFFFF)


class Rings:
    """`pc` with those segments, TR's two tasks, and a program behind every exception's gate."""

    def __init__(self, pc: BarePc) -> None:
        self.pc = pc
        segments = {
            CODE_0: descriptor(0, 0xFFFFF, 0x9B, 0xC),
            DATA_0: descriptor(0, 0xFFFFF, 0x93, 0xC),
            CODE_3: descriptor(0, 0xFFFFF, 0xFB, 0xC),
            DATA_3: descriptor(0, 0xFFFFF, 0xF3, 0xC),
            TASK: descriptor(TSS, 0x67, TSS_32),
            OTHER_TASK: descriptor(OTHER_TSS, 0x67, TSS_32),
            LOCAL: descriptor(LDT, 0x3F, 0x82),
        }
        pc.put(GDT, bytes(0x100))
        for selector, content in segments.items():
            self.define(selector, content)
        pc.put(TSS + 4, struct.pack("<II", STACK, DATA_0))
        pc.put(TSS + 100, struct.pack("<HH", 0, 0x68))  # no I/O permission bit map
        pc.put(CAUGHT, b"\xff")
        for vector in range(32):
            self.catch(vector)

    def define(self, selector: int, content: bytes) -> None:
        """Write a descriptor to the GDT, or the LDT."""
        self.pc.put((LDT if selector & 4 else GDT) + (selector & ~7), content)

    def catch(self, vector: int, *, kind: int = INTERRUPT_GATE, selector: int = CODE_0) -> None:
        """Give `vector` a gate whose program notes it and stops."""
        at = CATCHERS + 32 * vector
        # mov byte ss:[6000h],vector ; mov ss:[6004h],esp ; cli ; hlt
        self.pc.put(at, f"36c60500600000{vector:02x} 36892504600000 fa f4")
        self.pc.put(IDT + 8 * vector, gate(selector, at, kind))

    def start(self, code: str | bytes, **registers: int) -> None:
        """Stand at `code` in ring 0."""
        self.pc.put(PROGRAM, code)
        gdt = self.pc.processor.read_memory(GDT, 0x100)
        self.pc.start(PROGRAM, **registers)
        self.pc.put(GDT, gdt)
        self.pc.processor.load_gdt(GDT, 0xFF)

    def start_ring_3(self, code: str | bytes, flags: int = 0, **registers: int) -> None:
        """Stand before an IRET to `code` in ring 3."""
        frame = (PROGRAM, CODE_3, flags | 2, USER_STACK, DATA_3)
        self._start_outside(code, frame, registers)

    def start_vm86(self, code: str | bytes, flags: int = 0, **registers: int) -> None:
        """Stand before an IRET to `code` in VM86 at 0200:0000, all other segments 0600."""
        frame = (0, PROGRAM >> 4, flags | VM | 2, 0x1000, 0x600, 0x600, 0x600, 0x600, 0x600)
        self._start_outside(code, frame, registers)

    def _start_outside(
        self, code: str | bytes, frame: tuple[int, ...], registers: dict[str, int]
    ) -> None:
        self.start(code, **registers)
        self.pc.put(ENTRY, LEAVE_RING_0)
        self.pc.put(FRAME, struct.pack(f"<{len(frame)}I", *frame))
        self.pc.processor.engine.env.eip = ENTRY

    async def caught(self) -> Fault | None:
        """Run until one of the gates is reached, or until `cli; hlt`: then None."""
        await self.pc.run_to_halt()
        vector = self.pc.dword(CAUGHT) & 0xFF
        if vector == 0xFF:
            return None
        error = [self.pc.dword(self.esp)] if vector in WITH_ERROR else []
        eip, cs, eflags = self.pc.dwords(self.esp + 4 * len(error), 3)
        return Fault(vector, error[0] if error else None, eip, cs & 0xFFFF, eflags)

    @property
    def esp(self) -> int:
        """ESP at the gate."""
        return self.pc.dword(CAUGHT + 4)
