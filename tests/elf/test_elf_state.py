"""The state of a card in machine code: put back exactly, moved to another build, or refused."""

from collections.abc import Callable

import msgspec
import pytest

from hotswap.bus import Backplane, Card, SavedState, State, StateError
from hotswap.bus.state import save_state
from hotswap.cards.elf import ElfCard
from hotswap.host.pytest_plugin import Ports, VirtualClock

from .conftest import Make

PAYMENTS = (3, 5, 7)


class NamedState(State):
    """What a card in Python would have for the fields of named.c."""

    VERSION = 3

    level: int = 3
    offset: int = -5
    ready: bool = True
    names: bytes = b""
    times: list[int] = msgspec.field(default_factory=list)
    due: int | None = None
    far: int = 0


class Named(Card[NamedState]):
    name, state_type = "named", NamedState


@pytest.fixture
async def ledger(backplane: Backplane, ports: Ports, make: Make) -> ElfCard:
    """A card with payments in it, a function chosen and something in memory it was given."""
    card = make("ledger")
    await backplane.insert(card)
    pay(ports)
    return card


def pay(ports: Ports) -> None:
    for amount in PAYMENTS:
        ports.write(0x300, amount)
    ports.write(0x301, 1)  # thrice
    ports.write(0x302, 3)
    ports.write(0x303, 1)


def seen(ports: Ports) -> list[int]:
    return [ports.read(0x300 + register) for register in range(5)]


async def test_a_snapshot_is_put_back_bit_for_bit(
    backplane: Backplane, ports: Ports, ledger: ElfCard
) -> None:
    assert await backplane.quiesce(each=1, total=1) == []
    before = backplane.snapshot()
    memory = ledger.memory.data(), ledger.memory.arena()
    ports.write(0x300, 100)
    ports.write(0x302, 3)
    ports.write(0x301, 0)
    assert backplane.snapshot() != before
    backplane.restore(before)
    assert backplane.snapshot() == before
    assert (ledger.memory.data(), ledger.memory.arena()) == memory
    backplane.thaw()
    assert seen(ports) == [15, 45, 1, ord("s"), 3]


async def test_a_timer_goes_on_after_a_freeze_and_a_restore(
    backplane: Backplane, ports: Ports, ledger: ElfCard, virtual_clock: VirtualClock
) -> None:
    await backplane.quiesce(each=1, total=1)
    before = backplane.snapshot()
    backplane.thaw()
    await virtual_clock.advance(2_000_000_000)
    assert ports.read(0x305) == 16  # 15, and timer(1) has come
    await backplane.quiesce(each=1, total=1)
    virtual_clock.now = 0
    backplane.restore(before)
    backplane.thaw()
    await virtual_clock.advance(999_999_999)
    assert ports.read(0x305) == 15
    await virtual_clock.advance(1)
    assert ports.read(0x305) == 16


@pytest.mark.parametrize("build", ["ledger", "ledger_2"])
async def test_another_build_takes_the_state_over_though_addresses_moved(
    backplane: Backplane, ports: Ports, make: Make, ledger: ElfCard, build: str
) -> None:
    new = make(build)
    before = seen(ports)
    await backplane.replace(ledger.slot.number, new)
    assert seen(ports) == before
    ports.write(0x300, 10)  # the list goes on where it was
    assert ports.read(0x300) == 25
    assert ports.read(0x301) == 75


@pytest.mark.parametrize(
    ("build", "what"),
    [
        ("ledger_3", "symbol total: 4 bytes, 8 in the new build"),
        ("ledger_5", "symbol further: only the new build has it"),
        ("ledger_7", r"its migrate\(\) does not take the state over: it returned 0x4d"),
        ("ledger_8", r"a null pointer in migrate .*during migrate\(\)"),
    ],
)
async def test_a_build_that_does_not_fit_is_refused_and_the_old_one_goes_on(
    backplane: Backplane, ports: Ports, make: Make, ledger: ElfCard, build: str, what: str
) -> None:
    before = ledger.save()
    new = make(build)
    fresh = new.save()
    with pytest.raises(StateError, match=what):
        new.load(before)
    assert new.save() == fresh  # nothing of it was committed
    assert ledger.save() == before
    assert not backplane.irq.levels[5]
    assert seen(ports) == [15, 45, 1, ord("s"), 3]


async def test_without_debug_information_what_may_be_a_pointer_is_refused(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    old = make("ledger_bare")
    await backplane.insert(old)
    pay(ports)
    with pytest.raises(StateError, match=r"symbol \w+, offset 0x\w+: 0x5a\w+ may be a pointer to"):
        make("ledger_bare_2").load(old.save())


async def test_debug_information_of_one_build_is_enough(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    await backplane.insert(make("ledger_bare"))
    pay(ports)
    before = seen(ports)
    await backplane.replace(0, make("ledger_2"))
    assert seen(ports) == before


async def test_a_pointer_to_what_has_no_name_is_refused_by_the_name_of_its_variable(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    old = make("ledger_6")
    await backplane.insert(old)
    ports.write(0x303, 0)
    with pytest.raises(StateError, match=r"symbol said, offset 0x0: a pointer to 0x5a"):
        make("ledger_2").load(old.save())


async def test_memory_it_was_given_must_not_hold_pointers_to_variables(
    ports: Ports, make: Make, ledger: ElfCard
) -> None:
    ports.write(0x304, 0)
    with pytest.raises(StateError, match=r"memory from hotswap_alloc, .* may be a pointer to tot"):
        make("ledger_2").load(ledger.save())


async def test_migrate_gets_what_the_older_build_held(
    backplane: Backplane, ports: Ports, make: Make, ledger: ElfCard
) -> None:
    await backplane.replace(0, make("ledger_4"))
    assert ports.read(0x305, 1) == (1000 + 15) & 0xFF
    assert ports.read(0x302) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda fields: fields[: len(fields) // 2],
        lambda fields: b"\x81\xa7hotswap\x05",
        lambda fields: msgspec.msgpack.encode({"hotswap": {"timers": [None] * 99}}),
        lambda fields: _with(fields, object=b"nothing", digest=b"x"),
        lambda fields: _with(fields, data=b""),
    ],
)
async def test_a_damaged_state_is_refused_and_changes_nothing(
    ledger: ElfCard, damage: Callable[[bytes], bytes]
) -> None:
    saved = ledger.save()
    with pytest.raises(StateError, match="card ledger"):
        ledger.load(msgspec.structs.replace(saved, fields=damage(saved.fields)))
    assert ledger.save() == saved


def _with(fields: bytes, **changes: bytes) -> bytes:
    found = msgspec.msgpack.decode(fields)
    found["hotswap"]["memory"].update(changes)
    return msgspec.msgpack.encode(found)


async def test_the_state_of_another_card_or_a_newer_one_is_refused(ledger: ElfCard) -> None:
    saved = ledger.save()
    with pytest.raises(StateError, match="this is the state of a lpt"):
        ledger.load(SavedState("lpt", 1, saved.fields))
    with pytest.raises(StateError, match="state version 2 is newer than this card's 1"):
        ledger.load(SavedState("ledger", 2, saved.fields))


# -- by field names -------------------------------------------------------------------------------


async def test_fields_are_saved_as_a_card_in_python_saves_them(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    card = make("named")
    await backplane.insert(card)
    assert card.save() == save_state("named", NamedState())
    for register, value in enumerate((200, 100, 0, ord("n"), 2, 9, 1)):
        ports.write(0x300 + register, value)
    wanted = NamedState(200, -100, False, b"n", [512], 9, 1 << 40)
    assert card.save() == save_state("named", wanted)


async def test_a_card_in_python_and_one_in_c_take_over_from_each_other(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    python = Named()
    python.state = NamedState(17, -300, True, b"abc", [1, 2, 65535], None, 1 << 63)
    card = make("named")
    await backplane.insert(card)
    card.load(python.save())
    assert card.save() == python.save()
    assert ports.read(0x300) == 17
    assert ports.read(0x301) == 1  # restored() was called
    ports.write(0x305, 8)
    python.load(card.save())
    assert python.state.due == 8


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"level": 256}, "field level: 256 does not fit 1 bytes"),
        ({"level": -1}, "field level: -1 does not fit"),
        ({"level": True}, "field level: bool, and it takes an integer"),
        ({"ready": 1}, "field ready: int, and it takes true or false"),
        ({"names": bytes(17)}, "field names: 17 bytes, 16 fit"),
        ({"times": [1] * 5}, "field times: 5 items, 4 fit"),
        ({"times": [None]}, "field times: list, and it takes a list of integers"),
        ({"more": 1}, "field more: the card has no such field"),
        ({"level": None}, "field level: NoneType, and it takes an integer"),
    ],
)
async def test_a_field_that_does_not_fit_is_named_and_nothing_changes(
    backplane: Backplane, make: Make, fields: dict[str, object], what: str
) -> None:
    card = make("named")
    await backplane.insert(card)
    before = card.save()
    state = {**msgspec.to_builtins(NamedState(), builtin_types=(bytes,)), **fields}
    with pytest.raises(StateError, match=what):
        card.load(SavedState("named", 3, msgspec.msgpack.encode(state)))
    assert card.save() == before


async def test_a_missing_field_and_an_older_version_are_refused_without_migrate(
    make: Make,
) -> None:
    card = make("named")
    fields = msgspec.to_builtins(NamedState(), builtin_types=(bytes,))
    del fields["far"]
    with pytest.raises(StateError, match="field far: the saved state has no such field"):
        card.load(SavedState("named", 3, msgspec.msgpack.encode(fields)))
    with pytest.raises(StateError, match=r"version is 2, and it has no migrate\(\)"):
        card.load(SavedState("named", 2, msgspec.msgpack.encode({})))
