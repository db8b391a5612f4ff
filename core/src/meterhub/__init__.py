"""The core of Meterhub: a broker between signed plugins, which it runs in processes of their own."""

import os

# Pydantic imports whatever any installed distribution offers it as a plugin, and looks through all of them for that.
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"

__version__ = "0.1.0"
