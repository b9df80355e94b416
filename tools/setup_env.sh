#!/usr/bin/env bash
# Makes .venv with the pinned stack, once; called again it takes a second.
#
#   bash tools/setup_env.sh                 make or mend .venv
#   bash tools/setup_env.sh --no-venv       check the active environment
#   . tools/setup_env.sh "$no_venv"         the same in another script, which
#                                           has $PYTHON, and `python` on PATH,
#                                           when this returns
#
# --no-venv uses the environment that is active, if its versions are supported,
# and installs nothing. PYTHON=/path/to/python3.11 names the Python to use.
# Wheels are kept in ~/.cache/poet_mm, so that mmcv is compiled only once.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
stamp=$venv/poet_mm.stamp  # the finished environment's state, or 'unfinished'
log=$venv/setup.log
cache=${XDG_CACHE_HOME:-$HOME/.cache}/poet_mm
mmcv=$(cat "$root/requirements/mmcv.txt")
child=

say() { printf '[%3d s] %s\n' "$SECONDS" "$*" >&2; }

die() { printf '%s\n' "poet_mm: $*" >&2; exit 1; }

# Runs a command so that Ctrl-C or kill ends it together with this script.
attend() { "$@" & child=$!; wait "$child"; }

# The same, with the output of the command in the log only.
attend_quietly() { "$@" >>"$log" 2>&1 & child=$!; wait "$child"; }

interrupted() {
  trap - INT TERM HUP
  [ -z "$child" ] || { kill "$child" && wait "$child"; } 2>/dev/null || true
  printf '\n%s\n' 'poet_mm: interrupted; run it again to continue.' >&2
  exit 130
}

# --- Python, compiler ------------------------------------------------------

python_version() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

# Sets `base`, a supported Python: itself, not a shim or a virtual environment
# that could be the one which is about to be replaced.
find_python() {
  set -- "$venv/bin/python" python3 python \
    python3.11 python3.10 python3.12 python3.9
  [ -z "${PYTHON-}" ] || set -- "$PYTHON"
  local name version found=
  for name; do
    version=$(python_version "$name") || continue
    case $version in
      3.9 | 3.10 | 3.11 | 3.12)
        base=$("$name" -c 'import os, sys
in_venv = sys.prefix != sys.base_prefix
print(os.path.realpath(sys.executable) if in_venv else sys.executable)')
        return ;;
    esac
    found="${found:+$found, }$name is Python $version"
  done
  die "Python 3.9 to 3.12 is supported, found: ${found:-none that runs}." \
    "Install one, or name it, for example:" \
    "PYTHON=/path/to/python3.11 bash tools/quickstart.sh"
}

compiles() {
  printf '%s\n' "$1" | $CXX -std=c++17 -x c++ -fsyntax-only "${@:2}" - \
    >/dev/null 2>&1
}

# Check the compiler and headers, unless a wheel is cached.
check_compiler() {
  local tag name
  tag=cp$(python_version "$base" | tr -d .)
  compgen -G "$cache/${mmcv/==/-}_torch-*_${tag}_*/*.whl" >/dev/null && return
  set -- c++ g++ clang++
  [ -z "${CXX-}" ] || set -- "$CXX"
  for name; do
    export CXX=$name
    compiles '#include <vector>' && break
    CXX=
  done
  [ -n "$CXX" ] || die "mmcv must be compiled, and no C++17 compiler works" \
    "(tried: $*). Install one, for example: apt install g++, or on macOS:" \
    "xcode-select --install"
  compiles '#include <Python.h>' "-I$("$base" -c \
    'import sysconfig; print(sysconfig.get_paths()["include"])')" ||
    die "mmcv must be compiled, and $base has no headers (Python.h)." \
      "Install them, for example: apt install python3-dev"
  # Extensions are linked by the C compiler that Python was built with.
  [ -n "${CC-}" ] || "$base" -c 'import shutil, sys, sysconfig
sys.exit(not shutil.which(sysconfig.get_config_var("CC").split()[0]))' ||
    export CC=$CXX
}

# --- the environment -------------------------------------------------------

# Return 0 if .venv belongs to this folder and Python, is complete and works.
venv_is_sound() {
  [ "$(python_version "$venv/bin/python")" = "$(python_version "$base")" ] &&
    grep -qsF "$venv" "$venv/bin/activate" &&
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || return
  [ ! -f "$stamp" ] || {
    [ "$(cat "$stamp")" != unfinished ] &&
      check_stack "$venv/bin/python" 2>/dev/null
  }
}

make_venv() {
  "$base" -c 'import ensurepip, venv' 2>/dev/null ||
    die "$base cannot make virtual environments (no venv or ensurepip)." \
      "Install that, for example: apt install python3-venv"
  say "making .venv with Python $(python_version "$base") ($base)"
  attend "$base" -m venv --clear "$venv"
}

# Makes uv use the package index of pip.
use_pip_index() {
  local index=${PIP_INDEX_URL-}
  [ -n "$index" ] || index=$("$venv/bin/python" -m pip config get \
    global.index-url 2>/dev/null) || return 0
  export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
}

die_offline() {
  die "cannot get $1 from the package index; connect this machine" \
    "(or set PIP_INDEX_URL to a mirror) and run it again. Details: $log"
}

venv_pip() { PIP_USER=0 attend_quietly "$venv/bin/python" -m pip "$@"; }

install_uv() {
  local pins=$root/requirements/uv.txt
  set -- install --no-index --find-links "$cache" -r "$pins"
  venv_pip "$@" || {
    venv_pip download --retries 1 --no-deps --dest "$cache" -r "$pins" ||
      die_offline uv
    venv_pip "$@" || die "pip cannot install uv. Details: $log"
  }
}

# Try the caches first, then the network.
uv_install() {
  set -- "$venv/bin/uv" pip install --python "$venv/bin/python" "$@"
  attend_quietly "$@" --offline && return
  attend_quietly "$@" --dry-run || die_offline 'the packages'
  say 'downloading'
  attend "$@" >&2
}

install_stack() {
  local pins=$root/requirements wheel
  echo unfinished >"$stamp"
  mkdir -p "$cache"
  say 'installing torch and the rest (the first time a download of 3 GB)'
  install_uv
  use_pip_index
  uv_install -r "$pins/stack.txt" --override "$pins/overrides.txt"
  say "getting $mmcv with its operators"
  attend "$venv/bin/python" "$root/tools/build_mmcv_wheel.py" \
    --cache "$cache" "$mmcv" >"$venv/mmcv_wheel.path"
  wheel=$(cat "$venv/mmcv_wheel.path")
  say 'installing mmcv, mmdet, mmpose and poet_mm'
  uv_install --no-deps --no-build-isolation \
    "$wheel" -r "$pins/openmmlab.txt" -e "$root"
  say 'checking that they can be imported'
  attend_quietly "$venv/bin/python" -c 'import mmcv.ops, mmdet, mmpose' || {
    tail -n 5 "$log" >&2
    die "the installed packages do not work (above, and in $log)." \
      "Run it again: it then replaces .venv."
  }
}

# Changes whenever .venv was moved, or its packages or the pins have changed.
state() {
  {
    echo "$venv"
    "$venv/bin/python" -VV
    "$venv/bin/uv" pip freeze --quiet --python "$venv/bin/python"
    cat "$root"/requirements/*.txt "$root/tools/setup_env.sh"
  } 2>/dev/null | cksum
}

check_stack() {  # without importing poet_mm itself
  "$1" -c 'import runpy, sys
runpy.run_path(sys.argv[1], run_name="__main__")' "$root/poet_mm/stack.py"
}

venv_is_ready() {
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(state)" ] &&
    check_stack "$venv/bin/python" 2>/dev/null || return
  [ -z "${PYTHON-}" ] ||
    [ "$(python_version "$PYTHON")" = "$(python_version "$venv/bin/python")" ]
}

use_venv() {
  if ! venv_is_ready; then
    find_python
    check_compiler
    venv_is_sound || make_venv
    install_stack
    state >"$stamp"
    say 'the environment is ready: .venv'
  fi
  PYTHON=$venv/bin/python
  export VIRTUAL_ENV=$venv
}

use_active_environment() {
  PYTHON=$(command -v "${PYTHON:-python}" || command -v python3) ||
    die '--no-venv: no Python on PATH.'
  check_stack "$PYTHON" || exit 1
  "$PYTHON" -c 'import mmcv.ops, mmdet, mmpose' ||
    die "--no-venv: $PYTHON cannot import MMPose (above)." \
      "Mend it, or have an environment made: bash tools/setup_env.sh"
  export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
}

trap interrupted INT TERM HUP
case ${1-} in
  '') use_venv ;;
  --no-venv) use_active_environment ;;
  *) die "unknown option $1 (known: --no-venv)" ;;
esac
trap - INT TERM HUP
PATH=$(dirname "$PYTHON"):$PATH
