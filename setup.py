"""For users who have their own MMPose: ``pip install .`` asks for ranges.

The pinned versions poet_mm is tested on are in ``requirements/``, installed
by ``tools/setup_env.sh``.
"""

import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
stack = runpy.run_path(str(ROOT / 'poet_mm' / 'stack.py'))
version = runpy.run_path(str(ROOT / 'poet_mm' / 'version.py'))


class BuildWithConfigs(build_py):
    """Put configs and tools into ``poet_mm/.mim``, as MMPose has them.

    mim looks for them there. An editable install has the clone's.
    """

    def run(self):
        """Build the package, then copy the folders."""
        super().run()
        if self.editable_mode:
            return
        mim = Path(self.build_lib) / 'poet_mm' / '.mim'
        shutil.rmtree(mim, ignore_errors=True)
        for name in ('configs', 'tools'):
            shutil.copytree(
                ROOT / name,
                mim / name,
                ignore=shutil.ignore_patterns('__pycache__'),
            )
        shutil.copy(ROOT / 'model-index.yml', mim)


setup(
    name='poet_mm',
    version=version['__version__'],
    description='POET, the pose estimation transformer, as a plugin for '
    'MMPose',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='The poet_mm authors',
    project_urls={'Paper': 'https://arxiv.org/abs/2103.12115v1'},
    license='Apache License 2.0',
    keywords='pose estimation, transformer, MMPose, OpenMMLab',
    packages=find_packages(include=['poet_mm', 'poet_mm.*']),
    package_data={'poet_mm': ['py.typed', '*/*.html']},
    cmdclass={'build_py': BuildWithConfigs},
    python_requires=stack['PYTHON'],
    # mmcv has many names: mmcv, mmcv-lite, onedl-mmcv. stack.py checks it.
    install_requires=[
        *(
            module + versions
            for module, versions in stack['SUPPORTED'].items()
            if module != 'mmcv'
        ),
        'jinja2',
        'rich',
        'tabulate',
    ],
    extras_require={
        'demo': ['gradio>=6'],  # for tools/demo.py
        'export': ['onnx', 'onnxruntime'],  # for tools/export_onnx.py
        'fast': ['hotcoco>=1.1'],  # for FastCocoMetric
        'openvino': ['openvino'],  # for tools/export_onnx.py --openvino
        'tensorboard': ['tensorboard'],  # for tools/train.py --tensorboard
        'tests': [
            'codespell',
            'hypothesis',
            'import-linter',
            'mkdocs-material',
            'mkdocstrings[python]',
            'mypy',
            'pytest',
            'ruff',
        ],
        'video': ['av'],  # PyAV: for videos in POETInferencer, tools/infer.py
    },
    classifiers=[
        'Intended Audience :: Science/Research',
        'License :: OSI Approved :: Apache Software License',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Image Recognition',
        'Typing :: Typed',
    ],
    zip_safe=False,
)
