"""`prove elf`: mutants of cards, and that a loader with a hole is found out."""

import json
import random

import pytest
from click.testing import CliRunner

from hotswap.cards.elf import objects
from hotswap.host.prove import elf_fuzz, elf_judge
from hotswap.host.prove.elf import command
from hotswap.host.prove.elf_judge import try_object
from hotswap.host.prove.elf_mutants import code_mutant, mutant


def test_the_campaign_says_what_came_of_it() -> None:
    done = CliRunner().invoke(command, ["--count", "200", "--seed", "7", "--json", "--jobs", "1"])
    said = json.loads(done.stdout)
    assert (said["campaign"], said["failed"], said["seed"]) == ("elf", 0, 7), said["failures"]
    assert said["cases"] == sum(said["verdicts"].values()) == 200
    assert said["verdicts"]["fits"] > 5
    assert sum(n for verdict, n in said["verdicts"].items() if verdict.startswith("code: ")) == 10


def test_mutants_are_many_and_repeatable() -> None:
    samples = elf_fuzz.ancestors()
    first = [mutant(samples, random.Random(seed)) for seed in range(200)]
    assert first == [mutant(samples, random.Random(seed)) for seed in range(200)]
    assert len(set(first)) > 190
    assert all(try_object(sample, random.Random(0)) == "fits" for sample in samples)
    assert code_mutant(samples[0], random.Random(1)) not in samples


def test_a_check_that_is_missing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = objects._Reader  # the class that has them
    monkeypatch.setattr(reader, "_check_symbol", lambda *_: None)
    found = (wrong for batch in elf_fuzz.fuzz(0, 3000, 2) for wrong in batch.wrong)
    assert bytes.fromhex(next(found).mutant)


def test_an_input_that_takes_too_long_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elf_judge, "SECONDS_MAX", 0.0)
    batch = next(elf_fuzz.fuzz(0, 40, 1))
    assert "TooSlow" in {wrong.why.split(":")[0] for wrong in batch.wrong}
