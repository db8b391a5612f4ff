"""``meterhub demo``: two meters and a gateway on this machine, from the files under ``docs/examples``."""
