"""What becomes of switchovers: each leaves a record; `hotswap-host history` lists and draws them.

`record.py` is what is kept and where, `timeline.py` and `chrome_trace.py` draw a record, `live.py`
shows a switchover while it is under way, `command.py` is the command.
"""
