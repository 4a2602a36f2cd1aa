"""GNU Mach gets as far as under QEMU: it finds the disk, and misses what the Hurd would give it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from .conftest import Workload as FindWorkload
from .console import running

PANIC = "No bootstrap code loaded with the kernel!"
