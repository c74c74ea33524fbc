"""What outlives a drawing of a page: the link, the session, the pictures at hand."""
