import io
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from selectdis.errors import SelectdisError
from selectdis.visualization import StudyPlots, correlation_table, inline_svg, transfer_points
from selectdis.visualization._bars import history, kl_bars
from selectdis.visualization._charts import importance_heatmap, parallel, strength_seed
from selectdis.visualization._study_figures import variance_table
from tests.visualization.made_up import LostView, make_records, make_snapshot, target_records, trained_run


@pytest.fixture(scope="module")
def plots(snapshot):
    return StudyPlots(snapshot)


@pytest.mark.parametrize(
    "name",
    [
        *("metric_heatmap", "criterion_heatmap", "strength_seed", "variance_explained", "transfer_scatter"),
        *("parallel", "kl_per_latent", "importance", "pareto", "history"),
    ],
)
def test_figures_are_drawn(plots, name):
    figure = getattr(plots, name)()
    assert isinstance(figure, Figure)
    figure.savefig(io.BytesIO(), format="png")


def test_pictures(plots):
    assert plots.traversals().height > 6 * 16
    assert plots.reconstructions().width > 8 * 16


def test_curves_are_drawn_whole(plots):
    run, _ = trained_run()
    lines = plots.curves("kl").axes[0].lines
    assert len(lines) == 3  # the best runs
    for line in lines:
        assert list(line.get_xdata()) == list(run.curves["step"])
        assert list(line.get_ydata()) == list(run.curves["kl"])


def test_the_pick_has_a_ring(plots, snapshot):
    target = snapshot.targets[-1]
    points, _ = transfer_points(snapshot, target)
    (ring,) = plots.transfer_scatter().axes[0].lines
    assert ring.get_label() == "picked"
    configuration = target.row(target.pick)["configuration"]
    assert ring.get_xydata().tolist() == [points.loc[configuration, ["proxy", "target"]].tolist()]


def test_bars_and_shares_stand_in_the_order_given():
    bars = kl_bars(np.array([3.0, 1.0, 0.008]), ["z4", "z0", "z1"]).axes[0]
    assert [text.get_text() for text in bars.texts] == ["3.00", "1.00", "< 0.01"]
    assert [text.get_text() for text in bars.get_xticklabels()] == ["z4", "z0", "z1"]
    assert [bar.get_height() for bar in bars.patches] == [3.0, 1.0, 0.008]
    cells = importance_heatmap(np.array([[0.25, 1.0], [0.0, 0.5]]), ["z4", "z0"], ["shape", "x"]).axes[0]
    assert [text.get_text() for text in cells.get_yticklabels()] == ["z4", "z0"]
    assert [text.get_text() for text in cells.texts] == [".25", "1.00", ".00", ".50"]


def test_dots_and_medians_are_where_the_records_say():
    records = make_records("sprites", "proxy", objectives=("beta_vae",), strengths=3, seeds=3)
    scores = np.arange(9.0) ** 2
    axes = strength_seed(records, scores, "beta_vae", "score").axes[0]
    (line,), (dots,) = axes.lines, axes.collections
    assert list(line.get_ydata()) == [1.0, 16.0, 49.0]
    x, y = dots.get_offsets().T
    assert list(y) == list(scores)
    assert np.round(x).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_many_strengths_make_an_axis_of_numbers():
    strengths = np.geomspace(0.01, 100, 40)
    records = pd.DataFrame({"objective": "beta_vae", "strength": strengths})
    axes = strength_seed(records, strengths, "beta_vae", "score").axes[0]
    assert axes.get_xscale() == "log"
    axes.figure.canvas.draw()
    assert {"0.01", "1", "100"} <= {text.get_text() for text in axes.get_xticklabels() if text.get_text()}
    assert len(axes.collections) == 1


def test_correlations_are_those_of_selection(snapshot):
    table = correlation_table(snapshot, "criteria")
    known = snapshot.proxy_records[snapshot.proxy_records["status"] == "complete"]
    expected = known["metric.mig"].corr(known["criterion.udr_lasso"], method="spearman")
    assert table.loc["mig", "udr_lasso"] == pytest.approx(expected)
    assert not any(name.endswith(".sampled") for name in table.index)
    assert all(name.endswith(".sampled") for name in correlation_table(snapshot, "criteria", sampled=True).index)


def test_shares_of_the_variance_sum_to_one(snapshot):
    table = variance_table(snapshot)
    np.testing.assert_allclose(table.sum(axis=1), 1, atol=0.02)
    assert list(table.columns) == ["objective", "strength", "seed"]


def test_scores_of_the_variance_stand_as_in_the_records(snapshot, monkeypatch):
    runs = snapshot.proxy_records
    records = runs.assign(**{f"metric.latent_share.few{n}": runs["metric.mig"] for n in (5, 10)})
    monkeypatch.setattr(type(snapshot), "records", property(lambda self: records))
    assert list(variance_table(snapshot).index)[-2:] == ["latent_share.few5", "latent_share.few10"]


def test_transfer_compares_the_same_configurations(snapshot):
    unlabelled = next(target for target in snapshot.targets if target.name == "digits")
    table, name = transfer_points(snapshot, unlabelled)
    assert name == "udr_lasso"
    assert len(table) == 18
    first = table.index[0]
    means = unlabelled.records.groupby("configuration")["criterion.udr_lasso"].mean()
    assert table.loc[first, "target"] == pytest.approx(means[first])


def test_parallel_takes_words_and_missing_values():
    table = pd.DataFrame({"objective": ["a", "b", "a"], "strength": [1.0, np.nan, 3.0], "mig": [0.1, 0.2, np.nan]})
    figure = parallel(table, "mig")
    axes, bar = figure.axes
    assert len([line for line in axes.lines if len(line.get_xdata()) == 3]) == 3
    assert {text.get_text() for text in axes.texts} == {"a", "b", "1", "3", "0.1", "0.2"}  # a tick for each value
    assert bar.get_ylabel() == "MIG"


def test_figures_are_opaque_whatever_they_are_shown_on(plots):
    from PIL import Image

    buffer = io.BytesIO()
    plots.history().savefig(buffer)
    pixels = np.asarray(Image.open(buffer).convert("RGBA"))
    assert (pixels[..., 3] == 255).all()
    assert pixels[0, 0, :3].min() > 250


def test_the_best_so_far_never_falls():
    axes = history(np.array([0.2, np.nan, 0.5, 0.1]), "score").axes[0]
    assert list(axes.lines[0].get_ydata()) == [0.2, 0.2, 0.5, 0.5]


def test_points_say_on_a_page_what_they_are(snapshot):
    svg = inline_svg(StudyPlots(snapshot).transfer_scatter(), "one", "figure")
    told = re.findall(r'<g class="point"><title>([^<]+)</title>', svg)
    assert len(told) == 18  # configurations
    assert any(text.startswith("β-VAE β=") for text in told)
    assert "told:" not in svg
    assert "<a " not in svg


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda plots: plots.strength_seed("beta_va"), "did you mean 'beta_vae'"),
        (lambda plots: plots.transfer_scatter("digit"), "did you mean 'digits'"),
        (lambda plots: plots.metric_heatmap("digits"), "not labelled"),
        (lambda plots: plots.importance(dataset="digits"), "factors of this data set are not known"),
        (lambda plots: StudyPlots(make_snapshot()).transfer_scatter(), "no target yet"),
        (lambda plots: StudyPlots(make_snapshot(view=LostView)).traversals(), "on disk"),
    ],
)
def test_what_is_missing_is_said(plots, call, message):
    with pytest.raises(SelectdisError, match=message):
        call(plots)


def test_ids_in_svg_do_not_clash(snapshot):
    first = inline_svg(StudyPlots(snapshot).strength_seed("beta_vae"), "one", "figure")
    second = inline_svg(StudyPlots(snapshot).strength_seed("beta_vae"), "another", "figure")
    assert not set(re.findall(r'id="([^"]+)"', first)) & set(re.findall(r'id="([^"]+)"', second))


def test_targets_without_common_configurations():
    snapshot = make_snapshot(targets=[target_records()])
    (target,) = snapshot.targets
    target.records["configuration"] += "z"
    table, _ = transfer_points(snapshot, target)
    assert table.empty
