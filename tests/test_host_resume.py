"""`hotswap-host resume` as a user meets it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotswap.host.exits import Exit

from .test_host_cli import COMMAND, INITRD, V1, V2, hotswap


class Durable:
    """A machine in a durable folder, its output in a file."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder, self.control = tmp_path / "d", tmp_path / "control"
        self.saved = tmp_path / "saved"

    def start(self) -> None:
        """Until its program waits for a line to be typed."""
        append = "init=/bin/init reader"
        words = ["run", V1, "--initrd", INITRD, "--append", append, "--memory", "16", "--serial"]
        words += ["stdio", "--durable", self.folder, "--control", self.control]
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, words)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        while b"reader waits" not in self.process.stdout.readline():
            pass

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Durable]:
    running = Durable(tmp_path)
    running.start()
    yield running
    running.stop()


def test_a_machine_that_is_running_is_not_resumed(machine: Durable) -> None:
    done = hotswap("resume", machine.folder)
    assert done.returncode == Exit.FAILED
    assert f"in use by process {machine.process.pid}, whose machine it is" in done.stderr


def test_a_kill_at_no_switchover_is_a_power_cut_and_the_snapshot_is_started_when_asked_for(
    machine: Durable,
) -> None:
    hotswap("snapshot", "save", machine.saved, "--control", machine.control)
    machine.stop()
    done = hotswap("resume", machine.folder)
    assert done.returncode == Exit.NOTHING_TO_RESUME
    assert (
        "was cut off, and in no switchover, which is a power cut; lost is all since" in done.stderr
    )
    assert f"in {machine.saved}; `hotswap-host resume {machine.folder} --from-" in done.stderr
    done = subprocess.run(
        [*COMMAND, "resume", str(machine.folder), "--from-snapshot", "--timeout", "50"],
        input="line 1\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == Exit.OK, done.stderr
    assert "reader ok 1" in done.stdout
    done = hotswap("resume", machine.folder)
    assert done.returncode == Exit.NOTHING_TO_RESUME
    assert "there is nothing to resume" in done.stderr


def test_without_a_snapshot_the_command_line_that_started_it_is_told(machine: Durable) -> None:
    machine.stop()
    done = hotswap("resume", machine.folder, "--from-snapshot")
    assert done.returncode == Exit.FAILED
    assert "lost is all since its start at 2" in done.stderr
    assert f"it was never saved; start it again: hotswap-host run {V1} --initrd" in done.stderr


def test_a_switchover_is_carried_out_in_a_durable_folder_and_leaves_no_r1(
    machine: Durable,
) -> None:
    patience = ["--patience", "20", "--json"]
    done = hotswap("switchover", V2, "--control", machine.control, *patience)
    assert done.returncode == Exit.OK, done.stdout
    assert '"durable_ms":' in done.stdout
    assert not (machine.folder / "r1").exists()


def test_a_folder_where_no_machine_ever_was_is_refused(tmp_path: Path) -> None:
    done = hotswap("resume", tmp_path / "nowhere")
    assert done.returncode == Exit.FAILED
    assert "No such file or directory" in done.stderr
