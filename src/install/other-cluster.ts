import { X509Certificate } from 'node:crypto';
import { parseJoinToken } from '#api/join-token.ts';
import { readFileIfThere } from '#lib/durable-file.ts';
import { SkerryError } from '#lib/error.ts';
import { field, listField, parsedJson, textField } from '#lib/json-field.ts';
import type { ServerAddress } from '#net/tls/exchange.ts';
import { parseServerUrl } from '#net/tls/join-client.ts';
import { certificateKeyHash } from '#net/tls/key-hash.ts';
import { serverUrl } from './born-as.ts';
import { identityFile } from './observe.ts';
import { unitName } from './units.ts';

/**
 * Keeps an installation from naming another cluster to a node than the one it has joined: that would change its settings and not its cluster, and leave it without
 * a link. A server of the same cluster may have moved: it is known by its key. A token of the same cluster is never wrong, also one that is used up.
 */
export type AskedToJoin = {
  readonly dataDir: string;
  readonly usualDataDir: string;
  /** URL, where one was given that the settings do not say already. */
  readonly server: string | undefined;
  readonly token: string | undefined;
};

/** `keyOf`: which key is shown there; rejects with Unreachable. Throws OtherCluster, Unreachable, Usage (no URL), BadToken. */
export async function refuseOtherCluster(
  { dataDir, usualDataDir, server, token }: AskedToJoin,
  keyOf: (server: ServerAddress) => Promise<string | undefined>,
): Promise<void> {
  const joined = joinedCluster(dataDir);
  if (joined === undefined) return;
  const flag = dataDir === usualDataDir ? '' : ` --data-dir ${dataDir}`;
  const who = `install the agent: this machine is node ${joined.node} of the cluster at ${serverUrl(joined.server)}`;
  const leave = `\`systemctl stop ${unitName('agent')}; skerry reset${flag}\` takes it out of its cluster (add --force where that server is gone), then run this line again; where its name is taken in the other one, with a token of \`skerry token create --replace NAME\``;
  if (token !== undefined && joined.caKeyHash !== undefined && parseJoinToken(token).caKeyHash !== joined.caKeyHash)
    throw new SkerryError('OtherCluster', `${who}, and the token is of another cluster; ${leave}`);
  if (server === undefined) return;
  const address = parseServerUrl(server);
  if (address.host === joined.server.host && address.port === joined.server.port) return;
  let shown: string | undefined;
  try {
    shown = await keyOf(address);
  } catch (cause) {
    throw new SkerryError(
      'Unreachable',
      `${who}; whether it has moved to ${server} can only be told by its key, and it can not be asked, so nothing was changed; try again once it answers`,
      { cause },
    );
  }
  if (shown === undefined || !joined.pins.includes(shown))
    throw new SkerryError('OtherCluster', `${who}, and ${server} is another server; ${leave}`);
}

type JoinedCluster = {
  readonly node: string;
  readonly server: ServerAddress;
  readonly pins: readonly string[];
  readonly caKeyHash: string | undefined;
};

/** Undefined: of none, or of one that can not be read, which the agent tells. */
function joinedCluster(dataDir: string): JoinedCluster | undefined {
  const value = parsedJson(readFileIfThere(identityFile('/', dataDir)) ?? '');
  const [node, host, port] = [
    textField(value, 'joined', 'node'),
    textField(value, 'server', 'host'),
    field(value, 'server', 'port'),
  ];
  const pins = listField(value, 'joined', 'serverKeyHashes').map(String);
  if (node === '' || host === '' || typeof port !== 'number' || pins.length === 0) return undefined;
  return { node, server: { host, port }, pins, caKeyHash: keyHashOf(textField(value, 'joined', 'ca')) };
}

function keyHashOf(pem: string): string | undefined {
  try {
    return certificateKeyHash(new X509Certificate(pem));
  } catch {
    // Damaged: its server is compared then, and nothing else.
    return undefined;
  }
}
