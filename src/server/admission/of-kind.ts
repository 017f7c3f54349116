import type { KubeObject } from '#api/object.ts';
import { assert } from '#lib/assert.ts';
import type { Admission, AdmissionState, Attempt } from '#rest/admission.ts';

/** What a plugin that is about one kind is made of: it is asked for whole objects of that kind only, with their type. */
export type KindPlugin<T> = {
  readonly mutate?: (object: T, context: Context<T>) => Promise<T> | T;
  readonly validate?: (object: T, context: Context<T>) => Promise<void> | void;
};

/** `old` is absent for a create. */
export type Context<T> = { readonly attempt: Attempt; readonly state: AdmissionState; readonly old: T | undefined };

/** The plugin for objects of one resource as a whole: other resources, subresources and deletes pass. */
export function ofKind<T extends KubeObject>(name: string, resource: string, plugin: KindPlugin<T>): Admission {
  const concerns = (attempt: Attempt) =>
    attempt.resource.id === resource && attempt.subresource === '' && attempt.verb !== 'delete';
  // Sound: the pipeline has checked the object against the schema of its kind before admission.
  const context = (attempt: Attempt, state: AdmissionState): Context<T> => ({
    attempt,
    state,
    old: attempt.old as T | undefined,
  });
  const { mutate, validate } = plugin;
  return {
    name,
    mutate: async (attempt, state) => {
      const object = objectOf(attempt);
      return concerns(attempt) && mutate !== undefined ? mutate(object as T, context(attempt, state)) : object; // As above.
    },
    validate: async (attempt, state) => {
      if (concerns(attempt)) await validate?.(objectOf(attempt) as T, context(attempt, state)); // As above.
    },
  };
}

/** Every attempt but a delete has one. */
export function objectOf({ object }: Attempt): KubeObject {
  assert(object !== undefined, 'an attempt to create or update without an object');
  return object;
}
