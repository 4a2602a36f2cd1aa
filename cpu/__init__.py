"""The processor: Unicorn made a full-system 386 to 686. The only importer of unicorn.

Read processor.py first; engine.py is what it drives, thunks/ the machine code under that.
"""

from .code_pool import CodePool
from .errors import CommitError, CpuStateError, MemoryBoundsError, UnsupportedEngine
from .models import Model
from .pagemap import Run
from .processor import Processor
from .ram import Ram, RamWindow
from .selftest import Capabilities, probe
from .state import Checkpoint, CpuState, Descriptor, Fpu
from .timebase import InstructionTime, RealTime
from .translation_meter import TranslationMeter

__all__ = [
    "Capabilities",
    "Checkpoint",
    "CodePool",
    "CommitError",
    "CpuState",
    "CpuStateError",
    "Descriptor",
    "Fpu",
    "InstructionTime",
    "MemoryBoundsError",
    "Model",
    "Processor",
    "Ram",
    "RamWindow",
    "RealTime",
    "Run",
    "TranslationMeter",
    "UnsupportedEngine",
    "probe",
]
