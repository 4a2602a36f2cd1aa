"""As elf_fuzz.py, with atheris: what took new lines of the loader guides what comes next.

    python -m hotswap.host.prove.elf_atheris FIRST COUNT SEED

needs the extra `fuzz`. libFuzzer keeps the corpus and counts; mutants are ours.
"""

from __future__ import annotations

import importlib
import random
import sys
from typing import Any

import msgspec

BATCH = 250


def main() -> None:
    """As a program; libFuzzer ends it."""
    atheris: Any = importlib.import_module("atheris")
    first, count, seed = map(int, sys.argv[1:])
    with atheris.instrument_imports(include=["hotswap.cards.elf"]):
        judge: Any = importlib.import_module("hotswap.host.prove.elf_judge")
    mutants: Any = importlib.import_module("hotswap.host.prove.elf_mutants")
    fuzz: Any = importlib.import_module("hotswap.host.prove.elf_fuzz")
    corpus = fuzz.ancestors()
    chance = random.Random((seed << 32) + first)
    batch, number = fuzz.Batch(0, [], {}, 0), first
    seen: set[str] = set()

    def try_one(data: bytes) -> None:
        nonlocal batch, number
        verdict = fuzz.tried(batch, number, data, lambda: judge.try_object(data, chance))
        batch.ways += verdict not in seen
        seen.add(verdict)
        batch.cases += 1
        number += 1
        if batch.cases == BATCH or number == first + count:
            sys.stdout.write(msgspec.json.encode(batch).decode() + "\n")
            sys.stdout.flush()
            batch = fuzz.Batch(0, [], {}, 0)

    def mutate(data: bytes, most: int, _seed: int) -> bytes:
        """libFuzzer's corpus begins with an empty input, which stands for ours."""
        ours = [data, *corpus] if len(data) < 52 else [data]
        found: bytes = mutants.mutant(ours[1:] or ours, chance)
        return found[:most]

    options = [f"-runs={count}", f"-seed={seed % (1 << 31) + 1}", f"-max_len={2 * mutants.LONGEST}"]
    atheris.Setup([sys.argv[0], *options, "-verbosity=0"], try_one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
