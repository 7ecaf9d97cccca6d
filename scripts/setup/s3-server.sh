#!/bin/sh
# Installs versitygw, the S3-compatible server of the tests, into .sluice/tools. Needs Go; without it those tests are skipped.
set -eu
cd "$(dirname "$0")/../.."
GOBIN="$PWD/.sluice/tools" CGO_ENABLED=0 go install -ldflags='-s -w' github.com/versity/versitygw/cmd/versitygw@v1.8.0
