"""passt and TAP against the host's own network stack: a station of ours plays the guest."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from hotswap.bus import FrameInbox, FrameOutbox
from hotswap.host import network_passt
from hotswap.host.network import NetworkBackEnd, NetworkError, Peer, open_network
from hotswap.host.network_passt import LAN, LOOPBACK
from hotswap.host.network_peer import Fetch, Ping
from hotswap.host.network_tap import DEVICE
from hotswap.host.pytest_plugin import VirtualClock

SECONDS = 20  # of patience
GUEST, GATEWAY = "10.0.2.15", "10.0.2.2"
PAGE = b"HTTP/1.0 200 OK\r\n\r\n" + bytes(range(256)) * 60

needs_passt = pytest.mark.skipif(not shutil.which("passt"), reason="NOT TESTED: passt is missing")
needs_tap = pytest.mark.skipif(
    os.geteuid() != 0 or not Path(DEVICE).exists() or not shutil.which("ip"),
    reason="NOT TESTED: a TAP interface needs root, /dev/net/tun and ip",
)


@asynccontextmanager
async def joined(peer: Peer, back_end: NetworkBackEnd) -> AsyncIterator[None]:
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.join, back_end)
            yield
            nursery.cancel_scope.cancel()


def children() -> set[str]:
    """Processes of ours that run."""
    found = subprocess.run(
        ["ps", "-o", "pid=,comm=,stat=", "--ppid", str(os.getpid())],
        capture_output=True,
        check=False,
    )
    lines = found.stdout.decode().splitlines()
    return {line for line in lines if "passt" in line and "Z" not in line.split()[-1]}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def fetch(address: str, port: int) -> bytes:
    got = b""
    async with await trio.open_tcp_stream(address, port) as stream:
        await stream.send_all(b"GET / HTTP/1.0\r\n\r\n")
        async for data in stream:
            got += data
    return got


async def serve_page(stream: trio.SocketStream) -> None:
    await stream.receive_some()
    await stream.send_all(PAGE)


async def follow_script(guest: Peer, clock: VirtualClock) -> list[bytes]:
    """Pass time until somebody has answered each line; what was received in them."""
    while not all(outcome.began for outcome in guest.state.outcomes):
        await clock.advance(1_000_000_000)
        with trio.move_on_after(0.05):
            await guest.finished()
    return await guest.finished()


@needs_passt
async def test_a_guest_behind_passt_fetches_from_a_server_of_the_host(
    virtual_clock: VirtualClock,
) -> None:
    """The gateway's address is the host's loopback there."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    guest = Peer(GUEST, script=[Fetch(0, GATEWAY, port, b"GET")], clock=virtual_clock.machine)
    async with joined(guest, open_network("passt")), trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve_page, [listener])
        assert await follow_script(guest, virtual_clock) == [PAGE]
        nursery.cancel_scope.cancel()


@needs_passt
async def test_a_client_of_the_host_fetches_from_a_guest_behind_passt(
    virtual_clock: VirtualClock,
) -> None:
    port = free_port()
    guest = Peer(GUEST, pages={80: PAGE}, script=[Ping(0, GATEWAY)], clock=virtual_clock.machine)
    async with joined(guest, open_network(f"passt:-t 127.0.0.1/{port}:80")):
        await virtual_clock.advance(0)  # passt hears of the guest
        while not guest.state.neighbours:
            await trio.testing.wait_all_tasks_blocked(0.01)
        assert await fetch("127.0.0.1", port) == PAGE


@needs_passt
async def test_a_guest_behind_passt_pings_the_host(virtual_clock: VirtualClock) -> None:
    guest = Peer(GUEST, script=[Ping(0, GATEWAY, b"hello")], clock=virtual_clock.machine)
    async with joined(guest, open_network("passt")):
        assert await follow_script(guest, virtual_clock) == [b"hello"]


@pytest.mark.parametrize(
    ("options", "routed", "missing"),
    [
        ("-t 80", True, [*LAN]),
        ("-t 80", False, [*LAN, *LOOPBACK]),
        ("-a 192.0.2.7 -n 24 -g 192.0.2.1", True, []),
        ("--gateway=192.0.2.1", False, [*LOOPBACK]),
        ("-i eth0", False, []),
        ("--outbound-if4 eth0", True, []),
        ("-6", False, []),
    ],
)
def test_what_the_users_options_leave_open_is_added(
    options: str, routed: bool, missing: list[str]
) -> None:
    assert network_passt._missing(options.split(), routed=routed) == missing


@needs_passt
@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: another network needs root")
def test_that_a_host_with_no_network_but_its_loopback_does_all_this() -> None:
    tests = f"{sys.executable} -m pytest -p no:cacheprovider -k guest_behind_passt {__file__}"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", f"ip link set lo up && exec {tests}"],
        capture_output=True,
        check=False,
        timeout=3 * SECONDS,
    )
    assert b"3 passed" in done.stdout, done.stdout.decode()


@needs_passt
async def test_the_users_own_addresses_are_the_guests(virtual_clock: VirtualClock) -> None:
    lan = "-a 198.51.100.7 -n 24 -g 198.51.100.1"
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    script = [Fetch(0, "198.51.100.1", listener.socket.getsockname()[1], b"GET")]
    guest = Peer("198.51.100.7", script=script, clock=virtual_clock.machine)
    async with joined(guest, open_network(f"passt:{lan}")), trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve_page, [listener])
        assert await follow_script(guest, virtual_clock) == [PAGE]
        nursery.cancel_scope.cancel()


@needs_passt
async def test_passt_ends_with_the_machine() -> None:
    before = children()
    async with joined(Peer(GUEST), open_network("passt")):
        while children() == before:
            await trio.testing.wait_all_tasks_blocked(0.01)
    assert children() == before


@needs_passt
@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("-t nonsense", "passt has ended: Invalid port specifier nonsense; see `man passt`"),
        ("--no-such-option", "unrecognized option '--no-such-option'; see"),
        ("-i lo", "passt has ended: External interface not usable; give it an interface of this"),
        ("-t 127.0.0.1/{taken}", "exiting; forward a port that is free"),
    ],
)
async def test_passt_says_why_it_has_ended_and_what_to_do(options: str, why: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        options = options.format(taken=server.getsockname()[1])
        back_end = open_network(f"passt:{options}")
        with trio.fail_after(SECONDS), pytest.raises(ExceptionGroup) as ended:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(back_end.serve, FrameInbox(), FrameOutbox())
    (error,) = ended.value.exceptions
    assert isinstance(error, NetworkError)
    assert why in str(error)
    assert options in str(error)


@needs_tap
async def test_a_tap_interface_reaches_the_hosts_stack() -> None:
    name = f"hotswap{os.getpid() % 10000}"
    guest = Peer("198.51.100.15", pages={80: PAGE})
    async with joined(guest, open_network(f"tap:{name}")):
        for command in (f"addr add 198.51.100.2/24 dev {name}", f"link set {name} up"):
            await trio.run_process(["ip", *command.split()])
        assert await fetch("198.51.100.15", 80) == PAGE


@needs_tap
async def test_what_is_sent_to_an_interface_that_is_down_is_lost() -> None:
    name = f"hotswap{os.getpid() % 10000}"
    back_end, output = open_network(f"tap:{name}"), FrameOutbox()
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(back_end.serve, FrameInbox(), output)
            output.write(bytes(60))
            while len(output):
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()


@needs_tap
def test_an_interface_in_use_is_refused() -> None:
    name = f"hotswap{os.getpid() % 10000}"
    open_network(f"tap:{name}")
    with pytest.raises(NetworkError, match="another program has it"):
        open_network(f"tap:{name}")
