"""Sample ratio mismatch test of requests against the traffic split, valid at every look. No I/O."""

import math
from dataclasses import dataclass
from typing import Literal

# Above it the logarithms of the gamma function cancel to less than two decimals.
_MAX_COUNT = 1e12


@dataclass(frozen=True)
class SampleRatioFinding:
    """Whether the requests fit the split; "insufficient_requests" if the test has no result.

    `log_e_value` is the natural logarithm of the e-value against the configured split; above
    log(1 / alpha) the outcome is "mismatch".
    """

    outcome: Literal["fits", "mismatch", "insufficient_requests"]
    reason: str
    log_e_value: float


def check_sample_ratio(
    champion: float,
    challenger: float,
    percentage: int,
    alpha: float = 0.001,
    concentration: float = 100,
) -> SampleRatioFinding:
    """Whether the requests of both models fit a challenger's traffic percentage, 1 to 99.

    The counts start when the split was set. If the requests follow the split, the probability of a
    mismatch at any look is at most `alpha`.

    The e-value is the likelihood under a Beta mixture over the rate, with mean `percentage` / 100
    and that concentration, over the likelihood of `percentage` / 100: Lindon and Malek,
    "Anytime-valid inference for multinomial count data", NeurIPS 2022, arXiv 2011.03567, for two
    arms; by Ville's inequality it exceeds 1 / alpha at any time with a probability of at most
    alpha. Raises ValueError for an invalid percentage, alpha or concentration; for invalid counts
    the outcome is "insufficient_requests".
    """
    if not (1 <= percentage <= 99 and 0 < alpha <= 0.5 and 0 < concentration < math.inf):
        raise ValueError(
            f"no test has {percentage} %, alpha {alpha} and concentration {concentration}"
        )
    total = champion + challenger
    counts = f"{challenger:g} of {total:g} requests at {percentage} % of the traffic"
    for count in (champion, challenger):
        if not 0 <= count <= _MAX_COUNT or count != math.floor(count):
            return SampleRatioFinding("insufficient_requests", f"{counts} are no counts", 0.0)
    rate = percentage / 100
    found = _log_e(champion, challenger, rate, concentration)
    limit = -math.log(alpha)
    if found > limit:
        return SampleRatioFinding("mismatch", f"{counts} do not fit", found)
    # So few that even no request at all to the smaller arm would be no mismatch.
    extreme = (0.0, total) if percentage > 50 else (total, 0.0)
    if _log_e(*extreme, rate, concentration) <= limit:
        return SampleRatioFinding("insufficient_requests", f"{counts} are too few", found)
    return SampleRatioFinding("fits", f"{counts} fit", found)


def _log_e(champion: float, challenger: float, rate: float, concentration: float) -> float:
    # 50 %, concentration 2, 0 and 3 requests: B(4, 1) / B(1, 1) / 0.5^3 = (1/4) * 8, so e = 2.
    a, b = concentration * rate, concentration * (1 - rate)
    mixed = _log_beta(a + challenger, b + champion) - _log_beta(a, b)
    return mixed - challenger * math.log(rate) - champion * math.log1p(-rate)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
