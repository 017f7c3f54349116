import { readFileSync } from 'node:fs';
import type { Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import type { Credentials } from './connection.ts';
import type { PluginCredential } from './credential-plugin.ts';
import type { PluginOutside } from './run-plugin.ts';

/** What a request proves its user with: certificates and an Authorization header. What a plugin gave is kept until it runs out or is refused. */
export type Proof = { readonly cert?: string; readonly key?: string; readonly authorization?: string };

export type Prover = {
  readonly proof: () => Promise<Proof>;
  /** The server knows the user no more: true if it is worth asking again. */
  readonly refused: () => boolean;
};

export function createProver(credentials: Credentials, outside: PluginOutside & { readonly clock: Clock }): Prover {
  const { certificate, key, token, tokenFile, basic, plugin } = credentials;
  let kept: PluginCredential | undefined;
  let isFresh = false;

  const given = async (): Promise<PluginCredential | undefined> => {
    if (plugin === undefined) return undefined;
    if (kept === undefined || (kept.expiresMs !== undefined && kept.expiresMs <= outside.clock.now())) {
      kept = await (await import('./run-plugin.ts')).runPlugin(plugin, outside);
      isFresh = true;
    }
    return kept;
  };

  return {
    proof: async () => {
      const fromPlugin = await given();
      const [cert, privateKey] = [fromPlugin?.certificate ?? certificate, fromPlugin?.key ?? key];
      const bearer = fromPlugin?.token ?? (tokenFile === undefined ? token : readToken(tokenFile));
      const authorization = authorizationOf(bearer, basic);
      return {
        ...(cert === undefined || privateKey === undefined ? {} : { cert, key: privateKey }),
        ...(authorization === undefined ? {} : { authorization }),
      };
    },
    refused: () => {
      const isWorthIt = kept !== undefined && !isFresh;
      kept = undefined;
      isFresh = false;
      return isWorthIt;
    },
  };
}

function authorizationOf(bearer: string | undefined, basic: string | undefined): string | undefined {
  if (bearer !== undefined) return `Bearer ${bearer}`;
  return basic === undefined ? undefined : `Basic ${Buffer.from(basic, 'utf8').toString('base64')}`;
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new SkerryError('BadKubeconfig', `read the token file ${file}`, { cause });
  }
}
