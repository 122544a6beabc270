"""The report as a reader sees it: in Chromium, narrow and wide, light and dark."""

import pytest

from selectdis.report import render
from selectdis.visualization import snapshot_of_records
from tests.browser import browser, needs_browser, watched_page
from tests.visualization.made_up import make_records

pytestmark = needs_browser

CONTRAST = """
() => {
  // WCAG contrast of each piece of text against the nearest opaque ground behind it.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgba(getComputedStyle(node).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  const bad = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || ["SCRIPT", "STYLE"].includes(node.tagName) || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const colour = node.closest("svg") ? style.fill : style.color;
    const [a, b] = [light(rgba(colour)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.push(`${node.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return bad;
}
"""


@pytest.fixture(scope="module")
def address(snapshot, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(snapshot), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def chromium():
    with browser() as chromium:
        yield chromium


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1400])
def test_reads_well(chromium, address, width, dark):
    page, problems = watched_page(chromium, width=width, dark=dark)
    page.goto(address)
    for summary in page.query_selector_all("details:not([open]) summary"):
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # only tables scroll sideways
    assert page.evaluate(CONTRAST) == []
    sizes = "[...document.querySelectorAll('svg text')].map((text) => text.getBoundingClientRect().height)"
    assert min(page.evaluate(sizes)) > 7
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(18, 22, 27)") == dark
    assert problems == []


def test_a_long_name_does_not_widen_the_page(chromium, tmp_path):
    records = make_records("sprites", "proxy", strengths=3, seeds=2).assign(dataset="é" * 300)
    (tmp_path / "long.html").write_text(render(snapshot_of_records(records, "long")), encoding="utf-8")
    page, _ = watched_page(chromium, width=400)
    page.goto((tmp_path / "long.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_on_paper_tables_keep_to_the_page_and_to_their_place(chromium, address):
    page, _ = watched_page(chromium, width=703)  # A4 less its margins
    page.goto(address)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    places = """[...document.querySelectorAll(".scroll")].map((one) => {
      const table = one.querySelector("table").getBoundingClientRect(), place = one.getBoundingClientRect();
      return [table.right, table.bottom - place.bottom];
    })"""
    found = page.evaluate(places)
    assert max(right for right, _ in found) <= 703
    assert max(below for _, below in found) <= 1  # nothing runs over what follows
    assert "No room on paper" in page.locator("#boards").inner_text()


def test_leaderboards_sort(chromium, address):
    page, problems = watched_page(chromium, width=1400)
    page.goto(address)
    board = page.locator("table.board").nth(1)

    def column(number):
        return board.locator(f"tbody tr > :nth-child({number})").all_inner_texts()

    def numbers(index):
        return [float(text.replace("−", "-")) for text in column(index)]

    assert numbers(1) == sorted(numbers(1))
    score = board.locator("thead button", has_text="reconstruction")
    place = board.locator("thead button").all_inner_texts().index("reconstruction") + 1
    score.click()
    assert numbers(place) == sorted(numbers(place), reverse=True)
    assert board.locator("th[aria-sort=descending]").inner_text().startswith("reconstruction")
    score.press("Enter")  # a keyboard does as well
    assert numbers(place) == sorted(numbers(place))
    board.locator("thead button", has_text="Run").click()
    assert column(2)[:2] == ["AnnealedVAE c_max=5 · seed 0", "AnnealedVAE c_max=5 · seed 1"]  # 5 before 10
    assert board.locator("th[aria-sort]").count() == 1
    assert problems == []


def test_what_has_no_value_stays_last(chromium, tmp_path):
    import numpy as np

    from tests.visualization.made_up import make_records, make_snapshot

    records = make_records("sprites", "proxy", objectives=("beta_vae",), strengths=2, seeds=2)
    records.loc[0, "metric.mig"] = np.nan
    path = tmp_path / "page.html"
    path.write_text(render(make_snapshot(records)), encoding="utf-8")
    page, _ = watched_page(chromium, width=1400)
    page.goto(path.as_uri())
    board = page.locator("table.board").nth(1)
    place = board.locator("thead button").all_inner_texts().index("MIG") + 1
    for _press in range(2):
        board.locator("thead button", has_text="MIG").click()
        assert board.locator(f"tbody tr:last-child > :nth-child({place})").inner_text() == "–"


def test_nothing_runs_but_its_own_script(chromium, address):
    page, problems = watched_page(chromium, width=1400)
    page.goto(address)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hit = 1\">')")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hit") is None
    assert any("Content Security Policy" in problem for problem in problems)
