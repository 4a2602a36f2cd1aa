"""The registers after RESET, and as a boot loader leaves them.

Intel486 Microprocessor Data Book, 6.5 "Reset and Initialization"; Multiboot Specification 0.6.96,
3.2 "Machine state".
"""

from __future__ import annotations

from .core import Core
from .models import Feature
from .registers import Env, FloatStatus, Hidden, Segment, SegmentCache

# Descriptor flags, the high word: granularity, size, present, DPL, type.
_REAL_CODE = 0x9B00
_REAL_TABLE = 0x9300
_LDT = 0x8200
_TSS = 0x8B00
_FLAT_CODE = 0xCF9B00
_FLAT_TABLE = 0xCF9300
_NO_CACHE = 0x6000_0010  # CR0: CD, NW, ET
_PROTECTED = 0x11  # CR0: ET, PE
_MXCSR = 0x1F80  # all exceptions masked; SDM volume 3A, table 10-1


def _load(
    segment: SegmentCache, selector: int, base: int, limit: int = 0xFFFF, flags: int = 0
) -> None:
    segment.selector, segment.base, segment.limit, segment.flags = selector, base, limit, flags


def _clear(core: Core) -> Env:
    env = core.env
    for i in range(16):
        env.regs[i] = 0
    env.eflags, env.df = 2, 1
    env.cc_op, env.cc_src, env.cc_dst, env.cc_src2 = 1, 0, 0, 0
    env.error_code, env.exception_is_int, env.old_exception = 0, 0, -1
    core.symbols.cpu_x86_update_cr4(core.env_address, 0)
    env.cr[2] = env.cr[3] = 0
    if Feature.SSE in core.traits.features:
        env.mxcsr, env.sse_status = _MXCSR, FloatStatus()
        for register in env.xmm:
            register[0] = register[1] = 0
    return env


def reset(core: Core) -> None:
    """RESET: real mode at F000:FFF0. The A20 gate and the instruction count stay as they are."""
    env = _clear(core)
    env.hflags = Hidden.ADDSEG
    env.hflags2 = 1  # GIF: interrupts are not held back by SVM
    core.symbols.cpu_x86_update_cr0(core.env_address, _NO_CACHE)
    for segment in env.segs:
        _load(segment, 0, 0, flags=_REAL_TABLE)
    _load(env.segs[Segment.CS], 0xF000, 0xFFFF_0000, flags=_REAL_CODE)
    _load(env.ldt, 0, 0, flags=_LDT)
    _load(env.tr, 0, 0, flags=_TSS)
    _load(env.gdt, 0, 0)
    _load(env.idt, 0, 0, limit=0x3FF)
    env.regs[2] = core.traits.signature  # family, model, stepping
    env.eip = 0xFFF0
    core.symbols.cpu_x86_update_dr7(core.env_address, 0)
    for i in range(4):
        env.dr[i] = 0
    env.dr[6] = 0xFFFF_0FF0
    core.symbols.helper_fninit(core.env_address)
    for register in env.fpregs:
        register.mantissa = register.exponent = 0
    core.symbols.tlb_flush(core.cs)


def flat32(core: Core, eip: int, esp: int) -> None:
    """Protected mode, flat 32-bit segments of 4 GiB, paging off, IF clear; other registers 0.

    GDTR and IDTR are not touched, so the selectors (CS 10h, others 18h) cannot be reloaded until
    the guest has tables of its own.
    """
    env = _clear(core)
    core.symbols.cpu_x86_update_cr0(core.env_address, _PROTECTED)
    env.hflags = env.hflags & ~(Hidden.CPL | Hidden.VM | Hidden.TF | Hidden.IOPL | Hidden.ADDSEG)
    env.hflags &= ~Hidden.INHIBIT_IRQ
    env.hflags |= Hidden.CS32 | Hidden.SS32 | Hidden.PE
    for segment in env.segs:
        _load(segment, 0x18, 0, 0xFFFF_FFFF, _FLAT_TABLE)
    _load(env.segs[Segment.CS], 0x10, 0, 0xFFFF_FFFF, _FLAT_CODE)
    env.regs[4], env.eip = esp, eip
    core.symbols.tlb_flush(core.cs)
