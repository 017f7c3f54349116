import { expect, test } from 'vitest';
import { parseServerUrl } from './join-client.ts';

test('where a server is: 6443 unless another port is written, also where that is the one of https', () => {
  const cases = [
    ['https://a.example', 'a.example', 6443],
    ['https://a.example:443/', 'a.example', 443],
    ['https://a.example:8443', 'a.example', 8443],
    ['https://[2001:db8::7]', '2001:db8::7', 6443],
    ['https://[2001:db8::443]:443', '2001:db8::443', 443],
  ] as const;
  for (const [url, host, port] of cases) expect(parseServerUrl(url), url).toEqual({ host, port });
  for (const url of ['http://a', 'a:6443', 'https://', '', 'https://a/foo', 'https://u@a', 'https://a?b'])
    expect(() => parseServerUrl(url), url).toThrow('must look like https://');
});
