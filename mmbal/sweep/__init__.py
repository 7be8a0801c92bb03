"""Many runs in one folder, and one table of them.

What was typed becomes `axes`, these a `plan` of trials, and each trial a folder that holds its
configuration: a `folder` of them knows which are not finished and what the others came to, and an
`engine` has each of the former run by a `job`. So whoever wants runs made names trials, saves a
`Sweep` of them, and hands what is pending to `run_all`.
"""
