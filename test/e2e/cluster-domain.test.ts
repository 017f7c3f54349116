import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../scripts/lab/exec.ts';
import { firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';
import { CURL_IMAGE, inPod, webService } from '../support/web-pods.ts';

/** A cluster with a domain of its own: names, search domains, and the API as pods find it. */
const DOMAIN = 'fleet.test';
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
let world: LabWorld;

beforeAll(async () => {
  world = await startLabWorld(1, { serverFlags: ['--cluster-domain', DOMAIN] });
  const host = firstNode(world);
  await world.join(host);
  await world.lab.loadImages(host, [CURL_IMAGE]);
  await world.create(
    webService('db', { selector: { app: 'asks' }, clusterIP: 'None' }),
    webService('web', { selector: { app: 'asks' } }),
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'asks', namespace: 'default', labels: { app: 'asks' } },
      spec: { hostname: 'first', subdomain: 'db', containers: [{ name: 'app', image: CURL_IMAGE.reference }] },
    },
  );
  await world.kubectl('wait', 'pod', '--all', '--for=condition=Ready', '--timeout=60s');
});
afterAll(() => world.lab.remove());

const inside = (...argv: readonly string[]) => inPod(firstNode(world), 'asks', ...argv);
const dig = async (name: string) => (await firstNode(world).exec('dig', '@169.254.20.10', '+short', name)).trim();

test('names end in it, and none in cluster.local', async () => {
  const own = await world.kubectl('get', 'pod', 'asks', '-o', 'jsonpath={.status.podIP}');
  const web = await world.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  for (const [name, address] of [
    ['web.default.svc', web],
    ['db.default.svc', own],
    ['first.db.default.svc', own],
    ['10-32-0-9.default.pod', '10.32.0.9'],
    ['kubernetes.default.svc', '10.96.0.1'],
  ] as const) {
    await waitFor(`${name} to be ${address}`, async () => ((await dig(`${name}.${DOMAIN}`)) === address ? true : undefined));
    expect(await dig(`${name}.cluster.local`), name).toBe('');
  }
});

test('a pod searches it, and is called by it', async () => {
  expect(await inside('cat', '/etc/resolv.conf')).toMatch(
    /^search default\.svc\.fleet\.test svc\.fleet\.test fleet\.test[^\n]*\nnameserver 169\.254\.20\.10\n/,
  );
  expect(await inside('cat', '/etc/hosts')).toContain(`first.db.default.svc.${DOMAIN}\tfirst\n`);
  for (const name of ['web', 'web.default', 'web.default.svc', `web.default.svc.${DOMAIN}`])
    // Nobody serves it: refused, which is more than a name that is not known gives.
    expect(await inside('sh', '-c', `curl -s -m 5 http://${name}/; echo $?`), name).toBe('7\n');
});

test('the API is found inside by its name there, and takes a pod’s token', async () => {
  for (const name of ['kubernetes', 'kubernetes.default.svc', `kubernetes.default.svc.${DOMAIN}`]) {
    const call = `curl -sS -m 5 --cacert ${ACCOUNT}/ca.crt -H "Authorization: Bearer $(cat ${ACCOUNT}/token)" https://${name}`;
    expect(await inside('sh', '-c', `${call}/version`), name).toContain('gitVersion');
    expect(await inside('sh', '-c', `${call}/api/v1/nodes`), name).toContain('system:serviceaccount:default:default');
  }
  const [, claims = ''] = (await inside('cat', `${ACCOUNT}/token`)).split('.');
  expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
    iss: `https://kubernetes.default.svc.${DOMAIN}`,
  });
});

test('a server that starts again has it by itself', async () => {
  await world.lab.stopServer();
  await world.lab.startServer();
  const call = `curl -sS -m 5 --cacert ${ACCOUNT}/ca.crt -H "Authorization: Bearer $(cat ${ACCOUNT}/token)"`;
  // Until its node has found it again, it is refused.
  await waitFor('the server to know the pod', async () => {
    const answer = await inside('sh', '-c', `${call} https://kubernetes.default.svc.${DOMAIN}/api/v1/nodes`);
    return answer.includes('system:serviceaccount:default:default') ? true : undefined;
  });
  await world.kubectl('create', 'service', 'clusterip', 'late', '--tcp=80');
  const late = await world.kubectl('get', 'service', 'late', '-o', 'jsonpath={.spec.clusterIP}');
  await waitFor('the name of a later service', async () =>
    (await dig(`late.default.svc.${DOMAIN}`)) === late ? true : undefined,
  );
});
