"""Back ends of a serial port, each with a real peer: bytes go both ways and none is lost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import Inbox, Outbox
from hotswap.host.backends import BackEndError, SerialBackEnd, is_file, open_backend
from hotswap.host.exits import Exit

LOTS = bytes(range(256)) * 512  # 128 KiB: twice what an outbox holds

SECONDS = 20  # of patience


class Port:
    """The card's end of a back end that is being served."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.input, self.output = Inbox(), Outbox()

    async def read(self, size: int) -> bytes:
        """`size` bytes that came in."""
        got = b""
        while len(got) < size:
            await self.input.wait()
            got += self.input.read(size - len(got))
        return got


@asynccontextmanager
async def served(spec: str) -> AsyncIterator[Port]:
    backend: SerialBackEnd = await open_backend(spec)
    port = Port(backend.name)
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(backend.serve, port.input, port.output)
            yield port
            nursery.cancel_scope.cancel()


async def read(receive: Callable[[], Awaitable[bytes | bytearray]], size: int) -> bytes:
    """`size` bytes from a peer."""
    got = b""
    while len(got) < size:
        data = await receive()
        assert data, f"the end after {got!r}"
        got += data
    return got


# -- memory and file ------------------------------------------------------------------------------


async def test_memory_keeps_what_is_written_for_whoever_looks() -> None:
    async with served("memory") as port:
        port.output.write(b"kept")
        await wait_all_tasks_blocked()
        assert port.output.take() == b"kept"


async def test_none_is_a_port_without_a_cable() -> None:
    async with served("none") as port:
        for at in range(0, len(LOTS), 10_000):
            port.output.write(LOTS[at : at + 10_000])
            await port.output.drained()
        assert port.name == "none"


@pytest.mark.parametrize(
    ("spec", "is_one"),
    [("log", True), ("/dev/ttyS0", True), ("stdio", False), ("pty", False), ("none", False),
     ("memory", False), ("tcp:localhost:1", False)],
)  # fmt: skip
def test_what_is_nothing_else_is_a_file(spec: str, is_one: bool) -> None:
    assert is_file(spec) == is_one


async def test_a_file_holds_everything_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "serial.log"
    path.write_bytes(b"of another run")
    async with served(str(path)) as port:
        assert port.name == str(path)
        for at in range(0, len(LOTS), 10_000):
            port.output.write(LOTS[at : at + 10_000])
            await port.output.drained()
    assert path.read_bytes() == LOTS


async def test_what_is_held_does_not_get_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "serial.log"
    async with served(str(path)) as port:
        port.output.write(b"before ")
        port.output.hold()
        port.output.write(b"never ")
        await wait_all_tasks_blocked(0.01)
        port.output.rewind()
        port.output.write(b"after")
        port.output.release()
        await port.output.drained()
    assert path.read_bytes() == b"before after"


async def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackEndError, match=r"serial file .*: Is a directory; give stdio, pty"):
        await open_backend(str(tmp_path))
    with pytest.raises(BackEndError, match=r"no/such/file: No such file or directory"):
        await open_backend(str(tmp_path / "no" / "such" / "file"))


async def test_a_full_disk_is_an_error_that_names_the_file() -> None:
    backend, output = await open_backend("/dev/full"), Outbox()
    output.write(b"data")
    with pytest.raises(BackEndError, match="serial /dev/full: No space left on device; "):
        await backend.serve(Inbox(), output)
    assert output.peek() == b"data"


# -- tcp ------------------------------------------------------------------------------------------


async def dialled(port: Port) -> trio.SocketStream:
    found = re.fullmatch(r"tcp (.*):(\d+)", port.name)
    assert found is not None
    return await trio.open_tcp_stream(found[1], int(found[2]))


async def hung_up(client: trio.SocketStream) -> None:
    """Hang up and wait until the other side has noticed."""
    await client.send_eof()
    assert await client.receive_some() == b""
    await client.aclose()


async def test_tcp_carries_bytes_both_ways() -> None:
    async with served("tcp:127.0.0.1:0") as port, await dialled(port) as client:
        port.output.write(b"login: ")
        assert await read(client.receive_some, 7) == b"login: "
        await client.send_all(b"root\n")
        assert await port.read(5) == b"root\n"


async def test_tcp_carries_more_than_its_buffers_hold() -> None:
    async with served("tcp:127.0.0.1:0") as port, await dialled(port) as client:
        port.output.write(LOTS * 64)
        assert await read(client.receive_some, len(LOTS) * 64) == LOTS * 64
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send_all, LOTS * 64)
            assert await port.read(len(LOTS) * 64) == LOTS * 64


async def test_what_is_written_while_nobody_is_there_waits_for_the_next_client() -> None:
    async with served("tcp:127.0.0.1:0") as port:
        port.output.write(b"one ")
        async with await dialled(port) as client:
            assert await read(client.receive_some, 4) == b"one "
            port.output.write(b"two ")
            assert await read(client.receive_some, 4) == b"two "
            await hung_up(client)
        port.output.write(b"three ")
        async with await dialled(port) as client:
            assert await read(client.receive_some, 6) == b"three "
            await client.send_all(b"back")
            assert await port.read(4) == b"back"


async def test_a_client_that_vanishes_in_the_middle_loses_nothing_for_the_next() -> None:
    async with served("tcp:127.0.0.1:0") as port:
        client = await dialled(port)
        client.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1" + bytes(7))
        await client.aclose()  # resets the connection
        port.output.write(b"still there")
        async with await dialled(port) as client:
            assert await read(client.receive_some, 11) == b"still there"


async def test_nobody_there_does_not_stop_the_guest_and_the_last_bytes_are_kept() -> None:
    async with served("tcp:127.0.0.1:0") as port:
        for at in range(0, len(LOTS), 1000):
            await port.output.room()
            port.output.write(LOTS[at : at + 1000])
        await port.output.room()
        left = len(port.output)
        assert left >= port.output.capacity // 2
        async with await dialled(port) as client:
            assert await read(client.receive_some, left) == LOTS[-left:]


async def test_one_client_is_served_at_a_time_and_the_next_one_waits() -> None:
    async with (
        served("tcp:127.0.0.1:0") as port,
        await dialled(port) as first,
        await dialled(port) as second,
    ):
        port.output.write(b"first")
        assert await read(first.receive_some, 5) == b"first"
        await hung_up(first)
        port.output.write(b"second")
        assert await read(second.receive_some, 6) == b"second"


async def test_held_bytes_reach_no_client() -> None:
    async with served("tcp:127.0.0.1:0") as port, await dialled(port) as client:
        port.output.hold()
        port.output.write(b"undone")
        port.output.rewind()
        port.output.write(b"done")
        port.output.release()
        assert await read(client.receive_some, 4) == b"done"


async def test_a_name_with_several_addresses_is_listened_on_at_one_that_is_served() -> None:
    async with served("tcp:localhost:0") as port:
        port.output.write(b"hello")
        number = int(port.name.rpartition(":")[2])
        async with await trio.open_tcp_stream("localhost", number) as client:
            assert await read(client.receive_some, 5) == b"hello"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tcp:127.0.0.1:ftp", r"'ftp' is no port; write tcp:HOST:PORT"),
        ("tcp:127.0.0.1:65536", r"'65536' is no port"),
        ("tcp:", r"'' is no port"),
        ("tcp:host.invalid:4000", r"serial 'tcp:host.invalid:4000': "),
    ],
)
async def test_an_address_that_is_none_is_refused(spec: str, message: str) -> None:
    with pytest.raises(BackEndError, match=message):
        await open_backend(spec)


async def test_a_taken_port_is_refused() -> None:
    async with served("tcp:127.0.0.1:0") as port:
        with pytest.raises(BackEndError, match="is another program listening there"):
            await open_backend("tcp:127.0.0.1:" + port.name.rpartition(":")[2])


# -- pty ------------------------------------------------------------------------------------------


@asynccontextmanager
async def terminal(port: Port) -> AsyncIterator[trio.lowlevel.FdStream]:
    async with trio.lowlevel.FdStream(
        os.open(port.name.removeprefix("pty "), os.O_RDWR | os.O_NOCTTY)
    ) as stream:
        yield stream


async def test_a_pty_carries_bytes_both_ways_unchanged() -> None:
    every = bytes(range(256))
    async with served("pty") as port, terminal(port) as user:
        port.output.write(every)
        assert await read(user.receive_some, 256) == every
        await user.send_all(every)
        assert await port.read(256) == every


async def test_a_pty_outlives_its_users() -> None:
    async with served("pty") as port:
        for word in (b"first", b"second"):
            async with terminal(port) as user:
                await user.send_all(word)
                assert await port.read(len(word)) == word
                port.output.write(word)
                assert await read(user.receive_some, len(word)) == word
        port.output.write(b"nobody there")
        await port.output.drained()
        async with terminal(port) as user:
            assert await read(user.receive_some, 12) == b"nobody there"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_pty_is_gone_when_its_machine_is() -> None:
    async with served("pty") as port:
        path = trio.Path(port.name.removeprefix("pty "))
        assert await path.exists()
    assert not await path.exists()
    before = open_files()
    async with served("pty"):
        assert open_files() > before
    assert open_files() == before


# -- stdio ----------------------------------------------------------------------------------------

ECHO = """
import trio
from hotswap.bus import Inbox, Outbox
from hotswap.host.backends import open_backend

async def main():
    backend, inbox, output = await open_backend("stdio"), Inbox(), Outbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(backend.serve, inbox, output)
        received = b""
        while not received.endswith(b"."):
            await inbox.wait()
            received += inbox.read(1000)
        output.write(received.upper())
        await output.drained()
        nursery.cancel_scope.cancel()

trio.run(main)
"""


@pytest.mark.parametrize("text", [b"hello.", b"x" * 300_000 + b"."], ids=["short", "long"])
def test_stdio_carries_bytes_both_ways(text: bytes) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ECHO],
        input=text,
        stdout=subprocess.PIPE,
        timeout=SECONDS,
        check=True,
    )
    assert done.stdout == text.upper()


def test_stdin_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "typed").write_bytes(b"x" * 300_000 + b".")
    with (tmp_path / "typed").open("rb") as typed:
        done = subprocess.run(
            [sys.executable, "-c", ECHO],
            stdin=typed,
            stdout=subprocess.PIPE,
            timeout=SECONDS,
            check=True,
        )
    assert done.stdout == b"X" * 300_000 + b"."


def test_the_end_of_stdin_is_not_the_end_of_the_output() -> None:
    script = ECHO.replace('while not received.endswith(b".")', "while False").replace(
        "received.upper()", 'b"all the same"'
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=SECONDS,
        check=True,
    )
    assert done.stdout == b"all the same"


def test_a_reader_that_is_gone_ends_the_run_with_one_line() -> None:
    command = [str(Path(sys.executable).with_name("hotswap-host")), "run"]
    guest = Path(__file__).parents[1] / "switchover" / "guest"
    machine = subprocess.Popen(
        [*command, guest / "refkernel-v1.elf", "--initrd", guest / "initrd.cpio", "--append",
         "init=/bin/init ticker:2000", "--timeout", "50"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert machine.stdout is not None
    assert machine.stderr is not None
    with machine, machine.stdout, machine.stderr:
        machine.stdout.readline()
        machine.stdout.close()
        assert machine.wait(SECONDS) == Exit.FAILED
        said = machine.stderr.read().decode().splitlines()
    assert len(said) == 1
    assert said[0].startswith("hotswap-host: serial stdout: Broken pipe; ")


async def test_a_file_that_is_written_on_at_its_end_keeps_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "serial"
    for text in (b"before ", b"after"):
        backend, output = await open_backend(str(file), append=True), Outbox()
        output.write(text)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(backend.serve, Inbox(), output)
            await output.drained()
            nursery.cancel_scope.cancel()
    assert file.read_bytes() == b"before after"
