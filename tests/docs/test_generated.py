"""What the build puts into the pages is what the program says of itself."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

import napari_weld_fcn
from napari_weld_fcn.cli.app import app, summaries
from napari_weld_fcn.network import library
from napari_weld_fcn.network.container import read_header
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "docs_pages.py"))


@pytest.fixture(scope="module")
def filled(script: dict[str, Any]) -> Callable[[str], str]:
    def page(name: str) -> str:
        made: str = script["filled"]((DOCS / name).read_text(encoding="utf-8"))
        return made

    return page


def all_commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    found = {name: group.get_command(None, name) for name in summaries()}
    models = found.pop("models").commands
    return found | {f"models {name}": command for name, command in models.items()}


def test_every_command_has_its_options_on_the_page_of_commands() -> None:
    asked = re.findall(r"^<!-- options: ([\w ]+) -->$", (DOCS / "commands.md").read_text(), re.MULTILINE)
    assert sorted(asked) == sorted(all_commands())
    assert {name.split()[0] for name in asked} == set(summaries())


@pytest.mark.parametrize("name", sorted(all_commands()))
def test_options_are_those_of_the_command_with_its_help(script: dict[str, Any], name: str) -> None:
    made = script["options_of"](name)
    assert made.startswith(f"```text\nweld-fcn {name} ")
    for parameter in all_commands()[name].params:
        if {"--json", "--verbose"} & {*parameter.opts} or getattr(parameter, "hidden", False):
            assert parameter.opts[0] not in made
            continue
        (row,) = [line for line in made.splitlines() if re.match(rf"\| `{shown(parameter)}[ `,]", line)]
        assert str(parameter.help).replace("|", "\\|").replace("<", "&lt;") in row


def shown(parameter: Any) -> str:
    return re.escape(parameter.metavar if parameter.param_type_name == "argument" else parameter.opts[0])


def test_settings_tables_have_default_range_unit_and_words_of_each_field(script: dict[str, Any]) -> None:
    made = script["settings_of"]("prediction.settings.PredictionSettings")
    rows = {line.split("`")[1]: line for line in made.splitlines()[2:]}
    assert list(rows) == list(PredictionSettings.model_fields)
    words = PredictionSettings.model_fields["pixel_size_mm"].description
    assert rows["pixel_size_mm"] == f"| `pixel_size_mm` |  | ≥ 0, ≤ 10 | mm | {words} |"
    assert "| `auto`, `dark`, `bright`, `either` |" in rows["polarity"]


def test_the_page_of_python_has_every_public_name_and_every_settings_class() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^::: napari_weld_fcn\.(\w+)$", page, re.MULTILINE))
    assert named == set(napari_weld_fcn.__all__) - {"__version__"}
    tables = set(re.findall(r"^<!-- settings: [\w.]+\.(\w+) -->$", page, re.MULTILINE))
    public = {name for name in named if is_settings(getattr(napari_weld_fcn, name))}
    assert public and public <= tables


def is_settings(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Settings)


def test_model_cards_are_those_of_the_shipped_models(filled: Callable[[str], str]) -> None:
    made = filled("models.md")
    assert set(re.findall(r"^## `(\w+)`$", made, re.MULTILINE)) == set(library.shipped())
    for name, path in library.shipped().items():
        card = read_header(path).card
        part = made.split(f"## `{name}`")[1].split("\n## ")[0]
        assert f"| threshold | {card.threshold:g} ({card.threshold_purpose}) |" in part
        assert card.data in part and card.licence in part
        for row in card.reached.get("test", {}).get("by_class", []):
            assert f"| {row['iso6520']} {row['name']} | {row['flaws']} | {row['found']:.0%} |" in part


@pytest.mark.parametrize("name", ["commands.md", "api.md", "models.md"])
def test_nothing_that_was_asked_for_is_left_out(filled: Callable[[str], str], name: str) -> None:
    assert "<!--" not in filled(name)


@pytest.mark.parametrize("asked", ["options: fly", "settings: network.card.Wings", "card: best"])
def test_what_there_is_not_ends_the_build(script: dict[str, Any], asked: str) -> None:
    with pytest.raises((KeyError, AttributeError)):
        script["filled"](f"<!-- {asked} -->\n")


@pytest.mark.parametrize(
    ("html", "fetches"),
    [
        ('<script src="https://cdn.example/a.js"></script>', True),
        ('<img alt="x" src="//cdn.example/a.png">', True),
        ('<link rel="stylesheet" href="https://fonts.example/css">', True),
        ('<script src="assets/a.js"></script><a href="https://example.org">elsewhere</a>', False),
    ],
)
def test_a_page_that_fetches_from_elsewhere_is_refused(
    script: dict[str, Any], html: str, fetches: bool
) -> None:
    assert bool(script["FETCHED"].search(html)) == fetches
