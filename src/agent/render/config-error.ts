import { SkerryError } from '#lib/error.ts';

/** The pod asks for something that is not there, or cannot be: shown as the container's waiting reason CreateContainerConfigError. */
export function configError(message: string): SkerryError {
  return new SkerryError('CreateContainerConfigError', message);
}
