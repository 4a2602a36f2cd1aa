"""x87: all eight registers, control and status word, bit for bit."""

from .conftest import Survive


async def test_two_programs_that_fill_the_x87_stack_get_their_own_back(survive: Survive) -> None:
    verdicts = await survive("x87:60", "sorter:30")
    assert verdicts["x87"].startswith("ok")
    assert verdicts["sorter"].startswith("ok")
