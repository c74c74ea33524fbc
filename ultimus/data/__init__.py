"""Images: where they come from, how they are decoded, kept, grouped and prepared."""
