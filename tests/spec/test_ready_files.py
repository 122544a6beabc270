"""The ready study files: valid, and of the size that they say."""

from pathlib import Path

import pytest

from selectdis.data import DATASETS
from selectdis.data._load import options_of
from selectdis.objectives import OBJECTIVES
from selectdis.spec import read_spec
from selectdis.study._search import candidate_from, grid

FILES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_is_valid(path):
    spec = read_spec(path)
    assert spec.name == path.stem
    for data in [*spec.proxy, *([spec.target] if spec.target else [])]:
        assert data.name in DATASETS
        assert set(data.options) <= set(options_of(data.name))
    candidates = [candidate_from(params, spec, seed=s) for params in grid(spec.search) for s in range(spec.seeds.count)]
    assert len({candidate.id for candidate in candidates}) == len(candidates)


@pytest.mark.parametrize("path", [p for p in FILES if p.stem.startswith("locatello")], ids=lambda path: path.stem)
def test_protocol_of_the_paper(path):
    spec = read_spec(path)
    configurations = [candidate_from(params, spec) for params in grid(spec.search)]
    assert len(configurations) * spec.seeds.count == 1_800
    assert (spec.training.steps, spec.training.batch_size, spec.search.latents) == (300_000, 64, (10,))
    assert (spec.evaluation.protocol, spec.evaluation.held_out) == ("reference", 0.0)
    assert "A step of FactorVAE is one update of the VAE and one of the discriminator" in path.read_text()
    assert len(spec.search.objective) == 6
    _has_the_grids(spec, spec.search.objective)


def _has_the_grids(spec, names):
    configurations = [candidate_from(params, spec) for params in grid(spec.search)]
    for name in names:
        found = [c.strengths[OBJECTIVES[name].main] for c in configurations if c.objective == name]
        assert tuple(found) == OBJECTIVES[name].grid


def test_the_newer_objectives_have_the_grids_of_their_papers():
    _has_the_grids(read_spec(FILES[0].parent / "newer-objectives.yaml"), ("qlae", "ada_gvae", "ada_ml_vae"))


def test_there_is_one_for_each_data_set_of_the_paper():
    assert len([path for path in FILES if path.stem.startswith("locatello2019-")]) == 7


def test_quickstart_and_transfer_have_the_promised_size():
    quickstart, transfer = (read_spec(FILES[0].parent / f"{name}.yaml") for name in ("quickstart", "transfer-cpu"))
    for objective in quickstart.search.objective.values():
        assert max(len(values) for values in objective.values()) >= 3
    assert len(quickstart.search.objective) >= 2
    assert quickstart.seeds.count >= 3
    assert len(transfer.proxy) >= 3
    assert len(transfer.search.objective) == 6
    assert len(list(grid(transfer.search))) >= 6 * 4
    assert transfer.seeds.count >= 5
