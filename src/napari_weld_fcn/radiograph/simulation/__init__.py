"""Simulated weld radiographs with their truth."""
