"""The study file's `training: {compile: ...}` reaches the training."""

import json
from types import SimpleNamespace

import pytest

from selectdis.data._reference import DataReference
from selectdis.execution import _worker as worker
from selectdis.spec._model import EvaluationSpec, parse_spec
from selectdis.training import Candidate
from tests.study.fakes import SPEC


@pytest.mark.parametrize(("training", "expected"), [({}, False), ({"compile": True}, True)])
def test_workers_are_told_whether_to_compile(tmp_path, monkeypatch, training, expected):
    given = {}
    monkeypatch.setattr(worker, "train_cohort", lambda *_, **options: given.update(options) or [])
    monkeypatch.setattr(worker, "scorer_of", lambda *_: SimpleNamespace(training_data=None))
    spec = parse_spec(json.dumps({**SPEC, "training": {"steps": 10, **training}}))
    data = DataReference("sprites")
    job = worker.CohortJob((Candidate(),), data, "proxy", spec.training, EvaluationSpec(), str(tmp_path))
    worker._train_from(job, worker.StopSignal())
    assert given["compile"] is expected
