from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.container import CARD_KEY
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings

Weights = dict[str, torch.Tensor]


def write(path: Path, weights: Weights, card: str | None) -> Path:
    path.write_bytes(safetensors.torch.save(weights, {CARD_KEY: card} if card is not None else None))
    return path


def refused(path: Path) -> str:
    """Return the sentence with which a file is refused, checked to be one."""
    with pytest.raises(ModelError) as fault:
        Model.load(path)
    sentence = str(fault.value)
    assert sentence.startswith(f"{path}: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence.removeprefix(f"{path}: ")


def test_a_saved_model_is_the_same_model(model: Model, saved: Path) -> None:
    loaded = Model.load(saved)
    assert loaded.card == model.card
    assert not loaded.network.training
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor), name
    x = torch.randn(1, 1, 24, 24)
    with torch.inference_mode():
        assert torch.equal(loaded.network(x), model.network.eval()(x))


@pytest.mark.parametrize("kind", ["fcn", "autoencoder"])
def test_bytes_and_hash_survive_the_round_trip(kind: str, tmp_path: Path) -> None:
    card = Card(name="x", network=NetworkSettings(kind=kind, width=4), scores={"b": 1, "a": [0.1, None]})
    model = Model.create(card)
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    model.save(first)
    Model.load(first).save(second)
    assert first.read_bytes() == second.read_bytes()
    assert hashlib.sha256(first.read_bytes()).hexdigest() == model.sha256 == Model.load(second).sha256


def test_the_hash_tells_cards_and_weights_apart(model: Model) -> None:
    before = model.sha256
    assert Model.create(model.card.model_copy(update={"threshold": 0.41}), model.network).sha256 != before
    with torch.no_grad():
        next(model.network.parameters()).view(-1)[0] += 1
    assert model.sha256 != before


def test_memory_layout_does_not_change_the_bytes(model: Model) -> None:
    before = model.to_bytes()
    model.network.to(memory_format=torch.channels_last)
    assert model.to_bytes() == before


def test_a_fresh_model_depends_on_its_seed_alone() -> None:
    card = Card(name="x", network=NetworkSettings(width=4))
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    first = Model.create(card, seed=1).sha256
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(6)
    assert Model.create(card, seed=1).sha256 == first
    assert Model.create(card, seed=2).sha256 != first


def test_a_network_must_be_its_cards() -> None:
    network = build(NetworkSettings(width=8))
    with pytest.raises(ModelError, match="shape"):
        Model.create(Card(name="x", network=NetworkSettings(width=4)), network)


def test_stride_and_halo_are_the_networks(model: Model) -> None:
    assert (model.stride, model.halo) == (model.field.stride, model.field.halo) == (8, 69)


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (Path("exploded"),))


def as_torch_save(model: Model, **options: object) -> bytes:
    file = io.BytesIO()
    torch.save({"network": Bomb(), **model.network.state_dict()}, file, **options)
    return file.getvalue()


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.pkl", "model.safetensors", "model"])
@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle", "pickle protocol 2"])
def test_a_pickle_is_named_as_one_and_not_run(
    name: str, kind: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {
        "zip": as_torch_save(model),
        "legacy": as_torch_save(model, _use_new_zipfile_serialization=False),
        "pickle": pickle.dumps(Bomb()),
        "pickle protocol 2": pickle.dumps(Bomb(), protocol=2),
    }[kind]
    path = tmp_path / name
    path.write_bytes(content)
    sentence = refused(path)
    assert "pickle" in sentence
    assert "only .safetensors models are read" in sentence
    assert not (tmp_path / "exploded").exists()


def test_a_text_pickle_is_known_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps({"a": 1}, protocol=0))
    assert "pickle" in refused(path)


def test_any_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights", b"0" * 100)
    assert "zip archive" in refused(path)


@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_cut_anywhere_is_refused(share: float, saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    path = tmp_path / "cut.safetensors"
    path.write_bytes(content[: int(share * len(content))])
    sentence = refused(path)
    assert "truncated" in sentence


@given(place=st.integers(0, 5000), byte=st.integers(0, 255))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_gives_a_model_or_a_sentence(
    place: int, byte: int, saved: Path, tmp_path: Path
) -> None:
    content = bytearray(saved.read_bytes())
    content[place] = byte
    path = tmp_path / "changed.safetensors"
    path.write_bytes(content)
    try:
        Model.load(path)
    except ModelError as fault:
        assert str(fault).startswith(f"{path}: ")


def test_bytes_after_the_weights_are_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes() + b"\0" * 16)
    assert "do not fill the file exactly" in refused(saved)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 9, b"\xff" * 64, b"GIF89a" + b"\0" * 90, b"\2\0\0\0\0\0\0\0{}"]
)
def test_what_is_no_model_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert "model file" in refused(path) or "no card" in refused(path)


def test_weights_of_another_program_are_refused(model: Model, tmp_path: Path) -> None:
    path = write(tmp_path / "foreign.safetensors", dict(model.network.state_dict()), None)
    assert "no card" in refused(path)


def test_another_version_is_refused(model: Model, tmp_path: Path) -> None:
    card = json.loads(model.card.to_json()) | {"format_version": 2}
    path = write(tmp_path / "next.safetensors", dict(model.network.state_dict()), json.dumps(card))
    assert refused(path) == "its card has format version 2, but this program reads 1 only."


def without_first(weights: Weights) -> Weights:
    return dict(list(weights.items())[1:])


def with_another(weights: Weights) -> Weights:
    return weights | {"more": torch.zeros(3)}


def of_another_shape(weights: Weights) -> Weights:
    return weights | {"head.bias": torch.zeros(5)}


def in_half(weights: Weights) -> Weights:
    return {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}


def with_nan(weights: Weights) -> Weights:
    return weights | {"head.bias": torch.tensor([0.0, float("nan"), 0.0, 0.0])}


def with_infinity(weights: Weights) -> Weights:
    return weights | {"head.bias": torch.tensor([0.0, float("inf"), 0.0, 0.0])}


def with_negative_variance(weights: Weights) -> Weights:
    return weights | {"merge.0.norm.running_var": -torch.ones(4)}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (without_first, "lacks 1 tensors of its network, such as encoder.0.0.convolution.weight"),
        (with_another, "has 1 tensors that its network lacks, such as more"),
        (of_another_shape, "tensor head.bias has shape (5,), but the network of its card needs (4,)"),
        (in_half, "torch.float16"),
        (with_nan, "head.bias has values that are not finite"),
        (with_infinity, "head.bias has values that are not finite"),
        (with_negative_variance, "variance under zero"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    spoil: Callable[[Weights], Weights], reason: str, model: Model, tmp_path: Path
) -> None:
    weights = spoil(dict(model.network.state_dict()))
    assert reason in refused(write(tmp_path / "spoilt.safetensors", weights, model.card.to_json()))


def test_a_huge_network_is_refused_before_it_takes_memory(model: Model, tmp_path: Path) -> None:
    card = model.card.model_copy(update={"network": NetworkSettings(width=256, depth=5)})  # some 15 gigabytes
    path = write(tmp_path / "huge.safetensors", dict(model.network.state_dict()), card.to_json())
    assert "lacks" in refused(path)


def test_a_model_file_has_one_suffix(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"must end in \.safetensors"):
        model.save(tmp_path / "model.pt")
    assert not list(tmp_path.glob("model*"))
