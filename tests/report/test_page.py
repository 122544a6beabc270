import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from selectdis.errors import SelectdisError
from selectdis.report import render
from selectdis.report._sections import all_sections
from tests.visualization.made_up import (
    HOSTILE,
    LostView,
    make_records,
    make_snapshot,
    target_records,
    two_proxies,
)

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Checker(HTMLParser):
    """Collects what a page fetches and runs, its ids, and whether its elements nest."""

    def __init__(self):
        super().__init__()
        self.open, self.urls, self.scripts, self.ids, self.images, self.problems = [], [], 0, [], [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.urls += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action", "srcset")]
        self.scripts += tag == "script"
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag == "img":
            self.images.append(attributes)
        self.problems += [name for name in attributes if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.problems.append(f"</{tag}>")


def checked(page):
    checker = Checker()
    checker.feed(page)
    assert checker.problems == []
    assert checker.open == []
    assert checker.scripts == 1  # its own
    assert all(url.startswith(("#", "data:")) for url in checker.urls)
    assert len(checker.ids) == len(set(checker.ids))
    assert all("alt" in image for image in checker.images)
    assert "url(http" not in page
    assert "@import" not in page
    return page


@pytest.fixture(scope="module")
def page(snapshot):
    return checked(render(snapshot))


def test_holds_all_and_fetches_nothing(page):
    for title in ("Leaderboards", "Strength and seed", "What explains", "Does it transfer", "What the latents do"):
        assert title in page
    assert page.count("<svg") > 10


def test_the_pick_says_why_and_how_far_to_trust_it(page, snapshot):
    latest = snapshot.targets[-1]
    assert latest.why.startswith("the best of ")
    assert "UDR (lasso), " in latest.why
    assert "the 2 configurations that are best by win rate on the proxy" in latest.why
    assert html.escape(latest.words) in page
    assert html.escape(f"T{latest.why[1:]}.", quote=False) in page
    assert html.escape(latest.trust) in page.replace("&#39;", "&#x27;")
    assert "beat a random run with probability" in latest.trust
    proxy = all_sections(make_snapshot())["pick"]
    assert (proxy["answer"], proxy["stage"].pick) == ("Of 180 runs on sprites it has the best win rate.", None)
    assert html.escape(latest.verdict) in page.replace("&#39;", "&#x27;")


def test_names_cannot_break_out(page):
    assert HOSTILE not in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_colours_of_figures_follow_the_theme(page):
    for svg in re.findall(r"<svg class=\"figure\".*?</svg>", page, flags=re.DOTALL):
        assert "var(--muted)" in svg
        assert "#000000" not in svg
        assert "<style" not in svg


def test_lost_runs_are_listed(page):
    assert "1,234" in page
    assert "RuntimeError" in page


def test_every_variable_is_defined_for_both_themes(page):
    style = page[page.index("<style>") : page.index("</style>")]
    light, _, dark = style.partition("prefers-color-scheme: dark")
    used = set(re.findall(r"var\((--[\w-]+)\)", page)) - {"--share"}
    defined = set(re.findall(r"(--[\w-]+):", light))
    assert used <= defined
    colours = {name for name in used if re.search(rf"{name}: #", light)}
    assert colours <= set(re.findall(r"(--[\w-]+):", dark.partition("}")[0]))


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(make_snapshot(), id="no target yet"),
        pytest.param(make_snapshot(targets=[target_records()]), id="unlabelled target"),
        pytest.param(
            make_snapshot(make_records("sprites", "proxy", objectives=("beta_vae",), strengths=1)),
            id="one configuration",
        ),
        pytest.param(make_snapshot(make_records("sprites", "proxy", seeds=1)), id="one seed"),
        pytest.param(
            make_snapshot(make_records("sprites", "proxy", objectives=("beta_vae",), strengths=1, seeds=1)),
            id="one run",
        ),
        pytest.param(
            make_snapshot(targets=[target_records(objectives=("beta_vae",), strengths=1, seeds=1)]), id="one target run"
        ),
        pytest.param(
            make_snapshot(two_proxies()),
            id="two proxies",
        ),
        pytest.param(make_snapshot(view=LostView), id="no model on disk"),
        pytest.param(make_snapshot(make_records("sprites", "proxy").assign(**{"metric.mig": np.nan})), id="NaN metric"),
        pytest.param(make_snapshot(make_records("sprites", "proxy").assign(strength=np.nan)), id="NaN strength"),
        pytest.param(make_snapshot(make_records("sprites", "proxy", labels=False)), id="no metric at all"),
        pytest.param(
            make_snapshot(make_records("sprites", "proxy").assign(**{"metric.sap": 0.0, "criterion.kl": 1.0})),
            id="constant scores",
        ),
    ],
)
def test_any_study_has_a_page(snapshot):
    checked(render(snapshot))


def test_a_study_of_which_every_run_failed():
    records = make_records("sprites", "proxy").assign(status="diverged", failed_step=3.0)
    records = records.drop(columns=[name for name in records if name.startswith(("metric.", "criterion."))])
    sections = all_sections(make_snapshot(records))
    assert "nothing to pick" in sections["pick"]["missing"]
    checked(render(make_snapshot(records)))


def test_missing_sections_say_why():
    sections = all_sections(make_snapshot())
    assert "selectdis transfer" in sections["transfer"]["missing"]
    assert sections["failures"]["missing"] == "Every run finished."


def test_boards_are_cut_off_and_say_so(sections):
    boards = {board.title: board for board in sections["boards"]["boards"]}
    assert len(boards["sprites: runs"].rows) == 100
    assert boards["sprites: runs"].more == 78  # 180 runs, of which two are lost
    assert sum(boards["digits: runs"].picked) == 1
    assert boards["digits: runs"].columns[2][0] == "UDR (lasso)"  # what ranks where labels are missing


def test_an_empty_study_is_an_error(tmp_path):
    from selectdis.report import write_report
    from selectdis.study import Study

    spec = {"name": "empty", "proxy": "sprites", "search": {"objective": "beta_vae"}}
    with pytest.raises(SelectdisError, match="no runs yet"):
        write_report(Study(spec, folder=tmp_path))


def test_passwords_stay_at_home(page):
    spec = {"storage": "postgresql://me:pass:word@db.lab/studies", "tracking": "https://me:word@mlflow.lab:5000"}
    spec |= {"description": "See http://me:word@docs.lab.", "proxy": "https://me:word@data.lab/x"}
    leaky = render(make_snapshot(**spec))
    for shown in (
        "postgresql://me@db.lab/studies",
        "https://me@mlflow.lab:5000",
        "http://me@docs.lab",
        "me@data.lab/x",
    ):
        assert shown in leaky
    assert ":word" not in leaky
    assert "at http://me@lab:80" in page  # in the error of a lost run
