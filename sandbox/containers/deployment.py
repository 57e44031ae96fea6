"""The replicas of one deployed model."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sandbox.containers.container import Container
from sandbox.containers.replica import ContainerFailed, Replica

_DRAIN_SECONDS: Final = 60.0


def replica_log(log: Path, number: int) -> Path:
    """The file of a replica's output in the `log` of its deployment; numbers begin with 0."""
    return log.with_name(f"{log.name}-{number}.log")


def deployment_log(folder: Path, endpoint: str, deployed_id: str) -> Path:
    """The log of a DeployedModel in the folder of all logs; `endpoint` is the endpoint's name."""
    return folder / f"{endpoint.rpartition('/')[2]}-{deployed_id}"


class Deployment:
    """The replicas that answer the requests of one deployed model. Used from several threads."""

    def __init__(self, container: Container, count: int, log: Path, natural_port: int) -> None:
        """Start `count` replicas; their output is in `log`, numbered. `natural_port` is the
        container's port on Vertex AI."""
        self.container = container
        self._log = log
        self._natural_port = natural_port
        self._lock = threading.Condition()
        self._requests = 0
        self._draining = False
        self._turn = 0
        self._replicas: list[Replica] = []
        self.scale(count)

    def wait_until_healthy(self) -> None:
        """Wait until all replicas were healthy; stops them and raises ContainerFailed if one does
        not become healthy."""
        try:
            for replica in list(self._replicas):
                replica.wait_until_healthy()
        except ContainerFailed:
            self.kill()
            raise

    def scale(self, count: int) -> None:
        """Start or stop replicas, so that there are `count`."""
        with self._lock:
            for number in range(len(self._replicas), count):
                log = replica_log(self._log, number)
                self._replicas.append(Replica(self.container, log, self._natural_port))
            removed, self._replicas = self._replicas[count:], self._replicas[:count]
        for replica in removed:
            replica.stop()

    @contextmanager
    def request(self) -> Iterator[bool]:
        """Count a request while it is answered; False if the deployment is draining."""
        with self._lock:
            accepted = not self._draining
            self._requests += accepted
        try:
            yield accepted
        finally:
            if accepted:
                with self._lock:
                    self._requests -= 1
                    self._lock.notify_all()

    def pick(self, without: frozenset[str] = frozenset()) -> Replica | None:
        """The next healthy replica in turn, not one of these addresses; None if there is none."""
        replicas = self._replicas
        for _ in replicas:
            self._turn = (self._turn + 1) % len(replicas)
            replica = replicas[self._turn]
            if replica.healthy and replica.address not in without:
                return replica
        return None

    def healthy(self) -> int:
        """The number of healthy replicas."""
        return sum(replica.healthy for replica in self._replicas)

    def drain(self) -> None:
        """Take no new requests, wait for those that are being answered, then stop the replicas."""
        with self._lock:
            self._draining = True
            self._lock.wait_for(lambda: not self._requests, _DRAIN_SECONDS)
        for replica in self._replicas:
            replica.stop()
        for replica in self._replicas:
            replica.join()

    def kill(self) -> None:
        """Stop all replicas at once."""
        with self._lock:
            self._draining = True
        for replica in self._replicas:
            replica.kill()
        for replica in self._replicas:
            replica.join()
