"""Many runs on one engine: a plan of trials, a folder that remembers, and Ray to run them.

Data flows from `axes` (what was typed) to `plan` (resolved trials) to `engine` (the only module
that imports Ray), whose workers call `trial`; `folder` knows what is finished, `table` shows it.
"""
