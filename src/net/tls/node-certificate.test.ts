import 'reflect-metadata';
import { X509Certificate, createPrivateKey, createPublicKey } from 'node:crypto';
import { X509Certificate as Parsed } from '@peculiar/x509';
import { expect, test } from 'vitest';
import { seededIds } from '#lib/ids.ts';
import { newKey } from './certificates.ts';
import { selfSignedCertificate } from './node-certificate.ts';

test.each(['a', 'edge-0042.example', 'n'.repeat(120), 'n'.repeat(253), 'böot'])('the certificate of node %s', async (name) => {
  const key = newKey();
  const pem = selfSignedCertificate(name, key, seededIds(name.length));
  const read = new X509Certificate(pem);
  expect(read.subject).toBe(`CN=${name}`);
  expect(read.issuer).toBe(read.subject);
  expect(read.ca).toBe(false);
  expect(read.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(read.validFromDate).toEqual(new Date(Date.UTC(2000, 0, 1)));
  expect(read.validToDate).toEqual(new Date(Date.UTC(9999, 11, 31, 23, 59, 59)));
  expect(read.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(read.verify(createPublicKey(key))).toBe(true);
  expect(read.verify(createPublicKey(newKey()))).toBe(false);
  expect(read.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
  expect(read.toString()).toBe(pem);
  // Another reader, and one that takes nothing but DER.
  const other = new Parsed(pem);
  expect(await other.isSelfSigned()).toBe(true);
  expect(other.extensions.map(({ type, critical }) => `${type} ${critical}`)).toEqual([
    '2.5.29.19 true',
    '2.5.29.15 true',
    '2.5.29.37 false',
  ]);
});
