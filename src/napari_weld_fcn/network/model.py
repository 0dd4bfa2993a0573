"""A trained network with its card, in one file.

The file is `.safetensors`: weights and a JSON card. The usual way, `torch.save`, makes a pickle, which runs
whatever its sender put into it. The bytes depend on nothing but card and weights, so the hash that a record
names is the hash of the file, wherever and however often it is saved. A file is believed in nothing: the
card says which network to build, and every tensor must be there with that network's shape, finite.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.network import container, library
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.container import CARD_KEY, SUFFIX
from napari_weld_fcn.network.receptive_field import ReceptiveField, receptive_field
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.radiograph.output import make_folder, written_whole

__all__ = ["Card", "Model"]


@dataclass(frozen=True, eq=False)
class Model:
    """A network and its card.

    Attributes
    ----------
    network
        Takes ``(N, 1, rows, columns)`` normalised float32 pixels and gives logits of the same shape.
    card
        What it is, where it comes from and how to apply it.
    source
        By what it was loaded: a name of the library or a file's full path; empty where it was not.
    card_text
        The card as the file has it: a card of an older version lacks what came since, and the file is to keep
        its hash. Empty where the model was not loaded.
    """

    network: nn.Module
    card: Card
    source: str = ""
    card_text: str = ""

    @classmethod
    def create(cls, card: Card, network: nn.Module | None = None, seed: int = 0) -> Model:
        """Join a card with a network, or with a fresh one.

        Parameters
        ----------
        card
            Its `network` settings say what `network` is.
        network
            Kept as it is, not copied; None builds an untrained one.
        seed
            Of the fresh network's weights; torch's global generator is left alone.

        Raises
        ------
        ModelError
            If the network's tensors are not those of the card's settings.
        """
        if network is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = build(card.network)
        else:
            _check_tensors(_shapes(network.state_dict()), _blank(card).state_dict(), f"Model {card.name}")
        return cls(network, card)

    @classmethod
    def load(cls, name_or_path: str | Path) -> Model:
        """Load a model by its name or from a file; nothing that the file brings is run.

        Parameters
        ----------
        name_or_path
            ``"default"``, ``"fcn"``, the name of an own model, or a `.safetensors` file.

        Returns
        -------
        Model
            On the CPU, in evaluation mode.

        Raises
        ------
        ModelError
            If there is no such model, or the file is not a whole, sound model of this format.
        """
        path = library.find(name_or_path)
        header = container.read_header(path)
        network = _blank(header.card)
        expected = network.state_dict()
        _check_tensors({name: entry.shape for name, entry in header.tensors.items()}, expected, str(path))
        weights = _read_weights(path)
        _check_tensors(_shapes(weights), expected, str(path))
        _check_numbers(weights, expected, str(path))
        network.load_state_dict(weights, assign=True)
        named = isinstance(name_or_path, str) and name_or_path in library.shipped() | library.own()
        source = str(name_or_path) if named else str(path.absolute())
        model = cls(network.eval(), header.card, source, header.card_text)
        _ = model.field  # followed once here, so that the first prediction does not wait for it
        return model

    def save(self, path: str | Path) -> None:
        """Write the model, whole or not at all.

        Parameters
        ----------
        path
            Ends in `.safetensors`; an existing file is replaced.

        Raises
        ------
        ModelError
            If the name ends otherwise.
        WeldFcnError
            If the file cannot be written.
        """
        path = Path(path)
        if path.suffix != SUFFIX:
            raise ModelError(f"{path}: a model file must end in {SUFFIX}.")
        with written_whole(path) as temporary:
            temporary.write_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return the file's bytes: the same for the same card and weights."""
        weights = {name: _as_written(tensor) for name, tensor in self.network.state_dict().items()}
        card = self.card_text or self.card.to_json()
        return bytes(safetensors.torch.save(weights, {CARD_KEY: card}))

    @property
    def sha256(self) -> str:
        """SHA-256 of the file that `save` writes, in hexadecimal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @cached_property
    def field(self) -> ReceptiveField:
        """How far the network looks, and on what grid."""
        return receptive_field(self.network)

    @property
    def stride(self) -> int:
        """Pixels of the network's coarsest grid; tile origins lie on its multiples."""
        return self.field.stride

    @property
    def halo(self) -> int:
        """Pixels around a tile that the network must see for exact results."""
        return self.field.halo


def add_to_library(path: str | Path, name: str | None = None, *, again: bool = False) -> library.ModelEntry:
    """Check a model file in full and take it among the user's own.

    Parameters
    ----------
    path
        A model file.
    name
        What it shall be called; None takes the file's own name.
    again
        Whether it takes the place of a model of the same run, its recipe, that has the name.

    Raises
    ------
    ModelError
        If the file is no sound model, the name cannot be used, or it is taken.
    WeldFcnError
        If it cannot be written.
    """
    path = Path(path)
    name = path.stem if name is None else name
    if fault := library.name_fault(name):
        raise ModelError(f"{name!r} cannot be the name of a model: {fault}.")
    present = {taken.casefold(): at for taken, at in library.own().items()}.get(name.casefold())
    if present is not None and not (again and library.of_one_run(path, present)):
        raise ModelError(f"A model called {name!r} is there already; delete it first or choose another name.")
    if not library.is_file(path):
        raise ModelError(f"{path}: there is no such file.")
    model = Model.load(path)
    target = library.own_folder() / f"{name}{SUFFIX}"
    make_folder(target.parent)
    model.save(target)
    return library.ModelEntry(name, target, "own", model.card)


def _as_written(tensor: torch.Tensor) -> torch.Tensor:
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to("cpu", dtype).contiguous()


def _blank(card: Card) -> nn.Module:
    """Build the card's network without memory for its weights, however large the card says it is."""
    with torch.device("meta"):
        return build(card.network)


def _shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _check_tensors(
    shapes: Mapping[str, tuple[int, ...]], expected: Mapping[str, torch.Tensor], where: str
) -> None:
    if missing := sorted(expected.keys() - shapes.keys()):
        raise ModelError(f"{where}: lacks {len(missing)} tensors of its network, such as {missing[0]}.")
    if others := sorted(shapes.keys() - expected.keys()):
        raise ModelError(f"{where}: has {len(others)} tensors that its network lacks, such as {others[0]}.")
    for name, tensor in expected.items():
        if shapes[name] != tuple(tensor.shape):
            raise ModelError(
                f"{where}: tensor {name} has shape {shapes[name]}, "
                f"but the network of its card needs {tuple(tensor.shape)}."
            )


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        return dict(safetensors.torch.load(path.read_bytes()))
    except (OSError, safetensors.SafetensorError) as fault:
        raise ModelError(f"{path}: its weights cannot be read ({fault}).") from fault


def _check_numbers(
    weights: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], where: str
) -> None:
    for name, tensor in weights.items():
        if tensor.dtype != expected[name].dtype:
            raise ModelError(
                f"{where}: tensor {name} is {tensor.dtype}, but its network needs {expected[name].dtype}."
            )
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{where}: tensor {name} has values that are not finite (NaN or infinity).")
        if name.endswith("running_var") and bool((tensor < 0).any()):
            raise ModelError(f"{where}: tensor {name} has a variance under zero.")
