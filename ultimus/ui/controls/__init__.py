"""What a person chooses with: data, recipe, run, snapshot, pictures, group."""
