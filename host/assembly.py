"""From a machine file to the parts of a machine: images read, cards made, conflicts found.

Everything that can be wrong is found here, before anything is opened for writing or started.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec

from hotswap.switchover.image import KernelImage
from hotswap.switchover.memory import MIB, RAM_MIN, plan_memory
from hotswap.switchover.trust import Trust, trusted_key

from .board import BoardConfig, PlugIn
from .cables import Cable
from .card_kind import kind_of, of_file
from .drives import drives
from .loader import Loaded, Module, load_kernel, load_multiboot
from .loader_flat import flat_mode, jump_rom, load_flat
from .loader_image import read_image, recognise
from .loader_linux import LinuxImage, load_linux
from .machine_fault import Fault, MachineError, blamed, fault
from .machine_file import Checked, MachineFile, SerialTable
from .pc import Found, plug_ins, wanted_cards
from .rom import (
    BIOS,
    VBE_BIOS,
    VGA_BIOS,
    PoweredOn,
    find_rom,
    is_video_rom,
    read_bios,
    read_option_rom,
    shadow,
)

INITRD_MAX = 1 << 30
SHARED = frozenset({"none", "memory", "pty"})
"""Several connectors may lead there."""
STARTS = ("kernel", "flat", "bios")
"""What a machine can start with; without one, with the BIOS of the distribution."""
BELONGS = {"kernel": ("initrd", "append", "modules"), "flat": ("address", "mode"),
           "bios": ("roms",)}  # fmt: skip
"""Keys of `[boot]` that need another."""


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

    @property
    def cables(self) -> dict[int, Cable]:
        """What goes into the cards' connectors, by slot."""
        return {plug.slot: plug.cable for plug in self.cards if plug.cable is not None}


def assemble(checked: Checked, source: str = "") -> Assembly:
    """Put a machine together. Raises `MachineError` with all that is wrong with it."""
    assembler = _Assembler(checked.machine, [fault.path for fault in checked.faults])
    assembly = assembler.assembly()
    faults = [*checked.faults, *map(checked.in_document, assembler.faults)]
    if faults or assembly is None:
        raise MachineError(source, faults)
    return assembly


def _has_screen(plug: PlugIn) -> bool:
    kind = kind_of(plug.card) if plug.elf is None else of_file(plug.elf)
    return kind.has_screen


class _Assembler:
    def __init__(self, file: MachineFile, broken: Sequence[str]) -> None:
        self.file = file
        self.broken = broken
        self.faults: list[Fault] = []
        self.ram = file.machine.memory * MIB
        self.plan = plan_memory(self.ram) if self.ram >= RAM_MIN else None
        self.bios = b""
        self.options: dict[str, bytes] = {}

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
            sandbox_deadline=round(machine.sandbox_deadline * 1e6),
            switchover=cold,
            trust=self._trust(),
        )
        geometries, diskettes = drives(self.file, self.faults)
        found = Found(self.bios, self.options, geometries, diskettes)
        plan = self.plan if cold else None
        pc = machine.cards == "pc" or (machine.cards is None and not cold)
        if not pc and (geometries or diskettes):
            self.faults.append(fault("machine.cards", "has no drives; choose pc", "plain"))
        if self.file.display.to == "terminal":
            self.file = self._without_stdio()
        self._check_cables()
        cards = plug_ins(wanted_cards(self.file, config, plan, pc, found), self.faults)
        if self.file.display.to == "terminal" and not any(map(_has_screen, cards)):
            what = "no card has a screen; add card vga, or choose the cards of a pc"
            self.faults.append(fault("display.to", what, "terminal"))
        return None if start is None else Assembly(self.file, config, cards, start)

    def _trust(self) -> Trust:
        table = self.file.switchover
        keys = tuple(map(trusted_key, table.trust))
        if table.signatures in {"warn", "require"} and not keys:
            what = "no key is trusted; add one to switchover.trust"
            self.faults.append(Fault("switchover.signatures", what))
        return Trust(keys, table.signatures or ("require" if keys else "none"))

    def _without_stdio(self) -> MachineFile:
        """The terminal is the screen's: a port leads there by mistake, or only by default."""
        ports: list[SerialTable] = []
        for table in self.file.serial:
            by_default = "to" not in table.model_fields_set
            ports.append(table.model_copy(update={"to": "none"}) if by_default else table)
        named = [(f"serial[{number}].to", port.to) for number, port in enumerate(ports)]
        named += [(f"parallel[{n}].to", port.to) for n, port in enumerate(self.file.parallel)]
        what = "the screen is shown in the terminal; send it elsewhere, e.g. to pty or a file"
        self.faults += [fault(path, what, to) for path, to in named if to == "stdio"]
        return self.file.model_copy(update={"serial": ports})

    def _given(self, path: str) -> bool:
        """Whether something stands there, be it wrong."""
        here: Any = self.file
        for name in path.split("."):
            here = getattr(here, name)
        wrong = any(re.match(re.escape(path) + r"(\W|$)", place) for place in self.broken)
        return wrong or here not in (None, [])

    # -- what is started ------------------------------------------------------------------------

    def _start(self) -> Cold | Loaded | PoweredOn | None:
        boot, named = self.file.boot, [name for name in STARTS if self._given(f"boot.{name}")]
        for name in named[1:]:
            what = f"a machine starts with one thing, here is {named[0]} too"
            self.faults.append(Fault(f"boot.{name}", what))
        for owner, keys in BELONGS.items():
            if owner not in named and (owner != "bios" or named):
                self.faults += [
                    Fault(f"boot.{key}", f"belongs to boot.{owner}, which is not there")
                    for key in keys
                    if key in boot.model_fields_set and getattr(boot, key)
                ]
        if not named and not self._given("disk") and not self._given("floppy"):
            what = "there is nothing to start; give kernel, flat or bios, or a disk or floppy"
            self.faults.append(Fault("boot", what))
        if named and getattr(boot, named[0]) is None:
            return None  # it is a fault already
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
            with blamed(self.faults, "boot.initrd"):
                initrd = read_image(boot.initrd, "initrd", INITRD_MAX)
        for number, table in enumerate(boot.modules):
            with blamed(self.faults, f"boot.modules[{number}]"):
                content = read_image(table.path, "module", INITRD_MAX)
                modules.append(Module(content, f"{table.path.name} {table.text}".strip()))
        with blamed(self.faults, "boot.kernel"):
            image = recognise(path, ram=self.ram)
            if isinstance(image, LinuxImage):
                if modules:
                    self.faults.append(Fault("boot.modules", "Linux takes none; use initrd"))
                return load_linux(image, initrd, boot.append, self.ram)
            if image.note is not None and not modules:
                load_kernel(image, initrd, boot.append, self.plan, self.ram, lambda *_: None)
                return Cold(image, initrd, boot.append)
            return load_multiboot(image, initrd, boot.append, self.ram, modules)
        return None

    def _flat(self, path: Path) -> Loaded | PoweredOn | None:
        boot = self.file.boot
        mode = flat_mode(boot.address, boot.mode)
        with blamed(self.faults, "boot.flat"):
            content = read_image(path, "flat binary")
            start = load_flat(content, path.name, boot.address, mode, self.ram)
            if isinstance(start, PoweredOn):
                self.bios = jump_rom(boot.address)
            return start
        return None

    def _bios(self) -> PoweredOn | None:
        boot = self.file.boot
        options: list[bytes] = []
        with blamed(self.faults, "boot.roms"):
            has_vbe = any(card.name == "framebuffer" for card in self.file.card)
            usual = VBE_BIOS if has_vbe else VGA_BIOS
            paths = [find_rom(usual, "boot.roms")] if boot.roms is None else boot.roms
            for number, path in enumerate(paths):
                option = read_option_rom(path)
                options.append(option)
                folder = "vgaroms" if is_video_rom(option) else "genroms"
                self.options[f"{folder}/{number}.rom"] = option
        with blamed(self.faults, "boot.bios"):
            self.bios = read_bios(boot.bios or find_rom(BIOS, "boot.bios"))
            return shadow(self.bios, options)
        return None

    def _check_cables(self) -> None:
        """Two connectors that lead to the same file or terminal."""
        file = self.file
        ends = [(f"serial[{n}].to", table.to) for n, table in enumerate(file.serial)]
        ends += [(f"parallel[{n}].to", table.to) for n, table in enumerate(file.parallel)]
        ends += [
            (f"network[{n}].capture", str(table.capture))
            for n, table in enumerate(file.network)
            if table.capture is not None
        ]
        taken: dict[str, str] = {}
        for path, to in ends:
            if to in taken and to not in SHARED:
                self.faults.append(fault(path, f"{taken[to]} leads there, too", to))
            taken.setdefault(to, path)
