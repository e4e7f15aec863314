#!/usr/bin/env bash

# export_env_dir <env-dir> <allowed> : config vars of these names, as devcenter shows it
export_env_dir() {
  local env_dir=$1
  local allowed=${2:-''}
  local denied=${3:-'^(PATH|GIT_DIR|CPATH|CPPATH|LD_PRELOAD|LIBRARY_PATH)$'}
  if [ -d "$env_dir" ]; then
    for e in $(ls "$env_dir"); do
      echo "$e" | grep -E "$allowed" | grep -qvE "$denied" &&
        export "$e=$(cat "$env_dir/$e")"
      :
    done
  fi
}
