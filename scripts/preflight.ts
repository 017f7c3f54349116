import { resolve } from 'node:path';
import { fetchKubectls } from './lab/kubectl.ts';
import { DNS, LAB, ensure, type Requirement } from './lab/requirements.ts';

/** Before `npm test`: everything the end-to-end tests need, by name. As root what is missing is installed; nothing is ever skipped. */

const FOR_TESTS: readonly Requirement[] = [
  { program: 'mosquitto', package: 'mosquitto' },
  { program: 'tinyproxy', package: 'tinyproxy-bin' },
  { program: 'docker-registry', package: 'docker-registry' },
  { program: 'dpkg', package: 'dpkg' },
  { program: 'shellcheck', package: 'shellcheck' },
  { program: 'debootstrap', package: 'debootstrap' },
  { program: 'zsh', package: 'zsh' },
  { program: 'systemd-nspawn', package: 'systemd-container' },
  ...DNS,
];

const say = (text: string) => console.log(`preflight: ${text}`);

try {
  if (Number(process.versions.node.split('.')[0]) !== 24)
    throw new Error(
      `this is Node ${process.versions.node}: run it with \`npm run preflight\`, which takes the project's own Node 24`,
    );
  await ensure([...LAB, ...FOR_TESTS], say);
  const kubectls = await fetchKubectls(resolve(import.meta.dirname, '../node_modules/.cache/kubectl'), say);
  say(`ready; kubectl ${Object.keys(kubectls).join(', ')}`);
} catch (error) {
  console.error(`preflight: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
