"""The study file: what is accepted, and how a mistake is explained."""

import contextlib

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selectdis.errors import OldNameWarning, SelectdisError
from selectdis.spec import PRESETS, Range, StudySpec, check_spec, parse_spec, read_spec

MINIMAL = """
name: small
proxy: sprites
search:
  objective:
    beta_vae: {beta: [1, 4]}
"""
MERGED = (
    MINIMAL
    + """    beta_tc_vae:
      <<: {beta: [1]}
      beta: [2]
"""
)
RANDOM = "  sampler: random\n  trials: 3\n  learning_rate: {}\n"


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
        (MINIMAL.replace("[1, 4]", "[]"), r"line 6: search\.objective\.beta_vae\.beta: needs at least one value"),
        (MINIMAL.replace("[1, 4]", "[.nan]"), r"line 6: search\.objective\.beta_vae\.beta: .* finite number.*nan"),
        (
            MINIMAL.replace("[1, 4]", "{low: 1}"),
            r"line 6: the key 'search\..*\.beta\.high' is missing",
        ),
        (MINIMAL.replace("[1, 4]", "{low: 1, high: 4}"), r"search\.sampler: a grid needs lists"),
        (MINIMAL + "  architecture: fcc\n", r"line 7: search\.architecture: .* conv, fc, found 'fcc'; .*'fc'"),
        (MINIMAL + "  latents: [4, 0]\n", r"line 7: search\.latents: .* from 1 to .*, found 0"),
        (MINIMAL + "  learning_rate: -1\n", r"line 7: search\.learning_rate: .* above 0 .*-1"),
        (MINIMAL + "  width: []\n", r"line 7: search\.width: needs at least one value"),
        (MINIMAL + "training: {device: foo}\n", r"line 7: training\.device: must be .*\"cuda:N\", found 'foo'"),
        (MINIMAL + "evaluation: {metrics: [mgi]}\n", r"line 7: evaluation\.metrics: unknown metric 'mgi'.*'mig'"),
        (MINIMAL + "evaluation: {criteria: [pip]}\n", r"line 7: evaluation\.criteria: .*'pip'.*'pipe'"),
        (MINIMAL + "optimise: [mgi]\n", r"line 7: optimise: no score is called 'mgi'.*'mig'"),
        (MINIMAL + "optimise: []\n", r"line 7: optimise: needs at least one value"),
        (MINIMAL + "select: {run: udr_laso}\n", r"line 7: select\.run: .*'udr_lasso'"),
        (MINIMAL + "select: {run: pipe}\n", r"line 7: select\.run: 'pipe' is not measured"),
        (MINIMAL + "select:\n  run: labels:foo\n", r"line 8: select\.run: `labels:` .*few_labels.* found 'labels:foo'"),
        (MINIMAL + "select: {run: calibrated:foo}\n", r"line 7: select\.run: .*ridge, boosting, forest"),
        (MINIMAL + "name: again\n", r"line 7: the key 'name' comes twice \(before in line 2\)"),
        (MINIMAL + "seeds: {count: 1, count: 2}\n", r"line 7: the key 'count' comes twice"),
        (MERGED.replace("[2]", "[.nan]"), r"line 9: search\.objective\.beta_tc_vae\.beta: .* finite number"),
        (MINIMAL + "seeds: {count: 4, max: 3}\n", r"line 7: seeds: seeds\.max must not be below .* 3 and 4"),
        (MINIMAL + RANDOM.format("{low: 0, high: 1, log: true}"), r"learning_rate: a logarithmic range .* found 0"),
        (MINIMAL + RANDOM.format("{low: 2, high: 1}"), r"learning_rate: low must not be above high, .* 2.0 and high 1"),
        (MINIMAL + RANDOM.format("{low: 1, high: .inf}"), r"search\.learning_rate: .* found inf"),
        ("- a\n- b\n", "found list"),
        ("name: [unclosed\n", "not valid YAML"),
        ("name: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_key_line_and_nearest_word(text, message):
    with pytest.raises(SelectdisError, match=message) as caught:
        parse_spec(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "addition",
    [
        "evaluation: {metrics: [fast, few_labels]}\nselect: {run: labels:mig.few100}\n",
        "evaluation: {criteria: [pipe]}\nselect: {run: -pipe}\n",
        "select: {run: calibrated}\n",
        "select: {run: random, score: mig+sap}\n",
        "training: {device: cuda}\n",  # where this is read there need not be one
        "training: {device: 'cuda:7'}\n",
    ],
)
def test_what_is_no_mistake_is_read(addition):
    parse_spec(MINIMAL + addition)


def test_what_is_merged_may_be_said_again():
    assert parse_spec(MERGED).search.objective["beta_tc_vae"]["beta"] == (2.0,)


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
        check_spec(content)
    with contextlib.suppress(SelectdisError):
        parse_spec(yaml.safe_dump(content, allow_unicode=True))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_a_spec_or_an_error(text):
    with pytest.raises(SelectdisError):
        parse_spec(text)


def test_the_score_of_before_is_read_with_a_hint():
    with pytest.warns(OldNameWarning, match="mean_rank is now win_rate"):
        spec = parse_spec(MINIMAL + "select: {score: mean_rank}\n")
    assert spec.select.score == "win_rate"


def test_the_text_is_parsed_once(monkeypatch):
    parsed = []
    compose = yaml.SafeLoader.get_single_node
    monkeypatch.setattr(yaml.SafeLoader, "get_single_node", lambda loader: parsed.append(1) or compose(loader))
    with pytest.raises(SelectdisError, match="line 7"):
        parse_spec(MINIMAL + "seeds: many\n")
    assert parsed == [1]
