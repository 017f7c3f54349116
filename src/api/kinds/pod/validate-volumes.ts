/** A pod's volumes. Sources that only a cloud or a storage driver can serve are checked for being the only one, nothing more. */
import { duplicate, forbidden, invalid, required, type FieldError } from '../../field-error.ts';
import type { DownwardAPIVolumeFile, KeyToPath, ProjectedVolumeSource, Volume, VolumeProjection } from '../../generated/types.ts';
import { dnsSubdomainProblems } from '../../names.ts';
import { parseQuantity, quantityProblem } from '../../quantity.ts';
import { at } from '../blank.ts';
import { asGiven, invalidFor, labelName, needed, NO_ERRORS, oneOfIfSet } from '../check.ts';
import { backsteps, fileMode, filePath } from './paths.ts';
import { validateFieldRef, validateResourceFieldRef, VOLUME_FIELDS } from './validate-fields.ts';

const HOST_PATH_TYPES = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'];
const TOKEN_SECONDS_MIN = 600;
const TOKEN_SECONDS_MAX = 2 ** 32;

export type CheckedVolumes = {
  /** Those without errors, by name: what containers may mount. */
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly errors: readonly FieldError[];
};

/** `podName` only where it is known: a template's is not. */
export function validateVolumes(list: readonly Volume[] | undefined, podName: string | undefined, path: string): CheckedVolumes {
  const volumes = new Map<string, Volume>();
  const errors: FieldError[] = [];
  for (const [index, volume] of (list ?? []).entries()) {
    const where = at(path, index);
    const own = [
      ...validateSource(volume, podName, where),
      ...labelName(`${where}.name`, volume.name),
      ...(volumes.has(volume.name) ? [duplicate(`${where}.name`, volume.name)] : []),
    ];
    if (own.length === 0) volumes.set(volume.name, volume);
    errors.push(...own);
  }
  return { volumes, errors };
}

function validateSource(volume: Volume, podName: string | undefined, path: string): readonly FieldError[] {
  const sources = Object.entries(volume).filter(([field, source]) => field !== 'name' && source !== undefined);
  if (sources.length === 0) return [required(path, 'must specify a volume type')];
  const more = sources.slice(1).map(([field]) => forbidden(`${path}.${field}`, 'may not specify more than 1 volume type'));
  // Upstream checks the first source in full and refuses the others.
  const [first] = sources[0] ?? [''];
  return [...validateOne(volume, first, podName, path), ...more];
}

function validateOne(volume: Volume, field: string, podName: string | undefined, path: string): readonly FieldError[] {
  const { emptyDir, hostPath, secret, configMap, downwardAPI, projected, persistentVolumeClaim, nfs, ephemeral } = volume;
  const where = `${path}.${field}`;
  if (field === 'emptyDir') return validateSizeLimit(emptyDir?.sizeLimit, `${where}.sizeLimit`);
  if (field === 'hostPath' && hostPath !== undefined) {
    const { path: target = '', type } = asGiven(hostPath);
    if (target === '') return [required(`${where}.path`)];
    return [...backsteps(`${where}.path`, target), ...oneOfIfSet(`${where}.type`, type, HOST_PATH_TYPES)];
  }
  if (field === 'secret' && secret !== undefined) {
    return [...needed(`${where}.secretName`, secret.secretName), ...validateFiles(secret, where)];
  }
  if (field === 'configMap' && configMap !== undefined) {
    return [...needed(`${where}.name`, configMap.name), ...validateFiles(configMap, where)];
  }
  if (field === 'downwardAPI' && downwardAPI !== undefined) {
    return [
      ...fileMode(`${where}.defaultMode`, downwardAPI.defaultMode),
      ...(downwardAPI.items ?? []).flatMap((file) => validateDownwardFile(file, where)),
    ];
  }
  if (field === 'projected' && projected !== undefined) return validateProjected(projected, where);
  if (field === 'persistentVolumeClaim') return needed(`${where}.claimName`, persistentVolumeClaim?.claimName);
  if (field === 'nfs' && nfs !== undefined) {
    const { server = '', path: target = '' } = asGiven(nfs);
    return [
      ...needed(`${where}.server`, server),
      ...needed(`${where}.path`, target),
      ...(target.startsWith('/') ? [] : [invalid(`${where}.path`, target, 'must be an absolute path')]),
    ];
  }
  if (field === 'ephemeral' && ephemeral !== undefined) return validateEphemeral(volume, podName, path);
  return NO_ERRORS;
}

function validateSizeLimit(limit: string | undefined, path: string): readonly FieldError[] {
  if (limit === undefined) return NO_ERRORS;
  const bad = quantityProblem(limit) !== undefined || parseQuantity(limit).nanos < 0n;
  return bad ? [forbidden(path, 'SizeLimit field must be a valid resource quantity')] : NO_ERRORS;
}

function validateEphemeral({ name, ephemeral }: Volume, podName: string | undefined, path: string): readonly FieldError[] {
  if (ephemeral?.volumeClaimTemplate === undefined) return [required(`${path}.ephemeral.volumeClaimTemplate`)];
  if (podName === undefined || podName === '') return NO_ERRORS;
  const claim = `${podName}-${name}`;
  return invalidFor(
    `${path}.name`,
    name,
    dnsSubdomainProblems(claim).map((problem) => `PVC name ${JSON.stringify(claim)}: ${problem}`),
  );
}

type Files = { readonly defaultMode?: number; readonly items?: readonly KeyToPath[] };

function validateFiles({ defaultMode, items = [] }: Files, path: string): readonly FieldError[] {
  return [
    ...fileMode(`${path}.defaultMode`, defaultMode),
    ...items.flatMap((item, index) => validateKeyToPath(item, at(`${path}.items`, index))),
  ];
}

function validateKeyToPath(item: Partial<KeyToPath>, path: string): readonly FieldError[] {
  return [...needed(`${path}.key`, item.key), ...filePath(`${path}.path`, item.path), ...fileMode(`${path}.mode`, item.mode)];
}

function validateDownwardFile(file: DownwardAPIVolumeFile, path: string): readonly FieldError[] {
  const { fieldRef, resourceFieldRef } = file;
  const both = fieldRef !== undefined && resourceFieldRef !== undefined;
  return [
    ...filePath(`${path}.path`, file.path),
    ...(fieldRef === undefined ? [] : validateFieldRef(fieldRef, VOLUME_FIELDS, `${path}.fieldRef`)),
    ...(both ? [invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously')] : []),
    ...(resourceFieldRef === undefined || both
      ? []
      : validateResourceFieldRef(resourceFieldRef, true, `${path}.resourceFieldRef`)),
    ...(fieldRef === undefined && resourceFieldRef === undefined
      ? [required(path, 'one of fieldRef and resourceFieldRef is required')]
      : []),
    ...fileMode(`${path}.mode`, file.mode),
  ];
}

function validateProjected({ defaultMode, sources = [] }: ProjectedVolumeSource, path: string): readonly FieldError[] {
  return [
    ...fileMode(`${path}.defaultMode`, defaultMode),
    ...sources.flatMap((source, index) => validateProjection(source, at(`${path}.sources`, index), path)),
    ...samePaths(sources, path),
  ];
}

function validateProjection(source: VolumeProjection, path: string, volumePath: string): readonly FieldError[] {
  const { secret, configMap, downwardAPI, serviceAccountToken: token } = source;
  const kinds = Object.values(source).filter((each) => each !== undefined).length;
  return [
    ...(secret === undefined ? [] : [...needed(`${path}.secret.name`, secret.name), ...validateFiles(secret, `${path}.secret`)]),
    ...(configMap === undefined
      ? []
      : [...needed(`${path}.configMap.name`, configMap.name), ...validateFiles(configMap, `${path}.configMap`)]),
    ...(downwardAPI?.items ?? []).flatMap((file) => validateDownwardFile(file, `${path}.downwardAPI`)),
    ...(token === undefined
      ? []
      : [
          ...tokenSeconds(`${path}.serviceAccountToken.expirationSeconds`, token.expirationSeconds),
          ...filePath(`${volumePath}.path`, token.path),
        ]),
    ...(kinds > 1 ? [forbidden(path, 'may not specify more than 1 volume type per source')] : []),
  ];
}

function tokenSeconds(path: string, seconds: number | undefined): readonly FieldError[] {
  if (seconds === undefined) return NO_ERRORS;
  if (seconds < TOKEN_SECONDS_MIN) return [invalid(path, seconds, 'may not specify a duration less than 10 minutes')];
  return seconds > TOKEN_SECONDS_MAX
    ? [invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds')]
    : NO_ERRORS;
}

/** Two sources that would write the same file. */
function samePaths(sources: readonly VolumeProjection[], path: string): readonly FieldError[] {
  const seen = new Set<string>();
  const files = sources.flatMap(({ secret, configMap, downwardAPI }) => [
    ...(secret?.items ?? []).map((item) => ({ file: item.path, shown: secret?.name ?? '' })),
    ...(configMap?.items ?? []).map((item) => ({ file: item.path, shown: configMap?.name ?? '' })),
    ...(downwardAPI?.items ?? []).map((item) => ({ file: item.path, shown: item.path })),
  ]);
  return files.flatMap(({ file, shown }) => {
    if (!seen.has(file)) {
      seen.add(file);
      return NO_ERRORS;
    }
    return [invalid(path, shown, 'conflicting duplicate paths')];
  });
}
