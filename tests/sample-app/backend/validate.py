"""Validates structure and imports: `python -m validate`.

Every module of the package can be imported, says what it is for, and lies in a package; the HTTP interface has the routes
that the front end and the deployment rely on.
"""

import ast
import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROUTES = {f"/api/v1/{model}" for model in ("anomaly", "forecast", "history", "recommendation", "sentiment")}
ROUTES |= {"/health", "/metrics", "/ready", "/version"}


def module(path: Path) -> str:
    parts = path.relative_to(HERE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def problems(path: Path) -> list[str]:
    name = module(path)
    found = []
    if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))):
        found.append(f"{name}: has no docstring")
    if not (path.parent / "__init__.py").is_file():
        found.append(f"{name}: is in a folder without __init__.py")
    try:
        importlib.import_module(name)
    except Exception as error:  # whatever a module does when it is imported
        found.append(f"{name}: can't be imported: {type(error).__name__}: {error}")
    return found


def missing_routes() -> list[str]:
    from app.api import create_app
    from app.settings import Settings

    paths = set(create_app(Settings()).openapi()["paths"])
    return [f"app.api: has no route {path}" for path in sorted(ROUTES - paths)]


def main() -> int:
    paths = sorted((HERE / "app").rglob("*.py"))
    found = [problem for path in paths for problem in problems(path)]
    found = found or missing_routes()
    for problem in found:
        print(problem, file=sys.stderr)
    if not found:
        print(f"{len(paths)} modules and {len(ROUTES)} routes are as they should be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
