"""Tools that execute, verify and build the book. Run them from the top of the repository, or through `make`."""
