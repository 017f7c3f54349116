import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApiWorld, type ApiWorld } from '../../../test/support/api-world.ts';

/** What becomes of a patch that does not fit: codes and texts as upstream's (endpoints/handlers/patch.go), what is stored stays. */
const MAP = '/api/v1/namespaces/default/configmaps/patched';
const TYPES = { json: 'json-patch', merge: 'merge-patch', strategic: 'strategic-merge-patch' } as const;
type Case = readonly [type: keyof typeof TYPES, body: string, code: number, message: RegExp];

let world: ApiWorld;
let stored: string;
beforeAll(async () => {
  world = await startApiWorld();
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'patched' }, data: { a: '1' } };
  stored = (await world.call('POST', '/api/v1/namespaces/default/configmaps', map)).text;
});
afterAll(() => world.stop());

const patch = (type: keyof typeof TYPES, body: string, query = '') =>
  world.call('PATCH', `${MAP}?${query}`, body, { 'content-type': `application/${TYPES[type]}+json` });

const INVALID = '^ "" is invalid: patch: Invalid value: ';
const REJECTED = /^the server rejected our request due to an error in our request$/;

const refusals: readonly Case[] = [
  ['json', '[{"op":"test","path":"/data/a","value":"2"}]', 422, REJECTED],
  ['json', '[{"op":"remove","path":"/nothing"}]', 422, REJECTED],
  ['json', '{"op":"remove"}', 400, /^error decoding patch: /],
  ['json', '[{"op":"remove"', 400, /^json parse error/],
  ['json', '[{"op":"replace","path":"/data","value":[1]}]', 422, new RegExp(`${INVALID}"\\{.*data: expected a map`)],
  ['merge', '[]', 400, /^error decoding patch: /],
  ['merge', '{"data":{"a":1}}', 422, new RegExp(`${INVALID}"\\{.*data.a: expected string, found 1$`)],
  ['strategic', '{"data":{"a":1}}', 422, new RegExp(String.raw`${INVALID}"map\[data:map\[a:1\]\]": data.a: expected string`)],
  ['strategic', '{"data":{"$patch":"x"}}', 400, /^unknown patch type: x in map: map\[\$patch:x\]$/],
  ['strategic', '"text"', 400, /object/],
];

test.each(refusals)('%s patch %s → %i', async (type, body, code, message) => {
  const reply = await patch(type, body);
  expect(reply.json()).toMatchObject({ kind: 'Status', code, message: expect.stringMatching(message) });
  expect(reply.status).toBe(code);
  expect((await world.call('GET', MAP)).text).toBe(stored);
});

const strays: readonly (readonly [type: keyof typeof TYPES, body: string, problems: readonly string[]])[] = [
  ['merge', '{"data":{"b":"1","b":"2"},"dta":{}}', ['duplicate field "data.b"', 'unknown field "dta"']],
  [
    'strategic',
    '{"metadata":{"labels":{"b":"1","b":"2"},"lbls":1}}',
    ['duplicate field "metadata.labels.b"', 'unknown field "metadata.lbls"'],
  ],
  [
    'json',
    '[{"op":"add","path":"/dta","value":1,"op":"add","valeu":2}]',
    ['json patch duplicate field "[0].op"', 'json patch unknown field "[0].valeu"', 'unknown field "dta"'],
  ],
];

test.each(strays)('%s patch %s is refused, told of or obeyed, as asked', async (type, body, problems) => {
  const strict = await patch(type, body, 'fieldValidation=Strict');
  expect(strict.json()).toMatchObject({
    code: 422,
    reason: 'Invalid',
    message: expect.stringMatching(new RegExp(INVALID)),
    details: { causes: [{ field: 'patch', message: expect.stringContaining(`strict decoding error: ${problems.join(', ')}`) }] },
  });
  const warned = await patch(type, body, 'dryRun=All');
  expect(warned.status).toBe(200);
  const warnings = problems.map((problem) => `299 - "${problem.replaceAll('"', String.raw`\"`)}"`);
  expect(warned.headers.get('warning')).toBe(warnings.join(', '));
  const ignored = await patch(type, body, 'dryRun=All&fieldValidation=Ignore');
  expect({ status: ignored.status, warning: ignored.headers.get('warning') }).toEqual({ status: 200, warning: null });
  expect((await world.call('GET', MAP)).text).toBe(stored);
});
