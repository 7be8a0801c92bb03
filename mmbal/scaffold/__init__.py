"""`mmbal plugins new`: writes a plugin that installs, passes its tests and runs."""

from mmbal.scaffold.kinds import KINDS, LICENSES
from mmbal.scaffold.project import Project, new_project
from mmbal.scaffold.writing import write_project

__all__ = ["KINDS", "LICENSES", "Project", "new_project", "write_project"]
