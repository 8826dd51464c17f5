#!/usr/bin/env bash
set -euo pipefail
# audiomentations demands a soxr below 1, for a function that this project does not use
pip install --no-deps audiomentations==0.43.1
