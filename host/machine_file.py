"""Machine files: a whole PC in TOML, checked as a whole before anything starts.

The tables are the classes below; `docs/machine.schema.json` is their JSON Schema. The options of
`hotswap-host run` are shorthand for the same tables. Paths are relative to the file.
"""

from __future__ import annotations

import json
import re
import stat
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from hotswap.cpu import Model
from hotswap.switchover.trust import trusted_key

from .backends import is_file
from .elf_cards import is_elf_path
from .machine_fault import Fault, MachineError, from_pydantic
from .network import FORMS, is_form

Place: TypeAlias = tuple[int | str, ...]
Diskette: TypeAlias = Literal["360K", "1.2M", "720K", "1.44M", "2.88M"]


def _below_base(path: Path, info: ValidationInfo) -> Path:
    return Path((info.context or {}).get("base", "")) / path.expanduser()


def _is_there(path: Path) -> Path:
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            raise _no_file(path, "is a directory" if stat.S_ISDIR(mode) else "is no file")
        with path.open("rb"):
            return path
    except OSError as error:
        raise _no_file(path, error.strerror or "unreadable") from error


def _can_be_made(path: Path) -> Path:
    if not path.exists() and not path.parent.is_dir():
        raise _no_file(path, "there is no such directory")
    return path


def _no_file(path: Path, why: str) -> PydanticCustomError:
    return PydanticCustomError("file", "{path}: {why}", {"path": str(path), "why": why})


def _serial_end(to: str, info: ValidationInfo) -> str:
    return str(_can_be_made(_below_base(Path(to), info))) if is_file(to) else to


def _card_name(name: str, info: ValidationInfo) -> str:
    """An ELF file with its whole path."""
    return str(_is_there(_below_base(Path(name), info)).absolute()) if is_elf_path(name) else name


def _card_end(to: str, info: ValidationInfo) -> str:
    return to if is_form(to) else _serial_end(to, info)


def _network_end(to: str) -> str:
    if not is_form(to):
        raise PydanticCustomError("forms", "is no network", {"allowed": FORMS})
    return to


def _plug_and_play(pnp: bool, info: ValidationInfo) -> bool:
    set_here = [name for name in ("base", "irq") if info.data.get(name) is not None]
    if pnp and set_here:
        why = "the guest chooses {what}: leave it out, or set no pnp"
        raise PydanticCustomError("pnp", why, {"what": set_here[0]})
    return pnp


def _trusted(word: str, info: ValidationInfo) -> str:
    """A key as it is, a file with its whole path."""
    path = _below_base(Path(word), info)
    word = str(path) if path.is_file() else word
    try:
        trusted_key(word)
    except ValueError as error:
        raise PydanticCustomError("key", "{why}", {"why": str(error)}) from error
    return word


SERIAL_FORMS = "stdio, pty, tcp:HOST:PORT, none or a file"
NewFile = Annotated[
    Path, Field(strict=False), AfterValidator(_below_base), AfterValidator(_can_be_made)
]
ImageFile = Annotated[
    Path, Field(strict=False), AfterValidator(_below_base), AfterValidator(_is_there)
]
SerialEnd = Annotated[str, Field(description=SERIAL_FORMS), AfterValidator(_serial_end)]
CardEnd = Annotated[
    str, Field(description=f"{SERIAL_FORMS}; {', '.join(FORMS[1:])}"), AfterValidator(_card_end)
]
NetworkEnd = Annotated[str, Field(description=", ".join(FORMS)), AfterValidator(_network_end)]
TrustedKey = Annotated[str, AfterValidator(_trusted)]
Base = Annotated[int | None, Field(ge=0, le=0xFFFF, description="first port")]
Irq = Annotated[int | None, Field(ge=0, le=15)]
PlugAndPlay = Annotated[
    bool, Field(description="the guest chooses base and IRQ"), AfterValidator(_plug_and_play)
]


class Table(BaseModel):
    """A table of a machine file: unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class MachineTable(Table):
    """`[machine]`: the board and what is soldered to it."""

    name: Annotated[str, Field(description="in logs and answers")] = "machine"
    cpu: Model = "486"
    memory: Annotated[int, Field(ge=1, le=3072, description="MiB")] = 64
    clock: Annotated[
        Literal["real", "instructions"],
        Field(description="instructions: deterministic, time is counted in them"),
    ] = "real"
    rate: Annotated[int, Field(ge=1_000_000, description="instructions a second")] = 100_000_000
    time: Annotated[
        datetime | None, Field(description="of the clock at power-on; by default the host's")
    ] = None
    reboot: Annotated[
        bool, Field(description="false: the run ends when the guest resets the machine")
    ] = True
    cards: Annotated[
        Literal["pc", "plain"] | None,
        Field(description="pc: those of a PC; plain: what a kernel with an LKUS note needs"),
    ] = None
    sandbox_deadline: Annotated[
        float,
        Field(gt=0, le=1000, description="ms a port cycle waits for a card with sandbox process"),
    ] = 1.0
    restart: Annotated[
        Literal["no", "on-failure", "always"],
        Field(description="under `serve`: when the machine has ended, but for an operator"),
    ] = "no"
    restart_delay: Annotated[
        float, Field(ge=0, le=86_400, description="s; doubled with every restart in restart_within")
    ] = 1.0
    restart_delay_max: Annotated[float, Field(ge=0, le=86_400, description="s")] = 60.0
    restart_limit: Annotated[
        int, Field(ge=1, le=1000, description="restarts in restart_within; then it has failed")
    ] = 5
    restart_within: Annotated[float, Field(ge=1, le=86_400, description="s")] = 300.0


class ModuleTable(Table):
    """`[[boot.modules]]`: a file a Multiboot kernel gets, and its command line."""

    path: ImageFile
    text: str = ""


class BootTable(Table):
    """`[boot]`: a kernel, a flat binary, or by default the BIOS."""

    kernel: Annotated[
        ImageFile | None, Field(description="Multiboot 1 (ELF or a.out kludge), bzImage, vmlinux")
    ] = None
    initrd: Annotated[ImageFile | None, Field(description="file system for the kernel")] = None
    append: Annotated[str, Field(description="kernel command line")] = ""
    modules: Annotated[
        list[ModuleTable], Field(description="files for a Multiboot kernel, after the initrd")
    ] = []
    flat: Annotated[ImageFile | None, Field(description="binary without a header")] = None
    address: Annotated[
        int, Field(ge=0x500, le=0xBFFF_FFFF, description="of flat, and where it is entered")
    ] = 0x7C00
    mode: Annotated[
        Literal["real", "protected"] | None,
        Field(description="in which flat is entered; by default real below 1 MiB"),
    ] = None
    bios: Annotated[ImageFile | None, Field(description="by default SeaBIOS")] = None
    roms: Annotated[
        list[ImageFile] | None, Field(description="option ROMs; by default the VGA's")
    ] = None
    order: Annotated[
        list[Literal["floppy", "disk", "cdrom", "network"]],
        Field(max_length=3, description="what the BIOS tries"),
    ] = ["floppy", "disk"]


class SerialTable(Table):
    """`[[serial]]`: a serial port, COM1 first; by default on IRQ 4, 3, 5 and 11."""

    to: SerialEnd = "stdio"
    base: Base = None
    irq: Irq = None
    pnp: PlugAndPlay = False


class ParallelTable(Table):
    """`[[parallel]]`: a printer port, LPT1 first; by default on IRQ 7 and 5."""

    to: SerialEnd = "none"
    base: Base = None
    irq: Irq = None


class FloppyTable(Table):
    """`[[floppy]]`: a drive, A first; without an image it is empty."""

    image: Annotated[ImageFile | None, Field(description="sectors, nothing else")] = None
    kind: Annotated[Diskette | None, Field(description="by default what fits the image")] = None
    read_only: bool = False


class DiskTable(Table):
    """`[[disk]]`: a drive on the ISA IDE channels, primary master first."""

    image: Annotated[ImageFile, Field(description="sectors, nothing else")]
    overlay: Annotated[NewFile | None, Field(description="takes all writes, made if needed")] = None
    read_only: bool = False
    geometry: Annotated[
        list[Annotated[int, Field(ge=1, le=65535)]] | None,
        Field(min_length=3, max_length=3, description="cylinders, heads, sectors"),
    ] = None


class NetworkTable(Table):
    """`[[network]]`: an NE2000; by default at 0x300, 0x320, ... on IRQ 9, 10, 11 and 5."""

    to: NetworkEnd = "none"
    capture: Annotated[NewFile | None, Field(description="pcapng file of all frames")] = None
    base: Base = None
    irq: Irq = None
    mac: Annotated[str | None, Field(description="XX:XX:XX:XX:XX:XX")] = None
    pnp: PlugAndPlay = False


class DisplayTable(Table):
    """`[display]`: where the screen is shown; in the terminal, COM1 leads nowhere by default."""

    to: Literal["none", "terminal"] = "none"


class CardTable(Table):
    """`[[card]]`: any other card; or settings for one of those a PC has anyway."""

    name: Annotated[
        str, Field(description="as its entry point is called, or its ELF file"),
        AfterValidator(_card_name),
    ]  # fmt: skip
    slot: Annotated[int | None, Field(ge=0, le=255, description="by default the next free one")] = (
        None
    )
    settings: Annotated[dict[str, Any], Field(description="its jumpers")] = {}
    sandbox: Annotated[
        Literal["engine", "process"],
        Field(description="where the code of an ELF file runs; process: it can touch nothing"),
    ] = "engine"
    to: Annotated[
        CardEnd | None, Field(description="what its connector leads to, as of serial or network")
    ] = None
    restart: Annotated[
        Literal["no", "cold", "state"],
        Field(description="when it has faulted: as at power-on, or with the state it had"),
    ] = "no"
    restart_delay: Annotated[
        float, Field(ge=0, le=3600, description="s of machine time; doubled with every restart")
    ] = 0.1
    restart_limit: Annotated[
        int, Field(ge=1, le=1000, description="restarts in restart_within; then it stays off")
    ] = 5
    restart_within: Annotated[float, Field(ge=1, le=86_400, description="s of machine time")] = 60.0


class SwitchoverTable(Table):
    """`[switchover]`: which kernels may replace the running one."""

    trust: Annotated[
        list[TrustedKey], Field(description="minisign keys, or the files they are in")
    ] = []
    signatures: Annotated[
        Literal["none", "warn", "require"] | None,
        Field(description="of images: by default required when a key is trusted"),
    ] = None


class MachineFile(Table):
    """A whole machine file."""

    machine: MachineTable = MachineTable()
    boot: BootTable = BootTable()
    serial: Annotated[list[SerialTable], Field(max_length=4)] = [SerialTable()]
    parallel: Annotated[list[ParallelTable], Field(max_length=2)] = []
    floppy: Annotated[list[FloppyTable], Field(max_length=2)] = []
    disk: Annotated[list[DiskTable], Field(max_length=4)] = []
    network: Annotated[list[NetworkTable], Field(max_length=4)] = []
    display: DisplayTable = DisplayTable()
    switchover: SwitchoverTable = SwitchoverTable()
    card: list[CardTable] = []


def read_document(path: Path) -> dict[str, Any]:
    """A machine file as it is written. Raises `MachineError` when it is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MachineError(str(path), [Fault("", error.strerror or str(error))]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MachineError(str(path), [Fault("", f"is not TOML: {error}")]) from error


def json_schema() -> str:
    """The JSON Schema of machine files."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema | MachineFile.model_json_schema(), indent=2) + "\n"


class Checked(msgspec.Struct, frozen=True):
    """What is left of a document without its faulty parts, and the faults.

    `numbers` says for each list which of the document's elements are left.
    """

    machine: MachineFile
    faults: list[Fault]
    numbers: dict[Place, list[int]]

    def in_document(self, fault: Fault) -> Fault:
        """A fault that was found in `machine`, with the places the document has."""

        def renumber(match: re.Match[str]) -> str:
            numbers = self.numbers.get(tuple(match[1].split(".")))
            return f"{match[1]}[{numbers[int(match[2])] if numbers else match[2]}]"

        path, what = (
            re.sub(r"\b([a-z.]+)\[(\d+)\]", renumber, text) for text in (fault.path, fault.what)
        )
        return msgspec.structs.replace(fault, path=path, what=what)


def check(document: Mapping[str, Any], base: Path) -> Checked:
    """Check a document whose paths are relative to `base`."""
    rest: Any = document
    faults: list[Fault] = []  # of the first round: later ones come from what was left out
    numbers: dict[Place, list[int]] = {}
    while True:
        try:
            machine = MachineFile.model_validate(rest, context={"base": base})
            return Checked(machine, faults, numbers)
        except ValidationError as error:
            found = error.errors(include_url=False)
        faults = faults or [from_pydantic(MachineFile, each) for each in found]
        places = {each["loc"][:-1] if each["type"] == "missing" else each["loc"] for each in found}
        kept: dict[Place, list[int]] = {}
        if (pruned := _without(rest, places, kept)) == rest:
            pruned = _without(rest, {place[:1] for place in places}, kept)
        for place, left in kept.items():
            numbers[place] = [numbers[place][n] for n in left] if place in numbers else left
        rest = pruned


def _without(part: Any, places: set[Place], kept: dict[Place, list[int]], here: Place = ()) -> Any:
    """A copy of `part` that lacks what is at `places`; `kept` has what is left of its lists."""
    if isinstance(part, Mapping):
        return {
            key: _without(value, places, kept, (*here, key))
            for key, value in part.items()
            if (*here, key) not in places
        }
    if isinstance(part, list):
        kept[here] = [number for number in range(len(part)) if (*here, number) not in places]
        return [_without(part[number], places, kept, (*here, number)) for number in kept[here]]
    return part
