"""Random (0x1B)."""

import pytest
from chip.bench import PARSE, RANDOM, make
from simchip import Quirks


def test_before_the_config_lock_it_is_a_constant() -> None:
    assert make("U").run(RANDOM) == bytes.fromhex("ffff0000") * 8


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize("mode", [0, 1])
def test_after_the_config_lock_it_is_random(state: str, mode: int) -> None:
    chip = make(state)
    answers = {chip.run(RANDOM, mode) for _ in range(4)}
    assert len(answers) == 4
    assert all(len(answer) == 32 for answer in answers)


def test_a_seed_repeats_it_and_another_does_not() -> None:
    one, same, other = (make("D", seed=seed).run(RANDOM) for seed in (1, 1, 2))
    assert one == same != other


def test_without_a_seed_no_two_chips_agree() -> None:
    assert make("D").run(RANDOM) != make("D").run(RANDOM)


@pytest.mark.parametrize(("mode", "param2"), [(2, 0), (0x80, 0), (0, 1)])
def test_bad_parameters(mode: int, param2: int) -> None:
    make("D").refuses(PARSE, RANDOM, mode, param2)


@pytest.mark.parametrize("clears", [True, False])
def test_temp_key_afterwards_is_a_quirk(clears: bool) -> None:
    chip = make("D", quirks=Quirks(random_clears_tempkey=clears))
    chip.load(bytes(32))
    chip.run(RANDOM)
    assert chip.temp_key_valid is not clears
