import { textOf } from '../outside/outside.ts';
import { ok, problem, unknown, warning, type Verdict } from '../finding.ts';
import type { Scene } from '../scene.ts';

/** Control groups: what holds a pod to its memory, its processor time and its number of processes. Raspberry Pi OS boots without the first. */
export type CgroupFacts = {
  readonly version: 1 | 2 | undefined;
  /** That can be used, as the kernel names them. */
  readonly controllers: readonly string[];
  /** `Raspberry Pi 4 Model B Rev 1.4`; empty where the firmware does not say. */
  readonly model: string;
  /** What the firmware hands to the kernel, if there is such a file. */
  readonly cmdline: { readonly file: string; readonly text: string } | undefined;
  readonly hasGrub: boolean;
  /** What the kernel was booted with. */
  readonly booted: string;
};

const GRUB = '/etc/default/grub';
const CMDLINE_FILES = ['/boot/firmware/cmdline.txt', '/boot/cmdline.txt'] as const;

export async function gatherCgroups({ outside }: Scene): Promise<CgroupFacts> {
  const [unified, table, model, booted, hasGrub] = await Promise.all([
    outside.read('/sys/fs/cgroup/cgroup.controllers'),
    textOf(outside.read('/proc/cgroups')),
    textOf(outside.read('/proc/device-tree/model')),
    textOf(outside.read('/proc/cmdline')),
    outside.exists(GRUB),
  ]);
  const files = await Promise.all(CMDLINE_FILES.map(async (file) => ({ file, text: await textOf(outside.read(file)) })));
  const isUnified = unified.type === 'text';
  return {
    version: isUnified ? 2 : table === '' ? undefined : 1,
    controllers: isUnified ? unified.text.trim().split(/\s+/) : enabledIn(table),
    model: model.replaceAll('\0', '').trim(),
    // Raspberry Pi OS keeps a file at the old place that only says where the new one is.
    cmdline: files.find(({ text }) => /\broot=/.test(text)),
    hasGrub,
    booted,
  };
}

/** /proc/cgroups: `memory 9 64 1`; the last column tells whether it was switched off at boot. */
function enabledIn(table: string): readonly string[] {
  const rows = table.split('\n').map((line) => line.split(/\s+/));
  return rows.filter(([name = '#', , , enabled]) => !name.startsWith('#') && enabled === '1').map(([name = '']) => name);
}

const MEMORY_WORDS = 'cgroup_enable=memory cgroup_memory=1';

export function judgeCgroups(facts: CgroupFacts): readonly Verdict[] {
  const { version, controllers } = facts;
  if (version === undefined)
    return [unknown('control groups can not be seen: neither /sys/fs/cgroup nor /proc/cgroups can be read')];
  const missing = ['cpu', 'pids'].filter((name) => !controllers.includes(name));
  return [
    ...(controllers.includes('memory') ? [] : [withoutMemory(facts)]),
    ...(missing.length === 0
      ? []
      : [
          warning(
            `the kernel has no control group for ${missing.join(' and ')}: limits on that do not hold`,
            `Use the distribution's own kernel, or build one with ${missing.map((name) => CONFIG[name] ?? name).join(' and ')}.`,
          ),
        ]),
    ...(controllers.includes('memory') && missing.length === 0 ? [ok(`v${version} with memory, cpu and pids`)] : []),
  ];
}

const CONFIG: Readonly<Record<string, string>> = { cpu: 'CONFIG_CGROUP_SCHED', pids: 'CONFIG_CGROUP_PIDS' };

function withoutMemory({ cmdline, model, hasGrub, booted }: CgroupFacts): Verdict {
  const what = 'the memory control group is off: memory limits of pods do not hold, and one leak takes the whole machine';
  if (cmdline !== undefined) {
    if (cmdline.text.includes('cgroup_enable=memory'))
      return problem(what, `${cmdline.file} has the words for it already: reboot (sudo reboot).`);
    return problem(
      what,
      `Append to the one line of ${cmdline.file}, behind a space:\n  ${MEMORY_WORDS}\nThis does it: sudo sed -i '1 s/$/ ${MEMORY_WORDS}/' ${cmdline.file}\nThen reboot.`,
    );
  }
  const off = /cgroup_disable=\S*memory/.exec(booted)?.[0];
  const cause = off === undefined ? '' : ` (it was booted with ${off})`;
  if (hasGrub)
    return problem(
      `${what}${cause}`,
      `Add it to the kernel's command line${off === undefined ? '' : `, and take ${off} out of it where it stands in ${GRUB}`}:\n  sudo sed -i '/^GRUB_CMDLINE_LINUX=/ s/"$/ ${MEMORY_WORDS}"/' ${GRUB} && sudo update-grub\nThen reboot.`,
    );
  const where = model.startsWith('Raspberry Pi')
    ? 'in cmdline.txt on the boot partition, on its one line'
    : "to the kernel's command line: on boards the append line of extlinux.conf, or extraargs in armbianEnv.txt";
  return problem(`${what}${cause}`, `Add ${MEMORY_WORDS}\n${where}.\nThen reboot.`);
}
