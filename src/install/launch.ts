import { TRIAL_SECONDS_UNSAID, TRIAL_STARTS_MAX } from './trial.ts';

/**
 * In MB. An agent under load keeps half the memory that Node's own size would let it have; a server needs that for its throughput. V8 lets garbage grow by the more, the more
 * there is to have: by 30 % up to 256 MB, fourfold where the limit is of gigabytes. In the unit MemoryHigh says as much, elsewhere nothing would. One arena of malloc for all
 * threads: 1.4 MB less. What whoever starts it says goes before all of it.
 */
export const AGENT_HEAP = '--node-options=--max-semi-space-size=2 --max-old-space-size=256';

/**
 * What starts an installed skerry: a POSIX sh script outside the slots, so that no broken release can break the way back to the one before.
 * It needs nothing of a release, only sh and what coreutils or busybox bring; it is replaced only by a release that has proved itself.
 *
 * Its rules: a start on trial is counted, on the disk, before it is made; after TRIAL_STARTS_MAX of them, or past the deadline of this
 * boot, `current` goes back; a guard ends a process that is past the deadline and still not healthy; whatever its files hold, it starts a slot
 * that is there. Each of its writes is done again by the next start if the power goes in between: the reason, then the link, then the end of the trial.
 */
export const LAUNCH_SCRIPT = `#!/bin/sh
# Starts the release of skerry that is due: launch server|agent [flags]. Made by skerry, and replaced by its upgrades: do not edit.
# A release on trial (the file trial.<mode> beside this one) has ${TRIAL_STARTS_MAX} starts and a deadline to become healthy, else the one before it comes back.

say() { echo "skerry launch: $*" >&2; }

PATH=\${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
mode=\${1:-}
case $mode in
server | agent) ;;
*)
  say "usage: launch server|agent [flags]"
  exit 2
  ;;
esac
lib=$(cd "$(dirname "$0")" && pwd -P) || exit 1
slots=$lib/slots
trial=$lib/trial.$mode

is_name() { case $1 in '' | .* | *[!0-9A-Za-z.+-]*) return 1 ;; esac }
# Of at most eight digits and with no zero in front, so that arithmetic takes it.
is_number() { case $1 in '' | *[!0-9]* | 0?* | ?????????*) return 1 ;; esac }
runs() { is_name "$1" && [ -f "$slots/$1/skerry" ] && [ -s "$slots/$1/skerry" ] && [ -x "$slots/$1/skerry" ]; }
durable() { sync "$1" 2>/dev/null || sync; }

# The last of the slots that can be run, but for $1.
other_than() {
  found=
  for folder in "$slots"/*/; do
    folder=\${folder%/}
    name=\${folder##*/}
    if [ "$name" != "$1" ] && runs "$name"; then found=$name; fi
  done
  echo "$found"
}

# What comes in becomes the file $1, whole or not at all.
keep() { cat >"$1.new" && durable "$1.new" && mv -f "$1.new" "$1" && durable "$lib"; }

switch_to() {
  rm -f "$lib/current.new"
  ln -s "slots/$1" "$lib/current.new" || return 1
  # Without -T, which not every mv has, it would be moved into the folder that the old link names.
  mv -fT "$lib/current.new" "$lib/current" 2>/dev/null || { rm -f "$lib/current" && mv -f "$lib/current.new" "$lib/current"; }
  durable "$lib"
}

# A suspend counts, too: sh has no clock without it that can be relied on. At worst a good release goes back once.
seconds_up() {
  read -r up _ </proc/uptime
  up=\${up%%.*}
  if is_number "$up"; then echo "$up"; else echo 0; fi
}

read_trial() {
  to='' back='' limit='' starts='' boot='' until='' others=''
  while IFS='=' read -r key value || [ -n "$key" ]; do
    case $key in
    to) to=$value ;;
    back) back=$value ;;
    limit) limit=$value ;;
    starts) starts=$value ;;
    boot) boot=$value ;;
    until) until=$value ;;
    [a-z]*) others="$others$key=$value
" ;;
    esac
  done <"$trial"
  # What a damaged file does not say is made up from what is there.
  is_name "$to" || to=$named
  if ! runs "$back" || [ "$back" = "$to" ]; then back=$(other_than "$to"); fi
  is_number "$limit" || limit=${TRIAL_SECONDS_UNSAID}
  is_number "$starts" || starts=0
  is_number "$until" || boot=
}

count_start() {
  starts=$((starts + 1))
  printf 'to=%s\\nback=%s\\nlimit=%s\\nstarts=%s\\nboot=%s\\nuntil=%s\\n%s' \\
    "$to" "$back" "$limit" "$starts" "$boot" "$until" "$others" | keep "$trial"
}

go_back() {
  say "$to is taken back, $back is started: $1"
  run=$back
  printf 'to=%s\\nback=%s\\nmode=%s\\nwhy=%s\\n' "$to" "$back" "$mode" "$1" | keep "$lib/gone-back"
  if switch_to "$back"; then
    # Nothing is ever to go back to it; and it takes the room of one.
    rm -rf "\${slots:?}/\${to:?}"
    rm -f "$trial"
    durable "$lib"
  else
    say "that could not be written down in $lib"
  fi
}

# Whether the process $1 is still the one that was started here: its number may be another's by now.
is_ours() {
  case $(tr '\\000' ' ' 2>/dev/null <"/proc/$1/cmdline") in
  *"$slots/$to/skerry $mode"*) ;;
  *) return 1 ;;
  esac
}

# Ends the process $1 if this start's trial is still on when its time is over; then there is a next start, and that goes back.
guard() {
  while sleep 2 && is_ours "$1" && grep -qx "starts=$starts" "$trial" 2>/dev/null && grep -qx "to=$to" "$trial"; do
    if [ "$(seconds_up)" -ge "$until" ]; then
      say "$to did not become healthy within $limit s: it is ended"
      kill -KILL "$1"
    fi
  done
}

named=$(readlink "$lib/current")
named=\${named##*/}
run=$named
if [ -f "$trial" ]; then
  read_trial
  this_boot=
  read -r this_boot </proc/sys/kernel/random/boot_id
  if [ "$to" = "$named" ] && [ -n "$back" ]; then
    now=$(seconds_up)
    if [ "$boot" != "$this_boot" ]; then
      boot=$this_boot
      until=$((now + limit))
    fi
    if ! runs "$to"; then
      go_back "its executable is not there"
    elif [ "$starts" -ge ${TRIAL_STARTS_MAX} ]; then
      go_back "it was started $starts times and did not become healthy"
    elif [ "$now" -ge "$until" ]; then
      go_back "it did not become healthy within $limit s"
    elif ! count_start; then
      go_back "its start could not be counted in $trial"
    else
      # Twice in the background: it is nobody's child then, whose end nobody would take note of.
      (
        (
          exec </dev/null >/dev/null
          guard $$
        ) &
      )
    fi
  fi
fi
if ! runs "$run"; then
  say "the current release, \${run:-none}, can not be run"
  # Not the one on trial, if there is one: its starts are not counted here, so that nothing would take it back.
  if [ -f "$trial" ] && runs "$back"; then run=$back; else run=$(other_than "$run"); fi
fi
if [ -z "$run" ]; then
  say "there is no release in $slots: install skerry anew"
  exit 1
fi
# An agent lives on little, by whatever it is started.
if [ "$mode" = agent ]; then
  shift
  set -- agent '${AGENT_HEAP}' "$@"
  export MALLOC_ARENA_MAX="\${MALLOC_ARENA_MAX:-1}"
fi
exec "$slots/$run/skerry" "$@"
`;
