"""One engine made a small, isolated i386 for the code of a card. See thunks/code_unit.c.

Ring 3, flat, behind page tables of its own, no I/O permission and no descriptor tables: whatever is
not plain computing on its own memory is an exception, and the first exception ends the call. Nobody
hooks exceptions here, so that the engine stops at them by itself.
"""

from __future__ import annotations

import ctypes
import struct
from ctypes import c_int64, c_uint64

from unicorn import UC_HOOK_INSN
from unicorn.x86_const import UC_X86_INS_IN, UC_X86_INS_OUT

from . import power_on
from .block_counter import BlockCounter
from .block_exits import install_block_exits
from .code_memory import STACK_SIZE, STACK_TOP, STUBS, CodeMemory
from .core import Core
from .delivery import settle_exceptions
from .host_memory import PAGE
from .native import Parameters
from .registers import Hidden, Segment, SegmentCache

CODE_BUFFER = 4 << 20
"""Bytes for translations of a card's code."""
_STUB = 8
RETURN = STUBS
"""Where a call returns to: a HLT, which ring 3 may not."""
FIRST_CALL = STUBS + _STUB
HOST_CALLS = PAGE // _STUB - 1
"""Stubs there are."""
_HALT = b"\xf4".ljust(_STUB, b"\xf4")
_CALL = b"\xe5\x00\xc3".ljust(_STUB, b"\xf4")  # in eax,0; ret
_CR0 = 0x8001_0033  # PG, WP, NE, ET, MP, PE
_CR4 = 1 << 2 | 1 << 5 | 1 << 9 | 1 << 10  # TSD, PAE, OSFXSR, OSXMMEXCPT
_NXE = 1 << 11
_SEGMENTS = 6 * ctypes.sizeof(SegmentCache)
_USER_CODE, _USER_DATA = 0xCFFB00, 0xCFF300  # descriptor flags: flat, DPL 3
_CALL_CODE = ctypes.PYFUNCTYPE(c_int64)  # no argument types: they cost 0.15 us each


class CodeUnit:
    """An engine, its memory and its stubs: used by one card at a time, cleared in between.

    Raises `UnsupportedEngine`.
    """

    def __init__(self, memory_max: int, patience: int) -> None:
        self.core = core = Core("686sse", code_buffer=CODE_BUFFER)
        install_block_exits(core)
        settle_exceptions(core)
        BlockCounter(core)
        thunks, p = core.thunks, core.parameters
        core.hook(UC_HOOK_INSN, thunks.entry("host_call"), UC_X86_INS_IN)
        core.hook(UC_HOOK_INSN, thunks.entry("no_out"), UC_X86_INS_OUT)
        for instruction in core.traits.lacks:
            core.hook(UC_HOOK_INSN, thunks.entry("undefined"), instruction)
        self.memory = CodeMemory(core, memory_max)
        self._functions = (c_uint64 * HOST_CALLS)()
        p.start = core.symbols.address_of("uc_emu_start")
        p.process = ctypes.addressof(core.shared)
        p.df, p.old_exception = core.env_field("df"), core.env_field("old_exception")
        p.load_mxcsr = core.symbols.address_of("helper_ldmxcsr")
        p.fpregs, p.xmm = core.env_field("fpregs"), core.env_field("xmm")
        self._flat = ctypes.create_string_buffer(_SEGMENTS)
        p.segments, p.flat = core.env_field("segs"), ctypes.addressof(self._flat)
        p.stubs, p.stub_count = FIRST_CALL, 0
        p.host_calls = ctypes.addressof(self._functions)
        p.stack, p.stack_low, p.stack_size = (
            self.memory.stack_address,
            STACK_TOP - STACK_SIZE,
            STACK_SIZE,
        )
        p.patience = patience
        clock = ctypes.cast(ctypes.CDLL(None).clock_gettime, ctypes.c_void_p).value
        assert clock is not None
        p.clock_gettime = clock
        self.call_code = _CALL_CODE(thunks.entry("call_code"))
        result = ctypes.addressof(p) + Parameters.result.offset  # type: ignore[attr-defined]
        self.result = memoryview(c_uint64.from_address(result)).cast("B").cast("Q")
        """EDX:EAX of the last call that returned."""
        self._stubs = _HALT + _CALL * HOST_CALLS
        self.reset()

    def reset(self) -> None:
        """As new: memory, registers, translations, FPU, host calls."""
        core, p = self.core, self.core.parameters
        self.memory.clear()
        self.memory.put_stubs(self._stubs)
        core.symbols.tb_flush(core.cs)
        p.last, p.stub_count, p.gave_up, p.ended = 0, 0, 0, 0
        power_on.reset(core)
        env = core.env
        power_on.flat32(core, RETURN, STACK_TOP)
        for segment in env.segs:
            segment.selector, segment.flags = 0x23, _USER_DATA
        env.segs[Segment.CS].selector, env.segs[Segment.CS].flags = 0x1B, _USER_CODE
        ctypes.memmove(self._flat, ctypes.addressof(env.segs), _SEGMENTS)
        env.gdt.limit = env.idt.limit = 0
        env.ldt.flags = env.tr.flags = 0  # not present
        env.efer = _NXE
        core.symbols.cpu_x86_update_cr4(core.env_address, _CR4)
        core.symbols.cpu_x86_update_cr3(core.env_address, 0)
        core.symbols.cpu_x86_update_cr0(core.env_address, _CR0)
        env.hflags |= Hidden.CPL
        p.hflags_at_start = env.hflags
        core.symbols.tlb_flush(core.cs)

    def add_call(self, function: int) -> int:
        """Enter a host function by its address; returns the linear address of its stub, or 0."""
        p = self.core.parameters
        if p.stub_count == HOST_CALLS:
            return 0
        self._functions[p.stub_count] = function
        p.stub_count += 1
        return FIRST_CALL + _STUB * (p.stub_count - 1)

    def end_call(self) -> None:
        """Let the call that is under way end behind the host call it is in."""
        p = self.core.parameters
        p.ended = 1
        p.limit = p.fence = 0

    def frame(self, at: int) -> tuple[int, int] | None:
        """Saved EBP and return address where EBP points `at`, if that is in the stack."""
        below = at - (STACK_TOP - STACK_SIZE)
        if not 0 <= below <= STACK_SIZE - 8:
            return None
        ebp, back = struct.unpack_from("<II", self.memory.stack, below)
        return ebp, back

    def close(self) -> None:
        """Give the engine up, and then what it points at."""
        memory, thunks = self.memory, self.core.thunks
        self.result.release()
        memory.forget_engine()
        del self.core, self.memory, self.call_code
        memory.close()
        thunks.free()
