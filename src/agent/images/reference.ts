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
const PATTERN =
  /^(?<name>[a-z0-9]+(?:[._:/-]+[A-Za-z0-9.]+)*?)(?::(?<tag>[\w][\w.-]{0,127}))?(?:@(?<digest>[a-z0-9]+:[0-9a-f]{32,}))?$/;

/** Undefined where the text is no reference at all (InvalidImageName). */
export function parseReference(text: string): ImageReference | undefined {
  const groups = PATTERN.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const { name = '', tag, digest } = groups;
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost';
  const registry = isHost && first !== 'index.docker.io' ? first : DEFAULT_REGISTRY;
  const rest = isHost ? name.slice(slash + 1) : name;
  if (rest === '' || rest !== rest.toLowerCase() || rest.includes(':')) return undefined;
  const repository = registry === DEFAULT_REGISTRY && !rest.includes('/') ? `library/${rest}` : rest;
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
