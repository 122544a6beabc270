"""What README.md and docs/ show works: Python at small sizes, commands by their options, a page for each name."""

import re
import shlex
import sys
import tomllib
from functools import partial
from importlib import import_module
from pathlib import Path

import click
import numpy as np
import pytest
import typer
import yaml
from PIL import Image

import selectdis as sd
from selectdis.cli import app
from selectdis.selection.archive import _table as archive
from selectdis.visualization import StudyPlots

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = {  # what of a block needs more than this process, and what tests it instead
    "from dask_jobqueue import": "a Slurm cluster",
    "mlflow.pyfunc.load_model": "tests/tracking",
    'study.label("sheet-1.csv")': "tests/study/test_labelled.py",
    "module_pair(": "tests/training/test_module_pair.py",
    "study.plot.criterion_heatmap": "tests/visualization, and below",
}
SMALL = {  # so that a block takes a second at most
    r"image_size=\d+": "image_size=16",
    r"steps=[\d_]+": "steps=2",
    r"n_jobs=-?\d+": "n_jobs=1",
    r"range\(\d+\)": "range(2)",
    r"top=\d+, seeds=\d+": "top=1, seeds=2",
    r'dataset\("sprites"': 'dataset("sprites", sizes=(2, 2, 1, 4, 4)',
    r"sd\.Candidate\(": "small_candidate(",
    r'(metrics=)?"all", seed=0\)': '["mig"], seed=0, n_train=40, n_test=20)',
    r'"explicitness"\], seed=0\)': '"explicitness"], seed=0, n_train=40, n_test=20, votes_train=20, votes_test=10)',
    r"sd\.pick\([^)]*\)": 'study.transfer(target="digits")',  # a transfer too; tests/study/picking has its own
    r"folder:/path/to/images": "folder:photos",
    r"score\(sampled": "score(mean",
    r"udr\(codes": "udr(many",
    r"trust\(rule, records\)": "trust(rule, records, n_bootstrap=5)",
    r"backtest\(records\)": 'backtest(records, [sd.selection.parse_rule("any > udr_lasso")], n_bootstrap=5)',
}
STUDY = {
    "name": "quickstart",
    "proxy": {"name": "sprites", "image_size": 16, "sizes": [2, 2, 1, 4, 4]},
    "target": {"name": "digits", "image_size": 16},
    "search": {
        "objective": {"beta_vae": {"beta": [1, 4]}, "factor_vae": {"gamma": [5]}},
        "architecture": "fc",
        "width": 8,
        "discriminator_width": 8,
        "latents": 3,
    },
    "seeds": 2,
    "training": {"steps": 6, "curve_every": 2},
    "evaluation": {"metrics": ["mig", "sap"], "n_train": 40, "n_test": 20, "probe": 40},
    "tracking": "none",
}


def blocks(path, kind):
    return re.findall(rf"```{kind}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def here(block):
    return not any(sign in block for sign in ELSEWHERE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the blocks run: a small study under the names that the pages use, and pictures."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "studies").mkdir()
    for name in ("studies/quickstart.yaml", "study.yaml"):
        (folder / name).write_text(yaml.safe_dump(STUDY))
    (folder / "photos").mkdir()
    for k in range(3):
        Image.fromarray(np.full((20, 20), 80 * k, np.uint8)).save(folder / "photos" / f"{k}.png")
    return folder


@pytest.fixture(scope="module")
def given(folder):
    """The names that the pages take for known."""
    rng = np.random.default_rng(0)
    records = sd.evidence()
    named = list(records["dataset"].unique()[:3])
    few = records[records["dataset"].isin(named) & (records["seed"] < 2)]
    patch = pytest.MonkeyPatch()
    patch.setattr(archive, "_published", lambda: few)  # what trust rests on: with all of it a transfer takes seconds
    patch.chdir(folder)
    study = sd.Study.from_file("studies/quickstart.yaml", n_jobs=1).run()
    study.transfer(target="digits", top=1, seeds=2)
    codes, factors = rng.normal(size=(300, 3)), rng.integers(3, size=(300, 2))
    data = sd.load_dataset("sprites", image_size=16, sizes=(2, 2, 1, 4, 4))
    (run,) = sd.train([sd.Candidate(architecture="fc", width=8, latents=3)], data, steps=2)
    yield {
        "np": np, "sd": sd, "study": study, "data": data, "run": run, "codes": codes, "factors": factors,
        "codes_a": codes, "codes_b": codes[:, ::-1], "labels": np.where(rng.random((300, 2)) < 0.1, factors, np.nan),
        "codes_train": codes, "codes_test": codes, "factors_train": factors, "factors_test": factors,
        "images": np.asarray(sd.load_dataset("digits", image_size=16).images)[:300],
        "my_torchvision_dataset": [(np.zeros((16, 16), np.uint8), k % 2) for k in range(4)],
        "encode": lambda images: images.reshape(len(images), -1)[:, :4].astype(float),
        "your_encoder": run.transform, "records": few, "proxies": few[few["dataset"] != named[0]],
        "target": few[few["dataset"] == named[0]], "MyListener": sd.Listener,
        "many": rng.normal(size=(4, 60, 3)), "kl": np.ones((4, 3)), "mask": np.ones((4, 3), dtype=bool),
        "small_candidate": partial(sd.Candidate, architecture="fc", width=8, discriminator_width=8),
    }  # fmt: skip
    patch.undo()


def test_the_repository_has_one_address() -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["repo_url"]
    assert [url for url in (site, *urls.values()) if not f"{url}/".startswith(f"{urls['Source']}/")] == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", [p for p in PAGES if any(map(here, blocks(p, "python")))], ids=lambda path: path.stem)
def test_python_runs(path, folder, given, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(sys, "argv", ["python"])
    known = dict(given)
    for block in filter(here, blocks(path, "python")):
        exec(compile(small(block), path.name, "exec"), known)


def test_the_figures_that_are_shown_exist():
    calls = re.findall(r"study\.plot\.(\w+)\((.*)\)", (ROOT / "docs/report.md").read_text())
    assert len(calls) > 8
    for name, _ in calls:
        assert callable(getattr(StudyPlots, name))


def small(block):
    for pattern, replacement in SMALL.items():
        block = re.sub(pattern, replacement, block)
    return block


def commands():
    for path in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "mlflow/README.md"]:
        for block in blocks(path, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                starts = [k for k, word in enumerate(words) if word.rpartition("/")[2] == "selectdis"]
                if starts and "pip" not in words:
                    yield pytest.param(words[starts[-1] + 1 :], id=f"{path.stem}: {' '.join(words)[:60]}")


@pytest.mark.parametrize("words", list(commands()))
def test_commands_have_the_options_that_are_shown(words):
    """Parsed, not run: an option, argument or value that there is not is refused."""
    command, name = typer.main.get_command(app), "selectdis"
    words = [word.strip("[]") for word in words if word not in ("|", "&")]  # [--target NAME] may be left out
    while isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"no command {name}"
        command = found
    words = [{"NAME": "digits", "K": "1", "S": "2"}.get(word, word) for word in words if word != "..."]
    command.make_context(name, words)


def test_every_public_name_has_its_page():
    site_pages = import_module("docs.site_pages")
    pages = site_pages.public_names()
    assert set(sd.__all__) - set(pages["selectdis"]) == {"criteria", "data", "metrics", "objectives", "selection"}
    for package, names in pages.items():
        page = site_pages.package_page(package, names)
        assert [
            name for name in names if f"::: {package}.{name}\n" not in f"{page}\n" and f"## {name} " not in page
        ] == []


def test_the_navigation_and_the_links_of_the_site_lead_to_files():
    site_pages = import_module("docs.site_pages")
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    listed = set(re.findall(r"[\w-]+\.md", yaml.safe_dump(navigation)))
    there = {path.name for path in (ROOT / "docs").glob("*.md")} | set(site_pages.PAGES.values())
    assert listed == there
    pictures = [path for kind in ("png", "svg") for path in (ROOT / "docs").rglob(f"*.{kind}")]
    there |= {path.relative_to(ROOT / "docs").as_posix() for path in pictures}
    for path in PAGES:
        inside = path.parent.relative_to(ROOT).as_posix()
        for target, anchor in site_pages.LINK.findall(site_pages.site_links(path.read_text(), inside, "https://x")):
            assert target in there, f"{path.name} links to {target}"
            source = {page: name for name, page in site_pages.PAGES.items()}.get(target, f"docs/{target}")
            assert not anchor or anchor[1:] in anchors(ROOT / source), f"{path.name} links to {target}{anchor}"


def anchors(path):
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", title).strip().lower().replace(" ", "-") for title in titles}
