#!/bin/sh
# Runs Autobahn|Testsuite (cases 1-7, 9, 10) against our WebSocket layer.
#
# Needs Go, PyPI, and a Python 2.7, which Debian 12 no longer packages: PYTHON27
# names it, or it is found on the PATH or among pyenv's versions. The suite's
# virtualenv is kept in $KEFU_AUTOBAHN_CACHE (~/.cache/kefu/autobahn). Reports go
# to $KEFU_AUTOBAHN_REPORTS, or are thrown away. The last line is "N passed, N failed".
set -eu

version=25.10.1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${KEFU_AUTOBAHN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kefu/autobahn}

fail() {
	echo "autobahn: $*" >&2
	exit 1
}

find_python() {
	for python in "${PYTHON27:-}" python2.7 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7; do
		# A pyenv shim may be on the PATH and still have nothing behind it.
		if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (2, 7))' 2>/dev/null; then
			echo "$python"
			return
		fi
	done
	if command -v pyenv >/dev/null && pyenv install --skip-existing 2.7.18 >&2; then
		echo "$(pyenv root)/versions/2.7.18/bin/python2.7"
		return
	fi
	fail "no Python 2.7 found: install one (for instance 'pyenv install 2.7.18', or PyPy 2.7) and name it in PYTHON27"
}

# One who was interrupted leaves no half virtualenv behind: it is moved into
# place when whole, and its wstest is called through its own python because the
# script's first line names the old place.
install_suite() {
	python=$(find_python)
	mkdir -p "$cache"
	new=$(mktemp -d "$cache/new.XXXXXX")
	export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONWARNINGS=ignore
	"$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null ||
		fail "$python has no pip: install it with ensurepip"
	"$python" -m pip install -q --target "$new/tools" 'virtualenv<20.22' 2>"$new/log" &&
		PYTHONPATH="$new/tools" "$python" -m virtualenv -q "$new/venv" 2>>"$new/log" &&
		"$new/venv/bin/pip" install -q "autobahntestsuite==$version" 2>>"$new/log" ||
		{ cat "$new/log" >&2; rm -rf "$new"; fail "the suite could not be installed"; }
	rm -rf "$new/tools" "$new/log"
	rm -rf "$cache/$version" && mv "$new" "$cache/$version"
}

wstest() {
	"$cache/$version/venv/bin/python" -c 'from autobahntestsuite.wstest import run; run()' "$@"
}

wstest --autobahnversion >/dev/null 2>&1 || install_suite

work=$(mktemp -d)
server=
cleanup() {
	exec 3>&-
	[ -z "$server" ] || wait "$server" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

(cd "$root" && go build -o "$work/echo" ./internal/ws/autobahn)
mkfifo "$work/stdin"
"$work/echo" <"$work/stdin" >"$work/addr" 2>"$work/echo.log" &
server=$!
exec 3>"$work/stdin" # the server lives as long as this is open
tries=0
until [ -s "$work/addr" ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || fail "the echo server did not start: $(cat "$work/echo.log")"
	sleep 0.05
done

reports=${KEFU_AUTOBAHN_REPORTS:-$work/reports}
cat >"$work/spec.json" <<SPEC
{
  "outdir": "$reports",
  "servers": [{"agent": "kefu", "url": "ws://$(cat "$work/addr")"}],
  "cases": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"],
  "exclude-cases": [],
  "exclude-agent-cases": {}
}
SPEC
if ! wstest -m fuzzingclient -s "$work/spec.json" >"$work/wstest.log" 2>&1; then
	tail -20 "$work/wstest.log" >&2
	fail "the suite stopped early"
fi
"$cache/$version/venv/bin/python" "$here/summary.py" "$reports/index.json"
