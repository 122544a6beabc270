"""Pages of the site that are made of other files: the start page, changes, contributing, and one per package.

The files of the repository link to one another as they lie there; on the site those that are no page of it lead to the
repository.
"""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")


def public_names() -> dict[str, list[str]]:
    """Return the names in `__all__` of selectdis and of each of its packages but the command line."""
    found = {"selectdis": _all_of(ROOT / "selectdis/__init__.py")}
    for init in sorted((ROOT / "selectdis").glob("*/__init__.py")):
        if init.parent.name != "cli":
            found[f"selectdis.{init.parent.name}"] = _all_of(init)
    packages = {name.rpartition(".")[2] for name in found}
    return {package: [name for name in names if name not in packages] for package, names in found.items()}


def _all_of(init: Path) -> list[str]:
    tree = ast.parse(init.read_text(encoding="utf-8"))
    values = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"]
    return list(ast.literal_eval(values[0])) if values else []


def package_page(package: str, names: list[str]) -> str:
    """Return the Markdown of one package's page: what it says of itself, and each public name."""
    about = ast.get_docstring(ast.parse((ROOT / package.replace(".", "/") / "__init__.py").read_text("utf-8"))) or ""
    module = import_module(package)
    listed = [
        f"::: {package}.{name}" if callable(getattr(module, name)) else constant(package, name, getattr(module, name))
        for name in names
    ]
    return "\n\n".join([f"# {package}", about.partition(">>>")[0].strip(), *listed])


def constant(package: str, name: str, value: Any) -> str:
    """Return the Markdown of a constant: what it is, of a table its keys."""
    told = ", ".join(map(repr, value)) if isinstance(value, dict) else repr(value)
    return f"## {name} {{: #{package}.{name} }}\n\n`{name}`: `{told}`"


def site_links(text: str, folder: str, base: str) -> str:
    """Return Markdown of a file in `folder` of the repository with links that work on the site."""

    def link(found: re.Match[str]) -> str:
        target = (ROOT / folder / found[1]).resolve().relative_to(ROOT).as_posix()
        page = PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
        return f"]({page or f'{base}/blob/main/{target}'}{found[2] or ''})"

    return LINK.sub(link, text)


def without_defaults(html: str) -> str:
    """Return a page without the column of defaults, which holds the first one's for all of "width, height, depth".

    The signature above each table has them right.
    """

    def table(found: re.Match[str]) -> str:
        rows = re.sub(r"\s*<td>(?:(?!</td>).)*</td>(\s*</tr>)", r"\1", found[0], flags=re.DOTALL)
        return re.sub(r"\s*<th>Default</th>", "", rows)

    return re.sub(r"<table>(?:(?!</table>).)*<th>Default</th>.*?</table>", table, html, flags=re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """Change what mkdocstrings made."""
    return without_defaults(html)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made here."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        text = site_links((ROOT / source).read_text(encoding="utf-8"), ".", config.repo_url)
        files.append(File.generated(config, page, content=text))
    for package, names in public_names().items():
        files.append(File.generated(config, f"api/{package}.md", content=package_page(package, names)))
    return files


def on_config(config: Any) -> Any:
    """Add the packages to the navigation."""
    config.nav.append({"Python": [{package: f"api/{package}.md"} for package in public_names()]})
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Let links of the pages in docs/ lead somewhere on the site."""
    made = page.file.src_uri in PAGES.values() or page.file.src_uri.startswith("api/")
    return markdown if made else site_links(markdown, "docs", config.repo_url)
