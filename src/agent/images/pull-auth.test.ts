import { expect, test } from 'vitest';
import { podItem } from '../../../test/support/fake-node.ts';
import { documentsOf } from '../../../test/support/memory-ledger.ts';
import { pullAuth } from './pull-auth.ts';

function checkAuth(config: unknown, image: string, expected: unknown): void {
  const item = podItem('web', { spec: { imagePullSecrets: [{ name: 'absent' }, { name: 'pull' }] } });
  const data = {
    '.dockerconfigjson': Buffer.from(typeof config === 'string' ? config : JSON.stringify(config)).toString('base64'),
  };
  const documents = documentsOf([
    item,
    { kind: 'Secret', metadata: { namespace: 'default', name: 'pull' }, type: 'kubernetes.io/dockerconfigjson', data },
  ]);
  expect(pullAuth(item, documents, image)).toEqual(expected);
}

const auth = Buffer.from('me:pass:word').toString('base64');

test('the credentials of the registry that an image is from', () => {
  const known = { username: 'me', password: 'pass:word' };
  checkAuth({ auths: { 'reg.lan:5000': { auth } } }, 'reg.lan:5000/app', { ...known, serverAddress: 'reg.lan:5000' });
  const hub = 'https://index.docker.io/v1/';
  checkAuth({ auths: { [hub]: { username: 'me', password: 'pass:word' } } }, 'nginx', { ...known, serverAddress: hub });
});

test('what is for another registry, or not readable, is nothing', () => {
  checkAuth({ auths: { 'reg.lan': { auth } } }, 'nginx', undefined);
  for (const config of [
    'not json',
    '[]',
    '{"auths":7}',
    '{"auths":{"docker.io":{"auth":"bm9jb2xvbg=="}}}',
    '{"auths":{"docker.io":null}}',
  ]) {
    checkAuth(config, 'nginx', undefined);
  }
});
