"""What several test files share."""

import ctypes
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
import trio
from hypothesis import settings

from hotswap.host.loader import LoadError
from hotswap.host.logs import configure
from hotswap.host.prove.sample_map import sample_map
from hotswap.host.rom import BIOS, find_rom
from hotswap.host.sandbox import SandboxPool
from hotswap.host.sdk.errors import SdkError
from hotswap.host.sdk.toolchain import NAMES, Compiler, find_compiler
from hotswap.switchover.layout import Record, layout_of
from hotswap.switchover.records import Time
from hotswap.switchover.savemap import SaveStateMap
from hotswap.switchover.schema import KINDS, SectionType

settings.register_profile("usual", deadline=None)  # test hosts are slow and busy
settings.load_profile("usual")
settings.register_profile("campaign", max_examples=10_000, deadline=None)  # nox -s campaign
INCLUDE = Path(__file__).parents[1] / "examples" / "refkernel" / "include"


@pytest.fixture
def fit_map() -> SaveStateMap:
    """A map with something in every section and nothing wrong with it."""
    return sample_map()


def _random_record(record: type[Record], chance: random.Random) -> Record:
    values: list[object] = []
    for field in layout_of(record).fields:
        if field.nested:
            values.append(_random_record(field.nested, chance))
        elif field.word.length:
            values.append(chance.randbytes(field.size - 1) + b"\1")
        else:
            values.append(chance.choice([0, 1, chance.getrandbits(8 * field.size)]))
    return record(*values)


@pytest.fixture(scope="session")
def random_map() -> Callable[[random.Random], SaveStateMap]:
    """Makes maps with random sections of random records: well formed, but without sense."""

    def make(chance: random.Random) -> SaveStateMap:
        found = SaveStateMap(blob=chance.randbytes(chance.choice([0, 1, 8, 99])))
        for kind in KINDS.values():
            count = chance.choice([0, 0, 1, 2, 3])
            records = [_random_record(kind.record, chance) for _ in range(count)]
            if kind.section is SectionType.TIME:
                found.time = Time(mono_ns=chance.getrandbits(64))
            elif kind.section is not SectionType.BLOB:
                setattr(found, kind.section.name.lower(), records)
        for pipe in found.pipe:
            pipe.data = chance.randbytes(chance.choice([0, 1, 7, 8, 9, 100]))
            pipe.len = len(pipe.data)
        return found

    return make


@pytest.fixture(scope="session")
def compile_c(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ctypes.CDLL]:
    """Compiles C that includes ssm.h and loads it; skips where there is no gcc (CI has one)."""
    if not shutil.which("gcc"):
        pytest.skip("NOT TESTED: gcc is missing, so ssm.h was not compiled")
    folder = tmp_path_factory.mktemp("c")

    def build(source: str) -> ctypes.CDLL:
        number = len(list(folder.iterdir()))
        text, library = folder / f"{number}.c", folder / f"{number}.so"
        text.write_text("#define SSM_SOFT_CRC\n" + source)
        warnings = ["-Wall", "-Wextra", "-Werror"]
        subprocess.run(
            ["gcc", "-O1", "-shared", "-fPIC", *warnings, f"-I{INCLUDE}", "-o", library, text],
            check=True,
        )
        return ctypes.CDLL(str(library))

    return build


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Installs a distribution of one module that offers one card, named like the module."""

    def install(module: str, source: str) -> None:
        metadata = tmp_path / f"{module}-1.0.dist-info"
        metadata.mkdir(exist_ok=True)
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: their-{module}\nVersion: 1.0\n"
        )
        (metadata / "entry_points.txt").write_text(f"[hotswap.cards]\n{module} = {module}\n")
        (tmp_path / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of `compiler` is one for each that is here: gcc, and after `nox -s compilers` zig."""
    if "compiler" in metafunc.fixturenames:
        found = [compiler for name in NAMES if (compiler := _compiler(name)) is not None]
        metafunc.parametrize("compiler", found or [None], indirect=True, ids=_compiler_name)


def _compiler(name: str) -> Compiler | None:
    try:
        return find_compiler(name)
    except SdkError:
        return None


def _compiler_name(compiler: Compiler | None) -> str:
    return compiler.name if compiler else "none"


@pytest.fixture
def compiler(request: pytest.FixtureRequest) -> Compiler:
    """What cards in C are built with."""
    if not isinstance(request.param, Compiler):
        pytest.skip("NOT TESTED: there is no compiler for cards in C (apt install gcc)")
    return request.param


@pytest.fixture(autouse=True, scope="session")
def quiet_log() -> None:
    """Only errors are logged, to stderr: tests read what they want to know."""
    configure("error")


@pytest.fixture(autouse=True)
def logging_goes_on() -> Iterator[None]:
    """A test that runs a command has the log go to a stderr of its own: only until it ends."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def seabios() -> Path:
    """SeaBIOS for a test that boots by it; skips, or fails where the gate wants everything."""
    try:
        return find_rom(BIOS, "boot.bios")
    except LoadError as error:
        said = f"NOT TESTED: {error}"
        if os.environ.get("HOTSWAP_HOST_WORKLOADS_REQUIRED"):
            pytest.fail(said)
        pytest.skip(said)


@pytest.fixture(scope="session")
def hostile_pool() -> Iterator[SandboxPool]:
    """Confined processes that do what tests/sandbox_hostile.py has in store."""
    with SandboxPool(entry="sandbox_hostile:main") as pool:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
            trio.run(pool.prepare)  # the process all others are forked from
        yield pool
