import type { Command } from 'commander';

/** The places that a flag's value comes from, the strongest first, by commander's names for them. */
const SOURCES: readonly unknown[] = ['cli', 'env', 'config', 'default'];

/** Of two options that exclude each other: true where the first was given in a stronger place than the second. */
export function isStronger(command: Command, one: string, other: string): boolean {
  const rank = (name: string) => {
    const at = SOURCES.indexOf(command.getOptionValueSource(name));
    return at < 0 ? SOURCES.length : at;
  };
  return rank(one) < rank(other);
}
