"""Cards made of machine code: relocatable i386 objects that run in an engine of their own.

docs/elf-cards.md is the whole of what a card author needs; host/sdk/hotswap_card.h is the ABI.
"""

from .budgets import Budgets
from .card import ElfCard
from .errors import ElfError
from .image import ElfImage, load_image

__all__ = ["Budgets", "ElfCard", "ElfError", "ElfImage", "load_image"]
