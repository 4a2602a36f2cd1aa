"""The processor's state as values: everything it needs to go on exactly where it stopped.

By named fields, never the engine's raw bytes, so that a file can outlive an engine. What has no
name here (wider vector registers, MTRRs, SVM) does not exist on these models; a guest that wrote
some of it all the same is refused rather than saved wrong.
"""

from __future__ import annotations

import ctypes
from typing import Any

import msgspec

from .core import Core
from .errors import CpuStateError
from .models import Model
from .registers import Env, FloatRegister, FloatStatus, SegmentCache

VERSION = 1
_REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
_SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
_TABLES = {"ldtr": "ldt", "tr": "tr", "gdtr": "gdt", "idtr": "idt"}
_SAME = [
    "eip",
    "eflags",
    "cc_dst",
    "cc_src",
    "cc_src2",
    "cc_op",
    "df",
    "hflags",
    "hflags2",
    "a20_mask",
    "efer",
    "sysenter_cs",
    "sysenter_esp",
    "sysenter_eip",
    "star",
    "tsc_aux",
    "xcr0",
    "mcg_status",
    "misc_enable",
    "pat",
    "smbase",
    "error_code",
    "exception_is_int",
    "exception_next_eip",
    "old_exception",
]
_CONTROL = {"cr0": 0, "cr2": 2, "cr3": 3, "cr4": 4}
_FPU_SAME = ["fpstt", "fpus", "fpuc", "fpop", "fpcs", "fpds", "fpip", "fpdp", "mxcsr"]
_FPU_STATUS = ("fp_status", "mmx_status", "sse_status")
_DR6, _DR7 = 6, 7
_DR7_FIXED = 0x400
_RESET_FIELDS: int = Env._end_reset_fields.offset
_MTRR = slice(0x18B0, 0x1990)
"""Bytes of `Env` with MTRRfix*, MTRRdefType and MTRRphys*."""


class Descriptor(msgspec.Struct, frozen=True):
    """A segment register, its descriptor cache included; `flags` as in the descriptor."""

    selector: int
    base: int
    limit: int
    flags: int


class Fpu(msgspec.Struct, frozen=True):
    """The x87. `registers` are R0-R7 as (mantissa, sign and exponent), not ST(0)-ST(7)."""

    fpstt: int
    fpus: int
    fpuc: int
    fptags: list[int]
    registers: list[tuple[int, int]]
    fpop: int
    fpcs: int
    fpds: int
    fpip: int
    fpdp: int
    mxcsr: int
    fp_status: list[int]
    mmx_status: list[int]
    sse_status: list[int]
    xmm: list[tuple[int, int]] = msgspec.field(default_factory=lambda: [(0, 0)] * 8)
    """XMM0-XMM7 as (low, high) quadwords; 0 on models without SSE."""


class CpuState(msgspec.Struct, frozen=True, kw_only=True):
    """One processor between two instructions. Names as in the Intel manual or in QEMU."""

    version: int = VERSION
    model: Model
    eax: int
    ecx: int
    edx: int
    ebx: int
    esp: int
    ebp: int
    esi: int
    edi: int
    eip: int
    eflags: int
    """Without the arithmetic flags and DF, which are in cc_* and df."""
    cc_dst: int
    cc_src: int
    cc_src2: int
    cc_op: int
    df: int
    hflags: int
    """Privilege level, operand sizes, the STI shadow, TF, IOPL, VM."""
    hflags2: int
    es: Descriptor
    cs: Descriptor
    ss: Descriptor
    ds: Descriptor
    fs: Descriptor
    gs: Descriptor
    ldtr: Descriptor
    tr: Descriptor
    gdtr: Descriptor
    idtr: Descriptor
    cr0: int
    cr2: int
    cr3: int
    cr4: int
    dr: list[int]
    a20_mask: int
    fpu: Fpu
    efer: int
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
    old_exception: int
    armed_vector: int | None
    """The vector INTR asks for, not yet acknowledged."""
    nmi_pending: bool
    halted: bool
    shut_down: bool
    """After a triple fault, or HLT that nothing can end."""
    instructions: int
    skipped: int
    """Instructions' worth of time passed over in HLT (deterministic mode)."""

    @property
    def cpl(self) -> int:
        """Current privilege level."""
        return self.hflags & 3


class Extras(msgspec.Struct, frozen=True):
    """What the processor keeps outside the engine's registers."""

    armed_vector: int | None
    nmi_pending: bool
    halted: bool
    shut_down: bool
    instructions: int
    skipped: int


class Checkpoint(msgspec.Struct, frozen=True):
    """A processor's state for this process only: quick to take and to put back."""

    env: bytes
    extras: Extras


class Registers:
    """Takes and puts back the registers of one core, which stands between two slices."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._env = core.env
        self._power_on_rest = self._unnamed()
        self._power_on_mtrr = self._mtrr()

    def _mtrr(self) -> bytes:
        start = self._core.env_address + _MTRR.start
        return ctypes.string_at(start, _MTRR.stop - _MTRR.start)

    def _unnamed(self) -> bytes:
        """The registers with every named field zero."""
        image = bytearray(ctypes.string_at(self._core.env_address, _RESET_FIELDS))
        image += bytes(ctypes.sizeof(Env) - len(image))
        env = Env.from_buffer(image)
        _fill(env, _ZERO)
        env.ft0 = FloatRegister()  # scratch, as are the next
        env.mmx_t0 = env.retaddr = 0
        for i in range(8):
            env.xmm_t0[i] = 0
        for i in range(4):
            env.breakpoints[i] = 0
        return bytes(image)

    # -- values -------------------------------------------------------------------------------

    def take(self, extras: Extras) -> CpuState:
        """The state as values. Raises `CpuStateError` when some of it has no name."""
        if self._mtrr() != self._power_on_mtrr:
            raise CpuStateError(
                f"the guest programmed MTRRs, which a {self._core.model} does not have; "
                "its state cannot be saved"
            )
        if self._unnamed() != self._power_on_rest:
            raise CpuStateError(
                f"the guest used registers a {self._core.model} does not have (vector, SVM or "
                "performance registers); its state cannot be saved"
            )
        env = self._env
        fields: dict[str, Any] = {name: env.regs[i] for i, name in enumerate(_REGISTERS)}
        fields |= {name: getattr(env, name) for name in _SAME}
        fields |= {name: env.cr[i] for name, i in _CONTROL.items()}
        fields |= {name: _descriptor(env.segs[i]) for i, name in enumerate(_SEGMENTS)}
        fields |= {name: _descriptor(getattr(env, of)) for name, of in _TABLES.items()}
        fpu: dict[str, Any] = {name: getattr(env, name) for name in _FPU_SAME}
        fpu |= {name: list(bytes(getattr(env, name))) for name in _FPU_STATUS}
        fpu["xmm"] = [(register[0], register[1]) for register in env.xmm]
        fpu["fptags"] = list(env.fptags)
        fpu["registers"] = [(r.mantissa, r.exponent) for r in env.fpregs]
        return CpuState(
            model=self._core.model,
            dr=list(env.dr),
            fpu=Fpu(**fpu),
            **msgspec.structs.asdict(extras),
            **fields,
        )

    def put(self, state: CpuState) -> None:
        """Put a state back. Raises `CpuStateError`, then nothing was changed."""
        if state.version != VERSION:
            raise CpuStateError(f"CPU state version {state.version}; this one reads {VERSION}")
        if state.model != self._core.model:
            raise CpuStateError(
                f"the state is that of a {state.model}, this processor is a {self._core.model}; "
                f"start the machine with --cpu {state.model}"
            )
        self._disarm_breakpoints()
        _fill(self._env, state)
        self._arm_breakpoints(state.dr[_DR7])
        self._core.common.cflags_next_tb = 0xFFFFFFFF

    # -- bytes --------------------------------------------------------------------------------

    def image(self) -> bytes:
        """The registers as the engine has them."""
        return ctypes.string_at(self._core.env_address, _RESET_FIELDS)

    def put_image(self, image: bytes) -> None:
        """Put an image of this very engine back."""
        env = self._env
        self._disarm_breakpoints()
        ctypes.memmove(self._core.env_address, image, _RESET_FIELDS)
        dr7 = env.dr[_DR7]
        env.dr[_DR7] = _DR7_FIXED
        for i in range(4):
            env.breakpoints[i] = 0
        self._arm_breakpoints(dr7)
        self._core.common.cflags_next_tb = 0xFFFFFFFF

    # The engine keeps an object of its own for each of DR0-3 that is enabled, and its address in
    # Env: those are made and freed by the engine alone.

    def _disarm_breakpoints(self) -> None:
        self._core.symbols.cpu_x86_update_dr7(self._core.env_address, 0)

    def _arm_breakpoints(self, dr7: int) -> None:
        self._env.dr[_DR7] = _DR7_FIXED
        self._core.symbols.cpu_x86_update_dr7(self._core.env_address, dr7)


def _descriptor(segment: SegmentCache) -> Descriptor:
    return Descriptor(segment.selector, segment.base, segment.limit, segment.flags)


def _set_descriptor(segment: SegmentCache, value: Descriptor) -> None:
    segment.selector, segment.base = value.selector, value.base
    segment.limit, segment.flags = value.limit, value.flags


def _fill(env: Env, state: CpuState) -> None:
    """Every named field of `state` into `env`; DR7 without its effects."""
    for i, name in enumerate(_REGISTERS):
        env.regs[i] = getattr(state, name)
    for name in _SAME:
        setattr(env, name, getattr(state, name))
    for name, i in _CONTROL.items():
        env.cr[i] = getattr(state, name)
    for i, name in enumerate(_SEGMENTS):
        _set_descriptor(env.segs[i], getattr(state, name))
    for name, of in _TABLES.items():
        _set_descriptor(getattr(env, of), getattr(state, name))
    for i, value in enumerate(state.dr):
        env.dr[i] = value
    fpu = state.fpu
    for name in _FPU_SAME:
        setattr(env, name, getattr(fpu, name))
    for name in _FPU_STATUS:
        setattr(env, name, FloatStatus.from_buffer_copy(bytes(getattr(fpu, name))))
    for i in range(8):
        env.fptags[i] = fpu.fptags[i]
        env.fpregs[i].mantissa, env.fpregs[i].exponent = fpu.registers[i]
        env.xmm[i][0], env.xmm[i][1] = fpu.xmm[i]


def _zero() -> CpuState:
    none = Descriptor(0, 0, 0, 0)
    fpu: dict[str, Any] = dict.fromkeys(_FPU_SAME, 0)
    fpu |= {name: [0] * 8 for name in (*_FPU_STATUS, "fptags")}
    fpu["registers"] = [(0, 0)] * 8
    values: dict[str, Any] = dict.fromkeys((*_REGISTERS, *_SAME, *_CONTROL), 0)
    values |= dict.fromkeys((*_SEGMENTS, *_TABLES), none)
    extras = msgspec.structs.asdict(Extras(None, False, False, False, 0, 0))
    return CpuState(model="486", dr=[0] * 8, fpu=Fpu(**fpu), **extras, **values)


_ZERO = _zero()
