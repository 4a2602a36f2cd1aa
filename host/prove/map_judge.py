"""The C reader of maps, `ssm_read.h`, as a program of its own (examples/mapreader)."""

from __future__ import annotations

import shlex
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from .campaign import ProveError

EXAMPLES = Path(__file__).parents[2] / "examples"
COMPILE = shlex.split(
    "gcc -m32 -march=i486 -O1 -ffreestanding -fno-pic -fno-pie -fno-stack-protector"
)
_VERDICT = struct.Struct("<iII")


class Judged(NamedTuple):
    """What the C reader says of a map: 0 or minus its first fault, what it has read, whether it
    has gone a way it had not gone before."""

    fault: int
    digest: int
    is_new: int


class ReaderCrashed(Exception):
    """The C reader ended; `number` is the map, from 0 in the batch, it was reading then."""

    def __init__(self, number: int, status: int) -> None:
        super().__init__(f"the C reader ended with status {status}")
        self.number = number


def build_judge(folder: Path, examples: Path = EXAMPLES) -> Path:
    """Compile it into `folder`. Raises ProveError when there is nothing to compile or to do so."""
    source = examples / "mapreader"
    if not source.is_dir():
        raise ProveError(
            f"the C reader is not at {source}; it comes with a checkout of hotswap-host, not with"
            " the package: give --examples FOLDER"
        )
    if not shutil.which("gcc"):
        raise ProveError("gcc is not installed; on Debian: apt install gcc")
    include = f"-I{examples / 'refkernel' / 'include'}"
    objects = [folder / "main.o", folder / "reader.o"]
    commands: list[list[str | Path]] = [
        [*COMPILE, include, "-c", "-o", objects[0], source / "main.c"],
        [*COMPILE, include, "-fsanitize-coverage=trace-pc", "-c", "-o", objects[1],
         source / "reader.c"],
        ["gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-o",
         folder / "judge", *objects],
    ]  # fmt: skip
    for command in commands:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise ProveError(f"gcc refuses the C reader: {done.stderr.strip()[-500:]}")
    return folder / "judge"


class Judge:
    """The program, running; use it as a context manager."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def __enter__(self) -> Self:
        try:
            self._process = subprocess.Popen(
                [self._program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            raise ProveError(f"this host does not run programs for i386: {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def judge(self, maps: Sequence[bytes]) -> list[Judged]:
        """Its verdicts. Raises ReaderCrashed. Some hundred maps at a time: pipes fill up."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(b"".join(struct.pack("<I", len(each)) + each for each in maps))
            stdin.flush()
        except BrokenPipeError:
            pass  # what it said before it ended is still to be read
        said = stdout.read(len(maps) * _VERDICT.size)
        if len(said) < len(maps) * _VERDICT.size:
            raise ReaderCrashed(len(said) // _VERDICT.size, self._process.wait())
        return [Judged(*verdict) for verdict in _VERDICT.iter_unpack(said)]
