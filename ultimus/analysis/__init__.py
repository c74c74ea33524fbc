"""What a trained network does, taken apart: walks, ablations, companions, evidence, reports."""
