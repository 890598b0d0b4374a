# Stops the private server once no program uses its data folder any more, also
# when the last one was killed. $1: PGDATA, $2: seconds to linger.
# Descriptors: 3 users lock, 4 watch lock (held), 5 server lock.
# Its own children get none but what they need: one that outlives a killed
# watchdog must not seem to be one.
exec </dev/null >/dev/null 2>&1
while :; do
    flock -x 3 4>&- 5>&-
    [ "$2" -gt 0 ] || break
    flock -u 3 4>&- 5>&-
    sleep "$2" 3>&- 4>&- 5>&-
    flock -n -x 3 4>&- 5>&- && break
done
# A free server lock means that ours is gone already; whatever postmaster.pid
# names then was started by someone else. And process numbers are used again:
# the process must work in our folder.
if ! flock -n -x 5 3>&- 4>&-; then
    pid=$(head -n 1 "$1/postmaster.pid")
    if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$1" ]; then
        kill -INT "$pid"
        flock -w 60 -x 5 3>&- 4>&-
    fi
fi
# First the watch lock, then the users lock: who finds the users lock free must
# not mistake this watchdog for one that still watches.
exec 4>&-
exec 3>&-
