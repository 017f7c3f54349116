/** What an image reference says about itself, without looking anything up. */

/** Always where the tag is `latest` or absent, else IfNotPresent; a digest names one image for ever. */
export function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  return imageTag(image) === 'latest' ? 'Always' : 'IfNotPresent';
}

/** The tag; `latest` where there is neither tag nor digest; '' where only a digest is given. */
function imageTag(image: string): string {
  const digestAt = image.indexOf('@');
  const name = digestAt < 0 ? image : image.slice(0, digestAt);
  const last = name.slice(name.lastIndexOf('/') + 1);
  const colon = last.indexOf(':');
  if (colon >= 0) return last.slice(colon + 1);
  return digestAt < 0 ? 'latest' : '';
}
