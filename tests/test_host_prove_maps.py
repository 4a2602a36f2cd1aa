"""`prove maps`: mutants of maps and images, the readers against each other, defects are found."""

import json
import random
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from hotswap.host.prove.campaign import ProveError
from hotswap.host.prove.image_mutants import image_mutant
from hotswap.host.prove.map_fuzz import Wrong, ancestors, fuzz
from hotswap.host.prove.map_judge import EXAMPLES, Judge, build_judge
from hotswap.host.prove.map_mutants import LONGEST, mutant, repair
from hotswap.host.prove.maps import command
from hotswap.host.prove.mutants import shares
from hotswap.switchover.validate import check, faults

READER = "refkernel/include/ssm_read.h"


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C reader, compiled."""
    if not shutil.which("gcc"):
        pytest.skip("NOT TESTED: gcc is missing, so the C reader was not compiled")
    return build_judge(tmp_path_factory.mktemp("judge"))


def first_wrong(judge: Path) -> Wrong:
    """What the campaign finds first."""
    return next(wrong for batch in fuzz(judge, 0, 5000, 3) for wrong in batch.wrong)


def broken_judge(folder: Path, old: str, new: str) -> Path:
    """The C reader with something in it changed."""
    if not shutil.which("gcc"):
        pytest.skip("NOT TESTED: gcc is missing, so the C reader was not compiled")
    for part in ("mapreader", "refkernel/include"):
        shutil.copytree(EXAMPLES / part, folder / part)
    text = (folder / READER).read_text()
    assert old in text
    (folder / READER).write_text(text.replace(old, new))
    return build_judge(folder, folder)


def test_the_campaign_says_what_came_of_it(judge: Path) -> None:
    done = CliRunner().invoke(command, ["--count", "600", "--seed", "7", "--json", "--jobs", "2"])
    said = json.loads(done.stdout)
    assert done.return_value is None or done.exit_code == 0, done.output
    assert (said["campaign"], said["failed"], said["seed"]) == ("maps", 0, 7)
    assert said["cases"] > 600 + 200  # mutants and fields
    assert said["failures"] == []
    assert sum(said["verdicts"].values()) == 600
    assert {"fit", "image refused", "SECTION_CRC"} < set(said["verdicts"])


def test_readers_agree_on_what_is_new_each_time(judge: Path) -> None:
    first = list(fuzz(judge, 0, 750, 1))
    assert [batch.wrong for batch in first] == [[]] * 3
    assert sum(batch.cases for batch in first) == 750
    assert sum(batch.ways for batch in first) > 50
    assert list(fuzz(judge, 0, 750, 1)) == first  # the same seed, the same run
    assert list(fuzz(judge, 0, 500, 2)) != first[:2]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("(it->off & 7)", "0", "C says"),
        ("hdr->total_len > len || ", "", "the C reader ended"),
        ("memset(room, 0, size)", "memset(room, 0, 0)", "C has read"),  # no zeros
        ("cursor->at += cursor->rec_size;", "cursor->at += size;", "C has read"),
    ],
)  # fmt: skip
def test_a_defect_of_the_c_reader_is_found(tmp_path: Path, old: str, new: str, why: str) -> None:
    broken = broken_judge(tmp_path, old, new)
    wrong = first_wrong(broken)
    assert wrong.why.startswith(why)
    assert bytes.fromhex(wrong.mutant)


def test_reading_outside_a_map_ends_the_reader_and_is_told(tmp_path: Path) -> None:
    whole = "len < sizeof *hdr"
    broken = broken_judge(tmp_path, whole, "len < 4 || hdr->phys_hi == 7")
    found = (wrong for batch in fuzz(broken, 0, 5000, 3) for wrong in batch.wrong)
    wrong = next(wrong for wrong in found if not wrong.why.startswith("C says"))
    assert wrong.why == "the C reader ended with status -11"
    assert 4 <= len(bytes.fromhex(wrong.mutant)) < 96


def test_a_broken_reader_fails_the_campaign(tmp_path: Path) -> None:
    broken_judge(tmp_path, "(it->off & 7)", "0")
    given = ["--count", "750", "--seed", "3", "--examples", str(tmp_path), "--json"]
    done = CliRunner().invoke(command, given, standalone_mode=False)
    said = json.loads(done.stdout)
    assert done.return_value == 1
    assert said["failed"] == len(said["failures"]) > 0
    first = said["failures"][0]
    assert first["case"] == "map"
    assert "--seed 3" in first["repeat"]
    assert check(bytes.fromhex(first["mutant"])) < 0


def test_without_the_sources_it_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ProveError, match="--examples"):
        build_judge(tmp_path, tmp_path)


@pytest.mark.parametrize(("count", "jobs"), [(1, 4), (250, 2), (251, 2), (10_000, 3)])
def test_every_mutant_is_tried_once(count: int, jobs: int) -> None:
    numbers = [n for first, size in shares(count, jobs) for n in range(first, first + size)]
    assert numbers == list(range(count))


def test_ancestors_are_fit_for_both(judge: Path) -> None:
    maps = ancestors()
    assert [faults(data) for data in maps] == [[]] * len(maps)
    with Judge(judge) as reader:
        assert [verdict.fault for verdict in reader.judge(maps)] == [0] * len(maps)


def test_a_repaired_map_has_its_checksums_right() -> None:
    chance = random.Random(1)
    whole = bytearray(ancestors()[0])
    for at in (40, 130, len(whole) - 3):  # generation, an offset's place, BLOB
        whole[at] ^= 0x10
    repair(whole)
    assert "CRC" not in {fault.code.name for fault in faults(bytes(whole))}
    assert len({mutant([bytes(whole)], chance) for _ in range(50)}) > 40


def test_a_mutant_may_be_an_ancestor_again_and_again() -> None:
    chance, corpus = random.Random(4), ancestors()
    for _ in range(4000):
        corpus[chance.randrange(len(corpus))] = mutant(corpus, chance)
    assert all(len(data) <= LONGEST for data in corpus)


def test_mutants_of_images_differ() -> None:
    chance = random.Random(1)
    image = bytes(200) + b"LKUS" + bytes(4000)
    assert len({image_mutant(image, chance) for _ in range(50)}) > 40
