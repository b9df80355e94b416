#!/usr/bin/env bash
# Make .venv with the pinned packages, once; called again it takes a second.
#   bash tools/setup_env.sh                  current torch; needs no compiler
#   bash tools/setup_env.sh --stack torch21  the oldest torch that is tested
#   bash tools/setup_env.sh --with-ops       also mmcv's compiled operators
#   bash tools/setup_env.sh --no-venv        only check the active environment
#   . tools/setup_env.sh [OPTION ...]        for scripts: sets PYTHON and PATH
# PYTHON=3.12 or PYTHON=/path/to/python3.12 chooses the Python. Without options
# an existing .venv stays of its kind. If interrupted, run it again.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
pins=$root/requirements venv=$root/.venv stamp=$root/.venv/poet_mm.stamp
cache=${XDG_CACHE_HOME:-${HOME-}/.cache}/poet_mm log= no_venv= with=
connect='If it is the network: connect this machine, or set PIP_INDEX_URL to a mirror.'
say() { printf '[%3d s] %s\n' "$SECONDS" "$*" >&2; }
die() { # and leave nothing half-made
  echo "poet_mm: $*${log:+ Details: $log}" >&2
  [ -z "$log" ] || [ -s "$stamp" ] || rm -rf "$venv"; exit 2
}
quietly() { "$@" >>"$log" 2>&1; }
check() { "$PYTHON" "$root/poet_mm/stack.py"; }
install() { "$uv" pip install -p "$venv" --compile-bytecode "$@"; }
packages() { # of xtcocotools only the Python: see xtcocotools_mask/
  install "$@" --excludes "$pins/excludes.txt" \
    --overrides "$pins/overrides.txt" -r "$pins/$stack.txt" &&
    install -r "$pins/xtcocotools.txt" "$@" --no-deps --python-version 3.9 \
      --python-platform linux; }

find_uv() {
  local name version=$(cat "$pins/uv.txt")
  uv=$cache/$version/bin/uv
  [ ! -x "$uv" ] || return 0
  for name in "$python" python3 python; do
    quietly "$name" -m pip install --no-deps --target "$cache/$version.$$" \
      "$version" && mv "$cache/$version.$$" "$cache/$version" && return
  done
  uv=$(command -v uv) || die 'cannot install uv with the pip of a Python here' \
    "(apt install python3-pip brings one), and it is not on PATH. $connect"
}

# PyTorch's own index (--torch-backend) has builds without CUDA, and older CUDA.
install_stack() {
  local how index=${PIP_INDEX_URL-}
  index=${index:-$(python3 -m pip config get global.index-url 2>/dev/null)} || true
  [ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
  for how in '--offline --torch-backend=auto' --offline; do
    quietly packages $how && return; done
  say 'downloading, once'; how=--torch-backend=auto
  quietly packages --dry-run $how || how=
  packages $how >&2 || die "cannot install the packages (above). $connect"
}

# Put OpenMMLab's wheel of mmcv (for torch 2.1), or a compiled one, into $1.
get_mmcv() (
  get() { quietly "$PYTHON" -m pip download --no-deps mmcv==2.1.0 "$@"; }
  mkdir -p "$1" && cd "$1" && ! compgen -G 'mmcv*.whl' >/dev/null || return 0
  local page=https://download.openmmlab.com/mmcv/dist/${1#*+}/torch2.1.0/index.html
  [ "$stack" = stack ] || ! get --no-index -f "$page" || return 0
  say "compiling mmcv, once (15 minutes on 2 cores). Progress: $1/build.log"
  [ -d mmcv-2.1.0 ] || { get --no-binary :all: --no-build-isolation &&
    tar xf mmcv-2.1.0.tar.gz; } || die "cannot get mmcv's source. $connect"
  # Workaround (mmcv<=2.1.0): it asks for C++17, and torch 2.14 needs C++20.
  [ "$stack" = torch21 ] || sed -i s/-std=c++17/-std=c++20/ mmcv-2.1.0/setup.py
  type nvcc >/dev/null 2>&1 || export CUDA_VISIBLE_DEVICES= # no operators of GPUs
  export PATH=$venv/bin:$PATH MMCV_WITH_OPS=1 MAX_JOBS=${MAX_JOBS:-$(nproc)}
  cd mmcv-2.1.0 && log=$1/build.log
  quietly "$PYTHON" setup.py bdist_wheel -d "$1" && rm -r "$PWD" ||
    die 'mmcv does not compile. It needs a C++ compiler and Python.h.'
)

make_venv() {
  local mmcv=$pins/mmcv_no_ops folder
  [ ! -e "$venv" ] || [ -e "$stamp" ] || die "$venv is not of this script: move it."
  mkdir -p "$cache" && : >>"$cache/setup.log" || die "set XDG_CACHE_HOME."
  log=$cache/setup.log && find_uv && say 'making .venv and installing its packages'
  "$uv" venv -q --clear -p "$python" "$venv" && : >"$stamp" &&
    "$venv/bin/python" -c 'import sys; assert (3, 10) <= sys.version_info' 2>&- ||
    die "Python $python is not there, or not 3.10 to 3.13. Name another:" \
      'PYTHON=/path/to/python3.11.'
  PYTHON=$venv/bin/python
  install_stack
  if [ "$ops" = ops ]; then
    folder=$cache/mmcv-2.1.0_$("$PYTHON" -c 'import sys, torch as t
print(f"cp3{sys.version_info[1]}_torch-{t.__version__}")')
    get_mmcv "$folder"; mmcv=$(echo "$folder"/mmcv*.whl)
    quietly "$uv" pip uninstall -p "$venv" mmcv-lite
  fi
  quietly install --offline --no-deps --no-build-isolation "$mmcv" -e "$root" \
    "$pins/xtcocotools_mask" || die 'cannot install mmcv and poet_mm.'
  state >"$stamp" && say '.venv is ready'
}

state() { # what .venv is, and the pins it was made from
  echo "$stack $ops $python"
  (cd "$root" && pwd && cat setup.py tools/setup_env.sh requirements/*.* \
    requirements/*/*/*.py) | cksum
}

read -r stack ops python 2>/dev/null <"$stamp" && [ -f "$pins/$stack.txt" ] ||
  stack=stack ops=lite python='>=3.10,<3.14'
python=${PYTHON:-$python}
while [ $# -gt 0 ]; do
  case $1 in
    '' | --no-venv) no_venv=$1 ;;
    --with-ops) with=ops ;;
    --stack) shift && stack=${1-} ops=lite ;;
    *) die "unknown option $1 (known: --stack, --with-ops, --no-venv)." ;;
  esac
  shift || break
done
[[ $stack =~ ^(stack|torch21)$ ]] || die "unknown stack '$stack' (known: torch21)."
ops=${with:-$ops}
if [ -n "$no_venv" ]; then
  PYTHON=$(type -P "${PYTHON:-python}" || type -P "${PYTHON:-python3}") ||
    die "--no-venv: found no Python ($python)."
  check || exit 2
  export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
else PYTHON=$venv/bin/python
  [ "$(state)" = "$(cat "$stamp" 2>&1)" ] && check 2>/dev/null || make_venv
fi
PATH=$(dirname "$PYTHON"):$PATH
