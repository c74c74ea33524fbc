"""Lessons: files of cards that lead through the pages, with questions that are guessed first."""
