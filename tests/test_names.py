"""Any names of settings, of today and of earlier versions, over any file: one meaning, or one error that names both."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_settings import GOOD

from AutoMLOps import AutoMLOps, BadInput
from AutoMLOps.settings import Settings, chosen, earlier, table
from AutoMLOps.synonyms import SYNONYMS

NOTEBOOK = Path(__file__).resolve().parent / "notebooks" / "churn.py"
CHURN = {"customers": [], "threshold": 0.5}


def values_of(name: str) -> tuple[object, ...]:
    """Values that a name may have been given: sound ones for the most part, and None."""
    synonym = SYNONYMS.get(name)
    if synonym is None:
        return (*GOOD[name], None)
    if synonym.opposite:
        return (True, False, None)
    return (*(GOOD[synonym.setting] if synonym.setting else synonym.takes), None)


EVERY_NAME = sorted(GOOD.keys() | SYNONYMS.keys())
SAID = st.fixed_dictionaries({}, optional={name: st.sampled_from(values_of(name)) for name in EVERY_NAME})
# A few settings at a time, each by all of its names and often at odds, as well as few names of many.
FEW = st.lists(st.sampled_from(EVERY_NAME), max_size=6, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(values_of(name)) for name in names})
)
TWO = st.sampled_from([synonym for synonym in SYNONYMS.values() if synonym.setting]).flatmap(
    lambda synonym: st.fixed_dictionaries(
        {name: st.sampled_from(values_of(name)) for name in (synonym.name, synonym.setting)}
    )
)
ON_DISK = st.none() | st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(GOOD[name]) for name in sorted(GOOD.keys() - {"output_dir"})}
)
# What may be wrong with sound values: they do not fit each other, or a region is new.
TOGETHER = re.compile(
    r"(?:configs/defaults\.yaml: )?(?:source_repo_(?:name|secrets)|gs_bucket_name|pipeline_job_spec_path|csr_name|"
    r"\w*_location|artifact_repo_location|storage_bucket_location|build_trigger_location) "
)


def filed(on_disk: Mapping[str, object] | None) -> dict[str, dict[str, object]] | None:
    """These settings in their sections, as YAML gives them."""
    if on_disk is None:
        return None
    sections: dict[str, dict[str, object]] = {}
    for section, rows in table(Settings()):
        for name, _, _ in rows:
            if name in on_disk:
                sections.setdefault(section, {})[name] = plain(on_disk[name])
    return sections


def plain(value: object) -> object:
    """A value as a file holds it: lists, and text that is of no class of its own."""
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, str) else value


def alone(setting: str, value: object) -> object:
    """What one value of one setting means."""
    made, _ = chosen({setting: value, **({"run_local": True} if setting != "run_local" else {})})
    return getattr(made, setting) if made else str(value)


def meant(said: Mapping[str, object], on_disk: Mapping[str, object] | None) -> dict[str, list[tuple[str, object]]]:
    """By setting, each name that it was given by with what that means: told once more, in the plainest way."""
    host = said["source_repo_type"] if "source_repo_type" in said else (on_disk or {}).get("source_repo_type")
    found: dict[str, list[tuple[str, object]]] = {}
    for name, value in said.items():
        synonym = SYNONYMS.get(name)
        setting = synonym.setting if synonym else name
        if name == "source_repo_name" and host == "csr" and value is not None:
            setting = "csr_name"
        if setting:
            opposite = synonym is not None and synonym.opposite and value is not None
            default = getattr(Settings(), setting)
            meaning = default if value is None else alone(setting, not value if opposite else value)
            found.setdefault(setting, []).append((name, default if meaning is None else meaning))
    return found


@given(SAID | FEW | TWO, ON_DISK, st.randoms(use_true_random=False))
def test_any_subset_of_names_is_one_meaning_or_one_error_that_names_both(said, on_disk, random):
    made, problems = chosen(said, filed(on_disk))
    items = list(said.items())
    random.shuffle(items)
    assert chosen(dict(items), filed(on_disk)) == (made, problems)
    assert (made is None) == bool(problems)
    wanted, told = meant(said, on_disk), [str(each) for each in problems]
    empty = {name for name, value in said.items() if value is None and name in GOOD and not OPEN[name]}
    for setting, choices in wanted.items():
        names = [name for name, _ in choices]
        odd = [each for each in told if "do not agree" in each and all(f"{name}=" in each for name in names)]
        refused = empty & set(names) or (setting == "csr_name" and "source_repo_name" in names)
        if len(choices) > 1 and any(value != choices[0][1] for _, value in choices) and not refused:
            assert len(odd) == 1, (choices, told)
        elif not refused:
            assert not [each for each in told if "do not agree" in each and f"{names[0]}=" in each]
    for setting in GOOD if made else ():
        default = getattr(Settings(), setting)
        saved = on_disk[setting] if on_disk and setting in on_disk else None
        value = wanted[setting][0][1] if setting in wanted else default if saved is None else alone(setting, saved)
        assert getattr(made, setting) == (default if value is None else value)
    if not empty and not any("do not agree" in each for each in told):
        assert all(TOGETHER.match(each) for each in told), told


OPEN = {name: None in values for name, values in GOOD.items()}


@given(SAID | FEW)
def test_each_earlier_name_that_was_said_is_told_of(said):
    told = " ".join(str(each) for each in earlier(said))
    for name, value in said.items():
        synonym = SYNONYMS.get(name)
        if synonym and synonym.setting:
            assert f"{name} as {synonym.becomes}" in told
        elif synonym:
            assert (name in re.split(r"[\s,]+", told.partition("without effect here: ")[2])) == (value is not None)
        elif name != "source_repo_name":
            assert f"{name} as" not in told


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(FEW | TWO, ON_DISK, st.randoms(use_true_random=False))
def test_generating_with_any_names_over_any_file_is_one_tree_or_one_error(tmp_path_factory, said, on_disk, random):
    """The same, of generate() itself and a file on disk: an order of arguments changes nothing of what is written."""
    said = {name: value for name, value in said.items() if name != "output_dir"}
    items = list(said.items())
    random.shuffle(items)
    outcomes = []
    for arguments in (said, dict(items)):
        folder = tmp_path_factory.mktemp("names")
        if on_disk is not None:
            (folder / "out/configs").mkdir(parents=True)
            (folder / "out/configs/defaults.yaml").write_text(yaml.safe_dump(filed(on_disk)), encoding="utf-8")
        try:
            told = AutoMLOps.generate(notebook=NOTEBOOK, pipeline_params=CHURN, output_dir=folder / "out", **arguments)
            files = {
                path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.*") if path.is_file()
            }
            outcomes.append((list(map(str, told.warnings)), {**files, "out/.automlops/manifest.json": ""}))
        except BadInput as error:
            outcomes.append((str(error), [path.name for path in folder.rglob("*")]))
    assert outcomes[0] == outcomes[1]
