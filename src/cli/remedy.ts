import { hasCode } from '#lib/error.ts';

/** What to do about a failure whose message can not know it, as it knows no flags: a line for below it, or undefined. */
export function remedy(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (hasCode(at, 'BadToken')) return TOKEN;
    if ('syscall' in at && at.syscall === 'listen') return LISTEN;
    if ('code' in at && at.code === 'ENOSPC') return FULL;
    if ('path' in at && 'code' in at && NOT_ALLOWED.some((code) => code === at.code)) return FILES;
  }
  return undefined;
}

const TOKEN = '(make a new token with `skerry token create` on the server, then run the same line again with it)';
const LISTEN = '(is a server running already? another address or port is given with --listen)';
const FILES = '(run it as root, or give a folder of your own with --data-dir)';
const FULL = '(the disk is full: make room and run it again)';
/** What the kernel answers about a file that is another's or on a disk that takes nothing. */
const NOT_ALLOWED = ['EACCES', 'EPERM', 'EROFS'];
