"""One task per medium that meters share: who is asked next, and how the line is used."""
