"""The configuration: one document, one editor at a time, applied whole or not at all."""
