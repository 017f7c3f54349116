/** Where a container's volumes appear in it. */
import { forbidden, invalid, notFound, type FieldError } from '../../field-error.ts';
import type { Container, Volume, VolumeMount } from '../../generated/types.ts';
import { at } from '../blank.ts';
import { asGiven, needed, NO_ERRORS, oneOfIfSet } from '../check.ts';
import { backsteps, descending } from './paths.ts';

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None'];
const RECURSIVE_READ_ONLY = ['Disabled', 'IfPossible', 'Enabled'];

type Mounting = Pick<Container, 'volumeMounts' | 'volumeDevices' | 'securityContext'>;

export function validateMounts(container: Mounting, volumes: ReadonlyMap<string, Volume>, path: string): readonly FieldError[] {
  const { volumeMounts = [], volumeDevices = [] } = container;
  const taken = new Set<string>();
  return volumeMounts.flatMap((mount, index) => {
    const where = at(path, index);
    const { name = '', mountPath = '' } = asGiven(mount);
    const unique = !taken.has(mountPath);
    taken.add(mountPath);
    return [
      ...needed(`${where}.name`, name),
      ...(volumes.has(name) ? [] : [notFound(`${where}.name`, name)]),
      ...needed(`${where}.mountPath`, mountPath),
      ...(unique ? [] : [invalid(`${where}.mountPath`, mountPath, 'must be unique')]),
      ...(volumeDevices.some((device) => device.name === name)
        ? [invalid(`${where}.name`, name, 'must not already exist in volumeDevices')]
        : []),
      ...(volumeDevices.some((device) => device.devicePath === mountPath)
        ? [invalid(`${where}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices')]
        : []),
      ...validateSubPath(mount, path, where),
      ...validatePropagation(mount, container, path),
    ];
  });
}

/** Upstream names the list, not the item, where a sub-path climbs. */
function validateSubPath({ subPath = '', subPathExpr = '' }: VolumeMount, list: string, path: string): readonly FieldError[] {
  return [
    ...(subPath === '' ? [] : descending(`${list}.subPath`, subPath)),
    ...(subPath !== '' && subPathExpr !== ''
      ? [invalid(`${path}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive')]
      : []),
    ...(subPathExpr === '' ? [] : descending(`${list}.subPathExpr`, subPathExpr)),
  ];
}

function validatePropagation(mount: VolumeMount, container: Mounting, path: string): readonly FieldError[] {
  const { mountPropagation, recursiveReadOnly, readOnly } = mount;
  const asked = recursiveReadOnly === 'Enabled' || recursiveReadOnly === 'IfPossible';
  const where = `${path}.recursiveReadOnly`;
  return [
    ...oneOfIfSet(`${path}.mountPropagation`, mountPropagation, PROPAGATIONS),
    ...(mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true
      ? [forbidden(`${path}.mountPropagation`, 'Bidirectional mount propagation is available only to privileged containers')]
      : []),
    ...oneOfIfSet(where, recursiveReadOnly, RECURSIVE_READ_ONLY),
    ...(asked && readOnly !== true ? [forbidden(where, 'may only be specified when readOnly is true')] : []),
    ...(asked && mountPropagation !== undefined && mountPropagation !== 'None'
      ? [forbidden(where, 'may only be specified when mountPropagation is None or not specified')]
      : []),
  ];
}

export function validateDevices(container: Mounting, volumes: ReadonlyMap<string, Volume>, path: string): readonly FieldError[] {
  const { volumeMounts = [], volumeDevices = [] } = container;
  const [names, paths] = [new Set<string>(), new Set<string>()];
  return volumeDevices.flatMap((device, index) => {
    const where = at(path, index);
    const { name = '', devicePath = '' } = asGiven(device);
    const volume = volumes.get(name);
    const claims = volume?.persistentVolumeClaim !== undefined || volume?.ephemeral !== undefined;
    const [newName, newPath] = [!names.has(name), !paths.has(devicePath)];
    names.add(name);
    paths.add(devicePath);
    return [
      ...needed(`${where}.name`, name),
      ...(newName ? [] : [invalid(`${where}.name`, name, 'must be unique')]),
      ...(volume === undefined
        ? [notFound(`${where}.name`, name)]
        : claims
          ? []
          : [
              invalid(
                `${where}.name`,
                name,
                'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
              ),
            ]),
      ...needed(`${where}.devicePath`, devicePath),
      ...(newPath ? [] : [invalid(`${where}.devicePath`, devicePath, 'must be unique')]),
      ...(backsteps(where, devicePath) === NO_ERRORS
        ? []
        : [invalid(`${where}.devicePath`, devicePath, "can not contain backsteps ('..')")]),
      ...(volumeMounts.some((mount) => mount.name === name)
        ? [invalid(`${where}.name`, name, 'must not already exist in volumeMounts')]
        : []),
      ...(volumeMounts.some((mount) => mount.mountPath === devicePath)
        ? [invalid(`${where}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts')]
        : []),
    ];
  });
}
