"""What holds for every test: threads that wait for each other sleep."""

import os

# torch's threads wait busily, also where another process (a backend, a GIMP) wants the core: beside two such, a sweep
# of the renderer took 22 s and 19 s of the processor, and 14 s and 9 s with this. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
