#!/usr/bin/env bash
# Serves MLflow on the head, to the head alone: nobody else writes, and people look through a tunnel.
# What it serves lies in shared storage, so that it outlives the head. One process, so that SQLite has one writer.
set -euo pipefail
folder=$(dirname "$SWEEPS_STORAGE")/mlflow
mkdir -p "$SWEEPS_STORAGE" "$folder"

serving() { python3 -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:5000/health", timeout=2)' 2> /dev/null; }

serving && exit 0
MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false setsid nohup "$HOME/sweeps-venv/bin/mlflow" server --host 127.0.0.1 --port 5000 \
    --workers 1 --backend-store-uri "sqlite:///$folder/mlflow.db" --artifacts-destination "$folder/artifacts" \
    > "$HOME/mlflow.log" 2>&1 < /dev/null &
for _ in {1..120}; do
    serving && exit 0
    sleep 1
done
echo "MLflow did not start; its last words:" >&2
tail -n 20 "$HOME/mlflow.log" >&2
exit 1
