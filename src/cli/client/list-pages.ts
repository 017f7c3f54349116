import { hasCode } from '#lib/error.ts';
import type { ApiClient } from './api-client.ts';

/** A collection in chunks, so that neither side holds a large one at once in one text. */
export type Page = { readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string } };

export const CHUNK_ITEMS = 500;

/** All pages, of one revision. A list that changes faster than it is read (410) is read again as a whole. */
export async function listPages(
  client: Pick<ApiClient, 'send'>,
  path: string,
  query: Readonly<Record<string, string>>,
  { accept, chunk = CHUNK_ITEMS }: { readonly accept?: string; readonly chunk?: number } = {},
): Promise<readonly unknown[]> {
  const options = accept === undefined ? {} : { accept };
  const ask = (more: Readonly<Record<string, string>>) =>
    client.send('GET', withQuery(path, { ...query, ...more }), undefined, options);
  const pages: unknown[] = [];
  let next = '';
  try {
    do {
      const page = await ask({ ...(chunk > 0 ? { limit: String(chunk) } : {}), ...(next === '' ? {} : { continue: next }) });
      pages.push(page);
      // Sound: fields of any object may be read.
      next = (page as Page | null)?.metadata?.continue ?? '';
    } while (next !== '');
    return pages;
  } catch (error) {
    if (next === '' || !hasCode(error, 'Expired', 'Gone')) throw error;
    return [await ask({})];
  }
}

export function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams(query).toString();
  return text === '' ? path : `${path}?${text}`;
}
