import { listField, textField } from '#lib/json-field.ts';
import { ok, problem, warning, type Verdict } from '../finding.ts';
import type { Outside } from '../outside/outside.ts';
import type { Scene } from '../scene.ts';

/** A node's architecture is its engine's: what images must be made for. This program, the kernel and the engine may each have another. */
export type ArchitectureFacts = {
  /** As Node names it. */
  readonly program: string;
  /** As uname names it. */
  readonly kernel: string;
  readonly kernelRelease: string;
  /** As Go names it; undefined where no engine answers. */
  readonly engine: string | undefined;
  /** The kernel that the engine says it runs on; empty where it does not say. */
  readonly engineKernel: string;
  readonly images: readonly ImageArch[];
  /** Architectures, as Go names them, that the kernel runs by emulation. */
  readonly emulated: readonly string[];
};

export type ImageArch = { readonly name: string; readonly arch: string };

const IMAGES_ASKED_MAX = 60;
const NAMED_MAX = 5;

const GO_NAMES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  x86_64: 'amd64',
  aarch64: 'arm64',
  armv7l: 'arm',
  armv6l: 'arm',
};
const EMULATORS: Readonly<Record<string, string>> = { 'qemu-aarch64': 'arm64', 'qemu-arm': 'arm', 'qemu-x86_64': 'amd64' };

export async function gatherArchitecture({ outside, asked, engine }: Scene, signal: AbortSignal): Promise<ArchitectureFacts> {
  const facts = await engine();
  const handlers = await outside.list('/proc/sys/fs/binfmt_misc');
  return {
    program: outside.machine.programArch,
    kernel: outside.machine.kernelArch,
    kernelRelease: outside.machine.kernelRelease,
    engine: facts.type === 'engine' ? facts.about.arch : undefined,
    engineKernel: facts.type === 'engine' ? facts.about.kernel : '',
    images: facts.type === 'engine' ? await imagesOf(outside, asked.docker, signal) : [],
    emulated: handlers.flatMap((name) => EMULATORS[name] ?? []),
  };
}

async function imagesOf(outside: Outside, socketPath: string, signal: AbortSignal): Promise<readonly ImageArch[]> {
  const reply = await outside.engineGet(socketPath, '/images/json', signal);
  const images = reply.type === 'answer' && Array.isArray(reply.value) ? reply.value.slice(0, IMAGES_ASKED_MAX) : [];
  const found: ImageArch[] = [];
  // One after the other: a board's engine has more to do than to answer this.
  for (const image of images) {
    const id = textField(image, 'Id');
    const inspected = await outside.engineGet(socketPath, `/images/${encodeURIComponent(id)}/json`, signal);
    if (inspected.type !== 'answer') continue;
    const [tag] = listField(image, 'RepoTags');
    const name = typeof tag === 'string' ? tag : id.slice(0, 19);
    const arch = textField(inspected.value, 'Architecture');
    if (arch !== '') found.push({ name, arch });
  }
  return found;
}

export function judgeArchitecture(facts: ArchitectureFacts): readonly Verdict[] {
  const { program, kernel, engine, images, emulated } = facts;
  const kernelArch = GO_NAMES[kernel] ?? kernel;
  if (!['amd64', 'arm64'].includes(kernelArch))
    return [
      problem(
        `${kernel} is not supported: Skerry runs on x86-64 and 64-bit ARM`,
        'On a board with a 64-bit processor (Raspberry Pi 3 and later) install the 64-bit system; others can not run it.',
      ),
    ];
  if (engine === undefined) return [ok(`${kernel}, program ${program}`)];
  const foreign = images.filter(({ arch }) => arch !== engine);
  return [
    engine === kernelArch
      ? ok(`${engine}: kernel, program and engine alike`)
      : warning(
          `the engine is ${engine} on a ${kernel} kernel: the node takes images for ${engine} only, and is scheduled as such`,
          `Install a 64-bit system and its engine (dpkg --print-architecture says ${kernelArch}) where images for ${kernelArch} are to run.`,
        ),
    ...judgeElsewhere(facts),
    ...(foreign.length === 0 ? [] : [foreignImages(foreign, engine, emulated)]),
  ];
}

/** As with Docker Desktop, or a socket that is forwarded. */
function judgeElsewhere({ engineKernel, kernelRelease }: ArchitectureFacts): readonly Verdict[] {
  if (engineKernel === '' || engineKernel === kernelRelease) return [];
  return [
    problem(
      `the engine runs on another kernel (${engineKernel}) than this program (${kernelRelease}): it is another machine or a virtual one, whose pods' networks can not be wired from here`,
      'Run skerry where the engine runs, or use an engine of this machine: --docker unix:///…',
    ),
  ];
}

function foreignImages(foreign: readonly ImageArch[], engine: string, emulated: readonly string[]): Verdict {
  const names = foreign.slice(0, NAMED_MAX).map(({ name, arch }) => `${name} (${arch})`);
  const more = foreign.length > NAMED_MAX ? ` and ${foreign.length - NAMED_MAX} more` : '';
  const message = `images for another architecture than the engine's ${engine}: ${names.join(', ')}${more}`;
  if (foreign.every(({ arch }) => emulated.includes(arch))) return ok(`${message}; the kernel emulates it, slowly`);
  return warning(
    message,
    `Containers of them end with "exec format error". Pull or load them for linux/${engine} (docker pull --platform linux/${engine} IMAGE).`,
  );
}
