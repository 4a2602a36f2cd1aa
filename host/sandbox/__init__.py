"""Cards nobody trusts: each in a process that can only compute and answer. See docs/sandbox.md."""

from .confine import active, missing
from .pool import SandboxPool
from .process_engine import ProcessEngine
from .wire import SandboxError

__all__ = ["ProcessEngine", "SandboxError", "SandboxPool", "active", "missing"]
