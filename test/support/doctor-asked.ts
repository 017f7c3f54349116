import type { Asked } from '../../src/doctor/scene.ts';

/** What the doctor is asked on a machine with no settings of its own. */
export function doctorAsked(more: Partial<Asked>): Asked {
  return {
    dataDir: '/var/lib/skerry',
    docker: '/run/docker.sock',
    port: 6443,
    agent: true,
    settings: { path: '/etc/skerry/config.yaml', isThere: false, problems: [] },
    ...more,
  };
}
