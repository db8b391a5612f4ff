"""``readout-client``: meters without DLMS, by the data readout of IEC 62056-21."""
