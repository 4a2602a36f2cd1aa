"""What the daemon takes from a machine file: what it is called and when it is started again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from hotswap.host.machine_fault import Fault, MachineError
from hotswap.host.machine_file import check, read_document

from .errors import DaemonError
from .restart import RestartPolicy

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""It is part of the names of files."""


class Entry(msgspec.Struct, frozen=True):
    """A machine file without faults; `digest` is of what stood in it."""

    name: str
    file: Path
    digest: str
    policy: RestartPolicy


def read_entry(path: Path) -> Entry:
    """Look at a machine file; without a name in it, its own is the machine's.

    What is in images and cards is found by the machine's process. Raises `MachineError`.
    """
    document = read_document(path)
    checked = check(document, base=path.parent)
    table = checked.machine.machine
    name = table.name if "name" in table.model_fields_set else path.stem
    faults = checked.faults
    if not NAME.fullmatch(name):
        what = (
            f"the daemon cannot call a machine {name!r}: up to 64 letters, digits, dots, - and _, "
            "the first a letter or digit"
        )
        faults = [*faults, Fault("machine.name", what)]
    if faults:
        raise MachineError(str(path), faults)
    policy = RestartPolicy(
        restart=table.restart,
        delay=table.restart_delay,
        delay_max=table.restart_delay_max,
        limit=table.restart_limit,
        within=table.restart_within,
    )
    return Entry(name, path, digest_of(path), policy)


def digest_of(path: Path) -> str:
    """Of a machine file; empty when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def machine_files(folder: Path | None, files: Iterable[Path]) -> list[Path]:
    """The files of `folder` in the order of their names, then `files`; each once.

    Raises `DaemonError` when there is no such folder.
    """
    found: list[Path] = []
    if folder is not None:
        try:
            entries = sorted(folder.absolute().iterdir())
        except OSError as error:
            raise DaemonError(
                f"--dir {folder}: {error.strerror}; give a folder of *.toml files"
            ) from error
        found = [path for path in entries if path.suffix == ".toml" and path.name[0] != "."]
    return list(dict.fromkeys([*found, *(path.absolute() for path in files)]))
