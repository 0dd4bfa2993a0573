"""Models and classical detectors side by side, on films that are made or altered for it."""
