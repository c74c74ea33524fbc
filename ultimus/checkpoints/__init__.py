"""Weights in and out of files, whoever wrote them."""
