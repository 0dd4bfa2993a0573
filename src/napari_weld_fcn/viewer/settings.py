"""What a user sets once for all sessions, in napari's Preferences.

The manifest has to repeat names, defaults and choices, because napari reads it without running any code; a
test holds both equal. The pixel size is in micrometres here alone: napari's Preferences show two decimals.
"""

from __future__ import annotations

from typing import Literal

from napari_weld_fcn.settings import Settings, setting

Colormap = Literal["turbo", "viridis", "inferno", "gray"]


class ViewerSettings(Settings):
    """Where the forms start, and how a heatmap is coloured."""

    model: str = setting("default", "Model that the Predict form starts with")
    device: Literal["auto", "cpu", "cuda", "mps"] = setting("auto", "Where the network runs")
    pixel_size_um: float = setting(
        0.0,
        "Edge of a pixel of films whose layer and file do not say it; 0 leaves it unknown",
        unit="um",
        ge=0,
        le=10_000,
    )
    colormap: Colormap = setting("turbo", "Colours of the heatmap; turbo runs from blue to red")

    @property
    def pixel_size_mm(self) -> float:
        """The pixel size in mm; 0 where none is set."""
        return round(self.pixel_size_um / 1000, 5)


class ViewSettings(Settings):
    """How a film's marks are shown; what is changed in the layers' controls is remembered."""

    outline: int = setting(1, "Thickness of an indication's outline; 0 fills it", ge=0, le=100)
    opacity: float = setting(0.9, "Of the indications", ge=0, le=1)
    heatmap: bool = setting(False, "Whether the heatmap is shown")


DEFAULT_VIEW = ViewSettings()

#: What the view is remembered as.
VIEW = "view"


class TrainFormSettings(Settings):
    """What the Train form remembers besides the settings of a run."""

    labels: Literal["dense", "sparse"] = setting(
        "dense", "What the numbers in your labels mean: all of the film was looked at, or scribbles"
    )
    source: Literal["layers", "folder", "known"] = setting(
        "layers", "Layers of this viewer, a folder, or films without labels alone"
    )
    known: Literal["clean", "unlabelled"] = setting(
        "clean", "Whether films without labels are free of flaws, or what the model marks there is ignored"
    )
    start_from: str = setting("default", "The model that is trained further, or nothing")
    network: Literal["preset", "fcn", "autoencoder"] = setting(
        "preset", "The preset's, the paper's fully convolutional network, or an encoder-decoder with skips"
    )
    activation: Literal["preset", "selu", "elu", "relu"] = setting(
        "preset", "Activation after each convolution"
    )
    watch: bool = setting(True, "Show what the network says of a film that validates, after each epoch")
