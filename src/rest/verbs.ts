import { VERBS, type Resource, type Subresource, type Verb } from '#api/resource.ts';

/** The verbs that a resource, or one of its subresources, serves: discovery and OpenAPI list these, and no other is let through. */
export function verbsOf(resource: Resource, subresource: string): readonly Verb[] {
  if (subresource === '') return resource.only?.verbs ?? VERBS;
  const door = resource.subresources[subresource];
  return door === undefined ? [] : verbsOfDoor(door);
}

function verbsOfDoor(door: Subresource): readonly Verb[] {
  switch (door.type) {
    case 'create':
    case 'computed':
      return ['create'];
    case 'connect':
      return door.verbs;
    case 'update':
      return ['update'];
    case 'status':
    case 'scale':
      return ['get', 'patch', 'update'];
  }
}
