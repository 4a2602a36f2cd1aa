"""The Plug and Play logic of one card: initiation key, isolation, resource data, registers.

Plug and Play ISA Specification 1.0a. Three 8-bit ports: ADDRESS 0x279 and WRITE_DATA 0xA79 are
written, READ_DATA is where the guest puts it (0x203 to 0x3FF).

    Wait for Key  deaf, until the 32 bytes of the key come to ADDRESS in a row
    Sleep         waits for Wake[CSN] with its own number
    Isolation     has no number yet: sends 72 bits, and goes to Sleep if another card is heard
    Config        has one: says what it needs, is configured

State and nothing else: what an access means for the bus is seen in the state after it.
"""

from __future__ import annotations

import copy
from enum import IntEnum
from typing import Annotated

import msgspec

from .cycle import FLOATING
from .errors import StateError
from .pnp import PlugAndPlay
from .pnp_device import Byte, DeviceRegisters, DeviceState
from .pnp_tags import IDENTIFIER, SEED, resource_data, serial_identifier, step

ADDRESS, WRITE_DATA = 0x279, 0xA79
READ_DATA_FIRST, READ_DATA_LAST = 0x203, 0x3FF
KEY_LENGTH = 32
QUIET = FLOATING[1]
"""The data lines when nobody drives them."""
DRIVEN = (0x55, 0xAA)
"""What a card with a 1 to send drives in the two reads of a pair."""
HEARD = (0b01, 0b10)
"""The same, in the two data lines that a card with a 0 looks at."""


class Mode(IntEnum):
    """The four states."""

    WAIT_FOR_KEY = 0
    SLEEP = 1
    ISOLATION = 2
    CONFIG = 3


class Reg(IntEnum):
    """Card control registers; from 0x30 they are those of the chosen logical device."""

    SET_RD_DATA_PORT = 0x00  # w, in Isolation: address bits 9 to 2
    SERIAL_ISOLATION = 0x01  # r, in Isolation
    CONFIG_CONTROL = 0x02  # w
    WAKE_CSN = 0x03  # w
    RESOURCE_DATA = 0x04  # r, in Config
    STATUS = 0x05  # r, in Config: bit 0, a byte of resource data is there
    CARD_SELECT_NUMBER = 0x06  # w in Isolation, rw in Config
    LOGICAL_DEVICE_NUMBER = 0x07  # rw, in Config
    DEVICE = 0x30


class Control(IntEnum):
    """Config Control."""

    RESET = 0x01  # of the logical devices and their registers
    WAIT_FOR_KEY = 0x02
    RESET_CSN = 0x04


def _key() -> bytes:
    values, value = [], SEED
    for _ in range(KEY_LENGTH):
        values.append(value)
        value = step(value)
    return bytes(values)


KEY = _key()
"""The initiation key."""


class PnpState(msgspec.Struct):
    """Frozen, saved and restored with the card's own state."""

    mode: Mode = Mode.WAIT_FOR_KEY
    key: Annotated[int, msgspec.Meta(ge=0, lt=KEY_LENGTH)] = 0
    """Bytes of the initiation key that have come."""
    address: Byte = 0
    """The register chosen."""
    read_port: Annotated[int, msgspec.Meta(ge=0, le=READ_DATA_LAST)] = 0
    """READ_DATA; 0 until it is set."""
    csn: Byte = 0
    bits: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How many of the serial identifier and the resource data were read."""
    second: bool = False
    """The next read of Serial Isolation is the second of its pair."""
    heard: bool = False
    """In the first one another card was heard."""
    device: Byte = 0
    """The logical device chosen."""
    devices: list[DeviceState] = []


class PnpLogic:
    """One card's; `serial` is its serial number."""

    def __init__(self, identity: PlugAndPlay, serial: int) -> None:
        self.identifier = serial_identifier(identity, serial)
        self.devices = [DeviceRegisters(device) for device in identity.devices]
        self._content = self.identifier + resource_data(identity)
        self.state = self._power_on()

    def _power_on(self) -> PnpState:
        return PnpState(devices=[device.power_on() for device in self.devices])

    def reset(self) -> None:
        """RESET_DRV: as after power-on."""
        self.state = self._power_on()

    def reset_devices(self) -> None:
        """Their registers only, as Config Control does it."""
        self.state.devices = [device.power_on() for device in self.devices]

    def save(self) -> PnpState:
        """The state as a value."""
        return copy.deepcopy(self.state)

    def load(self, state: PnpState) -> None:
        """Put a state back. Raises `StateError` when it is none of this card."""
        if len(state.devices) != len(self.devices):
            raise StateError(
                f"{len(self.devices)} logical devices, {len(state.devices)} were saved"
            )
        for device, saved in zip(self.devices, state.devices, strict=True):
            device.check(saved)
        self.state = copy.deepcopy(state)

    # -- what the guest writes ----------------------------------------------------------------

    def write_address(self, value: int) -> None:
        """A byte to ADDRESS: of the key, or the number of a register."""
        state = self.state
        if state.mode is not Mode.WAIT_FOR_KEY:
            state.address = value
        elif value != KEY[state.key]:
            state.key = 0
        elif state.key < KEY_LENGTH - 1:
            state.key += 1
        else:
            state.key, state.mode = 0, Mode.SLEEP

    def write_data(self, value: int) -> bool:
        """A byte to WRITE_DATA. True when it is a command to reset the logical devices."""
        state = self.state
        if state.mode is Mode.WAIT_FOR_KEY:
            return False
        match state.address:
            case Reg.CONFIG_CONTROL:
                return self._control(value)
            case Reg.WAKE_CSN:
                self._wake(value)
            case Reg.SET_RD_DATA_PORT if state.mode is Mode.ISOLATION:
                port = value << 2 | 0b11
                state.read_port = port if port >= READ_DATA_FIRST else 0
            case Reg.CARD_SELECT_NUMBER if state.mode in {Mode.ISOLATION, Mode.CONFIG}:
                state.csn = value
                state.mode = Mode.CONFIG
            case Reg.LOGICAL_DEVICE_NUMBER if state.mode is Mode.CONFIG:
                state.device = value
            case register if register >= Reg.DEVICE and state.mode is Mode.CONFIG:
                if state.device < len(self.devices):
                    chosen = state.devices[state.device]
                    self.devices[state.device].write(chosen, register, value)
            case _:
                pass
        return False

    def _control(self, value: int) -> bool:
        state = self.state
        if value & Control.RESET_CSN:
            state.csn = 0
        if value & Control.WAIT_FOR_KEY:
            state.mode = Mode.WAIT_FOR_KEY
        return bool(value & Control.RESET)

    def _wake(self, csn: int) -> None:
        state = self.state
        state.bits, state.second = 0, False
        if csn != state.csn:
            state.mode = Mode.SLEEP
        else:
            state.mode = Mode.CONFIG if csn else Mode.ISOLATION

    # -- what it reads ------------------------------------------------------------------------

    def drive(self) -> int:
        """IN from READ_DATA: what this card puts on the lines."""
        state = self.state
        if state.mode is Mode.ISOLATION and state.address == Reg.SERIAL_ISOLATION:
            return DRIVEN[state.second] if self._sends_1() else QUIET
        if state.mode is not Mode.CONFIG:
            return QUIET
        at = -(-state.bits // 8)
        match state.address:
            case Reg.RESOURCE_DATA:
                return self._content[at] if at < len(self._content) else 0
            case Reg.STATUS:
                return int(at < len(self._content))
            case Reg.CARD_SELECT_NUMBER:
                return state.csn
            case Reg.LOGICAL_DEVICE_NUMBER:
                return state.device
            case register if register >= Reg.DEVICE and state.device < len(self.devices):
                chosen = state.devices[state.device]
                return self.devices[state.device].read(chosen, register)
            case _:
                return 0

    def sense(self, value: int) -> None:
        """The end of the same IN: `value` was on the lines."""
        state = self.state
        if state.mode is Mode.CONFIG and state.address == Reg.RESOURCE_DATA:
            state.bits = min(-(-state.bits // 8) + 1, len(self._content)) * 8
        if state.mode is not Mode.ISOLATION or state.address != Reg.SERIAL_ISOLATION:
            return
        heard = value & 0b11 == HEARD[state.second] and not self._sends_1()
        if not state.second:
            state.second, state.heard = True, heard
            return
        state.second = False
        if heard and state.heard:
            state.mode = Mode.SLEEP
        elif state.bits < IDENTIFIER * 8:
            state.bits += 1

    def _sends_1(self) -> bool:
        byte, bit = divmod(self.state.bits, 8)
        return byte < IDENTIFIER and bool(self.identifier[byte] >> bit & 1)
