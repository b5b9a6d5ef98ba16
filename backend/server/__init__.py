"""The service behind the plug-in: one process per user that takes drag jobs over loopback.

Importing this package switches off, before the libraries read it, everything by which they would talk to
someone beyond this machine, and drops settings meant for other Gradio programs of the same user.
"""

import os

for _name in [name for name in os.environ if name.startswith("GRADIO_")]:
    del os.environ[_name]

os.environ.update(
    {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_RUN_HISTORY": "False",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
)

PROTOCOL = 2
"""Version of the protocol between plug-in and backend; both refuse another one."""
