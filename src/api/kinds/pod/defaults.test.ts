import { expect, test } from 'vitest';
import type { DownwardAPIVolumeFile, PodSpec } from '../../generated/types.ts';
import { defaultPodSpec } from './defaults.ts';

/** What the recordings of a real server (../recorded.test.ts) have no example of. */
test('references to the pod itself, in the environment as in files', () => {
  const given: DownwardAPIVolumeFile = {
    path: 'p',
    fieldRef: { fieldPath: 'metadata.name' },
    resourceFieldRef: { resource: 'limits.cpu' },
  };
  const { path: _, ...valueFrom } = given;
  const items = [given, { path: 'q', resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } }];
  const spec: PodSpec = {
    containers: [
      {
        name: 'c',
        env: [
          { name: 'A', valueFrom },
          { name: 'B', value: 'b' },
        ],
      },
    ],
    volumes: [{ name: 'v', downwardAPI: { items } }],
  };
  const { containers, volumes } = defaultPodSpec(spec);
  const whole = {
    fieldRef: { fieldPath: 'metadata.name', apiVersion: 'v1' },
    resourceFieldRef: { resource: 'limits.cpu', divisor: '0' },
  };
  expect(containers[0]?.env).toEqual([
    { name: 'A', valueFrom: whole },
    { name: 'B', value: 'b' },
  ]);
  expect(volumes?.[0]?.downwardAPI?.items).toEqual([{ path: 'p', ...whole }, items[1]]);
});
