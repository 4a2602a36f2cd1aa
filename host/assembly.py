"""From a machine file to the parts of a machine: images read, cards made, conflicts found.

Everything that can be wrong is found here, before anything is opened for writing or started.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import msgspec

from hotswap.bus import SECTOR, HotswapError
from hotswap.switchover.image import KernelImage
from hotswap.switchover.memory import MIB, RAM_MIN, plan_memory

from .board import BoardConfig, PlugIn
from .loader import Loaded, Module, load_multiboot
from .loader_flat import flat_mode, jump_rom, load_flat
from .loader_image import read_image, recognise
from .loader_linux import LinuxImage, load_linux
from .machine_fault import Fault, MachineError, fault
from .machine_file import DiskTable, FloppyTable, MachineFile
from .media import guess_geometry, open_medium
from .pc import Found, Geometry, plug_ins, wanted_cards
from .rom import BIOS, VGA_BIOS, PoweredOn, find_rom, read_bios, read_option_rom, shadow

DISKETTES = {320: "360K", 360: "360K", 640: "360K", 720: "360K", 1440: "720K",
             2400: "1.2M", 2880: "1.44M", 5760: "2.88M"}  # fmt: skip
"""Drives by the sectors of their diskettes."""
INITRD_MAX = 1 << 30
HEADS_MAX, TRACK_MAX = 16, 63


class Cold(msgspec.Struct, frozen=True):
    """A kernel that takes part in switchovers, for `Board.boot`."""

    image: KernelImage
    initrd: bytes
    append: str


class Assembly(msgspec.Struct, frozen=True):
    """A machine that can be built: see `machine.open_machine`."""

    file: MachineFile
    config: BoardConfig
    cards: Sequence[PlugIn]
    start: Cold | Loaded | PoweredOn


def assemble(file: MachineFile, faults: Sequence[Fault] = (), source: str = "") -> Assembly:
    """Put a machine together. Raises `MachineError` with `faults` and all that are found."""
    found_faults = list(faults)
    assembler = _Assembler(file, found_faults)
    assembly = assembler.assembly()
    if found_faults or assembly is None:
        raise MachineError(source, found_faults)
    return assembly


class _Assembler:
    def __init__(self, file: MachineFile, faults: list[Fault]) -> None:
        self.file = file
        self.faults = faults
        self.ram = file.machine.memory * MIB
        self.bios = b""
        self.options: dict[str, bytes] = {}

    @contextmanager
    def _at(self, path: str) -> Iterator[None]:
        """What is raised in here is a fault of the item at `path`."""
        try:
            yield
        except HotswapError as error:
            self.faults.append(Fault(path, str(error)))

    def assembly(self) -> Assembly | None:
        machine = self.file.machine
        start = self._start()
        cold = isinstance(start, Cold)
        when = machine.time
        if when is not None and when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        config = BoardConfig(
            memory=machine.memory,
            cpu=machine.cpu,
            deterministic=machine.clock == "instructions",
            rate=machine.rate,
            wall_clock=None if when is None else int(when.timestamp()) * 1_000_000_000,
            name=machine.name,
            reboot=machine.reboot,
            switchover=cold,
        )
        geometries = [self._geometry(n, table) for n, table in enumerate(self.file.disk)]
        diskettes = [self._diskette(n, table) for n, table in enumerate(self.file.floppy)]
        found = Found(self.bios, self.options, geometries, diskettes)
        plan = plan_memory(self.ram) if cold and self.ram >= RAM_MIN else None
        pc = machine.cards == "pc" or (machine.cards is None and not cold)
        if not pc and (geometries or diskettes):
            self.faults.append(fault("machine.cards", "has no drives; choose pc", "plain"))
        cards = plug_ins(wanted_cards(self.file, config, plan, pc, found), self.faults)
        return None if start is None else Assembly(self.file, config, cards, start)

    # -- what is started ------------------------------------------------------------------------

    def _start(self) -> Cold | Loaded | PoweredOn | None:
        boot = self.file.boot
        named = [name for name in ("kernel", "flat", "bios") if getattr(boot, name) is not None]
        if len(named) > 1:
            self.faults.append(
                Fault(
                    f"boot.{named[1]}", f"a machine starts with one thing, here is {named[0]} too"
                )
            )
        if boot.kernel is None and (boot.initrd or boot.append or boot.modules):
            self.faults.append(Fault("boot.kernel", "is missing; initrd, append, modules need it"))
        if boot.kernel is not None:
            return self._kernel(boot.kernel)
        if boot.flat is not None:
            return self._flat(boot.flat)
        return self._bios()

    def _kernel(self, path: Path) -> Cold | Loaded | None:
        boot = self.file.boot
        initrd = b""
        modules: list[Module] = []
        if boot.initrd is not None:
            with self._at("boot.initrd"):
                initrd = read_image(boot.initrd, "initrd", INITRD_MAX)
        for number, table in enumerate(boot.modules):
            with self._at(f"boot.modules[{number}]"):
                content = read_image(table.path, "module", INITRD_MAX)
                modules.append(Module(content, f"{table.path.name} {table.text}".strip()))
        with self._at("boot.kernel"):
            image = recognise(path, ram=self.ram)
            if isinstance(image, LinuxImage):
                if modules:
                    self.faults.append(Fault("boot.modules", "Linux takes none; use initrd"))
                return load_linux(image, initrd, boot.append, self.ram)
            if image.note is not None and not modules:
                return Cold(image, initrd, boot.append)
            return load_multiboot(image, initrd, boot.append, self.ram, modules)
        return None

    def _flat(self, path: Path) -> Loaded | PoweredOn | None:
        boot = self.file.boot
        mode = flat_mode(boot.address, boot.mode)
        with self._at("boot.flat"):
            content = read_image(path, "flat binary")
            start = load_flat(content, path.name, boot.address, mode, self.ram)
            if isinstance(start, PoweredOn):
                self.bios = jump_rom(boot.address)
            return start
        return None

    def _bios(self) -> PoweredOn | None:
        boot = self.file.boot
        options: list[bytes] = []
        with self._at("boot.roms"):
            paths = [find_rom(VGA_BIOS, "boot.roms")] if boot.roms is None else boot.roms
            for path in paths:
                option = read_option_rom(path)
                options.append(option)
                folder = "vgaroms" if not self.options else "genroms"
                self.options[f"{folder}/{path.name}"] = option
        with self._at("boot.bios"):
            self.bios = read_bios(boot.bios or find_rom(BIOS, "boot.bios"))
            return shadow(self.bios, options)
        return None

    # -- drives ---------------------------------------------------------------------------------

    def _geometry(self, number: int, table: DiskTable) -> Geometry:
        path = f"disk[{number}]"
        with self._at(path), open_medium(table.image, read_only=True) as medium:
            if table.geometry is None:
                return guess_geometry(medium)
            cylinders, heads, track = table.geometry
            if heads > HEADS_MAX or track > TRACK_MAX:
                what = f"at most {HEADS_MAX} heads and {TRACK_MAX} sectors are possible"
                self.faults.append(fault(f"{path}.geometry", what, table.geometry))
            elif cylinders * heads * track > medium.sectors:
                what = f"has {cylinders * heads * track} sectors, the image {medium.sectors}"
                self.faults.append(fault(f"{path}.geometry", what, table.geometry))
            else:
                return cylinders, heads, track
        return 1, HEADS_MAX, TRACK_MAX

    def _diskette(self, number: int, table: FloppyTable) -> str:
        usual = table.kind or "1.44M"
        if table.image is None:
            return usual
        path = f"floppy[{number}]"
        with self._at(path), open_medium(table.image, read_only=True) as medium:
            kind = DISKETTES.get(medium.sectors)
            if kind is None:
                size = medium.sectors * SECTOR // 1024
                what = f"{table.image}: {size} KiB are the size of no diskette"
                sizes = sorted(sectors // 2 for sectors in DISKETTES)
                self.faults.append(fault(f"{path}.image", what, None, (f"{s}K" for s in sizes)))
            return table.kind or kind or usual
        return usual
