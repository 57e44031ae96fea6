"""ScheduleService: pipeline jobs that start by a cron expression."""
