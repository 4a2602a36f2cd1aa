"""The functions of the engine's library: Unicorn's own, and QEMU's, which its Linux wheel exports.

Only what is named here is used, and an engine in which one of them is missing is refused.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from ctypes import c_int, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

from unicorn.unicorn_py3 import unicorn as binding

from .errors import UnsupportedEngine

KNOWN_VERSIONS = ((2, 1, 4),)
"""Versions of Unicorn whose memory layout is the one in registers.py."""

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    # Unicorn
    "uc_emu_start": (c_int, [c_void_p, c_uint64, c_uint64, c_uint64, c_size_t]),
    "uc_emu_stop": (c_int, [c_void_p]),
    "uc_hook_add": (c_int, []),  # variadic
    "uc_mmio_map": (c_int, [c_void_p, c_uint64, c_size_t, c_void_p, c_void_p, c_void_p, c_void_p]),
    "uc_mem_map_ptr": (c_int, [c_void_p, c_uint64, c_size_t, c_uint32, c_void_p]),
    "uc_mem_protect": (c_int, [c_void_p, c_uint64, c_size_t, c_uint32]),
    "uc_mem_unmap": (c_int, [c_void_p, c_uint64, c_size_t]),
    # QEMU: the processor
    "qemu_get_cpu_x86_64": (c_void_p, [c_void_p, c_int]),
    "x86_cpu_do_interrupt_x86_64": (None, [c_void_p]),
    "do_interrupt_x86_hardirq_x86_64": (None, [c_void_p, c_int, c_int]),
    "x86_cpu_exec_interrupt_x86_64": (c_int, [c_void_p, c_int]),
    "x86_cpu_set_a20_x86_64": (None, [c_void_p, c_int]),
    "raise_exception_x86_64": (None, [c_void_p, c_int]),
    "raise_exception_ra_x86_64": (None, []),
    "cpu_loop_exit_x86_64": (None, []),
    "cpu_loop_exit_restore_x86_64": (None, []),
    "cpu_ldub_code_x86_64": (None, []),
    "helper_check_iob_x86_64": (None, [c_void_p, c_uint32]),
    "helper_check_iow_x86_64": (None, [c_void_p, c_uint32]),
    "helper_check_iol_x86_64": (None, [c_void_p, c_uint32]),
    "cpu_x86_update_cr0_x86_64": (None, [c_void_p, c_uint32]),
    "cpu_x86_update_cr3_x86_64": (None, [c_void_p, c_uint64]),
    "cpu_x86_update_cr4_x86_64": (None, [c_void_p, c_uint32]),
    "cpu_x86_update_dr7_x86_64": (None, [c_void_p, c_uint32]),
    "helper_fninit_x86_64": (None, [c_void_p]),
    "helper_ldmxcsr_x86_64": (None, [c_void_p, c_uint32]),
    # QEMU: instructions that are mended, see instructions.py
    "helper_read_eflags_x86_64": (None, []),
    "helper_fwait_x86_64": (None, []),
    "helper_fclex_x86_64": (None, []),
    "helper_fsave_x86_64": (None, []),
    "helper_frstor_x86_64": (None, []),
    "helper_fldenv_x86_64": (None, []),
    "helper_read_crN_x86_64": (None, []),
    "helper_write_crN_x86_64": (None, []),
    "helper_ltr_x86_64": (None, []),
    "helper_get_dr_x86_64": (None, []),
    "helper_set_dr_x86_64": (None, []),
    "helper_invlpg_x86_64": (None, []),
    "helper_rdmsr_x86_64": (None, []),
    "helper_wrmsr_x86_64": (None, []),
    # QEMU: translations
    "check_exit_request_x86_64": (None, [c_void_p]),
    "helper_check_exit_request_x86_64": (None, [c_void_p, c_uint32]),
    "x86_cpu_tlb_fill_x86_64": (c_int, [c_void_p]),
    "tlb_flush_x86_64": (None, [c_void_p]),
    "tb_flush_x86_64": (None, [c_void_p]),
    "tb_invalidate_phys_range_x86_64": (None, [c_void_p, c_uint64, c_uint64]),
    "find_memory_mapping_x86_64": (c_void_p, [c_void_p, c_uint64]),
    "memory_region_get_ram_addr_x86_64": (c_uint64, [c_void_p]),
    "tb_gen_code_x86_64": (c_void_p, []),
    "tcg_temp_new_internal_x86_64": (c_void_p, []),
    "tcg_emit_op_x86_64": (c_void_p, []),
    # the C library, as the engine finds it
    "abort": (None, []),
}

open_engine: Any = binding.Uc  # the bindings have no types
"""Makes an engine: `open_engine(architecture, mode)`."""


class _DlInfo(ctypes.Structure):
    _fields_ = (("file", ctypes.c_char_p), ("base", c_void_p), ("name", c_void_p), ("at", c_void_p))


class Symbols:
    """Typed functions by attribute, without the `_x86_64` suffix; `address_of` for the thunks.

    Raises `UnsupportedEngine` when the host, the version or a symbol does not fit.
    """

    def __init__(self) -> None:
        host = (sys.platform, platform.machine())
        if host != ("linux", "x86_64"):
            raise UnsupportedEngine(
                f"the host is {host[0]} on {host[1]}; the processor's machine code is for Linux on "
                "x86-64 only: run it there"
            )
        combined: int = binding.uclib.uc_version(None, None)
        self.version = (combined >> 24 & 0xFF, combined >> 16 & 0xFF, combined >> 8 & 0xFF)
        if self.version not in KNOWN_VERSIONS:
            fit = ", ".join(".".join(map(str, version)) for version in KNOWN_VERSIONS)
            raise UnsupportedEngine(
                f"Unicorn {'.'.join(map(str, self.version))} is installed; only {fit} is known to "
                f"fit: pip install unicorn=={fit.split(', ')[-1]}"
            )
        self.file: str = binding.uclib._name
        library = ctypes.CDLL(self.file)
        self._functions: dict[str, Any] = {}
        for name, (result, arguments) in _SIGNATURES.items():
            try:
                function = library[name]
            except AttributeError:
                raise UnsupportedEngine(
                    f"this build of Unicorn does not export {name}; use the wheel from PyPI"
                ) from None
            function.restype = result
            if arguments:
                function.argtypes = arguments
            self._functions[name.removesuffix("_x86_64")] = function

    def __getattr__(self, name: str) -> Any:
        try:
            return self._functions[name]
        except KeyError:
            raise AttributeError(name) from None

    def load_address(self) -> int:
        """Where the library was loaded: dladdr(3)."""
        found = _DlInfo()
        ctypes.CDLL(None).dladdr(c_void_p(self.address_of("uc_emu_start")), ctypes.byref(found))
        assert found.base is not None
        return int(found.base)

    def address_of(self, name: str) -> int:
        """Where the function called `name` starts."""
        address = ctypes.cast(self._functions[name], c_void_p).value
        assert address is not None
        return address
