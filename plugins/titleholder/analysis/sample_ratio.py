"""Whether requests really go where the split says: a test that holds at every look. No I/O."""

import math
from dataclasses import dataclass
from typing import Literal

# Beyond it the logarithms of the gamma function cancel to less than two decimals.
_MOST = 1e12


@dataclass(frozen=True)
class SampleRatioFinding:
    """fine, off, or too few: nothing can be said. `evidence` is the natural logarithm of the
    e-value against the configured split; above log(1 / alpha) is off."""

    outcome: Literal["fine", "off", "too few"]
    reason: str
    evidence: float


def check_sample_ratio(
    champion: float, challenger: float, share: int, alpha: float = 0.001, concentration: float = 100
) -> SampleRatioFinding:
    """Whether that many requests fit a challenger's `share` in per cent, 1 to 99.

    The counts are all since the split was set; a new split starts at none. However often one looks,
    a split that is as configured is called off with a probability of at most `alpha`.

    The e-value is the likelihood under a Beta mixture over the share, with mean `share` and that
    concentration, over the likelihood of `share`: Lindon and Malek, "Anytime-valid inference for
    multinomial count data", NeurIPS 2022, arXiv 2011.03567, for two arms; by Ville's inequality it
    exceeds 1 / alpha at some time with a probability of at most alpha. Raises ValueError for a
    share, alpha or concentration that cannot be; counts that cannot be are "too few".
    """
    if not (1 <= share <= 99 and 0 < alpha <= 0.5 and 0 < concentration < math.inf):
        raise ValueError(f"no test has {share} %, alpha {alpha} and concentration {concentration}")
    told = f"{challenger:g} of {champion + challenger:g} requests for a share of {share} %"
    for count in (champion, challenger):
        if not 0 <= count <= _MOST or count != math.floor(count):
            return SampleRatioFinding("too few", f"{told} cannot be", 0.0)
    rate = share / 100
    found = _log_e(champion, challenger, rate, concentration)
    limit = -math.log(alpha)
    if found > limit:
        return SampleRatioFinding("off", f"{told} do not fit", found)
    # Could it have been called off at all, had the lesser arm got none?
    total = champion + challenger
    worst = (0.0, total) if share > 50 else (total, 0.0)
    if _log_e(*worst, rate, concentration) <= limit:
        return SampleRatioFinding("too few", f"{told} are too few to tell", found)
    return SampleRatioFinding("fine", f"{told} fit", found)


def _log_e(champion: float, challenger: float, rate: float, concentration: float) -> float:
    # 50 %, concentration 2, 0 and 3 requests: B(4, 1) / B(1, 1) / 0.5^3 = (1/4) * 8, so e = 2.
    a, b = concentration * rate, concentration * (1 - rate)
    mixed = _log_beta(a + challenger, b + champion) - _log_beta(a, b)
    return mixed - challenger * math.log(rate) - champion * math.log1p(-rate)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
