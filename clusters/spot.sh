#!/usr/bin/env bash
# Watches on a spot node for the word of the cloud that it will be taken away, and tells Ray: its trials then save their state at
# their next validation, and go on elsewhere. Argument: aws or gcp. Ends with Ray.
set -euo pipefail

get() { curl --silent --fail --max-time 2 "$@"; }

aws() {
    local token
    token=$(get --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
    get --header "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/spot/instance-action
}

gcp() {
    get --header 'Metadata-Flavor: Google' http://metadata.google.internal/computeMetadata/v1/instance/preempted | grep --quiet TRUE
}

case $1 in
    aws) left_s=110 ;; # of the two minutes that are promised
    gcp) left_s=25 ;;  # of half a minute
    *) echo "aws or gcp, not '$1'" >&2 && exit 2 ;;
esac
while pgrep --exact raylet > /dev/null; do
    if "$1" > /dev/null; then
        exec ray drain-node --reason DRAIN_NODE_REASON_PREEMPTION --reason-message 'spot notice' --deadline-remaining-seconds "$left_s"
    fi
    sleep "${SPOT_PERIOD_S:-5}"
done
