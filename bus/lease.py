"""A lease taken while a card is plugged in: what it holds of the bus until it gives it back."""

from __future__ import annotations

from typing import Protocol

from .card import Resources
from .line import Wire


class Tenant(Protocol):
    """What a lease needs of a slot."""

    @property
    def number(self) -> int:
        """The slot."""
        ...

    @property
    def title(self) -> str:
        """The card's name."""
        ...


class Lease:
    """Ports, windows and lines of a slot; all of them, or there is no lease.

    `irqs` and `drqs` are the wires, in the order of `resources`.
    """

    def __init__(self, tenant: Tenant, resources: Resources) -> None:
        self.resources = resources
        self._tenant = tenant
        self.irqs: list[Wire] = []
        self.drqs: list[Wire] = []

    @property
    def number(self) -> int:
        """The slot."""
        return self._tenant.number

    @property
    def title(self) -> str:
        """The card's name, for messages."""
        return self._tenant.title
