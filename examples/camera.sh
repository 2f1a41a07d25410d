#!/bin/sh
# Sends two pictures a second of what a camera sees, or of any other input of ffmpeg, until Ctrl-C:
#
#   examples/camera.sh -f v4l2 -i /dev/video0                               a camera, on Linux
#   examples/camera.sh -f avfoundation -i 0                                 a camera, on macOS
#   examples/camera.sh -rtsp_transport tcp -i rtsp://camera.example/live    a network camera
#
# Kafka, topic and customer are those of KAFKA_BOOTSTRAP_SERVERS, IMAGE_STREAM_TOPIC and IMAGE_STREAM_CUSTOMER_ID.
ffmpeg -loglevel error "$@" -vf fps=2 -f image2pipe -c:v mjpeg - |
  node "$(dirname "$0")/../apps/producer/dist/main.js" - --customer-id "${IMAGE_STREAM_CUSTOMER_ID:-camera}" --acks all
