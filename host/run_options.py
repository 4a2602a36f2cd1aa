"""The options of `hotswap-host run` that are shorthand for tables of a machine file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hotswap.bus import SECTOR

from .backends import is_file
from .drives import DISKETTES
from .loader_image import is_boot_disk
from .machine_fault import Fault

OPTIONS = {
    "machine.memory": "--memory", "machine.cpu": "--cpu", "machine.clock": "--deterministic",
    "boot.kernel": "IMAGE", "boot.initrd": "--initrd", "boot.append": "--append",
    "boot.modules": "--module", "boot.flat": "IMAGE", "boot.address": "--flat",
    "boot.bios": "--bios",
    "serial": "--serial", "floppy": "--floppy", "disk": "--disk", "network": "--net",
    "display": "--display", "switchover.trust": "--trust", "switchover.signatures": "--signatures",
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
    trust: Sequence[str] = ()
    signatures: str | None = None

    def starts_something(self) -> bool:
        """Whether there is something to boot, or a BIOS that looks for it."""
        return bool(self.image or self.bios or self.floppies or self.disks)


def apply(options: RunOptions, document: Mapping[str, Any], here: Path) -> dict[str, Any]:
    """A machine file's document with what the options say in place of what it says.

    Paths among the options are relative to `here`.
    """
    result = dict(document)
    machine: dict[str, Any] = _given(options, ("memory", "cpu"))
    if options.deterministic:
        machine["clock"] = "instructions"
    if options.no_reboot:
        machine["reboot"] = False
    boot = _given(options, ("append",))
    floppies, disks = [*options.floppies], [*options.disks]
    image = options.image
    if image is not None and options.flat is not None:
        boot |= {"flat": str(here / image), "address": options.flat}
    elif image is not None and is_boot_disk(image):
        diskette = image.stat().st_size // SECTOR in DISKETTES
        (floppies if diskette else disks).insert(0, image)
    elif image is not None:
        boot["kernel"] = str(here / image)
    for key, path in (("initrd", options.initrd), ("bios", options.bios)):
        if path is not None:
            boot[key] = str(here / path)
    if options.modules:
        boot["modules"] = [_module(text, here) for text in options.modules]
    display = _given(options, ("display",), "to")
    switchover = _given(options, ("signatures",))
    if options.trust:
        switchover["trust"] = [_key(word, here) for word in options.trust]
    tables = {"machine": machine, "boot": boot, "display": display, "switchover": switchover}
    for key, values in tables.items():
        if values and isinstance(table := result.get(key, {}), Mapping):
            result[key] = {**table, **values}
    lists: dict[str, list[dict[str, Any]]] = {
        "floppy": [{"image": str(here / path)} for path in floppies],
        "disk": [{"image": str(here / path)} for path in disks],
        "network": [{"to": to} for to in options.networks],
    }
    result |= {key: tables for key, tables in lists.items() if tables}
    if options.serial is not None:
        result["serial"] = _first_to(result.get("serial"), options.serial, here)
    return result


def as_options(fault: Fault) -> Fault:
    """The fault with its place named as on the command line."""
    what = fault.what
    for path, option in OPTIONS.items():
        if "." in path:
            what = re.sub(rf"\b{re.escape(path)}\b", option, what)
    for path, option in OPTIONS.items():
        if fault.path == path or re.match(re.escape(path) + r"[.\[]", fault.path):
            return msgspec.structs.replace(fault, path=option, what=what)
    return msgspec.structs.replace(fault, what=what)


def _given(options: RunOptions, names: Sequence[str], key: str = "") -> dict[str, Any]:
    values = {key or name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _first_to(ports: Any, to: str, here: Path) -> Any:
    """The serial ports of a document, of which the first leads to `to`."""
    to = str(here / to) if is_file(to) else to
    if isinstance(ports, list) and ports and isinstance(ports[0], Mapping):
        return [{**ports[0], "to": to}, *ports[1:]]
    return [{"to": to}]


def _key(word: str, here: Path) -> str:
    return str(here / word) if (here / word).is_file() else word


def _module(text: str, here: Path) -> dict[str, str]:
    path, _, line = text.partition(" ")
    return {"path": str(here / path), "text": line}
