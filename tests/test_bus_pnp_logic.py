"""The Plug and Play logic by itself: key, states, isolation, resource data, registers."""

from __future__ import annotations

import pytest

from hotswap.bus import Choices, IrqChoice, LogicalDevice, PlugAndPlay, PortChoice, StateError
from hotswap.bus.pnp_logic import KEY, Mode, PnpLogic, PnpState, Reg

IDENTITY = PlugAndPlay(
    "TST0001",
    "a test",
    (
        LogicalDevice("TST0002", Choices((PortChoice(0x300, 8),), irqs=(IrqChoice((5,)),))),
        LogicalDevice("TST0003"),
    ),
)
SERIAL = 0x12345678
PRINTED_KEY = (
    "6a b5 da ed f6 fb 7d be df 6f 37 1b 0d 86 c3 61 "
    "b0 58 2c 16 8b 45 a2 d1 e8 74 3a 9d ce e7 73 39"
)


@pytest.fixture
def logic() -> PnpLogic:
    return PnpLogic(IDENTITY, SERIAL)


def send_key(logic: PnpLogic, key: bytes = KEY) -> None:
    for byte in b"\0\0" + key:
        logic.write_address(byte)


def write(logic: PnpLogic, register: int, value: int) -> bool:
    logic.write_address(register)
    return logic.write_data(value)


def read(logic: PnpLogic, register: int) -> int:
    """An IN on lines that nobody else drives."""
    logic.write_address(register)
    value = logic.drive()
    logic.sense(value)
    return value


def mode(logic: PnpLogic) -> Mode:
    return logic.state.mode


def configure(logic: PnpLogic, csn: int = 1) -> None:
    """To Config, by way of Isolation."""
    send_key(logic)
    write(logic, Reg.WAKE_CSN, 0)
    write(logic, Reg.CARD_SELECT_NUMBER, csn)


# -- Wait for Key ---------------------------------------------------------------------------------


def test_the_key_is_the_one_in_the_specification() -> None:
    assert KEY.hex(" ") == PRINTED_KEY


def test_the_key_leads_to_sleep(logic: PnpLogic) -> None:
    send_key(logic, KEY[:-1])
    assert mode(logic) is Mode.WAIT_FOR_KEY
    logic.write_address(KEY[-1])
    assert mode(logic) is Mode.SLEEP


@pytest.mark.parametrize("at", [0, 1, 15, 31])
def test_one_wrong_byte_and_the_key_starts_over(logic: PnpLogic, at: int) -> None:
    send_key(logic, KEY[:at] + bytes((KEY[at] ^ 1,)) + KEY[at + 1 :])
    assert mode(logic) is Mode.WAIT_FOR_KEY
    send_key(logic)
    assert mode(logic) is Mode.SLEEP


def test_before_the_key_a_card_is_deaf(logic: PnpLogic) -> None:
    write(logic, Reg.WAKE_CSN, 0)
    assert not write(logic, Reg.CONFIG_CONTROL, 0x01)
    assert logic.state == PnpState(devices=logic.state.devices)
    assert read(logic, Reg.STATUS) == 0xFF


# -- Sleep, Isolation, Config ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("csn", "woken", "then"),
    [(0, 0, Mode.ISOLATION), (0, 1, Mode.SLEEP), (3, 3, Mode.CONFIG), (3, 0, Mode.SLEEP)],
)
@pytest.mark.parametrize("was", [Mode.SLEEP, Mode.ISOLATION, Mode.CONFIG])
def test_wake_is_for_the_card_of_that_number_and_sends_others_to_sleep(
    logic: PnpLogic, was: Mode, csn: int, woken: int, then: Mode
) -> None:
    logic.state.mode, logic.state.csn, logic.state.bits = was, csn, 13
    write(logic, Reg.WAKE_CSN, woken)
    assert (logic.state.mode, logic.state.bits) == (then, 0)


def test_a_sleeping_card_drives_nothing(logic: PnpLogic) -> None:
    send_key(logic)
    assert [read(logic, register) for register in range(0x100)] == [0xFF] * 0x100


def test_only_in_isolation_a_card_is_told_where_it_is_read(logic: PnpLogic) -> None:
    send_key(logic)
    write(logic, Reg.SET_RD_DATA_PORT, 0x84)
    assert logic.state.read_port == 0
    write(logic, Reg.WAKE_CSN, 0)
    write(logic, Reg.SET_RD_DATA_PORT, 0x84)
    assert logic.state.read_port == 0x213
    write(logic, Reg.SET_RD_DATA_PORT, 0xFF)
    assert logic.state.read_port == 0x3FF


def test_below_0x203_a_card_is_not_read(logic: PnpLogic) -> None:
    send_key(logic)
    write(logic, Reg.WAKE_CSN, 0)
    write(logic, Reg.SET_RD_DATA_PORT, 0x80)
    assert logic.state.read_port == 0x203
    write(logic, Reg.SET_RD_DATA_PORT, 0x7F)
    assert logic.state.read_port == 0


def test_config_control_resets_the_number_and_goes_back_to_the_key(logic: PnpLogic) -> None:
    configure(logic, 5)
    assert write(logic, Reg.CONFIG_CONTROL, 0x01)
    assert (logic.state.mode, logic.state.csn) == (Mode.CONFIG, 5)
    assert not write(logic, Reg.CONFIG_CONTROL, 0x02)
    assert (logic.state.mode, logic.state.csn) == (Mode.WAIT_FOR_KEY, 5)
    send_key(logic)
    assert not write(logic, Reg.CONFIG_CONTROL, 0x04)
    assert (logic.state.mode, logic.state.csn) == (Mode.SLEEP, 0)


# -- isolation ------------------------------------------------------------------------------------


def pair(logic: PnpLogic, others: tuple[int, int] = (0xFF, 0xFF)) -> tuple[int, int]:
    """Two reads of Serial Isolation, while other cards drive `others`."""
    logic.write_address(Reg.SERIAL_ISOLATION)
    driven = []
    for other in others:
        driven.append(logic.drive())
        logic.sense(driven[-1] & other)
    return driven[0], driven[1]


def isolating(logic: PnpLogic) -> PnpLogic:
    send_key(logic)
    write(logic, Reg.WAKE_CSN, 0)
    return logic


def test_alone_a_card_sends_its_72_bits_and_then_nothing(logic: PnpLogic) -> None:
    isolating(logic)
    bits = [pair(logic) for _ in range(80)]
    sent = [bit == (0x55, 0xAA) for bit in bits[:72]]
    assert all(bit == (0xFF, 0xFF) for bit, one in zip(bits, sent, strict=False) if not one)
    value = sum(one << n for n, one in enumerate(sent))
    assert value.to_bytes(9, "little") == logic.identifier
    assert bits[72:] == [(0xFF, 0xFF)] * 8
    assert mode(logic) is Mode.ISOLATION


def test_a_card_with_a_0_that_hears_another_goes_to_sleep(logic: PnpLogic) -> None:
    isolating(logic)
    assert not logic.identifier[0] & 1
    pair(logic, (0x55, 0xAA))
    assert mode(logic) is Mode.SLEEP


@pytest.mark.parametrize("noise", [(0x55, 0xFF), (0xFF, 0xAA), (0x00, 0x00), (0xAA, 0x55)])
def test_what_is_no_card_sends_nobody_to_sleep(logic: PnpLogic, noise: tuple[int, int]) -> None:
    isolating(logic)
    pair(logic, noise)
    assert mode(logic) is Mode.ISOLATION


def test_a_card_with_a_1_hears_nobody(logic: PnpLogic) -> None:
    isolating(logic)
    at = next(n for n in range(8) if logic.identifier[0] >> n & 1)
    for _ in range(at):
        pair(logic)
    assert pair(logic, (0x55, 0xAA)) == (0x55, 0xAA)
    assert mode(logic) is Mode.ISOLATION


def test_wake_0_begins_the_isolation_anew(logic: PnpLogic) -> None:
    isolating(logic)
    first = [pair(logic) for _ in range(20)]
    logic.write_address(Reg.SERIAL_ISOLATION)
    logic.sense(logic.drive())  # half a pair
    write(logic, Reg.WAKE_CSN, 0)
    assert [pair(logic) for _ in range(20)] == first


# -- resource data and registers ------------------------------------------------------------------


def read_resource_data(logic: PnpLogic) -> bytes:
    content = b""
    while read(logic, Reg.STATUS) & 1:
        content += bytes((read(logic, Reg.RESOURCE_DATA),))
    return content


def test_after_wake_resource_data_begin_with_the_serial_identifier(logic: PnpLogic) -> None:
    configure(logic)
    write(logic, Reg.WAKE_CSN, 1)
    content = read_resource_data(logic)
    assert content[:9] == logic.identifier
    assert content[9:12] == bytes.fromhex("0a1000")
    assert sum(content[9:]) & 0xFF == 0
    assert read(logic, Reg.RESOURCE_DATA) == 0


def test_after_isolation_they_go_on_behind_it(logic: PnpLogic) -> None:
    isolating(logic)
    for _ in range(72):
        pair(logic)
    write(logic, Reg.CARD_SELECT_NUMBER, 1)
    assert read_resource_data(logic)[:3] == bytes.fromhex("0a1000")


def test_the_number_and_the_logical_device_can_be_read_back(logic: PnpLogic) -> None:
    configure(logic, 9)
    write(logic, Reg.LOGICAL_DEVICE_NUMBER, 1)
    assert read(logic, Reg.CARD_SELECT_NUMBER) == 9
    assert read(logic, Reg.LOGICAL_DEVICE_NUMBER) == 1


def test_each_logical_device_has_registers_of_its_own(logic: PnpLogic) -> None:
    configure(logic)
    write(logic, 0x61, 0x78)
    write(logic, 0x30, 1)
    write(logic, Reg.LOGICAL_DEVICE_NUMBER, 1)
    assert (read(logic, 0x61), read(logic, 0x30)) == (0, 0)
    write(logic, Reg.LOGICAL_DEVICE_NUMBER, 0)
    assert (read(logic, 0x61), read(logic, 0x30)) == (0x78, 1)


def test_a_logical_device_that_is_not_there_reads_0(logic: PnpLogic) -> None:
    configure(logic)
    write(logic, Reg.LOGICAL_DEVICE_NUMBER, 2)
    write(logic, 0x30, 1)
    assert read(logic, 0x30) == 0
    assert not any(device.active for device in logic.state.devices)


# -- state ----------------------------------------------------------------------------------------


def test_a_saved_state_is_put_back_in_the_middle_of_a_pair(logic: PnpLogic) -> None:
    isolating(logic)
    for _ in range(13):
        pair(logic)
    logic.sense(logic.drive())
    other = PnpLogic(IDENTITY, SERIAL)
    other.load(logic.save())
    rest = []
    for card in (logic, other):
        card.sense(card.drive())
        rest.append([pair(card) for _ in range(58)])
    assert rest[0] == rest[1]
    assert logic.state == other.state


def test_what_is_saved_is_a_value(logic: PnpLogic) -> None:
    configure(logic)
    saved = logic.save()
    write(logic, 0x61, 0x78)
    assert saved.devices[0].registers[0x61] == 0


@pytest.mark.parametrize("devices", [0, 1, 3])
def test_the_state_of_another_card_is_refused(logic: PnpLogic, devices: int) -> None:
    before = logic.save()
    saved = PnpState(devices=[logic.save().devices[1] for _ in range(devices)])
    with pytest.raises(StateError, match=r"2 logical devices, \d were saved"):
        logic.load(saved)
    saved = PnpState(devices=[logic.save().devices[1]] * 2)
    with pytest.raises(StateError, match="TST0002 has other configuration registers"):
        logic.load(saved)
    assert logic.state == before
