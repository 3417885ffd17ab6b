"""The verb personal: predictions for people's own genomes against what was measured in them."""
