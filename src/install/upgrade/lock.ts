import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { SkerryError } from '#lib/error.ts';
import type { Layout } from '../layout.ts';

/**
 * One change of an installation at a time: whoever holds a socket without a file (unix(7), abstract). The kernel takes it back however its
 * holder ends, so that none is ever left behind. Throws InUse.
 */
export function lockInstallation(layout: Layout): Promise<{ readonly release: () => void }> {
  const name = `\0skerry-install-${createHash('sha256').update(layout.lib).digest('hex').slice(0, 32)}`;
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? new SkerryError('InUse', `change what is installed in ${layout.lib}: another skerry is doing that just now`)
          : new SkerryError('DiskError', `lock ${layout.lib}`, { cause }),
      ),
    );
    server.listen(name, () => resolve({ release: () => void server.close() }));
  });
}
