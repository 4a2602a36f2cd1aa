"""The POST display at port 0x80."""

from __future__ import annotations

import pytest
import structlog

from hotswap.bus import Backplane
from hotswap.cards.post import Post
from hotswap.host.pytest_plugin import Ports

PORT = 0x80


@pytest.fixture
async def post(backplane: Backplane) -> Post:
    card = Post()
    await backplane.insert(card)
    return card


async def test_the_code_last_written_reads_back(post: Post, ports: Ports) -> None:
    ports.write(PORT, 0x5A)
    ports.write(PORT, 0xC3)
    assert ports.read(PORT) == 0xC3


async def test_a_new_code_is_logged_and_a_repeated_one_is_a_mere_delay(
    post: Post, ports: Ports
) -> None:
    log = structlog.testing.LogCapture()
    post.slot.log = structlog.wrap_logger(None, [log], structlog.BoundLogger).bind()
    for code in (0x01, 0x01, 0x01, 0x02):
        ports.write(PORT, code)
    assert [(line["code"], line["log_level"]) for line in log.entries] == [
        ("01", "debug"),
        ("02", "debug"),
    ]


async def test_the_code_is_carried(post: Post, ports: Ports) -> None:
    ports.write(PORT, 0x7E)
    saved = post.save()
    ports.write(PORT, 0)
    post.load(saved)
    assert ports.read(PORT) == 0x7E
