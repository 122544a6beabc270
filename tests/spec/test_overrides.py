"""Values in place of the study file's: checked like the file, named where they are wrong, and remembered."""

import pytest

from selectdis.errors import SelectdisError
from selectdis.spec import forgotten_overrides, keep_spec, parse_spec, read_spec
from tests.spec.test_study_file import MINIMAL


def read(*overrides, text=MINIMAL):
    return parse_spec(text, overrides=overrides)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("training.steps=500", "training: {steps: 500}"),
        ("search.objective.beta_vae.beta=[1,2]", "search: {objective: {beta_vae: {beta: [1, 2]}}}"),
        ("search.objective.beta_vae.beta.1=7", "search: {objective: {beta_vae: {beta: [1, 7]}}}"),
        ("search.learning_rate=1e-3", "search: {objective: {beta_vae: {beta: [1, 4]}}, learning_rate: 0.001}"),
        ("seeds=5", "seeds: 5"),
        ("proxy.image_size=16", "proxy: {name: sprites, image_size: 16}"),
        ("target=digits", "target: digits"),
        ("preset=fast", "preset: fast"),
        ("select={top: 3, run: random}", "select: {top: 3, run: random}"),
    ],
)
def test_an_override_is_what_the_file_might_have_said(override, line):
    key = line.partition(":")[0]
    others = "\n".join(one for one in ("name: small", "proxy: sprites") if not one.startswith(f"{key}:"))
    search = "" if key == "search" else "search: {objective: {beta_vae: {beta: [1, 4]}}}\n"
    assert read(override) == parse_spec(f"{others}\n{search}{line}\n")


def test_what_the_file_writes_short_is_written_out():
    short = "name: small\nproxy: sprites\ntarget: digits\nseeds: 4\nsearch: {objective: [beta_vae, beta_tc_vae]}\n"
    spec = read("seeds.max=9", "target.image_size=16", "search.objective.beta_vae.beta=2", text=short)
    assert (spec.seeds.count, spec.seeds.max, spec.target.options) == (4, 9, {"image_size": 16})
    assert spec.search.objective == {"beta_vae": {"beta": (2.0,)}, "beta_tc_vae": {}}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.stepz=5", "with training.stepz=5: unknown key 'training.stepz'; did you mean 'steps'?"),
        ("trainig.steps=5", "with trainig.steps=5: unknown key 'trainig'; did you mean 'training'?"),
        ("seeds.max=1", "with seeds.max=1: seeds: seeds.max must not be below"),
        ("search.sampler=tpe", "with search.sampler=tpe: search.sampler: 'tpe' needs a number of trials"),
        (
            "search.learning_rate={low: 1, high: 2}",
            "with search.learning_rate={low: 1, high: 2}: search.sampler: a gri",
        ),
        ("select.run=udr_laso", "with select.run=udr_laso: select.run: no score is called 'udr_laso'; did you mean"),
        ("search.objective.beta_vea.beta=1", "unknown objective 'beta_vea'; did you mean 'beta_vae'?"),
        ("name.of.it=x", "has 'small' at name, which has no 'of' to set"),
        ("training.steps", "an override reads KEY=VALUE, such as training.steps=500, found 'training.steps'"),
        ("=5", "an override reads KEY=VALUE"),
        ("a..b=5", "an override reads KEY=VALUE"),
        (".".join("a" * 99) + "=5", "an override reads KEY=VALUE"),
        ("seeds=[1", "the override seeds=[1 line 1: not valid YAML"),
        ("description=!!python/object/apply:os.system ['true']", "not valid YAML"),
        ("storag=postgresql://me:secret@host/db", "with storag=postgresql://me@host/db: unknown key 'storag'"),
    ],
)
def test_a_mistake_names_the_override(override, message):
    with pytest.raises(SelectdisError) as caught:
        read(override)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_of_several_overrides_the_wrong_one_is_named():
    with pytest.raises(SelectdisError, match=r"file with seeds=few: seeds: "):
        read("training.steps=5", "seeds=few")
    with pytest.raises(SelectdisError, match=r"file with seeds=2 search.learning_rate={low: 1, high: 2}: search.samp"):
        read("seeds=2", "search.learning_rate={low: 1, high: 2}")  # which of them it is of cannot be told


def test_a_mistake_of_the_file_is_still_the_files():
    with pytest.raises(SelectdisError, match="line 7: unknown key 'sedes'"):
        read("training.steps=5", text=MINIMAL + "sedes: 3\n")


def test_an_override_must_not_take_another_one_back():
    assert read("seeds=5", "seeds.max=7").seeds.max == 7
    with pytest.raises(SelectdisError, match=r"the override seeds=5 takes back seeds.max=7: keep one of the two"):
        read("seeds.max=7", "seeds=5")


def test_a_folder_knows_what_it_ran_with(tmp_path):
    keep_spec(read("seeds=5", "training.steps=7"), tmp_path, ["seeds=5", "training.steps=7"])
    kept = read_spec(tmp_path / "study.yaml")
    assert kept.seeds.count == 5
    assert forgotten_overrides(kept, tmp_path) == []
    assert forgotten_overrides(read(), tmp_path) == ["seeds=5", "training.steps=7"]
    assert forgotten_overrides(read("seeds=4"), tmp_path, ["seeds=4"]) == ["training.steps=7"]
    assert forgotten_overrides(parse_spec(MINIMAL + "training: {steps: 7}\nseeds: 5\n"), tmp_path) == []
    keep_spec(kept, tmp_path)  # as when the folder is given in place of the file
    assert forgotten_overrides(read(), tmp_path) == ["seeds=5", "training.steps=7"]
    keep_spec(read(), tmp_path)
    assert forgotten_overrides(read(), tmp_path) == []


@pytest.mark.parametrize("line", ["# With: [", '# With: {"a": 1}', "# With: 3", '# With: [3, "x", "\\u001b[2J=1"]', ""])
def test_a_folder_that_says_nonsense_of_overrides_says_nothing(tmp_path, line):
    keep_spec(read(), tmp_path)
    first, *rest = (tmp_path / "study.yaml").read_text().splitlines(keepends=True)
    (tmp_path / "study.yaml").write_text("".join([first, f"{line}\n", *rest]))
    assert forgotten_overrides(read("seeds=9"), tmp_path) == []
