"""Systems nobody here wrote. They come by `python examples/workloads.py`.

Without them these tests are skipped and say so; with HOTSWAP_HOST_WORKLOADS_REQUIRED=1, as the gate
sets it, they fail.
"""

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Protocol

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = "HOTSWAP_HOST_WORKLOADS_REQUIRED"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("workloads", ROOT / "examples" / "workloads.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Workload(Protocol):
    """Finds a file of a workload."""

    def __call__(self, name: str, file: str) -> Path:
        """Its path; skips the test, or fails it, when it is not there."""
        ...


@pytest.fixture(scope="session")
def workload() -> Workload:
    """Where the files of the workloads are."""
    script = _script()

    def find(name: str, file: str) -> Path:
        path = script.find(name, file)
        if path is None:
            said = f"NOT TESTED: workload {name} is missing: python examples/workloads.py {name}"
            if os.environ.get(REQUIRED):
                pytest.fail(said)
            pytest.skip(said)
        assert isinstance(path, Path)
        return path

    return find
