"""Public data sets, read from the files of their authors."""
