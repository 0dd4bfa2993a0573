"""What the pages show is so: examples run, commands parse, links lead somewhere, pictures are there."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from napari_weld_fcn.cli.app import app, summaries

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md"))
ALL = ["README.md", "CONTRIBUTING.md", *PAGES]
#: A block of code: its language, and what stands in it.
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https:)([^)#]*)(?:#([^)]*))?\)")
#: Bytes of one picture, and of all.
PICTURE, PICTURES = 300_000, 3_000_000


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[tuple[str, str]]:
    return BLOCK.findall(text_of(page))


def with_python() -> list[str]:
    return [page for page in ALL if any(language == "python" for language, _ in blocks(page))]


def shell_lines() -> list[tuple[str, str]]:
    """Every line of a shell block that calls the command, with its page."""
    return [
        (page, line)
        for page in ALL
        for language, code in blocks(page)
        if language in ("", "sh", "bash")
        for line in code.splitlines()
        if line.startswith("weld-fcn ")
    ]


@pytest.mark.parametrize("page", with_python())
def test_examples_run_as_they_stand_and_print_what_the_page_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The examples of a page follow each other; a block of text after one is what it prints."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    code = blocks(page)
    for (language, example), (following, said) in zip(code, [*code[1:], ("", "")], strict=True):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(example, page, "exec"), names)
        if following == "text":
            assert printed.getvalue() == said


def test_there_are_examples_whose_output_is_told() -> None:
    told = [page for page in ALL if any(language == "text" for language, _ in blocks(page))]
    assert "docs/scores.md" in told and "README.md" in with_python()


@pytest.mark.parametrize(("page", "line"), shell_lines())
def test_commands_in_blocks_are_taken_by_the_real_parser(page: str, line: str) -> None:
    group: Any = typer.main.get_command(app)
    _, name, *words = shlex.split(line, comments=True)
    command = group.get_command(None, name)
    assert command is not None, f"{page}: there is no command {name}"
    if words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    command.make_context(name, words)


@pytest.mark.parametrize("page", ALL)
def test_commands_in_sentences_are_commands(page: str) -> None:
    prose = BLOCK.sub("", text_of(page))
    named = set(re.findall(r"`weld-fcn ([a-z]+)", prose))
    assert named <= set(summaries())


@pytest.mark.parametrize("page", ALL)
def test_every_page_picture_and_heading_that_is_linked_is_there(page: str) -> None:
    here = ROOT / page
    for target, anchor in LINK.findall(BLOCK.sub("", text_of(page))):
        there = here.parent / target if target else here
        assert there.exists(), target
        if anchor:
            assert anchor in headings(there), f"{target}#{anchor}"


def headings(page: Path) -> set[str]:
    """The anchors of a page, as Python-Markdown makes them."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", title).strip().lower() for title in titles]
    return {re.sub(r"[-\s]+", "-", title) for title in plain}


def test_every_page_is_in_the_navigation_once() -> None:
    def pages(entry: Any) -> list[str]:
        if isinstance(entry, str):
            return [f"docs/{entry}"]
        parts = entry if isinstance(entry, list) else entry.values()
        return [page for part in parts for page in pages(part)]

    assert sorted(pages(configuration()["nav"])) == PAGES


def test_nothing_is_fetched_from_elsewhere_by_the_theme() -> None:
    theme = configuration()["theme"]
    assert theme["font"] is False and "icon" not in theme


def configuration() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def test_every_picture_is_shown_and_small() -> None:
    pictures = sorted((DOCS / "images").iterdir())
    shown = {
        (ROOT / page).parent.joinpath(target).resolve()
        for page in ALL
        for target, _ in LINK.findall(text_of(page))
    }
    assert [picture.name for picture in pictures if picture.resolve() not in shown] == []
    sizes = [picture.stat().st_size for picture in pictures]
    assert max(sizes) < PICTURE and sum(sizes) < PICTURES


@pytest.mark.parametrize("widget", ["predict", "crop", "augment", "train", "evaluate", "features"])
def test_every_widget_has_a_tutorial_with_a_picture(widget: str) -> None:
    page = text_of(f"docs/tutorials/{widget}.md")
    assert re.search(r"!\[[^\]]+\]\(\.\./images/[\w-]+\.png\)", page)
    manifest = yaml.safe_load((ROOT / "napari.yaml").read_text(encoding="utf-8"))
    titles = {each["command"]: each["display_name"] for each in manifest["contributions"]["widgets"]}
    assert page.startswith(f"# {titles[f'napari-weld-fcn.{widget}']}: ")
