"""Reading files row by row, and turning what they hold into images."""
