"""Devices by the words of the command line."""

from __future__ import annotations

import pytest
import torch

from rinject.errors import InputError
from rinject.student import device_of

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


def test_words() -> None:
    assert device_of("cpu") == torch.device("cpu")
    cuda = torch.cuda.is_available()
    assert device_of("auto").type == ("cuda" if cuda else "cpu")


@without_cuda
@pytest.mark.parametrize("word", ["cuda", "cuda:0"])
def test_no_cuda(word: str) -> None:
    with pytest.raises(InputError, match=f"--device {word}: no CUDA device was found"):
        device_of(word)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_the_devices_that_there_are() -> None:
    assert device_of("cuda:0").index == 0
    with pytest.raises(InputError, match="--device cuda:99: there are"):
        device_of("cuda:99")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is an MPS device")
def test_no_mps() -> None:
    with pytest.raises(InputError, match="--device mps: this machine has none"):
        device_of("mps")


def test_a_word_that_means_nothing() -> None:
    with pytest.raises(InputError, match="--device toaster"):
        device_of("toaster")
