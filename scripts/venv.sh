# The other scripts source this file for make_venv, which makes .venv on first use and updates it if the requirements
# have changed.
# Usage: make_venv base | make_venv dev   installs requirements/base.txt or requirements/dev.txt
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python

make_venv() {
  local wanted=$1 base stamp files pip
  files=(-r "$root/requirements/$wanted.txt")
  # On a machine with an NVIDIA driver, the CUDA libraries are installed too.
  if command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi >/dev/null 2>&1; then
    files+=(-r "$root/requirements/gpu.txt")
  fi
  stamp="$(cat "$root/pyproject.toml" "$root"/requirements/*.txt | cksum | tr ' ' -) ${#files[@]}"
  if [ -x "$python" ] && grep -qxF "$stamp" "$root/.venv/installed-$wanted" 2>/dev/null; then return; fi
  for base in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    if "$base" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then break; fi
    base=
  done
  if [ -z "${base:-}" ]; then echo "exprun needs Python 3.11, 3.12 or 3.13; set PYTHON=… to one of them" >&2; exit 1; fi
  echo "Installing exprun into .venv (once; a few minutes) …" >&2
  [ -x "$python" ] || "$base" -m venv "$root/.venv" || exit 1
  pip=("$python" -m pip install --quiet --disable-pip-version-check)
  if ! { "${pip[@]}" --require-hashes "${files[@]}" && "${pip[@]}" --no-deps --no-build-isolation -e "$root"; } \
    >"$root/.venv/install.log" 2>&1; then
    tail -n 5 "$root/.venv/install.log" >&2
    echo "The installation failed; its output is in .venv/install.log" >&2
    exit 1
  fi
  echo "$stamp" >"$root/.venv/installed-$wanted"
}
