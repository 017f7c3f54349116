/**
 * Interfaces by which engines and networks of pods reach what runs on this machine: nobody else is behind them. Docker names the bridge of a network after
 * its id; `br-lan` is somebody's LAN.
 */
const INNER = /^(docker|veth|skr|virbr|cni|podman|lxc|lxd|flannel|cali)|^br-[0-9a-f]{12}$/;

export function isInnerInterface(name: string): boolean {
  return INNER.test(name);
}
