"""What each section of the page says, as plain values for the template."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import yaml
from markupsafe import Markup

from selectdis import selection
from selectdis.errors import SelectdisError
from selectdis.records import configuration_labels, number, objective_label, pickable, run_label, score_label
from selectdis.report._tables import Heatmap, boards, heatmap_table
from selectdis.visualization import _charts as charts
from selectdis.visualization._pictures import Anatomy, png_bytes, tile
from selectdis.visualization._snapshot import Material, StageRuns, stage_scores
from selectdis.visualization._study_plots import correlation_table, transfer_frame, variance_table
from selectdis.visualization._theme import inline_svg

__all__ = ["all_sections"]

Section = dict[str, Any]
MAX_FAILURES = 50
PASSWORD = re.compile(r"(://[^:/@\s]*):[^@/\s]*@")  # in the URL of a storage or a tracking server


def all_sections(material: Material) -> dict[str, Section]:
    """Every section by name; one that the study has nothing for holds ``missing``, the reason in words."""
    makers: dict[str, Callable[[Material], Section]] = {
        "pick": _pick,
        "numbers": _numbers,
        "boards": lambda m: {"boards": boards(m)},
        "agreement": _agreement,
        "strengths": _strengths,
        "variance": _variance,
        "transfer": _transfer,
        "latents": _latents,
        "failures": _failures,
        "making": _making,
    }
    return {name: _or_reason(maker, material) for name, maker in makers.items()}


def _or_reason(maker: Callable[[Material], Section], material: Material) -> Section:
    try:
        return {"missing": "", **maker(material)}
    except SelectdisError as error:
        return {"missing": f"{str(error)[:1].upper()}{str(error)[1:]}."}


def _pick(material: Material) -> Section:
    """The pick of the latest target; before there is one, the best run of the proxy."""
    stage = next((stage for stage in material.latest_first if stage.first), None)
    if stage is None or stage.first is None:
        raise SelectdisError("no run has finished, so there is nothing to pick")
    anatomy = material.dissect(stage.key, stage.first)
    return {
        "stage": stage,
        "label": run_label(stage.row(stage.first), configuration_labels(material.everything)),
        "why": _why(material, stage),
        "facts": _facts(material, stage, stage.first),
        "animation": None if anatomy is None else _strips(anatomy, 5),
        "reconstructions": None if anatomy is None else _reconstructions(anatomy),
    }


def _why(material: Material, stage: StageRuns) -> str:
    if stage.kind == "proxy":
        return f"The best run on the proxy by {score_label(material.score)}."
    rule, _, rest = stage.why.partition(";")
    found = re.fullmatch(r"(.+?) > (.+?)(?: @ (\d+))?", rule)
    if found is None:
        return f"{stage.why}."
    best = f"The best {found[3]} configurations" if found[3] else "The best configuration"
    first = f"{best} by {score_label(found[1])} on {material.proxy_names}"
    second = f"the run by {score_label(found[2])} on {stage.name}, whose labels are not used"
    return f"{first}, then {second}{';' + rest if rest else ''}."


def _facts(material: Material, stage: StageRuns, candidate: str) -> list[tuple[str, str]]:
    """(name, value) pairs about the pick; with labels on the target, also how good it turned out to be."""
    records = stage.records
    mine = (records["candidate"] == candidate).to_numpy()
    facts = [(score_label(name), number(records.loc[mine, name].iloc[0])) for name in _telling_scores(records)[:4]]
    if stage.kind == "target" and selection.metric_names(records):
        values, _ = stage_scores(records, material.score, stage.criterion)
        share = float(selection.beats(values)[mine][0])
        if np.isfinite(share):
            others = int(np.isfinite(values).sum()) - 1
            facts.insert(0, (f"of the {others} other runs on {stage.name} it beats", f"{share:.0%}"))
    return facts


def _telling_scores(records: pd.DataFrame) -> list[str]:
    wanted = ["metric.mig", "metric.dci_disentanglement", "metric.factor_vae", "criterion.udr_lasso"]
    wanted += ["criterion.active_units", "criterion.reconstruction", "criterion.kl", "criterion.elbo"]
    return [name for name in wanted if name in records and records[name].notna().any()]


def _numbers(material: Material) -> Section:
    records = material.everything
    lost = int((~pickable(records)).sum())
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


def _agreement(material: Material) -> Section:
    datasets = selection.labelled_datasets(material.everything)
    return {"datasets": [{"name": name, "maps": _maps(material, name)} for name in datasets]}


def _maps(material: Material, dataset: str) -> list[tuple[str, Heatmap]]:
    captions = {
        "criteria": "Metrics (rows, need labels) with criteria (columns, need none)",
        "metrics": "Metrics with one another",
    }
    found = []
    for of, caption in captions.items():
        try:
            table = correlation_table(material, of, dataset)
        except SelectdisError:
            continue
        if table.size:
            found.append((caption, heatmap_table(table)))
    return found


def _strengths(material: Material) -> Section:
    figures = [figure for stage in material.stages for figure in _strength_figures(material, stage)]
    if not figures:
        raise SelectdisError("no run has a score")
    # One strength says nothing of strengths: such figures are for studies that have no others.
    return {"figures": [figure for figure in figures if figure["levels"] > 1] or figures}


def _strength_figures(material: Material, stage: StageRuns) -> list[Section]:
    records = stage.records
    values, score = stage_scores(records, material.score, stage.criterion)
    label = score_label(score)
    figures = []
    for objective in dict.fromkeys(map(str, records["objective"])):
        mine = (records["objective"] == objective).to_numpy() & np.isfinite(values)
        if not mine.any():
            continue
        levels = records["strength"][mine].nunique()
        at = f"{levels} strengths" if levels > 1 else "one strength"
        text = f"{label} of {mine.sum()} runs of {objective_label(objective)} at {at}, on {stage.name}"
        svg = inline_svg(charts.strength_seed(records, values, objective, label), "Strength and seed", text)
        figures.append({"svg": Markup(svg), "text": text, "levels": levels})
    return figures


def _variance(material: Material) -> Section:
    figures = []
    for dataset in selection.labelled_datasets(material.everything):
        text = f"of the differences between runs on {dataset}"
        try:
            figure = charts.stacked_bars(variance_table(material, dataset))
        except SelectdisError:
            continue  # too few runs on this one
        svg = inline_svg(figure, "Variance explained", text)
        figures.append({"dataset": dataset, "svg": Markup(svg), "text": text})
    if not figures:
        raise SelectdisError("a share of the variance needs two runs with a score")
    return {"figures": figures}


def _transfer(material: Material) -> Section:
    if not material.targets:
        raise SelectdisError("there is no target yet: `selectdis transfer FILE` makes one")
    figures = []
    for target in material.targets:
        table, name = transfer_frame(material, target)
        if len(table) < 2:
            continue
        labels = f"{score_label(material.score)} on {material.proxy_names}", f"{score_label(name)} on {target.name}"
        groups = [objective_label(str(objective)) for objective in table["objective"]]
        picked = str(target.row(target.pick)["configuration"]) if target.pick else None
        figure = charts.scatter(table["proxy"], table["target"], *labels, groups, picked)
        correlation = float(table["proxy"].rank().corr(table["target"].rank())) if len(table) > 2 else float("nan")
        text = f"{len(table)} configurations, means over their seeds"
        if np.isfinite(correlation):
            text += f"; rank correlation {correlation:.2f}"
        svg = inline_svg(figure, f"{labels[0]} against {labels[1]}", text)
        figures.append({"dataset": target.name, "svg": Markup(svg), "text": text, "labels": labels})
    if not figures:
        raise SelectdisError("a comparison needs two configurations with runs on both data sets")
    return {"figures": figures}


def _latents(material: Material) -> Section:
    groups = []
    labels = configuration_labels(material.everything)
    for stage in material.latest_first:
        runs = []
        for candidate in stage.best:
            anatomy = material.dissect(stage.key, candidate)
            if anatomy is not None:
                runs.append(_run_pictures(stage.row(candidate), anatomy, labels, candidate == stage.pick))
        if runs:
            groups.append({"dataset": stage.name, "runs": runs})
    if not groups:
        raise SelectdisError("no trained run is on disk")
    return {"groups": groups}


def _run_pictures(row: Mapping[Any, Any], anatomy: Anatomy, labels: Mapping[str, str], picked: bool) -> Section:
    return {
        "label": run_label(row, labels),
        "picked": picked,
        "strips": _strips(anatomy, len(anatomy.order)),
        "reconstructions": _reconstructions(anatomy),
        "importance": None if anatomy.importance is None else _importance(anatomy),
    }


def _strips(anatomy: Anatomy, n: int) -> list[dict[str, str]]:
    """One picture a latent, most informative first."""
    return [
        {"latent": f"z{latent}", "kl": f"{anatomy.kl[latent]:.2f}", "image": _data(anatomy.traversals[latent][None])}
        for latent in anatomy.order[:n]
    ]


def _reconstructions(anatomy: Anatomy) -> str:
    return _data(np.stack([anatomy.originals, anatomy.reconstructions]))


def _importance(anatomy: Anatomy) -> Heatmap:
    rows = [f"z{latent}" for latent in anatomy.order]
    table = pd.DataFrame(anatomy.importance, columns=list(anatomy.factor_names)).iloc[anatomy.order]
    return heatmap_table(table.set_axis(rows), plain=True)


def _data(images: np.ndarray) -> str:
    """uint8 (rows, columns, c, h, w) as a data URI in its own size: the page enlarges it."""
    content = png_bytes(tile(images, cell=1, gap=max(1, images.shape[-1] // 16)))
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _failures(material: Material) -> Section:
    records = material.everything
    lost = records[~pickable(records)]
    if lost.empty:
        raise SelectdisError("every run finished")
    labels = configuration_labels(records)
    rows = [
        {
            "dataset": row["dataset"],
            "label": run_label(row, labels),
            "status": row["status"],
            "step": number(row.get("failed_step")),
            "error": row.get("error") if isinstance(row.get("error"), str) else "",
        }
        for row in lost.head(MAX_FAILURES).to_dict("records")
    ]
    return {"rows": rows, "more": max(len(lost) - MAX_FAILURES, 0)}


def _making(material: Material) -> Section:
    spec = yaml.safe_dump(material.spec, sort_keys=False, allow_unicode=True)
    return {"spec": PASSWORD.sub(r"\1:***@", spec)}  # the page is made to be sent around
