"""Registers: general registers, flags and segment registers of every process."""

from .conftest import Survive


async def test_registers_and_flags_are_kept(survive: Survive) -> None:
    assert (await survive("registers:60"))["registers"].startswith("ok")


async def test_also_when_the_older_kernel_takes_over_from_the_newer(survive: Survive) -> None:
    assert (await survive("registers:60", start=2, kernels=(1, 2)))["registers"].startswith("ok")
