"""Many runs in one folder, and one table of them.

What was typed becomes `axes`, these a `plan` of trials, and each trial a folder that holds its
configuration: `folder` reads it back, an `engine` has it run by a `job`, `progress` says how far
all of them are.
"""
