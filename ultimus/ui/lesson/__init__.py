"""The lesson that runs beside the pages."""
