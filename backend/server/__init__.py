"""The service behind the plug-in: one process per user that takes drag jobs over loopback.

Importing this package switches off, before the libraries read it, everything by which they would talk to
someone beyond this machine, and drops settings meant for other Gradio programs of the same user.
"""

import os

from backend.client.protocol import OFFLINE

for _name in [name for name in os.environ if name.startswith("GRADIO_")]:
    del os.environ[_name]

os.environ.update(OFFLINE)
os.environ.update({"GRADIO_RUN_HISTORY": "False", "DO_NOT_TRACK": "1"})
