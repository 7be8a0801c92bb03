"""`mmbal plugins new`: writes a plugin that installs, passes its tests and runs."""

from mmbal.scaffold.project import KINDS, Project
from mmbal.scaffold.rendering import write_project

__all__ = ["KINDS", "Project", "write_project"]
