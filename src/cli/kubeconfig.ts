import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  CLIENT_CERTIFICATE_PATH,
  EXPIRATION_SECONDS_MAX,
  parseClientCertificateAnswer,
  type ClientCertificateRequest,
} from '#api/client-certificate.ts';
import { kubeconfigText } from '#api/kubeconfig.ts';
import { SkerryError } from '#lib/error.ts';
import { hostPort } from '#lib/host-port.ts';
import { namesHost } from '#net/tls/names-host.ts';
import type { OwnServer } from './client/own-server.ts';
import { DATA_DIR, type Context } from './context.ts';
import { duration, folder, httpsUrl } from './flags.ts';

type Flags = {
  readonly dataDir: string;
  readonly server?: string;
  readonly user?: string;
  readonly group?: readonly string[];
  readonly ttl?: number;
};

const TTL_MS_DEFAULT = 24 * 3_600_000;

export function kubeconfigCommand(context: Context): Command {
  return new Command('kubeconfig')
    .description('Print a kubeconfig: the administrator’s own for use from elsewhere, or one for another user.')
    .option('--data-dir <dir>', "the server's data directory", folder, DATA_DIR)
    .option(
      '--server <url>',
      'how the server is reached from where it will be used (default: by an address of this machine)',
      httpsUrl,
    )
    .option('--user <name>', 'make a key and a certificate for this user')
    .addOption(new Option('--group <name>', 'a group that the user is in; can be given more than once').argParser(collect))
    .addOption(
      new Option('--ttl <duration>', 'how long the certificate is good for (default: 24h, at most 365d)').argParser(lifetime),
    )
    .addHelpText(
      'after',
      `
Examples:
  skerry kubeconfig --server https://skerry.example:6443 > admin.kubeconfig
  (umask 077; skerry kubeconfig > ~/.kube/config)         # a key is in it: for nobody else to read
  skerry kubeconfig --user jane --group devs --ttl 8h > jane.kubeconfig
  kubectl create rolebinding devs --clusterrole edit --group devs --namespace shop

Without --user it has the administrator's own key: whoever has that may do everything, for as long as its certificate is made anew.
With --user a key is made here, which the server never sees, and the server signs a certificate for it. It can not be taken back, so
keep its time short. What the user may do is said by roles (RBAC), for the user's name or a group: the second command lets all devs
edit what is in the namespace shop. Members of the group system:masters may do everything, whatever the roles say.`,
    )
    .action(async ({ dataDir, server, user, group = [], ttl }: Flags) => {
      if (user === undefined && (group.length > 0 || ttl !== undefined))
        throw new SkerryError('Usage', 'kubeconfig: --group and --ttl are for a user of its own: give --user, too');
      const { connectToOwnServer } = await import('./client/own-server.ts');
      const own = await connectToOwnServer(dataDir, context);
      const reached = server ?? (await reachableServer(own, context));
      const { ca } = own;
      if (server !== undefined) context.stderr(unnamed(server, serverCertificate(dataDir)));
      if (user === undefined) {
        context.stdout(kubeconfigText({ ...own, server: reached, user: 'kubernetes-admin' }));
        const { validTo } = new X509Certificate(own.certificate);
        context.stderr(`the administrator's own key, good until ${validTo}; --user makes one for somebody else\n`);
        return;
      }
      const { key, certificate, expires } = await certificateFor({ user, groups: group, ttlMs: ttl ?? TTL_MS_DEFAULT }, own);
      context.stdout(kubeconfigText({ server: reached, user, ca, certificate, key }));
      context.stderr(`a key of user ${user}, good until ${expires}\n${group.includes(MASTERS) ? '' : mayByRoles(user)}`);
    });
}

const MASTERS = 'system:masters';

const mayByRoles = (user: string): string =>
  `${user} may do what roles allow that are bound to this name or to a group: kubectl create rolebinding NAME --clusterrole edit --user ${user} --namespace NAMESPACE\n`;

/** Undefined where it can not be read: the kubeconfig is made without a word about it. */
function serverCertificate(dataDir: string): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(join(dataDir, 'server/pki/server.crt')));
  } catch {
    return undefined;
  }
}

/** Clients would refuse the server. What it is called by may also be a name that is still to be given to it: no reason to refuse. */
function unnamed(server: string, certificate: X509Certificate | undefined): string {
  const host = new URL(server).hostname.replace(/^\[|\]$/g, '');
  if (certificate === undefined || namesHost(certificate, host)) return '';
  return `Warning: the server's certificate does not name ${host}, so that clients will refuse it there: give the server --tls-san ${host}, too (tls-san in /etc/skerry/config.yaml), and restart it\n`;
}

async function certificateFor(
  { user, groups, ttlMs }: { readonly user: string; readonly groups: readonly string[]; readonly ttlMs: number },
  own: OwnServer,
): Promise<{ readonly key: string; readonly certificate: string; readonly expires: string }> {
  const { newKey } = await import('#net/tls/certificates.ts');
  const { createSigningRequest } = await import('#net/tls/signing-request.ts');
  const key = newKey();
  const body: ClientCertificateRequest = {
    request: await createSigningRequest({ user, groups }, key),
    expirationSeconds: Math.ceil(ttlMs / 1_000),
  };
  const answer = await own.client.send('POST', CLIENT_CERTIFICATE_PATH, body);
  return { key, ...parseClientCertificateAnswer(answer) };
}

/** A server that listens everywhere is named by its loopback in its own kubeconfig: of no use elsewhere. Another address is only taken where the server answers there. */
async function reachableServer(own: OwnServer, context: Context): Promise<string> {
  const url = new URL(own.url);
  if (!LOOPBACK.test(url.hostname)) return own.url;
  const address = await context.findAddress();
  if (address !== undefined) {
    const server = `https://${hostPort({ host: address, port: url.port === '' ? 443 : Number(url.port) })}`;
    try {
      await own.at(server).send('GET', '/version');
      return server;
    } catch (error) {
      // It listens on the loopback only, or its certificate does not name this address yet.
      if (!(error instanceof SkerryError)) throw error;
    }
  }
  context.stderr(`${own.url} is of use on this machine only: say with --server how it is reached from elsewhere\n`);
  return own.url;
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

function collect(group: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), group];
}

function lifetime(text: string): number {
  const ms = duration(text);
  if (ms < 1_000 || ms > EXPIRATION_SECONDS_MAX * 1_000)
    throw new InvalidArgumentError('Use a time between 1s and 365d, like 24h.');
  return ms;
}
