"""Parts of the step `compare`, bundled with it: each function imports inside."""

from pipeline import source
from pipeline.duel_steps import accumulator, evidence, model_loader, rows, scoring
from pipeline.duel_steps.report import charts, page, plots, text

MODULES = (source, rows, model_loader, scoring, accumulator, evidence, text, charts, plots, page)
