"""How fast ours is, measured beside the published notebook's way."""
