#!/bin/sh
# Sends every picture that is put into a folder, and those that are there already, until Ctrl-C. The first folder below
# it says whose picture it is:
#
#   examples/watch.sh inbox      inbox/lab-7/scan.png is one of customer lab-7
#
# Kafka and topic are those of KAFKA_BOOTSTRAP_SERVERS and IMAGE_STREAM_TOPIC.
exec node "$(dirname "$0")/../apps/producer/dist/main.js" "${1:?which folder?}" \
  --watch --recursive --customer-from-path '(?<customer>[^/]+)/' --acks all
