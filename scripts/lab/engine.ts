import { request } from 'node:http';
import { createReadStream } from 'node:fs';

/** A few calls of the Docker Engine API for the lab itself: is it up, load an image, what runs. The product's own wrapper is src/agent/runtime. */

export async function engineAnswers(socketPath: string): Promise<true | undefined> {
  const { status } = await call(socketPath, 'GET', '/_ping');
  return status === 200 ? true : undefined;
}

/** Loads a docker-archive tar. */
export async function loadImage(socketPath: string, file: string): Promise<void> {
  const { status, body } = await call(socketPath, 'POST', '/images/load?quiet=1', file);
  if (status !== 200 || body.includes('"error"')) throw new Error(`load ${file}: ${body}`);
}

export type RunningContainer = {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly startedAt: string;
  readonly pid: number;
  readonly running: boolean;
};

/** All containers of the engine, stopped ones too, by name. */
export async function containers(socketPath: string): Promise<readonly RunningContainer[]> {
  // JSON.parse gives any: these are the fields of the Engine API 1.41 that the lab reads.
  const listed = JSON.parse((await call(socketPath, 'GET', '/containers/json?all=1')).body) as readonly { readonly Id: string }[];
  const inspected = await Promise.all(listed.map(({ Id }) => call(socketPath, 'GET', `/containers/${Id}/json`)));
  return (
    inspected
      // Another may have been removed since they were listed.
      .filter(({ status }) => status === 200)
      .map(
        ({ body }) =>
          JSON.parse(body) as {
            Id: string;
            Name: string;
            Config: { Labels: Record<string, string> };
            State: { StartedAt: string; Pid: number; Running: boolean };
          },
      )
      .map(({ Id, Name, Config, State }) => ({
        id: Id,
        name: Name.slice(1),
        labels: Config.Labels,
        startedAt: State.StartedAt,
        pid: State.Pid,
        running: State.Running,
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  );
}

export async function killContainer(socketPath: string, id: string): Promise<void> {
  const { status, body } = await call(socketPath, 'POST', `/containers/${id}/kill`);
  if (status !== 204) throw new Error(`kill ${id}: ${body}`);
}

function call(
  socketPath: string,
  method: string,
  path: string,
  bodyFile?: string,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const headers = bodyFile === undefined ? {} : { 'content-type': 'application/x-tar' };
    const sent = request(
      { socketPath, method, path: `/v1.41${path}`.replace('/v1.41/_ping', '/_ping'), headers, timeout: 60_000 },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      },
    );
    sent.on('error', reject);
    sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer`)));
    if (bodyFile === undefined) sent.end();
    else createReadStream(bodyFile).on('error', reject).pipe(sent);
  });
}
