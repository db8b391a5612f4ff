"""Bytes to and from the equipment."""
