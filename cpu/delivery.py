"""Exceptions, INT n, #UD and external interrupts, delivered by the engine's own code.

Unicorn stops short of it and leaves interrupts to its users, but still contains QEMU's delivery:
gates, stack switches, task gates, VM86, double and triple faults. Thunks connect it again.
"""

from __future__ import annotations

import ctypes

from unicorn import UC_HOOK_INSN, UC_HOOK_INTR

from .core import Core
from .errors import UnsupportedEngine
from .registers import Request

_STOP_INTERRUPT = bytes.fromhex("83fe060f94c0c3")  # return exception == EXCP06_ILLOP;
_UC_STRUCT_POINTERS = range(0x80, 0x200, 8)
_TEXT = 1 << 20  # code of one architecture is closer together than this


class Delivery:
    """Installed on a core, it makes INTR, NMI and every exception arrive as on the real chip."""

    def __init__(self, core: Core) -> None:
        self._common = core.common
        self._parameters = core.parameters
        self._icount_decr = core.icount_decr
        thunks = core.thunks
        slots = core.class_slots(core.parameters.exec_interrupt)
        if len(slots) != 1:
            raise UnsupportedEngine(f"CPUClass.cpu_exec_interrupt stands in {len(slots)} places")
        core.hook(UC_HOOK_INTR, thunks.entry("exception"))
        for instruction in core.traits.lacks:
            core.hook(UC_HOOK_INSN, thunks.entry("undefined"), instruction)
        settle_exceptions(core)
        ctypes.c_uint64.from_address(slots[0]).value = thunks.entry("external")

    @property
    def armed(self) -> bool:
        """True while INTR is raised and not yet acknowledged."""
        return bool(self._common.interrupt_request & Request.HARD)

    def arm(self, vector: int) -> None:
        """Raise INTR with `vector`, taken once IF allows; also replaces the vector."""
        self._parameters.vector = vector
        self._common.interrupt_request |= Request.HARD
        self._parameters.fence = 0
        self._icount_decr.high = 0xFFFF

    def withdraw(self) -> None:
        """Drop INTR."""
        self._common.interrupt_request &= ~Request.HARD

    def take_ferr(self) -> bool:
        """Whether the run ended in front of an x87 instruction, with FERR# active."""
        active, self._parameters.ferr = bool(self._parameters.ferr), 0
        return active

    def nmi(self) -> None:
        """Raise NMI; kept while an NMI handler runs."""
        self._common.interrupt_request |= Request.NMI
        self._parameters.fence = 0
        self._icount_decr.high = 0xFFFF


def settle_exceptions(core: Core) -> None:
    """Have the count settled at each exception, #UD be one like any other, and INT n noted.

    An engine with no more than this ends its run at the first exception.
    """
    slot = _find_stop_interrupt(core)
    ctypes.c_uint64.from_address(slot).value = core.thunks.entry("main_loop")


def _find_stop_interrupt(core: Core) -> int:
    """Where uc_struct keeps the function that makes #UD end a run: known by its code."""
    text = core.parameters.deliver_exception
    found = []
    for offset in _UC_STRUCT_POINTERS:
        slot = core.handle + offset
        function = ctypes.c_uint64.from_address(slot).value
        if abs(function - text) < _TEXT and ctypes.string_at(function, 7) == _STOP_INTERRUPT:
            found.append(slot)
    if len(found) != 1:
        raise UnsupportedEngine(f"uc_struct.stop_interrupt found {len(found)} times")
    return found[0]
