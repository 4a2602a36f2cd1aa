"""Mutants of cards against the loader, and changed code in an engine.

    python -m hotswap.host.prove.elf_fuzz FIRST COUNT SEED

tries COUNT mutants, a line of JSON (Batch) for each some hundred. Mutants that were refused for a
reason none had been before, or fit, become ancestors of others. elf_atheris.py does the same with
the coverage of the lines they took for a guide.
"""

from __future__ import annotations

import random
import resource
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files

import msgspec
import trio

from hotswap.cpu import CodePool
from hotswap.host.logs import configure

from .elf_judge import try_code, try_object
from .elf_mutants import code_mutant, mutant
from .map_fuzz import BATCH, ENOUGH, Batch, Wrong

CODE = 10
"""Of a batch: cards whose code is changed."""
CORPUS = 1000
MEMORY_MAX = 256 << 20
"""Bytes one batch may add to what the process has had at most."""
SAMPLES = ("sample-card.o", "sample-card-pic.o")
PATIENCE = 60_000_000_000
"""ns: a busy host is no defect."""


def ancestors() -> list[bytes]:
    """Cards nothing is wrong with."""
    guests = files("hotswap.host") / "guests"
    return [(guests / name).read_bytes() for name in SAMPLES]


def peak() -> int:
    """Bytes of memory the process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def fuzz(first: int, count: int, seed: int) -> Iterator[Batch]:
    """Try mutants `first` to `first + count` of the run with this seed."""
    fitting, refused = ancestors(), list[bytes]()
    seen: set[str] = set()
    wrong = 0
    with CodePool(patience=PATIENCE) as pool:
        for start in range(first, first + count, BATCH):
            chance = random.Random((seed << 32) + start)
            size = min(BATCH, first + count - start)
            batch, before = Batch(size, [], {}, 0), peak()
            for number in range(start, start + size):
                if number - start < min(CODE, size // 4):
                    data = code_mutant(ancestors()[0], chance)
                    tried(batch, number, data, partial(_try_code, data, pool, chance))
                    continue
                data = mutant(refused if refused and chance.random() < 0.25 else fitting, chance)
                verdict = tried(batch, number, data, partial(try_object, data, chance))
                if verdict not in seen or (verdict == "fits" and chance.random() < 0.05):
                    batch.ways += verdict not in seen
                    seen.add(verdict)
                    corpus = fitting if verdict == "fits" else refused
                    if len(corpus) >= CORPUS:
                        corpus.pop(chance.randrange(len(SAMPLES), len(corpus)))
                    corpus.append(data)
            if (grown := peak() - before) > MEMORY_MAX:
                why = f"one of {size} has taken {grown >> 20} MiB"
                batch.wrong.append(Wrong(start, "memory", why, ""))
            yield batch
            wrong += len(batch.wrong)
            if wrong >= ENOUGH:
                return


def _try_code(data: bytes, pool: CodePool, chance: random.Random) -> str:
    return trio.run(partial(try_code, data, pool, chance))


def tried(batch: Batch, number: int, data: bytes, judge: Callable[[], str]) -> str:
    """What `judge` says of `data`; what it raises goes into the batch."""
    try:
        verdict = judge()
    except (Exception, BaseExceptionGroup) as error:  # whatever it is: no bytes may raise anything
        why = f"{type(error).__name__}: {error}"
        batch.wrong.append(Wrong(number, "card", why, data.hex()))
        verdict = "raises"
    batch.codes[verdict] = batch.codes.get(verdict, 0) + 1
    return verdict


def main() -> None:
    """As a program."""
    configure("critical")  # what befalls the cards is no news
    for batch in fuzz(*map(int, sys.argv[1:])):
        sys.stdout.write(msgspec.json.encode(batch).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
