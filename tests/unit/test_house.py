"""The house: importing starts nothing, every public name says what it promises, no file is long, nothing leans on tables."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "streams", "workers", "storage", "ops")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
IMPORT_ALL = """
import importlib, socket, sys, threading
def refuse(*arguments, **named):
    raise RuntimeError("a socket was opened by an import")
socket.socket.connect = socket.socket.bind = refuse
for name in sys.argv[1:]:
    importlib.import_module(name)
running = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
assert not running, running
import asyncio
assert asyncio._get_running_loop() is None
"""


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_importing_every_module_starts_nothing() -> None:
    names = [name for path in MODULES if not (name := _module_name(path)).endswith("__main__")]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_public_name_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text())
    without = [] if ast.get_docstring(tree) else ["the module"]
    without += [name for name, node in _public(tree, "") if not ast.get_docstring(node)]
    assert not without


def _public(
    parent: ast.AST, prefix: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Public classes and functions, and the public methods of public classes that are not one-line declarations."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if isinstance(node, ast.ClassDef) or not _declared_only(node):
                yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _public(node, f"{prefix}{node.name}.")


def _declared_only(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A member of a Protocol whose class docstring speaks for it: its body is `...`."""
    [first, *more] = node.body
    return (
        not more and isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and first.value.value is ...
    )


LONGEST_FILE = 400
NOT_RELIED_ON = re.compile(r"(start|with|begin)_transaction|transactional_id|GlobalTable\(|app\.Table\(|exactly_once")
ROAD = (
    "gateway/live/frames.py", "gateway/live/hub.py", "gateway/market/quotes.py", "gateway/trading/place.py",
    "gateway/trading/reads.py", "storage/decisions/decisions.py", "streams/feeds/publisher.py",
    "streams/market/bars_processor.py", "streams/market/latest_quotes_processor.py", "streams/orders/decide.py",
    "streams/orders/projection/orders_processor.py", "streams/orders/relays.py", "streams/venues/relays.py",
    "streams/venues/simulated/owner.py",
)  # fmt: skip


def test_no_module_is_long_or_rests_on_transactions_or_tables() -> None:
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in MODULES}
    assert [name for name, text in texts.items() if len(text.splitlines()) > LONGEST_FILE] == []
    assert [name for name, text in texts.items() if NOT_RELIED_ON.search(text)] == []


@pytest.mark.parametrize("name", ROAD)
def test_the_first_line_of_a_module_on_a_road_says_its_place(name: str) -> None:
    said = ast.get_docstring(ast.parse((ROOT / name).read_text())) or ""
    assert "road of a" in said.splitlines()[0]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_requirement_files_carry_hashes_and_no_addresses(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    pinned = [line for line in lines if "==" in line and not line.lstrip().startswith("#")]
    assert pinned
    assert all(line.endswith("\\") for line in pinned)
    assert not [line for line in lines if "://" in line or line.startswith("-")]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda path: path.name
)
def test_the_links_of_the_documents_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    targets = [target for target in re.findall(r"\]\(([^)#]+)", prose) if "://" not in target]
    assert not [target for target in targets if not (page.parent / target).exists()]
