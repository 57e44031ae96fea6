"""The small steps that a plan is made of; a dry run prints the same list that is applied."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CreateEndpoint:
    """Make the endpoint that applications will call."""

    display_name: str

    def __str__(self) -> str:
        return f"create the endpoint {self.display_name}"


@dataclass(frozen=True)
class Register:
    """Register the candidate as a version of its model, under an alias that finds it again."""

    alias: str

    def __str__(self) -> str:
        return f"register the model version {self.alias}"


@dataclass(frozen=True)
class Deploy:
    """Deploy the candidate's version; it gets no traffic yet."""

    deployed_model_id: str
    display_name: str

    def __str__(self) -> str:
        return f"deploy {self.display_name} as {self.deployed_model_id}, without traffic"


@dataclass(frozen=True)
class SetTraffic:
    """Change split and roles in one write. `split` sums to 100."""

    split: dict[str, int] = field(hash=False)
    champion: str
    challenger: str | None = None

    def __post_init__(self) -> None:
        if sum(self.split.values()) != 100 or self.champion not in self.split:
            raise ValueError(f"a split must sum to 100 and hold the champion, not {self}")

    def __str__(self) -> str:
        shares = " and ".join(f"{share} % to {seat}" for seat, share in self.split.items())
        return f"give {shares} (champion {self.champion}, challenger {self.challenger or 'none'})"


@dataclass(frozen=True)
class Undeploy:
    """Take down a deployed model that has no traffic."""

    deployed_model_id: str

    def __str__(self) -> str:
        return f"undeploy {self.deployed_model_id}"


Step = CreateEndpoint | Register | Deploy | SetTraffic | Undeploy
