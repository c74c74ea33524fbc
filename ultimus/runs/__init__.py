"""A run is a folder: its files, who writes them, and the queue of runs that wait."""
