#!/usr/bin/env bash
# Asks a server of its own each operation of the OpenAPI document once so that it succeeds
# (walk.py), then has schemathesis ask everything that the document allows, and much that it
# does not: by an API key of all scopes, as the owner, and as the owner what ends things. No
# answer may be a 5xx, or outside of its schema, and no operation without a success.
# SCHEMA_SECONDS is how long each of the first two takes (25), a third of it the last;
# SCHEMA_SEED is another seed than 6.
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
