"""Cards in machine code, made from the objects in this folder."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from hotswap.cards.elf import Budgets, ElfCard, load_image
from hotswap.cpu import CodePool

CARDS = Path(__file__).parent


class Make(Protocol):
    """Makes the card in NAME.o."""

    def __call__(self, name: str, *, budgets: Budgets | None = None, **settings: Any) -> ElfCard:
        """A new card with an engine of its own."""
        ...


@pytest.fixture(scope="session")
def pool() -> Iterator[CodePool]:
    with CodePool() as engines:
        yield engines


@pytest.fixture
async def make(pool: CodePool) -> AsyncIterator[Make]:
    made: list[ElfCard] = []

    def card(name: str, *, budgets: Budgets | None = None, **settings: Any) -> ElfCard:
        image = load_image((CARDS / f"{name}.o").read_bytes(), f"{name}.o")
        made.append(ElfCard(image, settings, pool.take(), budgets=budgets))
        return made[-1]

    yield card
    for one in made:
        one.close()
