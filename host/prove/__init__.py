"""`hotswap-host prove`: campaigns that put what is promised to the test, each in a file of its own.

`campaign.py` is what they share; `command.py` lists them.
"""
