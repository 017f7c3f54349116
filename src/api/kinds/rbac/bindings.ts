/** What RoleBindings and ClusterRoleBindings share: subjects and the role they are given (pkg/apis/rbac). */
import { semanticEqual } from '../../equal.ts';
import { invalid, notSupported, required, type FieldError } from '../../field-error.ts';
import type { ClusterRoleBinding, RbacSubject, RoleBinding, RoleRef } from '../../generated/types.ts';
import { dnsSubdomainProblems, pathSegmentProblems } from '../../names.ts';
import type { Cell, Column } from '../../resource.ts';
import { age } from '../age.ts';
import { at, isBlank } from '../blank.ts';
import { asGiven, invalidFor, NO_ERRORS } from '../check.ts';
import { AGE_COLUMN, column, NAME_COLUMN, wideColumn } from '../columns.ts';
import { RBAC_GROUP } from './rules.ts';

export type { RbacSubject } from '../../generated/types.ts';

export type Binding = RoleBinding | ClusterRoleBinding;

export function withDefaultGroups<T extends Binding>(binding: T): T {
  const { subjects, roleRef } = asGiven<Binding>(binding);
  return {
    ...binding,
    ...(subjects === undefined ? {} : { subjects: subjects.map(withDefaultGroup) }),
    ...(roleRef === undefined ? {} : { roleRef: { ...roleRef, apiGroup: roleRef.apiGroup || RBAC_GROUP } }),
  };
}

function withDefaultGroup(subject: RbacSubject): RbacSubject {
  const isOfGroup = subject.kind === 'User' || subject.kind === 'Group';
  return isOfGroup && isBlank(subject.apiGroup) ? { ...subject, apiGroup: RBAC_GROUP } : subject;
}

/** `kinds`: of roles that such a binding may give. */
export function validateBinding(binding: Binding, kinds: readonly string[], namespaced: boolean): readonly FieldError[] {
  const { roleRef, subjects = [] } = asGiven(binding);
  return [
    ...validateRoleRef(roleRef ?? {}, kinds),
    ...subjects.flatMap((subject, index) => validateSubject(subject, at('subjects', index), namespaced)),
  ];
}

export function validateBindingUpdate(next: Binding, old: Binding): readonly FieldError[] {
  return semanticEqual(next.roleRef, old.roleRef) ? NO_ERRORS : [invalid('roleRef', next.roleRef, 'cannot change roleRef')];
}

function validateRoleRef(
  { apiGroup = '', kind = '', name = '' }: Partial<RoleRef>,
  kinds: readonly string[],
): readonly FieldError[] {
  return [
    ...(apiGroup === RBAC_GROUP ? [] : [notSupported('roleRef.apiGroup', apiGroup, [RBAC_GROUP])]),
    ...(kinds.includes(kind) ? [] : [notSupported('roleRef.kind', kind, kinds)]),
    ...(name === '' ? [required('roleRef.name')] : invalidFor('roleRef.name', name, pathSegmentProblems(name))),
  ];
}

function validateSubject(subject: RbacSubject, path: string, namespaced: boolean): readonly FieldError[] {
  const { kind = '', name = '', apiGroup = '', namespace = '' } = asGiven(subject);
  const unnamed = name === '' ? [required(`${path}.name`)] : [];
  switch (kind) {
    case 'ServiceAccount':
      return [
        ...unnamed,
        ...(name === '' ? [] : invalidFor(`${path}.name`, name, dnsSubdomainProblems(name))),
        ...(apiGroup === '' ? [] : [notSupported(`${path}.apiGroup`, apiGroup, [''])]),
        ...(!namespaced && namespace === '' ? [required(`${path}.namespace`)] : []),
      ];
    case 'User':
    case 'Group':
      return [...unnamed, ...(apiGroup === RBAC_GROUP ? [] : [notSupported(`${path}.apiGroup`, apiGroup, [RBAC_GROUP])])];
    default:
      return [...unnamed, notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group'])];
  }
}

export const BINDING_COLUMNS: readonly Column[] = [
  NAME_COLUMN,
  column('Role', 'string', 'The role that it gives.'),
  AGE_COLUMN,
  wideColumn('Users', 'string', 'The users that it is given to.'),
  wideColumn('Groups', 'string', 'The groups that it is given to.'),
  wideColumn('ServiceAccounts', 'string', 'The service accounts that it is given to.'),
];

export function bindingCells({ metadata, roleRef, subjects = [] }: Binding, now: number): readonly Cell[] {
  const { kind: roleKind = '', name: roleName = '' } = asGiven({ ...roleRef });
  const names = (kind: string, nameOf: (subject: RbacSubject) => string) =>
    subjects
      .filter((subject) => subject.kind === kind)
      .map(nameOf)
      .join(', ');
  return [
    metadata.name ?? '',
    `${roleKind}/${roleName}`,
    age(metadata.creationTimestamp, now),
    names('User', ({ name }) => name),
    names('Group', ({ name }) => name),
    names('ServiceAccount', ({ namespace = '', name }) => `${namespace}/${name}`),
  ];
}
