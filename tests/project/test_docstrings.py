"""Examples in docstrings run, and each public function of the mathematics has one."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import untrain

ROOT = Path(untrain.__file__).parent
MODULES = {
    ".".join(("untrain", *file.relative_to(ROOT).with_suffix("").parts)): file
    for file in sorted(ROOT.rglob("*.py"))
    if file.name not in {"__init__.py", "__main__.py"}
}
WITH_EXAMPLES = [name for name, file in MODULES.items() if ">>> " in file.read_text(encoding="utf-8")]
PUBLIC = [
    (name, node.name, ast.get_docstring(node) or "")
    for name, file in MODULES.items()
    if name.startswith("untrain.maths.")
    for node in ast.parse(file.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_give_what_they_show(name):
    tests = [each for each in doctest.DocTestFinder().find(importlib.import_module(name)) if each.examples]
    assert tests, f"{name} has '>>> ' in its text and no example that doctest finds"
    lines: list[str] = []
    for each in tests:
        doctest.DocTestRunner(verbose=False).run(each, out=lines.append)
    assert not lines, "".join(lines)


def test_each_function_of_the_mathematics_shows_a_use():
    shown = {
        f"{module}.{function}": f">>> {function}(" in text or f"{function}(" in text.partition(">>> ")[2]
        for module, function, text in PUBLIC
    }
    assert shown
    assert [name for name, shows in shown.items() if not shows] == []
