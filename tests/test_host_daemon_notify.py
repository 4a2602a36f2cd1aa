"""What systemd hears of the daemon."""

import socket
import time
from pathlib import Path

import pytest

from hotswap.host.daemon.notify import notify, reloading


@pytest.mark.parametrize("abstract", [False, True])
def test_lines_arrive_in_one_datagram(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool
) -> None:
    name = f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{name}" if abstract else name)
        heard.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else name)
        notify("READY=1", "STATUS=fine")
        assert heard.recv(4096) == b"READY=1\nSTATUS=fine"
        before = time.monotonic_ns() // 1000
        reloading()
        first, second = heard.recv(4096).decode().split("\n")
        assert first == "RELOADING=1"
        assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


@pytest.mark.parametrize("address", ["", "nonsense", "/nowhere/at/all", "/" + "x" * 200])
def test_when_nobody_listens_nothing_happens(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")
