"""The shape of the package: which room may import which, what files may be called, how long they may grow."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "saccade"

# What each room may import of ours, besides itself and saccade.errors, which every room may.
ARROWS = {
    "graph": set(),
    "capture": {"graph"},
    "plan": {"graph"},
    "kernels": {"graph"},
    "policy": {"graph"},
    "agreement": {"graph"},
    "runtime": {"graph", "capture", "plan", "kernels", "policy", "agreement"},
    "calibration": {"runtime", "policy", "agreement"},
    "video": set(),
    "gates": {"graph"},
    "models": {"gates", "graph"},
    "explain": {"models", "gates"},
    "training": {"graph", "gates", "models"},
    "experiments": {
        "graph",
        "capture",
        "kernels",
        "policy",
        "runtime",
        "measure",
        "gates",
        "models",
        "explain",
        "training",
    },
    "peers": {"graph"},
    "measure": {"graph", "peers", "agreement"},
    "demo": set(),
}
MAY_IMPORT_EVERYTHING = {"cli", "__init__", "__main__"}
DRAWERS = {"utils", "util", "utilities", "common", "core", "helpers", "helper", "misc", "base", "tools"}
LONGEST_FILE = 450

FILES = sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports_of_ours(tree: ast.Module, path: Path) -> Iterator[str]:
    """Yields the dotted names of ours that a file imports, below ``saccade``; those in functions too."""
    package = ["saccade", *path.relative_to(SOURCE).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            names = [module] if module != "saccade" else [f"saccade.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.removeprefix("saccade").lstrip(".") for name in names if name.split(".")[0] == "saccade")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_room_imports_only_the_rooms_below_it(path: Path) -> None:
    room = room_of(path)
    if room in MAY_IMPORT_EVERYTHING:
        return
    allowed = ARROWS.get(room, set()) | {room, "errors"}
    rooms = {name.split(".")[0] for name in imports_of_ours(ast.parse(path.read_text()), path)}
    assert rooms <= allowed, f"{name_of(path)} imports {sorted(rooms - allowed)}; {room} may import {sorted(allowed)}"


def test_every_room_has_its_arrows() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert rooms <= ARROWS.keys() | MAY_IMPORT_EVERYTHING


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_or_folder_is_a_drawer(path: Path) -> None:
    words = {part.removesuffix(".py").strip("_") for part in path.relative_to(SOURCE).parts}
    assert not words & DRAWERS, f"{name_of(path)}: name it after the one idea it holds"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_grows_beyond_what_one_can_read(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= LONGEST_FILE, f"{name_of(path)} has {lines} lines, more than {LONGEST_FILE}: split it by idea"


def test_the_public_names_are_sorted_and_none_is_listed_twice() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    lists = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets)
    ]
    for names in lists:
        # As ruff's RUF022 sorts: constants, then classes, then functions.
        ordered = sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
        assert names == ordered
        assert len(names) == len(set(names))


def test_the_import_reader_sees_relative_and_nested_imports() -> None:
    text = (
        "import saccade.plan.fold\nfrom saccade import video\ndef f():\n    from ..graph import Graph\nimport torch\n"
    )
    found = list(imports_of_ours(ast.parse(text), SOURCE / "capture" / "builder.py"))
    assert sorted(found) == ["graph", "plan.fold", "video"]
