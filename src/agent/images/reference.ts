/**
 * Image references as Docker and Kubernetes read them: `nginx` is `docker.io/library/nginx:latest`. Only names; whether an image exists
 * is the engine's to say.
 */
export type ImageReference = {
  readonly registry: string;
  /** `library/nginx` */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:…` */
  readonly digest?: string;
};

const DEFAULT_REGISTRY = 'docker.io';
const TEXT_LENGTH_MAX = 4_096;
const NAME_LENGTH_MAX = 255;
/**
 * The grammar of github.com/distribution/reference, piece by piece. No separator can be read as part of a word: a text that is no reference must not
 * take longer to be told than one that is, for whoever may write a pod writes it.
 */
const REGISTRY = /^(?:[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)*|\[[A-Fa-f0-9:]+\])(?::\d+)?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
/** What an engine would take as an image's id. */
const BARE_ID = /^[0-9a-f]{64}$/;

/** Undefined where the text is no reference at all (InvalidImageName). */
export function parseReference(text: string): ImageReference | undefined {
  if (text.length > TEXT_LENGTH_MAX || BARE_ID.test(text)) return undefined;
  const [named = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) return undefined;
  const slash = named.indexOf('/');
  const first = slash < 0 ? '' : named.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  if (isHost && !REGISTRY.test(first)) return undefined;
  const [path = '', tag, ...rest] = (isHost ? named.slice(slash + 1) : named).split(':');
  const isName = path.length <= NAME_LENGTH_MAX && path.split('/').every((component) => COMPONENT.test(component));
  if (!isName || rest.length > 0 || (tag !== undefined && !TAG.test(tag))) return undefined;
  const registry = isHost && first !== 'index.docker.io' ? first : DEFAULT_REGISTRY;
  const repository = registry === DEFAULT_REGISTRY && !path.includes('/') ? `library/${path}` : path;
  return {
    registry,
    repository,
    ...(tag === undefined ? (digest === undefined ? { tag: 'latest' } : {}) : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** One text per image however it was written; ids (`sha256:…`) and texts that are no reference stay as they are. */
export function normalizeReference(text: string): string {
  if (text.startsWith('sha256:')) return text;
  const reference = parseReference(text);
  if (reference === undefined) return text;
  const { registry, repository, tag, digest } = reference;
  // As the engine does: where both are given, the digest is what counts.
  return `${registry}/${repository}${digest === undefined ? `:${tag ?? 'latest'}` : `@${digest}`}`;
}
