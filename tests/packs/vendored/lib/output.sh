#!/usr/bin/env bash

header() {
  echo "-----> $*"
}

indent() {
  sed --unbuffered 's/^/       /'
}
