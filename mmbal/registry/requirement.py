"""The plugin API that a distribution requires, known before any of its code is imported.

It is declared beside the plugin, in the same table of `pyproject.toml`:

    [project.entry-points.mmbal]
    my-plugin = "my_package.plugin"
    requires-mmbal-api = "v1"
"""

import re
from importlib.metadata import EntryPoint

import mmbal
from mmbal.registry.catalogue import Provenance
from mmbal.registry.hookspecs import API_VERSION, OLDEST_API

DECLARATION = "requires-mmbal-api"
_VERSION = re.compile(r"v([1-9][0-9]*)")


def check_requirement(declared: EntryPoint, provenance: Provenance) -> None:
    """Check that this mmbal has the plugin API that a distribution declares.

    Args:
        declared: its entry point named `requires-mmbal-api`.
        provenance: of the plugin, for the message.

    Raises:
        PluginError: it is no version, or one that this mmbal is too old or too new for.
    """
    found = _VERSION.fullmatch(declared.value)
    if not found:
        legal = f"'v1' to 'v{API_VERSION}'" if API_VERSION > 1 else "'v1'"
        raise provenance.fault(f"{DECLARATION} must be {legal}, received {declared.value!r}")
    required = int(found[1])
    if OLDEST_API <= required <= API_VERSION:
        return
    there = f"{OLDEST_API} to {API_VERSION}" if OLDEST_API < API_VERSION else f"{API_VERSION}"
    newer = "mmbal" if required > API_VERSION else provenance.distribution.partition(" ")[0]
    raise provenance.fault(
        f"requires plugin API {required}, mmbal {mmbal.__version__} has {there}: install a newer "
        f"{newer} (pip install -U {newer})"
    )
