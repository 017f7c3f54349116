import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePlainYaml } from './plain-yaml.ts';
import { parseYaml, stringifyYaml } from './yaml.ts';

const KUBECONFIG = `# made by a machine
apiVersion: v1
kind: Config
clusters:
- name: skerry
  cluster:
    server: "https://127.0.0.1:6443"
    insecure-skip-tls-verify: true
users:
  - name: me
    user:
      client-key-data: LS0tLS1CRUdJTg==
      exec:
        command: /usr/bin/plugin
        args:
        - get-token
        env: null
contexts: []
preferences: {}
current-context: skerry
`;

test('what a machine writes is read as YAML', () => {
  expect(parsePlainYaml(KUBECONFIG.replace(' null', ''))).toEqual(parseYaml(KUBECONFIG));
});

test.each([
  ['a comment behind a value', 'a: b # c'],
  ['flow style', 'a: {b: c}'],
  ['an anchor', 'a: &x b'],
  ['an alias', 'a: *x'],
  ['a tag', 'a: !!str b'],
  ['a text of several lines', 'a: |\n  b'],
  ['a text that goes on', 'a: b\n  c'],
  ['a word that is none', 'a: yes'],
  ['a key that is none', 'on: a'],
  ['a number', 'a: 12'],
  ['a key that stands twice', 'a: b\na: c'],
  ['an escape', 'a: "\\n"'],
  ['two documents', 'a: b\n---\nc: d'],
  ['wrong indents', 'a:\n    b: c\n  d: e'],
  ['nothing', ''],
  ['a text', 'hello'],
  ['a tab', 'a:\n\tb: c'],
])('%s is left to the whole reader', (_, text) => {
  expect(parsePlainYaml(text)).toBeUndefined();
});

test('never reads anything else than the whole reader does', () => {
  const word = fc.stringMatching(/^[a-zA-Z0-9:/ .#"'{}[\],&*!|>%@`~=+_?-]{0,12}$/);
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      word,
      fc.boolean(),
      fc.constantFrom('yes', 'null', '~', '0x1', '1:30', '-', '- a', 'a: b', 'a:', '=', '<<', '.', '2020-01-01'),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(fc.constantFrom('name', 'user', 'y', 'no', '1', 'a b'), word), tie('node'), { maxKeys: 3 }),
    ),
  })).node;
  let plain = 0;
  fc.assert(
    fc.property(value, (given) => {
      const text = stringifyYaml(given);
      const read = parsePlainYaml(text);
      if (read === undefined) return;
      plain += 1;
      expect(read).toEqual(parseYaml(text));
    }),
    { numRuns: 2000 },
  );
  expect(plain).toBeGreaterThan(20);
  const line = fc.array(
    fc.constantFrom('a', 'b', ': ', ':', '- ', '  ', '\n', '"', "'", '#', ' ', 'yes', '1', '{}', '[]', '?', '|'),
    {
      maxLength: 14,
    },
  );
  fc.assert(
    fc.property(line, (parts) => {
      const read = parsePlainYaml(parts.join(''));
      if (read !== undefined) expect(read).toEqual(parseYaml(parts.join('')));
    }),
    { numRuns: 5000 },
  );
});
