"""The paper's whole experiment, part by part, in one folder that it can always be gone on with.

Films, crops and pairs are made once and for all trainings; each training is a run folder. Every part that is
finished is written down with its numbers and its time (`parts`), so whoever kills the command and gives it
again loses the part that was under way at most, and of a training not even that. The report is made anew each
time from what is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from napari_weld_fcn import __version__
from napari_weld_fcn.events import ALONE, Event, JobControl, Message, StepDone, TileDone
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.prediction.engine import choose_device
from napari_weld_fcn.reproduction.findings import Findings
from napari_weld_fcn.reproduction.material import Material, cut_crops, make_films, make_pairs, weld_films
from napari_weld_fcn.reproduction.parts import Pace, Part, Parts
from napari_weld_fcn.reproduction.pictures import draw_figures, gdxray_castings, simulated_castings
from napari_weld_fcn.reproduction.plan import BY_FILM, Plan, Training
from napari_weld_fcn.reproduction.report import write_report
from napari_weld_fcn.reproduction.settings import ReproductionSettings
from napari_weld_fcn.reproduction.side_by_side import work_off
from napari_weld_fcn.reproduction.trainings import classical, do_training, leaks, same_crops
from napari_weld_fcn.training.hardware import estimate, memory_of_computer
from napari_weld_fcn.training.run_folder import environment

#: Where things lie in the folder.
FILMS, CROPS, PAIRS, RUNS, FIGURES = "films", "crops", "pairs", "runs", "figures"
#: What the parts cost, in seconds of one processor core: only their ratios matter, for the time that is left.
_FILM_COST, _PAIR_COST, _FIGURES_COST, _COMPARISON_COST = 1.2, 0.004, 20.0, 20.0
_STEP_COST = {"fcn": 0.16, "autoencoder": 0.03}
_TEST_COST = 8.0
#: Share of the computer's memory that trainings side by side may take together.
MEMORY_SHARE = 0.6

Work = Callable[[JobControl], dict[str, Any]]


@dataclass(frozen=True)
class Reproduction:
    """What an experiment came to.

    Attributes
    ----------
    findings
        All numbers.
    report, html
        The two forms of the report.
    figures
        PNG files, in the order of their numbers.
    """

    findings: Findings
    report: Path
    html: Path
    figures: tuple[Path, ...]


def reproduce(
    out: str | Path,
    settings: ReproductionSettings = ReproductionSettings(),
    *,
    gdxray: str | Path | None = None,
    plan: Plan | None = None,
    job: JobControl = ALONE,
) -> Reproduction:
    """Do the paper's experiment, or go on with it.

    Parameters
    ----------
    out
        Folder for all of it; may hold this very experiment, begun.
    settings
        Its scale.
    gdxray
        The folder of the real GDXray, whose welds W0001 and W0002 are used; None simulates films.
    plan
        What it is made of; None is the paper's.
    job
        Told of what begins and ends, in `Message`, and of how far the whole is, in `TileDone` with the time
        left; where it stops, what is finished stays.

    Returns
    -------
    Reproduction

    Raises
    ------
    SettingsError
        If the folder holds another experiment, or fewer than three films have masks.
    RadiographError, DatasetError
        If there is no W0001, or a film or a file of a dataset is damaged.
    Stopped
        If `job` said so; called again with the same arguments it goes on.
    """
    return _Experiment(
        Path(out), settings, None if gdxray is None else Path(gdxray), plan or Plan(), job
    ).run()


class _Experiment:
    """An experiment on its way."""

    def __init__(
        self, out: Path, settings: ReproductionSettings, gdxray: Path | None, plan: Plan, job: JobControl
    ) -> None:
        self.out, self.settings, self.gdxray, self.plan, self.job = out, settings, gdxray, plan, job
        self.films = out / FILMS if gdxray is None else gdxray
        self.parts = Parts(out)
        self.finished: list[Part] = []
        self.pace = Pace(self._costs())

    def run(self) -> Reproduction:
        """Do every part that is not done, and write the report."""
        if self.gdxray is not None:
            weld_films(self.gdxray)  # refused before anything is written
        self.parts.begin(self._about())
        material = self._make_material()
        scores = self._train_all(material)
        plan, runs = self.plan, self.out / RUNS
        top_hat = self._do("top_hat", "a black top-hat", lambda job: classical(plan, material, job))
        same = self._do(
            "same_crops",
            "both protocols on the same crops",
            lambda job: same_crops(plan, material, runs, job),
        )
        figures = self._do("figures", "figures", lambda job: self._draw(material, job))
        findings = Findings(
            plan=plan,
            settings=self.settings,
            source="simulated" if self.gdxray is None else "GDXray",
            parts=tuple(self.finished),
            scores=scores,
            leak=leaks(plan, material),
            top_hat=top_hat,
            same_crops=same,
            figures=figures,
            environment=environment(str(choose_device("auto"))),
        )
        report, html = write_report(self.out, FIGURES, findings)
        drawn = tuple(self.out / FIGURES / files[0] for files in figures["files"].values())
        return Reproduction(findings, report, html, drawn)

    def _about(self) -> dict[str, Any]:
        """Return what makes it this experiment and no other."""
        return {
            "films": "simulated" if self.gdxray is None else str(self.gdxray.absolute()),
            "version": __version__,
            **self.settings.model_dump(exclude={"at_once"}),
            "crops": self.plan.crops.model_dump(),
            "networks": {name: each.model_dump(mode="json") for name, each in self.plan.networks.items()},
            "seeds": list(self.plan.seeds),
        }

    def _make_material(self) -> Material:
        plan, crops, pairs = self.plan, self.out / CROPS, self.out / PAIRS
        if self.gdxray is None:
            self._do(
                "films",
                "simulating films",
                lambda job: make_films(self.films, plan.simulation, plan.films, job),
            )
        self._do("crops", "cutting crops", lambda job: cut_crops(self.films, crops, plan.crops, job))
        self._do("pairs", "varying crops", lambda job: make_pairs(crops, pairs, self.settings, job))
        return Material.read(crops, pairs)

    def _train_all(self, material: Material) -> dict[Training, dict[str, Any]]:
        left = [each for each in self.plan.trainings if self.parts.done(each.name) is None]
        at_once = self._at_once(left)
        if at_once > 1:
            self._side_by_side(left, at_once)
        return {training: self._train(training, material) for training in self.plan.trainings}

    def _at_once(self, left: Sequence[Training]) -> int:
        """How many trainings run at a time: a thread each on a processor, if memory holds them."""
        if self.settings.at_once:
            return self.settings.at_once
        if choose_device("auto").type != "cpu" or not left:
            return 1
        size = (self.plan.crops.size, self.plan.crops.size)
        networks = {each.network: build(self.plan.networks[each.network]) for each in left}
        each = max(estimate(network, self.settings.batch, size, "cpu") for network in networks.values())
        held = int(MEMORY_SHARE * (memory_of_computer() or each) / each)
        return max(1, min(torch.get_num_threads(), held, len(left)))

    def _side_by_side(self, left: Sequence[Training], at_once: int) -> None:
        """Do trainings in processes of their own, `at_once` at a time."""
        of = {training.name: training for training in left}
        folders = {"out": self.out, "crops": self.out / CROPS, "pairs": self.out / PAIRS}
        jobs = {
            name: {
                "training": [training.network, training.protocol, training.seed],
                "network": self.plan.networks[training.network].model_dump(mode="json"),
                "settings": self.settings.model_dump(mode="json"),
                "folders": {
                    key: str(folder.absolute())
                    for key, folder in (folders | {"run": self.out / RUNS / name}).items()
                },
                "threads": max(1, torch.get_num_threads() // at_once),
                "at_once": at_once,
            }
            for name, training in of.items()
        }

        def on_share(name: str, share: float | None) -> None:
            if share is None:
                self._finished(name, str(of[name]))
            elif share == 0:
                self.job.tell(Message(f"{of[name]} ..."))
            else:
                self.job.tell(self.pace.progress(name, share))

        work_off(jobs, at_once, on_share, self.job.should_stop)

    def _train(self, training: Training, material: Material) -> dict[str, Any]:
        network, run = self.plan.networks[training.network], self.out / RUNS / training.name
        return self._do(
            training.name,
            str(training),
            lambda job: do_training(training, network, material, run, self.settings, job),
        )

    def _draw(self, material: Material, job: JobControl) -> dict[str, Any]:
        training = Training(self.plan.first, BY_FILM, self.plan.seeds[0])
        castings = simulated_castings() if self.gdxray is None else gdxray_castings(self.gdxray)
        run = self.out / RUNS / training.name
        return draw_figures(training, material, run, castings, self.out / FIGURES, job)

    def _do(self, name: str, told: str, work: Work) -> dict[str, Any]:
        """Return what a part gives; where it is not done it is done, with its beginning and end told."""
        there = self.parts.done(name)
        if there is None:
            self.job.tell(Message(f"{told} ..."))
            part = self.parts.do(name, lambda: work(self._within(name)))
            self._finished(name, told)
        else:
            part = there
            self.pace.skip(name)
        self.finished.append(part)
        self.job.tell(self.pace.progress(name, 1.0))
        return part.values

    def _finished(self, name: str, told: str) -> None:
        """Tell what a part came to that this session did."""
        part = self.parts.done(name)
        assert part is not None
        self.pace.finish(name)
        self.job.tell(Message(f"{told}: {_outcome(part)}; {self.pace.told()}"))

    def _within(self, name: str) -> JobControl:
        """Turn how far a part is into how far the whole is."""

        def listen(event: Event) -> None:
            if isinstance(event, TileDone | StepDone):
                self.job.tell(self.pace.progress(name, event.done / max(event.total, 1)))
            elif isinstance(event, Message) and name == "crops":
                self.job.tell(event)

        return self.job.heard_by(listen)

    def _costs(self) -> dict[str, float]:
        crops = self.plan.films * (self.plan.crops.crops_per_film or 1)
        shown = self.settings.pairs(crops) * self.settings.passes(crops) * 0.7
        costs = {"films": self.plan.films * _FILM_COST} if self.gdxray is None else {}
        costs |= {"crops": self.plan.films * 0.2, "pairs": self.settings.pairs(crops) * _PAIR_COST}
        for training in self.plan.trainings:
            step = _STEP_COST[self.plan.networks[training.network].kind]
            costs[training.name] = shown * step + _TEST_COST
        return costs | {"top_hat": 3.0, "same_crops": _COMPARISON_COST, "figures": _FIGURES_COST}


def _outcome(part: Part) -> str:
    minutes = f"{part.seconds:.0f} s"
    if "test" in part.values:
        return f"F1 {part.values['test']['pooled']['f1']:.3f} in {minutes}"
    made = [name for name in ("films", "crops", "pairs") if isinstance(part.values.get(name), int)]
    counts = [f"{part.values[name]} {name}" for name in made]
    return f"{', '.join(counts) or 'done'} in {minutes}"
