"""Three generators make clients of the contract as it was handed out; each is installed into a folder of the test.

What a generator writes is not touched.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.http.contract import CONTRACT_PATH

OPENAPI_PYTHON_CLIENT = "openapi-python-client==0.29.1"
OPENAPI_GENERATOR = "openapi-generator-cli==7.26.0"
NPM_PACKAGES = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3")
WALKS = Path(__file__).parent
INSTALL_SECONDS = 180.0


@dataclass(frozen=True)
class Walk:
    """A command that goes the main paths; it runs in `folder`."""

    folder: Path
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def openapi_python_client(folder: Path) -> Walk:
    """Its httpx client."""
    tools, made = folder / "tools", folder / "made"
    _install(tools, OPENAPI_PYTHON_CLIENT)
    settings = folder / "settings.yaml"
    settings.write_text("post_hooks: []\n")  # it would format what it wrote
    generate = ("generate", "--path", str(CONTRACT_PATH), "--output-path", str(made), "--config", str(settings))
    _run(folder, sys.executable, "-m", "openapi_python_client", *generate, PYTHONPATH=str(tools))
    return _python(folder, "walk_openapi_python_client.py", made, tools)


def openapi_generator(folder: Path) -> Walk:
    """Its Python client over urllib3 and pydantic."""
    tools, made = folder / "tools", folder / "made"
    _wanted("java")
    _install(tools, OPENAPI_GENERATOR)
    generate = (
        "generate",
        "-g",
        "python",
        "-i",
        str(CONTRACT_PATH),
        "-o",
        str(made),
        "--package-name",
        "original_contract",
    )
    _run(folder, sys.executable, str(tools / "bin" / "openapi-generator-cli"), *generate, PYTHONPATH=str(tools))
    _install(tools, "-r", str(made / "requirements.txt"))
    return _python(folder, "walk_openapi_generator.py", made, tools)


def openapi_typescript(folder: Path) -> Walk:
    """Its types with openapi-fetch, compiled strictly together with the walk."""
    _wanted("npm")
    (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
    _run(folder, "npm", "install", "--no-audit", "--no-fund", "--silent", *NPM_PACKAGES)
    _run(folder, "npx", "openapi-typescript", str(CONTRACT_PATH), "--output", "contract.d.ts")
    walk = shutil.copy(WALKS / "walk_openapi_fetch.ts", folder)
    strictly = (
        "--strict",
        "--noUncheckedIndexedAccess",
        "--skipLibCheck",
        "--module",
        "nodenext",
        "--target",
        "es2023",
    )
    _run(folder, "npx", "tsc", *strictly, "--lib", "es2023,dom,dom.iterable", "--outDir", "made", walk)
    return Walk(folder, ("node", "made/walk_openapi_fetch.js"))


def _python(folder: Path, walk: str, *importable: Path) -> Walk:
    return Walk(folder, (sys.executable, str(WALKS / walk)), {"PYTHONPATH": os.pathsep.join(map(str, importable))})


def _wanted(program: str) -> None:
    if shutil.which(program) is None:
        pytest.fail(f"{program} is not here: this generator needs it")


def _install(target: Path, *what: str) -> None:
    quietly = ("--quiet", "--disable-pip-version-check", "--no-compile", "--upgrade")
    _run(target.parent, sys.executable, "-m", "pip", "install", *quietly, "--target", str(target), *what)


def _run(folder: Path, *command: str, **environment: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
        timeout=INSTALL_SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
