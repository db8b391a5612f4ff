"""The core's own nodes of the tree, one module for each subject; each maps requests to one room."""
