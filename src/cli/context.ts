import { layoutIn } from '#install/layout.ts';
import type { Describe } from '#doctor/support/parts.ts';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import type { LogLevel } from '#lib/log-level.ts';
import type { Proxy } from '#net/proxy/proxy.ts';

/** What main.ts lends the command line: the outside world, and the two modes that the cli folder may not import. */
export type Context = {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** To standard output: resolves when whoever reads has room for more, rejects with OutputClosed once nobody reads. */
  readonly write: (chunk: string | Uint8Array) => Promise<void>;
  /** All of standard input. */
  readonly stdin: () => Promise<string>;
  /** Whether somebody sits at the standard input. */
  readonly interactive: () => boolean;
  readonly homedir: () => string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly release: string;
  /** `v24.1.0` */
  readonly nodeVersion: string;
  /** `linux/amd64` */
  readonly platform: string;
  readonly hostname: () => string;
  /** By which others reach this machine. */
  readonly findAddress: () => Promise<string | undefined>;
  /** Whether a person reads what goes there. */
  readonly isTerminal: (stream: 'stdout' | 'stderr') => boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The executable that runs, and what its release put into it; undefined from a checkout. */
  readonly executable: Executable | undefined;
  /** A database in numbers, read from a copy in `scratch`, and the secrets that it holds, to be kept out of texts. */
  readonly describeStore: Describe;
  readonly describeLedger: Describe;
  /** Each runs until it is told to stop by a signal, or rejects with why it can not. */
  readonly runServer: (flags: ServerFlags) => Promise<void>;
  readonly runAgent: (flags: AgentFlags) => Promise<void>;
  /** Takes away what the node's agent has made on this machine; its data stays. `node`: the name it had joined under. Rejects with InUse where the agent runs. */
  readonly clearNode: (flags: ClearNodeFlags) => Promise<Cleared & { readonly node: string | undefined }>;
  /** Keeps a server from running on this data, until it is released. Rejects with InUse where one runs. */
  readonly holdServer: (dataDir: string) => Promise<{ readonly release: () => void }>;
  readonly resetNode: (flags: ResetFlags) => Promise<ResetDone>;
  /** Asks the person at the terminal a question of yes and no; undefined where there is none. */
  readonly confirm: (question: string) => Promise<boolean | undefined>;
};

/** `releaseKeys`: PEM, Ed25519, public: what releases this one may be upgraded to are signed with; none in a build that is no release. */
export type Executable = {
  readonly path: string;
  readonly releaseKeys: readonly string[];
  /** Under which the newest release is published. */
  readonly releaseUrl: string | undefined;
};

/** What both modes have: where things are, and what is told. */
export type ServiceFlags = {
  readonly dataDir: string;
  readonly logLevel: LogLevel;
  /** In place of stderr. */
  readonly logFile?: string;
  /** Of the settings, which stop no start: each a sentence with its place and what is likely meant. */
  readonly unknownKeys: readonly string[];
};

/** This machine as a node. */
export type NodeFlags = {
  readonly nodeName?: string;
  /** Path of the engine's socket. */
  readonly docker: string;
  readonly nodeIp?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: Readonly<Record<string, string>>;
};

export type ServerFlags = ServiceFlags &
  NodeFlags & {
    readonly listen: { readonly host: string; readonly port: number };
    /** Names and addresses for the server's certificate, beside those it finds. */
    readonly tlsSan: readonly string[];
    /** Undefined: what the cluster was made with. */
    readonly clusterCidr?: string;
    readonly serviceCidr?: string;
    readonly clusterDomain?: string;
    /** Whether the server runs an agent on its own node. */
    readonly agent: boolean;
  };

export type AgentFlags = ServiceFlags &
  NodeFlags & {
    readonly server?: string;
    /** By which the server is reached; undefined: straight. */
    readonly proxy?: Proxy;
    /** At most one of the two. */
    readonly token?: string;
    readonly tokenFile?: string;
    readonly keepaliveMs: number;
  };

/** What was done and what could not be: the words are for people. */
export type Cleared = {
  readonly removed: readonly string[];
  readonly left: readonly { readonly what: string; readonly why: string }[];
};

export type ClearNodeFlags = {
  readonly dataDir: string;
  /** Path of the engine's socket. */
  readonly docker: string;
  /** Also containers that a skerry agent made as another node: for a machine that is to run none any more. */
  readonly anyNode?: boolean;
};

export type ResetFlags = Omit<ClearNodeFlags, 'anyNode'> & {
  readonly server?: string;
  readonly proxy?: Proxy;
  readonly force: boolean;
};

export type ResetDone = {
  /** Undefined: this machine was no node. */
  readonly node: string | undefined;
  readonly server: 'told' | 'did not know it' | 'not told';
  readonly cleared: Cleared;
  /** Key, identity and ledger are deleted. */
  readonly forgotten: boolean;
};

export const DATA_DIR = '/var/lib/skerry';
export const CONFIG_FILE = layoutIn('/').config;
