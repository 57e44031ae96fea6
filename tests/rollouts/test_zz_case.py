import pytest, logging
from tests.rollouts.test_actors import *
from tests.rollouts.test_actors import theatre as theatre
def test_case(theatre, caplog):
    caplog.set_level(logging.INFO, "titleholder")
    cls=type("R",(Rollouts,),{"theatre":theatre})
    state=cls()
    state.begin(beginning='withdrawn', replacement='recreate', keep=True, week=2)
    state.goes_on(calls=14, pick=0)
    state.weekly_run(week=3)
    state.goes_on(calls=13, pick=0)
    state.weekly_run(week=1)
    try:
        state.teardown()
    finally:
        for r in caplog.records: print(r.threadName, r.getMessage())
        for t in state.stage_traffic if hasattr(state,'stage_traffic') else []: print(t)
        assert 0
