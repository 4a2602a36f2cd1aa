"""The processor chip: a core with delivery and the cures installed, run one slice at a time.

Everything here is called from one thread, except `counter.stop`.
"""

from __future__ import annotations

from unicorn import UC_ERR_FETCH_PROT, UC_ERR_FETCH_UNMAPPED

from .block_counter import BlockCounter
from .block_exits import install_block_exits
from .core import Core
from .delivery import Delivery
from .errors import GaveUp, UnsupportedEngine, WildFetch
from .fast_stores import FastStores
from .models import Model
from .native import NO_LIMIT
from .registers import CR0_NE, FPUS_ES, HF2_IGNNE

_NO_UNTIL = (1 << 64) - 1
_FETCH_ERRORS = (UC_ERR_FETCH_UNMAPPED, UC_ERR_FETCH_PROT)
_MAX_BLOCK = 512  # TCG_MAX_INSNS
_DEFAULT_CFLAGS = 0xFFFFFFFF


class Engine:
    """An i386 that takes interrupts and counts instructions; memory is mapped by the caller.

    Raises `UnsupportedEngine` when the host or the installed Unicorn cannot be made into one.
    `fast_stores` False leaves that cure out: right, but slow.
    """

    def __init__(self, model: Model, *, fast_stores: bool = True) -> None:
        self.core = core = Core(model)
        install_block_exits(core)
        self.delivery = Delivery(core)
        self.counter = BlockCounter(core)
        self.stores: FastStores | None = None
        self.stores_reason = "switched off"
        if fast_stores:
            try:
                self.stores = FastStores(core)
                self.stores_reason = ""
            except UnsupportedEngine as error:
                self.stores_reason = str(error)
        self.env = core.env
        self.common = core.common
        self._start = core.symbols.uc_emu_start
        self._handle = core.handle

    # -- running ------------------------------------------------------------------------------

    def run(self) -> None:
        """Run until the counter stops it, HLT, or shutdown.

        Raises `WildFetch` when the guest jumps to where nothing can be fetched from, `GaveUp`
        when it has brought itself into a state the engine takes for impossible.
        """
        shared, parameters = self.core.shared, self.core.parameters
        shared.running = self.core.thunks.parameters_address
        try:
            error = self._start(self._handle, self.env.eip, _NO_UNTIL, 0, 0)
        finally:
            shared.running = 0
        if parameters.gave_up:
            parameters.gave_up = 0
            raise GaveUp("the engine cannot go on: one of its assertions failed")
        if error in _FETCH_ERRORS:
            raise WildFetch("instruction fetch outside RAM")
        if error:
            raise RuntimeError(
                f"Unicorn ended a run with error {error} at EIP {self.env.eip:#x}; "
                "this is a defect of the processor, please report it"
            )

    def run_exactly(self, count: int) -> int:
        """Run `count` instructions and not one more; fewer when the processor halts.

        Returns how many ran. Interrupts are not held off.
        """
        counter, common, parameters = self.counter, self.common, self.core.parameters
        first = counter.instructions
        common.halted = 0
        try:
            while (left := first + count - counter.instructions) > 0:
                if left > _MAX_BLOCK:
                    counter.stop_at(first + count - _MAX_BLOCK)
                else:  # one block, translated to be no longer than what is left
                    counter.stop_at(counter.instructions + 1)
                    common.cflags_next_tb = parameters.exact = left
                self.run()
                if common.halted or self.shut_down:
                    break
        finally:
            common.cflags_next_tb = _DEFAULT_CFLAGS
            parameters.exact = 0
            counter.stop_at(NO_LIMIT)
        return counter.instructions - first

    @property
    def halted(self) -> bool:
        """True after HLT; a new run clears it."""
        return self.common.halted != 0

    @property
    def shut_down(self) -> bool:
        """True after a triple fault."""
        return self.env.old_exception == 8 and self.common.stopped != 0

    def ignore_x87_error(self) -> None:
        """IGNNE#, as long as FERR# is active."""
        if self.env.fpus & FPUS_ES and not self.env.cr[0] & CR0_NE:
            self.env.hflags2 |= HF2_IGNNE

    # -- address translation ------------------------------------------------------------------

    def set_a20(self, enabled: bool) -> None:
        """Let address bit 20 through, or mask it as an 8086 would."""
        self.core.symbols.x86_cpu_set_a20(self.core.cs, int(enabled))

    @property
    def a20(self) -> bool:
        """True when address bit 20 is let through."""
        return bool(self.env.a20_mask & 1 << 20)

    def flush_tlb(self) -> None:
        """Forget every cached address translation."""
        self.core.symbols.tlb_flush(self.core.cs)

    def drop_blocks(self, ram_address: int, size: int) -> None:
        """Forget what was translated from `size` bytes at the engine's RAM address."""
        self.core.symbols.tb_invalidate_phys_range(self._handle, ram_address, ram_address + size)
        # Of two blocks dropped at once, the one that runs may still be chained to the other.
        self.core.icount_decr.high = 0xFFFF

    def ram_address(self, physical: int) -> int:
        """The engine's RAM address of the mapping that holds `physical`, at its start."""
        symbols = self.core.symbols
        region = symbols.find_memory_mapping(self._handle, physical)
        address: int = symbols.memory_region_get_ram_addr(region)
        return address
