import { createPublicKey } from 'node:crypto';

/** The install.sh of one release: the template scripts/install.sh with the facts of that release put in. Pure; `npm run release` writes it. */
export type ReleaseFacts = {
  readonly version: string;
  /** Where the files of the release will stand. */
  readonly baseUrl: string;
  /** SHA-256, hex, of `skerry-<version>-linux-<arch>.gz`. */
  readonly packed: PerArchitecture;
  /** SHA-256, hex, of the executable in it: by that one that is installed already is recognised. */
  readonly program: PerArchitecture;
  /** Long flags of `skerry install`: the script refuses others before it downloads anything. */
  readonly flags: Readonly<Record<'server' | 'agent', readonly string[]>>;
  /** PEM, Ed25519. */
  readonly publicKey: string;
};

export type PerArchitecture = { readonly x64: string; readonly arm64: string };

/** Throws where a fact can not stand in the script, and where the template has other places than there are facts. */
export function installScript(template: string, facts: ReleaseFacts): string {
  const values: Readonly<Record<string, string>> = {
    VERSION: checked('version', facts.version, /^\d[0-9A-Za-z.+-]*$/),
    URL: checked('base URL', facts.baseUrl.replace(/\/+$/, ''), /^https?:\/\/[\w.:[\]/~%+-]+$/),
    SHA256_X64: checked('sum', facts.packed.x64, SHA256),
    SHA256_ARM64: checked('sum', facts.packed.arm64, SHA256),
    SHA256_PROGRAM_X64: checked('sum', facts.program.x64, SHA256),
    SHA256_PROGRAM_ARM64: checked('sum', facts.program.arm64, SHA256),
    FLAGS_SERVER: checked('flags', facts.flags.server.join(' '), FLAGS),
    FLAGS_AGENT: checked('flags', facts.flags.agent.join(' '), FLAGS),
    PUBLIC_KEY: publicKey(facts.publicKey),
  };
  const used = new Set<string>();
  const script = template.replaceAll(/@([A-Z][A-Z0-9_]*)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the template asks for @${name}@, which is no fact of a release`);
    used.add(name);
    return value;
  });
  const unused = Object.keys(values).filter((name) => !used.has(name));
  if (unused.length > 0) throw new Error(`the template has no place for ${unused.join(', ')}`);
  return script;
}

const SHA256 = /^[0-9a-f]{64}$/;
const FLAGS = /^--[a-z-]+( --[a-z-]+)*$/;

/** Of the help of a verb: there they stand as commander knows them. */
export function flagsIn(help: string): readonly string[] {
  return [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z][a-z-]*)/gm)].flatMap(([, flag]) => flag ?? []);
}

/** Each stands between single quotes or in a comment: what could end those never gets in. */
function checked(what: string, value: string, pattern: RegExp): string {
  if (!pattern.test(value)) throw new Error(`${JSON.stringify(value)} can not be the ${what} of a release`);
  return value;
}

/** As Node writes it, whatever it was given in. */
function publicKey(pem: string): string {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`the key of a release is Ed25519, this is ${String(key.asymmetricKeyType)}`);
  return key.export({ type: 'spki', format: 'pem' }).toString().trim();
}
