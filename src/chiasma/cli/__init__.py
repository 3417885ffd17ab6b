"""The command line: parsing and printing only; one verb a file."""
