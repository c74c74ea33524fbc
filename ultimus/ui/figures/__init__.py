"""Figures in the browser, updated in place."""
