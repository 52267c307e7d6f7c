#!/bin/sh
# Make the virtual environment and install Dockyard with its extras from the locked list.
set -eu
python=$1
venv=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Dockyard needs Python 3.11 or newer; '$python' is $("$python" --version 2>&1 || echo absent)." >&2
    echo "Install one and say which: make PYTHON=/path/to/python3.11" >&2
    exit 1
fi
# Debian splits the part of Python that makes environments off into a package of its own.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    sh "$(dirname "$0")/system.sh" venv
fi
echo "Making $venv and installing what requirements.lock names"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
# What is started from its sources is not compiled anew each time, also where nothing may be written later.
"$venv/bin/python" -m compileall -q src
touch "$venv/.installed"
