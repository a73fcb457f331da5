#!/usr/bin/env bash
# Makes a node ready: the project and what it needs, in an environment of its own, ~/sweeps-venv. Takes a second when nothing
# has changed. Arguments: NAME=VALUE, what every login on the node, and so every sweep, shall know.
set -euo pipefail
project=$(cd "$(dirname "$0")/.." && pwd)
venv=$HOME/sweeps-venv

# Only the one who owns the token may read it: with it anyone can run anything here.
chmod 600 "$HOME/.ray/auth_token"

{
    echo "export PATH=$venv/bin:\$PATH"
    printf 'export %q\n' "$@"
} > "$HOME/sweeps-env.sh"
# At the beginning, as many a .bashrc ends early, and at the end, as others put their own Python before ours.
if ! grep -qs sweeps-env.sh "$HOME/.bashrc"; then
    touch "$HOME/.bashrc"
    printf '%s\n' '. ~/sweeps-env.sh' "$(cat "$HOME/.bashrc")" '. ~/sweeps-env.sh' > "$HOME/.bashrc.new"
    mv "$HOME/.bashrc.new" "$HOME/.bashrc"
fi

if nvidia-smi --list-gpus > /dev/null 2>&1; then build=gpu; else build=cpu; fi
wanted="$build $(cat "$project/pyproject.toml" "$project/constraints.txt" "$0" | sha256sum)"
if [[ $(cat "$venv/.wanted" 2> /dev/null) != "$wanted" ]]; then
    [[ -x $venv/bin/python ]] || python3 -m venv "$venv" || { rm -rf "$venv"; exit 1; }
    # Without a GPU, the build of torch that is smaller by gigabytes.
    [[ $build == gpu ]] || export PIP_EXTRA_INDEX_URL="${PIP_EXTRA_INDEX_URL:-https://download.pytorch.org/whl/cpu}"
    pip=("$venv/bin/pip" --quiet --disable-pip-version-check install --constraint "$project/constraints.txt")
    "$venv/bin/python" -c 'import setuptools as s; assert int(s.__version__.split(".")[0]) >= 77' 2> /dev/null \
        || "${pip[@]}" 'setuptools>=77'
    "${pip[@]}" --no-build-isolation --editable "$project"
    [[ $build == cpu ]] || "$venv/bin/python" -c '
import sys, torch
torch.cuda.is_available() or sys.exit(f"torch {torch.__version__} cannot use the GPU of this node (its driver is too old, or another build is needed)")'
    echo "$wanted" > "$venv/.wanted"
fi
