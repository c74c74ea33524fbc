"""What runs in a reader's browser: the network, attention under a glass, and the page in a file."""
