"""Python imports this at start where the folder is on PYTHONPATH: the tests' door into a process.

Nothing of the product knows of it. Without `MCP_AUTOML_DOOM` it does nothing at all.
"""

import os

if os.environ.get("MCP_AUTOML_DOOM"):
    from tests import doomed

    doomed.install()
