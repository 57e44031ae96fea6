"""All functions that the step `compare` takes with it: a step ships only what it is told to."""

from pipeline.components.create_dataset import storage_client
from pipeline.duel_steps.accumulator import add, new_accumulator, update
from pipeline.duel_steps.arrays import arrays, present
from pipeline.duel_steps.evidence import make_evidence
from pipeline.duel_steps.figures import figure, line
from pipeline.duel_steps.histogram import bars, bin_counts, bin_edges
from pipeline.duel_steps.losses import check_model, losses, predict
from pipeline.duel_steps.model_loader import load_model
from pipeline.duel_steps.moments import merge, moments, variance
from pipeline.duel_steps.names import check_duel_columns, check_names
from pipeline.duel_steps.page import page, style
from pipeline.duel_steps.plots import differences_plot, losses_plot, residuals_plot, targets_plot
from pipeline.duel_steps.report_text import facts, headline, leaning, number, warnings
from pipeline.duel_steps.rows import duel_window, offered_schema, read_batches
from pipeline.duel_steps.scales import day_marks, scale, ticks
from pipeline.source import table_path, window_filter

BUNDLED_FUNCTIONS = (
    *(storage_client, table_path, window_filter),
    *(duel_window, offered_schema, read_batches, check_names, check_duel_columns),
    *(arrays, present, load_model, check_model, predict, losses),
    *(moments, merge, variance, bin_edges, bin_counts, new_accumulator, update, add, make_evidence),
    *(number, leaning, headline, warnings, facts, scale, ticks, day_marks, figure, line, bars),
    *(losses_plot, differences_plot, residuals_plot, targets_plot, style, page),
)
