"""The tasks that watch the champion, and act when it decays."""
