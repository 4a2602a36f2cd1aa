"""What commands do when the daemon does not answer them."""

import os
import socket
from pathlib import Path

import pytest

from hotswap.host.daemon import client
from hotswap.host.daemon.client import ask_daemon
from hotswap.host.daemon.errors import DaemonError
from hotswap.host.daemon.runtime import hold_runtime
from hotswap.host.daemon.words import DaemonRequest


@pytest.mark.parametrize(
    "request_", [DaemonRequest("list"), DaemonRequest("stop", "web"), DaemonRequest("shutdown")]
)
def test_a_daemon_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: DaemonRequest
) -> None:
    monkeypatch.setattr(client, "ANSWER", 0.1)
    with hold_runtime(tmp_path / "run") as runtime, socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(runtime.socket))
        deaf.listen()
        with pytest.raises(DaemonError, match=rf"process {os.getpid()}\) does not answer"):
            ask_daemon(runtime, request_)
