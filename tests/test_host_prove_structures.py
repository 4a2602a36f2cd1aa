"""Structures laid out anew keep every member, and those that must come first in their place."""

import random
import re

import pytest

from hotswap.host.prove.structures import HOLE, members, shuffled

HEADER = """\
/* Processes. */
struct waitq { struct proc *first, *last; };

struct proc {
    uint32_t pid; /* first: the table is sorted by it */
    uint32_t pgrp, sid;
    char name[16];
    TIMERS_OF_PROC
    union { struct inode *inode; struct pipe *pipe; };
    WAITERS(reading)
    uint16_t used; /* bytes */
    const char *words[2], *word;
};
#define AFTER 1
"""
NAMES = ["pid", "pgrp", "sid", "name", "TIMERS_OF_PROC", "inode", "reading", "used", "words"]


def body(header: str, name: str) -> list[str]:
    """The lines of a structure."""
    found = re.search(rf"^struct [^{{]*\b{name} {{\n(.*?)^}};", header, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1].splitlines()


def test_a_member_is_one_name() -> None:
    assert members(
        "uint32_t a, *b, c[3]; /* it */ WAITERS(q) union { int x; int y; }; bool d;"
    ) == [
        "uint32_t a;",
        "uint32_t *b;",
        "uint32_t c[3];",
        "WAITERS(q)",
        "union { int x; int y; };",
        "bool d;",
    ]


@pytest.mark.parametrize("seed", range(20))
def test_no_member_is_lost_and_what_must_come_first_does(seed: int) -> None:
    lines = body(shuffled(HEADER, random.Random(seed)), "proc")
    assert lines[0] == "    uint32_t pid;"
    kept = [line for line in lines if "hole" not in line]
    for name in NAMES:
        assert len([line for line in kept if re.search(rf"\b{name}\b", line)]) == 1
    assert len(kept) == len(NAMES) + 1  # and *word
    for line in set(lines) - set(kept):
        assert int(line.partition("[")[2].rstrip("];")) <= HOLE


def test_what_is_not_in_a_structure_stays() -> None:
    assert shuffled(HEADER, random.Random(1)).startswith("/* Processes. */\nstruct ")
    assert shuffled(HEADER, random.Random(1)).endswith("};\n#define AFTER 1\n")


def test_order_sizes_and_holes_vary() -> None:
    made = [body(shuffled(HEADER, random.Random(seed)), "proc") for seed in range(40)]
    orders = {tuple(re.findall(r"(\w+)[;\[]", "".join(lines))) for lines in made}
    assert len(orders) > 30
    flat = [line.strip() for lines in made for line in lines]
    assert {"uint32_t sid;", "uint16_t sid;"} <= set(flat)
    assert {"uint16_t used;", "uint32_t used;", "uint64_t used;"} <= set(flat)
    assert any("hole_" in line for line in flat)
