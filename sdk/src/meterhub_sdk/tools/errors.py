"""What stops a tool."""

from __future__ import annotations

from meterhub_sdk.errors import MeterhubError


class ToolError(MeterhubError):
    """The tool cannot do what it was asked; the text is one sentence for the plugin's author."""
