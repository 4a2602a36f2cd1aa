"""`hotswap-host serve`: machines from machine files, one process each, supervised.

`serve.py` is the daemon, `supervisor.py` the life of one machine under it, `restart.py` when that
begins again; `machine_process.py` is the other side, the process a machine runs in. `runtime.py`,
`record.py` and `log_file.py` are what they leave on the file system.
"""
