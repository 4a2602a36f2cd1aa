"""Files: descriptors, and offsets shared over fork and dup."""

from .conftest import Survive


async def test_shared_offsets_stay_shared(survive: Survive) -> None:
    assert (await survive("files:60", kernels=(2, 1, 2)))["files"].startswith("ok")


async def test_an_unmodified_klibc_cat_goes_on_reading(survive: Survive) -> None:
    assert (await survive("catter:20"))["catter"].startswith("ok")
