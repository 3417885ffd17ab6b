"""The verb weights: published checkpoints, fetched, converted and checked."""
