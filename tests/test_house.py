"""The house around the rooms: what is imported when, what is packed, and what the README promises."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

import napari_weld_fcn

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_weld_fcn"
MODEL_BYTES = 5_000_000
WHEEL_BYTES = 7_000_000
TEXT_SUFFIXES = {
    "",
    ".cfg",
    ".cff",
    ".css",
    ".html",
    ".in",
    ".json",
    ".md",
    ".py",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
}


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def in_project(names: list[str]) -> list[Path]:
    """Files of the project's own text, below the folders and files `names`."""
    roots = [ROOT / name for name in names]
    files = [file for root in roots for file in (root.rglob("*") if root.is_dir() else [root])]
    return [file for file in files if file.is_file() and file.suffix in TEXT_SUFFIXES]


# What is imported when


@pytest.mark.parametrize("module", ["napari_weld_fcn", "napari_weld_fcn.cli"])
def test_import_brings_no_heavy_library(module: str) -> None:
    heavy = ["numpy", "torch", "napari", "scipy", "skimage", "qtpy"]
    found = run_python(f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])")
    assert found == "[]"


def test_import_takes_at_most_50_ms_of_the_processor() -> None:
    code = "from time import process_time as now; start = now(); import napari_weld_fcn; print(now() - start)"
    assert min(float(run_python(code)) for _ in range(5)) <= 0.05


@pytest.mark.parametrize("name", napari_weld_fcn.__all__)
def test_every_public_name_resolves_and_is_kept(name: str) -> None:
    value = getattr(napari_weld_fcn, name)
    assert value is getattr(napari_weld_fcn, name)
    assert name in dir(napari_weld_fcn)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'defect'"):
        _ = napari_weld_fcn.defect


def test_what_type_checkers_see_is_what_is_resolved() -> None:
    source = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    block = source.partition("if TYPE_CHECKING:")[2].partition("__version__")[0]
    seen = set()
    for names in re.findall(r"import (.+)", block):
        seen |= {name.split(" as ")[-1].strip() for name in names.split(",")}
    assert seen == set(napari_weld_fcn.__all__) - {"__version__"} == set(napari_weld_fcn._HOMES)


# One version, one manifest


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project and project["dynamic"] == ["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert "version" not in citation


def test_the_root_manifest_is_a_link_to_the_one_in_the_package() -> None:
    link = ROOT / "napari.yaml"
    assert link.is_symlink()
    assert link.resolve() == PACKAGE / "napari.yaml"


def test_napari_finds_the_manifest() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-weld-fcn")
    assert manifest.name == "napari-weld-fcn"
    assert str(manifest.package_version) == napari_weld_fcn.__version__


def test_every_pin_is_exact_and_torch_is_what_the_figures_were_measured_with() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    assert "torch==2.13.0" in pins


def test_every_base_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.match(r"[\w-]+", line)[0].lower() for line in project["dependencies"]}
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-")
    assert not {name for name in wanted if f"\n{name}==" not in pins}


def test_every_package_that_is_imported_is_declared() -> None:
    """Distributions are named as they are imported, save those below."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w-]+", line)[0].lower().replace("-", "_") for line in project["dependencies"]}
    named_otherwise = {"pillow": "PIL", "scikit_image": "skimage", "markdown_it_py": "markdown_it"}
    known = {named_otherwise.get(name, name) for name in declared} | {"napari_weld_fcn"}
    statements = [node for file in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(file.read_bytes()))]
    modules = [alias.name for node in statements if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in statements if isinstance(node, ast.ImportFrom)]
    imported = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    assert imported - known == set()


# What the README promises


def test_the_readme_opens_with_two_commands_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first_block = re.search(r"^```(?:sh|bash)\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)[1]
    commands = [line.split("#")[0].strip() for line in first_block.splitlines()]
    assert commands == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^demo:", makefile, re.MULTILINE) and re.search(r"^test:", makefile, re.MULTILINE)


# Words


def test_no_file_names_a_machine_of_its_writers() -> None:
    places = ["/" + "work/", "/" + "opt/wheels", "/" + "root/", "/" + "home/", "/" + "tmp/"]
    tree = ["src", "tests", "benchmarks", "scripts", "docs", ".github", ".ci", "README.md", "CONTRIBUTING.md"]
    tree += ["CHANGELOG.md", "Makefile", "pyproject.toml", "constraints.txt", ".pre-commit-config.yaml"]
    found = [
        f"{file.relative_to(ROOT)}: {place}"
        for file in in_project(tree)
        for place in places
        if place in file.read_text(encoding="utf-8")
    ]
    assert not found


def test_the_program_never_calls_its_own_mark_a_defect() -> None:
    shown = [*in_project(["src/napari_weld_fcn/viewer", "src/napari_weld_fcn/napari.yaml"])]
    shown += in_project(["src/napari_weld_fcn/cli", "src/napari_weld_fcn/prediction"])
    found = [
        file.name for file in shown if re.search("defect", file.read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert not found


# What is packed


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)], capture_output=True, check=True
    )
    return out


def test_shipped_models_are_small_enough() -> None:
    models = list((PACKAGE / "network" / "shipped").glob("*.safetensors"))
    assert {model.stem for model in models} == {"default", "fcn"}
    assert sum(model.stat().st_size for model in models) < MODEL_BYTES


@pytest.mark.slow
def test_the_wheel_holds_manifest_and_models_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.stat().st_size < WHEEL_BYTES
    names = zipfile.ZipFile(wheel).namelist()
    assert {"napari_weld_fcn/napari.yaml", "napari_weld_fcn/py.typed"} <= set(names)
    assert sum(name.endswith(".safetensors") for name in names) == 2
    assert {name.split("/")[0].split("-")[0] for name in names} == {"napari_weld_fcn"}


@pytest.mark.slow
def test_the_source_archive_can_be_built_from_and_tested(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "Makefile",
        "constraints.txt",
        "tests/test_house.py",
    } <= names
    assert not {name for name in names if name.startswith((".venv", "weld-fcn-demo", "dist"))}


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_wheel_works_in_a_fresh_environment_without_qt(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "fresh", with_pip=True)
    binaries = tmp_path / "fresh" / ("Scripts" if sys.platform == "win32" else "bin")

    def run(*command: object) -> subprocess.CompletedProcess[str]:
        program, *arguments = map(str, command)
        screen = {"DISPLAY": ":0", "WELD_FCN_MODELS": str(tmp_path / "models")}
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "QT_QPA_PLATFORM")}
        return subprocess.run(
            [binaries / program, *arguments],
            cwd=tmp_path,
            env=environment | screen,
            capture_output=True,
            text=True,
            check=True,
        )

    run("python", "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel)
    run("npe2", "validate", "napari-weld-fcn")
    silent = run("weld-fcn", "demo", "out", "--size", "1200x600", "--no-viewer")
    assert "pixel F1" in silent.stdout
    assert silent.stderr == ""
    assert "napari opens no window without Qt" in run("weld-fcn", "demo", "out", "--size", "600x400").stderr
