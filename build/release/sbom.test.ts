import { expect, test } from 'vitest';
import type { Component } from './components.ts';
import { licences } from './licences.ts';
import { sbom } from './sbom.ts';

const mit = (name: string, more: Partial<Component> = {}): Component => ({
  name,
  version: '1.0.0',
  license: 'MIT',
  purl: `pkg:npm/${name}@1.0.0`,
  text: 'Permission is granted',
  ...more,
});

test('a bill of materials names every component once, and is the same for the same', () => {
  const components = [mit('a', { sha512: 'ff' }), mit('b')];
  const text = sbom('1.2.3', components);
  expect(sbom('1.2.3', components)).toBe(text);
  const bill: unknown = JSON.parse(text);
  expect(bill).toMatchObject({
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    metadata: { component: { name: 'skerry', version: '1.2.3' } },
    components: [
      { name: 'a', purl: 'pkg:npm/a@1.0.0', licenses: [{ expression: 'MIT' }], hashes: [{ alg: 'SHA-512', content: 'ff' }] },
      { name: 'b' },
    ],
    dependencies: [{ dependsOn: ['pkg:npm/a@1.0.0', 'pkg:npm/b@1.0.0'] }],
  });
  // RFC 9562: version 8, the variant of that document.
  expect(bill).toHaveProperty(
    'serialNumber',
    expect.stringMatching(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
  );
  expect(sbom('1.2.4', components)).not.toContain((bill as { serialNumber: string }).serialNumber);
});

test('who shares the words of a licence stands above them once', () => {
  const text = licences('Our own', [mit('a'), mit('b'), mit('c', { text: 'Other words' })]);
  expect(text.startsWith('Our own\n')).toBe(true);
  expect(text).toContain('a 1.0.0 (MIT)\nb 1.0.0 (MIT)\n\nPermission is granted\n');
  expect(text.match(/Permission is granted/g)).toHaveLength(1);
  expect(text).toContain('c 1.0.0 (MIT)\n\nOther words');
});
