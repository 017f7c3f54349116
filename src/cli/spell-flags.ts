import type { Command, Option } from 'commander';

/**
 * The spellings of flags that users of kubectl know and commander does not, as those that it does: `-n=web`, `-A=true`, `--watch=false`, `-Al=a=b`, and a
 * bare `--wait` before a word. What is no flag, or makes no sense, stays as it was typed, for commander to complain of.
 */
export function spellFlags(argv: readonly string[], root: Command): readonly string[] {
  const spelt: Spelt[] = [];
  let command = root;
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') {
      spelt.push({ words: [word, ...words] });
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      spelt.push({ words: [word] });
      command = command.commands.find((one) => one.name() === word) ?? command;
      continue;
    }
    for (const flag of flagsIn(word, command)) {
      const { option, value } = flag;
      if (option === undefined) spelt.push({ words: [flag.word] });
      else if (option.required) {
        const given = value ?? words.shift();
        spelt.push({ option, words: given === undefined ? [nameOf(option)] : [nameOf(option), given] });
      } else if (option.optional)
        // Sound: what stands for the value that is left away is a text, as each value is.
        spelt.push({ option, words: [`${nameOf(option)}=${value ?? (option.presetArg as string)}`] });
      else if (value === undefined || TRUE.has(value)) spelt.push({ option, words: [nameOf(option)] });
      else if (FALSE.has(value)) drop(spelt, option);
      else spelt.push({ words: [word] });
    }
  }
  return spelt.flatMap((one) => one.words);
}

/** `-n web get pods` as `get -n web pods`. `flags`: those that may stand before a verb, each of which takes a value. */
export function verbFirst(argv: readonly string[], flags: Command): readonly string[] {
  let at = 0;
  for (let word = argv[at]; word?.startsWith('-') === true; word = argv[at]) {
    const [flag] = flagsIn(word, flags);
    if (flag?.option === undefined) return argv;
    at += flag.value === undefined ? 2 : 1;
  }
  return [...argv.slice(at, at + 1), ...argv.slice(0, at), ...argv.slice(at + 1)];
}

type Spelt = { readonly option?: Option; readonly words: readonly string[] };
type Flag = { readonly option: Option | undefined; readonly value?: string; readonly word: string };

/** As Go's strconv.ParseBool. */
const TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

const nameOf = ({ long, short }: Option): string => long ?? short ?? '';

function flagsIn(word: string, command: Command): readonly Flag[] {
  return word.startsWith('--') ? [longFlag(word, command)] : shortFlags(word, command);
}

function longFlag(word: string, command: Command): Flag {
  const at = word.indexOf('=');
  const option = optionOf(command, at < 0 ? word : word.slice(0, at));
  return { option, word, ...(at < 0 ? {} : { value: word.slice(at + 1) }) };
}

/** `-wA`, `-wA=true`, `-wlapp=web`: letters, of which the first that takes a value ends them. */
function shortFlags(word: string, command: Command): readonly Flag[] {
  const flags: Flag[] = [];
  for (let at = 1; at < word.length; at += 1) {
    const option = optionOf(command, `-${word[at]}`);
    const rest = word.slice(at + 1);
    const hasValue = rest.startsWith('=') && rest.length > 1;
    if (option === undefined) return [...flags, { option, word: `-${word.slice(at)}` }];
    if (hasValue) return [...flags, { option, word, value: rest.slice(1) }];
    if (option.required) return [...flags, { option, word, ...(rest === '' ? {} : { value: rest }) }];
    flags.push({ option, word });
  }
  return flags;
}

function optionOf(command: Command, name: string): Option | undefined {
  return command.options.find(({ long, short }) => long === name || short === name);
}

/** The last word on a switch is said: those before it do not count. */
function drop(spelt: Spelt[], option: Option): void {
  for (const [at, one] of [...spelt.entries()].toReversed()) if (one.option === option) spelt.splice(at, 1);
}
