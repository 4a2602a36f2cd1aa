"""Linux with an NE2000 and real sockets of the host, through passt, in real time."""

from __future__ import annotations

import hashlib
import random
import shutil
import socket

import pytest
import trio

from .conftest import Workload as FindWorkload
from .console import running
from .test_linux import LINE, PROMPT

LOOPBACK, GATEWAY = "127.0.0.1", "10.0.2.2"
PATIENCE = 120  # seconds of a host that may be busy
PAYLOAD = random.Random(8390).randbytes(300_000)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


async def received(stream: trio.SocketStream) -> bytes:
    return b"".join([bytes(part) async for part in stream])


async def fetch(port: int, path: str) -> bytes:
    """What a client of the host gets from a server."""
    async with await trio.open_tcp_stream(LOOPBACK, port) as stream:
        await stream.send_all(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return await received(stream)


@pytest.mark.skipif(not shutil.which("passt"), reason="NOT TESTED: passt is missing")
async def test_linux_pings_talks_tcp_both_ways_and_serves_pages(workload: FindWorkload) -> None:
    hearing = (await trio.open_tcp_listeners(0, host=LOOPBACK))[0]
    giving = (await trio.open_tcp_listeners(0, host=LOOPBACK))[0]
    port, giving_port = (one.socket.getsockname()[1] for one in (hearing, giving))
    web = free_port()
    heard: list[bytes] = []
    replies = [b"heard\n", b"hello-from-host\n"]

    async def hear(stream: trio.SocketStream) -> None:
        heard.append(await received(stream))
        await stream.send_all(replies.pop())

    async def give(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.0 200 OK\r\n\r\n" + PAYLOAD)

    machine = {
        "machine": {"memory": 32},
        "boot": {
            "kernel": str(workload("linux-486", "bzImage")),
            "initrd": str(workload("linux-486", "initrd-busybox-i486.gz")),
            "append": f"{LINE} quiet tcp={port} shell",
        },
        "floppy": [{}],
        "network": [{"to": f"passt:-t {LOOPBACK}/{web}:80"}],
    }
    async with running(machine) as console, trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, hear, [hearing])
        nursery.start_soon(trio.serve_listeners, give, [giving])
        await console.expect("2 packets transmitted, 2 packets received", PATIENCE)
        await console.expect("@@PING-OK", PATIENCE)
        await console.expect("^hello-from-host\n@@TCP-OK", PATIENCE)
        assert heard.pop() == b"hello-from-guest\n"
        await console.expect(r"^  9: +[1-9]\d* +XT-PIC +NE2000", PATIENCE)
        await console.expect(PROMPT, PATIENCE)

        console.type(f"nc -w 3 {GATEWAY} {port} < /bin/busybox; md5sum < /bin/busybox\n")
        sent = await console.expect("^heard\n([0-9a-f]{32})  -$", PATIENCE)
        assert hashlib.md5(heard.pop()).hexdigest() == sent[1]
        # not by nc, which ends what it sends: passt then lets no more than a window back
        console.type(f"wget -q -O - http://{GATEWAY}:{giving_port}/ | md5sum\n")
        await console.expect(f"^{hashlib.md5(PAYLOAD).hexdigest()}  -$", PATIENCE)

        console.type("mkdir /www; echo a page of the guest > /www/index.html\n")
        console.type("ln -s /bin/busybox /www/program; httpd -h /www; echo serving: $?\n")
        await console.expect("^serving: 0", PATIENCE)
        with trio.fail_after(PATIENCE):
            head, _, page = (await fetch(web, "/")).partition(b"\r\n\r\n")
            assert head.split()[1] == b"200", head
            assert page == b"a page of the guest\n"
            program = (await fetch(web, "/program")).partition(b"\r\n\r\n")[2]
        assert hashlib.md5(program).hexdigest() == sent[1]
        nursery.cancel_scope.cancel()
