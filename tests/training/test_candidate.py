import copy
import json

import pytest

from selectdis.errors import SelectdisError
from selectdis.training import Candidate


def test_the_defaults_are_those_of_the_literature():
    candidate = Candidate()
    assert (candidate.latents, candidate.batch_size, candidate.learning_rate) == (10, 64, 1e-4)
    assert (candidate.adam_beta1, candidate.adam_beta2, candidate.adam_epsilon) == (0.9, 0.999, 1e-8)
    assert (candidate.discriminator_learning_rate, candidate.discriminator_beta1, candidate.discriminator_beta2) == (
        1e-4, 0.5, 0.9,
    )  # fmt: skip
    assert candidate.discriminator_width == 1000
    assert Candidate(architecture="fc").width == 1200


def test_ids_are_stable():
    assert Candidate("beta_vae", 3, {"beta": 4}).id == Candidate("beta_vae", 3).id == "beta_vae-b9025258-s3"
    assert Candidate("beta_vae", 3).configuration == Candidate("beta_vae", 5).configuration == "beta_vae-b9025258"


def test_every_setting_counts_for_the_id():
    others = [
        Candidate(strengths={"beta": 5}),
        Candidate(latents=11),
        Candidate(adam_epsilon=1e-7),
        Candidate(width=99),
    ]
    assert len({c.id for c in [Candidate(), *others]}) == 5


def test_a_candidate_survives_json_and_copying_and_can_be_hashed():
    candidate = Candidate("dip_vae_i", 2, {"lambda_od": 3})
    again = Candidate.from_dict(json.loads(json.dumps(candidate.to_dict())))
    assert again == candidate == copy.deepcopy(candidate)
    assert len({again, candidate}) == 1
    assert candidate.strengths == {"lambda_od": 3.0, "lambda_d": 30.0}
    assert candidate.strength == 3.0
    assert candidate.with_seed(7).seed == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"objective": "betavae"}, "did you mean 'beta_vae'"),
        ({"architecture": "cnov"}, "did you mean 'conv'"),
        ({"strengths": {"betta": 1}}, "did you mean 'beta'"),
        ({"strengths": 4.0}, "must map names to numbers"),
        ({"latents": 0}, "latents must be a whole number"),
        ({"latents": 2.5}, "latents must be a whole number"),
        ({"batch_size": 1}, "batch_size must be a whole number from 2"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"learning_rate": 0}, "learning_rate must be"),
        ({"learning_rate": "fast"}, "learning_rate must be"),
        ({"learning_rate": float("nan")}, "learning_rate must be"),
        ({"adam_beta1": 1.0}, "adam_beta1 must be"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(SelectdisError, match=message):
        Candidate(**arguments)


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(SelectdisError, match="did you mean 'latents'"):
        Candidate.from_dict({"latent": 3})
