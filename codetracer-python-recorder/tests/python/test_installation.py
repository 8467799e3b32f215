"""The installed package is whole: module, extension, scripts and version belong together."""

from importlib import metadata

import codetracer_python_recorder


def test_extension_has_the_packages_version():
    assert codetracer_python_recorder.__version__ == metadata.version("codetracer-python-recorder")
