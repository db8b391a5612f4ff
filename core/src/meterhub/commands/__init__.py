"""Commands on their way to devices: the ledger that keeps one entry of each."""
