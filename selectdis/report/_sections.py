"""What each section of the page says, as plain values for the template."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml
from markupsafe import Markup

from selectdis import selection
from selectdis._arrays import ACTIVE_NATS
from selectdis._redaction import redacted_text
from selectdis.errors import SelectdisError
from selectdis.records import OBJECTIVE, configuration_labels, need, number, objective_label, run_label, score_label
from selectdis.report._search import search
from selectdis.report._tables import HeatmapTable, heatmap_table, leaderboards
from selectdis.report._terms import explained, unit
from selectdis.visualization import (
    RunPictures,
    StageSnapshot,
    StudySnapshot,
    correlation_table,
    inline_svg,
    nats_label,
    png_bytes,
    stage_scores,
    strength_figure,
    tile,
    transfer_figure,
    transfer_points,
    variance_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["all_sections"]

Section = dict[str, Any]
MAX_FAILURES = 50
FEWEST_POINTS = 3  # two always lie on a line
FEWEST_RUNS = 5  # with fewer, a rank correlation is any number
_SHOWN_LATENTS = 5


def all_sections(
    snapshot: StudySnapshot, show: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, Section]:
    """Every section by name; one that the study has nothing for holds ``missing``, the reason in words."""
    makers: dict[str, Callable[[StudySnapshot], Section]] = {
        "pick": _pick,
        "numbers": _numbers,
        "boards": lambda snapshot: {"boards": leaderboards(snapshot)},
        "agreement": _agreement,
        "search": search,
        "strengths": _strengths,
        "variance": _variance,
        "transfer": _transfer,
        "latents": _latents,
        "failures": _failures,
        "making": _making,
    }
    made = {}
    for done, (name, maker) in enumerate(makers.items()):
        show(done, len(makers))
        made[name] = _or_reason(maker, snapshot)
    return made


def _or_reason(maker: Callable[[StudySnapshot], Section], snapshot: StudySnapshot) -> Section:
    try:
        return {"missing": "", **maker(snapshot)}
    except SelectdisError as error:
        return {"missing": _sentence(str(error))}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _pick(snapshot: StudySnapshot) -> Section:
    """Return the pick of the latest target; before there is one, the best run of the proxy."""
    stage = next((stage for stage in snapshot.latest_first if stage.pick_or_best), None)
    if stage is None or stage.pick_or_best is None:
        raise SelectdisError("no run has finished, so there is nothing to pick")
    pictures = stage.pictures_of(stage.pick_or_best)
    labels = configuration_labels(snapshot.records)
    others = int(selection.pickable(stage.records).sum()) - 1
    best = f"of {others + 1} runs on {stage.name} it has the best {score_label(snapshot.score)}"
    return {
        "stage": stage,
        "label": run_label(stage.row(stage.pick_or_best), labels),
        "answer": f"How it was chosen: {stage.words}." if stage.words else _sentence(stage.why or best),
        "has_labels": stage.criterion.startswith("labels:"),
        "facts": _facts(snapshot, stage, stage.pick_or_best),
        "terms": explained([snapshot.score, *_telling_scores(stage.records)[:4]]),
        "strips": None if pictures is None else _strips(pictures, _SHOWN_LATENTS),
        "latents": None if pictures is None else len(pictures.latents),
        "reconstructions": None if pictures is None else _data(pictures.reconstructions),
    }


def _facts(snapshot: StudySnapshot, stage: StageSnapshot, candidate: str) -> list[tuple[str, str]]:
    """(name, value) pairs about the pick; with labels on the target, also how good it turned out to be."""
    records = stage.records
    mine = (records["candidate"] == candidate).to_numpy()
    facts = [(_with_unit(name), number(records.loc[mine, name].iloc[0])) for name in _telling_scores(records)[:4]]
    if stage.kind == "target" and selection.metric_names(records):
        values, _ = stage_scores(records, snapshot.score, stage.criterion)
        share = float(selection.beats(values)[mine][0])
        if np.isfinite(share):
            others = int(np.isfinite(values).sum()) - 1
            facts.insert(0, (f"of the {others} other runs on {stage.name} it beats", f"{share:.0%}"))
    return facts


def _with_unit(name: str) -> str:
    return f"{score_label(name)} ({unit(name)})" if unit(name) else score_label(name)


def _telling_scores(records: pd.DataFrame) -> list[str]:
    wanted = ["metric.mig", "metric.dci_disentanglement", "metric.factor_vae", "criterion.udr_lasso"]
    wanted += ["criterion.active_units", "criterion.reconstruction", "criterion.kl", "criterion.elbo"]
    return [name for name in wanted if name in records and records[name].notna().any()]


def _numbers(snapshot: StudySnapshot) -> Section:
    records = snapshot.records
    lost = int((~selection.pickable(records)).sum())
    hours = float(records["seconds"].fillna(0).sum()) / 3600 if "seconds" in records else 0.0
    steps = number(records["steps"].max()) if "steps" in records else "–"
    facts = [
        (f"{len(records):,}", "run" if len(records) == 1 else "runs"),
        (f"{records['configuration'].nunique():,}", "configurations"),
        (f"{records['seed'].nunique() if 'seed' in records else 1:,}", "seeds"),
        (steps, "steps each"),
        (f"{60 * hours:.0f} min" if hours < 2 else f"{hours:,.0f} h", "of training"),
        (f"{lost:,}", "lost"),
    ]
    return {"facts": facts}


def _agreement(snapshot: StudySnapshot) -> Section:
    datasets = selection.labelled_datasets(snapshot.records)
    return {"datasets": [{"name": name, **_maps(snapshot, name)} for name in datasets]}


def _maps(snapshot: StudySnapshot, dataset: str) -> Section:
    records = snapshot.records
    n = int((selection.pickable(records) & (records["dataset"] == dataset)).sum())
    if n < FEWEST_RUNS:
        why = f"{dataset} has {n} finished runs, and a rank correlation needs {FEWEST_RUNS}"
        return {"maps": [], "terms": [], "why": why}
    half = selection.correlation_interval(0.0, n)[1]
    captions = {
        "criteria": "Metrics (rows, need labels) with criteria (columns, need none)",
        "metrics": "Metrics with one another",
    }
    found, compared = [], []
    for of, caption in captions.items():
        try:
            table = correlation_table(snapshot, of, dataset)
        except SelectdisError:
            continue
        if table.size:
            found.append((caption, heatmap_table(table)))
            compared += [*table.index, *table.columns]
    said = f"{n} runs on {dataset}: were two scores unrelated, 95 of 100 such numbers would lie within ±{half:.2f}."
    terms, why = explained(map(str, compared)), f"no two scores of {dataset} can be compared"
    return {"maps": found, "said": said, "terms": terms, "why": why}


def _strengths(snapshot: StudySnapshot) -> Section:
    figures = [figure for stage in snapshot.stages for figure in _strength_figures(snapshot, stage)]
    if not figures:
        raise SelectdisError("no run has a score")
    # One strength says nothing of strengths: such figures are for studies that have no others.
    return {"figures": [figure for figure in figures if figure["levels"] > 1] or figures}


def _strength_figures(snapshot: StudySnapshot, stage: StageSnapshot) -> list[Section]:
    need(stage.records, OBJECTIVE, "strength")
    values, score = stage_scores(stage.records, snapshot.score, stage.criterion)
    figures = []
    for objective in dict.fromkeys(map(str, stage.records["objective"])):
        mine = (stage.records["objective"] == objective).to_numpy() & np.isfinite(values)
        if not mine.any():
            continue
        levels = stage.records["strength"][mine].nunique()
        at = f"{levels} strengths" if levels > 1 else "one strength"
        text = f"{score_label(score)} of {mine.sum()} runs of {objective_label(objective)} at {at}, on {stage.name}"
        svg = _svg(strength_figure(stage, objective, snapshot.score), "Strength and seed", text)
        figures.append({"svg": svg, "text": text, "levels": levels})
    return figures


def _svg(figure: Figure, title: str, text: str) -> Markup:
    return Markup(inline_svg(figure, title, text))


def _variance(snapshot: StudySnapshot) -> Section:
    figures = []
    for dataset in selection.labelled_datasets(snapshot.records):
        n = int((snapshot.records["dataset"] == dataset).sum())
        text = f"of the differences between {n} runs on {dataset}, adjusted for the number of groups"
        try:
            figure = variance_figure(snapshot, dataset)
        except SelectdisError:
            continue  # too few runs on this one
        figures.append({"svg": _svg(figure, "Variance explained", text), "text": text})
    if not figures:
        raise SelectdisError("a share of the variance needs configurations with two runs that have a score")
    return {"figures": figures}


def _transfer(snapshot: StudySnapshot) -> Section:
    if not snapshot.targets:
        raise SelectdisError("there is no target yet: `selectdis transfer FILE` makes one")
    if snapshot.proxy_records.empty:
        raise SelectdisError("no run here has labels that a target could be compared by")
    need(snapshot.proxy_records, OBJECTIVE)
    figures = []
    for target in snapshot.targets:
        points, _ = transfer_points(snapshot, target)
        if len(points) < FEWEST_POINTS:
            continue
        figure = transfer_figure(snapshot, target)
        title = f"{figure.axes[0].get_ylabel()} against {figure.axes[0].get_xlabel()}"
        text = f"{len(points)} configurations, means over their seeds"
        correlation = float(points["proxy"].rank().corr(points["target"].rank()))
        if np.isfinite(correlation):
            text += f"; rank correlation {selection.correlation_text(correlation, len(points))}"
        figures.append({"svg": _svg(figure, title, text), "text": f"{title}: {text}."})
    if not figures:
        raise SelectdisError(
            f"a comparison needs {FEWEST_POINTS} configurations with runs on both data sets: two points always lie "
            "on a line"
        )
    return {"figures": figures}


def _latents(snapshot: StudySnapshot) -> Section:
    groups = []
    labels = configuration_labels(snapshot.records)
    for stage in snapshot.latest_first:
        runs = []
        for candidate in stage.best:
            pictures = stage.pictures_of(candidate)
            if pictures is not None:
                runs.append(_run_pictures(stage.row(candidate), pictures, labels, candidate == stage.pick))
        if runs:
            groups.append({"dataset": stage.name, "runs": runs})
    if not groups:
        raise SelectdisError("no trained run is on disk")
    return {"groups": groups}


def _run_pictures(row: Mapping[Any, Any], pictures: RunPictures, labels: Mapping[str, str], picked: bool) -> Section:
    return {
        "label": run_label(row, labels),
        "picked": picked,
        "strips": _strips(pictures),
        "reconstructions": _data(pictures.reconstructions),
        "importance": None if pictures.importance is None else _importance_table(pictures),
        "left_out": _left_out(pictures),
    }


def _left_out(pictures: RunPictures) -> str:
    """Return in words what the pictures of a run show nothing of."""
    parts = []
    if pictures.kl is not None:
        dead = [name for name, kl in zip(pictures.latent_names, pictures.kl, strict=True) if kl < ACTIVE_NATS]
        parts += [f"{', '.join(dead)}: KL below {ACTIVE_NATS} nats, so nothing is in there"] if dead else []
    if constant := _constant_factors(pictures):
        parts.append(f"{', '.join(constant)}: the same in all images, so nothing can be known of it")
    return "; ".join(parts)


def _constant_factors(pictures: RunPictures) -> list[str]:
    if pictures.importance is None:
        return []
    return [name for name, shares in zip(pictures.factor_names, pictures.importance.T, strict=True) if not shares.any()]


def _strips(pictures: RunPictures, n: int | None = None) -> list[dict[str, str]]:
    """Return a strip of pictures for each of the `n` most informative latents."""
    nats = [""] * len(pictures.latents) if pictures.kl is None else [nats_label(kl) for kl in pictures.kl]
    rows = list(zip(pictures.latent_names, nats, pictures.traversals, strict=True))[:n]
    return [{"latent": name, "kl": kl, "image": _data(strip[None])} for name, kl, strip in rows]


def _importance_table(pictures: RunPictures) -> HeatmapTable:
    table = pd.DataFrame(pictures.importance, pictures.latent_names, list(pictures.factor_names))
    return heatmap_table(table.drop(columns=_constant_factors(pictures)), plain=True)


def _data(images: np.ndarray) -> str:
    """uint8 (rows, columns, c, h, w) as a data URI in its own size: the page enlarges it."""
    content = png_bytes(tile(images, cell=1, gap=max(1, images.shape[-1] // 16)))
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _failures(snapshot: StudySnapshot) -> Section:
    records = snapshot.records
    lost = records[~selection.pickable(records)]
    if lost.empty:
        raise SelectdisError("every run finished")
    labels = configuration_labels(records)
    rows = [
        {
            "dataset": row["dataset"],
            "label": run_label(row, labels),
            "status": row["status"],
            "step": number(row.get("failed_step")),
            "error": redacted_text(row["error"]) if isinstance(row.get("error"), str) else "",
        }
        for row in lost.head(MAX_FAILURES).to_dict("records")
    ]
    return {"rows": rows, "more": max(len(lost) - MAX_FAILURES, 0)}


def _making(snapshot: StudySnapshot) -> Section:
    if not snapshot.spec:
        raise SelectdisError("a table of records says nothing of the study that it is from")
    return {"spec": redacted_text(yaml.safe_dump(snapshot.spec, sort_keys=False, allow_unicode=True))}
