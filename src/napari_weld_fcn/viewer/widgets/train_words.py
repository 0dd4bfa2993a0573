"""What the choices of the Train form are called, and what they mean, in words."""

from __future__ import annotations

SOURCES = {"layers": "layers of this viewer", "folder": "a folder"}
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
    (0.05, "Learns these labels alone; what the model knew of other films is soon forgotten."),
    (0.5, "Leans to these labels; other films may lose a little."),
    (0.95, "Leans to what the model knew; these labels count less."),
    (1.0, "Stays as it was; these labels hardly count."),
)


def trade(keep: float) -> str:
    """Say what is traded by a share of the model that is kept, 0..1."""
    return next(text for limit, text in _TRADES if keep <= limit)
