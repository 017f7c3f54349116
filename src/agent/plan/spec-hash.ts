import type { Container } from '#api/generated/types.ts';
import { canonicalText } from '#api/link/canonical-text.ts';

/**
 * Which container this is, so that a later release, or a restart, finds that nothing changed. Version 1 covers the fields of the item as
 * received that the API lets a user change in place: name and image (as upstream's kubelet hashes). Everything else of a pod is fixed for the life of its
 * uid. Never what this release renders or defaults. A hash of a version this release does not know says nothing: it adopts.
 */
export const HASH_VERSION = 1;

const FIELDS_BY_VERSION: Readonly<Record<number, readonly (keyof Container)[]>> = { 1: ['name', 'image'] };

/** `1:9f86d081884c7d65`. */
export function specHash(container: Container, version: number = HASH_VERSION): string {
  const fields = FIELDS_BY_VERSION[version] ?? [];
  return `${version}:${digest(canonicalText(fields.map((field) => [field, container[field] ?? null])))}`;
}

/** True only where the hash is of a version we know and differs. */
export function isChanged(container: Container, hash: string): boolean {
  const version = Number(hash.slice(0, hash.indexOf(':')));
  return version in FIELDS_BY_VERSION && specHash(container, version) !== hash;
}

/** 64 bits by two 32-bit FNV-1a runs of different starts: tells changes apart, guards against nobody. */
export function digest(text: string): string {
  return [0x811c9dc5, 0x050c5d1f].map((start) => fnv1a(text, start).toString(16).padStart(8, '0')).join('');
}

function fnv1a(text: string, start: number): number {
  let hash = start;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    hash = Math.imul(hash ^ (code & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (code >>> 8) ^ start, 0x01000193);
  }
  return hash >>> 0;
}
