"""The house's rules on size and names, for which no linter of ours has a rule."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULE_LINES, TEST_LINES, FUNCTION_LINES = 300, 400, 40
LINE_CHARACTERS = 120
FORBIDDEN_STEMS = {
    "base",
    "common",
    "handler",
    "handlers",
    "helper",
    "helpers",
    "misc",
    "util",
    "utils",
}


def sources() -> Iterator[Path]:
    for room in ("mcp_automl", "trainers", "tests", "benchmarks"):
        yield from sorted((ROOT / room).rglob("*.py"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_module_is_longer_than_one_idea_needs() -> None:
    def limit(path: Path) -> int:
        return TEST_LINES if "tests" in path.relative_to(ROOT).parts else MODULE_LINES

    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}

    assert {str(path): n for path, n in lines.items() if n > limit(path)} == {}


def test_every_function_fits_on_a_screen() -> None:
    found = ((path, node) for path in sources() for node in functions(path))
    long = {f"{p}:{node.name}": length(node) for p, node in found if length(node) > FUNCTION_LINES}

    assert long == {}


def test_every_line_of_the_live_view_fits_on_a_screen_too() -> None:
    """Of Python's lines ruff keeps count."""
    view, stub = ROOT / "mcp_automl/server/view", ROOT / "tests"
    wide = [
        f"{path.name}:{number}"
        for path in (*view.glob("*.*"), *stub.glob("*.js"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > LINE_CHARACTERS
    ]

    assert wide == []


def test_every_module_is_named_for_what_it_holds() -> None:
    vague = {path for path in sources() if path.stem in FORBIDDEN_STEMS or "manager" in path.stem}

    assert vague == set()
