"""The moment generating function of chi, against numerical integration and closed forms."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy import integrate

from titleholder.analysis.decay.chi import log_mean_exp

NORMAL = NormalDist()


def integrated(b: float, degrees: int) -> float:
    """The logarithm of the integral in `log_mean_exp`'s docstring, by adaptive quadrature."""
    peak = (b + math.sqrt(b * b + 4 * (degrees - 1))) / 2
    width = 1 / math.sqrt(1 + (degrees - 1) / peak**2)

    def exponent(v: float) -> float:
        return (degrees - 1) * math.log(v) + b * v - v * v / 2

    top = exponent(peak)
    mass, _ = integrate.quad(
        lambda v: math.exp(exponent(v) - top) if v > 0 else 0.0,
        max(peak - 20 * width, 0),
        peak + 40 * width,
        points=[peak],
        limit=500,
        epsabs=0,
        epsrel=1e-11,
    )
    norm = (degrees / 2 - 1) * math.log(2) + math.lgamma(degrees / 2)
    return top + math.log(mass) - norm


@pytest.mark.parametrize("degrees", [2, 5, 9, 30, 200, 1500])
def test_it_agrees_with_quadrature(degrees: int) -> None:
    b = np.array([-77.3, -20, -3.21, -0.4, 0, 0.001, 0.77, 5.5, 31, 77.7])
    wanted = [integrated(float(one), degrees) for one in b]
    assert log_mean_exp(b, degrees) == pytest.approx(wanted, abs=1e-6)


def test_one_degree_is_half_of_a_normal_variable() -> None:
    # E exp(b |Z|) = 2 Phi(b) exp(b^2 / 2)
    b = np.linspace(-5, 5, 37)
    wanted = [math.log(2 * NORMAL.cdf(one)) + one * one / 2 for one in b]
    assert log_mean_exp(b, 1) == pytest.approx(wanted, abs=1e-5)


def test_without_b_it_is_zero_and_its_slope_the_mean() -> None:
    mean = math.sqrt(2) * math.exp(math.lgamma(15) - math.lgamma(14.5))  # of 29 degrees
    near = log_mean_exp(np.array([-1e-3, 0.0, 1e-3]), 29)
    assert near[1] == pytest.approx(0, abs=1e-9)
    assert (near[2] - near[0]) / 2e-3 == pytest.approx(mean, rel=1e-5)


def test_any_shape_and_none() -> None:
    b = np.array([[0.1, 0.2], [3.0, -4.0]])
    assert log_mean_exp(b, 20).shape == (2, 2)
    assert log_mean_exp(b, 20)[1, 0] == log_mean_exp(b, 20).ravel()[2]
    assert log_mean_exp(np.zeros((0, 3)), 20).shape == (0, 3)
