"""Network back ends: the hub, the cable that is not there, the capture, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from scapy.packet import Packet
from scapy.utils import rdpcap
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.bus import FRAME_MAX, FrameInbox, FrameOutbox
from hotswap.host.network import FORMS, Hubs, NetworkBackEnd, NetworkError, is_form, open_network
from hotswap.host.network_tap import DEVICE

SECONDS = 20  # of patience


def frame(value: int, size: int = 60) -> bytes:
    return bytes((value,)) * size


class Wire:
    """The card's end of a back end that is being served."""

    def __init__(self) -> None:
        self.input, self.output = FrameInbox(), FrameOutbox()

    def received(self) -> list[bytes]:
        return list(iter(self.input.read, None))


@asynccontextmanager
async def served(*back_ends: NetworkBackEnd) -> AsyncIterator[list[Wire]]:
    wires = [Wire() for _ in back_ends]
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            for wire, back_end in zip(wires, back_ends, strict=True):
                nursery.start_soon(back_end.serve, wire.input, wire.output)
            await settle()
            yield wires
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("spec", "known"),
    [
        *((form.replace("[", "").replace("]", ""), True) for form in FORMS),
        *((spec, True) for spec in ("peer", "passt")),
        *((spec, False) for spec in ("", "none:1", "hub", "hub:", "tap:", "eth0", "hubb:x")),
    ],
)
def test_the_forms_there_are_can_be_told_from_others(spec: str, known: bool) -> None:
    assert is_form(spec) == known


# -- hub --------------------------------------------------------------------------------------


async def test_what_one_port_of_a_hub_sends_all_others_hear() -> None:
    hubs = Hubs()
    ports = [open_network("hub:lan", hubs=hubs) for _ in range(3)]
    async with served(*ports, open_network("hub:other", hubs=hubs)) as (a, b, c, other):
        a.output.write(frame(1))
        a.output.write(frame(2))
        await settle()
        assert b.received() == c.received() == [frame(1), frame(2)]
        assert a.received() == other.received() == []


async def test_a_hub_repeats_in_the_order_of_its_ports_whoever_wakes_first() -> None:
    for _ in range(20):  # the order of tasks is random
        hubs = Hubs()
        ports = [open_network("hub:lan", hubs=hubs) for _ in range(4)]
        async with served(*ports) as wires:
            for number in (3, 1, 2):
                wires[number].output.write(frame(number))
            await settle()
            assert wires[0].received() == [frame(1), frame(2), frame(3)]


async def test_a_hub_goes_on_when_a_port_is_gone() -> None:
    hubs = Hubs()
    gone, *others = [open_network("hub:lan", hubs=hubs) for _ in range(3)]
    async with served(*others) as (a, b):
        async with served(gone):
            pass
        a.output.write(frame(1))
        await settle()
        assert b.received() == [frame(1)]


async def test_held_frames_stay_in_their_machine() -> None:
    hubs = Hubs()
    async with served(*(open_network("hub:lan", hubs=hubs) for _ in range(2))) as (a, b):
        a.output.hold()
        a.output.write(frame(1))
        await settle()
        assert b.received() == []
        a.output.rewind()
        a.output.write(frame(2))
        a.output.release()
        await settle()
        assert b.received() == [frame(2)]


async def test_without_a_cable_what_is_sent_is_lost() -> None:
    async with served(open_network("none")) as (wire,):
        for _ in range(3 * wire.output.capacity):
            wire.output.write(frame(1))
            await settle()
        assert (len(wire.output), wire.output.dropped, wire.received()) == (0, 0, [])


# -- capture ----------------------------------------------------------------------------------


class Clock:
    """Time that goes on by a second and a nanosecond each time it is asked for."""

    def __init__(self) -> None:
        self.time = 1 << 33

    def now(self) -> int:
        self.time += 1_000_000_001
        return self.time


async def captured(path: Path) -> None:
    """Out, in, and one that is too long for a card; a frame that was taken back is not there."""
    hubs = Hubs()
    back_end = open_network("hub:lan", hubs=hubs, capture_file=path, now=Clock().now)
    async with served(back_end, open_network("hub:lan", hubs=hubs)) as (here, there):
        here.output.write(frame(1, 61))
        await settle()
        there.output.write(frame(2, 1514))
        await settle()
        here.input.feed(frame(3, 5000))
        here.output.hold()
        here.output.write(frame(4))
        here.output.rewind()
        await settle()


async def test_a_capture_is_read_by_scapy(tmp_path: Path) -> None:
    await captured(path := tmp_path / "wire.pcapng")
    packets: list[Packet] = list(rdpcap(str(path)))
    assert [bytes(one) for one in packets] == [
        frame(1, 61), frame(2, 1514), frame(3, FRAME_MAX)
    ]  # fmt: skip
    assert [one.wirelen for one in packets] == [61, 1514, 5000]
    assert [one.direction for one in packets] == [2, 1, 1]
    times = [int(one.time * 1_000_000_000) for one in packets]
    assert times == [(1 << 33) + n * 1_000_000_001 for n in (1, 2, 3)]


@pytest.mark.skipif(not shutil.which("tshark"), reason="NOT TESTED: tshark is missing")
async def test_a_capture_is_read_by_wireshark(tmp_path: Path) -> None:
    await captured(path := tmp_path / "wire.pcapng")
    fields = ["frame.len", "frame.time_epoch", "frame.packet_flags_direction"]
    arguments = [word for field in fields for word in ("-e", field)]
    done = await trio.run_process(
        ["tshark", "-r", path, "-T", "fields", *arguments],
        capture_stdout=True,
        stderr=subprocess.DEVNULL,
    )
    assert [line.split("\t") for line in done.stdout.decode().splitlines()] == [
        ["61", "9.589934593", "0x00000002"],
        ["1514", "10.589934594", "0x00000001"],
        ["5000", "11.589934595", "0x00000001"],
    ]


async def test_two_captures_in_machine_time_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        await captured(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_capture_file_that_cannot_be_written_is_said_before_anything_starts(
    tmp_path: Path,
) -> None:
    with pytest.raises(NetworkError, match=r"no/such.*No such file or directory; give a file"):
        open_network("none", capture_file=tmp_path / "no" / "such")


def test_a_capture_on_a_full_disk_says_so() -> None:
    with pytest.raises(NetworkError, match="No space left on device"):
        open_network("none", capture_file=Path("/dev/full"))


# -- refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ["", "hub", "hub:", "tap:", "none:x", "slirp", "peers"])
def test_what_is_no_back_end_is_refused_with_those_there_are(spec: str) -> None:
    with pytest.raises(NetworkError) as refused:
        open_network(spec)
    assert all(form in str(refused.value) for form in FORMS)


def test_a_peer_needs_an_address_that_is_one() -> None:
    with pytest.raises(NetworkError, match=r"10\.0\.2\.256"):
        open_network("peer:10.0.2.256")


def test_a_missing_passt_is_said_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NetworkError, match="apt install passt"):
        open_network("passt")


def test_passt_options_are_quoted_as_in_a_shell() -> None:
    if not shutil.which("passt"):
        pytest.skip("NOT TESTED: passt is missing")
    with pytest.raises(NetworkError, match="No closing quotation"):
        open_network("passt:-t 'oops")


@pytest.mark.parametrize("name", ["a-name-that-is-too-long", "\N{SNOWMAN}" * 6])
def test_an_interface_has_a_short_name(name: str) -> None:
    with pytest.raises(NetworkError, match="1 to 15 bytes"):
        open_network(f"tap:{name}")


@pytest.mark.skipif(not Path(DEVICE).exists(), reason="NOT TESTED: there is no /dev/net/tun")
def test_an_interface_that_is_no_tap_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"tap:lo: .*; (it is no TAP|run as root)"):
        open_network("tap:lo")
