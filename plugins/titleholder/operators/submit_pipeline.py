"""Starts the training pipeline of the weekly run."""

from collections.abc import Mapping
from typing import Any

from titleholder.contract import parameters
from titleholder.operators.submit_job import Order, SubmitJobOperator


class SubmitPipelineOperator(SubmitJobOperator):
    """The job's id is the model and the week. The run's parameter `pipeline` names another version
    of the compiled pipeline than the model's own."""

    def order(self, context: Mapping[str, Any]) -> Order:
        """The model's pipeline on the run's interval."""
        config, environment = self.config, self.environment
        run = self.run_of(context)
        template = config.pipeline.template
        if version := (context.get("params") or {}).get("pipeline"):
            folder, slash, _ = template.rpartition("/")
            template = f"{folder}{slash}{version}.yaml"
        return Order(
            run,
            template,
            parameters(
                config,
                environment.project,
                environment.location,
                environment.qualified(config.source.table),
                run.interval,
            ),
        )
