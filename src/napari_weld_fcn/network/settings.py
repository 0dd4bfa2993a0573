"""What a network is built from.

Its receptive field and stride follow from these; they are computed from the built network and never set. The
networks are the files of `kinds`, and those that `register_network` was told; one with settings of its own
has a class of its own, which its name brings when settings are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, field_validator, model_validator

from napari_weld_fcn.settings import Settings, setting

#: The networks that come with the program; importing one brings PyTorch.
FILES = tuple(sorted(file.stem for file in (Path(__file__).parent / "kinds").glob("[!_]*.py")))
#: The settings class of each network that was registered; files are registered when they are imported.
own_settings: dict[str, type[NetworkSettings]] = {}

Dilation = Annotated[int, Field(ge=1, le=64)]


class NetworkSettings(Settings):
    """Architecture of a network."""

    kind: str = setting(
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

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in (known := sorted({*FILES, *own_settings})):
            raise ValueError(f"input should be {', '.join(known[:-1])} or {known[-1]}")
        return kind

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_own_class(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if cls is not NetworkSettings or not isinstance(given, Mapping):
            return handler(given)
        kind = given.get("kind")
        if kind in FILES and kind not in own_settings and not given.keys() <= cls.model_fields.keys():
            import_module(f"napari_weld_fcn.network.kinds.{kind}")
        own = own_settings.get(str(kind), cls)
        return handler(given) if own is cls else own.model_validate(given)  # type: ignore[return-value]
