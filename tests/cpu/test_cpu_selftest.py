"""What is active is found out by trying; what does not fit is refused, with a reason."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from hotswap.cpu import UnsupportedEngine, machine_code, probe, selftest, symbols
from hotswap.cpu.block_exits import install_block_exits
from hotswap.cpu.core import CLASS_FUNCTIONS, Core
from hotswap.cpu.native import Parameters
from hotswap.cpu.registers import Env

from .conftest import OpenPc

CPU = Path(__file__).parents[2] / "cpu"


def test_everything_is_active_here() -> None:
    found = probe()
    assert found.delivery == "native"
    assert found.block_exits
    assert found.block_counter
    assert found.fast_stores
    assert found.notes == ()
    assert re.search(r"engine +Unicorn 2\.\d+\.\d+\n", str(found))
    assert "fast stores    active" in str(found)


def test_another_version_is_refused_with_the_one_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbols, "KNOWN_VERSIONS", ((9, 9, 9),))
    with pytest.raises(
        UnsupportedEngine, match=r"Unicorn 2\.\d+\.\d+ .* pip install unicorn==9.9.9"
    ):
        Core("486")


def test_another_host_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(UnsupportedEngine, match="linux on aarch64"):
        Core("486")


def test_a_build_without_a_symbol_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(symbols._SIGNATURES, "qemu_no_such_thing", (None, []))
    with pytest.raises(UnsupportedEngine, match="qemu_no_such_thing"):
        Core("486")


def test_another_layout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shifted(ctypes.Structure):
        _fields_ = (("_pad", ctypes.c_uint64), *Env._fields_)

    monkeypatch.setattr("hotswap.cpu.core.Env", Shifted)
    with pytest.raises(UnsupportedEngine, match="CPUX86State"):
        Core("486")


def test_the_engine_s_class_is_read_no_further_than_its_memory_goes() -> None:
    core = Core("486")
    usable_size = ctypes.CDLL(None).malloc_usable_size
    usable_size.restype = ctypes.c_size_t
    end = core.cs + usable_size(ctypes.c_void_p(core.cs))
    assert core.common.cc + 8 * CLASS_FUNCTIONS <= end
    slots = core.class_slots(core.parameters.tlb_fill)
    assert len(slots) == 2
    assert all(core.common.cc <= slot < end for slot in slots)


def test_other_code_where_the_exit_flag_is_tested_is_refused() -> None:
    core = Core("486")
    core.symbols._functions["check_exit_request"] = core.symbols._functions["uc_emu_stop"]
    with pytest.raises(UnsupportedEngine, match="check_exit_request"):
        install_block_exits(core)


def test_an_engine_that_misbehaves_is_refused() -> None:
    with pytest.raises(UnsupportedEngine, match="the answer is 41, should be 42"):
        selftest._Bench.expect("the answer", 41, 42)


async def test_fast_stores_alone_may_be_missing(
    open_pc: OpenPc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Core, "class_slots", _without(Core.class_slots, "tlb_fill"))
    selftest.probe.cache_clear()
    try:
        found = probe()
        assert not found.fast_stores
        assert "CPUClass.tlb_fill stands in 0 places" in found.notes[0]
        async with open_pc() as pc:
            assert pc.processor.engine.stores is None
            pc.put(0x2000, "fa f4")
            pc.start(0x2000)
            await pc.run_to_halt()
    finally:
        selftest.probe.cache_clear()


def _without(original: object, function: str) -> object:
    def slots(self: Core, address: int) -> list[int]:
        if address == self.symbols.address_of(f"x86_cpu_{function}"):
            return []
        found: list[int] = original(self, address)  # type: ignore[operator]
        return found

    return slots


# -- the thunks -----------------------------------------------------------------------------------


def _rebuild() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rebuild", CPU / "thunks" / "rebuild.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_machine_code_is_that_of_its_sources() -> None:
    if shutil.which("gcc") is None:
        pytest.skip("NOT TESTED: gcc is missing, so the thunks were not translated again")
    rebuild = _rebuild()
    if rebuild.compiler() != machine_code.COMPILER:
        pytest.skip(f"NOT TESTED: {rebuild.compiler()} is not {machine_code.COMPILER}")
    assert rebuild.build() == (CPU / "machine_code.py").read_text()


def test_python_and_c_agree_on_the_parameters() -> None:
    header = (CPU / "thunks" / "thunks.h").read_text()
    body = header.split("struct params {")[1].split("};")[0]
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
    names: list[str] = []
    for declaration in filter(str.strip, body.split(";")):
        function = re.search(r"\(\*+(\w+)\)\(", declaration)
        names += [function[1]] if function else re.findall(r"(\w+)\s*(?:,|$)", declaration.strip())
    assert names == [name for name, *_ in Parameters._fields_]


def test_the_thunks_fit_their_pages() -> None:
    assert len(machine_code.CODE) <= 3 * 4096
    assert all(at < len(machine_code.CODE) for at in machine_code.ENTRIES.values())
