"""Brings real systems to run on the board: `workloads.py [--list|--check|--build] [NAME ...]`.

Debian packages by name and SHA-256, from the mirrors apt knows, unpacked without root and without
a change to the system into the user's cache (or into the folder HOTSWAP_HOST_WORKLOADS names).
What stands in ../shared/workloads beside the checkout is used from there. Needs Python and apt;
--build, for linux-486, also gcc, make, flex, bison, bc and ten minutes. Status 1 when something
asked for is not there then.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

EXAMPLES = Path(__file__).resolve().parent
ROOT = EXAMPLES.parent
VARIABLE = "HOTSWAP_HOST_WORKLOADS"
SHARED = ROOT.parent / "shared" / "workloads"


class WorkloadError(Exception):
    """A workload cannot be had: which, why, and what to do."""


class Package(NamedTuple):
    """A file of Debian's pool; `files`: path in the package to the name it gets here.

    A folder is taken as it is, and of .gz what is in it.
    """

    pool: str
    sha256: str
    files: dict[str, str]


PACKAGES: dict[str, tuple[Package, ...]] = {
    "seabios": (Package(
        "main/s/seabios/seabios_1.16.2-1_all.deb",
        "08e5b3f761379f17a6051731cafa03e97686049e2cc1b8bdccc5a910646e2d8e",
        {f"usr/share/seabios/{name}": name for name in ("bios.bin", "vgabios-isavga.bin")},
    ),),
    "memtest86+": (Package(
        "main/m/memtest86+/memtest86+_6.10-4_amd64.deb",
        "76a2939452a8b7dba642c97a63e42b985b76eba51ea1330038957239d4a47154",
        {"boot/memtest86+ia32.bin": "memtest86+ia32.bin"},
    ),),
    "gnumach": (Package(
        "main/g/gnumach/gnumach-image-1.8-486_1.8+git20221224-2_i386.deb",
        "165e337f9ac52a8d61af58daa729a20aee6d4063b0b3c94597057f0a0d9dbfb7",
        {"boot/gnumach-1.8-486.gz": "gnumach-1.8-486"},
    ),),
    "grub": (Package(
        "main/g/grub2/grub-pc-bin_2.06-13+deb12u2_amd64.deb",
        "db6aced5a89f02e10e150140b4df9621196f311c26203baf8558b4c6808e1298",
        {"usr/lib/grub/i386-pc": "i386-pc"},
    ),),
    "grub-tools": (Package(
        "main/g/grub2/grub-common_2.06-13+deb12u2_amd64.deb",
        "fa2a91e48bb85effb1d9e22e16d83774e6de0ae6167268e8150e76ae963ec671",
        {"usr/bin/grub-mkimage": "grub-mkimage"},
    ), Package(
        "main/l/lvm2/libdevmapper1.02.1_1.02.185-2_amd64.deb",
        "aaa78ca236055fedccf637eacf7bda02bf1980b2db668dccd202b04d0d2cfe04",
        {"lib/x86_64-linux-gnu/libdevmapper.so.1.02.1": "libdevmapper.so.1.02.1"},
    )),
    "linux-686": (Package(
        "main/l/linux-signed-i386/linux-image-6.1.0-50-686_6.1.176-1_i386.deb",
        "526c469c5148a2b61c4241c3f6575427096575e0ffef9541b6729351c600b3e4",
        {"boot/vmlinuz-6.1.0-50-686": "vmlinuz"} | {
            f"lib/modules/6.1.0-50-686/kernel/drivers/net/ethernet/8390/{name}": name
            for name in ("8390p.ko", "ne.ko")
        },
    ),),
}  # fmt: skip
LINUX = "linux-486"
LINUX_FILES = ("bzImage", "vmlinux", "initrd-klibc.gz", "initrd-busybox-i486.gz")
NAMES = (*PACKAGES, LINUX)
ON_REQUEST = frozenset({"linux-686"})
"""What is brought only when named: 50 MB for a test that runs by command."""
MIRROR = "http://deb.debian.org/debian"
HELPER = "/usr/lib/apt/apt-helper"

LINUX_SOURCE = Package(
    "main/l/linux/linux-source-6.1_6.1.176-1_all.deb",
    "9305d1a151b8e83dcb88aa11361e7b9513f0c252bdf7f5647e4542762d99c094",
    {"usr/src/linux-source-6.1.tar.xz": "linux.tar.xz"},
)
KLIBC = (
    Package(
        "main/k/klibc/klibc-utils_2.0.12-1_i386.deb",
        "a4acd23c46993d42a29f476fa23509162ab28d0e1bdfb80ca715ec70ff825382",
        {"usr/lib/klibc/bin": "bin"},
    ),
    Package(
        "main/k/klibc/libklibc_2.0.12-1_i386.deb",
        "9a24b693a5d960d0dc7788927a3ee134a0967dff13726f63849d4f82f35f63d9",
        {"lib": "lib"},
    ),
)


def cache() -> Path:
    """Where workloads are put, and looked for first."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hotswap-host" / "workloads"


def wanted(name: str) -> Sequence[str]:
    """The files a workload has."""
    if name == LINUX:
        return LINUX_FILES
    return [file for package in PACKAGES[name] for file in package.files.values()]


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


def _mirrors() -> list[str]:
    """Where Debian is to be had, as apt is told."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    try:
        known = subprocess.run(command, check=False, capture_output=True, text=True).stdout.split()
    except FileNotFoundError:
        raise WorkloadError("apt-get is not here: this needs a Debian system") from None
    debian = {uri.rstrip("/") for uri in known if uri.rstrip("/").endswith("/debian")}
    return [*sorted(debian - {MIRROR}), MIRROR]


def _download(package: Package, folder: Path) -> Path:
    """The .deb, checked. Raises WorkloadError."""
    target = folder / Path(package.pool).name
    refusals = []
    for mirror in _mirrors():
        uri = f"{mirror}/pool/{package.pool.replace('+', '%2b')}"
        command = [HELPER, "-o", "APT::Sandbox::User=root", "download-file", uri, str(target)]
        try:
            _run([*command, f"SHA256:{package.sha256}"], folder)
        except WorkloadError as error:
            refusals.append(str(error))
            continue
        digest = hashlib.sha256(target.read_bytes()).hexdigest()
        if digest == package.sha256:
            return target
        refusals.append(f"{uri}: SHA-256 {digest}, {package.sha256} was expected; it is not used")
    raise WorkloadError("; ".join(refusals))


def _unpack(package: Package, work: Path, target: Path) -> None:
    """Download, check, and put the package's files into `target`."""
    with tempfile.TemporaryDirectory(dir=work) as name:
        folder = Path(name)
        _run(["dpkg-deb", "-x", str(_download(package, folder)), "tree"], folder)
        for path, file in package.files.items():
            source = folder / "tree" / path
            if source.is_dir():
                shutil.copytree(source, target / file)
            elif source.suffix == ".gz":
                (target / file).write_bytes(gzip.decompress(source.read_bytes()))
            else:
                shutil.copy2(source, target / file)


def bring(name: str) -> None:
    """Download, check and unpack packages; the workload appears whole or not at all."""
    target = cache() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        work = Path(folder)
        work.chmod(0o755)
        new = work / "new"
        new.mkdir()
        for package in PACKAGES[name]:
            _unpack(package, work, new)
        shutil.rmtree(target, ignore_errors=True)
        new.rename(target)


# -- Linux for a 486, from Debian's source --------------------------------------------------------


def build() -> None:
    """The kernel of examples/linux-486/kernel.config, and the file system of Debian's klibc."""
    target = cache() / LINUX
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as folder:
        work = Path(folder)
        work.chmod(0o755)
        root = work / "root"
        root.mkdir()
        for package in KLIBC:
            _unpack(package, work, root)
        newc = runpy.run_path(str(EXAMPLES / "build.py"))["newc"]
        archive = newc(list(_klibc_entries(root)))
        (work / "initrd-klibc.gz").write_bytes(gzip.compress(archive, mtime=0))
        _unpack(LINUX_SOURCE, work, work)
        _run(["tar", "-xf", "linux.tar.xz"], work)
        (tree,) = work.glob("linux-source-*")
        config = EXAMPLES / LINUX / "kernel.config"
        make = ["make", "-s", "ARCH=i386", "KBUILD_BUILD_USER=root", "KBUILD_BUILD_HOST=vm"]
        _run([*make, "allnoconfig", f"KCONFIG_ALLCONFIG={config}"], tree)
        _run([*make, f"-j{os.cpu_count() or 1}", "bzImage"], tree)
        shutil.copy2(tree / "arch/x86/boot/bzImage", work / "bzImage")
        shutil.copy2(tree / "vmlinux", work / "vmlinux")
        for file in ("bzImage", "vmlinux", "initrd-klibc.gz"):
            (work / file).rename(target / file)


def _klibc_entries(root: Path) -> Iterator[tuple[str, int, bytes]]:
    for folder in ("etc", "proc", "dev", "sys", "tmp", "lib", "bin"):
        yield folder, 0o040755, b""
    yield "init", 0o100755, (EXAMPLES / LINUX / "klibc-init").read_bytes()
    for path in sorted([*(root / "bin").iterdir(), *(root / "lib").glob("klibc-*.so")]):
        yield str(path.relative_to(root)), 0o100755, path.read_bytes()


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
    parser.add_argument("--build", action="store_true", help=f"build {LINUX} if it is missing")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(NAMES)):
        parser.error(f"no workload {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if options.list:
        _list()
        return 0
    failed = 0
    for name in options.names or [name for name in NAMES if name not in ON_REQUEST]:
        try:
            _bring_missing(name, check=options.check, may_build=options.build)
            print(f"{name}: there")
        except WorkloadError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = 1
    return failed


def _bring_missing(name: str, *, check: bool, may_build: bool) -> None:
    if not missing(name):
        return
    if check:
        raise WorkloadError(f"missing: {', '.join(missing(name))}; run me without --check")
    if name != LINUX:
        print(f"{name}: {', '.join(package.pool for package in PACKAGES[name])} ...", flush=True)
        bring(name)
        return
    if may_build:
        print(f"{name}: {LINUX_SOURCE.pool} ...", flush=True)
        build()
    if files := ", ".join(missing(name)):
        places = f"{SHARED / name} or {cache() / name}"
        hint = "" if may_build else ", or let --build make all but the busybox one"
        raise WorkloadError(f"put {files} into {places}{hint}")


if __name__ == "__main__":
    sys.exit(main())
