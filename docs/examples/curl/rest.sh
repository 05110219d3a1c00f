#!/bin/sh
# The REST API from a shell, with curl and openssl: sign, read, write once, page, be refused. Copy it.
#
# sh docs/examples/curl/rest.sh        the walk of docs/api.md, at OMNIAXS_URL with OMNIAXS_API_KEY and OMNIAXS_API_SECRET
# sh docs/examples/curl/rest.sh sign SECRET TIMESTAMP METHOD TARGET IDEMPOTENCY_KEY BODY        one signature
set -eu

# sign SECRET TIMESTAMP METHOD TARGET KEY BODY: hex HMAC-SHA256 over six lines; TARGET is path and query exactly as they are sent.
sign() {
  path=${4%%\?*} query=
  case $4 in *\?*) query=${4#*\?} ;; esac
  hash=$(printf %s "$6" | openssl dgst -sha256 | sed 's/.* //')
  printf '%s\n%s\n%s\n%s\n%s\n%s' "$2" "$3" "$path" "$query" "$5" "$hash" | openssl dgst -sha256 -hmac "$1" | sed 's/.* //'
}

# send METHOD TARGET [KEY BODY]: one signed request; its headers go to $headers, its JSON to $answer.
send() {
  timestamp=$(($(date +%s) * 1000))
  set -- "$1" "$2" "${3:-}" "${4:-}" --header "X-PM-API-KEY: $OMNIAXS_API_KEY" --header "X-PM-TIMESTAMP: $timestamp" \
    --header "X-PM-SIGNATURE: $(sign "$OMNIAXS_API_SECRET" "$timestamp" "$1" "$2" "${3:-}" "${4:-}")"
  [ -z "$4" ] || set -- "$@" --header "Content-Type: application/json" --header "Idempotency-Key: $3" --data-binary "$4"
  method=$1 target=$2
  shift 4
  answer=$(curl --silent --max-time 10 --dump-header "$headers" --request "$method" "$@" "$OMNIAXS_URL$target")
}

# call METHOD TARGET [BODY]: whatever may pass is tried again: the same bytes under the same key, so a write happens once.
call() {
  key=${3:+$(openssl rand -hex 16)} tried=0
  while [ $((tried += 1)) -le 10 ]; do
    if send "$1" "$2" "$key" "${3:-}"; then
      case $answer in
        *'"success":true'*) return 0 ;;
        *'"retryable":false'*) return 1 ;;
      esac
      echo "again: $(field code)"
      wait=$(header retry-after)
    else # no answer: as unknown as order.outcome_unknown
      echo "again: curl $?"
      wait=
    fi
    sleep "${wait:-0.5}"
  done
  echo "$1 $2: not known after 10 tries; ask again under the key $key" >&2
  return 1
}

# field NAME: the last text of that name in $answer; header NAME: of the answer's headers.
field() { printf %s "$answer" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
header() { tr -d '\r' <"$headers" | sed -n "s/^$1: //Ip"; }

# What docs/api.md shows, step by step.
walk() {
  call GET '/v1/quotes?symbols=BTCUSDT.BINANCE'
  echo "quote: $(field symbol) $(field bid) $(field ask)"
  echo "limit: $(header x-ratelimit-remaining) of $(header x-ratelimit-limit) left"

  order='"symbol":"ETHUSDT.BINANCE","side":"buy","type":"market","quantity":"0.5"'
  call POST /v1/orders "{$order}"
  [ -z "$(header idempotency-replayed)" ] && told='told at once' || told='told again'
  echo "order: $(field order_id) $told"

  markets=0 token=
  while :; do
    call GET "/v1/markets?page_size=20${token:+&page_token=$token}"
    markets=$((markets + $(printf %s "$answer" | grep -o '"tick_size"' | wc -l)))
    token=$(field next_page_token)
    [ -n "$token" ] || break
  done
  echo "markets: $markets"

  call POST /v1/orders "{$order,\"reduce_onIy\":true}" || echo "refused: $(field code) $(field name)"
}

if [ "${1:-}" = sign ]; then
  shift
  sign "$@"
else
  headers=$(mktemp)
  trap 'rm -f "$headers"' EXIT
  walk
fi
