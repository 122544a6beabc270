"""A small study, and what MLflow shows of it."""

SPEC = {
    "name": "small",
    "description": "A study for the tests.",
    "proxy": {"name": "sprites", "image_size": 16, "sizes": {"shape": 3, "scale": 2, "orientation": 1, "x": 6, "y": 6}},
    "target": {"name": "digits", "image_size": 16},
    "search": {
        "architecture": "fc",
        "width": 16,
        "latents": 3,
        "learning_rate": 0.001,
        "objective": {"beta_vae": {"beta": [1, 2]}, "dip_vae_i": {"lambda_od": [1]}},
    },
    "seeds": 2,
    "training": {"steps": 40, "curve_every": 10},
    "evaluation": {"metrics": ["mig"], "n_train": 200, "n_test": 100, "probe": 100},
    "select": {"top": 2, "seeds": 2},
}


def all_runs(client):
    """(stage, data set, candidate) -> MLflow run, of the study's experiment; the candidate of a parent run is ""."""
    experiment = client.get_experiment_by_name("small")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    keys = [tuple(run.data.tags[f"selectdis.{name}"] for name in ("stage", "dataset", "candidate")) for run in runs]
    assert len(set(keys)) == len(runs)  # no run is there twice
    return dict(zip(keys, runs, strict=True))
