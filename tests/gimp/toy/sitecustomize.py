"""Has every backend that is served with this folder in PYTHONPATH be the one with a toy for an engine."""

import os
import sys

if "serve" in sys.orig_argv and "DRAGGAN_TOY" not in os.environ:
    os.environ["DRAGGAN_TOY"] = "1"
    options = sys.orig_argv[sys.orig_argv.index("serve") :]
    os.execv(sys.executable, [sys.executable, "-u", "-m", "tests.gimp.patch_backend", *options])
