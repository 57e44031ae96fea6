"""All functions that the step `compare` takes with it: a step ships only what it is told to."""

from pipeline.components.create_dataset import storage_client
from pipeline.duelling.arrays import arrays, present
from pipeline.duelling.artifact import load_model
from pipeline.duelling.book import add, enter, new_book
from pipeline.duelling.evidence import make_evidence
from pipeline.duelling.figures import figure, line
from pipeline.duelling.histogram import bars, bin_counts, bin_edges
from pipeline.duelling.losses import ask, check_model, losses
from pipeline.duelling.moments import merge, moments, variance
from pipeline.duelling.names import check_duel_columns, check_names
from pipeline.duelling.page import page, style
from pipeline.duelling.plots import differences_plot, losses_plot, residuals_plot, targets_plot
from pipeline.duelling.rows import duel_window, offered_schema, read_batches
from pipeline.duelling.scales import day_marks, scale, ticks
from pipeline.duelling.words import facts, headline, leaning, number, warnings
from pipeline.source import table_path, window_filter

PARTS = (
    *(storage_client, table_path, window_filter),
    *(duel_window, offered_schema, read_batches, check_names, check_duel_columns),
    *(arrays, present, load_model, check_model, ask, losses),
    *(moments, merge, variance, bin_edges, bin_counts, new_book, enter, add, make_evidence),
    *(number, leaning, headline, warnings, facts, scale, ticks, day_marks, figure, line, bars),
    *(losses_plot, differences_plot, residuals_plot, targets_plot, style, page),
)
