import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textOfChunks } from '../../test/support/text-of-chunks.ts';
import type { Pod } from '../api/kinds/pod.ts';
import type { Json } from '../api/object.ts';
import { statusOf } from '../api/status.ts';
import { systemClock } from '../lib/clock.ts';
import { SkerryError } from '../lib/error.ts';
import type { Answer } from '../rest/request.ts';
import { parseLogOptions } from './pod-log/log-options.ts';
import { createPodLog } from './pod-log.ts';

const user = { name: 'jane', groups: [] };
const never = new AbortController().signal;

type Opened = { readonly node: string; readonly kind: string; readonly params: Json };

function pod({
  containers = ['web'],
  init = [],
  waiting,
  node = 'n1',
}: { containers?: readonly string[]; init?: readonly string[]; waiting?: string; node?: string } = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default', uid: 'u1' },
    spec: {
      ...(node === '' ? {} : { nodeName: node }),
      containers: containers.map((name) => ({ name, image: 'i' })),
      initContainers: init.map((name) => ({ name, image: 'i' })),
    },
    status:
      waiting === undefined
        ? {}
        : {
            containerStatuses: [
              { name: 'web', image: 'i', imageID: '', ready: false, restartCount: 0, state: { waiting: { reason: waiting } } },
            ],
          },
  };
}

/** Asks for a log; the node gives `chunks`, then ends, or throws `error`. */
async function ask(object: Pod, query: string, node: { readonly chunks?: readonly string[]; readonly error?: SkerryError } = {}) {
  const opened: Opened[] = [];
  const connector = createPodLog({
    clock: systemClock,
    openStream: async function* (name, kind, params) {
      opened.push({ node: name, kind, params });
      for (const chunk of node.chunks ?? []) yield Buffer.from(chunk);
      if (node.error !== undefined) throw node.error;
    },
  });
  const answer: Answer | Error = await connector({ object, query: new URLSearchParams(query), user, signal: never }).catch(
    (e: Error) => e,
  );
  return { opened, answer };
}

async function checkLog(object: Pod, query: string, params: Json): Promise<void> {
  const { opened, answer } = await ask(object, query, { chunks: ['a', 'b'] });
  if (answer instanceof Error || answer.type !== 'stream') throw new Error(`no stream: ${JSON.stringify(answer)}`);
  expect(opened).toEqual([{ node: 'n1', kind: 'logs', params }]);
  expect(await textOfChunks(answer.chunks)).toBe('ab');
}

async function checkRefused(object: Pod, query: string, code: number, message: string, error?: SkerryError): Promise<void> {
  const { answer } = await ask(object, query, error === undefined ? {} : { error });
  if (!(answer instanceof Error)) throw new Error('it was answered');
  expect(statusOf(answer)).toMatchObject({ code, message });
}

const plain = { uid: 'u1', container: 'web', follow: false, previous: false, timestamps: false };

test('the query becomes what the node is asked for', async () => {
  await checkLog(pod(), '', plain);
  await checkLog(pod({ containers: ['web', 'side'] }), 'container=side&follow=true&timestamps=1', {
    ...plain,
    container: 'side',
    follow: true,
    timestamps: true,
  });
  await checkLog(pod({ init: ['first'] }), 'container=first&previous', { ...plain, container: 'first', previous: true });
  await checkLog(pod(), 'tailLines=0&limitBytes=10&sinceSeconds=60', {
    ...plain,
    tailLines: 0,
    limitBytes: 10,
    sinceSeconds: 60,
  });
  await checkLog(pod(), 'sinceTime=2026-01-01T00:00:00Z&follow=false', { ...plain, sinceTime: '2026-01-01T00:00:00Z' });
});

test('which container is meant must be clear', async () => {
  await checkRefused(
    pod({ containers: ['a', 'b'] }),
    '',
    400,
    'a container name must be specified for pod p, choose one of: [a b]',
  );
  await checkRefused(
    pod({ containers: ['a', 'b'], init: ['i', 'j'] }),
    '',
    400,
    'a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i j]',
  );
  await checkRefused(pod(), 'container=x', 400, 'container x is not valid for pod p');
});

test('options that make no sense are refused as upstream does', async () => {
  await checkRefused(pod(), 'tailLines=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax');
  await checkRefused(
    pod(),
    'tailLines=-1',
    422,
    'PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
  );
  await checkRefused(
    pod(),
    'limitBytes=0',
    422,
    'PodLogOptions "p" is invalid: limitBytes: Invalid value: 0: must be greater than 0',
  );
  await checkRefused(
    pod(),
    'sinceSeconds=99999999999999999999',
    400,
    'strconv.ParseInt: parsing "99999999999999999999": value out of range',
  );
  await checkRefused(
    pod(),
    'sinceTime=yesterday',
    400,
    'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
  );
});

test("a log that is not there yet is refused in the kubelet's words", async () => {
  const none = new SkerryError('NotFound', 'nothing here');
  await checkRefused(pod(), '', 400, 'container "web" in pod "p" is waiting to start: ContainerCreating', none);
  await checkRefused(
    pod({ waiting: 'ImagePullBackOff' }),
    '',
    400,
    'container "web" in pod "p" is waiting to start: trying and failing to pull image',
    none,
  );
  await checkRefused(
    pod({ waiting: 'ErrImagePull' }),
    '',
    400,
    'container "web" in pod "p" is waiting to start: image can\'t be pulled',
    none,
  );
  await checkRefused(
    pod({ waiting: 'PodInitializing' }),
    '',
    400,
    'container "web" in pod "p" is waiting to start: PodInitializing',
    none,
  );
  await checkRefused(pod(), 'previous=true', 400, 'previous terminated container "web" in pod "p" not found', none);
  await checkRefused(
    pod(),
    '',
    503,
    'node "n1" is not connected',
    new SkerryError('ServiceUnavailable', 'node "n1" is not connected'),
  );
});

test('a pod on no node yet has an empty log', async () => {
  const { answer, opened } = await ask(pod({ node: '' }), '');
  expect(answer).toMatchObject({ type: 'value', status: 200, body: '' });
  expect(opened).toEqual([]);
});

test('an error after the first bytes cuts the answer', async () => {
  const { answer } = await ask(pod(), '', { chunks: ['a'], error: new SkerryError('Cut', 'cut') });
  if (answer instanceof Error || answer.type !== 'stream') throw new Error('no stream');
  await expect(textOfChunks(answer.chunks)).rejects.toThrow('cut');
});

test('no query ever gives anything but options or an API error', () => {
  const name = fc.constantFrom(
    'container',
    'follow',
    'previous',
    'timestamps',
    'tailLines',
    'limitBytes',
    'sinceSeconds',
    'sinceTime',
    'stream',
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.oneof(fc.string(), fc.integer().map(String)))), (entries) => {
      try {
        parseLogOptions(new URLSearchParams(entries.map(([key, value]): [string, string] => [key, value])), 'p');
      } catch (error) {
        expect([400, 422]).toContain(statusOf(error).code);
      }
    }),
  );
});
