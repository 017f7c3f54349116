import { SkerryError } from '#lib/error.ts';
import { apiError } from '../status.ts';

/** The 422 of a patch that is well formed and does not fit the object. Upstream's has these words for all of them; why is its cause. */
export function rejected(why: string): SkerryError {
  return apiError(
    'Invalid',
    'the server rejected our request due to an error in our request',
    {},
    new SkerryError('BadRequest', why),
  );
}
