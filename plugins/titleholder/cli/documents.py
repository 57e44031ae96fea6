"""What scripts can rely on: exit codes and JSON documents, for the reference."""

EXIT_CODES = {
    0: "done",
    1: "refused or failed, with one sentence on stderr; or the answer is not good: `status` when a "
    "person has to act or a model cannot be read, `history --at` without a champion, `validate` "
    "with an error, `watch` when the champion has decayed or was not looked at, `report` when "
    "something could not be read",
    2: "wrong usage; nothing was done",
    130: "interrupted by Ctrl-C; a change is continued by repeating the command",
}
"""Exit code to meaning, of every verb."""

JSON_DOCUMENTS = {
    "status": "`{model, endpoint, address, deployed, not_deployed, last_change, "
    "challenger_removed_by, evaluation, events_unreadable, pending_operations, "
    "machine_settings_differ, needs_action}`; `deployed` is a list of `{role, traffic_percentage, "
    "id, version, display_name, data_interval_end}`, `not_deployed` has `{id, version}` by role, "
    "`evaluation` is `{verdict, verdict_time, verdict_reason, design, looks, forecast, "
    "expectation}`",
    "status --all": "a list of the same, and of `{model, unreadable}` for a model that cannot be "
    "read",
    "history": "a list of events, oldest first, with the columns of "
    "[the events table](event-table.md) and `versions` by deployed model id",
    "history --at": "the event that made the champion at that time",
    "plan": "`{steps, summary}`; each step is `{step, call, split, split_text}`",
    "design": "`{model, design, rows, rows_per_day, variance, smallest_difference, power}`; "
    "`rows_per_day` and `variance` are `{value, origin}`, `smallest_difference` has a difference "
    "by probability, each `power` is `{difference, promotion, rollback, days}`",
    "watch": "`{version, phase, time, reason, next, days, data_drift}`, null without a champion; "
    "each day is `{day, n, loss, reference, decayed}`, each column of data drift `{column, psi, "
    "text, above_limit}`",
    "watch --weeks": "`{version, job, days, decays, skipped}`; each day is `{day, n, loss, phase, "
    "statistic, naive_alarm}`",
    "promote, rollback and all others that change the endpoint": "`{summary, endpoint, split, "
    "labels}`: one sentence, and the endpoint after the change; `split` has per cent by deployed "
    "model id",
    "report": "`{file, models, incomplete}`: the file that was written, the models in it, and "
    "those that could not be read completely",
    "validate": "`{valid, models, errors}`, also with errors; each model is `{model, pipelines, "
    "unchecked}`, with the pipelines that it was checked against, and why it was not checked "
    "against others",
    "schema": "the JSON Schema, also without `--json`",
}
"""What a verb prints with `--json`."""
