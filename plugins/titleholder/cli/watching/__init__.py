"""The verb `watch`: the state of the champion, and a backtest."""
