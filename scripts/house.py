"""Print how large and how tangled the source is, read off its syntax trees alone.

    python scripts/house.py [--json] [SOURCE]

SOURCE is the package's folder. Counted are lines that are not blank; imports inside functions count, those
for a type checker alone do not. A chain is one module importing another that imports a third; where modules
import one another in a ring, the ring counts as one link.
"""

from __future__ import annotations

import argparse
import ast
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "napari_weld_fcn"
#: Words that a function takes or hands on where no job control does it for all.
BY_HAND = ("should_stop", "on_event")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        """What is in the file."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, str(self.path))

    @cached_property
    def lines(self) -> int:
        """Lines that are not blank."""
        return sum(bool(line.strip()) for line in self.text.splitlines())

    def functions(self) -> Iterator[Function]:
        """Functions and methods, also inside others."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


def modules_of(package: Path) -> dict[str, Module]:
    """Return the modules of a package by their dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, path)
    return found


def imports_of(module: Module, modules: dict[str, Module]) -> set[str]:
    """Return which modules of the package a module imports, when it is imported or later."""
    targets = set()
    for node in _without_type_checking(module.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        targets |= {_inside(name, modules) for name in names}
    return {name for name in targets if name and name != module.name}


def _without_type_checking(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield other
                yield from _without_type_checking(other)
            continue
        yield node
        yield from _without_type_checking(node)


def _inside(name: str, modules: dict[str, Module]) -> str:
    """The module that a dotted name lies in; nothing where it is of another package."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def rings_of(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected parts of a graph, those first that others lead to (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    rings: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            cut = stack.index(node)
            rings.append(stack[cut:])
            del stack[cut:]

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return rings


def longest_chain(graph: dict[str, set[str]], rings: list[list[str]]) -> list[str]:
    """Return the longest chain of imports, from the module that imports to the one that imports none."""
    ring_of = {node: number for number, ring in enumerate(rings) for node in ring}
    chains: list[list[str]] = []
    for number, ring in enumerate(rings):
        below = {ring_of[other] for node in ring for other in graph[node]} - {number}
        longest = max((chains[other] for other in below), key=len, default=[])
        chains.append([" + ".join(sorted(ring)), *longest])
    return max(chains, key=len, default=[])


def parameters_of(function: Function) -> int:
    """Return how many parameters a function has, without `self` and `cls`."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    names += [each.arg for each in (given.vararg, given.kwarg) if each]
    return len([name for name in names if name not in ("self", "cls")])


def docstring_lines(module: Module) -> int:
    """Return how many lines of a module, not blank, are docstrings."""
    lines, total = module.text.splitlines(), 0
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node) is not None:
            first = node.body[0]
            total += sum(bool(line.strip()) for line in lines[first.lineno - 1 : first.end_lineno])
    return total


def twice_named(modules: dict[str, Module]) -> dict[str, list[str]]:
    """Return the names of public functions, not methods, that stand in two or more modules."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for module in modules.values():
        for node in module.tree.body:
            if isinstance(node, Function) and not node.name.startswith("_"):
                places[node.name].append(module.name)
    return {name: where for name, where in sorted(places.items()) if len(where) > 1}


def built_at_one_place(modules: dict[str, Module]) -> float:
    """Return which share of the classes is called at one place only."""
    classes = {
        node.name for m in modules.values() for node in ast.walk(m.tree) if isinstance(node, ast.ClassDef)
    }
    calls: Counter[str] = Counter()
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                called = node.func
                calls[called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")] += 1
    return sum(calls[name] == 1 for name in classes) / max(len(classes), 1)


def figures_of(package: Path, tests: Path | None = None) -> dict[str, Any]:
    """Return all figures of a package, JSON-able."""
    modules = modules_of(package)
    graph = {name: imports_of(module, modules) for name, module in modules.items()}
    rings = rings_of(graph)
    chain = longest_chain(graph, rings)
    functions = [(module, each) for module in modules.values() for each in module.functions()]
    lines = sum(module.lines for module in modules.values())
    flat = Counter(module.path.parent for module in modules.values() if module.path.stem != "__init__")
    folder, most = max(flat.items(), key=lambda item: item[1])
    most_parameters = max(functions, key=lambda item: parameters_of(item[1]))
    tested = 0 if tests is None else sum(module.lines for module in modules_of(tests).values())
    return {
        "lines": lines,
        "docstring_share": round(sum(map(docstring_lines, modules.values())) / lines, 3),
        "files": len(modules),
        "largest_folder": {"name": str(folder.relative_to(package)), "files": most},
        "longest_chain": {"modules": len(chain), "names": chain},
        "import_cycles": [sorted(ring) for ring in rings if len(ring) > 1],
        "functions_named_twice": twice_named(modules),
        "most_parameters": {
            "function": f"{most_parameters[0].name}.{most_parameters[1].name}",
            "parameters": parameters_of(most_parameters[1]),
        },
        **{
            f"lines_with_{word}": sum(
                word in line for module in modules.values() for line in module.text.splitlines()
            )
            for word in BY_HAND
        },
        "classes_built_at_one_place": round(built_at_one_place(modules), 3),
        "median_function_lines": statistics.median(
            (each.end_lineno or each.lineno) - each.lineno + 1 for _, each in functions
        ),
        "median_file_lines": statistics.median(module.lines for module in modules.values()),
        "test_lines_per_line": round(tested / lines, 2),
    }


def told(figures: dict[str, Any]) -> Iterator[str]:
    """Lay the figures out, a line each."""
    for name, value in figures.items():
        words = name.replace("_", " ")
        if isinstance(value, dict) and "names" in value:
            yield f"{words}: {value['modules']}"
            yield from (f"    {each}" for each in value["names"])
        elif name == "functions_named_twice":
            yield f"{words}: {len(value)} ({', '.join(value)})"
        elif isinstance(value, list):
            yield f"{words}: {len(value)}"
            yield from (f"    {', '.join(each)}" for each in value)
        elif isinstance(value, dict):
            yield f"{words}: {', '.join(map(str, value.values()))}"
        else:
            yield f"{words}: {value}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("source", nargs="?", type=Path, default=PACKAGE)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    tests = asked.source.resolve().parents[1] / "tests"
    figures = figures_of(asked.source.resolve(), tests if tests.is_dir() else None)
    print(json.dumps(figures, indent=1) if asked.json else "\n".join(told(figures)))


if __name__ == "__main__":
    main()
