"""What the choices of the Train form are called, and what they mean, in words."""

from __future__ import annotations

SOURCES = {"layers": "layers of this viewer", "folder": "a folder", "known": "films without labels"}
KNOWN = {"clean": "free of flaws", "unlabelled": "not looked at"}
KNOWN_MEANINGS = {
    "clean": "Simulated flaws are put in; nothing else there is a flaw, whatever the model marks now.",
    "unlabelled": "Simulated flaws are put in; what the model marks there now is ignored.",
}
CONVENTIONS = {"dense": "dense: all was looked at", "sparse": "sparse: scribbles"}
MEANINGS = {
    "dense": "0 is background, every other number a flaw. What was not looked at is left out by rectangles.",
    "sparse": "0 is not labelled, 1 is background, every other number a flaw.",
}
OF_PRESET = "the preset's"
NETWORKS = {"preset": OF_PRESET, "fcn": "fcn, the paper's", "autoencoder": "autoencoder"}
ACTIVATIONS = {"preset": OF_PRESET, "selu": "SELU", "elu": "ELU", "relu": "ReLU"}
#: Up to which share of `keep` each sentence holds.
_TRADES = (
    (0.05, "Learns these {} alone; what the model knew of other films is soon forgotten."),
    (0.5, "Leans to these {}; other films may lose a little."),
    (0.95, "Leans to what the model knew; these {} count less."),
    (1.0, "Stays as it was; these {} hardly count."),
)


def trade(keep: float, learned: str = "labels") -> str:
    """Say what is traded by a share of the model that is kept, 0..1, for what is learned."""
    return next(text for limit, text in _TRADES if keep <= limit).format(learned)
