"""All numbers of an experiment, as one value that JSON holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_weld_fcn.reproduction import comparison
from napari_weld_fcn.reproduction.parts import Part
from napari_weld_fcn.reproduction.plan import Plan, Training
from napari_weld_fcn.reproduction.settings import ReproductionSettings


@dataclass(frozen=True)
class Findings:
    """What an experiment found.

    Attributes
    ----------
    plan, settings
        What it was.
    source
        ``simulated`` or ``GDXray``.
    parts
        What was done, with its time.
    scores
        By training, as `trainings.do_training` gives them.
    summary
        By network and protocol: the spread over seeds of each score.
    gaps
        By network: the leak gap.
    leak
        By protocol: what share of the tested pixels training crops show.
    top_hat, same_crops, figures
        As `comparison.classical`, `comparison.same_crops` and `pictures.draw_figures` give them.
    environment
        With what it was computed.
    """

    plan: Plan
    settings: ReproductionSettings
    source: str
    parts: tuple[Part, ...]
    scores: Mapping[Training, Mapping[str, Any]]
    summary: Mapping[str, Any]
    gaps: Mapping[str, Any]
    leak: Mapping[str, Any]
    top_hat: Mapping[str, Any]
    same_crops: Mapping[str, Any]
    figures: Mapping[str, Any]
    environment: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        plan: Plan,
        settings: ReproductionSettings,
        *,
        source: str,
        parts: Sequence[Part],
        scores: Mapping[Training, Mapping[str, Any]],
        leak: Mapping[str, Any],
        top_hat: Mapping[str, Any],
        same_crops: Mapping[str, Any],
        figures: Mapping[str, Any],
        environment: Mapping[str, Any],
    ) -> Findings:
        """Join what the parts gave with what follows from it."""
        f1 = {training: float(each["test"]["pooled"]["f1"]) for training, each in scores.items()}
        return cls(
            plan=plan,
            settings=settings,
            source=source,
            parts=tuple(parts),
            scores=scores,
            summary=comparison.summary(plan, scores),
            gaps=comparison.gaps(plan, f1),
            leak=leak,
            top_hat=top_hat,
            same_crops=same_crops,
            figures=figures,
            environment=environment,
        )

    def part(self, name: str) -> Part | None:
        """Return a part by its name."""
        return next((part for part in self.parts if part.name == name), None)

    @property
    def seconds(self) -> float:
        """What all parts took together, by the clock."""
        return sum(part.seconds for part in self.parts)

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, ready for JSON."""
        return {
            "source": self.source,
            "scale": self.settings.scale,
            "seeds": list(self.plan.seeds),
            "leak_gap": self.gaps,
            "leak_gap_on_the_same_crops": self.same_crops,
            "tested_pixels_seen_in_training": self.leak,
            "networks": self.summary,
            "top_hat": self.top_hat,
            "trainings": [self._training(training, values) for training, values in self.scores.items()],
            "not_welds": self.figures["parts"],
            "figures": self.figures["files"],
            "parts": [
                {"part": each.name, "seconds": each.seconds, "cpu_seconds": each.cpu_seconds}
                | {"resumed": each.resumed}
                for each in self.parts
            ],
            "seconds": self.seconds,
            "environment": self.environment,
        }

    def _training(self, training: Training, values: Mapping[str, Any]) -> dict[str, Any]:
        part = self.part(training.name)
        told = {"network": training.network, "protocol": training.protocol, "seed": training.seed}
        return told | dict(values) | {"seconds": part.seconds if part else None}
