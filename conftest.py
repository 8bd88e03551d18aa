"""Loads the plugin where fuseproof is not installed, and pytester for the tests of the plugin itself."""

from importlib.metadata import entry_points

_installed = any(entry.value == "harness.plugin" for entry in entry_points(group="pytest11"))

pytest_plugins = ["pytester"] if _installed else ["pytester", "harness.plugin"]
