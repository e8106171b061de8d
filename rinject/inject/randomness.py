"""Named random generators, each a pure function of the seed, its name and counters.

Nothing carries a generator's state from step to step, so that a resumed run needs to know its step
only, and continues bit for bit.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch


def generator(seed: int, name: str, *counters: int) -> np.random.Generator:
    """The generator of that name for, say, one step or one pass over the data."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *counters])


def torch_generator(seed: int, name: str) -> torch.Generator:
    """The same for torch, on the CPU."""
    return torch.Generator().manual_seed(int(generator(seed, name).integers(2**63)))
