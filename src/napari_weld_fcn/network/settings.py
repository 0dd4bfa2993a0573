"""What a network is built from.

Its receptive field and stride follow from these; they are computed from the built network and never set.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from napari_weld_fcn.settings import Settings, setting

NetworkKind = Literal["fcn", "autoencoder", "unet"]
Dilation = Annotated[int, Field(ge=1, le=64)]


class NetworkSettings(Settings):
    """Architecture of a network."""

    kind: NetworkKind = setting(
        "autoencoder",
        "The paper's fully convolutional network, an encoder-decoder with skips at half the pixels "
        "(autoencoder), or one at all of them that sees near and far (unet)",
    )
    width: int = setting(24, "Channels of the first stage", unit="channels", step=4, ge=4, le=256)
    activation: Literal["selu", "elu", "relu"] = setting("selu", "Activation after each convolution")
    alpha: float = setting(1.6732632423543772, "Alpha of SELU and ELU", step=0.01, gt=0, le=100)
    scale: float = setting(1.0507009873554805, "Lambda of SELU", step=0.01, gt=0, le=100)
    normalisation: Literal["batch", "none"] = setting(
        "batch", "Batch normalisation before the activation, or none: LeCun initialisation and alpha dropout"
    )
    dropout: float = setting(
        0.0,
        "Share of activations dropped in training where there is no batch normalisation",
        step=0.05,
        ge=0,
        lt=1,
    )
    dilations: Annotated[tuple[Dilation, ...], Field(min_length=1, max_length=32)] = setting(
        (1, 1, 2, 4, 8, 1), "Dilation of each stage of the fcn", advanced=True
    )
    depth: int = setting(
        2, "Levels of autoencoder and unet below the finest one", step=1, ge=1, le=5, advanced=True
    )
    widest: int = setting(
        96, "Most channels of a level of the unet", unit="channels", step=8, ge=4, le=512, advanced=True
    )
