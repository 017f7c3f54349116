import { getCACertificates } from 'node:tls';

/** Whom a stranger's certificate may come from, PEM. Node's own too: a machine that has none may still be told from where to upgrade. */
export function authorities(): string[] {
  return [...new Set((['bundled', 'extra', 'system'] as const).flatMap((from) => getCACertificates(from)))];
}
