"""The local service behind the GIMP plug-in: the drag engine, its models and the server."""

import os

__version__ = "0.1.0"

# Before torch is loaded: OpenMP's threads otherwise spin while they wait, and with other programs at work (GIMP is
# one) two spinning threads are ten times slower than one. Measured on two shared cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# What Apple's MPS lacks (some of grid_sample, by its documentation) is done on the CPU instead of failing.
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
