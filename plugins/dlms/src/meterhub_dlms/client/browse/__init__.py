"""What a meter has: its object list, values on trial, and which mappings were found in it."""
