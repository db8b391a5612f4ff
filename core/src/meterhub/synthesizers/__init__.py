"""Synthesizers that are uploaded into a running instance: who may, what may, and where they are kept."""
