/**
 * The short name of a template's content, for names and labels (pod-template-hash, controller-revision-hash): FNV-1a of its canonical
 * JSON, in the alphabet without vowels that upstream uses. Equal templates have equal hashes whatever order their fields came in.
 */
import { canonicalText } from '#api/link/canonical-text.ts';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** `collisions` counts how often another template was found to have the same hash. */
export function templateHash(template: unknown, collisions = 0): string {
  return safeText(String(fnv1a(canonicalText(template) + (collisions === 0 ? '' : `#${collisions}`))));
}

/** Over UTF-16 code units, both bytes of each. */
export function fnv1a(text: string): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    hash = Math.imul(hash ^ (unit & 0xff), FNV_PRIME);
    hash = Math.imul(hash ^ (unit >> 8), FNV_PRIME);
  }
  return hash >>> 0;
}

function safeText(text: string): string {
  return Array.from(text, (character) => ALPHABET[character.charCodeAt(0) % ALPHABET.length]).join('');
}
