import { lstatSync, realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { removeDurableFile } from '#lib/durable-file.ts';
import { SkerryError } from '#lib/error.ts';
import type { Log } from '#lib/log.ts';
import type { IdentityOptions } from './identity.ts';

/**
 * A join token that is kept in a file. It is read anew whenever a join is to be made, since somebody may have put a better one there, and deleted once
 * the node is in. Only a plain file is: what a link or a pipe leads to belongs to whoever made that.
 */
export type TokenFile = Required<Pick<IdentityOptions, 'onJoined'>> & { readonly token: () => Promise<string> };

const TOKEN_BYTES_MAX = 4_096;
const OTHERS = 0o077;

export function tokenFile(file: string, log: Pick<Log, 'info' | 'warn'>): TokenFile {
  /** A pipe gives it only once. */
  let last = '';
  let isTold = false;
  const tellOnce = (facts: object, text: string) => {
    if (!isTold) log.warn({ ...facts, file }, text);
    isTold = true;
  };
  return {
    token: async () => {
      const text = await read(file);
      last = text === '' ? last : text;
      if (isOpenToOthers(file))
        log.warn({ file, remedy: `chmod 600 ${file}` }, 'the token file can be read by others on this machine');
      return last;
    },
    onJoined: () => {
      try {
        const kind = kindOf(file);
        if (kind === 'other') return;
        if (kind === 'link') return tellOnce({ target: realpathSync(file) }, 'the token file is a link and is not deleted');
        removeDurableFile(file);
        log.info({ file }, 'this node has joined, and its token file is deleted');
      } catch (err) {
        tellOnce({ err }, 'the token file can not be deleted: delete it by hand');
      }
    },
  };
}

/** Throws NoToken if there is none, BadToken if it can be no token. */
async function read(file: string): Promise<string> {
  try {
    if (statSync(file).size > TOKEN_BYTES_MAX) throw new SkerryError('BadToken', `it is larger than ${TOKEN_BYTES_MAX} bytes`);
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (!isMissing) throw new SkerryError('BadToken', `read the token file ${file}`, { cause });
    throw new SkerryError(
      'NoToken',
      `read the token file ${file}: it is not there; write a token to it (made with \`skerry token create\` on the server), mode 0600`,
    );
  }
}

function kindOf(file: string): 'file' | 'link' | 'other' {
  const there = lstatSync(file, { throwIfNoEntry: false });
  if (there?.isFile() === true) return 'file';
  return there?.isSymbolicLink() === true && statSync(file, { throwIfNoEntry: false })?.isFile() === true ? 'link' : 'other';
}

function isOpenToOthers(file: string): boolean {
  const there = statSync(file, { throwIfNoEntry: false });
  return there?.isFile() === true && (there.mode & OTHERS) !== 0;
}
