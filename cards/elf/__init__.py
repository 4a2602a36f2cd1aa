"""Cards made of machine code: relocatable i386 objects that run in an engine of their own.

docs/elf-cards.md is the whole of what a card author needs; host/sdk/hotswap_card.h is the ABI.
"""

from .errors import ElfError
from .image import ElfImage, load_image

__all__ = ["ElfError", "ElfImage", "load_image"]
