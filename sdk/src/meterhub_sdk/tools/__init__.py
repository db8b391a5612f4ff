"""``meterhub-sdk``: start, check, build and sign a plugin."""
