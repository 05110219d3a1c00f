"""The built-in reference data, and how files of reference data are read, written and made."""
