"""The engine's processor as it lies in memory: QEMU 5.0's CPUState and CPUX86State in Unicorn 2.1.

Read and written in place through ctypes, which costs a fiftieth of a reg_read. Field names are
those of QEMU, register names those of the Intel manual. The layout is verified at start-up
(engine.py, selftest.py) and never trusted on an engine it was not made for.
"""

from __future__ import annotations

import ctypes
from ctypes import c_int8, c_int32, c_uint8, c_uint16, c_uint32, c_uint64
from enum import IntEnum, IntFlag


class Segment(IntEnum):
    """Indexes into `Env.segs`."""

    ES = 0
    CS = 1
    SS = 2
    DS = 3
    FS = 4
    GS = 5


class Hidden(IntFlag):
    """`Env.hflags`: what translation depends on."""

    CPL = 3
    INHIBIT_IRQ = 1 << 3  # the STI or MOV SS shadow
    CS32 = 1 << 4
    SS32 = 1 << 5
    ADDSEG = 1 << 6  # a segment base is not 0
    PE = 1 << 7
    TF = 1 << 8
    IOPL = 3 << 12
    VM = 1 << 17


class Request(IntEnum):
    """`Common.interrupt_request`."""

    HARD = 0x002  # INTR
    NMI = 0x200


EFLAGS_IF = 1 << 9
CR0_NE = 1 << 5
FPUS_ES = 1 << 7
HF2_NMI = 1 << 2
"""`Env.hflags2`: an NMI handler is running."""
HF2_IGNNE = 1 << 7
"""`Env.hflags2`: the pending x87 error is ignored."""


class SegmentCache(ctypes.Structure):
    """A segment register with its descriptor cache; `flags` is the descriptor's high word."""

    _fields_ = (
        ("selector", c_uint32),
        ("base", c_uint64),
        ("limit", c_uint32),
        ("flags", c_uint32),
    )
    selector: int
    base: int
    limit: int
    flags: int


class FloatStatus(ctypes.Structure):
    """QEMU's softfloat status: derived from the control word, except the sticky exceptions."""

    _fields_ = (
        ("detect_tininess", c_int8),
        ("rounding_mode", c_int8),
        ("exception_flags", c_uint8),
        ("floatx80_rounding_precision", c_int8),
        ("flush_to_zero", c_uint8),
        ("flush_inputs_to_zero", c_uint8),
        ("default_nan_mode", c_uint8),
        ("snan_bit_is_one", c_uint8),
    )


class FloatRegister(ctypes.Structure):
    """One x87 register, 80 bits, in 16 bytes."""

    _fields_ = (("mantissa", c_uint64), ("exponent", c_uint16), ("_pad", c_uint8 * 6))
    mantissa: int
    exponent: int


class Env(ctypes.Structure):
    """CPUX86State: all that a CPU reset clears, and the feature words behind it."""

    _fields_ = (
        ("regs", c_uint64 * 16),
        ("eip", c_uint64),
        ("eflags", c_uint64),  # without the arithmetic flags and DF
        ("cc_dst", c_uint64),
        ("cc_src", c_uint64),
        ("cc_src2", c_uint64),
        ("cc_op", c_uint32),
        ("df", c_int32),
        ("hflags", c_uint32),
        ("hflags2", c_uint32),
        ("segs", SegmentCache * 6),
        ("ldt", SegmentCache),
        ("tr", SegmentCache),
        ("gdt", SegmentCache),
        ("idt", SegmentCache),
        ("cr", c_uint64 * 9),
        ("a20_mask", c_int32),
        ("_mpx", c_uint64 * 11),
        ("efer", c_uint64),
        ("_start_init_save", c_int32),
        ("fpstt", c_uint32),
        ("fpus", c_uint16),
        ("fpuc", c_uint16),
        ("fptags", c_uint8 * 8),  # 0 valid, 1 empty
        ("fpregs", FloatRegister * 8),
        ("fpop", c_uint16),
        ("fpcs", c_uint16),
        ("fpds", c_uint16),
        ("fpip", c_uint64),
        ("fpdp", c_uint64),
        ("fp_status", FloatStatus),
        ("ft0", FloatRegister),
        ("mmx_status", FloatStatus),
        ("sse_status", FloatStatus),
        ("mxcsr", c_uint32),
        ("xmm", (c_uint64 * 8) * 8),  # each in the low quarter of a ZMM
        ("_vectors", c_uint64 * 192),
        ("xmm_t0", c_uint64 * 8),  # scratch, as is the next
        ("mmx_t0", c_uint64),
        ("_later_vectors", c_uint64 * 232),
        ("sysenter_cs", c_uint32),
        ("sysenter_esp", c_uint64),
        ("sysenter_eip", c_uint64),
        ("star", c_uint64),
        ("vm_hsave", c_uint64),
        ("_long_mode", c_uint64 * 4),
        ("tsc", c_uint64),
        ("tsc_adjust", c_uint64),
        ("tsc_deadline", c_uint64),
        ("tsc_aux", c_uint64),
        ("xcr0", c_uint64),
        ("mcg_status", c_uint64),
        ("misc_enable", c_uint64),
        ("_performance", c_uint64 * 44),
        ("pat", c_uint64),
        ("smbase", c_uint32),
        ("_to_exceptions", c_uint32 * 23),
        ("error_code", c_int32),
        ("exception_is_int", c_int32),
        ("exception_next_eip", c_uint64),
        ("dr", c_uint64 * 8),
        ("breakpoints", c_uint64 * 4),  # host pointers, made from dr by cpu_x86_update_dr7
        ("old_exception", c_int32),
        ("_svm", c_uint32 * 15),
        ("retaddr", c_uint64),  # host address, scratch of a page walk
        ("_end_reset_fields", c_int32),
        ("_cpuid", c_uint32 * 14),
        ("cpuid_version", c_uint32),
        ("features", c_uint64 * 40),
    )
    regs: ctypes.Array[c_uint64]
    eip: int
    eflags: int
    cc_dst: int
    cc_src: int
    cc_src2: int
    cc_op: int
    df: int
    hflags: int
    hflags2: int
    segs: ctypes.Array[SegmentCache]
    ldt: SegmentCache
    tr: SegmentCache
    gdt: SegmentCache
    idt: SegmentCache
    cr: ctypes.Array[c_uint64]
    a20_mask: int
    efer: int
    fpstt: int
    fpus: int
    fpuc: int
    fptags: ctypes.Array[c_uint8]
    fpregs: ctypes.Array[FloatRegister]
    xmm: ctypes.Array[ctypes.Array[c_uint64]]
    xmm_t0: ctypes.Array[c_uint64]
    mmx_t0: int
    fpop: int
    fpcs: int
    fpds: int
    fpip: int
    fpdp: int
    fp_status: FloatStatus
    ft0: FloatRegister
    mmx_status: FloatStatus
    sse_status: FloatStatus
    mxcsr: int
    sysenter_cs: int
    sysenter_esp: int
    sysenter_eip: int
    star: int
    tsc_aux: int
    xcr0: int
    mcg_status: int
    misc_enable: int
    pat: int
    smbase: int
    error_code: int
    exception_is_int: int
    exception_next_eip: int
    dr: ctypes.Array[c_uint64]
    breakpoints: ctypes.Array[c_uint64]
    old_exception: int
    retaddr: int
    cpuid_version: int
    features: ctypes.Array[c_uint64]
    """EDX, then ECX of CPUID function 1, and further ones."""


ENV_UC = 0x1B58
"""Where CPUX86State, far behind `Env`, has the engine's handle."""


class Common(ctypes.Structure):
    """CPUState: the part of the processor every architecture of the engine has."""

    _fields_ = (
        ("nr_cores", c_int32),
        ("nr_threads", c_int32),
        ("thread", c_uint64),
        ("created", c_uint8),
        ("stop", c_uint8),
        ("stopped", c_uint8),
        ("unplug", c_uint8),
        ("crash_occurred", c_uint8),
        ("exit_request", c_uint8),
        ("in_exclusive_context", c_uint8),
        ("cflags_next_tb", c_uint32),
        ("interrupt_request", c_uint32),
        ("_singlestep", c_uint8 * 264),
        ("env_ptr", c_uint64),
        ("icount_decr_ptr", c_uint64),
        ("tb_jmp_cache", c_uint64 * 4096),
        ("_trace", c_uint8 * 96),
        ("halted", c_uint32),
        ("can_do_io", c_uint32),
        ("exception_index", c_int32),
        ("uc", c_uint64),
        ("cc", c_uint64),
    )
    stopped: int
    exit_request: int
    cflags_next_tb: int
    interrupt_request: int
    env_ptr: int
    icount_decr_ptr: int
    tb_jmp_cache: ctypes.Array[c_uint64]
    halted: int
    exception_index: int
    uc: int
    cc: int


class IcountDecr(ctypes.Structure):
    """The word every block tests when it starts; `high` not 0 ends the chain of blocks."""

    _fields_ = (("low", c_uint16), ("high", c_uint16))
    low: int
    high: int


class TranslationBlock(ctypes.Structure):
    """The first fields of a translated block."""

    _fields_ = (
        ("pc", c_uint64),
        ("cs_base", c_uint64),
        ("flags", c_uint32),
        ("size", c_uint16),
        ("icount", c_uint16),
        ("cflags", c_uint32),
        ("trace", c_uint32),
        ("code", c_uint64),
        ("code_size", c_uint64),
    )
    pc: int
    size: int
    icount: int
    code: int
    code_size: int
