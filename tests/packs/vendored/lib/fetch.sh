#!/usr/bin/env bash

# fetch <url> <file>
fetch() {
  curl --fail --location --silent --show-error \
    --retry 3 --retry-connrefused --connect-timeout "${CURL_CONNECT_TIMEOUT:-10}" \
    --max-time "${CURL_TIMEOUT:-60}" --output "$2" "$1"
}
