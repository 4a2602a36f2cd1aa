"""Where a card's Plug and Play logic meets the bus: shared ports, leases taken and given back.

Every Plug and Play card decodes ADDRESS and WRITE_DATA, and READ_DATA where it was told to; the
bus is the wired AND of them (see `wired`), so none knows of another. What the logic's state says
is made true after each access: an active logical device has its leases, or is not active.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from .card import Card, Resources
from .errors import CARD_RAISES, BusError, CardError, StateError
from .latches import is_latch
from .leases import Lease, described
from .pnp import Configuration, PlugAndPlay
from .pnp_device import CHECK_55, DeviceRegisters
from .pnp_logic import ADDRESS, QUIET, WRITE_DATA, PnpLogic, PnpState

if TYPE_CHECKING:
    from .slot import Slot


class PnpInterface:
    """That of the card in `slot`."""

    def __init__(self, slot: Slot, identity: PlugAndPlay) -> None:
        self.identity = identity
        self.serial = slot.number if identity.serial is None else identity.serial
        self.logic = PnpLogic(identity, self.serial)
        self.leases: dict[int, Lease] = {}
        """What the active logical devices have, by number."""
        self._slot = slot
        self._decoded: set[int] = set()
        self._on = False
        self._refused = ""  # why an activation did not take, as it was logged last

    # -- in the slot --------------------------------------------------------------------------

    def connect(self) -> None:
        """Decode the ports from now on."""
        self._on = True
        self._settle()

    def disconnect(self) -> None:
        """Decode nothing, as the rest of the card does not."""
        self._on = False
        self._decode(set())

    def reset(self) -> None:
        """RESET_DRV: no number, nothing active."""
        self.logic.reset()
        self._settle()
        self.release()  # a card at fault has no part in settling

    def save(self) -> PnpState:
        """The state as a value."""
        return self.logic.save()

    def release(self) -> None:
        """Give every lease back, for `load`."""
        for lease in self.leases.values():
            self._slot.release(lease)
        self.leases.clear()

    def load(self, state: PnpState | None) -> None:
        """Put a state back, with its leases; those there were are given back. None is power-on.

        Raises `StateError` when it is none of this card, `BusError` when a lease is taken.
        """
        self.release()
        if state is None:
            self.logic.reset()
        else:
            try:
                self.logic.load(state)
            except StateError as error:
                raise StateError(f"card {self._slot.title}: Plug and Play: {error}") from error
        for number, device in enumerate(self.logic.state.devices):
            if device.active:
                self._tell(number, self._activate(number))
        self._settle()

    def announce(self) -> None:
        """Tell a card that is new in the slot where its logical devices are."""
        for number in self.leases:
            self._slot.card.configured(number, self._configuration(number))

    # -- cycles; nothing here may raise ---------------------------------------------------------

    def drive(self, port: int) -> int:
        """IN."""
        state = self.logic.state
        value = self.logic.drive() if port == state.read_port else QUIET
        for registers, device in zip(self.logic.devices, state.devices, strict=True):
            if port in registers.checked_ports(device):
                value &= 0x55 if device.range_check & CHECK_55 else 0xAA
        return value

    def sense(self, port: int, value: int) -> None:
        """The end of the same IN."""
        if port == self.logic.state.read_port:
            self.logic.sense(value)

    def port_written(self, port: int, value: int) -> None:
        """OUT."""
        if port == ADDRESS:
            self.logic.write_address(value)
        elif port == WRITE_DATA:
            if self.logic.write_data(value):
                self.logic.reset_devices()
                self._settle()
                if self._on:
                    self._slot.reset()
            self._settle()

    # -- leases ---------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Make true what the state says now, while the card is on the bus."""
        wanted = {ADDRESS, WRITE_DATA, self.logic.state.read_port} - {0}
        for number, device in enumerate(self.logic.state.devices):
            if device.active is not (number in self.leases) and self._on:
                self._move(number)
            wanted.update(self.logic.devices[number].checked_ports(device))
        if self._on:  # it may have failed when it was told
            self._decode(wanted)

    def _move(self, number: int) -> None:
        device = self.logic.state.devices[number]
        if not device.active:
            self._slot.release(self.leases.pop(number))
            self._slot.log.info("deactivated", device=number)
            self._tell(number, None)
            return
        try:
            chosen = self._activate(number)
        except BusError as error:
            device.active = False
            if self._refused != str(error):  # a guest may try for ever
                self._slot.log.warning(
                    "activation did not take", device=number, why=str(error),
                    next="the guest reads 0 from Activate; let it choose other resources",
                )  # fmt: skip
            self._refused = str(error)
        else:
            self._tell(number, chosen)

    def _decode(self, wanted: set[int]) -> None:
        io = self._slot.backplane.io
        for port in self._decoded - wanted:
            io.leave(port, self)
        for port in wanted - self._decoded:
            io.join(port, self)
        self._decoded = wanted

    def _configuration(self, number: int) -> Configuration:
        try:
            return self.logic.devices[number].configuration(self.logic.state.devices[number])
        except ValueError as error:
            raise BusError(f"card {self._slot.title}: {error}") from error

    def _activate(self, number: int) -> Configuration:
        registers, chosen = self.logic.devices[number], self._configuration(number)
        lease = self._slot.lease(self._resources(registers, chosen))
        self.leases[number] = lease
        self._slot.log.info(
            "activated", device=number, id=registers.device.id, at=described(lease.resources)
        )
        return chosen

    def _tell(self, number: int, chosen: Configuration | None) -> None:
        try:
            self._slot.card.configured(number, chosen)
        except CARD_RAISES as error:  # the card's fault, not that of whose cycle this is
            self._slot.set_fault(error)

    def _resources(self, registers: DeviceRegisters, chosen: Configuration) -> Resources:
        ports, windows = registers.spans(chosen)
        base = chosen.ports[0] if chosen.ports else None
        latches = {} if base is None else registers.device.latches
        return msgspec.structs.replace(
            self._slot.resources,
            ports=ports,
            windows=windows,
            irqs=[line for line in chosen.irqs if line is not None],
            drqs=[line for line in chosen.dmas if line is not None],
            latches={(base or 0) + offset: field for offset, field in latches.items()},
        )


def identity(card: Card[Any]) -> PlugAndPlay | None:
    """What the card says of itself. Raises `BusError` when that cannot be, `CardError`."""
    try:
        found = card.plug_and_play()
    except ValueError as error:
        raise BusError(f"card {card.name}: Plug and Play: {error}; change its settings") from error
    except CARD_RAISES as error:
        what = f"it cannot say what it is to Plug and Play: {type(error).__name__}: {error}"
        raise CardError(card.name, what) from error
    if found is not None:
        found.check(card.name)
        _check_latches(card, found)
    return found


def plug_and_play(slot: Slot, others: Iterable[Slot]) -> PnpInterface | None:
    """The Plug and Play part of a new card, if it has one.

    Raises `BusError` when a guest could not tell it from one of the `others`, and as `identity`.
    """
    found = identity(slot.card)
    if found is None:
        return None
    part = PnpInterface(slot, found)
    for other in others:
        if other.pnp is not None and other.pnp.logic.identifier == part.logic.identifier:
            raise BusError(
                f"card {slot.title}: {found.id} with serial number {part.serial:#x} is card "
                f"{other.title} in slot {other.number} too, and no guest could tell them apart; "
                "give another serial number"
            )
    return part


def _check_latches(card: Card[Any], said: PlugAndPlay) -> None:
    for device in said.devices:
        for offset, field in device.latches.items():
            if not 0 <= offset < device.ports[0][0].count:
                raise BusError(
                    f"card {card.name}: {device.id}: the latch at offset {offset} is at none of "
                    "its first ports"
                )
            if not is_latch(card, field):
                raise BusError(
                    f"card {card.name}: {device.id}: a latch is to be the number {field} of its "
                    f"state, which {type(card.state).__name__} has not as a field to be set"
                )
