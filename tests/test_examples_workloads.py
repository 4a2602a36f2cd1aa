"""The script that brings real systems says what is missing, and uses nothing it did not expect."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "examples" / "workloads.py"


def workloads(
    cache: Path, *arguments: str, script: Path = SCRIPT
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HOTSWAP_HOST_WORKLOADS": str(cache)}
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def test_what_is_missing_is_named_with_what_to_do(tmp_path: Path) -> None:
    done = workloads(tmp_path, "--check", "seabios")
    assert done.returncode == 1
    assert "seabios: missing: bios.bin, vgabios-isavga.bin; run me without --check" in done.stderr


def test_what_is_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "gnumach").mkdir()
    kernel = tmp_path / "gnumach" / "gnumach-1.8-486"
    kernel.touch()
    assert workloads(tmp_path, "gnumach").stdout == "gnumach: there\n"
    assert str(kernel) in workloads(tmp_path, "--list").stdout


def test_linux_elsewhere_than_beside_the_checkout_is_asked_for(tmp_path: Path) -> None:
    script = tmp_path / "checkout" / "examples" / "workloads.py"
    script.parent.mkdir(parents=True)
    shutil.copy(SCRIPT, script)
    done = workloads(tmp_path / "cache", "linux-486", script=script)
    assert done.returncode == 1
    assert "put bzImage, vmlinux, initrd-klibc.gz, initrd-busybox-i486.gz into" in done.stderr
    assert str(tmp_path / "shared" / "workloads" / "linux-486") in done.stderr


@pytest.mark.skipif(not shutil.which("apt-get"), reason="NOT TESTED: there is no apt here")
def test_a_download_that_is_another_one_is_not_used(tmp_path: Path) -> None:
    """apt's downloader is replaced by one that brings something else."""
    script, helper = tmp_path / "workloads.py", tmp_path / "helper"
    helper.write_text('#!/bin/sh\necho "something else" > "$5"\n')
    helper.chmod(0o755)
    script.write_text(SCRIPT.read_text().replace("/usr/lib/apt/apt-helper", str(helper)))
    done = workloads(tmp_path / "cache", "memtest86+", script=script)
    assert done.returncode == 1
    assert "was expected; it is not used" in done.stderr
    assert not (tmp_path / "cache" / "memtest86+").exists()
