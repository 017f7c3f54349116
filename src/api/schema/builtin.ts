import { DEFINITIONS, MESSAGES } from '../generated/schema.ts';
import type { Definition, Message, Schema } from './schema.ts';

/** The schema of the built-in kinds. Parsed anew by each call: the composition root makes it once and passes it on. */
export function loadBuiltinSchema(): Schema {
  // Sound: the generator writes exactly this type.
  const generated = JSON.parse(DEFINITIONS) as readonly Definition[];
  const definitions = new Map([...SCALARS, ...generated].map((definition) => [definition.name, definition]));
  return { definition: (name) => definitions.get(name), message: builtinMessages() };
}

/** Parsed by the first body that needs it: who never gets protobuf, as an agent, does without. */
function builtinMessages(): Schema['message'] {
  let messages: ReadonlyMap<string, Message> | undefined;
  return (name) => {
    // Sound: the generator writes exactly this type.
    messages ??= new Map(Object.entries(JSON.parse(MESSAGES) as Readonly<Record<string, Message>>));
    return messages.get(name);
  };
}

const scalar = (name: string, kind: NonNullable<Definition['scalar']>, description: string): Definition => ({
  name: `io.k8s.apimachinery.pkg.${name}`,
  description,
  scalar: kind,
  fields: {},
});

const SCALARS: readonly Definition[] = [
  scalar('runtime.RawExtension', 'any', 'Any JSON value.'),
  scalar('apis.meta.v1.Time', 'time', 'A moment, RFC 3339 with whole seconds.'),
  scalar('apis.meta.v1.MicroTime', 'micro-time', 'A moment, RFC 3339 with microseconds.'),
  scalar('util.intstr.IntOrString', 'int-or-string', 'A whole number, or a text such as 25%.'),
  scalar('api.resource.Quantity', 'quantity', 'An amount such as 500m or 1Gi.'),
];
