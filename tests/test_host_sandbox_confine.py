"""A card's process can compute and answer, and nothing else: tried with real system calls in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from hotswap.host.inventory import inventory
from hotswap.host.sandbox import SandboxError, SandboxPool, confine

from . import sandbox_hostile as hostile

NO_FILES = """
import os, sys
from hotswap.host.sandbox import confine
confine.no_files()
for act in (
    lambda: open("/etc/passwd"), lambda: os.listdir("/"), lambda: open(sys.argv[1] + "/x", "w"),
    lambda: open("/proc/self/maps"), lambda: os.mkdir(sys.argv[1] + "/y"),
):
    try:
        act()
    except PermissionError:
        print("refused")
"""


def told_of(file: str) -> dict[str, str]:
    """What a file in /proc has, a line each."""
    lines = Path("/proc", file).read_text().splitlines()
    return dict(line.split(":\t") for line in lines)


async def progress_of(pool: SandboxPool, action: int) -> int:
    """Let a process do it; how far it came until it ended."""
    await pool.prepare()
    engine = pool.take()
    try:
        memory = engine._child.memory
        memory[hostile.ACTION] = action
        with trio.fail_after(30):
            await trio.lowlevel.wait_readable(engine._child.process)
        return memory[hostile.PROGRESS]
    finally:
        engine.close()


@pytest.mark.parametrize("what", hostile.ATTEMPTS)
async def test_a_process_is_ended_when_it_tries_to(what: str, hostile_pool: SandboxPool) -> None:
    number = hostile.FIRST_ATTEMPT + list(hostile.ATTEMPTS).index(what)
    assert await progress_of(hostile_pool, number) == hostile.TRIED


async def test_memory_a_process_can_get_is_bounded(hostile_pool: SandboxPool) -> None:
    assert await progress_of(hostile_pool, hostile.EXHAUST) == hostile.REFUSED


async def test_advice_on_memory_that_is_needed_is_let_through(hostile_pool: SandboxPool) -> None:
    assert await progress_of(hostile_pool, hostile.ADVISE) == hostile.DONE


async def test_a_process_has_no_capabilities_even_when_the_host_is_root(
    hostile_pool: SandboxPool,
) -> None:
    await hostile_pool.prepare()
    process = told_of(f"self/fdinfo/{hostile_pool._ready[-1].process}")["Pid"]
    for number in (process, hostile_pool.process):
        status = told_of(f"{number}/status")
        kinds = ["CapInh", "CapPrm", "CapEff", "CapAmb"]
        kinds += ["CapBnd"] if os.geteuid() == 0 else []
        assert {kind: int(status[kind], 16) for kind in kinds} == dict.fromkeys(kinds, 0)
        assert status["NoNewPrivs"] == "1"


def test_landlock_alone_keeps_every_file_away(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NO_FILES, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "refused\n" * 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("landlock", "seccomp", "lacks"),
    [
        (0, True, "the kernel lacks landlock (Linux 5.13"),
        (3, False, "the kernel lacks seccomp filters"),
        (0, False, "and seccomp filters"),
    ],
)
async def test_without_either_there_is_no_weaker_sandbox(
    monkeypatch: pytest.MonkeyPatch, landlock: int, seccomp: bool, lacks: str
) -> None:
    monkeypatch.setattr(confine, "landlock_version", lambda: landlock)
    monkeypatch.setattr(confine, "_seccomp_kills", lambda: seccomp)
    assert confine.active().startswith("none: ")
    with SandboxPool() as pool:
        with pytest.raises(SandboxError) as refused:
            await pool.prepare()
        assert lacks in str(refused.value)
        assert pool.process is None


def test_what_is_active_is_told() -> None:
    assert confine.missing() == ""
    assert confine.active().startswith(f"landlock ABI {confine.landlock_version()}, seccomp")
    assert inventory()["sandbox"] == confine.active()
