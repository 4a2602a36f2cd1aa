"""INTR, INTA and NMI between the engine and the interrupt controller."""

from __future__ import annotations

from hotswap.bus import Backplane

from .engine import Engine
from .registers import EFLAGS_IF, HF2_NMI, Request


class InterruptPins:
    """Keeps what the engine is armed with equal to what the backplane's controller asks for."""

    def __init__(self, engine: Engine, backplane: Backplane) -> None:
        self._delivery = engine.delivery
        self._env = engine.env
        self._common = engine.common
        self._backplane = backplane
        self._armed: int | None = None
        self._held = False
        self._held_nmi = False

    @property
    def vector(self) -> int | None:
        """What INTR asks for and has not been given."""
        return self._armed if self._delivery.armed else None

    @property
    def nmi_pending(self) -> bool:
        """True while an NMI waits."""
        return bool(self._common.interrupt_request & Request.NMI) or self._held_nmi

    @property
    def can_wake(self) -> bool:
        """True when HLT would end now."""
        if self.nmi_pending and not self._env.hflags2 & HF2_NMI:
            return True
        return self.vector is not None and bool(self._env.eflags & EFLAGS_IF)

    def sync(self) -> None:
        """Notice INTA, ask the controller again, arm or withdraw."""
        controller = self._backplane.controller
        if controller is None:
            self.withdraw()
            return
        if self._armed is not None and not self._delivery.armed:
            self._armed = None
            controller.acknowledge()
        if self._held:
            return
        vector = controller.update()
        if vector is None:
            self.withdraw()
        elif vector != self._armed:
            self._delivery.arm(vector)
            self._armed = vector

    def withdraw(self) -> None:
        """Drop INTR; one that was delivered meanwhile is acknowledged."""
        if self._armed is not None:
            if not self._delivery.armed and self._backplane.controller is not None:
                self._backplane.controller.acknowledge()
            self._delivery.withdraw()
            self._armed = None

    def nmi(self) -> None:
        """Raise NMI."""
        if self._held:
            self._held_nmi = True
        else:
            self._delivery.nmi()

    def hold(self) -> None:
        """Let nothing interrupt until `release`."""
        self._held_nmi = self.nmi_pending
        self.withdraw()
        self._common.interrupt_request &= ~Request.NMI
        self._held = True

    def release(self) -> None:
        """End `hold`."""
        self._held = False
        if self._held_nmi:
            self._held_nmi = False
            self._delivery.nmi()
        self.sync()

    def put(self, vector: int | None, *, nmi: bool) -> None:
        """Pending exactly this, nothing else: RESET, or a state put back."""
        self._common.interrupt_request = Request.NMI if nmi else 0
        self._held_nmi = False
        self._armed = vector
        if vector is not None:
            self._delivery.arm(vector)
