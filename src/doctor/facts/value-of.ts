/** A value in lines of `key=value`, as systemctl prints them and as we keep what a shell has to read. */
export function valueOf(text: string, key: string): string | undefined {
  return text
    .split('\n')
    .find((line) => line.startsWith(`${key}=`))
    ?.slice(key.length + 1);
}
