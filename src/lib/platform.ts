/** What this process runs on, as Go and the registries write it: `linux/amd64`. A node's engine may have another architecture. */
export function platformName(): string {
  return `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`;
}
