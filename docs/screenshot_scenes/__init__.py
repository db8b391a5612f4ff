"""What ``screenshots.py`` shows: the demo with a log and users, and what is done in its pages before each picture."""
