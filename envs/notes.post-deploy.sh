#!/usr/bin/env bash
# Their metadata demand what soundmill does not use (TensorFlow, PortAudio), so: without it.
set -euo pipefail
pip install --no-deps basic-pitch==0.4.0 tinysoundfont==0.3.7
