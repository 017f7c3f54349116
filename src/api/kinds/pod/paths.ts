/** Rules of file paths in pod specs: what a volume may be mounted at and what may be taken out of one. */
import { invalid, required, type FieldError } from '../../field-error.ts';
import { NO_ERRORS } from '../check.ts';

const MODE_MAX = 0o777;

export function backsteps(path: string, target: string): readonly FieldError[] {
  return target.split('/').includes('..') ? [invalid(path, target, "must not contain '..'")] : NO_ERRORS;
}

/** Relative, and never up. */
export function descending(path: string, target: string): readonly FieldError[] {
  return [...(target.startsWith('/') ? [invalid(path, target, 'must be a relative path')] : []), ...backsteps(path, target)];
}

/** Descending, and no name that an atomic writer keeps for itself. */
export function filePath(path: string, target: string | undefined): readonly FieldError[] {
  if (target === undefined || target === '') return [required(path)];
  const reserved =
    target.startsWith('..') && !target.startsWith('../') ? [invalid(path, target, "must not start with '..'")] : [];
  return [...descending(path, target), ...reserved];
}

export function fileMode(path: string, mode: number | undefined): readonly FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= MODE_MAX)) return NO_ERRORS;
  return [invalid(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')];
}
