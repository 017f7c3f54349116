import type { Component } from './components.ts';

/** The licences of everything inside, as one text: who shares a text with others is listed above it. */
export function licences(own: string, components: readonly Component[]): string {
  const byText = new Map<string, string[]>();
  for (const { name, version, license, text } of components) {
    const words = text ?? 'Part of Node: see its licence above or below.';
    byText.set(words, [...(byText.get(words) ?? []), `${name} ${version} (${license})`]);
  }
  const parts = [...byText].map(([words, names]) => `${names.join('\n')}\n\n${words.trim()}\n`);
  return [`${own.trim()}\n`, ...parts].join(`\n${'='.repeat(100)}\n\n`);
}
