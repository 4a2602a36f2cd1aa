"""One bare i386 of the engine, found in memory and verified: what everything else is built on."""

from __future__ import annotations

import ctypes
from typing import Any

from unicorn import UC_ARCH_X86, UC_MODE_32
from unicorn.x86_const import UC_X86_REG_EAX, UC_X86_REG_ECX

from .errors import UnsupportedEngine
from .first_block import run_first_block
from .instructions import mend_instructions
from .models import TRAITS, Model
from .native import Thunks
from .registers import ENV_UC, Common, Env, IcountDecr
from .symbols import Symbols, open_engine

_MAGIC = (0x1BADB002, 0x5CA1AB1E)
_CPU_SIZE = 1 << 17
CODE_BUFFER = 64 << 20
"""Bytes for translations, which are all dropped when it is full. The engine would take 1 GiB: it
never takes back what has been overwritten, and each new kernel would cost the host a megabyte."""
CLASS_FUNCTIONS = 21
"""Pointers to functions that CPUClass begins with. It ends a block of the heap: what is behind that
is somebody else's, and may well be the remains of another engine."""


class Core:
    """An engine with no memory and no hooks.

    `env` and `common` are its registers, in place; `thunks` is loaded but wired to nothing.
    `code_buffer` is in bytes, by default `CODE_BUFFER`.
    Raises `UnsupportedEngine` when the engine's memory is not laid out as registers.py says.
    """

    def __init__(self, model: Model, *, code_buffer: int | None = None) -> None:
        self.shared = mend_instructions()
        """Parameters of the thunks all engines of the process have in common."""
        self.model: Model = model
        self.traits = traits = TRAITS[model]
        self.symbols = Symbols()
        self.uc: Any = open_engine(UC_ARCH_X86, UC_MODE_32)
        self.uc.ctl_set_cpu_model(traits.engine)
        self.uc.ctl_set_tcg_buffer_size(CODE_BUFFER if code_buffer is None else code_buffer)
        # No `until` address: each would drop the translations around it at every start.
        self.uc.ctl_exits_enabled(True)
        self.uc.ctl_set_exits([])
        self.uc.reg_write(UC_X86_REG_EAX, _MAGIC[0])  # the first use creates the processor
        self.uc.reg_write(UC_X86_REG_ECX, _MAGIC[1])
        self.handle: int = self.uc._uch.value
        self.cs = self._find_cpu()
        self.common = Common.from_address(self.cs)
        self.env = self._find_env()
        self.env_address = ctypes.addressof(self.env)
        self._say_what_it_is()
        self.icount_decr = IcountDecr.from_address(self.common.icount_decr_ptr)
        self._check_stop()
        self.first_block = run_first_block(self.symbols, self.uc, self.common)
        try:
            self.thunks = Thunks(near=self.first_block.address)
        except OSError as error:
            raise UnsupportedEngine(
                f"the host refuses executable memory ({error}); allow it for this process"
            ) from error
        self.parameters = self.thunks.parameters
        self._point_thunks_at_engine()

    def _find_cpu(self) -> int:
        for index in (0, -1, 1):
            address: int | None = self.symbols.qemu_get_cpu(self.handle, index)
            if address:
                return address
        raise UnsupportedEngine("the engine shows no processor; another build of Unicorn is needed")

    def _find_env(self) -> Env:
        common = self.common
        inside = range(self.cs, self.cs + _CPU_SIZE)
        if common.uc != self.handle or common.env_ptr not in inside or common.cc not in inside:
            raise UnsupportedEngine("the engine's CPUState is laid out differently")
        env = Env.from_address(common.env_ptr)
        if (env.regs[0], env.regs[1]) != _MAGIC:
            raise UnsupportedEngine("the engine's CPUX86State is laid out differently")
        if common.icount_decr_ptr not in range(common.env_ptr - 64, common.env_ptr):
            raise UnsupportedEngine("the engine's icount word is not in front of its registers")
        return env

    def _say_what_it_is(self) -> None:
        """CPUID, and with it what is translated and what is #UD."""
        env, traits = self.env, self.traits
        uc = ctypes.c_uint64.from_address(self.env_address + ENV_UC).value
        family = env.cpuid_version >> 8
        if uc != self.handle or family not in (4, 5, 6) or not env.features[0] & traits.features:
            raise UnsupportedEngine("the engine's CPUID registers are laid out differently")
        env.cpuid_version = traits.signature
        env.features[0], env.features[1] = traits.features, 0

    def _check_stop(self) -> None:
        self.symbols.uc_emu_stop(self.handle)
        if self.common.exit_request != 1 or self.icount_decr.high != 0xFFFF:
            raise UnsupportedEngine("the engine's exit request is not where it is expected")
        self.common.exit_request = 0
        self.icount_decr.high = 0

    def _point_thunks_at_engine(self) -> None:
        p, symbols = self.parameters, self.symbols
        p.deliver_exception = symbols.address_of("x86_cpu_do_interrupt")
        p.deliver_external = symbols.address_of("do_interrupt_x86_hardirq")
        p.exec_interrupt = symbols.address_of("x86_cpu_exec_interrupt")
        p.tlb_fill = symbols.address_of("x86_cpu_tlb_fill")
        p.tlb_flush = symbols.address_of("tlb_flush")
        p.stop = symbols.address_of("uc_emu_stop")
        p.raise_exception = symbols.address_of("raise_exception")
        p.raise_exception_at = symbols.address_of("raise_exception_ra")
        p.exit_loop = symbols.address_of("cpu_loop_exit")
        p.restart = symbols.address_of("cpu_loop_exit_restore")
        p.fetch = symbols.address_of("cpu_ldub_code")
        p.check_io8 = symbols.address_of("helper_check_iob")
        p.check_io16 = symbols.address_of("helper_check_iow")
        p.check_io32 = symbols.address_of("helper_check_iol")
        p.cs, p.env = self.cs, self.env_address
        p.eip, p.eflags = self.env_field("eip"), self.env_field("eflags")
        p.cs_base = self.env_field("segs") + 24 + 8  # segs[CS].base
        p.dr, p.cr0 = self.env_field("dr"), self.env_field("cr")
        p.hflags, p.hflags2 = self.env_field("hflags"), self.env_field("hflags2")
        p.interrupt_request = self.cs + Common.interrupt_request.offset  # type: ignore[attr-defined]
        p.exception_index = self.cs + Common.exception_index.offset  # type: ignore[attr-defined]
        p.cflags_next_tb = self.cs + Common.cflags_next_tb.offset  # type: ignore[attr-defined]
        p.icount_decr = self.common.icount_decr_ptr
        p.exception_is_int = self.env_field("exception_is_int")
        p.error_code = self.env_field("error_code")
        p.no_flags = self.traits.no_flags

    def env_field(self, name: str) -> int:
        """The address of a field of `env`."""
        offset: int = getattr(Env, name).offset
        return self.env_address + offset

    def hook(
        self,
        kind: int,
        address: int,
        instruction: int | None = None,
        *,
        span: tuple[int, int] = (1, 0),
    ) -> None:
        """Install the native function at `address` as a hook, on all addresses or first to last."""
        handle = ctypes.c_size_t()
        arguments = [
            ctypes.c_void_p(self.handle),
            ctypes.byref(handle),
            ctypes.c_int(kind),
            ctypes.c_void_p(address),
            ctypes.c_void_p(None),
            ctypes.c_uint64(span[0]),
            ctypes.c_uint64(span[1]),
        ]
        if instruction is not None:
            arguments.append(ctypes.c_int(instruction))
        error = self.symbols.uc_hook_add(*arguments)
        if error:
            raise UnsupportedEngine(f"the engine refuses a hook of kind {kind}: error {error}")

    def class_slots(self, function: int) -> list[int]:
        """Where in CPUClass, the engine's table of functions, the address `function` stands."""
        table = (ctypes.c_uint64 * CLASS_FUNCTIONS).from_address(self.common.cc)
        return [self.common.cc + 8 * i for i, value in enumerate(table) if value == function]
