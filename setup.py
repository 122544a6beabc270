"""What pyproject.toml cannot say: the wheel holds the ready studies, and the README's links work on an index."""

import re
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


def absolute_links(text: str, base: str) -> str:
    """Return Markdown whose links to files of the repository lead to `base`."""
    return re.sub(r"\]\((?!https?://|#|mailto:)([^)\s]+)\)", rf"]({base}/blob/main/\1)", text)


def readme() -> str:
    """Return README.md for an index."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return absolute_links((ROOT / "README.md").read_text(encoding="utf-8"), project["urls"]["Source"])


class WithStudies(build_py):
    """Copies studies/*.yaml beside the package's modules; an editable install finds them where they are."""

    def run(self) -> None:  # noqa: D102 - of setuptools
        super().run()
        if not self.editable_mode:
            there = Path(self.build_lib, "selectdis", "studies")
            self.mkpath(str(there))
            for path in sorted((ROOT / "studies").glob("*.yaml")):
                self.copy_file(str(path), str(there / path.name))


if __name__ == "__main__":
    setup(cmdclass={"build_py": WithStudies}, long_description=readme(), long_description_content_type="text/markdown")
