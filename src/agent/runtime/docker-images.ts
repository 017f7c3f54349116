import { SkerryError, hasCode } from '#lib/error.ts';
import type { Clock } from '#lib/clock.ts';
import { normalizeReference, parseReference } from '../images/reference.ts';
import type { ObservedImage } from '../plan/observed.ts';
import { CALL_MS_MAX, QUICK_CALL_MS_MAX, field, list, number, text, type Engine } from './docker-engine.ts';
import { engineStream } from './engine-stream.ts';
import { readJsonLines } from './json-lines.ts';
import type { ImageConfig, RegistryAuth } from './runtime.ts';

/** Images as the engine has them, by every name they go by, and how they get there. */

/** A pull that shows no progress for this long has lost its registry. */
export const PULL_SILENCE_MS_MAX = 120_000;

export async function listImages(engine: Engine, signal: AbortSignal): Promise<ReadonlyMap<string, ObservedImage>> {
  const answer = await engine.call(
    { what: 'list images', method: 'GET', path: '/images/json', timeoutMs: QUICK_CALL_MS_MAX },
    signal,
  );
  const images = new Map<string, ObservedImage>();
  for (const entry of list(answer)) {
    const id = text(field(entry, 'Id'));
    const digests = list(field(entry, 'RepoDigests'))
      .map(text)
      .filter((name) => name !== '<none>@<none>');
    const digest = digests[0] === undefined ? undefined : normalizeReference(digests[0]);
    const image: ObservedImage = { id, ...(digest === undefined ? {} : { digest }), sizeBytes: number(field(entry, 'Size')) };
    const tags = list(field(entry, 'RepoTags'))
      .map(text)
      .filter((name) => name !== '<none>:<none>');
    for (const name of [...tags, ...digests]) images.set(normalizeReference(name), image);
    images.set(id, image);
  }
  return images;
}

export async function inspectImage(engine: Engine, image: string, signal: AbortSignal): Promise<ImageConfig> {
  const path = `/images/${encodeURIComponent(image)}/json`;
  const answer = await engine.call({ what: `inspect image ${image}`, method: 'GET', path, timeoutMs: QUICK_CALL_MS_MAX }, signal);
  return {
    id: text(field(answer, 'Id')),
    user: text(field(field(answer, 'Config'), 'User')),
    sizeBytes: number(field(answer, 'Size')),
  };
}

export async function loadImage(
  engine: Engine,
  clock: Clock,
  archive: Uint8Array,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const response = await engine.stream(
    { what, method: 'POST', path: '/images/load', query: { quiet: '1' }, file: archive },
    signal,
  );
  for await (const line of readJsonLines(engineStream(response, { what, silenceMs: CALL_MS_MAX, clock }, signal))) {
    const error = field(line, 'error');
    if (error !== undefined) throw new SkerryError('EngineRefused', `${what}: ${text(error)}`);
  }
  if (signal.aborted) throw new SkerryError('Aborted', `${what}: given up`);
}

export async function pullImage(
  engine: Engine,
  clock: Clock,
  image: string,
  auth: RegistryAuth | undefined,
  signal: AbortSignal,
): Promise<void> {
  const reference = parseReference(image);
  if (reference === undefined) throw new SkerryError('PullFailed', `pull image ${image}: not a valid image reference`);
  const { registry, repository, tag, digest } = reference;
  const what = `pull image ${image}`;
  const silenceMs = PULL_SILENCE_MS_MAX;
  try {
    const response = await engine.stream(
      {
        what,
        method: 'POST',
        path: '/images/create',
        query: { fromImage: `${registry}/${repository}`, tag: digest ?? tag ?? 'latest' },
        timeoutMs: silenceMs,
        ...(auth === undefined ? {} : { registryAuth: encodeAuth(auth) }),
      },
      signal,
    );
    for await (const line of readJsonLines(engineStream(response, { what, silenceMs, clock }, signal))) {
      const error = field(line, 'error');
      if (error !== undefined) throw new SkerryError('PullFailed', text(error));
    }
  } catch (error) {
    throw pullError(image, error);
  }
  if (signal.aborted) throw new SkerryError('Aborted', `${what}: given up`);
}

/** Every tag of a repository; one that a container uses stays, whoever's it is. Gives the names that are gone. */
export async function removeImages(engine: Engine, repository: string, signal: AbortSignal): Promise<readonly string[]> {
  const query = { filters: JSON.stringify({ reference: [repository] }) };
  const answer = await engine.call(
    { what: `list images of ${repository}`, method: 'GET', path: '/images/json', query, timeoutMs: QUICK_CALL_MS_MAX },
    signal,
  );
  const names = list(answer).flatMap((entry) => list(field(entry, 'RepoTags')).map(text));
  const removed: string[] = [];
  // An image may have tags of others, too.
  for (const name of names.filter((tag) => parseReference(tag)?.repository === repository)) {
    const path = `/images/${encodeURIComponent(name)}`;
    try {
      await engine.call({ what: `remove image ${name}`, method: 'DELETE', path }, signal);
      removed.push(name);
    } catch (error) {
      if (!hasCode(error, 'NotFound', 'Conflict')) throw error;
    }
  }
  return removed;
}

/** Words by which engines say that nobody was there to ask: they have no code for it. */
const UNREACHABLE =
  /no such host|i\/o timeout|timeout|connection refused|network is unreachable|no route to host|temporary failure|server misbehaving|EOF|TLS handshake|connection reset|context deadline/i;

function pullError(image: string, error: unknown): unknown {
  if (!(error instanceof SkerryError) || error.code === 'EngineAbsent' || error.code === 'Aborted') return error;
  // The engine waits for the registry before it says anything.
  if (error.code === 'EngineTimeout')
    return new SkerryError('RegistryUnreachable', `no progress within ${PULL_SILENCE_MS_MAX / 1000} s`);
  const message = error.message.replace(`pull image ${image}: `, '');
  return new SkerryError(UNREACHABLE.test(message) ? 'RegistryUnreachable' : 'PullFailed', message);
}

function encodeAuth({ username, password, serverAddress }: RegistryAuth): string {
  return Buffer.from(JSON.stringify({ username, password, serveraddress: serverAddress })).toString('base64url');
}
