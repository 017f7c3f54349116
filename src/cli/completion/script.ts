import type { VerbFacts } from './command-facts.ts';

/**
 * Scripts for bash and zsh. Verbs, flags and fixed values stand in them, so that most keys need no process; what a server must be asked for
 * comes from `skerry __complete`. Both shells share the tables, which are written in what they have in common.
 */
export function completionScript(shell: 'bash' | 'zsh', facts: readonly VerbFacts[]): string {
  return shell === 'bash' ? `# bash completion of skerry\n${tables(facts)}${BASH}` : `#compdef skerry\n${tables(facts)}${ZSH}`;
}

/** Flags whose values are files or folders. */
const FILE_FLAGS = /^--(?:filename|kubeconfig|data-dir|token-file|config|log-file|from|offline|docker|image)$/;

function tables(facts: readonly VerbFacts[]): string {
  const inner = facts.filter(({ path }) => path.length > 0);
  const files = new Set(
    facts.flatMap(({ flags }) =>
      flags.filter(({ names }) => names.some((name) => FILE_FLAGS.test(name))).flatMap(({ names }) => names),
    ),
  );
  return `
# The verb that these words name, with slashes between its parts.
__skerry_verb() {
  local verb='' word
  for word in "$@"; do
    case "$verb/$word" in
      ${inner.map(({ path }) => `${path.length === 1 ? '' : path.slice(0, -1).join('/')}/${path.at(-1)}`).join(' | ')})
        verb="\${verb:+$verb/}$word" ;;
    esac
  done
  printf '%s' "$verb"
}

# verb, word before, word begun: what can stand here. Fails with 1 where a server knows, with 2 where files do.
__skerry_words() {
  case "$1:$2" in
${facts.flatMap(choicesOf).join('')}  esac
  case "$2" in
    ${files.size === 0 ? "''" : [...files].join(' | ')}) return 2 ;;
    ${ASKED_FLAGS.join(' | ')}) return 1 ;;
  esac
  case "$1" in
${facts.map((verb) => `    ${verb.path.length === 0 ? "''" : verb.path.join('/')}) ${wordsOf(verb)} ;;\n`).join('')}  esac
  return 1
}
`;
}

/** Whose values only a server or the kubeconfig knows. */
const ASKED_FLAGS = ['-n', '--namespace', '--context', '--cluster', '--user', '-c', '--container'];

function choicesOf({ path, flags }: VerbFacts): readonly string[] {
  return flags
    .filter(({ choices, value }) => value && choices.length > 0)
    .map(
      ({ names, choices }) =>
        `    ${names.map((name) => `${path.join('/')}:${name}`).join(' | ')}) printf '%s\\n' ${choices.join(' ')}; return 0 ;;\n`,
    );
}

function wordsOf({ verbs, flags, choices, takesWords }: VerbFacts): string {
  const names = flags.flatMap((flag) => flag.names);
  const dashed = `case "$3" in -*) printf '%s\\n' ${names.join(' ')}; return 0 ;; esac`;
  const words = [...verbs, ...choices];
  if (words.length > 0) return `${dashed}; printf '%s\\n' ${words.join(' ')}; return 0`;
  return takesWords ? `${dashed}; return 1` : `${dashed}; return 0`;
}

const BASH = `
_skerry() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" verb found
  # bash takes an equals sign for a word of its own.
  if [ "$cur" = '=' ]; then cur=''; elif [ "$prev" = '=' ]; then prev="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  verb="$(__skerry_verb "\${COMP_WORDS[@]:1:COMP_CWORD-1}")"
  found="$(__skerry_words "$verb" "$prev" "$cur")"
  case $? in
    1) found="$("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" "$cur" 2>/dev/null)" ;;
    2) compopt -o default 2>/dev/null; COMPREPLY=(); return ;;
  esac
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$found" -- "$cur"))
  if [ "\${#COMPREPLY[@]}" -eq 1 ]; then case "\${COMPREPLY[0]}" in */) compopt -o nospace 2>/dev/null ;; esac; fi
}
complete -F _skerry skerry
`;

const ZSH = `
_skerry() {
  local cur="\${words[CURRENT]}" prev="\${words[CURRENT-1]}" verb found kind
  local -a line
  line=("\${(@)words[2,CURRENT-1]}")
  # zsh takes a flag and its value for one word: what stands before the equals sign is no part of what is completed.
  if [[ "$cur" == -*=* ]]; then
    prev="\${cur%%=*}" cur="\${cur#*=}"
    line+=("$prev")
    compset -P '*='
  fi
  verb="$(__skerry_verb "\${(@)line}")"
  found="$(__skerry_words "$verb" "$prev" "$cur")"
  kind=$?
  if [ "$kind" -eq 2 ]; then _files; return; fi
  if [ "$kind" -eq 1 ]; then found="$("\${words[1]}" __complete -- "\${(@)line}" "$cur" 2>/dev/null)"; fi
  local -a candidates whole open
  candidates=("\${(@f)found}")
  whole=("\${(@)candidates:#*/}")
  open=("\${(M@)candidates:#*/}")
  compadd -- "\${(@)whole:#}"
  compadd -S '' -- "\${(@)open:#}"
}
# Read from a file of the completion path, this is the function itself; read by source, it has to be made known.
if [ "\${funcstack[1]}" = '_skerry' ]; then _skerry "$@"; elif whence compdef >/dev/null; then compdef _skerry skerry; fi
`;
