"""The verb predict, and the formats that predictions are written in."""
