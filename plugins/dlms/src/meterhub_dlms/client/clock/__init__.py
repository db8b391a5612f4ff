"""The clocks of the meters: how far they deviate, and setting them."""
