"""From files to a Dataset and its Split, one module for each kind of data that cards name."""
