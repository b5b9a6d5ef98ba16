"""The service behind the plug-in: one process per user that takes drag jobs over loopback.

Importing this package switches off, before the libraries read it, everything by which they would talk to
someone beyond this machine, and drops settings meant for other Gradio programs of the same user.
"""

import os

from backend.client.protocol import OFFLINE

for _name in [name for name in os.environ if name.startswith("GRADIO_")]:
    del os.environ[_name]

_past_proxies = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""  # the user's, for downloads of models
os.environ.update(OFFLINE)
for _name in ("no_proxy", "NO_PROXY"):
    os.environ[_name] = "*" if _past_proxies == "*" else ",".join(filter(None, (OFFLINE[_name], _past_proxies)))
os.environ.update({"GRADIO_RUN_HISTORY": "False", "DO_NOT_TRACK": "1"})
# It would keep a record of each job, and make a table of all of them with pandas at the end of each.
os.environ.update({"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(1 << 60)})
