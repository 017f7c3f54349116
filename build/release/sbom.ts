import { createHash } from 'node:crypto';
import type { Component } from './components.ts';

/** A software bill of materials, CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): JSON text, the same for the same components. */
export function sbom(version: string, components: readonly Component[]): string {
  const main = `pkg:generic/skerry@${version}`;
  const body = {
    metadata: {
      component: {
        type: 'application',
        'bom-ref': main,
        name: 'skerry',
        version,
        purl: main,
        licenses: [{ license: { id: 'Apache-2.0' } }],
      },
    },
    components: components.map(({ name, version: its, license, purl, sha512 }) => ({
      type: 'library',
      'bom-ref': purl,
      name,
      version: its,
      purl,
      licenses: [{ expression: license }],
      ...(sha512 === undefined ? {} : { hashes: [{ alg: 'SHA-512', content: sha512 }] }),
    })),
    dependencies: [{ ref: main, dependsOn: components.map(({ purl }) => purl) }],
  };
  const text = JSON.stringify(body);
  const head = { bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: serialNumberOf(text), version: 1 };
  return `${JSON.stringify({ ...head, ...body }, null, 2)}\n`;
}

/** A name-based UUID (RFC 9562, version 8) of the content, so that the same release has the same number. */
function serialNumberOf(text: string): string {
  const hash = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hash[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return `urn:uuid:${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
