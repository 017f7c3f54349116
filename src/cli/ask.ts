import { SkerryError } from '#lib/error.ts';
import type { Context } from './context.ts';

/** Before what there is no way back from: goes on at a yes. Throws Usage where there is nobody to ask, Aborted at a no. */
export async function ask(context: Context, verb: string, question: string): Promise<void> {
  const answer = await context.confirm(`${question} Go on?`);
  if (answer === undefined)
    throw new SkerryError('Usage', `${verb}: there is no terminal to ask at; say --yes to go on without asking`);
  if (!answer) throw new SkerryError('Aborted', `${verb}: nothing was done`);
}
