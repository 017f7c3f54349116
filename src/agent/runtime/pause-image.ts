import { createHash } from 'node:crypto';
import { SkerryError } from '#lib/error.ts';
import { PAUSE_BINARIES } from './pause-binary.ts';
import { writeTar } from '#lib/tar.ts';

/**
 * The image of a pod's sandbox as a docker-archive, made here so that no registry is needed. The same bytes each time: loading it again
 * changes nothing.
 */
export type PauseImage = { readonly reference: string; readonly archive: Uint8Array };

export const PAUSE_REPOSITORY = 'skerry/pause';

export function pauseImage(architecture: string): PauseImage {
  const binary = PAUSE_BINARIES[architecture];
  if (binary === undefined) {
    const known = Object.keys(PAUSE_BINARIES).join(', ');
    throw new SkerryError(
      'UnsupportedArchitecture',
      `no sandbox image for the engine's architecture ${architecture} (have ${known})`,
    );
  }
  const layer = writeTar([{ name: 'pause', mode: 0o755, content: Buffer.from(binary, 'base64') }]);
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: { Entrypoint: ['/pause'], StopSignal: 'SIGTERM' },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'skerry' }],
    }),
  );
  const digest = sha256(config);
  const reference = `${PAUSE_REPOSITORY}:${digest.slice(0, 12)}`;
  const manifest = JSON.stringify([{ Config: `${digest}.json`, RepoTags: [reference], Layers: ['layer.tar'] }]);
  const archive = writeTar([
    { name: `${digest}.json`, mode: 0o644, content: config },
    { name: 'layer.tar', mode: 0o644, content: layer },
    { name: 'manifest.json', mode: 0o644, content: Buffer.from(manifest) },
  ]);
  return { reference, archive };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
