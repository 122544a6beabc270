"""The pictures in docs/images, from a study that has run and been transferred, in a headless Chromium.

    python docs/screenshots.py runs/quickstart

Needs the extra ``dev`` (playwright) and Chromium.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
CHROMIUM = "/usr/bin/chromium"
SELECTDIS = [sys.executable, "-m", "selectdis"]
PATIENCE = 300_000  # milliseconds, on a machine that has other things to do
PORT = 5055


def main(study: str) -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE)
        take_report(page, study, Path(folder))
        take_sheet(study, Path(folder))
        take_ui(page, study)
        chromium.close()


def take_report(page: Page, study: str, folder: Path) -> None:
    """Take the first screen of the report, and the same on a phone at night."""
    subprocess.run([*SELECTDIS, "report", study, "--out", str(folder / "report.html")], check=True)
    page.goto((folder / "report.html").as_uri())
    save(page, "report")
    page.set_viewport_size({"width": 400, "height": 900})
    page.emulate_media(color_scheme="dark")
    save(page, "report-phone")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1400, "height": 900})


def take_sheet(study: str, folder: Path) -> None:
    """Take the contact sheet that is labelled by."""
    before = set(Path(study).glob("labels/**/*.png"))
    subprocess.run([*SELECTDIS, "label", study, "--factor", "slant=left,none,right", "--n", "10"], check=True)
    (made,) = set(Path(study).glob("labels/**/*.png")) - before
    shrink(Image.open(made), "contact-sheet")
    for path in made.parent.glob(f"{made.stem}*"):
        path.unlink()


def take_ui(page: Page, study: str) -> None:
    """Take the page of MLflow that `selectdis ui` prints, and its charts."""
    command = [*SELECTDIS, "ui", study, "--no-browser", "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = next(word for word in server.stdout.readline().split() if word.startswith("http"))
            page.goto(address)
            page.locator("[role=row]", has_text="seed").first.wait_for()
            close_assistant(page)
            page.wait_for_timeout(2_000)
            save(page, "mlflow")
            page.goto(f"{address}&compareRunsMode=CHART")
            page.reload()
            page.locator(".js-plotly-plot").nth(2).wait_for()
            page.wait_for_timeout(4_000)
            save(page, "mlflow-charts")
        finally:
            server.terminate()


def close_assistant(page: Page) -> None:
    """Close what MLflow opens beside its pages."""
    button = page.locator("button[aria-label*=Close], button[aria-label*=close]")
    if button.count():
        button.first.click()


def save(page: Page, name: str) -> None:
    """Save what the page shows as a small file."""
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path)
    shrink(Image.open(path), name)


def shrink(picture: Image.Image, name: str) -> None:
    """Save a picture with 128 colours, which pages and drawings do with."""
    picture.convert("RGB").quantize(128).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
