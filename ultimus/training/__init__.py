"""A recipe and a data set in, trained weights out."""
