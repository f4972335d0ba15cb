#!/bin/sh
# Talks to a Parley server with curl: URL is the API, TOKEN the token of a user.
# Usage: curl.sh post OPERATION | follow OPERATION | upload OPERATION FILE; an operation is JSON with `query` and `variables`.
set -eu

# snippet: post
post() {
  curl -sS "$URL" ${TOKEN:+-H "Authorization: Bearer $TOKEN"} -H 'Content-Type: application/json' --data-raw "$1"
}
# end

# snippet: follow
# Prints each event as a line `data: …`. Connect again with the highest `position` as `after`.
follow() {
  exec curl -sSN "$URL" ${TOKEN:+-H "Authorization: Bearer $TOKEN"} -H 'Content-Type: application/json' \
    -H 'Accept: text/event-stream' --data-raw "$1"
}
# end

# snippet: upload
# The operation has a variable `file`, which is null.
upload() {
  curl -sS "$URL" -H "Authorization: Bearer $TOKEN" -F operations="$1" -F map='{"0":["variables.file"]}' -F 0=@"$2"
}
# end

"$@"
