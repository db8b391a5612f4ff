"""Licences: which features this instance may use, who said so, and which of them are switched on."""
