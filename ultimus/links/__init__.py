"""What the pages' links can say, without the pages: kinds of choices, and each page's state."""
