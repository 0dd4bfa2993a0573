"""How a network is fitted: the loop of steps, what a user sets for a run, and what a run folder remembers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import SerializeAsAny, field_validator, model_validator

from napari_weld_fcn.dataset.settings import AugmentationSettings, SplitSettings
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.settings import Settings, setting

#: Crops in a step, and the edge of a window: of fresh weights, and of a model that is tuned further. That is
#: done with few labels, of which many small steps show more variants than few large ones.
BATCH_FROM_NOTHING, BATCH_FROM_MODEL = 16, 4
WINDOW_FROM_NOTHING, WINDOW_FROM_MODEL = 256, 160
#: The same on films without labels, where windows and flaws never run out.
BATCH_CLEAN, WINDOW_CLEAN = 12, 192
#: Highest learning rates: of fresh weights, of a model that is tuned further, and without labels. What is put
#: into films is not what is on them: at the rate that suits labels, other films lose more than these gain.
RATE_FROM_NOTHING, RATE, RATE_CLEAN = 5e-3, 2e-3, 3e-4
#: Weight of the flaws for fresh weights: where flaws are a thousandth of the pixels, the fastest way down is
#: to call nothing, and from there neither cross-entropy nor Dice leads back within some hundred steps.
FLAW_WEIGHT_FROM_NOTHING = 0.1
#: Flaws that are a larger share of what trains need no weight, and their outlines come out better without.
RARE = 0.01


class Optimisation(Settings):
    """What every fit has: objective, decay, averaging, seed."""

    final_rate: float = setting(
        0.01, "Share of the learning rate that the cosine ends at", step=0.01, ge=0, le=1, advanced=True
    )
    weight_decay: float = setting(1e-3, "Decay of the weights (AdamW)", step=1e-4, ge=0, advanced=True)
    gradient_limit: float = setting(1.0, "Largest norm of the gradient", step=0.1, gt=0, advanced=True)
    averaging: float = setting(
        0.998, "Share of the averaged weights kept at each step", step=0.001, ge=0, lt=1, advanced=True
    )
    loss: Literal["dice", "focal-tversky"] = setting(
        "dice", "What is made small: cross-entropy with batch soft Dice, or focal Tversky", advanced=True
    )
    dice_weight: float = setting(
        0.5, "Weight of the batch soft Dice beside the cross-entropy", step=0.1, ge=0, advanced=True
    )
    dice_smoothing: float = setting(
        50.0, "Pixels added to both sides of the Dice ratio", step=10, gt=0, advanced=True
    )
    margin: float = setting(
        0.02,
        "A later network is taken if its validation F1 is lower by this at most; so is a threshold nearer to "
        "one half on a part of a film, or on whole films nearer to that of the model that is trained further",
        step=0.01,
        ge=0,
        le=1,
        advanced=True,
    )
    tversky_alpha: float = setting(
        0.7, "Weight of flaw pixels that are missed (focal-tversky)", step=0.05, gt=0, le=1, advanced=True
    )
    tversky_beta: float = setting(
        0.3, "Weight of pixels that are called wrongly (focal-tversky)", step=0.05, gt=0, le=1, advanced=True
    )
    tversky_gamma: float = setting(
        4 / 3,
        "How much more a bad batch counts, from 1 on (focal-tversky)",
        step=0.1,
        ge=1,
        le=3,
        advanced=True,
    )
    seed: int = setting(0, "Seed of the weights and of everything that is drawn", step=1, ge=0)


#: The smallest window that can be asked for, pixels.
LEAST_WINDOW = 32


class FitSettings(Optimisation):
    """The seeded loop: its length, its rate, its objective, and what it keeps."""

    former_names: ClassVar[Mapping[str, str]] = {"balance": "flaw_weight"}

    learning_rate: float = setting(
        RATE, "Highest learning rate, reached after the warm-up", step=1e-4, gt=0, le=1
    )
    steps: int = setting(
        3000, "Steps of the optimiser; where time decides, what the schedule is drawn over", step=100, ge=1
    )
    seconds: float = setting(0.0, "Time in which the fit ends; 0 leaves it to the steps", unit="s", ge=0)
    batch: int = setting(16, "Patches in a step", unit="patches", step=1, ge=1)
    warm_up: int = setting(200, "Steps over which the rate rises", step=10, ge=0)
    validate_every: int = setting(300, "Steps between two validations and two saves", step=50, ge=1)
    precision: Literal["float32", "bfloat16"] = setting("bfloat16", "Arithmetic of the forward pass")
    flaw_weight: float = setting(
        0.0,
        "Weight of the mean cross-entropy over flaw pixels alone at the highest rate; it falls with the rate",
        step=0.05,
        ge=0,
    )


class PatchSettings(Settings):
    """How simulated patches reach the network: seen as if their film's normalisation were another."""

    spread_min: float = setting(0.25, "Least factor on a normalised patch", step=0.1, gt=0)
    spread_max: float = setting(1.5, "Largest factor on a normalised patch", step=0.1, gt=0)
    shift: float = setting(1.0, "Largest shift of a normalised patch", step=0.1, ge=0)
    workers: int = setting(1, "Processes that simulate", step=1, ge=1)


#: Who chooses what a run leaves open.
CHOSEN = "chosen by the program"


class TrainSettings(Optimisation):
    """A run by epochs, or by minutes, over films or over the crops of a dataset."""

    former_names: ClassVar[Mapping[str, str]] = {"balance": "flaw_weight", "again": "refit_on_all"}

    preset: Literal["recommended", "paper"] = setting(
        "recommended", "Network and augmentation where nothing else is said: the paper's, or what does better"
    )
    epochs: int = setting(40, "Times that every crop is seen, each time as another variant", step=5, ge=1)
    minutes: float | None = setting(
        None,
        "Time in which it ends, however many epochs that are, so that it cannot be repeated exactly",
        zero="by epochs",
        label="Time",
        unit="minutes",
        step=1,
        ge=0,
        le=100_000,
    )
    learning_rate: float | None = setting(
        None,
        f"Highest learning rate, reached after the warm-up: {RATE_FROM_NOTHING:g} from nothing, {RATE:g} "
        f"from a model, {RATE_CLEAN:g} without labels",
        zero=CHOSEN,
        label="Rate",
        step=1e-4,
        ge=0,
        le=1,
    )
    batch: int | None = setting(
        None,
        f"Crops in a step: {BATCH_FROM_NOTHING} from nothing, {BATCH_FROM_MODEL} from a model, {BATCH_CLEAN} "
        "without labels",
        zero=CHOSEN,
        advanced=True,
        unit="crops",
        step=1,
        ge=0,
        le=4096,
    )
    window: int | None = setting(
        None,
        "Edge of the window that is cut from each variant where crops are larger than this: "
        f"{WINDOW_FROM_NOTHING} from nothing, {WINDOW_FROM_MODEL} from a model, {WINDOW_CLEAN} without "
        "labels",
        zero=CHOSEN,
        unit="pixels",
        step=32,
        ge=0,
        le=4096,
        advanced=True,
    )
    warm_up: float = setting(
        0.05, "Share of the steps over which the rate rises", step=0.01, ge=0, le=1, advanced=True
    )
    flaw_weight: float = setting(
        FLAW_WEIGHT_FROM_NOTHING,
        "Weight of the mean cross-entropy over flaw pixels alone at the highest rate, from nothing and where "
        f"less than {RARE:.0%} of the pixels that train are flaw; it falls with the rate",
        step=0.05,
        ge=0,
        advanced=True,
    )
    patience: int = setting(
        15,
        "Epochs without a better validation after which it ends; 0 never does",
        zero="never ends early",
        step=1,
        ge=0,
        advanced=True,
    )
    keep: float = setting(
        0.2,
        "How much of what a model knows is kept: 0 learns the labels alone, near 1 it stays as it was",
        step=0.05,
        ge=0,
        lt=1,
    )
    refit_on_all: bool = setting(
        True,
        "One film alone is learned whole in the end, what was held back to choose a network too: in a third "
        "of the time from nothing, half of it from a model; not with several devices",
        label="Learn all at the end",
        advanced=True,
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto", "Arithmetic; auto is bfloat16 where the device computes in it, else float32", advanced=True
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting(
        "auto", "Where the network is trained", advanced=True
    )
    devices: int = setting(
        1,
        "Processes that share each step, a GPU or a part of the processor each",
        step=1,
        ge=1,
        le=64,
        advanced=True,
    )

    @field_validator("window")
    @classmethod
    def _no_tiny_window(cls, window: int | None) -> int | None:
        if window is not None and window < LEAST_WINDOW:
            raise ValueError(f"input should be {LEAST_WINDOW} or more")
        return window

    def chosen(self, from_model: bool, labels: bool = True) -> ChosenTrainSettings:
        """Return the same with everything chosen that was left open."""
        if not labels:
            rate, batch, window = RATE_CLEAN, BATCH_CLEAN, WINDOW_CLEAN
        elif from_model:
            rate, batch, window = RATE, BATCH_FROM_MODEL, WINDOW_FROM_MODEL
        else:
            rate, batch, window = RATE_FROM_NOTHING, BATCH_FROM_NOTHING, WINDOW_FROM_NOTHING
        chosen = {
            "learning_rate": self.learning_rate or rate,
            "batch": self.batch or batch,
            "window": self.window or window,
        }
        return ChosenTrainSettings(**self.model_dump() | chosen)


class ChosenTrainSettings(TrainSettings):
    """The same with nothing left open that the program chooses."""

    learning_rate: float = setting(..., "Highest learning rate, reached after the warm-up", gt=0, le=1)
    batch: int = setting(..., "Crops in a step", ge=1)
    window: int = setting(..., "Edge of the window that is cut from each variant", ge=LEAST_WINDOW)


#: Variants of windows, but for the paper's: flaws are dark, and noise would hide the faint ones.
VARIED = AugmentationSettings(negation_probability=0.0, noise_probability=0.0)
#: As whose normalisation windows are seen beside that: a film's other parts and other films are as bright.
SEEN_AS = PatchSettings(spread_min=0.8, spread_max=1.25, shift=0.35)


class Preset(Settings):
    """What a run is made of where nothing else is said."""

    network: SerializeAsAny[NetworkSettings] = setting(..., "Architecture")
    augmentation: AugmentationSettings = setting(..., "Variants of the crops")


#: By name: `paper` has its network and its four transforms; `recommended` knows that flaws are dark.
PRESETS = {
    "paper": Preset(network=NetworkSettings(kind="fcn"), augmentation=AugmentationSettings()),
    "recommended": Preset(
        network=NetworkSettings(kind="autoencoder", activation="relu"),
        augmentation=VARIED,
    ),
}


class RunSettings(Settings):
    """All that a run folder must know to go on; its `settings.json`."""

    train: ChosenTrainSettings = setting(..., "Epochs, rate, seed")
    network: SerializeAsAny[NetworkSettings] = setting(..., "Architecture")
    augmentation: AugmentationSettings = setting(..., "Variants of the crops")
    split: SplitSettings = setting(..., "Which films validate")
    kind: Literal["crops", "films", "clean", "unlabelled"] = setting(
        "crops", "Whether it learns from crops, from whole films, or from films without labels"
    )
    dataset: str = setting("", "Dataset folder or GDXray series; empty where a copy lies in the run's folder")
    pairs: int = setting(..., "Crops of the dataset, or films", ge=1)
    pairs_sha256: str = setting(
        ..., "SHA-256 of what is listed of the crops and of their files, or of films and masks"
    )
    mixed_in: Literal["", "clean", "unlabelled"] = setting(
        "", "Films without labels that are mixed in, of which a copy lies in the run's folder"
    )
    start_from: str = setting("nothing", "The model that it started from, or nothing")
    start_sha256: str = setting("", "SHA-256 of that model's file")
    threshold: float = setting(
        0.0,
        "Threshold of that model, which stays unless whole films validate; 0 is chosen on what validates",
        ge=0,
        lt=1,
    )
    first_share: float = setting(
        0.5, "Share of time or steps before a film that is alone is learned whole", gt=0, lt=1
    )

    @model_validator(mode="before")
    @classmethod
    def _begun_before_flaw_weight(cls, given: Any) -> Any:
        """A run that was begun before flaws had a weight of their own goes on without."""
        train = given.get("train") if isinstance(given, dict) else None
        return (
            given | {"train": {"flaw_weight": 0.0} | TrainSettings.renamed(train)}
            if isinstance(train, dict)
            else given
        )
