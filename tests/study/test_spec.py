"""The study file: what is accepted, and how a mistake is explained."""

import contextlib

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selectdis.errors import SelectdisError
from selectdis.study.spec import PRESETS, Range, StudySpec, check_spec, parse_spec, read_spec

MINIMAL = """
name: small
proxy: sprites
search:
  objective:
    beta_vae: {beta: [1, 4]}
"""


def test_minimal_file_takes_the_constants_of_the_literature():
    spec = parse_spec(MINIMAL)
    assert spec.proxy[0].name == "sprites"
    assert spec.search.latents == (10,)
    assert spec.search.learning_rate == (1e-4,)
    assert (spec.training.steps, spec.training.batch_size) == (300_000, 64)


def test_options_of_a_data_set_are_kept():
    spec = parse_spec(MINIMAL.replace("proxy: sprites", "proxy: {name: sprites, image_size: 16}"))
    assert spec.proxy[0].options == {"image_size": 16}


def test_ranges_need_a_sampler_other_than_the_grid():
    text = MINIMAL.replace("[1, 4]", "{low: 1, high: 16, log: true}")
    with pytest.raises(SelectdisError, match=r"range in beta_vae\.beta"):
        parse_spec(text)
    spec = parse_spec(text + "  sampler: tpe\n  trials: 9\n")
    assert spec.search.objective["beta_vae"]["beta"] == Range(low=1, high=16, log=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "sedes: 3\n", r"line 7: unknown key 'sedes'; did you mean 'seeds'\?"),
        (MINIMAL + "training: {stepz: 3}\n", r"line 7: unknown key 'training\.stepz'; did you mean 'steps'\?"),
        (MINIMAL + "training:\n  batch_siz: 3\n", r"line 8: unknown key 'training\.batch_siz'.*'batch_size'"),
        (MINIMAL.replace("beta_vae:", "beta_vea:"), r"line 6.*unknown objective 'beta_vea'.*'beta_vae'|beta_vea"),
        (MINIMAL.replace("{beta:", "{betta:"), r"strength of beta_vae 'betta'; did you mean 'beta'"),
        (MINIMAL + "training: {steps: many}\n", r"line 7: training\.steps: .*found 'many'"),
        (MINIMAL.replace("name: small", "name: ../evil"), "name"),
        (MINIMAL.replace("proxy: sprites", ""), "'proxy' is missing"),
        ("- a\n- b\n", "found list"),
        ("name: [unclosed\n", "not valid YAML"),
        ("name: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_key_line_and_nearest_word(text, message):
    with pytest.raises(SelectdisError, match=message) as caught:
        parse_spec(text)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SelectdisError, match=r"nothing\.yaml"):
        read_spec(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_are_defaults_that_the_file_overrides(preset):
    assert parse_spec(MINIMAL + f"preset: {preset}\n").training.steps == PRESETS[preset]["training"]["steps"]
    spec = parse_spec(MINIMAL + f"preset: {preset}\ntraining: {{steps: 7}}\nseeds: 2\n")
    assert (spec.training.steps, spec.seeds.count) == (7, 2)


def test_a_spec_survives_its_own_json():
    spec = parse_spec(MINIMAL)
    assert StudySpec.model_validate_json(spec.model_dump_json()) == spec


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = [*StudySpec.model_fields, "sedes"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), json_like))
def test_any_mapping_gives_a_spec_or_its_error(content):
    with contextlib.suppress(SelectdisError):
        check_spec(content, text=yaml.safe_dump(content, allow_unicode=True))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_a_spec_or_an_error(text):
    with pytest.raises(SelectdisError):
        parse_spec(text)
