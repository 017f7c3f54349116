import type { Answer } from '#rest/request.ts';
import type { Store } from './store/store.ts';

/** `POST /skerry.dev/v1/confirm`: an operator says that this database is the right one, so that nodes remove what it does not name. */
export function confirmPath(
  store: Pick<Store, 'confirm'>,
  confirmed: () => void,
): Readonly<Record<string, () => Promise<Answer>>> {
  return {
    'POST /skerry.dev/v1/confirm': async () => {
      const { id } = await store.confirm();
      confirmed();
      return {
        type: 'value',
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ incarnation: id, confirmed: true }),
      };
    },
  };
}
