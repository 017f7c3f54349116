import { dirname, resolve } from 'node:path';
import { isJsonObject, ownOf, type JsonObject } from '#api/json-object.ts';
import { explain } from '#lib/error.ts';
import { parseProxy, type Proxy } from '#net/proxy/proxy.ts';
import { choose, textOf, wrong, type Choice, type Entry, type Kubeconfig } from './kubeconfig.ts';
import { parsePlugin, type Plugin } from './credential-plugin.ts';

/** Where a server is and who asks: what a kubeconfig's chosen cluster and user come to, checked, with all files read but a token's. */
export type Connection = {
  /** Without a slash at its end. */
  readonly server: string;
  readonly namespace: string;
  /** PEM; the system's where absent. */
  readonly ca?: string;
  readonly insecure: boolean;
  readonly serverName?: string;
  /** By which all go, whatever the environment says. */
  readonly proxy?: Proxy;
  readonly credentials: Credentials;
  /** Headers that ask as somebody else (`as` of a user). */
  readonly impersonation: Readonly<Record<string, string | readonly string[]>>;
};

/**
 * A token file is read when it is used: who writes it writes it anew. A plugin stands alone: who has anything else
 * needs none, as for kubectl; it is run when it is first needed.
 */
export type Credentials = {
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly basic?: string;
  readonly plugin?: Plugin;
};

/** `read`: a file's text. Throws BadKubeconfig with the file and what is wrong in it. */
export function connectionOf(config: Kubeconfig, choice: Choice, read: (path: string) => string): Connection {
  const { cluster, user, namespace } = choose(config, choice);
  const files = createFileFields(read);
  const ca = files.pem(cluster, 'certificate-authority', 'certificate');
  const insecure = isTrue(cluster, 'insecure-skip-tls-verify');
  if (insecure && ca !== undefined)
    throw wrong(
      cluster.file,
      'insecure-skip-tls-verify and a certificate-authority exclude each other: specifying a root certificates file with the insecure flag is not allowed',
    );
  const serverName = textOf(cluster, 'tls-server-name');
  const proxy = proxyOf(cluster);
  return {
    server: serverOf(cluster),
    namespace,
    insecure,
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined || serverName === '' ? {} : { serverName }),
    ...(proxy === undefined ? {} : { proxy }),
    credentials: user === undefined ? {} : credentialsOf(user, files, cluster, ca),
    impersonation: user === undefined ? {} : impersonationOf(user),
  };
}

function serverOf(cluster: Entry): string {
  const server = textOf(cluster, 'server') ?? '';
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol) || url.search !== '' || url.hash !== '')
    throw wrong(cluster.file, `server is no https URL: ${JSON.stringify(server)}`);
  return server.replace(/\/+$/, '');
}

function proxyOf(cluster: Entry): Proxy | undefined {
  const proxy = textOf(cluster, 'proxy-url') ?? '';
  if (proxy === '') return undefined;
  try {
    return parseProxy(proxy, 'proxy-url');
  } catch (error) {
    throw wrong(cluster.file, explain(error));
  }
}

function credentialsOf(user: Entry, files: FileFields, cluster: Entry, ca: string | undefined): Credentials {
  if (ownOf(user.fields, 'auth-provider') != null)
    throw wrong(
      user.file,
      `user ${JSON.stringify(user.name)} has an auth-provider, which kubectl knows no more either: use exec`,
    );
  const certificate = files.pem(user, 'client-certificate', 'certificate');
  const key = files.pem(user, 'client-key', 'private key');
  if ((certificate === undefined) !== (key === undefined))
    throw wrong(user.file, `${certificate === undefined ? 'client-certificate-data' : 'client-key-data'} is missing`);
  const tokenFile = files.path(user, 'tokenFile');
  const token = textOf(user, 'token') ?? '';
  const username = textOf(user, 'username') ?? '';
  const hasToken = token !== '' || tokenFile !== undefined;
  if (username !== '' && hasToken)
    throw wrong(user.file, `user ${JSON.stringify(user.name)} has both a token and a username: only one of them can be used`);
  const exec = ownOf(user.fields, 'exec') ?? undefined;
  const plugin = exec === undefined ? undefined : parsePlugin(exec, user, cluster, ca);
  const hasOwn = certificate !== undefined || hasToken || username !== '';
  return {
    ...(certificate === undefined || key === undefined ? {} : { certificate, key }),
    ...(tokenFile === undefined ? (token === '' ? {} : { token }) : { tokenFile }),
    ...(username === '' ? {} : { basic: `${username}:${textOf(user, 'password') ?? ''}` }),
    ...(plugin === undefined || hasOwn ? {} : { plugin }),
  };
}

function impersonationOf(user: Entry): Connection['impersonation'] {
  const as = textOf(user, 'as') ?? '';
  const uid = textOf(user, 'as-uid') ?? '';
  const groups = ownOf(user.fields, 'as-groups') ?? [];
  const extra = ownOf(user.fields, 'as-user-extra') ?? {};
  return {
    ...(as === '' ? {} : { 'impersonate-user': as }),
    ...(uid === '' ? {} : { 'impersonate-uid': uid }),
    ...(isTexts(groups) && groups.length > 0 ? { 'impersonate-group': groups } : {}),
    ...(isJsonObject(extra) ? extraHeaders(extra) : {}),
  };
}

function extraHeaders(extra: JsonObject): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(extra).flatMap(([key, values]) =>
      isTexts(values) ? [[`impersonate-extra-${encodeURIComponent(key.toLowerCase())}`, values]] : [],
    ),
  );
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isTrue(entry: Entry, field: string): boolean {
  return ownOf(entry.fields, field) === true;
}

/** Fields that name a file, or hold its content in base64 under a name that ends in `-data`, which wins. */
type FileFields = {
  readonly path: (entry: Entry, field: string) => string | undefined;
  readonly pem: (entry: Entry, field: string, noun: 'certificate' | 'private key') => string | undefined;
};

const PEM = {
  certificate: /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/,
  'private key': /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[^-]+(?:-[^-]+)*-----END (?:[A-Z]+ )*PRIVATE KEY-----/,
} as const;

function createFileFields(read: (path: string) => string): FileFields {
  const path = (entry: Entry, field: string) => {
    const value = textOf(entry, field) ?? '';
    return value === '' ? undefined : resolve(dirname(entry.file), value);
  };
  return {
    path,
    pem: (entry, field, noun) => {
      const data = textOf(entry, `${field}-data`) ?? '';
      const file = path(entry, field);
      if (data === '' && file === undefined) return undefined;
      const text = data === '' ? readFor(entry, field, file ?? '') : Buffer.from(data, 'base64').toString('utf8');
      // Its form alone: reading keys costs each command 4 ms, and the connection that uses them reads them anyway.
      if (!PEM[noun].test(text))
        throw wrong(entry.file, data === '' ? `${file} is no ${noun}` : `${field}-data is no ${noun} in base64`);
      return text;
    },
  };

  function readFor(entry: Entry, field: string, file: string): string {
    try {
      return read(file);
    } catch (cause) {
      throw wrong(entry.file, `${field} can not be read`, cause);
    }
  }
}
