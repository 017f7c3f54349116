/** Versions of releases: Semantic Versioning 2.0.0, and short enough and of such characters that each is a safe file name. */
const VERSION_LENGTH_MAX = 64;
const VERSION = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

export function isVersion(text: string): boolean {
  return text.length <= VERSION_LENGTH_MAX && VERSION.test(text);
}

/** Below 0: `left` is the older one. As semver.org's rule 11: what stands behind a plus says nothing of the order. Both have to be versions. */
export function compareVersions(left: string, right: string): number {
  const [leftNumbers, leftPre] = parts(left);
  const [rightNumbers, rightPre] = parts(right);
  for (const [at, number] of leftNumbers.entries()) {
    const difference = number - (rightNumbers[at] ?? 0);
    if (difference !== 0) return difference;
  }
  if (leftPre === undefined || rightPre === undefined) return Number(leftPre === undefined) - Number(rightPre === undefined);
  return comparePreReleases(leftPre.split('.'), rightPre.split('.'));
}

function parts(version: string): readonly [readonly number[], string | undefined] {
  const [, major, minor, patch, preRelease] = VERSION.exec(version) ?? [];
  return [[major, minor, patch].map(Number), preRelease];
}

function comparePreReleases(left: readonly string[], right: readonly string[]): number {
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [one, other] = [left[at], right[at]];
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
    if (one === other) continue;
    const numbers = [one, other].map((identifier) => /^\d+$/.test(identifier));
    if (numbers[0] === true && numbers[1] === true) {
      // Without leading zeros a longer number is a larger one, however long.
      const [a, b] = [one.replace(/^0+/, ''), other.replace(/^0+/, '')];
      if (a !== b) return a.length - b.length || (a < b ? -1 : 1);
    } else if (numbers[0] !== numbers[1]) return numbers[0] === true ? -1 : 1;
    else return one < other ? -1 : 1;
  }
  return 0;
}
