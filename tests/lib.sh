# What the measuring scripts share: a store and a gateway of the release build, each in a process of
# its own, and what is left behind when the script ends: nothing. Linux only.
# shellcheck shell=bash disable=SC2034

cargo build --release --quiet
program=$PWD/target/release/oss-ftp
work=$(mktemp -d)
store= gateway=
login=demo/demo:demo-secret

stop() { # ends both, if they run
    for process in $gateway $store; do
        kill "$process" 2>/dev/null || true
        wait "$process" || true
    done
    store= gateway=
}

finish() {
    stop
    rm -rf "$work"
}
trap finish EXIT

ready() { # ready FILE PATTERN: what the pattern's group matches in the program's first line
    for _ in $(seq 1200); do
        if grep -q "$2" "$1"; then sed -n "s/.*$2.*/\1/p" "$1" | head -1; return; fi
        sleep 0.05
    done
    echo "$0: not ready:" >&2
    cat "$1" >&2
    exit 1
}

start_store() { # start_store FLAGS...: sets $store and $address
    rm -rf "$work/store" "$work/store.log"
    "$program" dev-store --listen 127.0.0.1:0 --dir "$work/store" --log "$work/store.log" \
        --access-key-id demo --access-key-secret demo-secret --bucket demo "$@" \
        >"$work/store.out" 2>&1 &
    store=$!
    address=$(ready "$work/store.out" 'http:\/\/\([0-9.:]*\)')
}

start_gateway() { # start_gateway FLAGS...: sets $gateway and $ftp
    "$program" serve --port 0 --endpoint "http://$address" --region cn-hangzhou \
        --loglevel warning "$@" >"$work/gateway.out" 2>&1 &
    gateway=$!
    ftp=ftp://$(ready "$work/gateway.out" 'FTP on \([0-9.:]*\)')
}

now() { date +%s.%N; }

since() { # since START: seconds
    awk -v start="$1" -v now="$(now)" 'BEGIN { printf "%.2f", now - start }'
}

peak() { awk '/^VmHWM/ { printf "%d", $2 / 1024 }' "/proc/$gateway/status"; }
