"""What was typed, put in order: pure functions, so every edge is cheap to show."""

import pytest

from tacet.arguments import arranged, hoisted
from tacet.console import Usage

RUN = {"--input": "many", "--warehouse": "value", "--publish": "flag"}


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("check --format json", "--format=json check"),
        ("check --contracts=a --quiet x", "--contracts=a --quiet check x"),
        ("explain e -- --quiet", "explain e -- --quiet"),
    ],
)
def test_global_options_stand_anywhere(typed, read):
    assert hoisted(typed.split()) == read.split()


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("job --input a b c", "job --input=a --input=b --input=c"),
        ("job --input a --input b", "job --input=a --input=b"),
        ("job --input a b --warehouse w --publish", "job --input=a --input=b --warehouse=w --publish"),
        ("job --input - -", "job --input=- --input=-"),
        ("--input a job", "--input=a job"),
        ("--input=a=b job", "--input=a=b job"),
        ("job --warehouse -x", "job --warehouse=-x"),
        ("job -- --input", "job -- --input"),
    ],
)
def test_an_option_that_may_be_given_many_times_takes_the_words_behind_it(typed, read):
    assert arranged(typed.split(), RUN, 1) == read.split()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["job", "--inputs", "a"], "no option `--inputs`: did you mean `--input`?"),
        (["job", "--warehouse", "a", "--warehouse=b"], "`--warehouse` is given twice"),
        (["job", "--publish", "--publish"], "`--publish` is given twice"),
        (["job", "--publish=yes"], "`--publish` takes no value"),
        (["job", "--warehouse"], "`--warehouse` needs a value"),
        (["job", "--warehouse", "--publish"], "`--warehouse` needs a value"),
        (["job", "--input", ""], "the value of `--input` is empty"),
        (["job", "--input="], "the value of `--input` is empty"),
        (["job", "-v"], "no option `-v`"),
    ],
)
def test_what_cannot_be_meant_is_said(typed, said):
    with pytest.raises(Usage) as caught:
        arranged(typed, RUN, 1)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("check --format json --format text", "`--format` is given twice"),
        ("check --quiet --quiet", "`--quiet` is given twice"),
        ("check --format", "`--format` needs a value"),
        ("check --contracts=", "the value of `--contracts` is empty"),
    ],
)
def test_global_options_are_given_once_with_a_value(typed, said):
    with pytest.raises(Usage) as caught:
        hoisted(typed.split())
    assert str(caught.value) == said
