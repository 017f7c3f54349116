#!/bin/sh
# Installs Skerry @VERSION@: finds out what machine this is, fetches the program, checks it and lets it install itself.
#
#   curl -sSfL @URL@/install.sh | sh -s - server
#   curl -sSfL @URL@/install.sh | sh -s - agent --server https://HOST:6443 --token-file FILE
#   sh /media/stick/install.sh server --offline /media/stick        # all from a folder, no network
#
# What follows server or agent is for `skerry install`: see `skerry install server --help`. Proxies: the usual variables.
#   SKERRY_URL=…      takes the files from there: the sums in this script hold for them too
#   SKERRY_VERSION=…  takes another version, whose sums only its signature can vouch for: that needs openssl 3, or
#   SKERRY_SHA256=…   the sum of that version's file, from a place you trust
#
# All is between two braces, so that a download of this script that was cut short does nothing: `arch`, of a function's name, is a command too.
{

main() {
  set -eu
  umask 022

  baked_version='@VERSION@'
  baked_url='@URL@'
  # Ed25519; the same that the program itself verifies an upgrade with.
  public_key='@PUBLIC_KEY@'
  lib=/usr/local/lib/skerry
  # Beside where it is to be, not in /tmp: that may be memory, or take no programs. Each run has one of its own: two may be at work at once.
  works=$lib/slots/.install
  work=$works.$$
  free_mb_min=300
  # Of a download from which nothing comes.
  silent_seconds_max=60

  [ "${1:-}" != - ] || shift
  for word in "$@"; do
    case $word in
      -h | --help) usage && exit ;;
    esac
  done
  case ${1:-} in
    server | agent) ;;
    *)
      [ $# = 0 ] || say "'$1' is neither server nor agent"
      usage >&2
      exit 2
      ;;
  esac
  offline=$(offline_folder "$@")
  [ "$(id -u)" = 0 ] || fail 'root is needed: it puts files into /usr/local and /etc, and starts a service. With sudo: … | sudo sh -s - …'

  arch=$(architecture)
  check_libc

  version=${SKERRY_VERSION:-$baked_version}
  case $version in
    .* | *[!0-9A-Za-z.+-]*) fail "SKERRY_VERSION=$version is no version: use one like $baked_version" ;;
  esac
  installed=$(readlink "$lib/current" 2>/dev/null || true)
  installed=${installed##*/}
  [ -n "$installed" ] && [ -x "$lib/current/skerry" ] || installed=
  # A line that is run again after an upgrade asks for other flags, and not for the version that it once came with.
  if [ -z "${SKERRY_VERSION:-}" ] && [ -n "$installed" ] && is_after "$installed" "$version"; then
    say "version $installed is installed here, which is newer than $version: going on with it"
    "$lib/current/skerry" install "$@" </dev/null
    return
  fi
  [ "$version" != "$baked_version" ] || check_flags "$@"
  [ "$1" != agent ] || check_join "$@"
  url=$(base_url)
  file=skerry-$version-linux-$arch.gz
  slot=$lib/slots/$version/skerry

  sweep
  # The way from one version to another is the upgrade's: it verifies, tries the new one out and goes back if it does not work.
  if [ -n "$installed" ] && [ "$installed" != "$version" ]; then
    say "version $installed is installed here: taking $version with skerry upgrade"
    "$lib/current/skerry" upgrade --from "${offline:-$url}" --version "$version" </dev/null
    "$lib/current/skerry" install "$@" </dev/null
    return
  fi

  if is_there_already; then
    say "version $version is here already: nothing to download"
    "$slot" install "$@" </dev/null
    return
  fi

  mkdir -p "$work" || fail "can not make $work: is /usr/local writable?"
  # What fails at once leaves no empty folders either.
  trap 'rm -rf "$work"; rmdir "$lib/slots" "$lib" 2>/dev/null || true' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  check_room

  fetch "$file"
  check_download
  gzip -dc "$work/$file" >"$work/skerry" || fail "can not unpack $file into $work: is the disk full?"
  rm -f "$work/$file"
  chmod 755 "$work/skerry"
  "$work/skerry" install "$@" </dev/null
}

usage() {
  cat <<END
usage: install.sh server [flags]
       install.sh agent --server URL --token-file FILE [flags]
       with --offline DIR all comes from that folder

flags of server: $(flags_of server)
flags of agent: $(flags_of agent)
What they mean is told by skerry install server|agent --help, once it is installed.
END
}

# What `skerry install` takes; of this version.
flags_of() {
  case $1 in
    server) printf '%s' '@FLAGS_SERVER@' ;;
    agent) printf '%s' '@FLAGS_AGENT@' ;;
  esac
}

# A slip of the pen is better told before the download than after it.
check_flags() {
  known=$(flags_of "$1")
  for word in "$@"; do
    case $word in --?*) ;; *) continue ;; esac
    case " $known " in
      *" ${word%%=*} "*) ;;
      *)
        misuse "$1 has no flag ${word%%=*}; it has: $known"
        ;;
    esac
  done
}

# What `skerry install` would say after the download. Where a node's settings or its data are, they may say the rest.
check_join() {
  server=$(value_of --server "$@")
  server=${server:-${SKERRY_SERVER:-}}
  case $server in
    '' | https://?*) ;;
    *) misuse "option '--server <url>' argument '$server' is invalid. Use an https URL, like https://server.example:6443." ;;
  esac
  token=$(value_of --token "$@")
  path=$(value_of --token-file "$@")
  [ -n "$token$path" ] || { token=${SKERRY_TOKEN:-} path=${SKERRY_TOKEN_FILE:-}; }
  if [ -n "$path" ]; then
    [ -e "$path" ] || misuse "read the token file $path: it is not there; write a token to it (made with \`skerry token create\` on the server), mode 0600"
    [ ! -d "$path" ] || misuse "read the token file $path: it is a folder"
    token=skr1...
    # What is neither, such as a pipe, gives it only once.
    [ ! -f "$path" ] || token=$(cat "$path") || misuse "read the token file $path: it can not be read"
    token=${token:-nothing}
  fi
  case $token in
    '' | *skr1.*.*.*) ;;
    *) misuse "read the join token: it does not look like skr1.<hash>.<id>.<secret>; make one with \`skerry token create\`" ;;
  esac
  case "$* " in *' --image'[=\ ]* | *' --data-dir'[=\ ]*) return ;; esac
  [ ! -e /etc/skerry/config.yaml ] && [ ! -e /var/lib/skerry/agent ] || return 0
  lacks=
  [ -n "$server" ] || lacks='--server URL'
  [ -n "$token$path" ] || lacks="${lacks:+$lacks and }--token-file FILE"
  [ -z "$lacks" ] || misuse "install the agent: to join a cluster it needs $lacks (make a token with \`skerry token create\` on the server)"
}

# Whether $1 is newer than $2 by its numbers, or as the release that $2 led to; what else tells versions apart is the upgrade's to know.
is_after() {
  printf '%s %s\n' "$1" "$2" | awk '{
    split($1, a, /[.+-]/)
    split($2, b, /[.+-]/)
    for (i = 1; i <= 3; i++) if (a[i] + 0 != b[i] + 0) exit !(a[i] + 0 > b[i] + 0)
    exit !($1 !~ /-/ && $2 ~ /-/)
  }'
}

# What earlier runs left when they were cut off: of processes that are no more.
sweep() {
  for left in "$works".*; do
    if [ "$left" = "$work" ] || ! kill -0 "${left##*.}" 2>/dev/null; then rm -rf "$left"; fi
  done
}

say() {
  printf 'skerry: %s\n' "$*" >&2
}

fail() {
  say "$*"
  exit 1
}

misuse() {
  say "$*"
  exit 2
}

# The last value of the flag $1 among the other arguments, which are otherwise for `skerry install`.
value_of() {
  flag=$1 value=
  while [ $# -gt 1 ]; do
    shift
    case $1 in
      "$flag") value=${2:-} ;;
      "$flag="*) value=${1#*=} ;;
    esac
  done
  printf '%s' "$value"
}

offline_folder() {
  folder=$(value_of --offline "$@")
  if [ -z "$folder" ]; then
    case "$* " in *' --offline'[=\ ]*) fail '--offline needs a folder' ;; esac
    return
  fi
  [ -d "$folder" ] || fail "--offline $folder: there is no such folder"
  printf '%s' "$folder"
}

architecture() {
  machine=$(uname -m)
  case $machine in
    x86_64 | amd64) found=x64 ;;
    aarch64 | arm64) found=arm64 ;;
    arm*) fail "this machine is 32-bit ARM ($machine): Skerry needs a 64-bit one, as no supported Node runs on it" ;;
    *) fail "this machine is $machine: Skerry runs on x86_64 and aarch64" ;;
  esac
  # A 64-bit kernel may carry a 32-bit system, as Raspberry Pi OS does: what programs are is told by the fifth byte of one.
  bits=$(dd if=/bin/sh bs=1 skip=4 count=1 2>/dev/null | tr '\001\002' '12')
  [ "$bits" != 1 ] || fail "the kernel is 64-bit ($machine), but the system on it is 32-bit: install the 64-bit edition of the system"
  printf '%s' "$found"
}

check_libc() {
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || true)
  [ -n "$libc" ] || libc=$(ldd --version 2>/dev/null | sed -n '1s/^ldd (.*\(GLIBC\|GNU libc\).*) /glibc /p' || true)
  case $libc in
    'glibc '*) ;;
    *)
      for loader in /lib/ld-musl-*; do
        [ ! -e "$loader" ] || fail 'this system is built on musl, as Alpine is: Skerry needs glibc 2.31 or newer (Debian 11, Ubuntu 20.04, Raspberry Pi OS, Fedora, …)'
      done
      say 'the version of the C library could not be found out: going on'
      return
      ;;
  esac
  libc=${libc#glibc }
  major=${libc%%.*}
  minor=${libc#*.}
  minor=${minor%%[!0-9]*}
  if [ "$major" -lt 2 ] || { [ "$major" -eq 2 ] && [ "$minor" -lt 31 ]; }; then
    fail "this system has glibc $libc: Skerry needs 2.31 or newer (Debian 11, Ubuntu 20.04, Raspberry Pi OS of 2021)"
  fi
}

# Where another version is asked for, a place that is named after this one is taken to have a neighbour.
base_url() {
  if [ -n "${SKERRY_URL:-}" ]; then
    printf '%s' "${SKERRY_URL%/}"
  elif [ "$version" = "$baked_version" ]; then
    printf '%s' "$baked_url"
  else
    printf '%s' "$baked_url" | sed "s/$(printf '%s' "$baked_version" | sed 's/\./\\./g')/$version/"
  fi
}

# The sum that stands here for this architecture: of the download, or of the program in it.
baked_sum() {
  case $1-$arch in
    packed-x64) printf '%s' '@SHA256_X64@' ;;
    packed-arm64) printf '%s' '@SHA256_ARM64@' ;;
    program-x64) printf '%s' '@SHA256_PROGRAM_X64@' ;;
    program-arm64) printf '%s' '@SHA256_PROGRAM_ARM64@' ;;
  esac
}

sum_of() {
  sum=$(sha256sum "$1") || fail "can not read $1"
  printf '%s' "${sum%% *}"
}

is_there_already() {
  [ "$version" = "$baked_version" ] && [ -x "$slot" ] && [ "$(sum_of "$slot")" = "$(baked_sum program)" ]
}

check_room() {
  free_kb=$(df -Pk "$work" | awk 'NR == 2 { print $4 }')
  [ "$free_kb" -ge $((free_mb_min * 1024)) ] ||
    fail "$lib has $((free_kb / 1024)) MB free, and $free_mb_min MB are needed: make room and run this again"
}

# fetch NAME: from the place of the release into the work folder. From a stick too: what is checked has to be what is used.
fetch() {
  if [ -n "$offline" ]; then
    [ -f "$offline/$1" ] || fail "there is no $1 in $offline: nothing was installed. Copy the whole release there"
    cp "$offline/$1" "$work/$1" || fail "can not copy $offline/$1 to $work: is the stick damaged, or the disk full?"
    return
  fi
  say "downloading $url/$1"
  if command -v curl >/dev/null; then
    if [ -t 2 ]; then look=-#; else look=-sS; fi
    curl -fL "$look" --connect-timeout 20 --speed-limit 1 --speed-time $silent_seconds_max --retry 3 --retry-delay 2 -o "$work/$1" "$url/$1" || fail "can not download $url/$1"
  elif command -v wget >/dev/null; then
    # Not each busybox is built with -T: Debian's dies of it.
    patience=
    case $(wget --help 2>&1) in *' -T'*) patience="-T $silent_seconds_max -t 4" ;; esac
    # shellcheck disable=SC2086
    wget -q $patience -O "$work/$1" "$url/$1" || fail "can not download $url/$1"
  else
    fail 'neither curl nor wget is here to download with: install one, or bring the files on a stick and use --offline DIR'
  fi
}

check_download() {
  say "checking $file"
  is=$(sum_of "$work/$file")
  if [ "$version" = "$baked_version" ]; then
    [ "$is" = "$(baked_sum packed)" ] || wrong_sum "$is" "$(baked_sum packed)"
    if can_verify; then
      check_signature
    else
      say 'checked by its sum; not by its signature, as there is no openssl 3 here'
    fi
  elif [ -n "${SKERRY_SHA256:-}" ]; then
    [ "$is" = "$SKERRY_SHA256" ] || wrong_sum "$is" "$SKERRY_SHA256"
  elif can_verify; then
    check_signature
  else
    fail "this script carries the sums of $baked_version only, and there is no openssl 3 here to verify the signature of $version with: use the install.sh of $version, install openssl, or give the sum of $file as SKERRY_SHA256"
  fi
}

wrong_sum() {
  fail "$file is not what it should be (its SHA-256 is $1, not $2): nothing was installed. Was it cut short, or changed on its way? Run this again"
}

can_verify() {
  case $(openssl version 2>/dev/null || true) in
    'OpenSSL '[3-9]* | 'OpenSSL '[1-9][0-9]*) return 0 ;;
    *) return 1 ;;
  esac
}

# The signature is over all sums of a release, and those name version and architecture.
check_signature() {
  sums=$work/SHA256SUMS
  fetch SHA256SUMS
  fetch SHA256SUMS.sig
  printf '%s\n' "$public_key" >"$work/key.pem"
  openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin -in "$sums" -sigfile "$sums.sig" >/dev/null 2>&1 ||
    fail 'the signature of SHA256SUMS is not good: nothing was installed. These are not the files of a release, or they were changed'
  signed=$(awk -v name="$file" '$2 == name { print $1 }' "$sums")
  [ -n "$signed" ] || fail "SHA256SUMS names no $file: is version $version at $url?"
  [ "$is" = "$signed" ] || wrong_sum "$is" "$signed"
  say 'sum and signature are good'
}

main "$@"

}
