"""A user's own images: folders, arrays, tables, and what other libraries hold."""
