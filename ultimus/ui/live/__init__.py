"""What follows a run while it trains."""
