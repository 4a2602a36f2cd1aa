"""Brings real systems to run on the board: `workloads.py [--list|--check] [NAME ...]`.

Debian packages by version and SHA-256, unpacked without root into the user's cache (or into the
folder HOTSWAP_HOST_WORKLOADS names). What stands in ../shared/workloads beside the checkout is
used from there. Needs nothing but Python. Status 1 when something asked for is not there then.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "HOTSWAP_HOST_WORKLOADS"
SHARED = ROOT.parent / "shared" / "workloads"


class WorkloadError(Exception):
    """A workload cannot be had: which, why, and what to do."""


class Package(NamedTuple):
    """A Debian package; `files`: path in it to the name it gets here (.gz is unpacked)."""

    name: str
    version: str
    architecture: str
    sha256: str
    files: dict[str, str]


PACKAGES = {
    "seabios": Package(
        "seabios", "1.16.2-1", "all",
        "08e5b3f761379f17a6051731cafa03e97686049e2cc1b8bdccc5a910646e2d8e",
        {f"usr/share/seabios/{name}": name for name in ("bios.bin", "vgabios-isavga.bin")},
    ),
    "memtest86+": Package(
        "memtest86+", "6.10-4", "amd64",
        "76a2939452a8b7dba642c97a63e42b985b76eba51ea1330038957239d4a47154",
        {"boot/memtest86+ia32.bin": "memtest86+ia32.bin"},
    ),
    "gnumach": Package(
        "gnumach-image-1.8-486", "2:1.8+git20221224-2", "amd64",
        "3045e6ea88b136ae5a2bbf27835129b6e841d5a54ef290f1ba0932db0c2d072e",
        {"boot/gnumach-1.8-486.gz": "gnumach"},
    ),
    "grub": Package(
        "grub-pc-bin", "2.06-13+deb12u2", "amd64",
        "db6aced5a89f02e10e150140b4df9621196f311c26203baf8558b4c6808e1298",
        {"usr/lib/grub/i386-pc": "i386-pc"},
    ),
    "grub-tools": Package(
        "grub-common", "2.06-13+deb12u2", "amd64",
        "fa2a91e48bb85effb1d9e22e16d83774e6de0ae6167268e8150e76ae963ec671",
        {"usr/bin/grub-mkimage": "grub-mkimage"},
    ),
}  # fmt: skip
LINUX = "linux-486"
LINUX_FILES = ("bzImage", "vmlinux", "initrd-klibc.gz", "initrd-busybox-i486.gz")
NAMES = (*PACKAGES, LINUX)


def cache() -> Path:
    """Where workloads are put, and looked for first."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hotswap-host" / "workloads"


def wanted(name: str) -> Sequence[str]:
    """The files a workload has."""
    return LINUX_FILES if name == LINUX else tuple(PACKAGES[name].files.values())


def find(name: str, file: str) -> Path | None:
    """A file of a workload, if it is there."""
    for folder in (cache(), SHARED):
        if (path := folder / name / file).exists():
            return path
    return None


def missing(name: str) -> list[str]:
    """Files of a workload that are not there."""
    return [file for file in wanted(name) if find(name, file) is None]


# -- Debian packages ------------------------------------------------------------------------------


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        raise WorkloadError(f"{command[0]} is not here: this needs a Debian system") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise WorkloadError(f"{' '.join(command)}: {said[-1] if said else 'failed'}")


def _download(package: Package, folder: Path) -> Path:
    """The .deb, checked. Raises WorkloadError."""
    wanted_name = f"{package.name}={package.version}"
    try:
        _run(["apt-get", "download", "-q", wanted_name], folder)
    except WorkloadError as error:
        raise WorkloadError(f"{error}; run `apt-get update` as root and try again") from None
    (found,) = folder.glob("*.deb")
    digest = hashlib.sha256(found.read_bytes()).hexdigest()
    if digest != package.sha256:
        raise WorkloadError(
            f"{wanted_name}: SHA-256 {digest}, {package.sha256} was expected; it is not used"
        )
    return found


def bring(package: Package, name: str) -> None:
    """Download, check and unpack one package; the workload appears whole or not at all."""
    target = cache() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        folder = Path(work)
        folder.chmod(0o755)
        _run(["dpkg-deb", "-x", str(_download(package, folder)), "tree"], folder)
        new = folder / "new"
        new.mkdir()
        for path, file in package.files.items():
            source = folder / "tree" / path
            if source.is_dir():
                shutil.copytree(source, new / file)
            elif source.suffix == ".gz":
                (new / file).write_bytes(gzip.decompress(source.read_bytes()))
            else:
                shutil.copy2(source, new / file)
        shutil.rmtree(target, ignore_errors=True)
        new.rename(target)


# -- command line ---------------------------------------------------------------------------------


def _list() -> None:
    for name in NAMES:
        places = [str(path) if (path := find(name, file)) else "-" for file in wanted(name)]
        for file, place in zip(wanted(name), places, strict=True):
            print(f"{name:12} {file:24} {place}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring what is missing of the workloads named, by default of all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--list", action="store_true", help="where each file is")
    parser.add_argument("--check", action="store_true", help="bring nothing, say what is missing")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(NAMES)):
        parser.error(f"no workload {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if options.list:
        _list()
        return 0
    failed = 0
    for name in options.names or NAMES:
        if not missing(name):
            print(f"{name}: there")
            continue
        try:
            if options.check:
                raise WorkloadError(f"missing: {', '.join(missing(name))}; run me without --check")
            if name == LINUX:
                raise WorkloadError(
                    f"put {', '.join(missing(name))} into {SHARED / name} or {cache() / name}"
                )
            print(f"{name}: {PACKAGES[name].name} {PACKAGES[name].version} ...", flush=True)
            bring(PACKAGES[name], name)
        except WorkloadError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
