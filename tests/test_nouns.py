"""The room of nouns: values with named fields that nothing changes."""

import copy
import dataclasses
import pickle

import pytest

from AutoMLOps.nouns import named, noun, replace


@noun
class Cup:
    """Something to drink from."""

    holds: str
    sugar: int = 0
    spices: tuple[str, ...] = ()

    @property
    def sweet(self) -> bool:
        return self.sugar > 0


@noun
class Mug(Cup):
    handle: str = "left"

    def __str__(self) -> str:
        return f"a mug of {self.holds}"


TEA = Cup(holds="tea", sugar=2)


def test_fields_are_given_by_name_and_those_left_out_have_their_default():
    assert (TEA.holds, TEA.sugar, TEA.spices, TEA.sweet) == ("tea", 2, (), True)
    assert Cup.__doc__ == "Something to drink from."


def test_equal_values_are_equal_nouns_with_one_hash():
    assert Cup(sugar=2, holds="tea") == TEA
    assert hash(Cup(sugar=2, holds="tea")) == hash(TEA)
    assert Cup(holds="tea") != TEA
    assert len({TEA, Cup(holds="tea", sugar=2), Cup(holds="mate")}) == 2


def test_nouns_of_two_classes_are_not_equal_whatever_they_hold():
    @noun
    class Glass:
        holds: str
        sugar: int = 0
        spices: tuple[str, ...] = ()

    assert Glass(holds="tea", sugar=2) != TEA
    assert TEA != ("tea", 2, ())


def test_a_noun_of_one_field_is_a_value_too():
    @noun
    class Spoon:
        of: str

    assert Spoon(of="tin") == Spoon(of="tin") != Spoon(of="wood")
    assert hash(Spoon(of="tin")) == hash(Spoon(of="tin"))


def test_its_repr_is_python_that_makes_it_again():
    assert repr(TEA) == "Cup(holds='tea', sugar=2, spices=())"
    assert eval(repr(TEA)) == TEA


@pytest.mark.parametrize("name", ["holds", "sweet", "saucer"])
def test_nothing_is_set_or_deleted(name):
    with pytest.raises(AttributeError, match=f"Cup.{name} cannot be set"):
        setattr(TEA, name, "coffee")
    with pytest.raises(AttributeError, match=f"Cup.{name} cannot be deleted"):
        delattr(TEA, name)
    assert repr(TEA) == "Cup(holds='tea', sugar=2, spices=())"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Cup needs 'holds'"),
        ({"sugar": 1}, "Cup needs 'holds'"),
        ({"hold": "tea"}, "Cup needs 'holds'"),
        ({"holds": "tea", "milk": 1, "lid": 2}, "Cup has no 'lid', 'milk'"),
    ],
)
def test_a_field_too_few_or_too_many_is_named(given, said):
    with pytest.raises(TypeError, match=f"^{said}$"):
        Cup(**given)


def test_fields_have_no_order_to_be_given_in():
    with pytest.raises(TypeError, match="positional"):
        Cup("tea")


def test_a_pattern_takes_it_apart_by_name():
    match TEA:
        case Cup(holds=what, sugar=2):
            assert what == "tea"
        case _:
            pytest.fail("the pattern does not match")


def test_replace_makes_another_and_leaves_the_first():
    assert replace(TEA, sugar=0) == Cup(holds="tea")
    assert TEA.sugar == 2
    with pytest.raises(TypeError, match="Cup has no 'milk'"):
        replace(TEA, milk=1)


def test_a_noun_of_a_noun_has_the_fields_of_both():
    mug = Mug(holds="tea", handle="right")
    assert named(mug) == {"holds": "tea", "sugar": 0, "spices": (), "handle": "right"}
    assert isinstance(mug, Cup) and mug != Cup(holds="tea")
    assert (str(mug), mug.sweet) == ("a mug of tea", False)
    assert replace(mug, sugar=1) == Mug(holds="tea", sugar=1, handle="right")


def test_it_has_no_room_but_for_its_fields():
    assert not hasattr(TEA, "__dict__") and not hasattr(Mug(holds="tea"), "__dict__")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_is_equal(again):
    assert again(TEA) == TEA
    assert again(Mug(holds="tea")) == Mug(holds="tea")


def test_the_functions_of_dataclasses_take_it_for_one_of_theirs():
    assert dataclasses.is_dataclass(TEA) and dataclasses.is_dataclass(Mug)
    assert [field.name for field in dataclasses.fields(Mug)] == ["holds", "sugar", "spices", "handle"]
    assert dataclasses.fields(Cup)[1].default == 0
    assert dataclasses.fields(Cup)[0].default is dataclasses.MISSING
    assert dataclasses.replace(TEA, sugar=3) == Cup(holds="tea", sugar=3)
    assert dataclasses.asdict(Mug(holds="tea")) == {"holds": "tea", "sugar": 0, "spices": (), "handle": "left"}


def test_a_dataclass_may_inherit_from_a_noun():
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Bowl(Cup):
        rim: str = "blue"

    assert repr(Bowl(holds="soup")).endswith("Bowl(holds='soup', sugar=0, spices=(), rim='blue')")
    assert Bowl(holds="soup") == Bowl(holds="soup") != Bowl(holds="soup", rim="red")
    assert copy.copy(Bowl(holds="soup", rim="red")) == Bowl(holds="soup", rim="red")
