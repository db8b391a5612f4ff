"""The core of Meterhub: a broker between signed plugins, which it runs in processes of their own."""

__version__ = "0.1.0"
