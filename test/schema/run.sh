#!/usr/bin/env bash
# Has schemathesis ask a server of its own everything that the OpenAPI document allows, and
# much that it does not: by an API key of all scopes, and as the owner. No answer may be a
# 5xx, or outside of its schema. SCHEMA_SECONDS is how long each of the two takes (25).
# Needs bin/kefu, Python 3.10 with venv, and PyPI the first time; the virtualenv is kept in
# $TEST_CACHE (~/.cache/kefu).
set -euo pipefail
version=4.32.0
here=$(cd "$(dirname "$0")" && pwd)
cache=${TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kefu}
env=$cache/schemathesis-$version

if [ ! -x "$env/whole" ]; then
  rm -rf "$env"
  mkdir -p "$cache"
  python3 -m venv "$env"
  "$env/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
  install -m 755 /dev/null "$env/whole" # one who was interrupted leaves no half one behind
fi
exec "$env/bin/python" "$here/drive.py" "$env/bin/schemathesis" "${KEFU:-$here/../../bin/kefu}"
