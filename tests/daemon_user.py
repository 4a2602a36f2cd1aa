"""A daemon as its operator has it: its process, what it logs, and the commands."""

from __future__ import annotations

import io
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from hotswap.host.__main__ import main

GUEST = Path(__file__).parents[1] / "switchover" / "guest"
V1, V2, INITRD = GUEST / "refkernel-v1.elf", GUEST / "refkernel-v2.elf", GUEST / "initrd.cpio"
COMMAND = str(Path(sys.executable).with_name("hotswap-host"))
PATIENCE = 120.0
"""Seconds anything may take on a busy host."""


def machine_file(path: Path, program: str = "stay", machine: str = "", rest: str = "") -> Path:
    """A machine file for the reference kernel, which runs `program`."""
    path.write_text(
        f'[machine]\nmemory = 16\n{machine}\n[boot]\nkernel = "{V1}"\ninitrd = "{INITRD}"\n'
        f'append = "init=/bin/init {program}"\n{rest}\n'
    )
    return path


class Done(NamedTuple):
    """What became of a command."""

    returncode: int
    stdout: str
    stderr: str


class Daemon:
    """`hotswap-host serve` in a process, its folders below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = os.environ | {
            "HOTSWAP_HOST_RUNTIME": str(folder / "run"),
            "HOTSWAP_HOST_LOGS": str(folder / "logs"),
            "HOTSWAP_HOST_HISTORY": str(folder / "history"),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._heard = b""

    def serve(self, *words: str | Path, **env: str) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            [COMMAND, "serve", "--json-logs", *map(str, words)],
            env=self.env | env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._heard = b""

    def until(self, event: str, machine: str = "") -> dict[str, Any]:
        """Read what it logs up to that event of that machine."""
        assert self.process is not None
        assert self.process.stderr is not None
        deadline = time.monotonic() + PATIENCE
        while True:
            line, end, rest = self._heard.partition(b"\n")
            if end:
                self._heard = rest
                found: dict[str, Any] = json.loads(line)
                if found["event"].startswith(event) and found["machine"] == machine:
                    return found
                continue
            readable, _, _ = select.select([self.process.stderr], [], [], 1)
            data = os.read(self.process.stderr.fileno(), 65536) if readable else b""
            self._heard += data
            assert data or not readable, f"it ended before {event!r} of {machine!r}"
            assert time.monotonic() < deadline, f"no {event!r} of {machine!r}"

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self) -> int:
        """Its exit status."""
        assert self.process is not None
        assert self.process.stderr is not None
        status = self.process.wait(PATIENCE)
        self.process.stderr.close()
        self.process = None
        return status

    def command(self, *words: str | Path) -> Done:
        """Run a command of `hotswap-host`, in this process."""
        out, err = io.BytesIO(), io.BytesIO()
        with (
            mock.patch.dict(os.environ, self.env),
            redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)),
            redirect_stderr(io.TextIOWrapper(err, "utf-8", write_through=True)),
        ):
            status = main([str(word) for word in words])
            return Done(int(status), out.getvalue().decode(), err.getvalue().decode())

    def ask(self, op: str, **fields: str) -> dict[str, Any]:
        """The reply at its control socket."""
        return self.talk("daemon", op, **fields)

    def talk(self, socket_name: str, op: str, **fields: Any) -> dict[str, Any]:
        """The reply at a control socket of the runtime folder."""
        with socket.socket(socket.AF_UNIX) as to:
            to.settimeout(PATIENCE)
            to.connect(str(self.folder / "run" / socket_name))
            with to.makefile("rw") as lines:
                print(json.dumps({"op": op, **fields}), file=lines, flush=True)
                for line in lines:
                    reply: dict[str, Any] = json.loads(line)
                    if "ok" in reply:
                        return reply
        raise AssertionError("no reply")

    def machines(self) -> list[dict[str, Any]]:
        """How all are."""
        machines: list[dict[str, Any]] = self.ask("list")["result"]["machines"]
        return machines

    def machine(self, name: str, *, hangs: bool = False) -> dict[str, Any]:
        """How a machine is; one that does not hang answers in the end, however busy the host."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = next(machine for machine in self.machines() if machine["name"] == name)
            if hangs or found["state"] != "not answering":
                return found
            assert time.monotonic() < deadline, f"{name} does not answer"

    def settled(self) -> None:
        """Wait until no machine is on its way up."""
        deadline = time.monotonic() + PATIENCE
        while any(machine["state"] in ("starting", "restarting") for machine in self.machines()):
            assert time.monotonic() < deadline, f"{self.machines()}"

    def clean(self) -> None:
        """Nobody is left, however the test went."""
        if self.process is not None:
            self.process.kill()
            self.ended()
        for path in (self.folder / "run").glob("*.json"):
            if (number := re.search(r'"pid":(\d+)', path.read_text())) and _is_ours(number[1]):
                os.kill(int(number[1]), signal.SIGKILL)


def _is_ours(number: str) -> bool:
    try:
        return b"hotswap.host.daemon" in Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False


@contextmanager
def daemon_in(folder: Path) -> Iterator[Daemon]:
    """A daemon that can be started in `folder`."""
    daemon = Daemon(folder)
    try:
        yield daemon
    finally:
        daemon.clean()
