"""Load profiles of meters: read in slices between the polls, published with their own times."""
