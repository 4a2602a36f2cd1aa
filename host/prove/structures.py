"""C structures laid out anew: members in another order, wider or narrower, holes between them.

It reads the headers of the reference kernel, which are plain: one structure after the other, a
member or several of a type to a `;`, macros that stand for members in capitals. A member whose
comment begins with `first` stays where it is.
"""

from __future__ import annotations

import random
import re

WIDER = {"uint8_t": ("uint16_t", "uint32_t"), "uint16_t": ("uint32_t", "uint64_t")}
NARROWER = {
    "pgrp": "uint16_t", "sid": "uint16_t", "ppid": "uint16_t", "prot": "uint8_t",
    "refs": "uint16_t", "readers": "uint16_t", "writers": "uint16_t", "cloexec": "uint32_t",
}  # fmt: skip
"""Members whose values fit: pids end at 32767, a table of files has 2,048."""
HOLE = 13
"""At most so many bytes."""

_STRUCT = re.compile(r"^struct (\w+) \{(?:([^\n]+)|\n(.*?)^)\};\n", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_FIRST = re.compile(r"(\w+);\s*/\* first\b")
_MACRO = re.compile(r"[A-Z][A-Z_]+(?:\(\w+\))?")
_PLAIN = re.compile(r"((?:(?:const|unsigned|struct|enum) )*\w+) ([^{}():]+)")


def shuffled(header: str, chance: random.Random) -> str:
    """The header with each structure laid out anew."""
    return _STRUCT.sub(lambda found: _laid_out(found[1], found[2] or found[3], chance), header)


def members(body: str) -> list[str]:
    """The members of a structure, one each: `uint32_t a, b;` is two."""
    found: list[str] = []
    rest = _COMMENT.sub(" ", body)
    while rest := rest.strip():
        macro = _MACRO.match(rest)
        if macro is not None and not rest[macro.end() :].lstrip(" ").startswith(";"):
            found.append(macro[0])
            rest = rest[macro.end() :]
            continue
        end = _end_of_member(rest)
        found += _declarators(" ".join(rest[:end].split()))
        rest = rest[end + 1 :]
    return found


def _end_of_member(text: str) -> int:
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if letter == ";" and not depth:
            return at
    raise ValueError(f"no end of a member in {text!r}")


def _declarators(member: str) -> list[str]:
    plain = _PLAIN.fullmatch(member)
    if plain is None:
        return [f"{member};"]
    return [f"{plain[1]} {name.strip()};" for name in plain[2].split(",")]


def _laid_out(name: str, body: str, chance: random.Random) -> str:
    pinned = set(_FIRST.findall(body))
    found = members(body)
    first = [each for each in found if set(re.findall(r"\w+", each)) & pinned]
    rest = [each for each in found if each not in first]
    chance.shuffle(rest)
    lines = [*first, *(_sized(each, chance) for each in rest)]
    for number in range(chance.randint(0, 3)):
        at = chance.randint(len(first), len(lines))
        lines.insert(at, f"uint8_t hole_{number}[{chance.randint(1, HOLE)}];")
    inside = "".join(f"    {line}\n" for line in lines)
    return f"struct __attribute__((designated_init)) {name} {{\n{inside}}};\n"


def _sized(member: str, chance: random.Random) -> str:
    kind, _, name = member.rstrip(";").partition(" ")
    if name in NARROWER and kind == "uint32_t" and chance.random() < 0.5:
        return f"{NARROWER[name]} {name};"
    if kind in WIDER and name.isidentifier() and chance.random() < 0.5:
        return f"{chance.choice(WIDER[kind])} {name};"
    return member
