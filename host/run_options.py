"""The options of `hotswap-host run` that are shorthand for tables of a machine file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from .loader_image import is_boot_disk
from .machine_fault import Fault

DISKETTE_MAX = 2880 * 1024
"""Bytes; a boot disk up to this size is taken for a diskette."""

OPTIONS = {
    "machine.memory": "--memory", "machine.cpu": "--cpu", "machine.clock": "--deterministic",
    "boot.kernel": "IMAGE", "boot.initrd": "--initrd", "boot.append": "--append",
    "boot.modules": "--module", "boot.flat": "--flat", "boot.bios": "--bios",
    "serial": "--serial", "floppy": "--floppy", "disk": "--disk", "network": "--net",
    "display": "--display",
}  # fmt: skip
"""Where a fault is, as the command line has it."""


class RunOptions(msgspec.Struct, frozen=True):
    """What was given on the command line; None and empty are what was not."""

    image: Path | None = None
    initrd: Path | None = None
    append: str | None = None
    memory: int | None = None
    cpu: str | None = None
    serial: str | None = None
    deterministic: bool = False
    no_reboot: bool = False
    bios: Path | None = None
    flat: int | None = None
    modules: Sequence[str] = ()
    floppies: Sequence[Path] = ()
    disks: Sequence[Path] = ()
    networks: Sequence[str] = ()
    display: str | None = None

    def starts_something(self) -> bool:
        """Whether there is something to boot, or a BIOS that looks for it."""
        return bool(self.image or self.bios or self.floppies or self.disks)


def apply(options: RunOptions, document: Mapping[str, Any]) -> dict[str, Any]:
    """A machine file's document with what the options say in place of what it says."""
    result = dict(document)
    machine = {**result.get("machine", {}), **_given(options, ("memory", "cpu"))}
    if options.deterministic:
        machine["clock"] = "instructions"
    if options.no_reboot:
        machine["reboot"] = False
    boot = {**result.get("boot", {}), **_given(options, ("append",))}
    floppies, disks = [*options.floppies], [*options.disks]
    image = options.image
    if image is not None and options.flat is not None:
        boot |= {"flat": _absolute(image), "address": options.flat}
    elif image is not None and is_boot_disk(image):
        (floppies if image.stat().st_size <= DISKETTE_MAX else disks).insert(0, image)
    elif image is not None:
        boot["kernel"] = _absolute(image)
    for key, path in (("initrd", options.initrd), ("bios", options.bios)):
        if path is not None:
            boot[key] = _absolute(path)
    if options.modules:
        boot["modules"] = [_module(text) for text in options.modules]
    lists: dict[str, list[dict[str, Any]]] = {
        "floppy": [{"image": _absolute(path)} for path in floppies],
        "disk": [{"image": _absolute(path)} for path in disks],
        "network": [{"to": to, **_place(number)} for number, to in enumerate(options.networks)],
        "serial": [{"to": options.serial}] if options.serial is not None else [],
    }
    result |= {key: tables for key, tables in lists.items() if tables}
    if options.display is not None:
        result["display"] = {"to": options.display}
    return result | {"machine": machine, "boot": boot}


def as_options(fault: Fault) -> Fault:
    """The fault with its place named as on the command line."""
    for path, option in OPTIONS.items():
        if fault.path == path or re.match(re.escape(path) + r"[.\[]", fault.path):
            return msgspec.structs.replace(fault, path=option)
    return fault


def _given(options: RunOptions, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _absolute(path: Path) -> str:
    return str(path.absolute())


def _module(text: str) -> dict[str, str]:
    path, _, line = text.partition(" ")
    return {"path": _absolute(Path(path)), "text": line}


def _place(number: int) -> dict[str, int]:
    """Base and IRQ of the first, second, ... network card."""
    return {"base": 0x300 + 0x20 * number, "irq": (9, 10, 11, 5)[number % 4]}
