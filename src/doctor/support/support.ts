import { gzipSync } from 'node:zlib';
import { explain } from '#lib/error.ts';
import { rfc3339 } from '#lib/time.ts';
import { writeTar } from '#lib/tar.ts';
import { PARTS, type Gathered, type Part, type SupportScene } from './parts.ts';
import { scrubLeaves, scrubber, type Scrub } from './scrub.ts';

/**
 * Packs what somebody who helps needs to see into one archive, secrets left out. Every part has a limit in time and size; one that fails is
 * a line in errors.txt, never the end. Everything is gathered before anything is written, since any part may know of a secret that another shows.
 */
export type SupportFile = {
  readonly archive: Uint8Array;
  readonly contents: readonly { readonly file: string; readonly about: string; readonly bytes: number }[];
  readonly errors: readonly string[];
};

const PART_MS_MAX = 45_000;
const PART_BYTES_MAX = 2 * 1024 ** 2;

export async function packSupport(
  scene: SupportScene,
  folder: string,
  tell: (doing: string) => void,
  signal: AbortSignal,
): Promise<SupportFile> {
  const errors: string[] = [];
  const gathered: { readonly part: Part; readonly content: unknown }[] = [];
  const secrets: string[] = [];
  // One after the other: the machine may be a small one in trouble.
  for (const part of PARTS) {
    tell(part.file);
    try {
      const found = await inTime(part, scene, signal);
      secrets.push(...(found.secrets ?? []));
      gathered.push({ part, content: found.content });
    } catch (error) {
      errors.push(`${part.file}: ${explain(error)}`);
    }
  }
  const scrub = scrubber(secrets);
  const files = gathered.map(({ part: { file, about }, content }) => ({ file, about, text: textOf(content, scrub) }));
  const all = [
    ...files,
    { file: 'errors.txt', about: 'what could not be gathered', text: errors.map((line) => `${scrub(line)}\n`).join('') },
  ];
  const kept = all.filter(({ text }) => text !== '');
  const entries = kept.map(({ file, text }) => ({ name: `${folder}/${file}`, mode: 0o600, content: Buffer.from(text) }));
  return {
    archive: gzipSync(writeTar(entries)),
    contents: kept.map(({ file, about }, index) => ({ file, about, bytes: entries[index]?.content.length ?? 0 })),
    errors: errors.map(scrub),
  };
}

/** `skerry-support-board-7-20261121T110532Z` */
export function supportName(node: string, nowMs: number): string {
  return `skerry-support-${node}-${rfc3339(nowMs).replaceAll(/[-:]/g, '')}`;
}

/** The end of what is too long: the newest lines stand there. */
function textOf(content: unknown, scrub: Scrub): string {
  if (content === null) return '';
  const text = typeof content === 'string' ? scrub(lastOf(content)) : `${JSON.stringify(scrubLeaves(content, scrub), null, 2)}\n`;
  return lastOf(text);
}

function lastOf(text: string): string {
  if (text.length <= PART_BYTES_MAX) return text;
  const end = text.slice(-PART_BYTES_MAX);
  return `(cut)\n${end.slice(end.indexOf('\n') + 1)}`;
}

async function inTime(part: Part, scene: SupportScene, signal: AbortSignal): Promise<Gathered> {
  const late = new AbortController();
  let cancel = () => {};
  const timeout = new Promise<never>((_, reject) => {
    cancel = scene.outside.clock.timer(PART_MS_MAX, () => {
      late.abort();
      reject(new Error(`no end within ${PART_MS_MAX / 1000} s`));
    });
  });
  try {
    return await Promise.race([part.gather(scene, AbortSignal.any([signal, late.signal])), timeout]);
  } finally {
    cancel();
  }
}
