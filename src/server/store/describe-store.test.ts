import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { KubeObject } from '#api/object.ts';
import { openTestStore, withFolder } from '../../../test/support/store.ts';
import { describeStore } from './describe-store.ts';

test('a database in numbers and names, while its server has it open; what is secret only apart', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const store = await openTestStore({ file });
    const put = (resource: string, namespace: string, name: string, more: Record<string, unknown>) => ({
      key: { resource, namespace, name },
      object: { apiVersion: 'v1', kind: 'X', metadata: { name, namespace }, ...more } satisfies KubeObject,
    });
    await store.storage.commit([
      put('secrets', 'default', 's', { data: { p: Buffer.from('value-of-secret').toString('base64') } }),
      put('configmaps', 'default', 'c', { data: { p: 'value-of-config' } }),
      put('nodes', '', 'board-7', {
        status: { conditions: [{ type: 'Ready', status: 'False', reason: 'NodeNotReady', message: 'never-told' }] },
      }),
      put('pods', 'default', 'web-1', {
        spec: { nodeName: 'board-7', containers: [{ env: [{ name: 'K', value: 'value-of-env' }], args: ['never-told'] }] },
        status: { phase: 'Running' },
      }),
    ]);
    const scratch = join(folder, 'scratch');
    mkdirSync(scratch);
    const { summary, secrets } = describeStore(file, scratch);
    expect(summary).toMatchObject({
      schemaVersion: 1,
      integrity: 'ok',
      objects: { secrets: 1, configmaps: 1, nodes: 1, pods: 1 },
      nodes: [{ name: 'board-7', ready: 'False', reason: 'NodeNotReady' }],
      pods: [{ namespace: 'default', name: 'web-1', node: 'board-7', phase: 'Running' }],
      leftOut: 0,
    });
    expect(JSON.stringify(summary)).not.toMatch(/value-of|never-told/);
    for (const value of ['value-of-env', 'value-of-secret', 'value-of-config']) expect(secrets).toContain(value);
    // It goes on as if nobody had looked.
    await store.storage.commit([put('configmaps', 'default', 'd', {})]);
    await store.close();
  }));
