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
from napari_weld_fcn.dataset.store import read_dataset
from napari_weld_fcn.events import Event, Message, OnEvent, ShouldStop, StepDone, TileDone, ignore, never
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.prediction.engine import choose_device
from napari_weld_fcn.reproduction import comparison
from napari_weld_fcn.reproduction.castings import gdxray_castings, simulated_castings
from napari_weld_fcn.reproduction.findings import Findings
from napari_weld_fcn.reproduction.material import cut_crops, make_pairs, simulate_films, weld_films
from napari_weld_fcn.reproduction.pace import Pace
from napari_weld_fcn.reproduction.parts import Part, Parts
from napari_weld_fcn.reproduction.pictures import draw_figures
from napari_weld_fcn.reproduction.plan import BY_FILM, Plan, Training
from napari_weld_fcn.reproduction.report import write_report
from napari_weld_fcn.reproduction.settings import ReproductionSettings
from napari_weld_fcn.reproduction.side_by_side import Job, work_off
from napari_weld_fcn.reproduction.trainings import Material, do_training
from napari_weld_fcn.reproduction.worker import described
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

Work = Callable[[OnEvent], dict[str, Any]]


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
    on_event: OnEvent = ignore,
    should_stop: ShouldStop = never,
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
    on_event
        Told of what begins and ends, in `Message`, and of how far the whole is, in `TileDone` with the time
        left.
    should_stop
        Asked often; what is finished stays.

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
        If `should_stop` said so; called again with the same arguments it goes on.
    """
    return _Experiment(Path(out), settings, gdxray, plan or Plan(), on_event, should_stop).run()


class _Experiment:
    """An experiment on its way."""

    def __init__(
        self,
        out: Path,
        settings: ReproductionSettings,
        gdxray: str | Path | None,
        plan: Plan,
        on_event: OnEvent,
        should_stop: ShouldStop,
    ) -> None:
        self.out, self.settings, self.plan = out, settings, plan
        self.gdxray = None if gdxray is None else Path(gdxray)
        self.films = out / FILMS if self.gdxray is None else self.gdxray
        self.parts = Parts(out)
        self.on_event, self.should_stop = on_event, should_stop
        self.finished: list[Part] = []
        self.pace = Pace(self._costs())

    def run(self) -> Reproduction:
        """Do every part that is not done, and write the report."""
        if self.gdxray is not None:
            weld_films(self.gdxray)  # refused before anything is written
        self.parts.begin(self._about())
        self._make_films()
        material = self._make_material()
        scores = self._train_all(material)
        beside = self._compare(material)
        pictures = self._draw(material)
        findings = Findings.of(
            self.plan,
            self.settings,
            source="simulated" if self.gdxray is None else "GDXray",
            parts=self.finished,
            scores=scores,
            leak=comparison.leaks(self.plan, material),
            top_hat=beside["top_hat"],
            same_crops=beside["same_crops"],
            figures=pictures,
            environment=environment(str(choose_device("auto"))),
        )
        report, html = write_report(self.out, FIGURES, findings)
        drawn = tuple(self.out / FIGURES / files[0] for files in pictures["files"].values())
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

    def _make_films(self) -> None:
        if self.gdxray is None:
            plan = self.plan

            def work(on_event: OnEvent) -> dict[str, Any]:
                return simulate_films(self.films, plan.simulation, plan.films, on_event, self.should_stop)

            self._do("films", "simulating films", work)

    def _make_material(self) -> Material:
        out = self.out

        def cut(on_event: OnEvent) -> dict[str, Any]:
            return cut_crops(self.films, out / CROPS, self.plan.crops, on_event, self.should_stop)

        def vary(on_event: OnEvent) -> dict[str, Any]:
            return make_pairs(out / CROPS, out / PAIRS, self.settings, on_event, self.should_stop)

        self._do("crops", "cutting crops", cut)
        self._do("pairs", "varying crops", vary)
        return Material.of(read_dataset(out / CROPS), read_dataset(out / PAIRS))

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
        threads = max(1, torch.get_num_threads() // at_once)
        jobs = [
            Job(
                name,
                described(
                    training,
                    self.plan.networks[training.network],
                    self.settings,
                    out=self.out,
                    crops=self.out / CROPS,
                    pairs=self.out / PAIRS,
                    run=self.out / RUNS / name,
                    threads=threads,
                    at_once=at_once,
                ),
            )
            for name, training in of.items()
        ]
        work_off(
            jobs,
            at_once,
            on_begin=lambda name: self.on_event(Message(f"{of[name]} ...")),
            on_share=lambda name, share: self.on_event(self.pace.progress(name, share)),
            on_end=lambda name: self._finished(name, str(of[name])),
            should_stop=self.should_stop,
        )

    def _train(self, training: Training, material: Material) -> dict[str, Any]:
        def work(on_event: OnEvent) -> dict[str, Any]:
            return do_training(
                training,
                self.plan.networks[training.network],
                material,
                self.out / RUNS / training.name,
                self.settings,
                on_event,
                self.should_stop,
            )

        values = self._do(training.name, str(training), work).values
        return values

    def _compare(self, material: Material) -> dict[str, dict[str, Any]]:
        def top_hat(on_event: OnEvent) -> dict[str, Any]:
            return comparison.classical(self.plan, material, on_event, self.should_stop)

        def same(on_event: OnEvent) -> dict[str, Any]:
            return comparison.same_crops(self.plan, material, self.out / RUNS, on_event, self.should_stop)

        return {
            "top_hat": self._do("top_hat", "a black top-hat", top_hat).values,
            "same_crops": self._do("same_crops", "both protocols on the same crops", same).values,
        }

    def _draw(self, material: Material) -> dict[str, Any]:
        training = Training(self.plan.first, BY_FILM, self.plan.seeds[0])

        def work(on_event: OnEvent) -> dict[str, Any]:
            parts = simulated_castings() if self.gdxray is None else gdxray_castings(self.gdxray)
            run = self.out / RUNS / training.name
            return draw_figures(training, material, run, parts, self.out / FIGURES, self.should_stop)

        return self._do("figures", "figures", work).values

    def _do(self, name: str, told: str, work: Work) -> Part:
        """Do a part where it is not done, with its beginning, its way and its end told."""
        there = self.parts.done(name)
        if there is None:
            self.on_event(Message(f"{told} ..."))
            part = self.parts.do(name, lambda: work(self._within(name)))
            self._finished(name, told)
        else:
            part = there
            self.pace.skip(name)
        self.finished.append(part)
        self.on_event(self.pace.progress(name, 1.0))
        return part

    def _finished(self, name: str, told: str) -> None:
        """Tell what a part came to that this session did."""
        part = self.parts.done(name)
        assert part is not None
        self.pace.finish(name)
        self.on_event(Message(f"{told}: {_outcome(part)}; {self.pace.told()}"))

    def _within(self, name: str) -> OnEvent:
        """Turn how far a part is into how far the whole is."""

        def listen(event: Event) -> None:
            if isinstance(event, (TileDone, StepDone)):
                self.on_event(self.pace.progress(name, event.done / max(event.total, 1)))
            elif isinstance(event, Message) and name == "crops":
                self.on_event(event)

        return listen

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
