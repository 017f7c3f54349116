/** Where nodes dial streams in: `/skerry.dev/v1/streams/<id>`, a WebSocket, with the one-time ticket in a header. */
export const STREAM_PATH = '/skerry.dev/v1/streams/';
export const TICKET_HEADER = 'x-skerry-ticket';
/** The link command that asks a node for one. */
export const OPEN_COMMAND = 'open';

/** The id in a request's path, if it is a stream's. */
export function streamIdOf(url: string | undefined): string | undefined {
  if (url === undefined || !url.startsWith(STREAM_PATH)) return undefined;
  const id = url.slice(STREAM_PATH.length);
  return /^[A-Za-z0-9-]{1,64}$/.test(id) ? id : undefined;
}
