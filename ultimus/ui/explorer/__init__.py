"""The parts of the Attention page, one for each thing that is looked at."""
