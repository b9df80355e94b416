#!/usr/bin/env bash
# Lint, types, import contract, docs and tests, in .venv (made first if need be) or,
# with --no-venv, in the active environment. Everything else goes to pytest:
#
#   bash tools/run_tests.sh -k codec -x
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

no_venv=
for argument; do
  shift
  case $argument in
    --no-venv) no_venv=$argument ;;
    *) set -- "$@" "$argument" ;;
  esac
done
. tools/setup_env.sh "$no_venv"

"$PYTHON" -c 'import codespell_lib, hypothesis, importlinter, mkdocstrings, mypy, pytest
import material, ruff' ||
  die "$PYTHON lacks what the tests need: pip install -e '.[tests]'"
[ -z "${CI-}" ] || set -- --durations=15 "$@"
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
git ls-files '*.py' '*.sh' '*.md' '*.html' |
  xargs "$PYTHON" -c 'from codespell_lib import _script_main; _script_main()'
"$PYTHON" -m mypy
"$PYTHON" -c 'from importlinter import cli; cli.lint_imports_command()'
NO_MKDOCS_2_WARNING=1 "$PYTHON" -m mkdocs build --strict -q
"$PYTHON" -m pytest "$@"
